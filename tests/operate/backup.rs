//! A backup is made while calls are, restored elsewhere, and compared; and what is torn or would overwrite something is
//! refused.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{client::Client, process::program};

fn data(home: &Path) -> PathBuf {
    home.join(".local/share/agentphone")
}

/// Restores an archive into a new home; returns it and what was said about it.
fn restore(archive: &Path) -> (TempDir, bool, String) {
    let home = tempfile::tempdir().unwrap();
    let (good, said) = restore_into(archive, home.path());
    (home, good, said)
}

fn restore_into(archive: &Path, home: &Path) -> (bool, String) {
    let output = program(home, &[])
        .arg("restore")
        .arg(archive)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

async fn get(client: &Client, path: &str) -> Value {
    let (status, mut body) = client.ask(Method::GET, path, Value::Null).await;
    assert_eq!(status, 200, "{path}: {body}");
    body["data"].take()
}

/// A call as it is shown, without the link that is made anew each time.
async fn call(client: &Client, id: &str) -> Value {
    let mut call = get(client, &format!("/api/v1/calls/{id}")).await;
    call["recording_url"].take();
    call
}

#[tokio::test]
async fn a_restored_server_shows_what_the_other_one_had() {
    let client = Client::start(&[("AGENTPHONE__CALLS__MAX_CONCURRENT", "2")]);
    let (_, talked) = client.create(json!({"scenario": "books"})).await;
    client.until_a_turn(&talked).await;
    client.cancel(&talked).await;
    let (_, busy) = client.create(json!({"scenario": "busy"})).await;
    let before = [
        call(&client, &talked).await,
        client.until(&busy, "failed").await,
    ];
    let (_, running) = client.create(json!({"scenario": "no-answer"})).await;
    client.until(&running, "dialing").await;
    let (_, other) = client.create(json!({"scenario": "no-answer"})).await;
    let (_, waiting) = client.create(json!({"scenario": "busy"})).await;

    // Others write all the time.
    let archive = client.home.path().join("backup.tar");
    let mut command = client.prepare(&["backup", archive.to_str().unwrap()]);
    let backup = tokio::task::spawn_blocking(move || command.output().unwrap());
    let mut later = Vec::new();
    while !backup.is_finished() {
        later.push(client.create(json!({"scenario": "busy"})).await.1);
    }
    let output = backup.await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 recordings"));
    assert_eq!(
        fs::metadata(&archive).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let left = fs::read_dir(data(client.home.path())).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_str().unwrap().starts_with("snapshot")),
        "{left:?}"
    );
    let again = client
        .prepare(&["backup", archive.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!again.status.success(), "a backup is not overwritten");

    let (home, good, said) = restore(&archive);
    assert!(good, "{said}");
    let name = format!("recordings/{talked}.wav");
    let recorded = |home: &Path| fs::read(data(home).join(&name)).unwrap();
    assert_eq!(recorded(home.path()), recorded(client.home.path()));
    let restored = Client::in_home(home, &client.key, &[]);
    assert_eq!(call(&restored, &talked).await, before[0]);
    let mut same = before[1].clone();
    same["recording_url"].take();
    assert_eq!(call(&restored, &busy).await, same);
    // Of what had not ended nobody knows what became of it: nothing is dialed twice, and nothing is paid.
    for id in [&running, &other, &waiting] {
        let ended = call(&restored, id).await;
        assert_eq!(
            ended["failure"]["reason"], "interrupted_by_restart",
            "{ended}"
        );
    }
    let known = get(&restored, "/api/v1/calls?limit=100").await;
    for one in known.as_array().unwrap() {
        assert!(
            ["canceled", "failed"].contains(&one["status"].as_str().unwrap()),
            "{one}"
        );
    }
    // One call was answered; all others were given back.
    let account = get(&restored, "/api/v1/account").await;
    assert_eq!(account["credits_remaining"], 100_000 - 1);
    let (_, new) = restored.create(json!({"scenario": "busy"})).await;
    restored.until(&new, "failed").await;

    let (good, said) = restore_into(&archive, restored.home.path());
    assert!(!good && said.contains("is not empty"), "{said}");
}

#[test]
fn a_torn_or_changed_archive_is_refused_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let made = program(home.path(), &[])
        .args(["keys", "create"])
        .output()
        .unwrap();
    assert!(made.status.success());
    let recording = data(home.path()).join("recordings/cl_01m8b2y5w8wjtgqrqjk1qwdd2rmypq.wav");
    fs::write(recording, "of a call that nobody knows").unwrap();
    let folder = home.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let made = program(home.path(), &[])
        .arg("backup")
        .arg(&folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    assert!(String::from_utf8_lossy(&made.stdout).contains("0 recordings"));
    let file = fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path();
    let whole = fs::read(&file).unwrap();
    let torn = folder.join("torn.tar");
    let manifest = whole.len() - 2_000;
    let mut lengths = vec![0, 100, 512, 700, 5_000, whole.len() / 2, manifest];
    lengths.retain(|length| *length < whole.len());
    for length in lengths {
        fs::write(&torn, &whole[..length]).unwrap();
        let (to, good, said) = restore(&torn);
        assert!(!good && said.contains("torn.tar: "), "{length}: {said}");
        assert!(!data(to.path()).join("agentphone.redb").exists());
        assert!(!data(to.path()).join(".restoring").exists());
    }
    // Beyond the headers of the first file, and in the secret.
    for place in [600, 3_000, 600_000.min(whole.len() / 2)] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&torn, &changed).unwrap();
        let (_, good, said) = restore(&torn);
        assert!(!good && said.contains("torn.tar: "), "{place}: {said}");
    }
    // A restore that was killed, and the next try.
    let (to, ..) = restore(&torn);
    let inside = data(to.path()).join(".restoring");
    fs::create_dir_all(inside.join("recordings")).unwrap();
    fs::write(inside.join("secret"), "half").unwrap();
    let early = program(to.path(), &[])
        .args(["keys", "list"])
        .output()
        .unwrap();
    let said = String::from_utf8(early.stderr).unwrap();
    assert!(said.contains("did not come to its end"), "{said}");
    let (good, said) = restore_into(&file, to.path());
    assert!(good, "{said}");
    let keys = program(to.path(), &[])
        .args(["keys", "list"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(keys.stdout).unwrap().lines().count(), 2);
}
