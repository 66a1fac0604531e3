//! What must not be in a log unless the operator wants it there: phone numbers and the words of a call. Keys are
//! not among these: they are never written at all.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

/// Whether private things are shown. Off until [`reveal`] is called.
static REVEALED: AtomicBool = AtomicBool::new(false);

/// Shows private things in the log of this process from here on.
pub fn reveal() {
    REVEALED.store(true, Ordering::Relaxed);
}

/// A value for a log line, which shows as `[private]` unless [`reveal`] was called.
#[derive(Clone, Copy)]
pub struct Private<T>(pub T);

impl<T: fmt::Display> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if REVEALED.load(Ordering::Relaxed) {
            self.0.fmt(f)
        } else {
            f.write_str("[private]")
        }
    }
}

impl<T: fmt::Display> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
