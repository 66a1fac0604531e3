//! Fuzzes the reading of what SIP says about why.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::line::sip::fuzz::reason(data));
