//! `stopcheck replay`: plays a finding of a recorded run again, or exports it.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::args::{EndpointArgs, ExportArg, ReplayArgs};
use super::error::CliError;
use super::journal::Events;
use super::{reports, run};
use crate::check::Judge;
use crate::contract::{Contract, Edition, Scenario};
use crate::journal::{Event, Finding, RunStarted};
use crate::plan::matches;
use crate::replay::{self, Attempt, Conclusion};
use crate::report::export::{self, Material};
use crate::report::known::KnownOn;
use crate::report::list::close;
use crate::report::replay::{ReplayOutcome, list, write};
use crate::report::{exit, text::plural};
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

/// How many findings of one clause are listed, unless the clause is asked for.
const LISTED_OF_A_CLAUSE: usize = 3;

/// How often a finding that did not recur is played in total, without `--times`.
const TRIES: u16 = 3;

pub(super) async fn replay(args: &ReplayArgs) -> Result<u8, CliError> {
    let (path, id) = split(&args.finding);
    let index = Index::read(&path)?;
    let Some(id) = id else {
        let wanted = |finding: &Finding| {
            let is_clause = |glob: &String| matches(glob, finding.clause.as_str());
            (args.clause.is_empty() || args.clause.iter().any(is_clause))
                && (args.verdict.is_empty()
                    || args
                        .verdict
                        .iter()
                        .any(|one| Verdict::from(*one) == finding.verdict))
        };
        let listed: Vec<_> = index.numbered().filter(|(_, finding)| wanted(finding)).collect();
        let few = args.clause.is_empty().then_some(LISTED_OF_A_CLAUSE);
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let written = list(&listed, few, reports::width(), &mut out);
        reports::unless_closed(written.and_then(|()| out.flush()))?;
        return Ok(exit::CONFORMANT);
    };
    let known = index.find(&path, id)?;
    let then = material(&path, known)?;
    let edition = args.edition.map_or(index.head.edition, Edition::from);
    let contract = run::contract_of(edition);
    if !args.export.is_empty() {
        for export in &args.export {
            write_down(export, &then, &contract)?;
        }
        return Ok(exit::CONFORMANT);
    }
    let settings = run::RunSettings {
        edition,
        min_confidence: index.head.min_confidence,
        // Ids that were never issued depend on the seed.
        seed: index.head.seed,
        workers: Some(1),
        record: true,
        time_limit: None,
        fail_fast: false,
        known: KnownOn::default(),
        overlap_requests: 0,
    };
    if !index.head.server.is_empty() && !args.reference && run::url(&args.endpoint).is_none() {
        let command: Vec<&str> = index.head.server.iter().map(String::as_str).collect();
        return Err(CliError::Usage(format!(
            "the run started its endpoint itself, and nobody serves it now\n  \
             hint: start it, and name it with --endpoint-url; the command was {command:?}"
        )));
    }
    let options = run::options(&endpoint(args, &index.head), &settings).await?;
    let (stop, interrupted) = watch::channel(false);
    let signals = tokio::spawn(run::listen(stop));
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut times = args.times.unwrap_or(1);
    while attempts.len() < usize::from(times) && !*interrupted.borrow() {
        let attempt = replay::play(&contract, &then.case, options.clone(), interrupted.clone()).await?;
        if args.times.is_none() && replay::same(&then.finding, &attempt).is_none() {
            times = TRIES;
        }
        attempts.push(attempt);
    }
    signals.abort();
    if *interrupted.borrow() {
        return Ok(exit::INTERRUPTED);
    }
    tell(&then, &attempts, &contract)
}

/// The endpoint to play at: the one that is named, or that of the journal.
fn endpoint(args: &ReplayArgs, head: &RunStarted) -> EndpointArgs {
    let mut endpoint = args.endpoint.clone();
    if args.reference {
        return endpoint;
    }
    if run::url(&endpoint).is_none() && head.endpoint != "reference" {
        endpoint.endpoint_url = Some(head.endpoint.clone());
        endpoint.region.get_or_insert_with(|| head.region.clone());
    }
    endpoint
}

/// Reports the result of all attempts, and returns the exit code.
fn tell(then: &Material, attempts: &[Attempt], contract: &Contract) -> Result<u8, CliError> {
    let came = |attempt: &&Attempt| replay::same(&then.finding, attempt).is_some();
    let Some(shown) = attempts.iter().rfind(came).or_else(|| attempts.last()) else {
        return Err(CliError::Usage("the case was not played".to_owned()));
    };
    let of_clause = |finding: &&Finding| finding.clause == then.finding.clause;
    let now = replay::same(&then.finding, shown).or_else(|| shown.findings.iter().find(of_clause));
    let Some(Event::RunStarted(head)) = shown.events.first() else {
        return Err(CliError::Usage("the case was not played".to_owned()));
    };
    let attempt = Material::new(
        then.journal.clone(),
        head.clone(),
        then.case.clone(),
        now.unwrap_or(&then.finding).clone(),
        &shown.events,
    );
    let others = shown
        .findings
        .iter()
        .filter(|finding| now.is_none_or(|now| now.id() != finding.id()))
        .collect();
    let at = format!("at {}", head.endpoint);
    let played = plural(attempts.len(), "time");
    let (words, sentence, code) = match replay::conclude(&then.finding, attempts) {
        Conclusion::StillFailing => (
            "STILL FAILING",
            format!("it came {} of {played} {at}.", attempts.len()),
            exit::FINDINGS,
        ),
        Conclusion::FailsOtherwise => (
            "STILL FAILING",
            format!(
                "the clause is violated in another way than then, {} of {played} {at}.",
                attempts.len()
            ),
            exit::FINDINGS,
        ),
        Conclusion::NotTheCase => (
            "NOT REPRODUCED",
            format!("it came 0 of {played} {at}: fixed, or never there."),
            exit::CONFORMANT,
        ),
        Conclusion::NotReproducible { came } => (
            "NOT REPRODUCIBLE",
            format!("it came {came} of {played} {at}."),
            exit::NOTHING_TESTED,
        ),
        Conclusion::Unsupported(obstacle) => (
            "NOT TESTED",
            format!("it could not be judged {at}: {}", English.obstacle(&obstacle)),
            exit::NOTHING_TESTED,
        ),
        Conclusion::Undecided(observed) => (
            "NOT TESTED",
            format!("it could not be judged {at}: {}", English.all_observed(&observed)),
            exit::NOTHING_TESTED,
        ),
        Conclusion::Failed(what) => ("ERROR", format!("{at}: {what}"), exit::INTERNAL),
    };
    let outcome = ReplayOutcome {
        now,
        attempt: &attempt,
        others,
        conclusion: (words, sentence),
    };
    let mut out = std::io::stdout().lock();
    write(then, &outcome, contract, reports::width(), &mut out)?;
    Ok(code)
}

fn write_down(wanted: &ExportArg, then: &Material, contract: &Contract) -> Result<(), CliError> {
    let text = export::export(wanted.kind, then, contract).map_err(|why| {
        CliError::Usage(format!(
            "could not write the finding as {}: {why}",
            wanted.kind.name()
        ))
    })?;
    match &wanted.path {
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
        Some(path) => std::fs::write(path, text).map_err(|source| CliError::File {
            doing: "write",
            path: path.clone(),
            source,
        })?,
    }
    Ok(())
}

/// Splits the argument into a file and the finding to replay, at the first `#` that follows the name of an existing
/// file. If no file exists, splits at the first `#`.
fn split(text: &str) -> (PathBuf, Option<&str>) {
    let mut parts = text
        .match_indices('#')
        .filter_map(|(at, _)| text.split_at_checked(at));
    let found = parts.find(|(file, _)| Path::new(file).is_file());
    let found = match found {
        Some(found) => Some(found),
        None if Path::new(text).exists() => None,
        None => text.find('#').and_then(|at| text.split_at_checked(at)),
    };
    match found {
        Some((file, id)) => (
            PathBuf::from(file),
            id.strip_prefix('#').filter(|id| !id.is_empty()),
        ),
        None => (PathBuf::from(text), None),
    }
}

/// The findings of a journal, in the order of their events; without those of drafts.
struct Index {
    head: RunStarted,
    findings: Vec<Finding>,
    /// Cases that were played only to search for findings.
    drafts: HashSet<String>,
}

impl Index {
    fn read(path: &Path) -> Result<Self, CliError> {
        let mut events = Events::open(path)?;
        let head = events.head()?;
        let judge = Judge::new(run::contract_of(head.edition), head.min_confidence);
        let mut events = events.judged(judge, head.clone());
        let mut index = Index {
            head,
            findings: Vec::new(),
            drafts: HashSet::new(),
        };
        let mut searched_with = HashSet::new();
        while let Some(event) = events.next()? {
            match event {
                Event::CaseStarted(started) if started.draft => {
                    index.drafts.insert(started.case.clone());
                    searched_with.insert(started.case);
                }
                Event::Judged(judged) if !searched_with.contains(&judged.case) => {
                    index.findings.extend(judged.findings);
                }
                Event::CaseEnded(ended) => _ = searched_with.remove(&ended.case),
                Event::RunStarted(_)
                | Event::CaseStarted(_)
                | Event::FixtureReady(_)
                | Event::LaunchDeviated(_)
                | Event::StepStarted(_)
                | Event::Exchanged(_)
                | Event::Judged(_)
                | Event::Noted(_)
                | Event::Explored(_)
                | Event::Recurred(_)
                | Event::Flaky(_)
                | Event::Reproduced(_)
                | Event::RunEnded(_) => {}
            }
        }
        Ok(index)
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &Finding)> {
        (1..).zip(&self.findings)
    }

    /// Finds the finding with this id or number, or the worst finding of the case with this name.
    fn find(&self, path: &Path, id: &str) -> Result<&Finding, CliError> {
        let number = id.parse::<usize>().ok();
        let by_number = number.and_then(|number| self.findings.get(number.checked_sub(1)?));
        let by_id = || self.findings.iter().find(|known| known.id() == id);
        let worst = || {
            let of_case = || self.findings.iter().filter(|known| known.case == id);
            let worst = of_case().map(|known| known.verdict).max()?;
            of_case().find(|known| known.verdict == worst)
        };
        if let Some(known) = by_number.or_else(by_id).or_else(worst) {
            return Ok(known);
        }
        let shown = path.display();
        let case = id.split('#').next().unwrap_or(id);
        if self.drafts.contains(case) {
            let prefix = format!("{case}/");
            let mut told: Vec<String> = self
                .findings
                .iter()
                .filter(|known| known.case.starts_with(&prefix))
                .map(Finding::id)
                .collect();
            told.truncate(5);
            let hint = match told.as_slice() {
                [] => "what it found was known already, or is told by another case".to_owned(),
                told => format!("what it found is told by {}", told.join(", ")),
            };
            return Err(CliError::Usage(format!(
                "{case} was only searched with in {shown}\n  hint: {hint}"
            )));
        }
        let hint = match self.findings.len() {
            0 => "there are no findings in it".to_owned(),
            count => {
                let ids: Vec<String> = self.findings.iter().map(Finding::id).collect();
                let near = close(ids.iter().map(String::as_str), id);
                let near = match near.as_slice() {
                    [] => String::new(),
                    near => format!("did you mean {}? ", near.join(" or ")),
                };
                format!(
                    "{near}stopcheck replay {shown} lists its {}",
                    plural(count, "finding")
                )
            }
        };
        Err(CliError::Usage(format!(
            "there is no finding {id} in {shown}\n  hint: {hint}"
        )))
    }
}

/// Reads everything that the journal has on a finding.
fn material(path: &Path, finding: &Finding) -> Result<Material, CliError> {
    let mut events = Events::open(path)?;
    let head = events.head()?;
    let mut scenario: Option<Scenario> = None;
    let mut own = Vec::new();
    let mut inside = false;
    while let Some(event) = events.next()? {
        if event.case() != Some(finding.case.as_str()) {
            continue;
        }
        if let Event::CaseStarted(started) = &event {
            inside = !started.draft;
            if inside {
                scenario = started.scenario.as_deref().cloned();
            }
        }
        let ends = matches!(event, Event::CaseEnded(_));
        if inside {
            own.push(event);
            if ends {
                break;
            }
        }
    }
    let Some(scenario) = scenario else {
        let again = crate::report::repeat::run_command(&head, &finding.case);
        return Err(CliError::Usage(format!(
            "{} has no scenario of {}: it was played on a raw socket, or by an older stopcheck\n  \
             hint: {again} plays it again",
            path.display(),
            finding.case
        )));
    };
    let journal = path.display().to_string();
    Ok(Material::new(journal, head, scenario, finding.clone(), &own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_finding_are_parted_behind_the_name_of_the_file() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let odd = folder.path().join("a#b.ndjson");
        std::fs::write(&odd, "").expect("the folder takes a file");
        let odd = odd.display().to_string();
        assert_eq!(split(&odd), (PathBuf::from(&odd), None));
        assert_eq!(split(&format!("{odd}#")), (PathBuf::from(&odd), None));
        assert_eq!(
            split(&format!("{odd}#x/y#1/Z")),
            (PathBuf::from(&odd), Some("x/y#1/Z"))
        );
        assert_eq!(
            split("nowhere.ndjson#x#1/Z"),
            (PathBuf::from("nowhere.ndjson"), Some("x#1/Z"))
        );
        assert_eq!(split("nowhere"), (PathBuf::from("nowhere"), None));
    }
}
