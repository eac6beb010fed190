//! A file of a contract or of scenarios is read, or every mistake has a place in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::files::contract(data));
