//! Making a call so that nobody is rung twice.
//!
//! A request that was refused for now (429) or never left us is sent again. One whose fate is unknown (no answer, or
//! a fault of the carrier's) is looked up first, twice with a pause, and sent again only when no call was made of it;
//! when even that cannot be found out, it is given up. A callback that names the call settles it at once.

use std::time::Duration;

use call::Failure;
use protocol::twilio::api::{CallResource, NewCall};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    failure::{self, Failed},
    http::{ApiResponse, Lost},
    registry::Handle,
};
use crate::{driver::clock, private::Private};

/// How often a call is asked for.
const ATTEMPTS: u32 = 4;
/// The pause before it is asked for again, which doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, whatever the carrier wishes: the requester waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// When it is looked up what became of a request: a new call does not show at once.
const LOOK_UPS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// How far the carrier's clock may be behind ours, in seconds.
const SKEW: i64 = 30;

/// What came of asking for a call.
#[derive(Debug)]
pub(super) enum Placed {
    /// It is made; the carrier's id.
    Made(String),
    /// It is not made, and will not be.
    Refused(Failed),
    /// It may be made. Whoever hears of it has to end it.
    Unknown(Failed),
    /// Nobody wants it any more, and it was not made.
    Stopped,
}

/// What is to be done after an attempt.
enum Next {
    Give(Placed),
    Again(Failed, Option<Duration>),
    LookUp(Failed),
}

/// Asks for a call until it is clear what became of it, or `stop` says that it is not wanted any more.
pub(super) async fn place(
    shared: &Shared,
    handle: &Handle,
    call: &NewCall,
    stop: &CancellationToken,
) -> Placed {
    let begun = clock::wall().as_second();
    let mut pause = PAUSE;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        if stop.is_cancelled() {
            return Placed::Stopped;
        }
        let (failed, wish) = match judge(shared.api().create(call).await) {
            Next::Give(Placed::Made(sid)) => {
                let known = (!handle.bind(&sid)).then(|| handle.sid()).flatten();
                if known.is_some_and(|known| known != sid) {
                    // An earlier request has made its call after all: one of the two has to go.
                    tracing::warn!(
                        sid,
                        "the carrier made a call twice; the second one is ended"
                    );
                    shared.api().hang_up(&sid).await;
                }
                return Placed::Made(sid);
            }
            Next::Give(placed) => return placed,
            Next::Again(failed, wish) => (failed, wish),
            Next::LookUp(failed) => match look_up(shared, handle, call, begun).await {
                Ok(Some(sid)) => return Placed::Made(sid),
                Ok(None) => (failed, None),
                Err(why) => {
                    tracing::warn!(why, "it could not be found out whether a call was made");
                    return Placed::Unknown(failed);
                }
            },
        };
        let why = failed.cause.as_ref().map(|cause| cause.sentence.clone());
        let why = why.as_deref().map(Private);
        tracing::info!(?why, "the carrier did not take a call and is asked again");
        last = Some(failed);
        tokio::select! {
            () = clock::sleep(wish.unwrap_or(pause).min(LONGEST_PAUSE)) => {}
            () = stop.cancelled() => return Placed::Stopped,
        }
        pause *= 2;
    }
    Placed::Refused(
        last.unwrap_or_else(|| {
            Failed::ours(Failure::LineUnavailable, "The carrier was not asked.")
        }),
    )
}

fn judge(answer: Result<ApiResponse, Lost>) -> Next {
    let answer = match answer {
        Ok(answer) => answer,
        Err(lost @ Lost::NotSent(_)) => return Next::Again(failure::of_loss(&lost), None),
        Err(lost @ Lost::Unknown(_)) => return Next::LookUp(failure::of_loss(&lost)),
    };
    match answer.status {
        200..300 => match serde_json::from_slice::<CallResource>(&answer.body) {
            Ok(call) => Next::Give(Placed::Made(call.sid)),
            Err(_) => Next::Give(Placed::Unknown(Failed::carriers(
                Failure::LineUnavailable,
                "Twilio made the call and did not say which; it is ended as soon as it shows",
            ))),
        },
        429 => Next::Again(failure::of_refusal(&answer), answer.retry_after),
        500.. => Next::LookUp(failure::of_refusal(&answer)),
        _ => Next::Give(Placed::Refused(failure::of_refusal(&answer))),
    }
}

/// Finds the call that a request of unknown fate has made, if it has.
async fn look_up(
    shared: &Shared,
    handle: &Handle,
    call: &NewCall,
    begun: i64,
) -> Result<Option<String>, String> {
    for wait in LOOK_UPS {
        clock::sleep(wait).await;
        if let Some(sid) = handle.sid() {
            return Ok(Some(sid));
        }
        let calls = shared.api().calls(&call.to, &call.from).await?;
        let ours = calls.into_iter().find(|found| {
            let recent = found.created().is_none_or(|at| at >= begun - SKEW);
            let same = |told: &Option<String>, asked: &str| {
                told.as_deref().is_none_or(|told| told == asked)
            };
            recent
                && same(&found.to, &call.to)
                && same(&found.from, &call.from)
                && !handle.is_ours(&found.sid)
                && handle.bind(&found.sid)
        });
        if let Some(found) = ours {
            return Ok(Some(found.sid));
        }
    }
    Ok(handle.sid())
}
