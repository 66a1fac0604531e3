//! Foreign functions.
