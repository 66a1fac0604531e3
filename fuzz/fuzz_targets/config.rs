//! Fuzzes the reading of configuration files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::testing::fuzz_config(data));
