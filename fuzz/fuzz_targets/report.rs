//! For any journal, every report keeps its format and contains no terminal control characters.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::files::report(data));
