//! Rules of the house that neither the compiler nor clippy can enforce, checked on the source text.
//!
//! The invariants and their reasons are in `ARCHITECTURE.md`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longest file that may stand without a question.
const MAX_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(below: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path
                    .file_name()
                    .is_some_and(|n| n != "target" && n != ".git")
                {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), &mut found);
    found.sort();
    let files: Vec<_> = found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is readable");
            let name = path.strip_prefix(root()).expect("below the root");
            (name.display().to_string(), text)
        })
        .collect();
    assert!(!files.is_empty(), "no Rust file below {below:?}");
    files
}

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Lines of a file that are code: comments are cut off.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| {
        let code = line.find("//").map_or(line, |at| &line[..at]);
        (i + 1, code)
    })
}

fn mentions(files: &[(String, String)], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files {
        for (number, code) in code_lines(text) {
            for word in words {
                if code.contains(word) {
                    found.push(format!("{name}:{number}: {word}"));
                }
            }
        }
    }
    found
}

#[test]
fn every_file_says_what_it_is() {
    let found: Vec<_> = rust_files("")
        .into_iter()
        // The tests of a file are said what they are by that file.
        .filter(|(name, text)| !text.starts_with("//!") && !name.ends_with("/tests.rs"))
        .map(|(name, _)| name)
        .collect();
    assert_none("files without an opening //! comment", &found);
}

#[test]
fn no_file_is_too_long_to_read() {
    let found: Vec<_> = rust_files("")
        .into_iter()
        .filter(|(_, text)| text.lines().count() > MAX_LINES)
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    assert_none("files of more than 500 lines", &found);
}

#[test]
fn nothing_is_left_open() {
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ig", "nore"),
    ];
    assert_none("left-over marks", &mentions(&rust_files(""), &marks));
}

#[test]
fn lower_crates_do_no_io() {
    let words = [
        "std::fs",
        "std::net",
        "std::process",
        "tokio",
        "std::thread",
        "println!",
        "eprintln!",
    ];
    for crate_dir in ["protocol/src", "media/src", "call/src"] {
        let outside_tests: Vec<_> = rust_files(crate_dir)
            .into_iter()
            .filter(|(name, _)| !name.contains("tests"))
            .map(|(name, text)| {
                let end = text.find("#[cfg(test)]").unwrap_or(text.len());
                (name, text[..end].to_owned())
            })
            .collect();
        assert_none("IO below the driver", &mentions(&outside_tests, &words));
    }
}

#[test]
fn dependencies_point_one_way() {
    let ours = ["protocol", "media", "call", "native", "agentphone"];
    for (name, allowed) in [
        ("protocol", &[][..]),
        ("media", &[][..]),
        ("native", &[][..]),
        ("call", &["protocol"][..]),
    ] {
        let manifest =
            fs::read_to_string(root().join(name).join("Cargo.toml")).expect("a manifest");
        for other in ours.iter().filter(|o| **o != name && !allowed.contains(o)) {
            let named = manifest
                .lines()
                .any(|line| line.split(['.', ' ', '=']).next() == Some(other));
            assert!(!named, "{name}/Cargo.toml must not depend on {other}");
        }
        for runtime in ["tokio", "hyper", "reqwest"] {
            assert!(
                !manifest.contains(runtime),
                "{name}/Cargo.toml must not depend on {runtime}"
            );
        }
    }
}

#[test]
fn core_types_are_not_wire_types() {
    for crate_dir in ["media/src", "call/src"] {
        assert_none(
            "serde in a core crate",
            &mentions(&rust_files(crate_dir), &["serde"]),
        );
    }
}

#[test]
fn clocks_are_read_in_one_place() {
    let words = [
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "time::sleep",
        "thread::sleep",
    ];
    // Tests of the lower crates need one real instant to count from; benches measure real time.
    let may_read = [
        "src/driver/clock.rs",
        "call/src/testing.rs",
        "call/tests/support/mod.rs",
        "media/src/testing.rs",
        "media/tests/allocations.rs",
        "tests/tidy.rs",
    ];
    let files: Vec<_> = rust_files("")
        .into_iter()
        .filter(|(name, _)| !may_read.contains(&name.as_str()) && !name.contains("benches/"))
        .collect();
    assert_none(
        "clocks outside src/driver/clock.rs",
        &mentions(&files, &words),
    );
}

#[test]
fn unsafe_code_lives_in_native() {
    let files: Vec<_> = rust_files("")
        .into_iter()
        .filter(|(name, _)| !name.starts_with("native/") && name != "tests/tidy.rs")
        .collect();
    assert_none(
        "unsafe outside native/",
        &mentions(&files, &["unsafe {", "unsafe fn", "unsafe impl"]),
    );
}

#[test]
fn vendors_are_named_in_their_own_files() {
    let vendors = [
        "deepgram",
        "elevenlabs",
        "cartesia",
        "anthropic",
        "twilio",
        "telnyx",
        "openai",
    ];
    let mut found = Vec::new();
    for (name, text) in rust_files("src") {
        let own = vendors.iter().any(|v| name.contains(v));
        // The command line and the application name what can be configured, the harness which carrier it measures.
        if own
            || name.starts_with("src/config")
            || name == "src/app.rs"
            || name == "src/bench/capacity.rs"
            || name.starts_with("src/cli/")
        {
            continue;
        }
        for (number, code) in code_lines(&text) {
            let lower = code.to_lowercase();
            for vendor in vendors.iter().filter(|v| lower.contains(**v)) {
                // The module lists of providers and lines have to name their modules.
                let list = matches!(name.as_str(), "src/provider/mod.rs" | "src/line/mod.rs");
                if list && lower.trim_start().starts_with("pub mod") {
                    continue;
                }
                found.push(format!("{name}:{number}: {vendor}"));
            }
        }
    }
    assert_none("a vendor's name outside its own file", &found);
}
