//! Reports: the results of a run, for people and for programs.
//!
//! A [`Tally`] receives the events; every format is a pure view of the tally and the contract, written to the `Write`
//! it is given. Each format has its own file. Nothing here judges, opens files, or reads the environment.

use std::io::{self, Write};

use crate::contract::Contract;

pub mod artifacts;
pub mod coverage;
pub mod exit;
pub mod export;
pub mod form;
pub mod json;
pub mod junit;
pub mod known;
pub mod list;
pub(crate) mod markup;
pub mod progress;
mod recorded;
pub mod repeat;
pub mod replay;
#[cfg(test)]
mod sample;
pub mod tally;
pub mod terminal;
pub(crate) mod text;

pub use tally::{Policy, Tally};
pub use terminal::Style;

/// A report format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// The terminal report, for people.
    Terminal(Style),
    /// JUnit XML, for continuous integration.
    Junit,
    /// JSON, for programs.
    Json,
}

/// Writes a report.
pub fn write_report(
    kind: ReportKind,
    tally: &Tally,
    contract: &Contract,
    policy: Policy,
    out: &mut dyn Write,
) -> io::Result<()> {
    match kind {
        ReportKind::Terminal(style) => terminal::write(tally, contract, style, policy, out),
        ReportKind::Junit => junit::write(tally, contract, policy, out),
        ReportKind::Json => json::write(tally, contract, policy, out),
    }
}
