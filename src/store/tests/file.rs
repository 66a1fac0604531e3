//! The files: locks, permissions, damage, and what is there after a kill.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use super::*;

#[test]
fn a_second_process_is_told_that_the_database_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agentphone.redb");
    let first = RedbStore::open(&path).unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert!(error.is_locked(), "{error}");
    drop(first);
    RedbStore::open(&path).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agentphone.redb");
    for bytes in [&b"hello, I am a text"[..], &[0xff; 70_000]] {
        std::fs::write(&path, bytes).unwrap();
        let error = RedbStore::open(&path).unwrap_err();
        assert!(error.is_damaged(), "{error}");
        assert!(
            error
                .to_string()
                .contains("agentphone.redb is damaged or is not"),
            "{error}"
        );
    }
}

/// Damage anywhere in the file gives an error or is not noticed; it never ends the program.
#[test]
fn a_damaged_database_never_ends_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agentphone.redb");
    let store = RedbStore::open(&path).unwrap();
    let rich = store.create_account("rich", 50, at(0)).unwrap();
    for n in 0..20 {
        created(&store, &rich, n);
    }
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    let mut noticed = 0;
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut torn = whole.clone();
        // The first pages are where the structure is.
        for _ in 0..random.usize(1..200) {
            let place = random.usize(..torn.len().min(64 << 10));
            torn[place] = random.u8(..);
        }
        std::fs::write(&path, &torn).unwrap();
        match RedbStore::open(&path) {
            Ok(_) => {}
            Err(error) => {
                noticed += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(noticed > 10, "{noticed}");
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agentphone.redb");
    RedbStore::open(&path).unwrap().set_schema(99);
    let error = RedbStore::open(&path).unwrap_err();
    assert!(error.to_string().contains("schema 99"), "{error}");
}

#[test]
fn an_older_database_is_taken_over_with_all_that_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agentphone.redb");
    let (id, account) = {
        let store = RedbStore::open(&path).unwrap();
        let account = account(&store, "nopa");
        let id = created(&store, &account, 1);
        store
            .finish_call(&id, false, at(9), &mut |stored| {
                stored.call.status = Status::Completed;
                stored.call.ended_at = Some(at(9).into());
            })
            .unwrap();
        store.forget_index();
        store.set_schema(1);
        (id, account)
    };
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(store.balance(&account.id).unwrap(), 4);
    // Calls of then are found when their time has come.
    assert_eq!(store.ended_before(at(9), 5).unwrap(), []);
    assert_eq!(store.ended_before(at(10), 5).unwrap(), [id]);
}

#[test]
fn the_folder_and_the_secret_are_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&dir.path().join("a/b")).unwrap();
    let secret = Secret::open(&folder.secret()).unwrap();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path().into()), 0o700);
    assert_eq!(mode(folder.recordings()), 0o700);
    assert_eq!(mode(folder.secret()), 0o600);
    let again = Secret::open(&folder.secret()).unwrap();
    assert_eq!(secret.hash_key("ak_live_x"), again.hash_key("ak_live_x"));
    let other = Secret::open(&dir.path().join("other")).unwrap();
    assert_ne!(secret.hash_key("ak_live_x"), other.hash_key("ak_live_x"));
    std::fs::write(folder.secret(), "short").unwrap();
    assert!(Secret::open(&folder.secret()).unwrap_err().is_damaged());
}

#[test]
fn signatures_are_good_for_one_purpose_only() {
    let dir = tempfile::tempdir().unwrap();
    let secret = Secret::open(&dir.path().join("secret")).unwrap();
    let signature = secret.sign("recording", b"cl_1");
    assert!(secret.verify("recording", b"cl_1", &signature));
    assert!(!secret.verify("recording", b"cl_2", &signature));
    assert!(!secret.verify("token", b"cl_1", &signature));
    assert!(!secret.verify("recording", b"cl_1", &signature[..31]));
}

/// How often the writing process is killed.
const KILLS: u64 = 40;
/// Set for the process that writes and is killed: the database it shall write.
const CHILD: &str = "AGENTPHONE_TEST_KILL_DATABASE";

/// Writes until it is killed, and says on its standard output what is done, after it is done.
fn write_until_killed(path: PathBuf) -> ! {
    let store = RedbStore::open(&path).unwrap();
    let account = match store.account_named("rich").unwrap() {
        Some(account) => account,
        None => store.create_account("rich", 1_000_000, at(0)).unwrap(),
    };
    let first = i64::try_from(store.ledger(&account.id).unwrap().len()).unwrap();
    for n in first.. {
        let id = created(&store, &account, n);
        println!("did create {id}");
        let turn = Turn {
            speaker: Speaker::Callee,
            text: "yes".into(),
            started_ms: 1,
            ended_ms: 2,
            interrupted: false,
            latency: None,
            served_by: protocol::rest::ServedBy::default(),
        };
        store.append_turn(&id, &turn).unwrap();
        println!("did turn {id}");
        if n % 3 != 0 {
            end(&store, &id, Status::Failed, n % 2 == 0);
            println!("did end {id}");
        }
    }
    unreachable!("it is killed before it has counted through all numbers")
}

/// The real thing: another process writes, is killed by SIGKILL at any moment, and everything it said was done
/// is there afterwards, and the money adds up.
#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_kill() {
    if let Some(path) = std::env::var_os(CHILD) {
        write_until_killed(path.into());
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agentphone.redb");
    let mut random = fastrand::Rng::with_seed(11);
    let mut done: Vec<(String, CallId)> = Vec::new();
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "store::tests::file::nothing_that_was_acknowledged_is_lost_by_a_kill",
            ])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = random.u32(0..60);
        let mut killed = false;
        for line in lines {
            let line = line.unwrap();
            if let Some((what, id)) = line
                .strip_prefix("did ")
                .and_then(|rest| rest.split_once(' '))
            {
                done.push((what.to_owned(), CallId::parse(id).unwrap()));
            }
            // What it still says after the kill was sent was also done before it died.
            if left == 0 && !killed {
                child.kill().unwrap();
                killed = true;
            }
            left = left.saturating_sub(1);
        }
        child.wait().unwrap();
        check_after_kill(&path, &done);
    }
    assert!(done.len() > KILLS as usize, "the writer got nothing done");
}

/// A kill while the database is being made leaves one that opens, or none.
#[test]
fn a_kill_while_the_database_is_made_does_no_harm() {
    const NAME: &str = "store::tests::file::a_kill_while_the_database_is_made_does_no_harm";
    if let Some(path) = std::env::var_os(CHILD) {
        println!("ready");
        RedbStore::open(path.as_ref()).unwrap();
        println!("open");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(13);
    for round in 0..30 {
        let path = dir.path().join(format!("{round}.redb"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", NAME])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines
            .by_ref()
            .find(|line| line.as_ref().unwrap().contains("ready"))
            .unwrap()
            .unwrap();
        // Some part of the few milliseconds that making it takes.
        for _ in 0..random.u32(0..2_000_000) {
            std::hint::spin_loop();
        }
        let _ = child.kill();
        child.wait().unwrap();
        let store = RedbStore::open(&path).unwrap();
        account(&store, "first");
    }
}

fn check_after_kill(path: &std::path::Path, done: &[(String, CallId)]) {
    let store = RedbStore::open(path).unwrap();
    let mut sum = 0;
    for (what, id) in done {
        let stored = store.call(id).unwrap().unwrap();
        match what.as_str() {
            "turn" => assert_eq!(stored.call.turns.len(), 1),
            "end" => assert!(stored.call.status.is_final()),
            _ => {}
        }
    }
    let Some(account) = store.account_named("rich").unwrap() else {
        return;
    };
    let ledger = store.ledger(&account.id).unwrap();
    let mut references = std::collections::HashSet::new();
    for (index, entry) in ledger.iter().enumerate() {
        sum += entry.amount;
        assert_eq!((entry.seq, entry.balance), (index as u64 + 1, sum));
        assert!(references.insert(entry.entry.reference()));
    }
    let reserved = ledger
        .iter()
        .filter(|line| matches!(line.entry, Entry::Reserve { .. }))
        .count();
    let open = store.unfinished_calls().unwrap().len();
    let closed = ledger.len() - reserved - 1;
    assert_eq!(reserved, open + closed);
}
