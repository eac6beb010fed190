//! `stopcheck compare`: compares endpoints, journals and goldens, or a run with earlier runs.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::args::{CompareArgs, EndpointArgs, PhaseArg};
use super::error::CliError;
use super::journal::Events;
use super::{goldens, reports, run, scenarios};
use crate::check::Judge;
use crate::compare::terminal::ComparisonStyle;
use crate::compare::{self, Account, Agreement, Comparison, Recorder, Since, Told};
use crate::contract::{Confidence, Contract, Edition};
use crate::embedded;
use crate::golden::normal;
use crate::journal::Phase;
use crate::plan::{Plan, Selection, coverage};
use crate::report::exit;
use crate::report::known::KnownOn;
use crate::report::progress::Progress;
use crate::runner::{self, Options};

pub(super) async fn compare(args: &CompareArgs) -> Result<u8, CliError> {
    let subjects: Vec<Subject> = args.subjects.iter().map(|text| Subject::of(text)).collect();
    if args.since.is_empty() && subjects.len() < 2 {
        return Err(CliError::Usage(
            "one subject cannot be compared with itself\n  hint: name two or more, or --since an earlier journal"
                .to_owned(),
        ));
    }
    if !args.since.is_empty() && subjects.len() != 1 {
        return Err(CliError::Usage(
            "--since tells what moved in the runs of one endpoint: name one subject".to_owned(),
        ));
    }
    if args.endpoint.endpoint_url.is_some() {
        return Err(CliError::Usage(
            "endpoints are compared as subjects: leave out --endpoint-url, and name the URL alone".to_owned(),
        ));
    }
    let edition = Edition::from(args.edition);
    let contract = scenarios::contract_with(&args.scenarios, edition)?;
    let plan = plan_of(args, &contract);
    if plan.is_empty() {
        return Err(CliError::Usage(format!(
            "no case matches {}\n  hint: stopcheck list shows the names",
            args.case.join(" or ")
        )));
    }
    // Read all files before the first request is sent.
    let before = args.since.iter().map(|path| {
        let name = path.display().to_string();
        journal(&name, path, &contract).map(|account| only(account, &plan))
    });
    let before = before.collect::<Result<Vec<_>, _>>()?;
    let mut accounts = Vec::new();
    for subject in &subjects {
        accounts.push(match &subject.kind {
            Kind::Journal(path) => Some(journal(&subject.name, path, &contract)?),
            Kind::Goldens(set) => Some(golden_set(args, &subject.name, set, &contract)?),
            Kind::Reference | Kind::Url(_) => None,
        });
    }
    let (stop, interrupted) = watch::channel(false);
    let signals = tokio::spawn(run::listen(stop));
    for (subject, account) in subjects.iter().zip(&mut accounts) {
        if account.is_none() {
            let options = options(args, subject, edition).await?;
            let played = live(
                args,
                subject,
                options,
                &contract,
                plan.clone(),
                interrupted.clone(),
            );
            *account = Some(played.await?);
        }
    }
    signals.abort();
    if *interrupted.borrow() {
        return Ok(exit::INTERRUPTED);
    }
    let accounts: Vec<Account> = accounts
        .into_iter()
        .flatten()
        .map(|one| only(one, &plan))
        .collect();
    if args.since.is_empty() {
        side_by_side(args, accounts, &contract)
    } else {
        moved(args, &before, &accounts)
    }
}

/// Reports how several subjects compare.
fn side_by_side(args: &CompareArgs, accounts: Vec<Account>, contract: &Contract) -> Result<u8, CliError> {
    let comparison = Comparison::of(accounts, contract);
    if comparison.rows.is_empty() {
        return Err(CliError::Usage(
            "no subject has played any of the cases\n  hint: journals of --phase coverage are compared with \
             --phase coverage"
                .to_owned(),
        ));
    }
    if let Some(path) = &args.markdown {
        reports::to_file(path, |out| compare::markdown::comparison(&comparison, out))?;
    }
    if let Some(path) = &args.html {
        let edition = contract.edition.name();
        reports::to_file(path, |out| compare::page::comparison(&comparison, edition, out))?;
    }
    told(|out| compare::terminal::comparison(&comparison, look(args), out))?;
    Ok(if comparison.count(Agreement::JudgedApart) > 0 {
        exit::FINDINGS
    } else if comparison.compared() == 0 {
        exit::NOTHING_TESTED
    } else {
        exit::CONFORMANT
    })
}

/// Reports what changed since earlier runs.
fn moved(args: &CompareArgs, before: &[Account], accounts: &[Account]) -> Result<u8, CliError> {
    let Some(now) = accounts.first() else {
        return Ok(exit::NOTHING_TESTED);
    };
    let since = Since::of(before, now);
    if let Some(path) = &args.markdown {
        reports::to_file(path, |out| compare::markdown::since(&since, out))?;
    }
    told(|out| compare::terminal::since(&since, look(args), out))?;
    Ok(if since.is_worse() {
        exit::FINDINGS
    } else {
        exit::CONFORMANT
    })
}

/// One side of a comparison.
struct Subject {
    name: String,
    kind: Kind,
}

enum Kind {
    Reference,
    Url(String),
    Journal(PathBuf),
    Goldens(String),
}

impl Subject {
    /// Parses `NAME=SUBJECT`, or a subject without a name, which is then named after what it is.
    fn of(text: &str) -> Subject {
        let is_name = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
            !name.is_empty() && name.chars().all(plain)
        };
        let (name, what) = match text.split_once('=') {
            Some((name, what)) if is_name(name) => (Some(name.to_owned()), what),
            _ => (None, text),
        };
        let kind = if what == "reference" {
            Kind::Reference
        } else if what.starts_with("http://") || what.starts_with("https://") {
            Kind::Url(what.to_owned())
        } else if let Some(set) = what.strip_prefix("golden:") {
            Kind::Goldens(set.to_owned())
        } else {
            Kind::Journal(PathBuf::from(what))
        };
        let name = name.unwrap_or_else(|| match &kind {
            Kind::Reference => "reference".to_owned(),
            Kind::Url(url) => {
                let host = url.split("://").nth(1).unwrap_or(url);
                // Do not show user information, the part before an `@`.
                let host = host.split('/').next().unwrap_or(host);
                host.rsplit('@').next().unwrap_or(host).to_owned()
            }
            Kind::Journal(path) => path
                .file_stem()
                .map_or_else(|| what.to_owned(), |stem| stem.to_string_lossy().into_owned()),
            Kind::Goldens(set) => set.clone(),
        });
        Subject { name, kind }
    }

    fn origin(&self) -> String {
        match &self.kind {
            Kind::Reference => "the embedded reference".to_owned(),
            Kind::Url(url) => match url.split_once('@') {
                // A URL with a password is refused later; do not show the password even then.
                Some((_, host)) => host.to_owned(),
                None => url.clone(),
            },
            Kind::Journal(path) => path.display().to_string(),
            Kind::Goldens(set) => format!("goldens {set}"),
        }
    }
}

fn plan_of(args: &CompareArgs, contract: &Contract) -> Plan {
    let mut plan = Plan::default();
    let selection = Selection::named(&args.case);
    let plays = |phase| match args.phase.as_slice() {
        [] => phase == PhaseArg::Scenarios,
        asked => asked.contains(&phase),
    };
    if plays(PhaseArg::Scenarios) {
        plan.add(Phase::Scenarios, contract.scenarios.iter().cloned(), &selection);
    }
    if plays(PhaseArg::Coverage) {
        plan.add(
            Phase::Coverage,
            coverage::cases(contract, coverage::LEAST),
            &selection,
        );
    }
    plan
}

/// Removes the cases that are not compared from an account.
fn only(mut account: Account, plan: &Plan) -> Account {
    let planned: BTreeSet<&str> = plan.cases.iter().map(|one| one.case.name.as_str()).collect();
    account.cases.retain(|name, _| planned.contains(name.as_str()));
    account
}

/// Reads a journal and judges it again by the contract of this comparison.
fn journal(name: &str, path: &Path, contract: &Arc<Contract>) -> Result<Account, CliError> {
    let mut events = Events::open(path)?;
    let head = events.head()?;
    let origin = format!("{} of {}", path.display(), head.endpoint);
    let mut recorder = Recorder::new(name, &origin);
    let judge = Judge::new(Arc::clone(contract), head.min_confidence);
    let mut events = events.judged(judge, head);
    while let Some(event) = events.next()? {
        recorder.take(&event);
    }
    Ok(recorder.finish())
}

/// Reads a set of goldens.
fn golden_set(args: &CompareArgs, name: &str, set: &str, contract: &Contract) -> Result<Account, CliError> {
    let store = goldens::reviewed(args.golden_dir.as_deref(), set)?;
    let mut account = Recorder::new(name, &store.folder().display().to_string()).finish();
    for case in store.reviewed()? {
        if let Some(golden) = store.read(&case)? {
            let violated: Vec<_> = golden.violated.into_iter().map(|(_, clause)| clause).collect();
            let told = Told::of_golden(contract, &case, normal(&golden.text), &violated);
            account.cases.insert(case, told);
        }
    }
    Ok(account)
}

async fn options(args: &CompareArgs, subject: &Subject, edition: Edition) -> Result<Options, CliError> {
    let url = match &subject.kind {
        Kind::Url(url) => url.clone(),
        Kind::Reference | Kind::Journal(_) | Kind::Goldens(_) => {
            // The environment may name a server, but `reference` always means the reference.
            return Ok(Options {
                record: true,
                ..embedded::options(edition)
            });
        }
    };
    let endpoint = EndpointArgs {
        endpoint_url: Some(url),
        ..args.endpoint.clone()
    };
    let settings = run::RunSettings {
        edition,
        min_confidence: Confidence::default(),
        seed: args.seed,
        workers: args.workers.map(usize::from),
        record: true,
        time_limit: None,
        fail_fast: false,
        known: KnownOn::default(),
        overlap_requests: 0,
    };
    run::options(&endpoint, &settings).await
}

/// Plays the plan at an endpoint.
async fn live(
    args: &CompareArgs,
    subject: &Subject,
    options: Options,
    contract: &Arc<Contract>,
    plan: Plan,
    interrupted: watch::Receiver<bool>,
) -> Result<Account, CliError> {
    let mut recorder = Recorder::new(&subject.name, &subject.origin());
    let mut progress = Progress::stderr(!args.quiet);
    let take = |event| {
        progress.take(&event);
        recorder.take(&event);
    };
    runner::run_with(contract, plan, options, interrupted, take).await?;
    drop(progress);
    Ok(recorder.finish())
}

fn look(args: &CompareArgs) -> ComparisonStyle {
    ComparisonStyle {
        width: reports::width(),
        verbose: args.verbose,
    }
}

fn told(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), CliError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    reports::unless_closed(write(&mut out).and_then(|()| out.flush()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_it_looks_like_and_may_have_a_name() {
        for (text, name, origin) in [
            ("reference", "reference", "the embedded reference"),
            ("http://127.0.0.1:5000", "127.0.0.1:5000", "http://127.0.0.1:5000"),
            (
                "moto=http://127.0.0.1:5000/x=y",
                "moto",
                "http://127.0.0.1:5000/x=y",
            ),
            ("http://h/?a=b", "h", "http://h/?a=b"),
            ("runs/old.ndjson", "old", "runs/old.ndjson"),
            ("last week=runs/old.ndjson", "last week", "runs/old.ndjson"),
            ("golden:moto-5.2.5", "moto-5.2.5", "goldens moto-5.2.5"),
            ("http://me:secret@h/", "h", "h/"),
        ] {
            let subject = Subject::of(text);
            assert_eq!(
                (subject.name.as_str(), subject.origin().as_str()),
                (name, origin),
                "{text}"
            );
        }
    }
}
