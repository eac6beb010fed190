//! The arguments of `stopcheck record`.

use std::path::PathBuf;

use clap::Args;

use super::{EndpointArgs, PlanArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
  stopcheck record oq-05 --question OQ-05 --endpoint-url http://127.0.0.1:5000
  stopcheck record everything --allow-real-aws --account 111122223333 --ebs-image ami-… \\
      --endpoint-url https://ec2.us-east-1.amazonaws.com
  stopcheck record oq-05 --from run.ndjson --question OQ-05     of a journal; nothing is sent

The bundle is a folder with two files: manifest.json and events.ndjson, a journal that stopcheck judge reads. Accounts,
ids, addresses and names are replaced, secrets are removed, and the files are searched for them once more before they are
written. Read them before you send them. harness/docs/recording.md has the cost, and how to send a bundle.

Exit codes:
  0    the bundle is written
  2    usage, configuration, or an endpoint that cannot be reached
  3    something that must not leave the account is still in the bundle, or another error: nothing is written
  4    no case was recorded to its end: nothing is written
  130  interrupted: nothing is written")]
pub(in crate::cli) struct RecordArgs {
    /// The folder to write; it must not exist
    #[arg(value_name = "BUNDLE")]
    pub(in crate::cli) bundle: PathBuf,

    /// Only the cases that would settle this open question, for instance OQ-05; may be given several times [default: all
    /// open questions, and all clauses that neither documentation nor a recording confirms]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) question: Vec<String>,

    /// Only the cases that cover a clause whose id matches, for instance 'IDM-*'; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) clause: Vec<String>,

    /// Only the cases whose name matches; `*` stands for any text; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) case: Vec<String>,

    /// Make the bundle of this journal of an earlier run instead of playing
    #[arg(long, value_name = "JOURNAL", conflicts_with_all = ["endpoint_url", "allow_real_aws", "journal"])]
    pub(in crate::cli) from: Option<PathBuf>,

    /// Also write the journal as it was recorded, with everything that the bundle hides: it is for you alone
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) journal: Option<PathBuf>,

    /// How many cases play at once [default: 1 on the reference, 4 over HTTP]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(in crate::cli) workers: Option<u16>,

    /// Show no progress
    #[arg(long, short)]
    pub(in crate::cli) quiet: bool,

    #[command(flatten)]
    pub(in crate::cli) planning: PlanArgs,

    #[command(flatten)]
    pub(in crate::cli) endpoint: EndpointArgs,
}
