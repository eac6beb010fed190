//! Verifies with a real endpoint that a run in slices, merged, finds what one run finds: the same clauses, the same
//! causes, and the same consequences of each. Every slice has a fresh server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::play::{self, Installed, Kind};
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct SlicesArgs {
    /// The number of slices.
    #[arg(long, default_value_t = 4)]
    slices: u16,
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    stopcheck: Option<PathBuf>,
    /// More arguments for `stopcheck run`, instead of `--phase scenarios,wire`.
    #[arg(last = true)]
    run_args: Vec<String>,
}

impl Default for SlicesArgs {
    fn default() -> Self {
        SlicesArgs {
            slices: 4,
            stopcheck: None,
            run_args: Vec::new(),
        }
    }
}

pub(super) fn run(args: &SlicesArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let kind = Kind::Moto;
    let name = format!("{}-{}", kind.name(), kind.version());
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let endpoint = Installed::of(workspace, kind, kind.version())?;
    let folder = workspace.target("endpoints/slices");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let judge = |page: &str, own: &[String]| -> Result<()> {
        let (server, port) = endpoint.start(None)?;
        let mut command = workspace.command(&stopcheck);
        command
            .arg("run")
            .arg(format!("--endpoint-url=http://127.0.0.1:{port}"))
            .args(["--region=us-east-1", "--time-limit=none", "--quiet"]);
        match args.run_args.as_slice() {
            [] => command.args(["--phase", "scenarios,wire"]),
            more => command.args(more),
        };
        play::dummy_credentials(command.args(own));
        ended(&mut command, &folder.join(page))?;
        drop(server);
        Ok(())
    };
    let file = |name: &str| folder.join(name).display().to_string();

    println!("{name} in one run");
    judge("whole.txt", &[format!("--report=json={}", file("whole.json"))])?;
    println!("{name} in {} slices at the same time", args.slices);
    let journals: Vec<String> = (1..=args.slices)
        .map(|number| file(&format!("{number}.ndjson")))
        .collect();
    let outcomes: Vec<Result<()>> = thread::scope(|scope| {
        let judge = &judge;
        let slices = (1..=args.slices).zip(&journals).map(|(number, journal)| {
            let own = [
                format!("--partition=slice:{number}/{}", args.slices),
                format!("--journal={journal}"),
            ];
            scope.spawn(move || judge(&format!("{number}.txt"), &own))
        });
        let threads: Vec<_> = slices.collect();
        let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .map(|slice| slice.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    outcomes.into_iter().collect::<Result<(), _>>()?;
    let mut merge = workspace.command(&stopcheck);
    merge
        .arg("merge")
        .args(&journals)
        .arg(format!("--report=json={}", file("merged.json")));
    ended(&mut merge, &folder.join("merged.txt"))?;

    let (whole, merged) = (
        statements(&folder.join("whole.json"))?,
        statements(&folder.join("merged.json"))?,
    );
    for lost in whole.difference(&merged) {
        println!("only in one run   {lost}");
    }
    for new in merged.difference(&whole) {
        println!("only in slices    {new}");
    }
    println!(
        "{name}: {} statements in both",
        whole.intersection(&merged).count()
    );
    Ok(TaskOutcome::bad_if(whole != merged))
}

/// Runs stopcheck, with the terminal report in a file; returns an error unless there is a verdict.
fn ended(command: &mut Command, page: &Path) -> Result<()> {
    let file = fs::File::create(page).with_context(|| format!("could not create {}", page.display()))?;
    let status = shell::status(command.stdout(file))?;
    match status.code() {
        Some(0 | 1 | 4) => Ok(()),
        _ => bail!("`{}` ended with {status}: no verdicts", shell::line(command)),
    }
}

/// The parts of the JSON report that are compared.
#[derive(Debug, Deserialize)]
struct JudgedReport {
    clauses: Vec<ClauseLine>,
    causes: Vec<CauseLine>,
}

#[derive(Debug, Deserialize)]
struct ClauseLine {
    id: String,
    status: String,
    verdict: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CauseLine {
    clause: String,
    verdict: String,
    consequences: Vec<ConsequenceLine>,
}

#[derive(Debug, Deserialize)]
struct ConsequenceLine {
    clause: String,
    relation: String,
}

/// What a report says, one line each. What could not be decided depends on timing and is left out.
pub(super) fn statements(path: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let report: JudgedReport =
        serde_json::from_str(&text).with_context(|| format!("could not read {}", path.display()))?;
    Ok(statements_of(report))
}

fn statements_of(report: JudgedReport) -> BTreeSet<String> {
    const UNDECIDED: &str = "inconclusive";
    let mut statements = BTreeSet::new();
    for ClauseLine { id, status, verdict } in report.clauses {
        let verdict = verdict.unwrap_or_default();
        if verdict != UNDECIDED {
            statements.insert(format!("{id} {status} {verdict}").trim_end().to_owned());
        }
    }
    for cause in report.causes {
        if cause.verdict == UNDECIDED {
            continue;
        }
        statements.insert(format!("{} is a cause", cause.clause));
        for ConsequenceLine { clause, relation } in cause.consequences {
            statements.insert(format!("{clause} follows from {} ({relation})", cause.clause));
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_are_clauses_causes_and_consequences() {
        let report = r#"{"schema": 2, "clauses": [
            {"id": "A-1", "status": "held"}, {"id": "B-1", "status": "found", "verdict": "fail"},
            {"id": "C-1", "status": "found", "verdict": "inconclusive"}],
            "causes": [{"clause": "B-1", "verdict": "fail",
                        "consequences": [{"clause": "B-2", "relation": "within"}]},
                       {"clause": "C-1", "verdict": "inconclusive", "consequences": []}]}"#;
        let statements = statements_of(serde_json::from_str(report).expect("it is a report"));
        assert_eq!(
            statements.into_iter().collect::<Vec<_>>(),
            [
                "A-1 held",
                "B-1 found fail",
                "B-1 is a cause",
                "B-2 follows from B-1 (within)"
            ]
        );
    }
}
