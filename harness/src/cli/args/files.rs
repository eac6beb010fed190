//! The arguments of commands that write a file about stopcheck itself.

use std::path::PathBuf;

use clap::Args;

use super::values::SchemaArg;
use crate::cli::config::FILE_NAME;

#[derive(Debug, Args)]
pub(in crate::cli) struct InitArgs {
    /// The file to write
    #[arg(value_name = "FILE", default_value = FILE_NAME)]
    pub(in crate::cli) file: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArgs {
    /// What the schema is of
    #[arg(value_name = "SUBJECT", value_enum)]
    pub(in crate::cli) of: SchemaArg,
}
