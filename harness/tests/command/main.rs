//! Tests of the command as users run it: the real binary, its exit codes, its output and its files.
//!
//! Each process has a clean environment. Nothing leaves the loopback interface, and no test depends on speed.

#![expect(clippy::panic, reason = "a test that fails says what it saw")]

mod child;
mod compare;
mod conformance;
mod endpoints;
mod goldens;
mod hostile;
mod installed;
mod interrupt;
mod journals;
mod known;
mod leftovers;
mod limits;
mod misbehaving;
mod profiles;
mod record;
mod replay;
mod reports;
mod runs;
mod scenarios;
mod schemas;
mod selfcheck;
mod servers;
mod settings;
mod slices;
mod started_servers;
mod usage;
