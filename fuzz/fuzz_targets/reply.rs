//! Whatever an endpoint answers is decoded and viewed without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| stopcheck::fuzzing::reply(data));
