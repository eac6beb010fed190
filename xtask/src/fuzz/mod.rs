//! The fuzz targets: lists, builds, runs and replays them, and keeps what they find.
//!
//! Targets run on stable without a sanitizer by default: the fuzzed code is safe Rust, and this is five times faster.
//! Failing inputs go to `fuzz/artifacts`, new inputs to `target/fuzz-corpus`; only `seed`, `keep` and `promote` change
//! the committed inputs. The table of targets is in the library; its example `fuzz` prints it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{self, TaskOutcome};
use crate::workspace::Workspace;

mod coverage;
mod engine;
mod oss;
mod promote;

pub(crate) use engine::Sanitizer;
use engine::{Engine, FuzzRun};

#[derive(clap::Args)]
pub(crate) struct FuzzArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Lists the targets and the property that each one checks.
    List,
    /// Builds every target.
    Build {
        /// The sanitizer to build with.
        #[arg(long, value_enum, default_value_t)]
        sanitizer: Sanitizer,
    },
    /// Runs one target until it finds a failure or the time is up.
    Run {
        /// The target.
        target: String,
        /// How long to run: seconds, or a number with s, m or h [default: until interrupted].
        #[arg(long, value_parser = seconds)]
        time: Option<u64>,
        /// The sanitizer to build with.
        #[arg(long, value_enum, default_value_t)]
        sanitizer: Sanitizer,
        /// More arguments for libFuzzer.
        #[arg(last = true)]
        libfuzzer: Vec<String>,
    },
    /// Runs every target for a few seconds.
    Smoke {
        /// How long to run each target: seconds, or a number with s, m or h.
        #[arg(long, value_parser = seconds, default_value_t = SMOKE_SECONDS)]
        time: u64,
        /// The sanitizer to build with.
        #[arg(long, value_enum, default_value_t)]
        sanitizer: Sanitizer,
    },
    /// Replays inputs without the fuzzer: the named files, or all committed inputs of one or all targets.
    Replay {
        /// The target.
        target: Option<String>,
        /// Files, for instance from `fuzz/artifacts`.
        inputs: Vec<PathBuf>,
    },
    /// Regenerates the seeds and the dictionary from recorded answers, specs, journals and faults.
    Seed,
    /// Removes redundant inputs from what the fuzzer has found for a target.
    Cmin {
        /// The target.
        target: String,
    },
    /// Adds the inputs that reach new code to the committed corpus of a target.
    Keep {
        /// The target.
        target: String,
    },
    /// Shortens a failing input.
    Tmin {
        /// The target.
        target: String,
        /// The input.
        input: PathBuf,
        /// The time limit: seconds, or a number with s, m or h.
        #[arg(long, value_parser = seconds, default_value_t = 60)]
        time: u64,
    },
    /// Turns a crash into a regression test: shortened, named, and replayed by every test run.
    Promote(promote::PromoteArgs),
    /// Measures which lines of each module the committed inputs reach.
    Coverage(coverage::CoverageArgs),
    /// Builds the targets as ClusterFuzzLite and OSS-Fuzz do, and checks the result.
    Oss,
}

/// How long a target runs in CI.
pub(crate) const SMOKE_SECONDS: u64 = 5;

pub(crate) fn run(args: &FuzzArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    match &args.action {
        Action::List => {
            for target in targets(workspace)? {
                println!("{:10} {}", target.name, target.holds);
            }
            Ok(TaskOutcome::Good)
        }
        Action::Build { sanitizer } => Engine::build(workspace, *sanitizer, None).map(|_| TaskOutcome::Good),
        Action::Run {
            target,
            time,
            sanitizer,
            libfuzzer,
        } => {
            let target = find(workspace, target)?;
            let engine = Engine::build(workspace, *sanitizer, Some(&target))?;
            let mut options: Vec<String> = time
                .iter()
                .map(|time| format!("-max_total_time={time}"))
                .collect();
            options.extend(libfuzzer.iter().cloned());
            let run = engine.fuzz(&target, &options, engine::Output::Shown)?;
            println!("{}", run.line());
            Ok(run.outcome())
        }
        Action::Smoke { time, sanitizer } => smoke(workspace, *time, *sanitizer),
        Action::Replay { target, inputs } => match target {
            None => replay_all(workspace),
            Some(target) => {
                let target = find(workspace, target)?;
                let inputs = if inputs.is_empty() {
                    committed(workspace, &target)?
                } else {
                    inputs.clone()
                };
                replay(workspace, &target, &inputs)
            }
        },
        Action::Seed => seed(workspace),
        Action::Cmin { target } => {
            let target = find(workspace, target)?;
            Engine::build(workspace, Sanitizer::None, Some(&target))?.distil(&target)?;
            Ok(TaskOutcome::Good)
        }
        Action::Keep { target } => {
            let target = find(workspace, target)?;
            Engine::build(workspace, Sanitizer::None, Some(&target))?.keep(&target)?;
            Ok(TaskOutcome::Good)
        }
        Action::Tmin { target, input, time } => {
            let target = find(workspace, target)?;
            let engine = Engine::build(workspace, Sanitizer::None, Some(&target))?;
            let shortest = workspace.target("fuzz-tmin").join(&target.name);
            let before = size(input)?;
            engine.shorten(&target, input, &shortest, *time)?;
            println!(
                "{} bytes of {before} are left: {}",
                size(&shortest)?,
                shortest.display()
            );
            Ok(TaskOutcome::Good)
        }
        Action::Promote(args) => promote::run(args, workspace),
        Action::Coverage(args) => coverage::run(args, workspace),
        Action::Oss => oss::run(workspace),
    }
}

/// Builds every target as ClusterFuzzLite and OSS-Fuzz do.
pub(crate) fn build_as_elsewhere(workspace: &Workspace) -> Result<TaskOutcome> {
    oss::run(workspace)
}

/// Runs every target for this many seconds, as many at a time as there are cores: a target keeps one busy.
pub(crate) fn smoke(workspace: &Workspace, seconds: u64, sanitizer: Sanitizer) -> Result<TaskOutcome> {
    let targets = targets(workspace)?;
    let engine = Engine::build(workspace, sanitizer, None)?;
    // A fixed seed, so that a failure in CI can be reproduced locally.
    let options = [format!("-max_total_time={seconds}"), "-seed=1337".to_owned()];
    let mut outcome = TaskOutcome::Good;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for some in targets.chunks(cores) {
        let runs: Vec<Result<FuzzRun>> = std::thread::scope(|scope| {
            let (engine, options) = (&engine, &options);
            let fuzz = |target| scope.spawn(move || engine.fuzz(target, options, engine::Output::Kept));
            let threads: Vec<_> = some.iter().map(fuzz).collect();
            let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            ended
                .map(|run| run.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        for run in runs {
            let run = run?;
            println!("{}", run.line());
            if run.outcome() == TaskOutcome::Bad {
                println!("{}", run.complaint());
                outcome = TaskOutcome::Bad;
            }
        }
    }
    Ok(outcome)
}

/// A target, as the example `fuzz` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    name: String,
    /// Whether its input is text for which the EC2 dictionary helps.
    dictionary: bool,
    holds: String,
}

/// Every target.
fn targets(workspace: &Workspace) -> Result<Vec<Target>> {
    let mut list = example(workspace);
    list.arg("list");
    let text = shell::capture(&mut list).context("could not ask the library for its targets")?;
    text.lines().map(read_target).collect()
}

fn read_target(line: &str) -> Result<Target> {
    match line.split('\t').collect::<Vec<_>>().as_slice() {
        [name, input, holds] => Ok(Target {
            name: (*name).to_owned(),
            dictionary: *input == "words",
            holds: (*holds).to_owned(),
        }),
        _ => bail!("the example `fuzz` told a target that cannot be read: {line:?}"),
    }
}

fn find(workspace: &Workspace, name: &str) -> Result<Target> {
    let found = targets(workspace)?.into_iter().find(|target| target.name == name);
    found.with_context(|| format!("there is no target {name:?}; see `cargo xtask fuzz list`"))
}

fn example(workspace: &Workspace) -> std::process::Command {
    workspace.cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "stopcheck",
        "--example",
        "fuzz",
        "--",
    ])
}

/// Every committed input of every target.
pub(crate) fn replay_all(workspace: &Workspace) -> Result<TaskOutcome> {
    let mut outcome = TaskOutcome::Good;
    for target in targets(workspace)? {
        if replay(workspace, &target, &committed(workspace, &target)?)? == TaskOutcome::Bad {
            outcome = TaskOutcome::Bad;
        }
    }
    Ok(outcome)
}

fn replay(workspace: &Workspace, target: &Target, inputs: &[PathBuf]) -> Result<TaskOutcome> {
    let mut command = example(workspace);
    command.args(["replay", &target.name]).args(inputs);
    Ok(TaskOutcome::bad_if(!shell::status(&mut command)?.success()))
}

/// The committed inputs of a target: seeds and past crashes.
fn committed(workspace: &Workspace, target: &Target) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for folder in folders(workspace, target) {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            all.push(
                entry
                    .with_context(|| format!("could not list {}", folder.display()))?
                    .path(),
            );
        }
    }
    all.sort();
    if all.is_empty() {
        bail!("{} has no inputs; run `cargo xtask fuzz seed`", target.name);
    }
    Ok(all)
}

/// The existing folders of committed inputs of a target.
fn folders(workspace: &Workspace, target: &Target) -> Vec<PathBuf> {
    ["fuzz/corpus", "fuzz/regressions"]
        .into_iter()
        .map(|folder| workspace.path(folder).join(&target.name))
        .filter(|folder| folder.is_dir())
        .collect()
}

/// Writes the seeds and the dictionary: the tests that compare them with their sources rewrite them if this variable is
/// set.
fn seed(workspace: &Workspace) -> Result<TaskOutcome> {
    let mut write = workspace.cargo(&[
        "test",
        "--quiet",
        "--locked",
        "--package",
        "stopcheck",
        "--lib",
        "fuzzing::tests::made",
    ]);
    write.env("STOPCHECK_WRITE_SEEDS", "1");
    shell::run(&mut write)?;
    let mut status = workspace.command("git");
    status.args(["status", "--short", "--", "fuzz"]);
    let changed = shell::capture(&mut status)?;
    if changed.is_empty() {
        println!("every seed is as it was");
    } else {
        print!("{changed}");
    }
    Ok(TaskOutcome::Good)
}

fn size(path: &Path) -> Result<u64> {
    let data = fs::metadata(path).with_context(|| format!("could not read {}", path.display()))?;
    Ok(data.len())
}

/// Parses a duration on the command line.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, text.chars().next_back()),
        None => (text, None),
    };
    let factor = match unit {
        Some('h') => 3600,
        Some('m') => 60,
        Some(_) | None => 1,
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| format!("{text:?} is no time; write 90, 90s, 5m or 1h"))?;
    count
        .checked_mul(factor)
        .ok_or_else(|| format!("{text:?} is longer than anybody can wait"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_or_without_a_unit() {
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(
            (seconds("5m"), seconds("1h"), seconds("7s")),
            (Ok(300), Ok(3600), Ok(7))
        );
        assert!(seconds("m").is_err() && seconds("1d").is_err() && seconds("99999999999999999999h").is_err());
        assert!(seconds("9999999999999999999h").is_err());
    }

    #[test]
    fn a_target_is_a_line_of_three_parts() {
        let target = read_target("xml\twords\tboth read the same").expect("it has three parts");
        assert!(target.dictionary && target.name == "xml" && target.holds == "both read the same");
        assert!(read_target("xml words").is_err());
    }
}
