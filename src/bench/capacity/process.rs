//! The process that is measured, as the rig sees it: started, asked and ended.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{
    Carried,
    engine::{Ready, Said},
};

/// See the module's documentation. Dropped, it kills the process.
pub(super) struct Measured {
    pub(super) id: u32,
    pub(super) ready: Ready,
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Measured {
    pub(super) async fn start(program: &Path, calls: usize, line: Carried) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(["worker", "capacity", &calls.to_string(), line.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}.", program.display()))?;
        let gone = "The measured process ended; what it said is above.";
        let (id, orders, answers) = (child.id(), child.stdin.take(), child.stdout.take());
        let (Some(id), Some(orders), Some(answers)) = (id, orders, answers) else {
            return Err(gone.into());
        };
        let mut answers = BufReader::new(answers).lines();
        let line = answers.next_line().await.ok().flatten().ok_or(gone)?;
        let ready = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        Ok(Self {
            id,
            ready,
            child,
            orders,
            answers,
        })
    }

    pub(super) async fn ask(&mut self) -> Result<Said, String> {
        let gone = "The measured process broke down; what it said is above.";
        self.orders.write_all(b"\n").await.map_err(|_| gone)?;
        let line = self.answers.next_line().await.ok().flatten().ok_or(gone)?;
        serde_json::from_str(&line).map_err(|error| error.to_string())
    }

    pub(super) async fn stop(mut self) -> Result<(), String> {
        drop(self.orders);
        match self.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            _ => Err("The measured process did not end well.".into()),
        }
    }
}
