//! A journal line is read back unchanged, and judging a recording again gives the same result every time.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::files::journal(data));
