//! Fuzzes the reading of request bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::testing::fuzz_rest_body(data));
