//! The arguments of known deviations.

use std::path::PathBuf;

use clap::Args;

/// What is known of the endpoint.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct KnownArgs {
    /// Deviations that are known and do not fail the run: a file, or a pack such as moto@5.2.5; what is new fails, and so
    /// does an entry that is gone or has expired; `stopcheck explain known` documents the format and names the packs;
    /// may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Known deviations")]
    pub(in crate::cli) known: Vec<String>,

    /// Like --known, and write the file after the run: what is gone is removed, what is new is added for you to give it
    /// a reason; the exit code is that of the run before the update
    #[arg(long, value_name = "FILE", help_heading = "Known deviations")]
    pub(in crate::cli) known_update: Option<PathBuf>,

    /// The version of the endpoint, for entries that are for some versions only [default: that in the file]
    #[arg(long, value_name = "VERSION", help_heading = "Known deviations")]
    pub(in crate::cli) endpoint_version: Option<String>,
}
