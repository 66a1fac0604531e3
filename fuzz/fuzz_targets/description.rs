//! Fuzzes the reading of descriptions of sessions (SDP).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::line::rtp::fuzz::description(data));
