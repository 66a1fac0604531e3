//! Fuzzes the reading of messages of SIP that come.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::line::sip::fuzz::message(data));
