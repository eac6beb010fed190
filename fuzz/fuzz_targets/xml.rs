//! Our reader and the strict judge read the same document, and no limit is exceeded.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::answers::xml(data));
