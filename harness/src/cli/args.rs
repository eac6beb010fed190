//! The arguments, in AWS spelling where AWS has one.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::journal::Slice;
use crate::report::repeat::DEFAULT_SEED;

mod credentials;
mod files;
mod known;
mod plan;
mod proxy;
mod reading;
mod record;
mod report;
mod selfcheck;
mod server;
pub(super) mod settings;
mod sweep;
mod values;

pub(super) use credentials::CredentialArgs;
pub(super) use files::{InitArgs, SchemaArgs};
pub(super) use known::KnownArgs;
pub(super) use plan::{PlanArgs, PlanFormat};
pub(super) use proxy::ProxyArgs;
pub(super) use record::RecordArgs;
pub(super) use report::JournalReportArgs;
pub(super) use selfcheck::SelfcheckArgs;
pub(super) use server::ServerArgs;
pub(super) use sweep::SweepArgs;
pub(super) use values::{
    ColorArg, ConfidenceArg, EditionArg, ExportArg, GoldenArg, PhaseArg, ReportArg, SchemaArg, ShellArg,
    VerdictArg,
};
use values::{
    RateArg, TimeLimitArg, comparable, export, partition, rate, report as report_arg, seconds, time_limit,
};

/// Does an EC2-compatible endpoint stop instances the way Amazon EC2 does?
///
/// stopcheck sends StopInstances requests to an endpoint, mock or real, and judges every answer against a contract in
/// which each clause cites Amazon's documentation or a recorded answer of the real service.
#[derive(Debug, Parser)]
#[command(name = "stopcheck", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "\
Begin with:
  stopcheck run                                            judge the embedded reference
  stopcheck run --endpoint-url http://127.0.0.1:5000       judge a server
  stopcheck run -- moto_server -H 127.0.0.1 -p {port}      start a server, judge it, and stop it
  stopcheck explain DRY-04                                 what a clause says, and where it is from

Exit codes:
  0    conformant, or only known deviations
  1    new findings that decide, goldens that changed, or known deviations that are gone or expired
  2    usage, configuration, or an endpoint that cannot be reached: no verdicts
  3    an error of stopcheck's own, or cases that could not be finished
  4    nothing was tested
  130  interrupted")]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Cli {
    /// All commands and options, for parsing, completions and manual pages.
    pub(super) fn description() -> clap::Command {
        settings::complete(Cli::command()).mut_subcommand("sweep", sweep::without_fixtures)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Judge an endpoint, or the embedded reference if none is named
    Run(Box<RunArgs>),
    /// List cases or clauses; nothing is sent
    List(ListArgs),
    /// Explain a clause, a case, a source or an open question: what it says, what checks it, what Amazon was recorded
    /// to answer
    Explain(ExplainArgs),
    /// Lay endpoints, journals and goldens side by side, or tell what moved since an earlier run
    Compare(Box<CompareArgs>),
    /// Serve the reference on a port, for clients and for a look at it
    Serve(ServeArgs),
    /// Verify that the checks detect injected faults, and nothing that genuine EC2 may do
    Selfcheck(SelfcheckArgs),
    /// Judge recorded runs again, or traffic of other clients; nothing is sent
    Judge(JudgeArgs),
    /// Pass requests of clients on to an endpoint, and judge what passes
    Proxy(Box<ProxyArgs>),
    /// Put the journals of all slices of a run together, for one report and one verdict; nothing is sent
    Merge(MergeArgs),
    /// Write reports of a recorded run; nothing is sent
    Report(JournalReportArgs),
    /// Write a configuration file that explains all keys, with everything commented out
    Init(InitArgs),
    /// Print a JSON Schema: of the configuration, of an event of the journal, or of the JSON report
    Schema(SchemaArgs),
    /// Play a finding of a recorded run again, or write it down as a scenario, a test, a script or an issue
    Replay(Box<ReplayArgs>),
    /// Record the answers that would settle open questions, without what identifies an account
    Record(Box<RecordArgs>),
    /// Remove the instances that killed runs have left at an endpoint, and nothing else
    Sweep(Box<SweepArgs>),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Credentials are read from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or a
profile (--profile, AWS_PROFILE). A mock takes any:
  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test stopcheck run --endpoint-url http://127.0.0.1:5000
A server that stopcheck starts, and stops afterwards, needs none:
  stopcheck run -- moto_server -H 127.0.0.1 -p {port}
  stopcheck run -- env GATEWAY_PORT={port} BIND_HOST=127.0.0.1 ministack
The cases of a denied caller need STOPCHECK_DENIED_ACCESS_KEY_ID and STOPCHECK_DENIED_SECRET_ACCESS_KEY,
those of expired credentials STOPCHECK_EXPIRED_ACCESS_KEY_ID, …_SECRET_ACCESS_KEY and …_SESSION_TOKEN, or profiles.
What repeats may be in a variable (STOPCHECK_READ_LAG for --read-lag) or in stopcheck.toml, which stopcheck init writes.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,

    /// The state of Amazon's documentation to judge by
    #[arg(long, value_name = "EDITION", value_enum, default_value = "current")]
    pub(super) edition: EditionArg,

    /// The phases to play [default: all; the wire phase never on real AWS, where all but scenarios must be asked for]
    #[arg(long, value_name = "PHASE", value_enum, value_delimiter = ',')]
    pub(super) phase: Vec<PhaseArg>,

    /// How many dimensions the coverage phase combines [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(super) strength: Option<u8>,

    /// Only the cases whose name matches; `*` stands for any text; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub(super) case: Vec<String>,

    /// Leave out the cases whose name matches; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub(super) skip: Vec<String>,

    /// Only the cases that cover a clause whose id matches, for instance 'DRY-*'; no random scripts; may be given
    /// several times
    #[arg(long, value_name = "GLOB")]
    pub(super) clause: Vec<String>,

    /// Cases of your own beside the embedded ones: a file, or a folder of .toml files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(super) scenarios: Vec<PathBuf>,

    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub(super) seed: u64,

    /// How many random scripts are played [default: 500 on the reference, 20 over HTTP; no end with --max-time]
    #[arg(long, value_name = "N", help_heading = "Random scripts")]
    pub(super) cases: Option<u64>,

    /// How long random scripts are played, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Random scripts")]
    pub(super) max_time: Option<Duration>,

    /// The most requests to spend in a run on making random scripts with findings small, and at most 400 on each finding
    /// of overlapping calls [default: 1000 over HTTP, 50000 on the reference]
    #[arg(long, value_name = "N", help_heading = "Random scripts")]
    pub(super) max_shrink_requests: Option<usize>,

    /// How many cases of overlapping calls are played [default: 25 on the reference, 8 over HTTP]
    #[arg(long, value_name = "N", help_heading = "Overlapping calls")]
    pub(super) overlaps: Option<u64>,

    /// How many callers overlap at most
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=64), help_heading = "Overlapping calls")]
    pub(super) callers: u8,

    /// How long the run may take, in seconds, or `none`. The named cases are always played, the other phases as far as the
    /// time goes [default: 60 over HTTP; none on the reference, and none with --max-time]
    #[arg(long, value_name = "SECONDS", value_parser = time_limit)]
    pub(super) time_limit: Option<TimeLimitArg>,

    /// Play one slice of the run, numbered from 1, and leave the others to other machines, each at a server of its own;
    /// stopcheck merge puts their journals together
    #[arg(long, value_name = "slice:M/N", value_parser = partition)]
    pub(super) partition: Option<Slice>,

    /// Start no more cases after the first that fails
    #[arg(long)]
    pub(super) fail_fast: bool,

    /// How many cases play at once; those that wait for the endpoint do not count [default: 1 on the reference, 4 over
    /// HTTP]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) workers: Option<u16>,

    /// Write the whole run to this file, one event a line, without secrets
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,

    /// Go on with a run that was killed or interrupted: keep the cases that this journal has to their ends, remove what
    /// the run left, and play the others. Needs the same options, and continues the journal unless --journal names
    /// another one
    #[arg(long, value_name = "JOURNAL")]
    pub(super) resume: Option<PathBuf>,

    #[command(flatten)]
    pub(super) goldens: GoldenArgs,

    #[command(flatten)]
    pub(super) known: KnownArgs,

    #[command(flatten)]
    pub(super) reports: ReportArgs,

    #[command(flatten)]
    pub(super) server: ServerArgs,

    #[command(flatten)]
    pub(super) planning: PlanArgs,
}

/// What is done with goldens, and where they are.
#[derive(Debug, Args)]
pub(super) struct GoldenArgs {
    /// What is done with goldens, the reviewed answers of the named cases [default: check on the reference, off
    /// elsewhere unless a set is named]
    #[arg(long, value_name = "MODE", value_enum, help_heading = "Goldens")]
    pub(super) golden: Option<GoldenArg>,

    /// The set of goldens, one for each endpoint, for instance moto-5.2.5 [default: that of the reference]
    #[arg(long, value_name = "NAME", help_heading = "Goldens")]
    pub(super) golden_set: Option<String>,

    /// The folder of all sets [default: the nearest folder `golden` that has the set, here or above]
    #[arg(long, value_name = "DIR", help_heading = "Goldens")]
    pub(super) golden_dir: Option<PathBuf>,

    /// Write what changed as a changelog in Markdown
    #[arg(long, value_name = "FILE", help_heading = "Goldens")]
    pub(super) golden_changelog: Option<PathBuf>,
}

/// Who is asked, as whom, how patiently, and what may be launched there.
#[derive(Debug, Clone, Args)]
pub(super) struct EndpointArgs {
    /// The endpoint; without it, and without AWS_ENDPOINT_URL_EC2 and AWS_ENDPOINT_URL, the embedded reference
    #[arg(long, value_name = "URL")]
    pub(super) endpoint_url: Option<String>,

    /// The region that requests are signed for [default: AWS_REGION, AWS_DEFAULT_REGION, us-east-1]
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,

    #[command(flatten)]
    pub(super) credentials: CredentialArgs,

    /// How long to wait for a server that is still starting, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) wait: Option<Duration>,

    /// The longest that one exchange may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) request_timeout: Duration,

    /// The longest to wait for an instance to change its state, in seconds [default: 30 on this machine, 300 on real AWS,
    /// 120 elsewhere]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) settle_timeout: Option<Duration>,

    /// How long reads may lag behind an answer, in seconds: until then what deviates in a description is no finding
    /// [default: 5, on real AWS 300]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) read_lag: Option<Duration>,

    /// The most requests to send; clean-up is not counted [default: 100000 over HTTP, 10000 on real AWS, no limit on the
    /// reference]
    #[arg(long, value_name = "N")]
    pub(super) max_requests: Option<usize>,

    /// The most requests to send in a second over HTTP, clean-up included, for instance 10/s or 0.5/s [default: no limit,
    /// on real AWS 5/s]
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(super) rate: Option<RateArg>,

    /// The most instances of this run that may exist at once: a case waits until those that it needs are free, and one
    /// that needs more is not played [default: 20 on real AWS, no limit elsewhere]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) max_instances: Option<u16>,

    /// The image that EBS-backed instances are launched from [default: the first that DescribeImages has]
    #[arg(long, value_name = "AMI", help_heading = "Fixtures")]
    pub(super) ebs_image: Option<String>,

    /// The image that instance-store-backed instances are launched from [default: as above, unless --ebs-image
    /// is given]
    #[arg(long, value_name = "AMI", help_heading = "Fixtures")]
    pub(super) instance_store_image: Option<String>,

    /// The type of all instances
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "t3.micro",
        help_heading = "Fixtures"
    )]
    pub(super) instance_type: String,

    /// The subnet of all instances [default: the endpoint's own]
    #[arg(long, value_name = "SUBNET", help_heading = "Fixtures")]
    pub(super) subnet: Option<String>,

    /// Allow an endpoint that looks like real AWS; costs money, and needs --account; a run needs --yes, too, or an answer at
    /// the terminal
    #[arg(long, help_heading = "Safety")]
    pub(super) allow_real_aws: bool,

    /// The account that the caller must be in; asked for before anything else is sent
    #[arg(long, value_name = "ID", help_heading = "Safety")]
    pub(super) account: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Write a report: html, markdown, github (annotations), sarif, junit or json, and its file; `-` is standard output,
    /// which then has nothing else; may be given several times
    #[arg(long = "report", value_name = "KIND=FILE", value_parser = report_arg)]
    pub(super) reports: Vec<ReportArg>,

    /// Let warnings decide too
    #[arg(long)]
    pub(super) strict: bool,

    /// The least confidence with which a MUST decides; `inferred` lets reasoned clauses fail a run
    #[arg(long, value_name = "CONFIDENCE", value_enum)]
    pub(super) min_confidence: Option<ConfidenceArg>,

    /// Colours in the terminal report; NO_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub(super) color: ColorArg,

    /// Show every kind of a finding with request, answer and commands, titles of sources, and what was not judged
    #[arg(long, short)]
    pub(super) verbose: bool,

    /// Show no progress
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// Write a shell script for each cause to this folder: it repeats the finding and removes what it launched
    #[arg(long, value_name = "DIR")]
    pub(super) artifacts: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A subject is `reference`, a URL, a journal, or golden:SET; NAME=SUBJECT gives it a name:
  stopcheck compare reference moto=http://127.0.0.1:5000 ministack=http://127.0.0.1:4566 --html side-by-side.html
  stopcheck compare golden:moto-5.2.5 http://127.0.0.1:5000
  stopcheck compare today.ndjson --since yesterday.ndjson

Exit codes:
  0    judged alike, or nothing that decides is broken
  1    judged differently, or something that decides is broken
  2    usage, configuration, or an endpoint that cannot be reached
  3    an error of stopcheck's own
  4    no case was judged at two of them
  130  interrupted")]
pub(super) struct CompareArgs {
    /// Who is compared; live endpoints are played one after the other
    #[arg(value_name = "SUBJECT", required = true)]
    pub(super) subjects: Vec<String>,

    /// An earlier journal of the same endpoint: what is broken, fixed, flaky since; given several times, oldest first,
    /// what they do not agree about is flaky
    #[arg(long, value_name = "JOURNAL")]
    pub(super) since: Vec<PathBuf>,

    /// The state of Amazon's documentation to judge by; journals are judged again
    #[arg(long, value_name = "EDITION", value_enum, default_value = "current")]
    pub(super) edition: EditionArg,

    /// The phases to compare: scenarios or coverage; others are not the same from run to run [default: scenarios]
    #[arg(long, value_name = "PHASE", value_parser = comparable, value_delimiter = ',')]
    pub(super) phase: Vec<PhaseArg>,

    /// Only the cases whose name matches; `*` stands for any text; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub(super) case: Vec<String>,

    /// Cases of your own beside the embedded ones: a file, or a folder of .toml files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(super) scenarios: Vec<PathBuf>,

    /// The seed of ids that nobody owns
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub(super) seed: u64,

    /// How many cases are played at once [default: 1 on the reference, 4 over HTTP]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) workers: Option<u16>,

    /// Write the comparison as Markdown
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,

    /// Write the comparison as one page of HTML
    #[arg(long, value_name = "FILE", conflicts_with = "since")]
    pub(super) html: Option<PathBuf>,

    /// The folder of all sets of goldens [default: the nearest folder `golden` that has the set, here or above]
    #[arg(long, value_name = "DIR")]
    pub(super) golden_dir: Option<PathBuf>,

    /// Show all cases, and what was answered where it differs
    #[arg(long, short)]
    pub(super) verbose: bool,

    /// Show no progress
    #[arg(long, short)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The journal of a run
    #[arg(value_name = "JOURNAL", requires = "coverage")]
    pub(super) journal: Option<PathBuf>,

    /// Only the cases that cover a clause whose id matches, for instance 'DRY-*'; may be given several times
    #[arg(long, value_name = "GLOB", conflicts_with_all = ["clauses", "questions", "faults", "variations", "coverage"])]
    pub(super) clause: Vec<String>,

    /// Clauses and their status instead of cases
    #[arg(long)]
    pub(super) clauses: bool,

    /// The open questions: what is not known of Amazon EC2, and the cases that would settle it
    #[arg(long, conflicts_with_all = ["clauses", "coverage", "faults", "variations"])]
    pub(super) questions: bool,

    /// The faults that can be planted in the reference
    #[arg(long, conflicts_with_all = ["clauses", "coverage"])]
    pub(super) faults: bool,

    /// The variations of the reference: what genuine EC2 may do as well
    #[arg(long, conflicts_with_all = ["clauses", "coverage", "faults"])]
    pub(super) variations: bool,

    /// What the coverage phase combines; with a journal, which combinations that run reached
    #[arg(long, conflicts_with = "clauses")]
    pub(super) coverage: bool,

    /// How many dimensions are combined
    #[arg(long, value_name = "N", default_value = "2", requires = "coverage", value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(super) strength: u8,

    /// Cases of your own beside the embedded ones: a file, or a folder of .toml files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(super) scenarios: Vec<PathBuf>,

    /// The edition of the contract [default: that of the journal, or current]
    #[arg(long, value_name = "EDITION", value_enum)]
    pub(super) edition: Option<EditionArg>,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A clause (`DRY-04`), a case (`dry-run/valid`), a source (`R14`), an open question (`OQ-05`), a pack of known
    /// deviations (`moto@5.2.5`), or a format: `scenarios` for cases of your own, `known` for known deviations
    pub(super) id: String,

    /// Cases of your own beside the embedded ones: a file, or a folder of .toml files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(super) scenarios: Vec<PathBuf>,

    /// The edition of the contract
    #[arg(long, value_name = "EDITION", value_enum, default_value = "current")]
    pub(super) edition: EditionArg,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The keys it knows are printed as it starts, as lines for a shell. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where
set, are known to it too.")]
pub(super) struct ServeArgs {
    /// The port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8421)]
    pub(super) port: u16,

    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(super) bind: IpAddr,

    /// The region it is in
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub(super) region: String,

    /// The state of the service to be
    #[arg(long, value_name = "EDITION", value_enum, default_value = "current")]
    pub(super) edition: EditionArg,

    /// Answer in indented XML, as the service did until 2025
    #[arg(long)]
    pub(super) indented: bool,

    /// Finish every transition at once, as most mocks do
    #[arg(long)]
    pub(super) instant: bool,

    /// Be as slow as the real service was captured: stops of 5 to 38 seconds, stale descriptions, two minutes until an
    /// instance can hibernate, limits on the rate of calls, chunks, and connections that end with an error
    #[arg(long, conflicts_with = "instant")]
    pub(super) like_aws: bool,

    /// Refuse every Nth state-changing call as throttled
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(super) throttle_every: Option<u32>,

    /// Get this wrong, as some emulator might (`stopcheck list --faults` names what there is)
    #[arg(long, value_name = "NAME", conflicts_with = "throttle_every")]
    pub(super) fault: Option<String>,

    /// Differ from the default as genuine EC2 may (`stopcheck list --variations` names how); `all` for as many as can
    /// be had at once; may be given several times
    #[arg(long = "variation", value_name = "NAME")]
    pub(super) variations: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    /// Journals of earlier runs, or recordings of other clients in HAR
    #[arg(required = true, value_name = "FILE")]
    pub(super) journals: Vec<PathBuf>,

    /// Nothing but the calls of a HAR recording changed the instances: what one call did can then be expected of the next
    #[arg(long)]
    pub(super) exclusive: bool,

    /// Judge by this edition instead of the one of the run
    #[arg(long, value_name = "EDITION", value_enum)]
    pub(super) edition: Option<EditionArg>,

    /// Write the events with the fresh verdicts to this file
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,

    #[command(flatten)]
    pub(super) known: KnownArgs,

    #[command(flatten)]
    pub(super) reports: ReportArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
  stopcheck run --endpoint-url http://127.0.0.1:5001 --partition slice:1/2 --journal 1.ndjson
  stopcheck run --endpoint-url http://127.0.0.1:5002 --partition slice:2/2 --journal 2.ndjson
  stopcheck merge 1.ndjson 2.ndjson --report junit=report.xml

All slices need the same stopcheck, contract, seed and options. The exit code is that of a run, and 3 if a slice is
missing, there twice, of another run or not played to its end.")]
pub(super) struct MergeArgs {
    /// The journals of all slices, in any order
    #[arg(required = true, value_name = "FILE")]
    pub(super) journals: Vec<PathBuf>,

    /// Write the events of the whole run to this file, as one journal
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,

    #[command(flatten)]
    pub(super) goldens: GoldenArgs,

    #[command(flatten)]
    pub(super) known: KnownArgs,

    #[command(flatten)]
    pub(super) reports: ReportArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
  stopcheck replay run.ndjson                                         lists its findings, with their numbers
  stopcheck replay run.ndjson#41 --endpoint-url http://127.0.0.1:5000 plays one again
  stopcheck replay run.ndjson#41 --export boto3=finding.py            writes it down; nothing is sent

Exit codes:
  0    not the case here, or nothing was to be played
  1    still failing
  2    usage, configuration, or an endpoint that cannot be reached
  3    an error of stopcheck's own
  4    not reproducible, unsupported here, or it could not be told
  130  interrupted")]
pub(super) struct ReplayArgs {
    /// A journal, and after a `#` one of its findings: the id, the number, or the name of the case; without one, they
    /// are listed by clause
    #[arg(value_name = "FILE#ID")]
    pub(super) finding: String,

    /// List only findings of a clause whose id matches; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub(super) clause: Vec<String>,

    /// List only findings with this verdict; may be given several times
    #[arg(long, value_name = "VERDICT", value_enum)]
    pub(super) verdict: Vec<VerdictArg>,

    /// Play at the embedded reference; by default at the endpoint of the journal, unless one is named
    #[arg(long, conflicts_with = "endpoint_url")]
    pub(super) reference: bool,

    /// How often it is played [default: once, and three times if it does not come]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) times: Option<u16>,

    /// Write the finding down instead of playing it: scenario, rust, boto3 or markdown; to standard output without
    /// FILE; may be given several times
    #[arg(long, value_name = "KIND[=FILE]", value_parser = export)]
    pub(super) export: Vec<ExportArg>,

    /// The state of Amazon's documentation to judge by [default: that of the journal]
    #[arg(long, value_name = "EDITION", value_enum)]
    pub(super) edition: Option<EditionArg>,

    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Where they belong:
  stopcheck completions bash > ~/.local/share/bash-completion/completions/stopcheck
  stopcheck completions zsh > \"${fpath[1]}/_stopcheck\"
  stopcheck completions fish > ~/.config/fish/completions/stopcheck.fish")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(super) shell: ShellArg,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stopcheck man | man -l -                       read the page of stopcheck
  stopcheck man --dir ~/.local/share/man/man1    install the pages of all commands, such as stopcheck-run(1)")]
pub(super) struct ManArgs {
    /// Write the pages of all commands to this folder
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::description().debug_assert();
    }
}
