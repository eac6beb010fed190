//! Runs stopcheck against real endpoints from other projects: installed at a pinned version, started on a free port,
//! judged, stopped.
//!
//! `--check` compares the findings with the list of known deviations in `xtask/expected`, in both directions: a new
//! deviation may be a false alarm, a vanished one may be a check that no longer works. `known-bugs` compares older
//! versions that have known bugs with fixed versions.

mod expected;
mod known_bugs;
mod play;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::expected::{Difference, KnownDeviations};
pub(crate) use self::play::Kind;
use self::play::{Play, ReportDestination};
use crate::shell::TaskOutcome;
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
}

#[derive(clap::Args, Default)]
struct JudgeArgs {
    /// Its version; by default the one whose deviations are known.
    #[arg(long)]
    version: Option<String>,
    /// The port it listens on; by default a free one.
    #[arg(long)]
    port: Option<u16>,
    /// Compares the findings with the known deviations; exit 1 if any is new or has vanished.
    #[arg(long, conflicts_with = "bless")]
    check: bool,
    /// Writes the findings as the known deviations, keeping the reasons.
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

/// Verifies that known bugs are found in the versions that have them, and not in the fixed versions.
pub(crate) fn known_bugs(workspace: &Workspace) -> Result<TaskOutcome> {
    known_bugs::run(&known_bugs::KnownBugsArgs::default(), workspace)
}

fn judge(kind: Kind, args: &JudgeArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let version = args.version.as_deref().unwrap_or(kind.version());
    let list = workspace.path(&format!("xtask/expected/{}-{version}.toml", kind.name()));
    // Read before anything is built: a missing list should be reported at once, not after minutes.
    let expected = if args.check {
        Some(read_expected(&list, kind)?)
    } else {
        None
    };
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let play = Play {
        stopcheck: &stopcheck,
        kind,
        version,
        port: args.port,
        run_args: &phases(args),
        page: if args.check || args.bless {
            ReportDestination::File
        } else {
            ReportDestination::Terminal
        },
    };
    let name = play.name();
    let (status, report) = play.run(workspace)?;
    let observed =
        expected::observed(&report).with_context(|| format!("could not read the report on {name}"))?;
    if args.bless {
        return bless(&list, &observed);
    }
    let Some(expected) = expected else {
        return Ok(status);
    };
    let difference = expected.compare(&observed);
    print!("{}", difference.describe(&name));
    Ok(TaskOutcome::bad_if(difference.decides()))
}

fn read_expected(list: &Path, kind: Kind) -> Result<KnownDeviations> {
    let text = fs::read_to_string(list).with_context(|| {
        format!(
            "could not read {}; `cargo xtask endpoints {} --bless` writes it",
            list.display(),
            kind.name()
        )
    })?;
    KnownDeviations::parse(&text).with_context(|| format!("could not read {}", list.display()))
}

fn bless(path: &Path, observed: &expected::ReportedDeviations) -> Result<TaskOutcome> {
    let before = match fs::read_to_string(path) {
        Ok(text) => {
            KnownDeviations::parse(&text).with_context(|| format!("could not read {}", path.display()))?
        }
        Err(_) => KnownDeviations::default(),
    };
    let difference: Difference = before.compare(observed);
    print!("{}", difference.describe(&path.display().to_string()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    }
    fs::write(path, before.blessed(observed).render())
        .with_context(|| format!("could not write {}", path.display()))?;
    println!("wrote {}; give every new line its reason", path.display());
    Ok(TaskOutcome::Good)
}

/// The phases to play. The lists of known deviations come from the named cases, which take seconds and are the same in
/// every run.
fn phases(args: &JudgeArgs) -> Vec<String> {
    match args.run_args.as_slice() {
        [] => ["--phase", "scenarios"].map(str::to_owned).to_vec(),
        more => more.to_vec(),
    }
}
