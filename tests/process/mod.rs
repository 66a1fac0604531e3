//! A server as a process of its own, for tests that stop or kill it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// A running `agentphone serve`. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// Where it listens: `http://…`.
    pub(crate) url: String,
}

/// Prepares the program with an environment of its own.
pub(crate) fn program(home: &Path, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentphone"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(env.iter().copied());
    command
}

impl Process {
    /// Starts a server on a free port and waits until it is ready. Where its home has a file `agentphone.toml`, that is its
    /// configuration.
    pub(crate) fn start(home: &Path, env: &[(&str, &str)]) -> Self {
        // A file, because a pipe that nobody reads would stop the server when it is full.
        let log = home.join("server.log");
        let mut command = program(home, env);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        let file = home.join("agentphone.toml");
        if file.exists() {
            command.arg("--config").arg(file);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let Some(url) = line.trim_end().strip_prefix("listening on ") else {
            let _ = child.kill();
            panic!("no server: {line:?} {}", fs::read_to_string(&log).unwrap());
        };
        let url = url.to_owned();
        Self { child, log, url }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Returns what it has logged so far.
    #[allow(dead_code, reason = "not every test program looks while it runs")]
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for its end; returns how it ended and what it logged.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, fs::read_to_string(&self.log).unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
