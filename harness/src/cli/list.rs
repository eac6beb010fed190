//! `stopcheck list` and `stopcheck explain`.

use std::io::Write as _;

use super::args::{ExplainArgs, ListArgs};
use super::error::CliError;
use super::run::contract_of;
use crate::report::{exit, list};

pub(super) fn list(args: &ListArgs) -> Result<u8, CliError> {
    let contract = contract_of(args.edition.into());
    let text = if args.clauses { list::clauses(&contract) } else { list::cases(&contract) };
    print(&text)
}

pub(super) fn explain(args: &ExplainArgs) -> Result<u8, CliError> {
    let contract = contract_of(args.edition.into());
    let text = list::explain(&contract, &args.id).map_err(|unknown| CliError::Usage(unknown.to_string()))?;
    print(&text)
}

/// Prints to standard output. A reader that closes it early, as `head` does, is no error.
fn print(text: &str) -> Result<u8, CliError> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(exit::CONFORMANT),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(exit::CONFORMANT),
        Err(error) => Err(error.into()),
    }
}
