//! The program as a person at a terminal meets it: arguments in, lines and exit status out.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use agentphone::{
    admin::socket::Socket,
    store::{DataFolder, RedbStore, Secret, Store},
};

/// Runs the program with an environment of its own.
fn agentphone(home: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agentphone"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(env.iter().copied())
        .output()
        .unwrap()
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

#[test]
fn keys_are_made_listed_and_revoked_while_another_process_has_the_database() {
    let home = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&home.path().join(".local/share/agentphone")).unwrap();
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(&folder.database()).unwrap());
    let secret = Secret::open(&folder.secret()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.enter();
    let server = runtime.spawn(Socket::bind(&folder).unwrap().run(store.clone(), secret, 5));
    try_keys(home.path());
    assert_eq!(store.list_keys().unwrap().len(), 3);
    server.abort();
    drop(entered);
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
