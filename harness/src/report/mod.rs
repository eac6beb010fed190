//! Reports: the results of a run, for people and for programs.
//!
//! A [`Tally`] receives the events; every format is a pure view of the tally and the contract, written to the `Write`
//! it is given. Each format has its own file. Nothing here judges, opens files, or reads the environment.

use std::io::{self, Write};

use crate::contract::Contract;

pub mod artifacts;
pub mod coverage;
pub mod digest;
pub mod exit;
pub mod export;
pub(crate) mod facts;
pub mod form;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod known;
pub mod list;
pub mod markdown;
pub(crate) mod markup;
pub mod plan;
pub mod progress;
pub mod questions;
mod recorded;
pub mod repeat;
pub mod replay;
#[cfg(test)]
mod sample;
pub mod sarif;
pub mod tally;
pub(crate) mod template;
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
    /// One HTML page with everything, for a browser.
    Html,
    /// Markdown, for the summary of a job or a comment.
    Markdown,
    /// Annotations of GitHub Actions.
    Github,
    /// SARIF, for services that collect results.
    Sarif,
}

impl ReportKind {
    /// The kinds that are written to files.
    pub const IN_FILES: [ReportKind; 6] = [
        ReportKind::Html,
        ReportKind::Markdown,
        ReportKind::Github,
        ReportKind::Sarif,
        ReportKind::Junit,
        ReportKind::Json,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ReportKind::Terminal(_) => "terminal",
            ReportKind::Junit => "junit",
            ReportKind::Json => "json",
            ReportKind::Html => "html",
            ReportKind::Markdown => "markdown",
            ReportKind::Github => "github",
            ReportKind::Sarif => "sarif",
        }
    }
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
        ReportKind::Html => html::write(tally, contract, policy, out),
        ReportKind::Markdown => markdown::write(tally, contract, policy, out),
        ReportKind::Github => github::write(tally, contract, policy, out),
        ReportKind::Sarif => sarif::write(tally, contract, policy, out),
    }
}
