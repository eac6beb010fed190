//! Any response body is decoded to a value, and to the same value in another layout.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::answers::reply(data));
