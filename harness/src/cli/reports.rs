//! The reports of a run: one in the terminal, the others in files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use super::args::{ColorArg, FileReport, ReportArg, ReportArgs};
use super::error::CliError;
use super::goldens::Finished;
use super::keys::variable;
use crate::contract::Contract;
use crate::golden::print::ReviewStyle;
use crate::report::{Policy, ReportKind, Style, Tally, write_report};

/// Writes all reports, and returns the exit code of the run.
pub(super) fn write(args: &ReportArgs, tally: &Tally, contract: &Contract) -> Result<u8, CliError> {
    let policy = Policy { strict: args.strict };
    let style = Style {
        color: is_colored(args),
        width: width(),
        verbose: args.verbose,
    };
    let mut out = terminal(args);
    let written = write_report(ReportKind::Terminal(style), tally, contract, policy, &mut out)
        .and_then(|()| out.flush());
    unless_closed(written)?;
    for report in &args.reports {
        let kind = match report.kind {
            FileReport::Junit => ReportKind::Junit,
            FileReport::Json => ReportKind::Json,
        };
        let write = |out: &mut dyn Write| write_report(kind, tally, contract, policy, out);
        if report.is_stdout() {
            unless_closed(write(&mut io::stdout().lock()))?;
        } else {
            to_file(&report.path, write)?;
        }
    }
    Ok(tally.exit_code(policy))
}

/// Where texts for people go: to standard output, or to standard error if a report has standard output to itself.
pub(super) fn terminal(args: &ReportArgs) -> BufWriter<Box<dyn Write>> {
    BufWriter::new(match args.reports.iter().any(ReportArg::is_stdout) {
        true => Box::new(io::stderr()),
        false => Box::new(io::stdout()),
    })
}

/// Verifies before a run that all reports can be written. Nothing in an existing file is changed.
pub(super) fn check(args: &ReportArgs) -> Result<(), CliError> {
    if args.reports.iter().filter(|report| report.is_stdout()).count() > 1 {
        return Err(CliError::Usage(
            "only one report can have standard output\n  hint: name a file, for instance --report junit=report.xml"
                .to_owned(),
        ));
    }
    for report in args.reports.iter().filter(|report| !report.is_stdout()) {
        let path = &report.path;
        let is_new = !path.exists();
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|source| CliError::File {
                doing: "write",
                path: path.clone(),
                source,
            })?;
        if is_new {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

/// Prints the result for the goldens, below the report.
pub(super) fn with_goldens(args: &ReportArgs, goldens: &Finished) -> Result<(), CliError> {
    let look = ReviewStyle {
        color: is_colored(args),
        verbose: args.verbose,
    };
    let mut out = terminal(args);
    unless_closed(goldens.tell(look, &mut out).and_then(|()| out.flush()))
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
