//! Fuzzes the reading of carriers' callbacks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::line::twilio::fuzz::callback(data));
