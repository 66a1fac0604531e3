//! The program as a person at a terminal meets it: arguments in, lines and exit status out.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::{net::TcpListener, path::Path, process::Output, sync::Arc};

use agentphone::{
    admin::socket::{Host, Socket},
    store::{DataFolder, RedbStore, Secret, Store},
};
use process::{Process, program};
use rustix::process::Signal;

#[path = "cli/json.rs"]
mod json;
mod process;
#[path = "cli/replay.rs"]
mod replay;

/// Runs the program with an environment of its own.
fn agentphone(home: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    program(home, env).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What it printed, when it succeeded.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The ids in the first column of `keys list`.
fn ids(list: &str) -> Vec<String> {
    list.lines()
        .skip(1)
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

/// Makes, lists and revokes keys by the program, whoever has the database open.
fn try_keys(home: &Path) {
    let run = |arguments: &[&str]| agentphone(home, arguments, &[]);
    let key = printed(&run(&[
        "keys",
        "create",
        "--account",
        "nopa",
        "--name",
        "desk",
    ]));
    assert!(
        key.trim_end().starts_with("ak_live_") && key.lines().count() == 1,
        "{key}"
    );
    let test = printed(&run(&["keys", "create", "--account", "nopa", "--test"]));
    assert!(test.starts_with("ak_test_"), "{test}");
    let stranger = run(&["keys", "create"]);
    assert!(text(&stranger.stderr).contains("credits  5"));

    let list = printed(&run(&["keys", "list"]));
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(!list.contains(key.trim_end()), "{list}");
    assert_eq!(list.matches(" nopa ").count(), 2, "{list}");
    let first = &ids(&list)[0];
    printed(&run(&["keys", "revoke", first]));
    let list = printed(&run(&["keys", "list"]));
    assert_eq!(list.matches("revoked").count(), 1, "{list}");

    let missing = run(&["keys", "revoke", "ky_nothing"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("There is no key ky_nothing"));
}

#[test]
fn keys_are_made_listed_and_revoked_without_a_server() {
    let home = tempfile::tempdir().unwrap();
    try_keys(home.path());
    assert!(
        home.path()
            .join(".local/share/agentphone/agentphone.redb")
            .exists()
    );
}

/// Administers accounts by the program, whoever has the database open.
fn try_accounts(home: &Path) {
    let run = |arguments: &[&str]| agentphone(home, arguments, &[]);
    let create = [
        "keys",
        "create",
        "--account",
        "nopa",
        "--scopes",
        "admin,calls:read",
    ];
    printed(&run(&[&create[..], &["--expires", "90d"]].concat()));
    let list = printed(&run(&["keys", "list"]));
    assert!(
        list.contains("until ") && list.contains("calls:read,admin"),
        "{list}"
    );
    printed(&run(&["keys", "rename", &ids(&list)[0], "front desk"]));
    assert!(printed(&run(&["keys", "list"])).contains("front desk"));
    for bad in [
        ["--expires", "soon"],
        ["--scopes", "all"],
        ["--expires", "2020-01-01T00:00:00Z"],
    ] {
        let refused = run(&[&create[..4], &bad[..]].concat());
        assert!(!refused.status.success(), "{bad:?}");
    }

    printed(&run(&["accounts", "grant", "nopa", "7", "--note", "sorry"]));
    printed(&run(&["accounts", "grant", "nopa", "-2"]));
    let list = printed(&run(&["accounts", "list"]));
    assert!(list.contains(" nopa ") && list.contains(" 10 "), "{list}");
    let ledger = printed(&run(&["accounts", "ledger", "nopa"]));
    assert_eq!(ledger.lines().count(), 4, "{ledger}");
    assert!(
        ledger.contains("granted: sorry") && ledger.contains("+7"),
        "{ledger}"
    );
    let missing = run(&["accounts", "ledger", "nobody"]);
    assert!(text(&missing.stderr).contains("no account named 'nobody'"));

    let number = "+14155550123";
    printed(&run(&["do-not-call", "add", number, "--note", "asked us"]));
    let list = printed(&run(&["do-not-call", "list"]));
    assert!(list.contains(number) && list.contains("asked us"), "{list}");
    printed(&run(&["do-not-call", "remove", number]));
    assert!(!printed(&run(&["do-not-call", "list"])).contains(number));
    assert!(!run(&["do-not-call", "add", "12345"]).status.success());

    let to = home.join("export");
    let folder = to.to_str().unwrap();
    printed(&run(&["accounts", "export", "nopa", "--to", folder]));
    let whole = std::fs::read_to_string(to.join("account.json")).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(
        (&whole["credits"], &whole["calls"]),
        (&10.into(), &serde_json::json!([]))
    );
    assert!(whole["keys"][0]["name"] == "front desk" && whole["keys"][0].get("hash").is_none());
    let again = run(&["accounts", "export", "nopa", "--to", folder]);
    assert!(text(&again.stderr).contains("not empty"));
}

#[test]
fn accounts_are_administered_without_a_server_and_while_one_runs() {
    let home = tempfile::tempdir().unwrap();
    try_accounts(home.path());
    let home = tempfile::tempdir().unwrap();
    let server = Process::start(home.path(), &[]);
    try_accounts(home.path());
    server.signal(Signal::TERM);
    assert!(server.end().0.success());
}

#[test]
fn keys_are_made_listed_and_revoked_while_another_process_has_the_database() {
    let home = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&home.path().join(".local/share/agentphone")).unwrap();
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(&folder.database()).unwrap());
    let secret = Secret::open(&folder.secret()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.enter();
    let (host, _errands, _) = Host::new(store.clone(), secret, Arc::new(5.into()));
    let server = runtime.spawn(Socket::bind(&folder).unwrap().run(host));
    try_keys(home.path());
    assert_eq!(store.list_keys().unwrap().len(), 3);
    server.abort();
    drop(entered);
}

#[test]
fn keys_are_made_listed_and_revoked_while_a_server_runs() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::start(home.path(), &[]);
    try_keys(home.path());
    server.signal(Signal::TERM);
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    let list = printed(&agentphone(home.path(), &["keys", "list"], &[]));
    assert_eq!(list.lines().count(), 4, "{list}");
}

#[test]
fn a_server_stops_at_either_signal_and_leaves_nothing_in_the_way() {
    let home = tempfile::tempdir().unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let server = Process::start(home.path(), &[]);
        assert!(server.url.starts_with("http://127.0.0.1:") && !server.url.ends_with(":0"));
        server.signal(signal);
        let (status, log) = server.end();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("no new calls"), "{log}");
    }
}

#[test]
fn a_server_that_cannot_start_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = agentphone(home.path(), &["serve", "--listen", &address], &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!("Cannot listen at {address}")) && said.contains("--listen"),
        "{said}"
    );
    assert!(output.stdout.is_empty());

    let _server = Process::start(home.path(), &[]);
    let second = agentphone(home.path(), &["serve", "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("in use by another process"),
        "{}",
        text(&second.stderr)
    );
}

#[test]
fn doctor_tells_what_is_there_and_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let free = ("AGENTPHONE__SERVER__LISTEN", "127.0.0.1:0");
    let healthy = printed(&agentphone(home.path(), &["doctor"], &[free]));
    for name in [
        "data folder",
        "disk space",
        "address",
        "line",
        "speech to text",
        "text to speech",
    ] {
        assert!(
            healthy.contains(&format!("ok       {name}")),
            "{name}: {healthy}"
        );
    }
    let doctor = |name: &str, value: &str, expected: &str| {
        let output = agentphone(home.path(), &["doctor"], &[free, (name, value)]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = text(&output.stdout);
        assert!(
            said.contains("missing") && said.contains(expected),
            "{said}"
        );
    };
    doctor(
        "AGENTPHONE__STT__POCKETSPHINX__MODELS",
        "/no/such/folder",
        "pocketsphinx-en-us",
    );
    doctor("AGENTPHONE__TTS__FLITE__VOICE", "darth", "one of rms");
    doctor(
        "AGENTPHONE__LINE__SIMULATED__SCENARIO",
        "nothing",
        "nothing",
    );
    doctor(
        "AGENTPHONE__LINE__SIMULATED__SCENARIO_DIR",
        "/no/such/folder",
        "scenario_dir",
    );
    doctor("AGENTPHONE__DATA__DIR", "/proc/here", "/proc/here");
    doctor(
        "AGENTPHONE__LLM__OPENAI__BASE_URL",
        "http://127.0.0.1:1/v1",
        "cannot be reached",
    );
    doctor("AGENTPHONE__NO__SUCH", "1", "unknown key `no.such`");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let output = agentphone(
        home.path(),
        &["doctor"],
        &[("AGENTPHONE__SERVER__LISTEN", &taken)],
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_call_needs_a_key_and_a_server() {
    let home = tempfile::tempdir().unwrap();
    let call = ["call", "+14155551234", "--objective", "Book a table"];
    let output = agentphone(home.path(), &call, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--key"));
    let nobody = [
        ("AGENTPHONE_KEY", "k"),
        ("AGENTPHONE_URL", "http://127.0.0.1:1"),
    ];
    let output = agentphone(home.path(), &call, &nobody);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("No server answers at http://127.0.0.1:1"));
}

#[test]
fn a_call_is_followed_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::start(home.path(), &[]);
    let key = printed(&agentphone(home.path(), &["keys", "create"], &[]));
    let env = [
        ("AGENTPHONE_KEY", key.trim_end()),
        ("AGENTPHONE_URL", &server.url),
    ];
    let call = |extra: &[&str]| {
        let mut arguments = vec![
            "call",
            "+14155551234",
            "--objective",
            "Book a table for 2 at 7pm",
        ];
        arguments.extend(extra);
        agentphone(home.path(), &arguments, &env)
    };
    let busy = call(&["--scenario", "busy", "--follow", "--json"]);
    assert_eq!(busy.status.code(), Some(4), "{}", text(&busy.stderr));
    let ended: serde_json::Value = serde_json::from_slice(&busy.stdout).unwrap();
    assert_eq!(ended["data"]["failure"]["reason"], "busy");
    assert!(
        text(&busy.stderr).contains("status    failed: The line was busy"),
        "{}",
        text(&busy.stderr)
    );

    let queued = printed(&call(&["--scenario", "no-answer"]));
    assert!(
        queued.starts_with("cl_") && queued.lines().count() == 1,
        "{queued}"
    );
    for (extra, expected) in [
        (["--scenario", "nothing"], "nothing"),
        (
            ["--callee-audio", "/no/such.wav"],
            "/no/such.wav: cannot be read",
        ),
        (["--website", "ftp://x"], "website"),
        (["--line", "carrier-pigeon"], "'line'"),
    ] {
        let refused = call(&extra);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains(expected),
            "{}",
            text(&refused.stderr)
        );
    }
    let stranger = [
        ("AGENTPHONE_KEY", "ak_live_x"),
        ("AGENTPHONE_URL", server.url.as_str()),
    ];
    let refused = agentphone(
        home.path(),
        &["call", "+14155551234", "--objective", "x"],
        &stranger,
    );
    assert!(
        text(&refused.stderr).contains("401"),
        "{}",
        text(&refused.stderr)
    );
    server.signal(Signal::KILL);
    let (_, log) = server.end();
    assert!(
        log.contains("to=[private]") && !log.contains("4155551234"),
        "{log}"
    );
}

#[test]
fn numbers_are_logged_only_when_the_operator_says_so() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::start(home.path(), &[("AGENTPHONE__LOG__REVEAL", "true")]);
    let key = printed(&agentphone(home.path(), &["keys", "create"], &[]));
    let env = [
        ("AGENTPHONE_KEY", key.trim_end()),
        ("AGENTPHONE_URL", &server.url),
    ];
    let call = [
        "call",
        "+14155551234",
        "--objective",
        "x",
        "--scenario",
        "busy",
    ];
    printed(&agentphone(home.path(), &call, &env));
    server.signal(Signal::KILL);
    let (_, log) = server.end();
    assert!(log.contains("to=+14155551234"), "{log}");
    assert!(!log.contains(key.trim_end()), "{log}");
}

#[test]
fn the_data_folder_is_chosen_by_argument_environment_and_file_in_this_order() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let file = at("my.toml");
    std::fs::write(&file, format!("[data]\ndir = {:?}\n", at("by-file"))).unwrap();
    let (file, env) = (file.to_str().unwrap(), at("by-env"));
    let env = [("AGENTPHONE__DATA__DIR", env.to_str().unwrap())];
    let argument = at("by-argument");
    let database = |name: &str| at(name).join("agentphone.redb").exists();

    printed(&agentphone(
        home.path(),
        &["keys", "list", "--config", file],
        &[],
    ));
    assert!(database("by-file"));
    printed(&agentphone(
        home.path(),
        &["keys", "list", "--config", file],
        &env,
    ));
    assert!(database("by-env"));
    let data = [
        "keys",
        "list",
        "--config",
        file,
        "--data",
        argument.to_str().unwrap(),
    ];
    printed(&agentphone(home.path(), &data, &env));
    assert!(database("by-argument"));
}

#[test]
fn what_is_wrong_with_the_configuration_is_said_before_anything_is_done() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("my.toml");
    std::fs::write(&file, "[server]\nlisen = \"127.0.0.1:0\"\n").unwrap();
    let file = file.to_str().unwrap();
    let output = agentphone(home.path(), &["keys", "list", "--config", file], &[]);
    assert_eq!(output.status.code(), Some(1));
    let expected =
        format!("error: {file}:2: unknown key `server.lisen`. Did you mean `server.listen`?\n");
    assert_eq!(text(&output.stderr), expected);
    assert!(!home.path().join(".local").exists());

    let env = [("AGENTPHONE__CALLS__MAX_CONCURRENT", "many")];
    let output = agentphone(home.path(), &["keys", "list"], &env);
    assert!(text(&output.stderr).contains("AGENTPHONE__CALLS__MAX_CONCURRENT"));
}

#[test]
fn a_damaged_database_is_reported_in_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&home.path().join("data")).unwrap();
    std::fs::write(folder.database(), "this was a database once").unwrap();
    let data = folder.path().to_str().unwrap();
    let output = agentphone(home.path(), &["keys", "list", "--data", data], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).starts_with("error: "),
        "{}",
        text(&output.stderr)
    );
    assert!(text(&output.stderr).contains("is damaged or is not a database"));
}

#[test]
fn help_is_there_for_every_command() {
    let home = tempfile::tempdir().unwrap();
    let help = printed(&agentphone(home.path(), &["--help"], &[]));
    assert!(help.contains("keys") && !help.contains("worker"), "{help}");
    assert!(
        printed(&agentphone(home.path(), &["keys", "create", "--help"], &[])).contains("--account")
    );
    let nothing = agentphone(home.path(), &[], &[]);
    assert_eq!(nothing.status.code(), Some(2));
}
