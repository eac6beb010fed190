//! The reports of a run: one for the terminal, others into files.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};

use super::args::{ColorArg, FileReport, ReportArgs};
use super::error::CliError;
use super::goldens::Finished;
use super::keys::variable;
use crate::contract::Contract;
use crate::golden::tell::Look;
use crate::report::{Policy, ReportKind, Style, Tally, write_report};

/// Writes all reports, and returns the exit code of the run.
pub(super) fn write(args: &ReportArgs, tally: &Tally, contract: &Contract) -> Result<u8, CliError> {
    let policy = Policy { strict: args.strict };
    let stdout = std::io::stdout();
    let style = Style {
        color: is_colored(args),
        width: width(),
        verbose: args.verbose,
    };
    let mut out = BufWriter::new(stdout.lock());
    let written = write_report(ReportKind::Terminal(style), tally, contract, policy, &mut out)
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    for report in &args.reports {
        let failed = |source| CliError::File {
            doing: "write",
            path: report.path.clone(),
            source,
        };
        let kind = match report.kind {
            FileReport::Junit => ReportKind::Junit,
            FileReport::Json => ReportKind::Json,
        };
        let mut file = BufWriter::new(File::create(&report.path).map_err(failed)?);
        write_report(kind, tally, contract, policy, &mut file)
            .and_then(|()| file.flush())
            .map_err(failed)?;
    }
    Ok(tally.exit_code(policy))
}

/// Tells below the report what came of the goldens.
pub(super) fn with_goldens(args: &ReportArgs, goldens: &Finished) -> Result<(), CliError> {
    let look = Look {
        color: is_colored(args),
        verbose: args.verbose,
    };
    match goldens.tell(look) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn is_colored(args: &ReportArgs) -> bool {
    match args.color {
        ColorArg::Auto => std::io::stdout().is_terminal() && variable("NO_COLOR").is_none(),
        ColorArg::Always => true,
        ColorArg::Never => false,
    }
}

/// The columns of the terminal, as far as the environment tells.
pub(super) fn width() -> usize {
    variable("COLUMNS")
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(120)
        .clamp(60, 200)
}
