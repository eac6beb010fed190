//! `stopcheck record`: plays the cases that would settle what is open, and writes what was answered as a bundle.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::args::RecordArgs;
use super::error::CliError;
use super::journal::{Events, JournalWriter};
use super::plan::{self, PlanOptions};
use super::reports;
use super::run::{self, RunSettings};
use crate::contract::{Confidence, Contract, Edition, Scenario};
use crate::endpoint::looks_like_aws;
use crate::evidence::{
    self, Bundle, BundleError, EVENTS_FILE, Kind, MANIFEST_FILE, Recording, Wanted, WantedError,
};
use crate::journal::{Event, Phase};
use crate::plan::{Plan, Planned};
use crate::report::digest::sha256_hex;
use crate::report::known::KnownOn;
use crate::report::progress::Progress;
use crate::report::repeat::DEFAULT_SEED;
use crate::report::text::plural;
use crate::report::{
    exit,
    list::{self, kind_in_words},
};
use crate::runner;

/// How many events may be queued before the run has to wait.
const QUEUE: usize = 1024;

/// The most bytes of events that are kept for a bundle. Hundreds of cases need less than a tenth of it.
const MOST_BYTES: usize = 256 << 20;

/// What was recorded.
struct Recorded {
    events: Vec<Event>,
    secrets: Vec<String>,
    is_interrupted: bool,
}

pub(super) async fn record(args: &RecordArgs) -> Result<u8, CliError> {
    if args.bundle.exists() {
        return Err(CliError::Usage(format!(
            "could not write {}: it exists\n  hint: name a new folder; a bundle replaces nothing",
            args.bundle.display()
        )));
    }
    let (contract, recorded) = match &args.from {
        Some(journal) => read(args, journal)?,
        None => {
            let contract = run::contract_of(Edition::Current);
            let cases = wanted(args).cases(&contract)?;
            let plan = plan_of(&cases);
            if let Some(format) = args.planning.plan {
                return plan::print(args.into(), &plan, format);
            }
            if !args.quiet {
                announce(&cases);
            }
            let recorded = play(args, &contract, &plan).await?;
            (contract, recorded)
        }
    };
    if recorded.is_interrupted {
        return Ok(exit::INTERRUPTED);
    }
    let recording = Recording {
        events: &recorded.events,
        secrets: &recorded.secrets,
        is_amazon: is_amazon(&recorded.events),
        digest: &sha256_hex,
    };
    let bundle = match evidence::bundle(&contract, recording) {
        Ok(bundle) => bundle,
        Err(BundleError::NothingRecorded) => {
            eprintln!("nothing was recorded: no case was played to its end");
            return Ok(exit::NOTHING_TESTED);
        }
        Err(error) => return Err(error.into()),
    };
    write(&bundle, &args.bundle)?;
    print_summary(&bundle, &args.bundle)?;
    Ok(exit::CONFORMANT)
}

fn wanted(args: &RecordArgs) -> Wanted {
    Wanted {
        questions: args.question.clone(),
        clauses: args.clause.clone(),
        cases: args.case.clone(),
    }
}

/// Whether the endpoint of the recording was Amazon EC2.
fn is_amazon(events: &[Event]) -> bool {
    events.iter().any(|event| match event {
        Event::RunStarted(head) => looks_like_aws(&head.endpoint),
        _ => false,
    })
}

/// Reads the wanted cases of a journal.
fn read(args: &RecordArgs, journal: &Path) -> Result<(Arc<Contract>, Recorded), CliError> {
    let mut file = Events::open(journal)?;
    let head = file.head()?;
    let contract = run::contract_of(head.edition);
    let cases = wanted(args).cases(&contract)?;
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let mut events = vec![Event::RunStarted(head)];
    let mut bytes = 0;
    while let Some(event) = file.next()? {
        if event.case().is_none_or(|case| names.contains(case)) {
            bytes += event.to_line().len();
            events.push(event);
        }
        if bytes > MOST_BYTES {
            return Err(too_much());
        }
    }
    let recorded = Recorded {
        events,
        secrets: Vec::new(),
        is_interrupted: false,
    };
    Ok((contract, recorded))
}

fn too_much() -> CliError {
    CliError::Usage(format!(
        "the recording is longer than {} MiB\n  hint: record fewer cases at once, with --question or --case",
        MOST_BYTES >> 20
    ))
}

impl<'a> From<&'a RecordArgs> for PlanOptions<'a> {
    fn from(args: &'a RecordArgs) -> Self {
        PlanOptions {
            endpoint: &args.endpoint,
            planning: &args.planning,
            workers: args.workers,
            has_usual_phases: false,
        }
    }
}

fn plan_of(cases: &[Scenario]) -> Plan {
    let planned = cases.iter().map(|case| Planned {
        phase: Phase::Scenarios,
        case: case.clone(),
    });
    Plan {
        cases: planned.collect(),
        ..Plan::default()
    }
}

/// Plays the cases and keeps all events.
async fn play(args: &RecordArgs, contract: &Arc<Contract>, plan: &Plan) -> Result<Recorded, CliError> {
    let settings = RunSettings {
        edition: Edition::Current,
        min_confidence: Confidence::default(),
        seed: DEFAULT_SEED,
        workers: args.workers.map(usize::from),
        record: true,
        time_limit: None,
        fail_fast: false,
        known: KnownOn::default(),
        overlap_requests: 0,
    };
    let options = run::options(&args.endpoint, &settings).await?;
    let secrets = options.keys.secrets();
    if run::url(&args.endpoint).as_deref().is_some_and(looks_like_aws) {
        plan::consent(args.into(), plan, &mut io::stdout())?;
    }
    let mut journal = args.journal.as_deref().map(JournalWriter::create).transpose()?;
    let (sender, mut inbox) = mpsc::channel(QUEUE);
    let (stop, interrupted) = watch::channel(false);
    let signals = tokio::spawn(run::listen(stop.clone()));
    let runner = tokio::spawn(runner::run(
        Arc::clone(contract),
        plan.clone(),
        options,
        sender,
        interrupted,
    ));
    let mut progress = Progress::stderr(!args.quiet);
    let mut events = Vec::new();
    let mut bytes = 0;
    let mut problem = None;
    while let Some(event) = inbox.recv().await {
        progress.take(&event);
        bytes += event.to_line().len();
        let written = journal.as_mut().map_or(Ok(()), |journal| journal.write(&event));
        let written = written.and(if bytes > MOST_BYTES {
            Err(too_much())
        } else {
            Ok(())
        });
        if let Err(error) = written
            && problem.is_none()
        {
            // What was launched is removed before the error is reported.
            problem = Some(error);
            let _ = stop.send(true);
        }
        if problem.is_none() {
            events.push(event);
        }
    }
    drop(progress);
    let outcome = match runner.await {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    signals.abort();
    if let Some(problem) = problem {
        return Err(problem);
    }
    let is_interrupted = *stop.borrow();
    match outcome {
        Err(error) if !is_interrupted => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    drop(journal);
    Ok(Recorded {
        events,
        secrets,
        is_interrupted,
    })
}

/// Says what is about to be launched.
fn announce(cases: &[Scenario]) {
    let kinds: Vec<_> = cases.iter().flat_map(|case| &case.fixtures).collect();
    let special: BTreeSet<String> = kinds.iter().map(|(_, kind)| kind_in_words(kind)).collect();
    eprintln!(
        "recording {} with {} of {}",
        plural(cases.len(), "case"),
        plural(kinds.len(), "instance"),
        plural(special.len(), "kind")
    );
}

/// Writes the files of a bundle; if one cannot be written, none is left.
fn write(bundle: &Bundle, folder: &Path) -> Result<(), CliError> {
    let file_error = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| CliError::File { doing, path, source }
    };
    fs::create_dir(folder).map_err(file_error("create", folder))?;
    let files = [
        (EVENTS_FILE, &bundle.events_text),
        (MANIFEST_FILE, &bundle.manifest_text),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        if let Err(error) = fs::write(&path, text) {
            let _ = fs::remove_dir_all(folder);
            return Err(file_error("write", &path)(error));
        }
    }
    Ok(())
}

fn print_summary(bundle: &Bundle, folder: &Path) -> Result<(), CliError> {
    let manifest = &bundle.manifest;
    let mut rows = Vec::new();
    for question in &manifest.questions {
        rows.push((
            "answers",
            format!("{} by {}", question.id, question.cases.join(", ")),
        ));
    }
    for unrecorded in &manifest.unrecorded {
        rows.push(("left out", format!("{}: {}", unrecorded.case, unrecorded.why)));
    }
    for (kind, count) in &manifest.replaced {
        let verb = if *kind == Kind::Secret {
            "removed"
        } else {
            "replaced"
        };
        rows.push((verb, kind.counted(*count)));
    }
    if !manifest.is_amazon {
        let note = "the endpoint is not Amazon EC2: this settles nothing, and shows how it is done";
        rows.push(("note", note.to_owned()));
    }
    let events = folder.join(EVENTS_FILE);
    rows.push(("next", format!("read {} before you send it", events.display())));
    let mut text = format!(
        "{}: {} of {}\n",
        folder.display(),
        plural(manifest.exchanges, "exchange"),
        plural(manifest.cases.len(), "case")
    );
    list::table(&rows, reports::width(), &mut text);
    reports::unless_closed(io::stdout().lock().write_all(text.as_bytes()))
}

impl From<WantedError> for CliError {
    fn from(error: WantedError) -> Self {
        CliError::Usage(error.to_string())
    }
}
