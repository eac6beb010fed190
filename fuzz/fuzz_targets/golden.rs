//! A transcript survives writing and reading unchanged, for any author and any answer of an endpoint.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::goldens::golden(data));
