//! One instant for tests to count from. Compiled for tests only.

use std::time::Instant;

/// Returns an instant to count from; tests only ever add to it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test needs one real instant to count from; nothing depends on its value"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
