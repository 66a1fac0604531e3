//! Fuzzes the reading of datagrams at the port of a call (RTP, RTCP).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| agentphone::line::rtp::fuzz::datagrams(data));
