//! Whatever an endpoint answers is decoded without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stopcheck::wire::{Headers, Response};

fuzz_target!(|data: &[u8]| {
    let response = Response {
        status: 200,
        headers: Headers::default(),
        body: data.to_vec(),
    };
    let _ = stopcheck::protocol::reply::decode(&response);
});
