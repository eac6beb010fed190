//! The reference as a whole, driven by signed requests.

mod actions;
mod bytes;
mod client;
mod signatures;
mod stopping;
