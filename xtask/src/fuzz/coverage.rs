//! Measures the line coverage of the committed inputs, with the LLVM tools that match the compiler.
//!
//! The example `fuzz` is built with coverage counters and replays every input. The result is printed for each module
//! that reads bytes from outside; `--missed` also prints the lines that are not reached.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{committed, targets};
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(super) struct CoverageArgs {
    /// Only these targets; without any, all.
    targets: Vec<String>,
    /// Tells the lines that are not reached, too.
    #[arg(long)]
    missed: bool,
    /// Fails if a module that reads bytes from outside is reached less, in percent.
    #[arg(long)]
    least: Option<f64>,
}

/// The modules that read bytes from outside: a name, and the path prefixes of their files.
const MODULES: &[(&str, &str)] = &[
    ("wire", "harness/core/src/wire/"),
    ("protocol", "harness/core/src/protocol/"),
    ("XML reader", "harness/core/src/protocol/xml"),
    ("journal", "harness/core/src/journal"),
    ("contract loading", "harness/core/src/contract/"),
];

pub(super) fn run(args: &CoverageArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let tools = tools::llvm(workspace)?;
    let folder = workspace.target("fuzz-coverage");
    let profiles = folder.join("profiles");
    let build_profiles = folder.join("build-profiles");
    for folder in [&profiles, &build_profiles] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    }
    let mut build = workspace.cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--package",
        "stopcheck",
        "--example",
        "fuzz",
    ]);
    build
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", "-C instrument-coverage")
        // Build scripts and procedural macros have counters too. By default they write them to their working directory,
        // which is the root; LLVM's runtime replaces `%m` with a number for the program and `%p` with the process id.
        // These counters are not part of the report.
        .env(PROFILE_FILE, build_profiles.join("%m-%p.profraw"));
    shell::run(&mut build)?;
    let program = folder.join("debug/examples/fuzz");
    for target in targets(workspace)? {
        if !args.targets.is_empty() && !args.targets.contains(&target.name) {
            continue;
        }
        let mut replay = workspace.command(&program);
        replay
            .args(["replay", &target.name])
            .args(committed(workspace, &target)?)
            .env(PROFILE_FILE, profiles.join(format!("{}.profraw", target.name)));
        shell::run(&mut replay)?;
    }
    let merged = folder.join("all.profdata");
    let mut merge = Command::new(tools.join("llvm-profdata"));
    merge.args(["merge", "--sparse", "-o"]).arg(&merged);
    for entry in fs::read_dir(&profiles)? {
        merge.arg(entry?.path());
    }
    shell::run(&mut merge)?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export
        .args(["export", "--format=lcov"])
        .arg("--instr-profile")
        .arg(&merged)
        .arg(&program);
    let lcov = shell::capture(&mut export)?;
    let report = Report::of(workspace, &read_lcov(&lcov)?)?;
    report.print(args.missed);
    Ok(match args.least {
        Some(least) => TaskOutcome::bad_if(report.modules.iter().any(|(_, reach)| reach.percent() < least)),
        None => TaskOutcome::Good,
    })
}

/// The variable that names the file to which an instrumented program writes its counters when it ends.
const PROFILE_FILE: &str = "LLVM_PROFILE_FILE";

/// For each file, the lines that count, and whether they were reached.
type Lines = BTreeMap<PathBuf, BTreeMap<usize, bool>>;

fn read_lcov(text: &str) -> Result<Lines> {
    let mut all = Lines::new();
    let mut file = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = Some(PathBuf::from(path));
        } else if let (Some(data), Some(file)) = (line.strip_prefix("DA:"), &file) {
            let mut parts = data.split(',');
            let number = parts.next().and_then(|number| number.parse().ok());
            let times = parts.next().and_then(|times| times.parse::<u64>().ok());
            let (Some(number), Some(times)) = (number, times) else {
                bail!("llvm-cov told a line that cannot be read: {line:?}");
            };
            let reached = all.entry(file.clone()).or_default().entry(number).or_default();
            *reached |= times > 0;
        }
    }
    Ok(all)
}

/// The number of lines, and the lines that are not reached.
#[derive(Debug, Default)]
struct Reach {
    lines: usize,
    missed: BTreeMap<String, Vec<usize>>,
}

impl Reach {
    fn percent(&self) -> f64 {
        let missed: usize = self.missed.values().map(Vec::len).sum();
        #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
        let percent = 100.0 * (self.lines - missed) as f64 / self.lines.max(1) as f64;
        percent
    }

    fn add(&mut self, path: &str, lines: &BTreeMap<usize, bool>) {
        self.lines += lines.len();
        let missed: Vec<usize> = lines
            .iter()
            .filter(|(_, reached)| !**reached)
            .map(|(line, _)| *line)
            .collect();
        if !missed.is_empty() {
            self.missed.insert(path.to_owned(), missed);
        }
    }
}

struct Report {
    modules: Vec<(&'static str, Reach)>,
    /// The coverage of every top-level module, whether it reads bytes from outside or not.
    floors: BTreeMap<String, Reach>,
}

impl Report {
    fn of(workspace: &Workspace, all: &Lines) -> Result<Report> {
        let mut modules: Vec<(&str, Reach)> = MODULES
            .iter()
            .map(|(name, _)| (*name, Reach::default()))
            .collect();
        let mut floors: BTreeMap<String, Reach> = BTreeMap::new();
        for (path, lines) in all {
            let Ok(path) = path.strip_prefix(workspace.path("")) else {
                continue;
            };
            let told = path.to_string_lossy().into_owned();
            let Some(floor) = told
                .strip_prefix("harness/core/src/")
                .or_else(|| told.strip_prefix("harness/src/"))
                .and_then(|rest| rest.split(['/', '.']).next())
            else {
                continue;
            };
            let lines = without_tests(&workspace.path(&told), lines)?;
            floors.entry(floor.to_owned()).or_default().add(&told, &lines);
            for ((_, reach), (_, prefix)) in modules.iter_mut().zip(MODULES) {
                if told.starts_with(prefix) {
                    reach.add(&told, &lines);
                }
            }
        }
        Ok(Report { modules, floors })
    }

    fn print(&self, missed: bool) {
        println!("{:18} {:>7} {:>8}", "module", "lines", "reached");
        for (name, reach) in &self.modules {
            println!("{name:18} {:>7} {:>6.1} %", reach.lines, reach.percent());
        }
        println!();
        for (name, reach) in &self.floors {
            println!("{name:18} {:>7} {:>6.1} %", reach.lines, reach.percent());
        }
        if !missed {
            return;
        }
        let mut told = BTreeSet::new();
        for (path, lines) in self.modules.iter().flat_map(|(_, reach)| &reach.missed) {
            if told.insert(path) {
                println!("{path}: {}", stretches(lines));
            }
        }
    }
}

/// The lines before the tests of a file; inputs are not expected to reach tests.
fn without_tests(path: &Path, lines: &BTreeMap<usize, bool>) -> Result<BTreeMap<usize, bool>> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let tests = text
        .lines()
        .position(|line| line.trim() == "#[cfg(test)]")
        .map(|at| at + 1);
    let end = match tests {
        Some(at)
            if text
                .lines()
                .nth(at)
                .is_some_and(|line| line.trim_start().starts_with("mod tests {")) =>
        {
            at
        }
        Some(_) | None => usize::MAX,
    };
    Ok(lines
        .range(..end)
        .map(|(line, reached)| (*line, *reached))
        .collect())
}

/// Formats line numbers as `3, 7–9`.
fn stretches(lines: &[usize]) -> String {
    let mut all: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match all.last_mut() {
            Some((_, end)) if *end + 1 == *line => *end = *line,
            Some(_) | None => all.push((*line, *line)),
        }
    }
    let words: Vec<String> = all
        .into_iter()
        .map(|(start, end)| {
            if start == end {
                start.to_string()
            } else {
                format!("{start}–{end}")
            }
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_reached_if_any_copy_of_them_is() {
        let text =
            "SF:/w/a.rs\nFN:1,f\nDA:1,0\nDA:2,7\nend_of_record\nSF:/w/a.rs\nDA:1,3\nDA:4,0\nend_of_record\n";
        let all = read_lcov(text).expect("it is well written");
        let mut reach = Reach::default();
        reach.add("a.rs", all.get(Path::new("/w/a.rs")).expect("the file is told"));
        assert_eq!((reach.lines, reach.missed.get("a.rs")), (3, Some(&vec![4])));
        assert!((reach.percent() - 66.6).abs() < 0.1);
        assert!(read_lcov("SF:a\nDA:x").is_err());
    }

    #[test]
    fn lines_in_a_row_are_told_as_one_stretch() {
        assert_eq!(stretches(&[3, 7, 8, 9, 11]), "3, 7–9, 11");
    }
}
