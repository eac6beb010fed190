//! A line of a journal reads back as it was, and a recording is judged the same as often as one likes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::files::journal(data));
