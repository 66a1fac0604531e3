//! Fuzzes the reading of text frames of carriers' streams.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::line::twilio::fuzz::stream(data));
