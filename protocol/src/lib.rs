//! Bytes and text to typed messages and back; no IO, no runtime.
