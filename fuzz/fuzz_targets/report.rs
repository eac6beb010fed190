//! Whatever a journal says, every report of it keeps its form and holds nothing that a terminal obeys.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::files::report(data));
