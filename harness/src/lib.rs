//! stopcheck: does an EC2-compatible endpoint stop instances the way Amazon EC2 does?
//!
//! The floors, imports going down only: facts (`wire`, `verdict`, `contract`, `call`, `journal`), mind (`protocol`,
//! `plan`, `model`, `check`; and `reference`, the second witness, which knows `wire` alone), hands (`endpoint`,
//! `report`), conduct (`runner`, `embedded`, `selfcheck`, `fuzzing`, `replay`, `cli`).

pub mod call;
pub mod check;
pub mod cli;
pub mod compare;
pub mod contract;
pub mod embedded;
pub mod endpoint;
pub mod fuzzing;
pub mod golden;
pub mod journal;
pub mod model;
pub mod plan;
pub mod protocol;
pub mod reference;
pub mod replay;
pub mod report;
pub mod runner;
pub mod selfcheck;
pub mod verdict;
pub mod wire;
