//! `stopcheck man`: the manual pages. The only file that calls clap_mangen.

use std::fs;
use std::io;

use super::args::{Cli, ManArgs};
use super::error::CliError;
use super::reports::unless_closed;
use crate::report::exit;

/// Prints the page of the command, or writes all pages to a folder.
pub(super) fn man(args: &ManArgs) -> Result<u8, CliError> {
    let Some(folder) = &args.dir else {
        // As in the folder: there is no page of `stopcheck help`.
        let page = clap_mangen::Man::new(Cli::description().disable_help_subcommand(true));
        unless_closed(page.render(&mut io::stdout().lock()))?;
        return Ok(exit::CONFORMANT);
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::description(), folder))
        .map_err(|source| CliError::File {
            doing: "write the manual pages to",
            path: folder.clone(),
            source,
        })?;
    Ok(exit::CONFORMANT)
}
