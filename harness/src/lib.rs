//! stopcheck: does an EC2-compatible endpoint stop instances the way Amazon EC2 does?
//!
//! The pure half of the program is the crate `stopcheck-core`, which this crate re-exports: the contract, the protocol,
//! the model and the judge. What follows here has sockets, files, a clock and a terminal: input and output (`sign`,
//! `endpoint`, `golden`, `report`), orchestration (`runner`, `embedded`, `selfcheck`, `fuzzing`, `replay`, `compare`,
//! `cli`). `harness/docs/architecture.md` describes each.

pub use ec2_reference as reference;
pub use stopcheck_core::{call, check, contract, journal, model, plan, protocol, verdict, words};

pub mod cli;
pub mod compare;
pub mod embedded;
pub mod endpoint;
pub mod fuzzing;
pub mod golden;
pub mod replay;
pub mod report;
pub mod runner;
pub mod selfcheck;
pub mod sign;
