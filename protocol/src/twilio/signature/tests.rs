use super::*;

/// The token of all vectors.
const TOKEN: &str = "12345";
const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

fn form(from: &str) -> Vec<(String, String)> {
    [
        ("CallSid", "CA1234567890ABCDE"),
        ("Digits", "1234"),
        ("From", from),
        ("To", "+18005551212"),
        ("Caller", from),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

#[test]
fn the_published_vectors() {
    for (url, form, expected) in [
        (URL, form("+14158675309"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL, form("+12349013030"), "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
        (
            "wss://example.com/media",
            Vec::new(),
            "7PR3qMkpDyEJtMrVOY/LDyNq8J8=",
        ),
        (
            "wss://example.com/media/",
            Vec::new(),
            "T+WBXwUXC0/CyoZ1DA+p9ilZORs=",
        ),
    ] {
        assert_eq!(sign(TOKEN, url, &form), expected);
        assert!(is_valid(TOKEN, url, Signed::Form(&form), expected));
        assert!(!is_valid("54321", url, Signed::Form(&form), expected));
    }
}

#[test]
fn one_change_anywhere_breaks_it() {
    let fields = form("+14158675309");
    let good = sign(TOKEN, URL, &fields);
    for place in 0..fields.len() {
        let mut changed = fields.clone();
        changed[place].1.push('1');
        assert!(!is_valid(TOKEN, URL, Signed::Form(&changed), &good));
        changed.remove(place);
        assert!(!is_valid(TOKEN, URL, Signed::Form(&changed), &good));
    }
    let other = URL.replace("bar=2", "bar=3");
    assert!(!is_valid(TOKEN, &other, Signed::Form(&fields), &good));
    for bad in [
        "",
        "=",
        "AAAA",
        "not base64 at all",
        &good[1..],
        &good.to_lowercase(),
    ] {
        assert!(!is_valid(TOKEN, URL, Signed::Form(&fields), bad), "{bad}");
    }
}

#[test]
fn the_order_of_fields_and_repeated_ones_do_not_matter() {
    let mut fields = form("+14158675309");
    fields.push(("MediaUrl".into(), "b".into()));
    fields.push(("MediaUrl".into(), "a".into()));
    fields.push(("MediaUrl".into(), "b".into()));
    let good = sign(TOKEN, URL, &fields);
    fields.reverse();
    assert_eq!(sign(TOKEN, URL, &fields), good);
    fields.retain(|(name, value)| name != "MediaUrl" || value != "a");
    assert_ne!(sign(TOKEN, URL, &fields), good);
}

#[test]
fn ports_may_be_written_or_not() {
    let fields = form("+14158675309");
    for (configured, signed) in [
        (
            "https://phone.example/a?b=1",
            "https://phone.example:443/a?b=1",
        ),
        ("https://phone.example:443/a", "https://phone.example/a"),
        (
            "https://phone.example:8443/a",
            "https://phone.example:8443/a",
        ),
        ("https://phone.example:8443/a", "https://phone.example/a"),
        ("http://phone.example/a", "http://phone.example:80/a"),
        ("https://[::1]:8443/a", "https://[::1]/a"),
        ("wss://phone.example/m", "wss://phone.example:443/m"),
        ("wss://phone.example/m", "wss://phone.example/m/"),
        ("wss://phone.example/m/", "wss://phone.example/m"),
        ("wss://phone.example/m", "https://phone.example/m"),
    ] {
        let given = sign(TOKEN, signed, &fields);
        assert!(
            is_valid(TOKEN, configured, Signed::Form(&fields), &given),
            "{configured} {signed}"
        );
    }
    for (configured, signed) in [
        ("https://phone.example/a", "http://phone.example/a"),
        ("https://phone.example/a", "https://phone.example:8443/a"),
        ("https://phone.example/a", "https://phone.example/a/"),
        ("https://phone.example/a", "https://other.example/a"),
    ] {
        let given = sign(TOKEN, signed, &fields);
        assert!(
            !is_valid(TOKEN, configured, Signed::Form(&fields), &given),
            "{configured} {signed}"
        );
    }
}

#[test]
fn other_bodies_are_covered_by_their_hash() {
    let body = br#"{"a": 1}"#;
    let hash: String = Sha256::digest(body)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let url = format!("https://phone.example/a?x=1&bodySHA256={hash}");
    let good = sign(TOKEN, &url, &[]);
    assert!(is_valid(TOKEN, &url, Signed::Body(body), &good));
    assert!(!is_valid(TOKEN, &url, Signed::Body(br#"{"a": 2}"#), &good));
    let bare = "https://phone.example/a?x=1";
    assert!(!is_valid(
        TOKEN,
        bare,
        Signed::Body(body),
        &sign(TOKEN, bare, &[])
    ));
}

#[test]
fn no_text_breaks_the_variants() {
    for url in [
        "",
        "://",
        "a",
        "https://",
        "https://:",
        "https://a:b:1/",
        "wss://[::1]",
        "x://é:9?q",
    ] {
        assert!(variants(url).contains(&url.to_owned()), "{url}");
    }
}
