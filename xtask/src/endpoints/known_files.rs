//! Verifies with a real endpoint the exit codes of `stopcheck run --known`: only known deviations, a new one, one that is
//! gone or expired, mistakes in the file, a run that cannot be finished, nothing tested, and an interrupt.
//!
//! moto is started once. Its file of known deviations is changed in one way for each trial. All trials but one play a
//! single case, since each request takes time; an entry for a clause is gone only after all named cases.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::play::{Installed, Kind, dummy_credentials};
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

/// The clause that a terminated instance violates when it is stopped, and the case that shows it.
const CLAUSE: &str = "ERR-09";
const CASE: &[&str] = &["--phase=scenarios", "--case=stop/terminated"];

/// A clause that moto keeps.
const KEPT: &str = "DRY-04";

#[derive(Default, clap::Args)]
pub(super) struct KnownFilesArgs {
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    stopcheck: Option<PathBuf>,
}

/// One run with a file of known deviations, and what it must end with.
struct Trial {
    what: &'static str,
    /// The text of the file; `None` for the pack in the command.
    known: Option<String>,
    args: &'static [&'static str],
    code: i32,
    /// Whether the run is interrupted after its first case.
    interrupted: bool,
    /// What the output must have.
    says: Vec<String>,
    /// What it must not have.
    conceals: Vec<String>,
}

pub(super) fn run(args: &KnownFilesArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let kind = Kind::Moto;
    let pack = format!("specs/known/{}-{}.toml", kind.name(), kind.version());
    let pack = fs::read_to_string(workspace.path(&pack)).with_context(|| format!("could not read {pack}"))?;
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let endpoint = Installed::of(workspace, kind, kind.version())?;
    let (server, port) = endpoint.start(None)?;
    let file = workspace.target("endpoints/known.toml");
    let mut all_well = true;
    for trial in trials(&pack) {
        let trouble = trial.trouble(workspace, &stopcheck, port, &file)?;
        all_well &= trouble.is_empty();
        match trouble.as_slice() {
            [] => println!("exit code {}: {}", trial.code, trial.what),
            trouble => println!(
                "NOT as it should be: {}\n    {}",
                trial.what,
                trouble.join("\n    ")
            ),
        }
    }
    drop(server);
    Ok(TaskOutcome::bad_if(!all_well))
}

fn trials(pack: &str) -> Vec<Trial> {
    let trial = |what, known: Option<String>, code, says: &[&str]| Trial {
        what,
        known,
        args: CASE,
        code,
        interrupted: false,
        says: says.iter().map(|&text| text.to_owned()).collect(),
        conceals: Vec::new(),
    };
    let entry = |clause: &str, reason: &str| {
        format!("{pack}\n[[deviation]]\nclause = \"{clause}\"\nreason = \"{reason}\"\n")
    };
    let expired = pack.replace(
        &format!("\"{CLAUSE}\"\n"),
        &format!("\"{CLAUSE}\"\nexpires = 2001-02-03\n"),
    );
    vec![
        trial("only known deviations", None, 0, &["KNOWN: ", "AS KNOWN: "]),
        Trial {
            conceals: vec!["FAIL  RSP-02".to_owned(), "OUTDATED".to_owned()],
            ..trial(
                "a new deviation",
                Some(without(pack, CLAUSE)),
                1,
                &[&format!("FAIL  {CLAUSE}"), "DEVIATES: "],
            )
        },
        Trial {
            args: &["--phase=scenarios"],
            conceals: vec!["FAIL ".to_owned()],
            ..trial(
                "a deviation that is gone",
                Some(entry(KEPT, "it does not hold")),
                1,
                &[
                    &format!("GONE         {KEPT}: "),
                    &format!("clause = \"{KEPT}\"\n"),
                    "OUTDATED: nothing new is violated, but 1 known deviation is gone or expired.",
                ],
            )
        },
        trial(
            "a deviation that has expired",
            Some(expired),
            1,
            &["EXPIRED      ", &format!("FAIL  {CLAUSE}")],
        ),
        trial(
            "a clause that does not exist",
            Some(entry("ERR-99", "it does not exist")),
            2,
            &["known.toml: line ", "there is no clause \"ERR-99\""],
        ),
        trial(
            "a missing reason",
            Some(entry(KEPT, "")),
            2,
            &["known.toml: line ", &format!("{KEPT} has no reason")],
        ),
        Trial {
            args: &["--phase=scenarios", "--case=stop/terminated", "--max-requests=5"],
            ..trial("requests that do not suffice", None, 3, &["(--max-requests)"])
        },
        Trial {
            args: &["--phase=scenarios", "--case=auth/denied"],
            ..trial(
                "only cases that need another caller",
                None,
                4,
                &["NOTHING TESTED: "],
            )
        },
        Trial {
            args: &["--phase=scenarios"],
            interrupted: true,
            ..trial(
                "an interrupt",
                None,
                130,
                &["interrupted: removing what was launched"],
            )
        },
    ]
}

/// The file without the entries that name this clause.
fn without(pack: &str, clause: &str) -> String {
    const HEADER: &str = "[[deviation]]\n";
    let named = format!("\"{clause}\"\n");
    let entries = pack.split(HEADER).enumerate();
    let kept: Vec<String> = entries
        .filter(|(_, entry)| !entry.contains(&named))
        .map(|(at, entry)| match at {
            0 => entry.to_owned(),
            _ => format!("{HEADER}{entry}"),
        })
        .collect();
    kept.concat()
}

impl Trial {
    /// What is not as it should be.
    fn trouble(
        &self,
        workspace: &Workspace,
        stopcheck: &Path,
        port: u16,
        file: &Path,
    ) -> Result<Vec<String>> {
        let known = match &self.known {
            None => format!("{}@{}", Kind::Moto.name(), Kind::Moto.version()),
            Some(text) => {
                fs::write(file, text).with_context(|| format!("could not write {}", file.display()))?;
                file.display().to_string()
            }
        };
        let mut command = workspace.command(stopcheck);
        command
            .args(["run", "--quiet", "--region=us-east-1"])
            .arg(format!("--endpoint-url=http://127.0.0.1:{port}"))
            .arg(format!("--known={known}"))
            .args(self.args);
        dummy_credentials(&mut command);
        let output = match self.interrupted {
            false => command.output(),
            true => {
                let journal = workspace.target("endpoints/interrupted.ndjson");
                interrupted_after_a_case(command.arg("--journal").arg(&journal), &journal)
            }
        };
        let output = output.with_context(|| format!("could not run `{}`", shell::line(&command)))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let mut trouble = Vec::new();
        if output.status.code() != Some(self.code) {
            trouble.push(format!(
                "it ended with {} instead of {}",
                output.status, self.code
            ));
        }
        let missing = self.says.iter().filter(|says| !text.contains(says.as_str()));
        trouble.extend(missing.map(|says| format!("the output lacks {says:?}")));
        let shown = self
            .conceals
            .iter()
            .filter(|conceals| text.contains(conceals.as_str()));
        trouble.extend(shown.map(|shown| format!("the output has {shown:?}")));
        if !trouble.is_empty() {
            trouble.push(format!("`{}` printed:\n{text}", shell::line(&command)));
        }
        Ok(trouble)
    }
}

/// Runs a command, and interrupts it when its journal has the end of a case.
fn interrupted_after_a_case(command: &mut Command, journal: &Path) -> std::io::Result<Output> {
    // That of an earlier task has the end of many.
    fs::write(journal, "")?;
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    while run.try_wait()?.is_none() && !fs::read_to_string(journal)?.contains("\"case_ended\"") {
        thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status()?;
    run.wait_with_output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_left_out_and_the_others_stay() {
        let pack =
            "# head\n\n[[deviation]]\ncause = \"A-1\"\nreason = \"a\"\n\n[[deviation]]\nclause = \"B-1\"\n";
        assert_eq!(
            without(pack, "A-1"),
            "# head\n\n[[deviation]]\nclause = \"B-1\"\n"
        );
        assert_eq!(without(pack, "C-1"), pack);
    }

    #[test]
    fn the_trials_change_the_pack_of_moto() {
        let workspace = Workspace::find().expect("we are in one");
        let pack = fs::read_to_string(workspace.path("specs/known/moto-5.2.5.toml")).expect("it is there");
        assert!(!without(&pack, CLAUSE).contains(CLAUSE), "{CLAUSE} is known");
        assert!(!pack.contains(&format!("\"{KEPT}\"")), "{KEPT} is kept");
        let expired = trials(&pack).into_iter().filter_map(|trial| trial.known);
        assert_eq!(
            expired
                .filter(|text| text.contains("expires = 2001-02-03"))
                .count(),
            1
        );
    }
}
