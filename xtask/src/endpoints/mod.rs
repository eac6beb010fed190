//! Runs stopcheck against real endpoints from other projects: installed at a pinned version, started on a free port,
//! judged, stopped.
//!
//! `--check` judges with the known deviations in `specs/known`, warnings included: a new deviation may be a false alarm,
//! one that is gone may be a check that no longer works. `known-bugs` compares older versions that have known bugs with
//! fixed versions. `known-files` verifies the exit codes of `stopcheck run --known` with a real endpoint.
//! `credentials` takes them from profiles, programs and roles, with moto as the identity service.

mod credentials;
mod kill_resume;
mod known_bugs;
mod known_files;
mod like_aws;
mod play;
mod slices;

use std::path::PathBuf;

use anyhow::{Result, bail};

pub(crate) use self::play::Kind;
use self::play::{Play, ReportDestination};
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct EndpointsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// The most used mock.
    Moto(JudgeArgs),
    /// A faster one; its dry run really stops.
    Ministack(JudgeArgs),
    /// Shows that known bugs are found in the versions that had them, and not in those that have them mended.
    KnownBugs(known_bugs::KnownBugsArgs),
    /// Judges moto with changed files of known deviations: new, gone, expired, and with mistakes.
    KnownFiles(known_files::KnownFilesArgs),
    /// Judges the reference with the timing of the real service, which takes a quarter of an hour.
    LikeAws(like_aws::LikeAwsArgs),
    /// Kills runs at random moments: journals can be read, sweeps remove what was left, resumed runs end alike.
    KillResume(kill_resume::KillResumeArgs),
    /// Shows that slices of a run on moto, merged, find what one run finds.
    Slices(slices::SlicesArgs),
    /// Judges moto with the credentials of a profile, a program and a role, also with some that expire during the run.
    Credentials(credentials::CredentialsArgs),
}

#[derive(clap::Args, Default)]
struct JudgeArgs {
    /// Its version; by default the one whose deviations are known.
    #[arg(long)]
    version: Option<String>,
    /// The port it listens on; by default a free one.
    #[arg(long)]
    port: Option<u16>,
    /// Judges with the known deviations, warnings included; exit 1 if any deviation is new or gone.
    #[arg(long, conflicts_with = "bless")]
    check: bool,
    /// Updates the file of known deviations; new entries then need a reason.
    #[arg(long)]
    bless: bool,
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    stopcheck: Option<PathBuf>,
    /// More arguments for `stopcheck run`, instead of `--phase scenarios`.
    #[arg(last = true)]
    run_args: Vec<String>,
}

pub(crate) fn run(args: &EndpointsArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    match &args.action {
        Action::Moto(args) => judge(Kind::Moto, args, workspace),
        Action::Ministack(args) => judge(Kind::Ministack, args, workspace),
        Action::KnownBugs(args) => known_bugs::run(args, workspace),
        Action::KnownFiles(args) => known_files::run(args, workspace),
        Action::LikeAws(args) => like_aws::run(args, workspace),
        Action::KillResume(args) => kill_resume::run(args, workspace),
        Action::Slices(args) => slices::run(args, workspace),
        Action::Credentials(args) => credentials::run(args, workspace),
    }
}

/// Compares the findings for an endpoint with its known deviations.
pub(crate) fn check(kind: Kind, workspace: &Workspace) -> Result<TaskOutcome> {
    let args = JudgeArgs {
        check: true,
        ..JudgeArgs::default()
    };
    judge(kind, &args, workspace)
}

/// Verifies that slices of a run on moto, merged, find what one run finds.
pub(crate) fn slices(workspace: &Workspace) -> Result<TaskOutcome> {
    slices::run(&slices::SlicesArgs::default(), workspace)
}

/// Verifies that runs on moto can have the credentials of profiles, programs and roles.
pub(crate) fn credentials(workspace: &Workspace) -> Result<TaskOutcome> {
    credentials::run(&credentials::CredentialsArgs::default(), workspace)
}

/// Verifies that killed runs can be resumed and swept.
pub(crate) fn kill_resume(workspace: &Workspace) -> Result<TaskOutcome> {
    kill_resume::run(&kill_resume::KillResumeArgs::default(), workspace)
}

/// Verifies that known bugs are found in the versions that have them, and not in the fixed versions.
pub(crate) fn known_bugs(workspace: &Workspace) -> Result<TaskOutcome> {
    known_bugs::run(&known_bugs::KnownBugsArgs::default(), workspace)
}

/// Judges the reference with the timing of the real service.
pub(crate) fn like_aws(workspace: &Workspace) -> Result<TaskOutcome> {
    like_aws::run(&like_aws::LikeAwsArgs::default(), workspace)
}

/// Judges the reference with the timing of the real service and each variation, by a simulated clock.
pub(crate) fn like_aws_simulated(workspace: &Workspace) -> Result<TaskOutcome> {
    let stopcheck = tools::stopcheck(workspace, None)?;
    let mut command = workspace.command(stopcheck);
    command.args(["selfcheck", "--like-aws", "--quiet"]);
    Ok(TaskOutcome::bad_if(!shell::status(&mut command)?.success()))
}

/// Verifies the exit codes of a run with known deviations.
pub(crate) fn known_files(workspace: &Workspace) -> Result<TaskOutcome> {
    known_files::run(&known_files::KnownFilesArgs::default(), workspace)
}

/// The Python environment of an endpoint at a pinned version.
pub(crate) fn install(kind: Kind, version: &str, workspace: &Workspace) -> Result<PathBuf> {
    play::install(workspace, kind, version, &format!("{}-{version}", kind.name()))
}

fn judge(kind: Kind, args: &JudgeArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let version = args.version.as_deref().unwrap_or(kind.version());
    let file = format!("specs/known/{}-{version}.toml", kind.name());
    // Read before anything is built: a missing file should be reported at once, not after minutes.
    if args.check && !workspace.path(&file).is_file() {
        bail!(
            "there is no {file}; `cargo xtask endpoints {} --bless` writes it",
            kind.name()
        );
    }
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let known = match (args.check, args.bless) {
        (true, _) => Some("--known"),
        (false, true) => Some("--known-update"),
        (false, false) => None,
    };
    let mut run_args = phases(args);
    if let Some(option) = known {
        run_args.extend(["--strict".to_owned(), option.to_owned(), file.clone()]);
    }
    let play = Play {
        stopcheck: &stopcheck,
        kind,
        version,
        port: args.port,
        run_args: &run_args,
        page: if args.bless {
            ReportDestination::File
        } else {
            ReportDestination::Terminal
        },
    };
    let (outcome, _) = play.run(workspace)?;
    if args.bless {
        println!("updated {file}");
        return Ok(TaskOutcome::Good);
    }
    Ok(outcome)
}

/// The phases to play. The named cases take seconds and are the same in every run.
fn phases(args: &JudgeArgs) -> Vec<String> {
    match args.run_args.as_slice() {
        [] => ["--phase", "scenarios"].map(str::to_owned).to_vec(),
        more => more.to_vec(),
    }
}
