//! `agentphone manual`: writes the man pages and the shell completions, for whoever packages the program. Both are made
//! of the same description of the command line as `--help`, so they say what it says.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Failure};

/// The shells whose completions are made.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

#[derive(Debug, Args)]
pub(super) struct Command {
    /// The folder; man pages go into its subfolder man1, completions into completions
    dir: PathBuf,
}

pub(super) fn run(command: &Command) -> Result<ExitCode, Failure> {
    let pages = emptied(command.dir.join("man1"))?;
    let completions = emptied(command.dir.join("completions"))?;
    let described = Arguments::command();
    clap_mangen::generate_to(described.clone(), &pages)?;
    for shell in SHELLS {
        let mut described = described.clone();
        let name = described.get_name().to_owned();
        clap_complete::generate_to(shell, &mut described, name, &completions)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a folder, without what an older program wrote there: a command that is no more has no page.
fn emptied(folder: PathBuf) -> Result<PathBuf, Failure> {
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
