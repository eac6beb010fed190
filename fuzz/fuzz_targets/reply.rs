//! Any body of an answer ends in a value, and says the same in another layout.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::answers::reply(data));
