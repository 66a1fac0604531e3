//! Fuzzes the reading of payloads of telephone events.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::line::rtp::fuzz::telephone_event(data));
