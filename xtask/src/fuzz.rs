//! The fuzz targets: listed, built, run for long or for a moment, and replayed on one input.
//!
//! Runs on stable without a sanitizer: what is fuzzed is safe Rust, and that is five times faster. Findings of the
//! fuzzer land in `fuzz/artifacts`, new inputs in `target/fuzz-corpus`; the committed seeds are only read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::{self, Outcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// The names of the targets.
    List,
    /// Builds every target.
    Build,
    /// Runs one target until it finds something or the time is over.
    Run {
        /// The target.
        target: String,
        /// For how long; without it until interrupted.
        #[arg(long)]
        seconds: Option<u64>,
        /// More arguments for libFuzzer.
        #[arg(last = true)]
        libfuzzer: Vec<String>,
    },
    /// Runs every target for a moment.
    Smoke {
        /// How long each.
        #[arg(long, default_value_t = SMOKE_SECONDS)]
        seconds: u64,
    },
    /// Runs one input, or every seed, through a target.
    Replay {
        /// The target.
        target: String,
        /// Files, for instance from `fuzz/artifacts`; without any, the seeds.
        inputs: Vec<PathBuf>,
    },
}

/// How long a target runs in CI.
pub(crate) const SMOKE_SECONDS: u64 = 10;

pub(crate) fn run(args: &Args, workspace: &Workspace) -> Result<Outcome> {
    match &args.action {
        Action::List => {
            for target in targets(workspace)? {
                println!("{target}");
            }
            Ok(Outcome::Good)
        }
        Action::Build => {
            shell::run(cargo_fuzz(workspace)?.args(["build", "--sanitizer=none"]))?;
            Ok(Outcome::Good)
        }
        Action::Run {
            target,
            seconds,
            libfuzzer,
        } => {
            let mut options: Vec<String> = seconds
                .iter()
                .map(|seconds| format!("-max_total_time={seconds}"))
                .collect();
            options.extend(libfuzzer.iter().cloned());
            fuzz(workspace, target, &options)
        }
        Action::Smoke { seconds } => smoke(workspace, *seconds),
        Action::Replay { target, inputs } => replay(workspace, target, inputs),
    }
}

/// Runs every target for so long.
pub(crate) fn smoke(workspace: &Workspace, seconds: u64) -> Result<Outcome> {
    for target in targets(workspace)? {
        // A fixed seed: what fails here fails at the desk.
        let options = [format!("-max_total_time={seconds}"), "-seed=1337".to_owned()];
        if fuzz(workspace, &target, &options)? == Outcome::Bad {
            return Ok(Outcome::Bad);
        }
    }
    Ok(Outcome::Good)
}

fn fuzz(workspace: &Workspace, target: &str, options: &[String]) -> Result<Outcome> {
    let seeds = seeds(workspace, target)?;
    let grown = workspace.target("fuzz-corpus").join(target);
    fs::create_dir_all(&grown).with_context(|| format!("could not make {}", grown.display()))?;
    let mut command = cargo_fuzz(workspace)?;
    command
        .args(["run", "--sanitizer=none", target])
        .arg(&grown)
        .arg(&seeds);
    command
        .arg("--")
        .arg("-verbosity=0")
        .arg("-print_final_stats=1")
        .args(options);
    let status = shell::status(&mut command)?;
    if !status.success() {
        println!("`{}` ended with {status}", shell::line(&command));
        println!("repeat: cargo xtask fuzz replay {target} fuzz/artifacts/{target}/…");
    }
    Ok(Outcome::bad_if(!status.success()))
}

fn replay(workspace: &Workspace, target: &str, inputs: &[PathBuf]) -> Result<Outcome> {
    let inputs = if inputs.is_empty() {
        vec![seeds(workspace, target)?]
    } else {
        inputs.to_vec()
    };
    for input in inputs {
        let mut command = cargo_fuzz(workspace)?;
        command.args(["run", "--sanitizer=none", target]).arg(&input);
        command.args(["--", "-runs=0"]);
        if !shell::status(&mut command)?.success() {
            println!("{} still fails", input.display());
            return Ok(Outcome::Bad);
        }
    }
    Ok(Outcome::Good)
}

fn cargo_fuzz(workspace: &Workspace) -> Result<Command> {
    let mut command = workspace.command(tools::cargo_fuzz(workspace)?);
    command.arg("fuzz");
    Ok(command)
}

/// The seeds of a target, which are part of the work tree.
fn seeds(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    if !targets(workspace)?.iter().any(|known| known == target) {
        bail!("there is no target {target:?}; see `cargo xtask fuzz list`");
    }
    let seeds = workspace.path("fuzz/corpus").join(target);
    if !seeds.is_dir() {
        bail!("{} has no seeds in {}", target, seeds.display());
    }
    Ok(seeds)
}

fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    read_targets(&workspace.path("fuzz/Cargo.toml"))
}

fn read_targets(manifest: &Path) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(manifest).with_context(|| format!("could not read {}", manifest.display()))?;
    let manifest: Manifest =
        toml::from_str(&text).with_context(|| format!("could not read {}", manifest.display()))?;
    Ok(manifest.bin.into_iter().map(|bin| bin.name).collect())
}

/// What we read of the fuzz crate's manifest.
#[derive(Debug, Deserialize)]
struct Manifest {
    #[serde(default)]
    bin: Vec<Bin>,
}

#[derive(Debug, Deserialize)]
struct Bin {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds() {
        let workspace = Workspace::find().expect("we are in one");
        let targets = targets(&workspace).expect("the manifest reads");
        assert!(!targets.is_empty());
        for target in targets {
            let seeds = seeds(&workspace, &target).expect("it has seeds");
            assert!(
                fs::read_dir(seeds).expect("it is a folder").next().is_some(),
                "{target}"
            );
        }
    }
}
