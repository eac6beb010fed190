//! Runs `.clusterfuzzlite/build.sh` as ClusterFuzzLite and OSS-Fuzz do, but in a scratch folder and without a
//! container.
//!
//! The result must be usable there: libFuzzer programs that run from any folder, and seed archives that the programs
//! replay.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::{Target, targets};
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

/// The function that libFuzzer calls; a program without it is not a fuzz target.
const ENTRY: &[u8] = b"LLVMFuzzerTestOneInput";

pub(super) fn run(workspace: &Workspace) -> Result<TaskOutcome> {
    let scratch = workspace.target("fuzz-oss");
    let _ = fs::remove_dir_all(&scratch);
    let [src, out, work] = ["src", "out", "work"].map(|name| scratch.join(name));
    for folder in [&src, &out, &work] {
        fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    }
    let tree = src.join("stopcheck");
    symlink(workspace.path(""), &tree).with_context(|| format!("could not link {}", tree.display()))?;
    let cargo_fuzz = tools::cargo_fuzz(workspace)?;
    let mut path = vec![cargo_fuzz.parent().unwrap_or(Path::new("")).to_path_buf()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut build = workspace.command("bash");
    build
        .args(["-eu", ".clusterfuzzlite/build.sh"])
        // The script runs without this setting there.
        .env_remove("CARGO_TARGET_DIR")
        .env("SRC", &src)
        .env("OUT", &out)
        .env("WORK", &work)
        .env("SANITIZER", "none")
        .env("FUZZING_ENGINE", "libfuzzer")
        .env("ARCHITECTURE", env::consts::ARCH)
        .env("PATH", env::join_paths(path)?);
    shell::run(&mut build)?;
    let mut outcome = TaskOutcome::Good;
    for target in targets(workspace)? {
        match look_at(workspace, &target, &out, &work) {
            Ok(inputs) => println!("{:10} runs, and replays {inputs} seeds", target.name),
            Err(error) => {
                println!("{:10} {error:#}", target.name);
                outcome = TaskOutcome::Bad;
            }
        }
    }
    Ok(outcome)
}

/// Verifies a built target; returns the number of seeds it replayed.
fn look_at(workspace: &Workspace, target: &Target, out: &Path, work: &Path) -> Result<usize> {
    let program = out.join(&target.name);
    let bytes = fs::read(&program).with_context(|| format!("could not read {}", program.display()))?;
    let has_entry = bytes.windows(ENTRY.len()).any(|window| window == ENTRY);
    anyhow::ensure!(has_entry, "{} is no program of libFuzzer", program.display());
    let mut help = workspace.command(&program);
    // Run from another folder: only the contents of OUT exist where the program will run.
    help.arg("-help=1")
        .current_dir(work)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    anyhow::ensure!(shell::status(&mut help)?.success(), "-help=1 fails");
    let seeds = work.join(&target.name);
    let mut unpack = workspace.command("python3");
    unpack
        .args(["-m", "zipfile", "-e"])
        .arg(out.join(format!("{}_seed_corpus.zip", target.name)))
        .arg(&seeds);
    shell::capture(&mut unpack)?;
    let options = out.join(format!("{}.options", target.name));
    anyhow::ensure!(options.is_file(), "{} is missing", options.display());
    let mut replay = workspace.command(&program);
    replay
        .arg("-runs=0")
        .arg(format!(
            "-dict={}",
            out.join(format!("{}.dict", target.name)).display()
        ))
        .arg(&seeds)
        .current_dir(work);
    shell::capture(&mut replay)?;
    Ok(fs::read_dir(&seeds)?.count())
}
