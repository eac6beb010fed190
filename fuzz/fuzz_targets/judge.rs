//! Any exchange is judged, twice the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::judging::judge(data));
