//! `stopcheck schema`: JSON Schemas (draft 2020-12) of what people and programs read and write.
//!
//! They are files in `specs/schemas`, made from the types and options that they describe, and compared with these by a
//! test.

use std::io::Write as _;

use super::args::SchemaArg;
use super::error::CliError;
use super::reports::unless_closed;
use crate::report::exit;

#[cfg(test)]
mod tests;

pub(super) fn print(of: SchemaArg) -> Result<u8, CliError> {
    let written = std::io::stdout().lock().write_all(text(of).as_bytes());
    unless_closed(written)?;
    Ok(exit::CONFORMANT)
}

fn text(of: SchemaArg) -> &'static str {
    match of {
        SchemaArg::Config => include_str!("../../../specs/schemas/config.json"),
        SchemaArg::Journal => include_str!("../../../specs/schemas/journal.json"),
        SchemaArg::Report => include_str!("../../../specs/schemas/report.json"),
    }
}
