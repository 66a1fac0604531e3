//! What was refused and why, in numbers: since the start for the whole line, and at `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::watch;

macro_rules! counts {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        /// How often something was refused since the start.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counts {
            $($(#[$meta])* pub $name: u64,)*
        }

        /// The counters themselves.
        #[derive(Debug)]
        pub(super) struct Tally {
            $(pub(super) $name: Counter,)*
        }

        impl Default for Tally {
            fn default() -> Self {
                Self { $($name: Counter { reason: stringify!($name), count: AtomicU64::new(0) },)* }
            }
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
    /// Requests and handshakes whose signature was missing or wrong.
    forged,
    /// Signed requests for a path that does not exist, or that could not be read.
    senseless,
    /// Callbacks about calls that are not (any more) known.
    unknown_calls,
    /// Callbacks that said what was known already, or came after something newer.
    late,
    /// Streams with a wrong token, for another call or another account, or that never started.
    bad_streams,
    /// Streams for a call that has one.
    second_streams,
    /// Messages of streams that could not be used.
    unreadable,
    /// Messages of streams whose event is not known.
    unknown_events,
    /// Frames of sound of a length that is no whole millisecond.
    odd_frames,
    /// Messages of a stream that named another stream.
    foreign,
}

/// One number that only rises.
#[derive(Debug)]
pub(super) struct Counter {
    reason: &'static str,
    count: AtomicU64,
}

impl Counter {
    /// Counts one more.
    pub(super) fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        watch::line_refused(super::NAME, self.reason);
    }

    fn get(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
