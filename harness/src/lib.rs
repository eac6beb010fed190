//! stopcheck: does an EC2-compatible endpoint stop instances the way Amazon EC2 does?
//!
//! Modules import only modules of lower layers. From the lowest: data (`wire`, `verdict`, `contract`, `call`,
//! `journal`), pure logic (`protocol`, `plan`, `model`, `check`; and `reference`, the second witness, which imports
//! only `wire`), input and output (`endpoint`, `golden`, `report`), orchestration (`runner`, `embedded`, `selfcheck`,
//! `fuzzing`, `replay`, `compare`, `cli`). `harness/docs/architecture.md` describes each.

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
