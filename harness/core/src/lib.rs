//! The pure half of stopcheck: what EC2's contract says, which calls to make of it, and what their answers mean.
//!
//! Everything here is a function of its arguments: no sockets, no files, no clock, no terminal. Randomness comes from a
//! seed or from given bytes. From the lowest module: `verdict`, `contract` and `call`, `journal`, `protocol`,
//! `plan`, `model`, `check`, `words` and `evidence`; each imports only modules before it.

pub mod call;
pub mod check;
pub mod contract;
pub mod evidence;
pub mod journal;
pub mod model;
pub mod plan;
pub mod protocol;
pub mod verdict;
pub mod words;
