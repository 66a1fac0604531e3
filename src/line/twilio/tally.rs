//! What was refused and why, in numbers: since the start for the whole line.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        /// How often something was refused since the start.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counts {
            $($(#[$meta])* pub $name: u64,)*
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
    /// Frames of sound that were not 20 ms long; their sound was used.
    odd_frames,
    /// Messages of a stream that named another stream.
    foreign,
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
