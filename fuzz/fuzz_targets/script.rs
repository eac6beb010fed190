//! Whatever script is played against the reference, nothing is found.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| stopcheck::fuzzing::script(data));
