//! Work on the data folder for the commands that administer it: on the database itself, or, while a server has that
//! open, through the server's control socket.

use std::{io, time::Duration};

use super::Failure;
use crate::{
    admin::{Answer, Request, Tools, socket},
    config::Config,
    driver::clock,
    store::{DataFolder, RedbStore, Secret},
};

/// How often the database and the socket are tried, for a server that is just starting or stopping.
const TRIES: u32 = 60;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Does it. A refusal is a failure.
pub(super) async fn carry_out(
    config: &Config,
    folder: &DataFolder,
    request: Request,
) -> Result<Answer, Failure> {
    match attempt(config, folder, request).await? {
        Answer::Refused { error } => Err(Failure::new(error)),
        answer => Ok(answer),
    }
}

async fn attempt(
    config: &Config,
    folder: &DataFolder,
    request: Request,
) -> Result<Answer, Failure> {
    let mut last = None;
    for _ in 0..TRIES {
        match RedbStore::open(&folder.database()) {
            Ok(store) => {
                let secret = Secret::open(&folder.secret())?;
                let free_credits = config.billing.free_credits;
                let tools = Tools {
                    store: &store,
                    secret: &secret,
                    free_credits,
                };
                return Ok(tools.carry_out(request, clock::wall()));
            }
            Err(error) if error.is_locked() => {}
            Err(error) => return Err(error.into()),
        }
        match socket::ask(folder, &request).await {
            Ok(answer) => return Ok(answer),
            // Only what surely did not reach a server may be tried again.
            Err(error) if !is_absent(&error) => return Err(error.into()),
            Err(error) => last = Some(error),
        }
        clock::sleep(PAUSE).await;
    }
    let why = last.map_or_else(String::new, |error| format!(" ({error})"));
    Err(Failure::new(format!(
        "The data folder {} is in use by another process, which does not answer on its control socket{why}. If it \
         is a server that hangs, stop it and try again.",
        folder.path().display()
    )))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// Returns the failure of a server that answers what no request asked for.
pub(super) fn unexpected() -> Failure {
    Failure::new("The running server answers something unexpected. Use the same version of agentphone for both.".into())
}

/// Writes the day of a moment.
pub(super) fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
