//! The reference answers any request with well-formed XML, and a refusal changes nothing.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::requests::request(data));
