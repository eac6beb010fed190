//! The reports of a run: one in the terminal, the others in files. The only file that calls anstream and terminal_size.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use terminal_size::{Width, terminal_size};

use super::args::{ColorArg, ReportArg, ReportArgs};
use super::error::CliError;
use super::goldens::Finished;
use super::keys::variable;
use crate::contract::Contract;
use crate::golden::print::ReviewStyle;
use crate::report::artifacts;
use crate::report::progress::Progress;
use crate::report::terminal::NARROWEST;
use crate::report::{Policy, ReportKind, Style, Tally, write_report};

/// Writes all reports, and returns the exit code of the run.
pub(super) fn write(args: &ReportArgs, tally: &Tally, contract: &Contract) -> Result<u8, CliError> {
    let policy = policy(args);
    let style = Style {
        color: is_colored(args),
        width: columns().unwrap_or(NARROWEST),
        verbose: args.verbose,
    };
    let mut out = terminal(args);
    let written = write_report(ReportKind::Terminal(style), tally, contract, policy, &mut out)
        .and_then(|()| out.flush());
    unless_closed(written)?;
    files(args, tally, contract)?;
    Ok(tally.exit_code(policy))
}

/// Writes the reports that have files, and the scripts.
pub(super) fn files(args: &ReportArgs, tally: &Tally, contract: &Contract) -> Result<(), CliError> {
    let policy = policy(args);
    for report in &args.reports {
        let write = |out: &mut dyn Write| write_report(report.kind, tally, contract, policy, out);
        if report.is_stdout() {
            unless_closed(write(&mut io::stdout().lock()))?;
        } else {
            to_file(&report.path, write)?;
        }
    }
    if let Some(folder) = &args.artifacts {
        write_scripts(folder, tally, contract)?;
    }
    Ok(())
}

/// What decides the exit code.
pub(super) fn policy(args: &ReportArgs) -> Policy {
    Policy { strict: args.strict }
}

/// Writes the script of each cause to a file of its own that can be executed.
fn write_scripts(folder: &Path, tally: &Tally, contract: &Contract) -> Result<(), CliError> {
    for (name, text) in artifacts::scripts(tally, contract) {
        let path = folder.join(name);
        to_file(&path, |out| out.write_all(text.as_bytes()))?;
        fs::set_permissions(&path, Permissions::from_mode(0o755)).map_err(|source| CliError::File {
            doing: "make executable",
            path,
            source,
        })?;
    }
    Ok(())
}

/// Shows the progress of a run with these reports, unless it is not wanted.
pub(super) fn progress(args: &ReportArgs, contract: &Arc<Contract>) -> Progress {
    let color = colors(args.color, &io::stderr());
    let width = columns().unwrap_or(NARROWEST).max(NARROWEST);
    Progress::stderr(!args.quiet).with_failures(Arc::clone(contract), width, color)
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
    if let Some(folder) = &args.artifacts {
        fs::create_dir_all(folder).map_err(|source| CliError::File {
            doing: "create",
            path: folder.clone(),
            source,
        })?;
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

/// Whether the report has colours. It goes where [`terminal`] says.
fn is_colored(args: &ReportArgs) -> bool {
    match args.reports.iter().any(ReportArg::is_stdout) {
        true => colors(args.color, &io::stderr()),
        false => colors(args.color, &io::stdout()),
    }
}

/// Whether a stream has colours: `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` are honoured.
pub(super) fn colors(wish: ColorArg, stream: &impl RawStream) -> bool {
    match wish {
        ColorArg::Auto => AutoStream::choice(stream) != ColorChoice::Never,
        ColorArg::Always => true,
        ColorArg::Never => false,
    }
}

/// The width of the terminal in columns, if there is one. `COLUMNS` comes first. A page in a file is narrow.
fn columns() -> Option<usize> {
    let wished = variable("COLUMNS").and_then(|columns| columns.parse().ok());
    wished.or_else(|| terminal_size().map(|(Width(columns), _)| usize::from(columns)))
}

/// The width of lists and explanations in columns.
pub(super) fn width() -> usize {
    columns().unwrap_or(120).clamp(60, 200)
}
