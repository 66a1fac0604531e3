//! Replaying what was kept of a call, whoever has the database open, and from a file.

use rustix::process::Signal;
use serde_json::Value;

use crate::{Process, agentphone, printed, text};

#[test]
fn a_call_replays_to_itself_and_a_difference_is_shown_with_its_reason() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::start(home.path(), &[]);
    let key = printed(&agentphone(home.path(), &["keys", "create"], &[]));
    let url = server.url.clone();
    let env = [("AGENTPHONE_KEY", key.trim_end()), ("AGENTPHONE_URL", &url)];
    let run = |arguments: &[&str]| agentphone(home.path(), arguments, &env);
    let call = ["call", "+14155551234", "--objective", "Book a table"];
    let busy = [&call[..], &["--scenario", "busy", "--follow", "--json"]].concat();
    let ended: Value = serde_json::from_slice(&run(&busy).stdout).unwrap();
    let id = ended["data"]["call_id"].as_str().unwrap();
    let same = printed(&run(&["replay", id]));
    assert!(same.starts_with("the same: ") && same.contains(" actions, none"));
    let ringing = [&call[..], &["--scenario", "no-answer"]].concat();
    let ringing = printed(&run(&ringing));
    let early = run(&["replay", ringing.trim_end()]);
    assert_eq!(early.status.code(), Some(1));
    assert!(
        text(&early.stderr).contains("it has not ended yet"),
        "{}",
        text(&early.stderr)
    );
    server.signal(Signal::KILL);
    server.end();

    let file = home.path().join("kept.call");
    let file = file.to_str().unwrap();
    let told = printed(&run(&["replay", id, "--out", file, "--json"]));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["data"]["same"], true);
    assert!(told["data"]["actions"].as_u64().unwrap() > 0);
    printed(&run(&["replay", file]));

    // As if a core had done something else when the call was made.
    let kept = std::fs::read_to_string(file).unwrap();
    let (events, actions) = kept.split_once("-----\n").unwrap();
    let first = actions.lines().next().unwrap();
    let (at, _) = first.split_once(' ').unwrap();
    let other = actions.replacen(first, &format!("{at} hang-up"), 1);
    std::fs::write(file, format!("{events}-----\n{other}")).unwrap();
    let differs = run(&["replay", file]);
    assert_eq!(differs.status.code(), Some(6), "{}", text(&differs.stderr));
    let shown = text(&differs.stdout);
    assert!(
        shown.starts_with("action 1 of ") && shown.contains("where hang-up was done"),
        "{shown}"
    );
    let differs = run(&["replay", file, "--json"]);
    let told: Value = serde_json::from_slice(&differs.stdout).unwrap();
    let difference = &told["data"]["difference"];
    assert_eq!(
        (&difference["action"], &difference["kept"]["action"]),
        (&0.into(), &"hang-up".into())
    );

    std::fs::write(file, "0ms dance\n").unwrap();
    let broken = run(&["replay", file]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(
        text(&broken.stderr).contains("line 1: "),
        "{}",
        text(&broken.stderr)
    );
    let unknown = run(&["replay", "cl_01m8b0sj9qy9negrxg4e2vxgdec95d"]);
    assert!(
        text(&unknown.stderr).contains("There is no call"),
        "{}",
        text(&unknown.stderr)
    );
}
