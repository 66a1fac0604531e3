//! `agentphone doctor --line sip` by command line: against a registrar, with a wrong password, and against nothing.

use serde_json::Value;

use super::{
    kamailio::Kamailio,
    process::program,
    rig::{free_port, ms},
};

/// Runs it with these trunks; returns what it says, with its states, and whether all is well.
async fn doctor(trunks: String) -> (String, bool) {
    let home = tempfile::tempdir().expect("a folder");
    let listen = format!("127.0.0.1:{}", free_port());
    let env = [
        // The usual port may be somebody else's here.
        ("AGENTPHONE__SERVER__LISTEN", "127.0.0.1:0"),
        ("AGENTPHONE__LINE__SIP__LISTEN", listen.as_str()),
        ("AGENTPHONE__LINE__SIP__TRUNKS", trunks.as_str()),
    ];
    let mut command = program(home.path(), &env);
    command.args(["doctor", "--line", "sip", "--json"]);
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = agentphone::driver::clock::timeout(ms(60_000), run).await;
    let output = output
        .expect("in time")
        .expect("a thread")
        .expect("it runs");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let lines = said["data"].as_array().expect("findings").iter();
    let lines = lines.map(|line| format!("{} {}: {}", line["state"], line["name"], line["text"]));
    (
        lines.collect::<Vec<_>>().join("\n"),
        output.status.success(),
    )
}

#[tokio::test]
async fn a_registrar_that_is_there_is_seen_and_one_that_refuses_us_too() {
    let kamailio = Kamailio::start(free_port(), "SHA-256");
    let trunk = |password: &str| {
        format!(
            "[{{ name = \"acme\", server = \"127.0.0.1:{}\", username = \"alice\", password = \"{password}\", register = true }}]",
            kamailio.port
        )
    };
    kamailio.ready().await;
    let (said, good) = doctor(trunk("s3cret")).await;
    assert!(good, "{said}");
    for part in [
        "\"good\" \"sip\": \"can listen at 127.0.0.1:",
        "\"good\" \"trunk\": \"acme at 127.0.0.1:",
        "answered OPTIONS with 200 in ",
        "it is kamailio",
        "\"good\" \"registration\": \"acme registered us for 300 s, which was taken back again",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (said, good) = doctor(trunk("wr0ng")).await;
    assert!(!good, "{said}");
    assert!(said.contains("\"bad\" \"registration\""), "{said}");
    assert!(said.contains("the user or the password is wrong"), "{said}");
    assert!(!said.contains("wr0ng"), "{said}");
}

#[tokio::test]
async fn where_nobody_is_it_says_so_and_what_to_check() {
    let trunk = format!(
        "[{{ name = \"dead\", server = \"127.0.0.1:{}\" }}]",
        free_port()
    );
    let (said, good) = doctor(trunk).await;
    assert!(!good, "{said}");
    for part in [
        "\"bad\" \"trunk\"",
        "dead at 127.0.0.1:",
        "does not answer OPTIONS",
        "firewall",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (said, good) = doctor("[{ server = \"trunk.invalid\" }]".into()).await;
    assert!(!good && said.contains("cannot be found"), "{said}");
    let (said, good) = doctor("[]".into()).await;
    assert!(
        !good && said.contains("line.sip.trunks holds none"),
        "{said}"
    );
}
