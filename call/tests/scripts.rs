//! Plays every script in `fixtures/calls/` and compares what the call does with what the script says.
//!
//! `UPDATE_EXPECT=1 cargo test -p call --test scripts` rewrites the expected parts; `CALL_SCRIPT=name` plays one.

use std::{fs, path::PathBuf};

mod support;

use support::script;

const DIVIDER: &str = "-----\n";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/calls")
}

fn scripts() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("fixtures/calls can be listed");
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "call")
    });
    paths.sort();
    paths
}

#[test]
fn every_script_is_followed() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let only = std::env::var("CALL_SCRIPT").ok();
    let mut wrong = Vec::new();
    for path in scripts() {
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
            .to_owned();
        if only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        let whole = fs::read_to_string(&path).expect("a script can be read");
        let (above, expected) = whole.split_once(DIVIDER).unwrap_or((whole.as_str(), ""));
        match script::read(above).and_then(script::play) {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(got) if got == expected => {}
            Ok(got) if update => {
                fs::write(&path, format!("{}\n{DIVIDER}{got}", above.trim_end()))
                    .expect("a script can be written");
            }
            Ok(got) => wrong.push(format!("{name}:\n{}", difference(expected, &got))),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} scripts are not followed\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The first line that differs, with a little before it.
fn difference(expected: &str, got: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let first = (0..old.len().max(new.len()))
        .find(|&at| old.get(at) != new.get(at))
        .unwrap_or(0);
    let before = old[first.saturating_sub(3)..first].join("\n  ");
    let line = |lines: &[&str]| {
        lines
            .get(first)
            .map_or("nothing more".to_owned(), ToString::to_string)
    };
    format!("  {before}\n- {}\n+ {}", line(&old), line(&new))
}

#[test]
fn there_are_many_scripts_and_each_says_why_it_exists() {
    let paths = scripts();
    assert!(paths.len() >= 40, "only {} scripts", paths.len());
    for path in paths {
        let whole = fs::read_to_string(&path).expect("a script can be read");
        assert!(
            whole.starts_with("# "),
            "{} does not begin with its reason",
            path.display()
        );
        assert!(
            whole.contains(DIVIDER),
            "{} has no expected part",
            path.display()
        );
    }
}
