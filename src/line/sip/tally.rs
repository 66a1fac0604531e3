//! What was refused and why, in numbers: since the start for the whole line.

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
                Self { $($name: Counter(stringify!($name), AtomicU64::new(0)),)* }
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
    /// Requests from addresses that may not send any; they got no answer.
    strangers,
    /// Requests within a call that is not (any more) known, or with a wrong tag.
    unknown_calls,
    /// Messages from peers that could not be used.
    senseless,
    /// Calls from peers that came when too many were waiting.
    too_many,
    /// Challenges that could not be answered, because we know none of their algorithms.
    odd_challenges,
}

/// One number that only rises, by its name.
#[derive(Debug)]
pub(super) struct Counter(&'static str, AtomicU64);

impl Counter {
    /// Counts one more.
    pub(super) fn add(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        watch::line_refused(super::NAME, self.0);
    }

    fn get(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }
}
