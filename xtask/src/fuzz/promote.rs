//! Turns a crash into a regression test: shortens it, names it after the failure, and stores it with the others.
//!
//! The tests of the library replay `fuzz/regressions/TARGET`, and every fuzzer run starts with it, so one file is both
//! the test and the corpus entry.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::engine::{Engine, Sanitizer};
use super::{example, find, size};
use crate::shell::TaskOutcome;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(super) struct PromoteArgs {
    /// The crash, for instance `fuzz/artifacts/xml/crash-…`; its folder names the target.
    crash: PathBuf,
    /// What it is called from now on; by default after what went wrong.
    #[arg(long)]
    name: Option<String>,
    /// How long it may take to shorten it: seconds, or a number with s, m or h.
    #[arg(long, value_parser = super::seconds, default_value_t = 20)]
    time: u64,
}

pub(super) fn run(args: &PromoteArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let crash = args
        .crash
        .canonicalize()
        .with_context(|| format!("could not find {}", args.crash.display()))?;
    let folder = crash.parent().and_then(Path::file_name).unwrap_or_default();
    let target = find(workspace, &folder.to_string_lossy())?;
    let engine = Engine::build(workspace, Sanitizer::None, Some(&target))?;
    let short = workspace.target("fuzz-tmin").join(&target.name);
    engine.shorten(&target, &crash, &short, args.time)?;
    let what = complaint(workspace, &target.name, &short)?;
    let name = match &args.name {
        Some(name) => slug(name),
        None => slug(&what),
    };
    let regressions = workspace.path("fuzz/regressions").join(&target.name);
    fs::create_dir_all(&regressions).with_context(|| format!("could not make {}", regressions.display()))?;
    let kept = regressions.join(name);
    if kept.exists() {
        bail!(
            "{} is there already; give this one another --name",
            kept.display()
        );
    }
    fs::copy(&short, &kept).with_context(|| format!("could not write {}", kept.display()))?;
    println!("{what}");
    println!(
        "{} bytes of {} are left: {}",
        size(&kept)?,
        size(&crash)?,
        kept.display()
    );
    println!(
        "it fails until it is mended: cargo test -p stopcheck --lib fuzzing::tests::every_input_of::{}",
        target.name
    );
    Ok(TaskOutcome::Good)
}

/// The failure message of an input: the first line of its panic.
fn complaint(workspace: &Workspace, target: &str, input: &Path) -> Result<String> {
    let mut replay = example(workspace);
    replay
        .args(["replay", target])
        .arg(input)
        .env("RUST_BACKTRACE", "0");
    let output = replay.output().context("could not replay the crash")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        bail!(
            "the fuzzer says that {} fails, and without a fuzzer it does not",
            input.display()
        );
    }
    Ok(first_words(&said))
}

/// The message of a panic, without its location.
fn first_words(said: &str) -> String {
    let mut lines = said.lines().skip_while(|line| !line.contains("panicked at"));
    let place = lines.next().unwrap_or("it fails");
    lines.next().unwrap_or(place).to_owned()
}

/// A file name: lower-case words, limited in number.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            out.push(letter.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= LONGEST_NAME {
            break;
        }
    }
    match out.trim_end_matches('-') {
        "" => "crash".to_owned(),
        name => name.to_owned(),
    }
}

const LONGEST_NAME: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_called_after_what_went_wrong() {
        let said = "\nthread 'main' (7) panicked at src/a.rs:1:2:\nonly our reader refuses it: <&>\nnote: run with\n";
        assert_eq!(slug(&first_words(said)), "only-our-reader-refuses-it");
        assert_eq!(slug(&first_words("killed")), "it-fails");
        assert_eq!(slug("<>"), "crash");
        assert_eq!(slug(&"a b".repeat(40)).len(), LONGEST_NAME);
    }
}
