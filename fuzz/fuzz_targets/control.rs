//! Fuzzes the reading of frames of the live socket.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::testing::fuzz_control(data));
