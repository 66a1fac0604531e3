//! A clean Debian of this machine's own release that boots, for as long as a value lives. Made by debootstrap once
//! (`scripts/debian-root`), started by `boot.sh` with the real service manager as its first process, and with a network of
//! its own that has nothing but a loopback interface. What happens in it is in memory and is lost with it.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

/// The project's folder.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the package of the program that the tests run, made once.
pub(crate) fn package() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = Command::new(project().join("scripts/deb"))
            .arg(env!("CARGO_BIN_EXE_agentphone"))
            .arg(project().join("target/package-test"))
            .arg("--fast")
            .output()
            .unwrap();
        PathBuf::from(printed("scripts/deb", &made))
    })
}

/// Returns what a command printed, and panics with what it said when it failed.
fn printed(what: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{what}\n{}\n{out}{said}",
        output.status
    );
    out.trim_end().to_owned()
}

/// A running system. Everything in it ends when this is dropped, or when the tests die.
pub(crate) struct Machine {
    boot: Child,
    /// The process that holds its namespaces.
    holder: String,
    _place: TempDir,
}

impl Machine {
    /// Boots one that has what the package depends upon, and not the package.
    pub(crate) fn boot() -> Self {
        let made = Command::new(project().join("scripts/debian-root"))
            .arg(package())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let clean = printed("scripts/debian-root (see above)", &made);
        let place = tempfile::tempdir().unwrap();
        let mut boot = Command::new(project().join("tests/package/boot.sh"))
            .arg(clean)
            .arg(place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(boot.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let holder = line.trim_end().to_owned();
        assert!(
            !holder.is_empty(),
            "the clean Debian does not boot; see above"
        );
        Self {
            boot,
            holder,
            _place: place,
        }
    }

    /// Prepares a command of the system, by its administrator.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.holder])
            .args(["--mount", "--net", "--uts", "--ipc", "--cgroup"])
            .arg(format!("--pid=/proc/{}/ns/pid_for_children", self.holder))
            .args(["env", "-i", "LANG=C.UTF-8"])
            .args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs a script as administrator, whatever comes of it.
    pub(crate) fn attempt(&self, script: &str) -> Output {
        self.command(&["bash", "-eu", "-o", "pipefail", "-c", script])
            .output()
            .unwrap()
    }

    /// Runs a script as administrator and returns what it printed.
    pub(crate) fn sh(&self, script: &str) -> String {
        printed(script, &self.attempt(script))
    }

    /// Runs a script as the package's own user and returns what it printed.
    pub(crate) fn as_user(&self, script: &str) -> String {
        self.sh(&format!("{} <<'END'\n{script}\nEND", Self::AS_USER))
    }

    /// Does as [`Machine::as_user`], while the caller goes on.
    pub(crate) fn start_as_user(&self, script: &str) -> Running {
        let whole = format!("{} <<'END'\n{script}\nEND", Self::AS_USER);
        let mut command = self.command(&["bash", "-eu", "-c", &whole]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running {
            script: script.to_owned(),
            child: command.spawn().unwrap(),
        }
    }

    const AS_USER: &'static str = "setpriv --reuid agentphone --regid agentphone --init-groups --no-new-privs \
         env HOME=/nonexistent bash -eu -o pipefail";

    /// Writes a file into the system.
    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        let mut child = self
            .command(&["sh", "-c", "cat >\"$1\"", "sh", path])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(content).unwrap();
        assert!(child.wait().unwrap().success(), "{path}");
    }

    /// Copies a file of this machine into the system.
    pub(crate) fn copy(&self, from: &Path, to: &str) {
        self.write(to, &std::fs::read(from).unwrap());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It ends when nothing can be said to it any more, and takes away what it made.
        drop(self.boot.stdin.take());
        let _ = self.boot.wait();
    }
}

/// A script that runs.
pub(crate) struct Running {
    script: String,
    child: Child,
}

impl Running {
    /// Waits for its end and returns what it printed.
    pub(crate) fn end(self) -> String {
        printed(&self.script, &self.child.wait_with_output().unwrap())
    }
}
