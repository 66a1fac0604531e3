//! What the commands that administer an installation tell other programs: one line of JSON, and nothing else.

use serde_json::{Value, json};

use crate::{agentphone, printed, text};

#[test]
fn every_command_that_administers_tells_its_result_as_json() {
    let home = tempfile::tempdir().unwrap();
    let told = |arguments: &str| -> Value {
        let arguments: Vec<_> = arguments.split(' ').chain(["--json"]).collect();
        let out = printed(&agentphone(home.path(), &arguments, &[]));
        assert_eq!(out.lines().count(), 1, "{arguments:?}: {out}");
        let mut whole: Value = serde_json::from_str(&out).unwrap();
        whole["data"].take()
    };
    let made = told("keys create --account nopa --name desk");
    assert!(made["key"].as_str().unwrap().starts_with("ak_live_"));
    assert_eq!(
        (&made["account"]["name"], &made["credits"]),
        (&json!("nopa"), &json!(5))
    );
    let id = made["id"].as_str().unwrap();
    assert_eq!(told("keys list")[0]["id"], id);
    assert_eq!(told(&format!("keys rename {id} front"))["renamed"], true);
    assert_eq!(told("accounts grant nopa 3")["credits"], 8);
    assert_eq!(told("accounts list")[0]["credits"], 8);
    assert_eq!(told("accounts ledger nopa")[0]["amount"], 3);
    let to = home.path().join("export");
    let exported = told(&format!("accounts export nopa --to {}", to.display()));
    assert_eq!(exported["calls"], 0);
    assert_eq!(told("do-not-call add +14155550123")["changed"], true);
    assert_eq!(told("do-not-call list")[0]["phone_number"], "+14155550123");
    assert_eq!(told("do-not-call remove +14155550123")["changed"], true);
    let set = told("webhooks set --account nopa https://hooks.example/calls");
    assert_eq!(set["url"], "https://hooks.example/calls");
    let secret = told("webhooks show --account nopa")["secret"].clone();
    assert_ne!(told("webhooks rotate --account nopa")["secret"], secret);
    assert_eq!(told("webhooks list"), json!([]));
    let models = told("models list");
    assert_eq!(models["models"][0]["here"], false);
    assert_eq!(told(&format!("keys revoke {id}"))["revoked"], true);

    let refused = agentphone(
        home.path(),
        &["keys", "revoke", "ky_nothing", "--json"],
        &[],
    );
    assert_eq!(refused.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(error["code"], "failed");
    assert!(text(&refused.stderr).contains(error["error"].as_str().unwrap()));
}

#[test]
fn help_tells_the_exit_statuses() {
    let home = tempfile::tempdir().unwrap();
    let help = printed(&agentphone(home.path(), &["--help"], &[]));
    for line in [
        "Exit status:",
        "  6    the replay of the call differs",
        "  130  Ctrl-C",
    ] {
        assert!(help.contains(line), "{help}");
    }
    let usage = agentphone(home.path(), &["calls", "dance"], &[]);
    assert_eq!(usage.status.code(), Some(2));
}
