//! The commands of a document, word by word and one after the other, in one shell with a server of its own on this machine.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use crate::blocks::Block;

/// Where the documents say that the server is.
const DOCUMENTED: &str = "127.0.0.1:8080";
/// Begins the output of a block.
const MARK: &str = "== ";

/// A command of a block, and what is shown below it.
struct Step {
    command: String,
    shown: Vec<String>,
}

/// The commands of a `console` block begin with `$`, go on behind a backslash or inside quotes as they do in a shell, and are
/// followed by what they print. A `sh` block is one script.
fn steps(block: &Block) -> Vec<Step> {
    if block.language == "sh" {
        return vec![Step {
            command: block.text.clone(),
            shown: Vec::new(),
        }];
    }
    let mut steps: Vec<Step> = Vec::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                shown: Vec::new(),
            });
            continue;
        }
        let step = steps
            .last_mut()
            .expect("a console block begins with a command");
        let quotes = step.command.matches('\'').count();
        if step.command.ends_with('\\') || quotes % 2 == 1 {
            step.command += "\n";
            step.command += line;
        } else {
            step.shown.push(line.to_owned());
        }
    }
    steps
}

/// Runs the blocks of a document. A server that a block starts in the foreground runs to the end, as in another terminal; where
/// none does, there is one from the beginning. Calls that are followed to their end are made beside what comes behind them, so that
/// a document takes no longer than its longest call.
pub(crate) fn run(document: &str, blocks: &[Block]) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    let program = env!("CARGO_BIN_EXE_agentphone");
    for link in ["bin/agentphone", "target/release/agentphone"] {
        let link = folder.join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(program, link).unwrap();
    }
    let sound = format!(
        "{}/fixtures/audio/rms-hello.wav",
        env!("CARGO_MANIFEST_DIR")
    );
    fs::copy(sound, folder.join("me.wav")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let serves =
        |command: &str| command.contains("agentphone serve") && !command.trim_end().ends_with('&');
    let has_own = blocks.iter().any(|block| block.text.lines().any(serves));
    let mut script = String::from(
        "set -euo pipefail\nexport PATH=\"$PWD/bin:$PATH\"\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n",
    );
    let start = |command: &str| {
        format!(
            "{command} >serve.out 2>serve.err &\nuntil grep -q 'in the browser' serve.out; do kill -0 $! || cat serve.err; sleep 0.1; done\ncat serve.out\n"
        )
    };
    if !has_own {
        script += &start("agentphone serve");
        script += "export AGENTPHONE_KEY=$(agentphone keys create --account nopa --scopes calls:read,calls:write,control,admin 2>/dev/null)\n";
        script += "agentphone accounts grant nopa 50 2>/dev/null\n";
    }
    script += "followed=()\n";
    for (number, block) in blocks.iter().enumerate() {
        script += &format!("echo '{MARK}{number}'\n");
        if block.language == "scenario" {
            fs::write(folder.join(format!("{number}.scenario")), &block.text).unwrap();
            script += &format!(
                "agentphone call +14155551234 --objective x --scenario $PWD/{number}.scenario\n"
            );
            continue;
        }
        let steps = steps(block);
        for step in &steps {
            let command = step.command.trim_end();
            if serves(command) {
                script += &start(command);
            } else if block.language == "console" && command.ends_with("--follow") {
                // What the callee says may be misheard on a busy machine: completed is enough.
                script += &format!(
                    "( status=0; {command} || status=$?; echo \"exit status $status\" >&2; [[ $status == [03] ]] ) &\n\
                     followed+=($!)\n"
                );
            } else {
                script += command;
                script.push('\n');
            }
        }
    }
    script += "for call in ${followed[@]+\"${followed[@]}\"}; do wait $call; done\n";
    let script = script.replace(DOCUMENTED, &address.to_string());
    let output = Command::new("bash")
        .arg("-c")
        .arg(&script)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .env("AGENTPHONE_URL", format!("http://{address}"))
        .env("AGENTPHONE__SERVER__LISTEN", address.to_string())
        .env("AGENTPHONE__CALLS__DRAIN_SECONDS", "1")
        .output()
        .unwrap();
    check(document, blocks, folder, &output, &address.to_string());
}

fn check(document: &str, blocks: &[Block], folder: &Path, output: &Output, address: &str) {
    let out = String::from_utf8_lossy(&output.stdout).replace(address, DOCUMENTED);
    let pieces: Vec<&str> = out.split(MARK).skip(1).collect();
    let reached = pieces
        .len()
        .checked_sub(1)
        .map_or(document, |last| blocks[last].place.as_str());
    assert!(
        output.status.success(),
        "{reached} ends with {}:\n{out}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
        fs::read_to_string(folder.join("serve.err")).unwrap_or_default()
    );
    for (block, piece) in blocks.iter().zip(pieces) {
        if block.language != "console" {
            continue;
        }
        for line in steps(block).iter().flat_map(|step| &step.shown) {
            assert!(
                piece.lines().any(|printed| fits(line, printed)),
                "{} shows this line, which is not printed: {line}\n{piece}",
                block.place
            );
        }
    }
}

/// Whether a printed line is the one that is shown, where `…` stands for anything.
fn fits(shown: &str, printed: &str) -> bool {
    let mut rest = printed;
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(first) else {
        return false;
    };
    rest = after;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    shown.ends_with('…') || rest.is_empty()
}
