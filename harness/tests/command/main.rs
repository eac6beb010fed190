//! The command as its users have it: the real binary, its exit codes, what it says and what it writes.
//!
//! Every process has an environment of its own. Nothing leaves the loopback, and nothing is in a hurry.

#![expect(clippy::panic, reason = "a test that fails says what it saw")]

mod child;
mod compare;
mod endpoints;
mod goldens;
mod hostile;
mod interrupt;
mod journals;
mod misbehaving;
mod replay;
mod runs;
mod scenarios;
mod selfcheck;
mod servers;
mod usage;
