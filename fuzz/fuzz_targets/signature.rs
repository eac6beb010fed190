//! What the client signs the reference believes, and nothing that was changed since.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::requests::signature(data));
