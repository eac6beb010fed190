//! A transcript stays as it is, whoever wrote it and whatever an endpoint answered.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::goldens::golden(data));
