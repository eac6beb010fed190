//! A right answer that was damaged is still right, or something is found.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::damage::damage(data));
