//! Stopping a reply before its end: dropped because it is outdated, or cut because the callee took the floor.

use super::Call;
use crate::{Action, Note, Timer};

impl Call {
    /// Stops a reply that nobody interrupted: one that is outdated or failed, as a rule before it was heard.
    pub(super) fn drop_reply(&mut self, out: &mut Vec<Action>) {
        if let Some(reply) = self.reply.take() {
            self.stop_reply_timers();
            self.murmur = None;
            out.push(Action::Cancel(reply.generation));
            self.record(&reply, false, out);
            // A question that nobody heard asks for nothing.
            self.expect(self.asked, out);
        }
    }

    pub(super) fn stop_reply_timers(&mut self) {
        self.barge_in_over();
        for timer in [Timer::Clause, Timer::Filler, Timer::Think, Timer::Playout] {
            self.timers.stop(timer);
        }
    }

    /// Stops the reply; what was heard of it becomes a turn. Returns what was heard, if it had sounded.
    pub(super) fn cut_reply(&mut self, out: &mut Vec<Action>) -> Option<String> {
        let reply = self.reply.take()?;
        self.stop_reply_timers();
        self.murmur = None;
        out.push(Action::Cancel(reply.generation));
        self.idle_since = self.now;
        if !reply.ledger.has_sounded() {
            self.expect(self.asked, out);
            return None;
        }
        let heard = reply.heard();
        if !heard.is_empty() {
            out.push(Action::Publish(Note::Interrupted {
                heard: heard.clone(),
            }));
        }
        self.record(&reply, true, out);
        Some(heard)
    }
}
