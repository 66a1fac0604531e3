//! `agentphone backup` and `agentphone restore`: everything that must survive, in one file.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failure, Place,
    admin::{carry_out, unexpected},
    data_dir, open_folder, say,
    terminal::{Output, data},
};
use crate::{
    admin::{Answer, Request},
    backup::{self, Manifest},
    driver::clock,
    store::{DataFolder, random_u128},
};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The archive to write; in a folder that exists, one that is named by the time
    to: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The archive
    from: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn backup(command: Backup) -> Result<ExitCode, Failure> {
    let config = command.place.config()?;
    let folder = open_folder(&config)?;
    let at = clock::wall();
    let to = if command.to.is_dir() {
        let name = at.strftime("agentphone-%Y-%m-%dT%H-%M-%SZ.tar");
        command.to.join(name.to_string())
    } else {
        command.to
    };
    // The server may have another idea of where it is.
    let folder = DataFolder::open(&folder.path().canonicalize()?)?;
    let snapshot = Snapshot(folder.snapshot(&format!("{:032x}", random_u128())));
    let request = Request::Snapshot {
        to: snapshot.0.clone(),
    };
    let Answer::Copied = carry_out(&config, &folder, request).await? else {
        return Err(unexpected());
    };
    let (file, copy) = (to.clone(), snapshot.0.clone());
    let written =
        tokio::task::spawn_blocking(move || backup::write(&file, &folder, &copy, at)).await??;
    drop(snapshot);
    if command.output.json {
        data(summary(&to, &written));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("wrote {}: {}", to.display(), describe(&written)));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restore(command: Restore) -> Result<ExitCode, Failure> {
    let folder = data_dir(&command.place.config()?);
    let (from, to, at) = (command.from.clone(), folder.clone(), clock::wall());
    let restored = tokio::task::spawn_blocking(move || backup::restore(&from, &to, at)).await??;
    if command.output.json {
        data(summary(&command.from, &restored));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "restored into {}: {}, made at {} by version {}",
        folder.display(),
        describe(&restored),
        restored.made_at,
        restored.version
    ));
    say(
        "calls that waited or ran when it was made end as interrupted at the next start, and their credits come back",
    );
    Ok(ExitCode::SUCCESS)
}

fn summary(file: &Path, manifest: &Manifest) -> Value {
    json!({
        "file": file,
        "made_at": manifest.made_at,
        "version": manifest.version,
        "recordings": manifest.recordings(),
        "bytes": manifest.bytes(),
    })
}

fn describe(manifest: &Manifest) -> String {
    format!(
        "database, secret and {} recordings, {} MiB",
        manifest.recordings(),
        manifest.bytes().div_ceil(1 << 20)
    )
}

/// A copy of the database, as long as it is needed.
struct Snapshot(PathBuf);

impl Drop for Snapshot {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        let _ = std::fs::remove_file(path);
    }
}
