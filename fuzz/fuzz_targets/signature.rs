//! The reference accepts what the client signed, and rejects anything that was changed afterwards.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::requests::signature(data));
