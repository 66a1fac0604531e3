//! One telephone of the rig, whatever line it calls over: it paces its sound at 20 ms, holds the dialogue, and hangs up.
//!
//! How a call is made and how sound is carried is the business of the line's own file; what is said when, that of `dialogue`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::dialogue::{Dialogue, Outcome, Sound, Step, Turn};
use crate::driver::clock;

/// One frame.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// A telephone in a call. What goes wrong is a sentence, and ends the call.
pub(super) trait Phone: Sized {
    /// What comes from the program.
    type Came;

    /// Waits for something to come; nothing is lost when the wait is given up.
    async fn come(&mut self) -> Result<Self::Came, String>;

    /// Takes what came.
    async fn take(
        &mut self,
        came: Self::Came,
        dialogue: &mut Dialogue<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), String>;

    /// Sends the sound of 20 ms, or silence.
    async fn say(&mut self, sound: Option<Sound<'_>>, now: Instant) -> Result<(), String>;

    /// Ends the call.
    async fn hang_up(self) -> Result<(), String>;
}

/// Makes a call by `ring` and holds it to its end; cuts it short when `over` says so.
pub(super) async fn hold(
    ring: impl Future<Output = Result<impl Phone, String>>,
    turns: &[Turn],
    over: &AtomicBool,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let mut phone = ring.await?;
    let talked = talk(&mut phone, turns, over, outcome).await;
    let left = phone.hang_up().await;
    talked.and(left)
}

async fn talk(
    phone: &mut impl Phone,
    turns: &[Turn],
    over: &AtomicBool,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let mut dialogue = Dialogue::new(turns, clock::now());
    let mut ticker = clock::ticker(TICK);
    loop {
        tokio::select! {
            biased;
            due = ticker.tick() => {
                if over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let now = clock::now();
                match dialogue.step(due, now, outcome) {
                    Step::Say(sound) => phone.say(sound, now).await?,
                    Step::HangUp => return Ok(()),
                    Step::Deserted => return Err("nobody answered for 15 s".into()),
                }
            }
            came = phone.come() => phone.take(came?, &mut dialogue, outcome).await?,
        }
    }
}
