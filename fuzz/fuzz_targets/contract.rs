//! A contract or scenario file is parsed, or every mistake is reported with its position.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::files::contract(data));
