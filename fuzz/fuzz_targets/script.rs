//! Any script played against the reference gives no finding.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::judging::script(data));
