//! The reports of a run: one in the terminal, the others in files.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use super::args::{ColorArg, FileReport, ReportArgs};
use super::error::CliError;
use super::goldens::Finished;
use super::keys::variable;
use crate::contract::Contract;
use crate::golden::tell::ReviewStyle;
use crate::report::{Policy, ReportKind, Style, Tally, write_report};

/// Writes all reports, and returns the exit code of the run.
pub(super) fn write(args: &ReportArgs, tally: &Tally, contract: &Contract) -> Result<u8, CliError> {
    let policy = Policy { strict: args.strict };
    let stdout = io::stdout();
    let style = Style {
        color: is_colored(args),
        width: width(),
        verbose: args.verbose,
    };
    let mut out = BufWriter::new(stdout.lock());
    let written = write_report(ReportKind::Terminal(style), tally, contract, policy, &mut out)
        .and_then(|()| out.flush());
    unless_closed(written)?;
    for report in &args.reports {
        let kind = match report.kind {
            FileReport::Junit => ReportKind::Junit,
            FileReport::Json => ReportKind::Json,
        };
        to_file(&report.path, |out| {
            write_report(kind, tally, contract, policy, out)
        })?;
    }
    Ok(tally.exit_code(policy))
}

/// Prints the result for the goldens, below the report.
pub(super) fn with_goldens(args: &ReportArgs, goldens: &Finished) -> Result<(), CliError> {
    let look = ReviewStyle {
        color: is_colored(args),
        verbose: args.verbose,
    };
    unless_closed(goldens.tell(look))
}

/// Ignores that a reader closed our output early, as `head` does.
pub(super) fn unless_closed(written: io::Result<()>) -> Result<(), CliError> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a file.
pub(super) fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CliError> {
    let failed = |source| CliError::File {
        doing: "write",
        path: path.to_owned(),
        source,
    };
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    write(&mut file).and_then(|()| file.flush()).map_err(failed)
}

fn is_colored(args: &ReportArgs) -> bool {
    match args.color {
        ColorArg::Auto => io::stdout().is_terminal() && variable("NO_COLOR").is_none(),
        ColorArg::Always => true,
        ColorArg::Never => false,
    }
}

/// The width of the terminal in columns, from the environment.
pub(super) fn width() -> usize {
    variable("COLUMNS")
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(120)
        .clamp(60, 200)
}
