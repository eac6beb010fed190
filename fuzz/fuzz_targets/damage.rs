//! A correct answer that was damaged is still correct, or the judge reports a finding.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::damage::damage(data));
