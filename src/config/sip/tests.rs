//! What is read of `[line.sip]`, and what is said of what is wrong.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, "my.toml", []).map_err(|error| error.to_string())
}

#[test]
fn a_trunk_is_read() {
    let config = parse(
        "[line]\ndefault = \"sip\"\n[[line.sip.trunks]]\nname = \"acme\"\nserver = \"sip.example.net:5080\"\n\
         username = \"alice\"\npassword = \"s3cret\"\ntransport = \"tcp\"\nmax_calls = 2\n",
    )
    .unwrap();
    let options = config.line.sip.options().unwrap();
    let trunk = &options.trunks[0];
    assert_eq!(
        (trunk.host.as_str(), trunk.port),
        ("sip.example.net", Some(5080))
    );
    assert_eq!(
        (trunk.domain.as_str(), trunk.transport),
        ("sip.example.net:5080", Transport::Tcp)
    );
    assert_eq!((trunk.max_calls, trunk.calls_per_second), (Some(2), None));
    // What is secret is not shown.
    assert!(!format!("{config:?} {options:?}").contains("s3cret"));
}

#[test]
fn what_is_wrong_is_said() {
    for (text, said) in [
        ("[line]\ndefault = \"sip\"", "line.sip.trunks"),
        ("[[line.sip.trunks]]\nname = \"x\"", "trunks[0].server"),
        ("[[line.sip.trunks]]\nserver = \"a b\"", "trunks[0].server"),
        ("[[line.sip.trunks]]\nserver = \"a:x\"", "trunks[0].server"),
        (
            "[[line.sip.trunks]]\nserver = \"a\"\nregister = true",
            "username",
        ),
        (
            "[[line.sip.trunks]]\nserver = \"a\"\nsever = \"b\"",
            "sever",
        ),
        (
            "[[line.sip.trunks]]\nserver = \"a\"\nfrom_phone_numbers = [\"12\"]",
            "from_phone_numbers",
        ),
        ("[line.sip]\npeers = [\"example.com\"]", "line.sip.peers"),
        (
            "[line.sip]\npeers = [\"192.0.2.1\"]\nname_servers = [\"ns.example\"]",
            "name_servers",
        ),
        (
            "[line.sip]\npeers = [\"192.0.2.1\"]\npublic_address = \"x\"",
            "public_address",
        ),
        (
            "[line.sip]\npeers = [\"192.0.2.1\"]\nsession_seconds = 10",
            "session_seconds",
        ),
        (
            "[line.sip]\npeers = [\"192.0.2.1\"]\ntls_listen = \"0.0.0.0:5061\"",
            "tls_certificate",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn hosts_are_split_from_ports() {
    assert_eq!(split("a.example"), Some(("a.example".into(), None)));
    assert_eq!(
        split("192.0.2.1:5080"),
        Some(("192.0.2.1".into(), Some(5080)))
    );
    assert_eq!(
        split("[2001:db8::1]:5080"),
        Some(("[2001:db8::1]".into(), Some(5080)))
    );
    for wrong in ["", "a:", "a:99999", "sip:a", "2001:db8::1", "a/b", "a b"] {
        assert_eq!(split(wrong), None, "{wrong}");
    }
}
