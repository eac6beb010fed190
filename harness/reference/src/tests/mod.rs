//! The reference as a whole, driven by signed requests.

mod actions;
mod bytes;
mod client;
mod kinds;
mod launching;
mod like_aws;
mod signatures;
mod stopping;
mod variations;

use super::Reference;

#[test]
fn a_reference_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Reference>();
}
