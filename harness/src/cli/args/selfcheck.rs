//! The arguments of `stopcheck selfcheck`.

use std::path::PathBuf;

use clap::Args;

use crate::report::repeat::DEFAULT_SEED;

#[derive(Debug, Args)]
pub(in crate::cli) struct SelfcheckArgs {
    /// Plant these faults only, and leave out everything else
    #[arg(long = "fault", value_name = "NAME")]
    pub(in crate::cli) faults: Vec<String>,

    /// Play these variations only, and leave out everything else; `all` plays as many as can be had at once
    #[arg(long = "variation", value_name = "NAME")]
    pub(in crate::cli) variations: Vec<String>,

    /// Play the named cases at a reference that is as slow as the real service (stopcheck serve --like-aws), by a
    /// simulated clock, alone and with each variation, and leave out everything else
    #[arg(long, conflicts_with_all = ["faults", "golden"])]
    pub(in crate::cli) like_aws: bool,

    /// The most instances at once with --like-aws
    #[arg(long, value_name = "N", default_value_t = 20, requires = "like_aws", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) max_instances: u16,

    /// Random scripts that each fault is played with at most
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(in crate::cli) scripts: u64,

    /// Cases of overlapping calls that each fault is played with at most
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub(in crate::cli) overlaps: u64,

    /// The seed of the random scripts
    #[arg(long, value_name = "SEED", default_value_t = DEFAULT_SEED)]
    pub(in crate::cli) seed: u64,

    /// Write the proof as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,

    /// Compare the matrix of faults with this file; a difference fails
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) golden: Option<PathBuf>,

    /// Write the matrix to the file of --golden instead
    #[arg(long, requires = "golden")]
    pub(in crate::cli) bless: bool,

    /// Show no progress
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
}
