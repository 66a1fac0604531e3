//! What was refused and why, in numbers, for one session.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        /// How often something was refused since the session began.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counts {
            $($(#[$meta])* pub $name: u64,)*
        }

        impl Counts {
            /// Returns the name of each count, and how much it has grown since an earlier one.
            pub(super) fn since(&self, before: &Self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name - before.$name),)*].into_iter()
            }
        }

        /// The counters themselves.
        #[derive(Debug, Default)]
        pub(super) struct Tally {
            $(pub(super) $name: Counter,)*
        }

        impl Tally {
            /// Returns the counts as they are now.
            pub(super) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.get(),)* }
            }
        }
    };
}

counts! {
    /// Datagrams beyond what a call can need, dropped unread.
    flooded,
    /// Datagrams that are neither RTP nor RTCP, or broken.
    unreadable,
    /// Packets of streams or places that have no part in the call.
    strangers,
    /// Packets whose payload type was not agreed upon.
    unknown_payloads,
    /// Packets whose authentication failed: a wrong key, a forgery, or a replay.
    unauthenticated,
    /// Packets before anything was agreed upon.
    early,
    /// Sound that the driver did not take in time.
    overrun,
    /// Sound of ours that was dropped because it came in a burst.
    bursts,
}

/// One number that only rises.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
