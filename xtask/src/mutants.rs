//! Mutation testing of our own code: runs cargo-mutants over the code that reads and judges answers, as configured in
//! `.cargo/mutants.toml`, and compares the survivors with `xtask/mutants-accepted.toml`.
//!
//! ```text
//! survived  harness/core/src/contract/range.rs:48:102: replace < with <= in Range::holds_in
//! 33 mutants: 25 caught, 3 survived (2 accepted), 1 timed out, 4 unviable; 86.2 % of the 29 viable were caught
//! ```
//!
//! Each mutant is first tested with the unit tests of the mutated code, which take ten seconds. The survivors are
//! tested with all judging tests, including planted faults and goldens. All mutants together take hours; `cargo xtask
//! mutants --shard 0/100` runs a sample. A mutant that makes the tests hang is detected only by the timeout: it is
//! counted separately and does not decide.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

const ACCEPTED: &str = "xtask/mutants-accepted.toml";

/// Limits memory: a loop that a mutant keeps from ending may allocate until the machine has no memory left. No compiler
/// here needs 8 GiB in one process.
const LIMITED: &str = r#"ulimit -v 8388608 && exec "$0" "$@""#;

#[derive(Default, clap::Args)]
pub(crate) struct MutantsArgs {
    /// A part of all, for instance 0/50: a sample of every file.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only mutants whose names match, for instance `harness/core/src/(check|model)/`; may be given more than once.
    #[arg(long, value_name = "REGEX")]
    re: Vec<String>,
    /// More arguments for cargo-mutants, for instance `--jobs 2`, `--timeout 30` or `--list`.
    #[arg(last = true)]
    mutants: Vec<String>,
}

impl MutantsArgs {
    /// The arguments for one shard.
    pub(crate) fn of_shard(shard: &str) -> MutantsArgs {
        MutantsArgs {
            shard: Some(shard.to_owned()),
            ..MutantsArgs::default()
        }
    }
}

/// The set of tests that a mutant is run against.
struct Pass {
    name: &'static str,
    /// The packages whose tests run.
    packages: &'static [&'static str],
    /// Arguments for cargo, when it builds and when it tests.
    targets: &'static [&'static str],
    /// Arguments for the test programs.
    tests: &'static [&'static str],
}

/// The unit tests of the mutated code: they catch most mutants, in seconds.
const UNITS: Pass = Pass {
    name: "units",
    packages: &["stopcheck-core"],
    targets: &["--lib"],
    tests: &["check::", "contract::", "model::", "protocol::"],
};

/// All judging tests. The tests of the command are left out, since they start processes and use the same judge; so is
/// the search through thousands of scripts, which takes longer than all other tests together.
const ALL: Pass = Pass {
    name: "all",
    packages: &["stopcheck-core", "stopcheck"],
    targets: &[
        "--lib", "--test", "faults", "--test", "golden", "--test", "recorded",
    ],
    tests: &["--skip", "random::faults_of_sequences"],
};

pub(crate) fn run(args: &MutantsArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let text =
        fs::read_to_string(workspace.path(ACCEPTED)).with_context(|| format!("could not read {ACCEPTED}"))?;
    let accepted = Accepted::parse(&text).with_context(|| format!("could not read {ACCEPTED}"))?;
    let mut chosen: Vec<String> = args.re.iter().map(|re| format!("--re={re}")).collect();
    chosen.extend(args.shard.iter().map(|shard| format!("--shard={shard}")));
    let Some(first) = UNITS.run(&chosen, args, workspace)? else {
        // `--list` and similar arguments run no mutant.
        return Ok(TaskOutcome::Good);
    };
    let missed: Vec<String> = first.missed().map(exactly).collect();
    let second = if missed.is_empty() {
        None
    } else {
        ALL.run(&missed, args, workspace)?
    };
    let tally = Tally::of(first.and_then(second), &accepted)?;
    print!("{}", tally.describe());
    Ok(TaskOutcome::bad_if(!tally.survived.is_empty()))
}

impl Pass {
    /// Runs the chosen mutants against these tests. Returns `None` if no mutant was run.
    fn run(&self, chosen: &[String], args: &MutantsArgs, workspace: &Workspace) -> Result<Option<Outcomes>> {
        let folder = workspace.target("mutation").join(self.name);
        let outcomes = folder.join("mutants.out/outcomes.json");
        fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        // The output of an earlier run must not be mistaken for the output of this one.
        if outcomes.exists() {
            fs::remove_file(&outcomes).with_context(|| format!("could not remove {}", outcomes.display()))?;
        }
        let mut command = workspace.command("sh");
        command
            .args(["-c", LIMITED])
            .arg(tools::cargo_mutants(workspace)?);
        command.args(["mutants", "--package", "stopcheck-core", "--output"]);
        command.arg(&folder).args(chosen);
        command.args(
            self.packages
                .iter()
                .map(|package| format!("--test-package={package}")),
        );
        command.args(self.targets.iter().map(|target| format!("--cargo-arg={target}")));
        command.args(&args.mutants).arg("--").arg("--").args(self.tests);
        let status = shell::status(&mut command)?;
        match status.code() {
            // All caught, some missed, some timed out.
            Some(0 | 2 | 3) => {}
            Some(4) => bail!("the tests fail without any mutant; see {}", folder.display()),
            _ => bail!("`{}` ended with {status}", shell::line(&command)),
        }
        if !outcomes.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&outcomes)
            .with_context(|| format!("could not read {}", outcomes.display()))?;
        let read = serde_json::from_str(&text)
            .with_context(|| format!("could not understand {}", outcomes.display()))?;
        Ok(Some(read))
    }
}

/// A pattern for cargo-mutants that matches only the mutant with this name.
fn exactly(name: &str) -> String {
    let mut pattern = String::from("--re=^");
    for letter in name.chars() {
        if letter.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('$');
    pattern
}

/// A mutant without its line number: lines move, and an accepted mutant stays accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    file: String,
    mutant: String,
}

/// The accepted survivors.
#[derive(Debug, Default)]
struct Accepted(BTreeMap<Key, Permit>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Permit {
    times: usize,
    reason: String,
}

impl Accepted {
    fn parse(text: &str) -> Result<Accepted> {
        let file: AcceptedFile = toml::from_str(text)?;
        let mut accepted = BTreeMap::new();
        for line in file.accepted {
            if line.reason.trim().is_empty() {
                bail!("{:?} is accepted without a reason", line.mutant);
            }
            if line.times == 0 {
                bail!("{:?} is accepted no times", line.mutant);
            }
            let key = Key {
                file: line.file,
                mutant: line.mutant,
            };
            let permit = Permit {
                times: line.times,
                reason: line.reason,
            };
            if let Some(before) = accepted.insert(key.clone(), permit) {
                bail!("{:?} is listed twice, also for {:?}", key.mutant, before.reason);
            }
        }
        Ok(Accepted(accepted))
    }
}

/// The results of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    caught: usize,
    timed_out: Vec<String>,
    unviable: usize,
    /// Each with its reason.
    accepted: Vec<(String, String)>,
    survived: Vec<String>,
    /// Accepted mutants that the tests catch now, in every place that was tried.
    caught_by_now: Vec<Key>,
}

impl Tally {
    fn of(outcomes: Outcomes, accepted: &Accepted) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut survivors: BTreeMap<Key, usize> = BTreeMap::new();
        let mut tried: Vec<Key> = Vec::new();
        for outcome in outcomes.outcomes {
            let Scenario::Mutant(mutant) = outcome.scenario else {
                continue;
            };
            let key = mutant.key();
            match outcome.summary.as_str() {
                "CaughtMutant" => tally.caught += 1,
                "Timeout" => tally.timed_out.push(mutant.name),
                "Unviable" => {
                    tally.unviable += 1;
                    continue;
                }
                MISSED => {
                    let times = survivors.entry(key.clone()).or_default();
                    *times += 1;
                    match accepted.0.get(&key) {
                        Some(permit) if *times <= permit.times => {
                            tally.accepted.push((mutant.name, permit.reason.clone()));
                        }
                        Some(_) | None => tally.survived.push(mutant.name),
                    }
                }
                other => bail!("unknown outcome {other:?} of {}", mutant.name),
            }
            tried.push(key);
        }
        tally.caught_by_now = accepted
            .0
            .keys()
            .filter(|key| tried.contains(key) && !survivors.contains_key(*key))
            .cloned()
            .collect();
        Ok(tally)
    }

    /// One line for each mutant that was not simply caught, and a summary line.
    fn describe(&self) -> String {
        let mut text = String::new();
        for name in &self.timed_out {
            let _ = writeln!(text, "timed out {name}");
        }
        for (name, reason) in &self.accepted {
            let _ = writeln!(text, "accepted  {name}  ({reason})");
        }
        for key in &self.caught_by_now {
            let _ = writeln!(
                text,
                "note: {}: {} is accepted in {ACCEPTED}, and was caught",
                key.file, key.mutant
            );
        }
        for name in &self.survived {
            let _ = writeln!(text, "survived  {name}");
        }
        let survived = self.survived.len() + self.accepted.len();
        let viable = self.caught + survived + self.timed_out.len();
        let _ = write!(
            text,
            "{} mutants: {} caught, {survived} survived ({} accepted), {} timed out, {} unviable",
            viable + self.unviable,
            self.caught,
            self.accepted.len(),
            self.timed_out.len(),
            self.unviable,
        );
        // Tenths of a percent, rounded down: 100 means that all were caught.
        if let Some(tenths) = (self.caught * 1000).checked_div(viable) {
            let _ = write!(
                text,
                "; {}.{} % of the {viable} viable were caught",
                tenths / 10,
                tenths % 10
            );
        }
        text.push('\n');
        text
    }
}

impl Mutant {
    /// The mutant without its position: `FILE:LINE:COLUMN: what is changed`.
    fn key(&self) -> Key {
        let mutant = self
            .name
            .strip_prefix(&self.file)
            .and_then(|rest| rest.split_once(": "))
            .map_or(self.name.as_str(), |(_place, mutant)| mutant);
        Key {
            file: self.file.clone(),
            mutant: mutant.to_owned(),
        }
    }
}

/// The format of the list of accepted survivors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedFile {
    #[serde(default)]
    accepted: Vec<AcceptedLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedLine {
    file: String,
    mutant: String,
    #[serde(default = "once")]
    times: usize,
    reason: String,
}

fn once() -> usize {
    1
}

/// The outcome that cargo-mutants reports if no test failed.
const MISSED: &str = "MissedMutant";

/// The parts of cargo-mutants' `outcomes.json` that are used.
#[derive(Debug, Deserialize)]
struct Outcomes {
    outcomes: Vec<MutantOutcome>,
}

impl Outcomes {
    /// The mutants that no test caught.
    fn missed(&self) -> impl Iterator<Item = &str> {
        let missed = self.outcomes.iter().filter(|outcome| outcome.summary == MISSED);
        missed.filter_map(MutantOutcome::mutant)
    }

    /// Merges the outcomes of a later pass, which replace those of this pass for the same mutants.
    fn and_then(mut self, later: Option<Outcomes>) -> Outcomes {
        let later = later.map_or_else(Vec::new, |later| later.outcomes);
        let again: BTreeSet<&str> = later.iter().filter_map(MutantOutcome::mutant).collect();
        self.outcomes
            .retain(|outcome| outcome.mutant().is_none_or(|mutant| !again.contains(mutant)));
        self.outcomes.extend(later);
        self
    }
}

#[derive(Debug, Deserialize)]
struct MutantOutcome {
    scenario: Scenario,
    summary: String,
}

impl MutantOutcome {
    fn mutant(&self) -> Option<&str> {
        match &self.scenario {
            Scenario::Mutant(mutant) => Some(&mutant.name),
            Scenario::Baseline => None,
        }
    }
}

#[derive(Debug, Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Mutant),
}

#[derive(Debug, Deserialize)]
struct Mutant {
    name: String,
    file: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LESS: &str = "replace < with <= in Range::holds_in";

    fn outcomes(mutants: &[(&str, &str)]) -> Outcomes {
        let mut all = vec![r#"{"scenario": "Baseline", "summary": "Success", "log_path": "x"}"#.to_owned()];
        all.extend(mutants.iter().enumerate().map(|(line, (mutant, summary))| {
            format!(
                r#"{{"scenario": {{"Mutant": {{"name": "a/range.rs:{line}:9: {mutant}", "file": "a/range.rs",
                "genre": "BinaryOperator"}}}}, "summary": "{summary}", "phase_results": []}}"#
            )
        }));
        let text = format!(r#"{{"outcomes": [{}], "total_mutants": 0}}"#, all.join(","));
        serde_json::from_str(&text).expect("these are outcomes")
    }

    fn accepted(times: usize) -> Accepted {
        Accepted::parse(&format!(
            "[[accepted]]\nfile = \"a/range.rs\"\nmutant = \"{LESS}\"\ntimes = {times}\nreason = \"equal there\"\n"
        ))
        .expect("it is a list")
    }

    fn tally(mutants: &[(&str, &str)], accepted: &Accepted) -> Tally {
        Tally::of(outcomes(mutants), accepted).expect("the outcomes are known")
    }

    #[test]
    fn a_run_is_summed_up_and_the_baseline_is_no_mutant() {
        let tally = tally(
            &[
                ("replace a", "CaughtMutant"),
                ("replace b", "CaughtMutant"),
                ("replace c", "MissedMutant"),
                (LESS, "MissedMutant"),
                ("replace d", "Timeout"),
                ("replace e", "Unviable"),
            ],
            &accepted(1),
        );
        assert_eq!(
            tally.describe(),
            "timed out a/range.rs:4:9: replace d\n\
             accepted  a/range.rs:3:9: replace < with <= in Range::holds_in  (equal there)\n\
             survived  a/range.rs:2:9: replace c\n\
             6 mutants: 2 caught, 2 survived (1 accepted), 1 timed out, 1 unviable; 40.0 % of the 5 viable were caught\n"
        );
    }

    #[test]
    fn who_survives_the_units_is_judged_by_all_tests() {
        let first = outcomes(&[
            ("replace a", "CaughtMutant"),
            (LESS, MISSED),
            ("replace c", MISSED),
        ]);
        let missed: Vec<&str> = first.missed().collect();
        assert_eq!(
            missed,
            [
                "a/range.rs:1:9: replace < with <= in Range::holds_in",
                "a/range.rs:2:9: replace c"
            ]
        );
        assert_eq!(
            exactly("a/range.rs:1:9: replace < with <="),
            r"--re=^a\/range\.rs\:1\:9\: replace \< with \<\=$"
        );
        let second = outcomes(&[
            ("none", "Unviable"),
            (LESS, "CaughtMutant"),
            ("replace c", MISSED),
        ]);
        let tally =
            Tally::of(first.and_then(Some(second)), &Accepted::default()).expect("the outcomes are known");
        assert_eq!((tally.caught, tally.unviable, tally.survived.len()), (2, 1, 1));
    }

    #[test]
    fn a_run_without_mutants_has_no_percentage() {
        assert_eq!(
            tally(&[], &Accepted::default()).describe(),
            "0 mutants: 0 caught, 0 survived (0 accepted), 0 timed out, 0 unviable\n"
        );
    }

    #[test]
    fn more_survivors_of_a_name_than_are_accepted_have_survived() {
        let both = [(LESS, "MissedMutant"), (LESS, "MissedMutant")];
        assert!(tally(&both, &accepted(2)).survived.is_empty());
        assert_eq!(
            tally(&both, &accepted(1)).survived,
            ["a/range.rs:1:9: replace < with <= in Range::holds_in"]
        );
    }

    #[test]
    fn an_accepted_mutant_that_is_caught_by_now_is_told() {
        let caught = tally(&[(LESS, "CaughtMutant")], &accepted(1));
        assert!(
            caught.describe().starts_with("note: a/range.rs: replace <"),
            "{}",
            caught.describe()
        );
        assert_eq!(
            tally(&[("replace a", "CaughtMutant")], &accepted(1)).caught_by_now,
            []
        );
    }

    #[test]
    fn an_outcome_that_we_do_not_know_is_an_error() {
        assert!(Tally::of(outcomes(&[("replace a", "Shrugged")]), &Accepted::default()).is_err());
    }

    #[test]
    fn nothing_is_accepted_without_a_reason_or_twice() {
        let line = "[[accepted]]\nfile = \"a\"\nmutant = \"b\"\nreason = \"c\"\n";
        assert!(Accepted::parse(line).is_ok());
        assert!(Accepted::parse(&format!("{line}{line}")).is_err());
        assert!(Accepted::parse(&line.replace("\"c\"", "\" \"")).is_err());
        assert!(Accepted::parse(&format!("{line}times = 0\n")).is_err());
    }

    #[test]
    fn the_list_of_accepted_survivors_reads_and_names_files_that_there_are() {
        let workspace = Workspace::find().expect("we are in one");
        let text = fs::read_to_string(workspace.path(ACCEPTED)).expect("it is there");
        for key in Accepted::parse(&text).expect("it is a list").0.keys() {
            assert!(workspace.path(&key.file).is_file(), "{}", key.file);
        }
    }
}
