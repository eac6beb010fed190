//! Any exchange can be judged, and judging it twice gives the same result.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::judging::judge(data));
