//! The client and the reference each read exactly what the other wrote.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stopcheck::fuzzing::requests::form(data));
