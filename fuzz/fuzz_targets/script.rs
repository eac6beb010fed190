//! Whatever script is played against the reference, nothing is found.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::judging::script(data));
