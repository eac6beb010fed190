//! The continuous integration task: runs every step in order, with its duration, and stops at the first failure.
//!
//! The cheap and informative steps come first. Every step is a command that a person can type, or a task of this
//! program; a failure names it. Steps that take hours run at night (`nightly`).

use std::process::Command;

use anyhow::Result;

use crate::shell::{self, TaskOutcome};
use crate::steps::{self, TaskStep};
use crate::workspace::Workspace;
use crate::{action, clients, endpoints, fuzz, reports, tidy, tools, wheel};

#[derive(clap::Args)]
pub(crate) struct CiArgs {
    /// Leaves out what needs the network or much time: tools that are absent, fuzzing, real endpoints and clients.
    #[arg(long)]
    quick: bool,
}

/// When a step is included.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// It needs the network.
    Full,
    /// It replaces a step that needs the network.
    Quick,
}

/// The scope of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Full,
    Quick,
}

const STEPS: &[(When, TaskStep<Pace>)] = &[
    (
        When::Always,
        TaskStep {
            name: "format",
            hint: "run `cargo fmt --all`, and in fuzz/ too",
            run: |workspace, _| {
                all(&mut [
                    workspace.cargo(&["fmt", "--all", "--check"]),
                    workspace.cargo(&["fmt", "--all", "--check", "--manifest-path", "fuzz/Cargo.toml"]),
                ])
            },
        },
    ),
    (
        When::Always,
        TaskStep {
            name: "clippy",
            hint: "run `cargo clippy --workspace --all-targets`; a lint that must stay gets #[expect] with a reason",
            run: |workspace, _| {
                let lint = ["--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
                let mut house = workspace.cargo(&["clippy", "--workspace"]);
                house.args(lint);
                let mut fuzz = workspace.cargo(&["clippy", "--manifest-path", "fuzz/Cargo.toml"]);
                shared_target(workspace, &mut fuzz).args(lint);
                all(&mut [house, fuzz])
            },
        },
    ),
    (
        When::Always,
        TaskStep {
            name: "rustdoc",
            hint: "run `cargo doc --workspace --no-deps`",
            run: |workspace, _| {
                let mut doc = workspace.cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
                doc.env("RUSTDOCFLAGS", "-D warnings");
                all(&mut [doc])
            },
        },
    ),
    (
        When::Always,
        TaskStep {
            name: "tidy",
            hint: "each line above names the file and the rule; run `cargo xtask tidy`",
            run: |workspace, pace| {
                let offline = *pace == Pace::Quick;
                tidy::run(&tidy::TidyArgs { offline }, workspace)
            },
        },
    ),
    (
        When::Always,
        TaskStep {
            name: "tests",
            hint: "run `cargo test --workspace`; snapshots are reviewed with `cargo insta review`",
            run: |workspace, _| {
                let mut tests = workspace.cargo(&["test", "--workspace", "--locked"]);
                // Many tests wait for a server that is slow on purpose; other tests can use the cores meanwhile.
                let cores = std::thread::available_parallelism().map_or(2, usize::from);
                tests.env("RUST_TEST_THREADS", (2 * cores).to_string());
                all(&mut [tests])
            },
        },
    ),
    (
        // In a full run, `fuzz oss` replays the same inputs.
        When::Quick,
        TaskStep {
            name: "fuzz replay",
            hint: "an input that once failed fails again; replay it with `cargo xtask fuzz replay TARGET FILE`",
            run: |workspace, _| fuzz::replay_all(workspace),
        },
    ),
    (
        When::Quick,
        TaskStep {
            name: "fuzz build",
            hint: "run `cargo build` in fuzz/",
            run: |workspace, _| {
                let mut build = workspace.cargo(&[
                    "build",
                    "--locked",
                    "--quiet",
                    "--manifest-path",
                    "fuzz/Cargo.toml",
                ]);
                shared_target(workspace, &mut build);
                all(&mut [build])
            },
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "fuzz smoke",
            hint: "make the crash a regression test with `cargo xtask fuzz promote`, and mend what it shows",
            run: |workspace, _| fuzz::smoke(workspace, fuzz::SMOKE_SECONDS, fuzz::Sanitizer::None),
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "fuzz oss",
            hint: "run `cargo xtask fuzz oss`: what .clusterfuzzlite/build.sh leaves must run on its own",
            run: |workspace, _| fuzz::build_as_elsewhere(workspace),
        },
    ),
    (
        When::Always,
        TaskStep {
            name: "reference",
            hint: "run `cargo run --release -- run`: the embedded reference must be without findings",
            run: |workspace, _| {
                let stopcheck = tools::stopcheck(workspace, None)?;
                let mut run = workspace.command(stopcheck);
                run.arg("run");
                all(&mut [run])
            },
        },
    ),
    (
        When::Always,
        TaskStep {
            name: "selfcheck",
            hint: "run `cargo run --release -- selfcheck --golden golden/kill-matrix.txt`; a change that is meant is written with --bless",
            run: |workspace, _| {
                let stopcheck = tools::stopcheck(workspace, None)?;
                let mut run = workspace.command(stopcheck);
                run.args(["selfcheck", "--golden", "golden/kill-matrix.txt"]);
                all(&mut [run])
            },
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "reports",
            hint: "run `cargo xtask reports`, or `cargo xtask reports page --screenshots DIR` and look at them",
            run: |workspace, _| reports::run(&reports::ReportsArgs::default(), workspace),
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "endpoint moto",
            hint: "what is new is a false alarm or a finding, what is gone a blind check; then `cargo xtask endpoints moto --bless`",
            run: |workspace, _| endpoints::check(endpoints::Kind::Moto, workspace),
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "known deviations",
            hint: "run `cargo xtask endpoints known-files`: each line says with which exit code a run must end",
            run: |workspace, _| endpoints::known_files(workspace),
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "wheel",
            hint: "run `cargo xtask wheel`: what is installed from the wheel must do without Rust what the README shows",
            run: |workspace, _| wheel::run(&wheel::WheelArgs::default(), workspace),
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "action",
            hint: "run `cargo xtask action`; the steps are in .github/actions/stopcheck",
            run: |workspace, _| action::run(&action::ActionArgs::default(), workspace),
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "endpoint moto in slices",
            hint: "slices of a run, merged, must find what one run finds: `cargo xtask endpoints slices`",
            run: |workspace, _| endpoints::slices(workspace),
        },
    ),
    (
        When::Full,
        TaskStep {
            name: "clients",
            hint: "run `cargo xtask clients` with the name of the client",
            run: |workspace, _| {
                let args = clients::ClientsArgs {
                    clients: Vec::new(),
                    stopcheck: None,
                    endpoint_url: None,
                    terraform_mirror: None,
                };
                clients::run(&args, workspace)
            },
        },
    ),
];

pub(crate) fn run(args: &CiArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let pace = if args.quick { Pace::Quick } else { Pace::Full };
    let steps = STEPS
        .iter()
        .filter(|(when, _)| is_part(*when, pace))
        .map(|(_, step)| step);
    let outcome = steps::until_one_fails(&steps.collect::<Vec<_>>(), workspace, &pace);
    if outcome == TaskOutcome::Good && pace == Pace::Quick {
        println!("    (quick: without fuzzing, reports in a browser, real endpoints and clients)");
    }
    Ok(outcome)
}

fn is_part(when: When, pace: Pace) -> bool {
    match when {
        When::Always => true,
        When::Full => pace == Pace::Full,
        When::Quick => pace == Pace::Quick,
    }
}

/// Runs the commands one after another; returns an error at the first failure.
fn all(commands: &mut [Command]) -> Result<TaskOutcome> {
    for command in commands {
        shell::run(command)?;
    }
    Ok(TaskOutcome::Good)
}

/// The fuzz crate is a separate workspace; sharing the target folder lets it reuse most built dependencies.
fn shared_target<'a>(workspace: &Workspace, command: &'a mut Command) -> &'a mut Command {
    command.arg("--target-dir").arg(workspace.target(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_run_builds_the_fuzz_targets_and_a_full_one_runs_them() {
        let names = |pace| -> Vec<&str> {
            STEPS
                .iter()
                .filter(|(when, _)| is_part(*when, pace))
                .map(|(_, step)| step.name)
                .collect()
        };
        assert!(names(Pace::Quick).contains(&"fuzz build") && !names(Pace::Quick).contains(&"clients"));
        assert!(names(Pace::Full).contains(&"fuzz smoke") && !names(Pace::Full).contains(&"fuzz build"));
    }
}
