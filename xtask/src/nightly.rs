//! Tasks that take too long for every change, for a nightly scheduler: longer fuzzing with and without a sanitizer,
//! known bugs in older versions of real emulators, profiles, the reference with the timing of the real service, drift
//! from what AWS publishes, and a part of the mutants.
//!
//! All steps run, even if one fails.

use anyhow::Result;

use crate::shell::{self, TaskOutcome};
use crate::steps::{self, TaskStep};
use crate::workspace::Workspace;
use crate::{drift, endpoints, fuzz, mutants};

#[derive(clap::Args)]
pub(crate) struct NightlyArgs {
    /// Which part of all mutants is tried this night, so that in N nights all are.
    #[arg(long, value_name = "K/N", default_value = "0/30")]
    shard: String,
    /// How long each target is fuzzed, with the sanitizer and without: seconds, or a number with s, m or h.
    #[arg(long, value_parser = fuzz::seconds, default_value = "5m")]
    fuzz_time: u64,
}

const STEPS: &[&TaskStep<NightlyArgs>] = &[
    &TaskStep {
        name: "fuzz",
        hint: "make the crash a regression test with `cargo xtask fuzz promote`, and mend what it shows",
        run: |workspace, args| fuzz::smoke(workspace, args.fuzz_time, fuzz::Sanitizer::None),
    },
    &TaskStep {
        name: "fuzz with the address sanitizer",
        hint: "it needs a toolchain that has the sanitizer: `rustup toolchain install nightly`",
        run: |workspace, args| fuzz::smoke(workspace, args.fuzz_time, fuzz::Sanitizer::Address),
    },
    &TaskStep {
        name: "known bugs",
        hint: "a known bug is no longer found, or is found in the version that fixes it: `cargo xtask endpoints known-bugs`",
        run: |workspace, _| endpoints::known_bugs(workspace),
    },
    &TaskStep {
        name: "profiles",
        hint: "run `cargo clippy` and `cargo test` with `--package stopcheck --features profiles`",
        run: |workspace, _| {
            let feature = ["--package", "stopcheck", "--features", "profiles", "--locked"];
            let mut clippy = workspace.cargo(&["clippy", "--all-targets"]);
            shell::run(clippy.args(feature).args(["--", "-D", "warnings"]))?;
            let mut tests = workspace.cargo(&["test", "--test", "command"]);
            shell::run(tests.args(feature).args(["--", "profiles"]))?;
            Ok(TaskOutcome::Good)
        },
    },
    &TaskStep {
        name: "credentials",
        hint: "run `cargo xtask endpoints credentials`",
        run: |workspace, _| endpoints::credentials(workspace),
    },
    &TaskStep {
        name: "like-aws",
        hint: "the named cases fail, or take too long, where waiting takes real time: `cargo xtask endpoints like-aws`",
        run: |workspace, _| endpoints::like_aws(workspace),
    },
    &TaskStep {
        name: "like-aws by a simulated clock",
        hint: "a variation is judged wrongly at a slow endpoint: `stopcheck selfcheck --like-aws --variation NAME`",
        run: |workspace, _| endpoints::like_aws_simulated(workspace),
    },
    &TaskStep {
        name: "kill and resume",
        hint: "a killed run loses or leaves something: `cargo xtask endpoints kill-resume`",
        run: |workspace, _| endpoints::kill_resume(workspace),
    },
    &TaskStep {
        name: "spec-drift",
        hint: "AWS publishes another model than the contract was made of: `cargo xtask spec-drift`",
        run: |workspace, _| drift::run(&drift::DriftArgs::default(), workspace),
    },
    &TaskStep {
        name: "mutants",
        hint: "kill the survivors with tests, or give a reason in xtask/mutants-accepted.toml",
        run: |workspace, args| mutants::run(&mutants::MutantsArgs::of_shard(&args.shard), workspace),
    },
];

pub(crate) fn run(args: &NightlyArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    Ok(steps::each(STEPS, workspace, args))
}
