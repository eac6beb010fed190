//! Fuzz targets for files: contracts, scenarios, journals. All are text that people and programs write.

use super::judging::today;
use crate::check::{JournalFold, Judge};
use crate::contract::{self, Confidence, Contract, Edition, LoadErrors, Scenario};
use crate::journal::{Event, Finding, Fingerprint};
use crate::protocol::wellformed;
use crate::report::export::{ExportKind, Material, export, scenario};
use crate::report::html::LARGEST;
use crate::report::{Policy, ReportKind, Style, Tally, write_report};

/// The file name of an input.
const FILE: &str = "input.toml";

/// Reads the bytes as a file of a contract, or as a file of added scenarios if it contains nothing else.
pub fn contract(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains("[[scenario]]") && !text.contains("[action]") {
        match added(text) {
            Ok(scenarios) => scenarios.iter().for_each(written_down),
            Err(errors) => placed(&errors, text),
        }
        return;
    }
    for edition in [Edition::Current, Edition::October2017] {
        match contract::load(&[(FILE, text)], edition) {
            Ok(contract) => judgeable(contract),
            Err(errors) => placed(&errors, text),
        }
    }
}

/// The scenarios of a file, without those of the contract.
fn added(text: &str) -> Result<Vec<Scenario>, LoadErrors> {
    let own = today().contract().scenarios.len();
    let file = (FILE.to_owned(), text.to_owned());
    contract::extended(&[file], Edition::Current).map(|mut all| all.scenarios.split_off(own))
}

/// Checks that a scenario can be written and read again.
fn written_down(case: &Scenario) {
    let text = scenario::write(case);
    match added(&text) {
        Ok(again) => assert_eq!(again.as_slice(), std::slice::from_ref(case), "{text}"),
        Err(errors) => assert!(errors.0.is_empty(), "{errors}\n{text}"),
    }
}

/// Checks that every mistake has a place in the file and a message.
fn placed(errors: &LoadErrors, text: &str) {
    assert!(!errors.0.is_empty(), "refused without a mistake");
    assert!(errors.to_string().lines().count() >= errors.0.len(), "{errors}");
    let lines = text.split('\n').count();
    for error in &errors.0 {
        assert_eq!(error.file, FILE, "{error}");
        assert!((1..=lines).contains(&error.line), "{error}, of {lines}");
        assert!(!error.mistake.to_string().is_empty(), "{error:?}");
    }
}

/// Checks that everything a loaded contract refers to exists, and makes a judge of it.
fn judgeable(contract: Contract) {
    let rows = contract.refusals.iter();
    let cited = rows.flat_map(|row| {
        let aspects = &row.clauses;
        [&aspects.refused, &aspects.status, &aspects.code, &aspects.effect]
    });
    let transitions = contract.transitions.iter().map(|row| &row.clauses);
    for id in cited.chain(transitions).flatten() {
        assert!(contract.clause(id).is_some_and(|clause| clause.holds), "{id}");
    }
    assert!(!contract.action.is_empty());
    let _ = Judge::new(contract.into(), Confidence::default());
}

/// The most lines of a journal that are read.
const MOST_LINES: usize = 128;

/// Reads the bytes as a journal and judges it again.
pub fn journal(data: &[u8]) {
    let mut fold = JournalFold::new(today().clone());
    let mut events = Vec::new();
    for event in read(data) {
        let line = event.to_line();
        match Event::from_line(&line) {
            Ok(read) => {
                assert_eq!(read, event, "{line}");
                // An event that belongs to a case names the case.
                if let Event::CaseStarted(started) = &event {
                    let phase = serde_json::to_value(started.phase).ok();
                    assert_eq!(
                        phase.as_ref().and_then(|word| word.as_str()),
                        Some(started.phase.name())
                    );
                }
                let is_named = event.case().is_none_or(|case| line.contains(&quoted(case)));
                assert!(is_named, "{line}");
            }
            Err(error) => assert!(line.is_empty(), "{error}: {line}"),
        }
        fold.take(event, |event| events.push(event));
    }
    fold.finish(|event| events.push(event));
    // What was judged once is judged the same again, whether its judgements were recorded or not.
    let mut fold = JournalFold::new(today().clone());
    let mut again = Vec::new();
    for (at, event) in events.iter().enumerate() {
        if at % 2 == 0 || !matches!(event, Event::Judged(_)) {
            fold.take(event.clone(), |event| again.push(event));
        }
    }
    fold.finish(|event| again.push(event));
    assert_eq!(again, events);
    for finding in findings(&events) {
        let print = Fingerprint::of(finding);
        assert!(print.covers(&print) && print.is_akin(&print), "{finding:?}");
    }
}

/// A text as it is written in a line of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The events of a journal; other lines are skipped.
fn read(data: &[u8]) -> impl Iterator<Item = Event> {
    let lines = data.split(|byte| *byte == b'\n').take(MOST_LINES);
    lines.filter_map(|line| Event::from_line(std::str::from_utf8(line).ok()?).ok())
}

fn findings(events: &[Event]) -> impl Iterator<Item = &Finding> {
    let judged = events.iter().filter_map(|event| {
        if let Event::Judged(judged) = event {
            Some(&judged.findings)
        } else {
            None
        }
    });
    judged.flatten()
}

/// Reads the bytes as a journal and writes every report of it: no content of a journal may break the format of a
/// report.
pub fn report(data: &[u8]) {
    let events: Vec<Event> = read(data).collect();
    if events.is_empty() {
        // There is only one report of an empty journal, and writing it takes time.
        return;
    }
    reported(&events);
    written_for_others(&events);
}

/// Whether a character controls a terminal.
fn is_obeyed(character: char) -> bool {
    character.is_control() && character != '\n'
}

/// Writes every report, and checks the format of each.
fn reported(events: &[Event]) {
    let contract = today().contract();
    let mut tally = Tally::new(contract);
    for event in events {
        tally.take(event);
    }
    let written = |kind| {
        let mut out = Vec::new();
        let done = write_report(kind, &tally, contract, Policy::default(), &mut out);
        assert!(done.is_ok(), "memory takes everything");
        String::from_utf8(out).expect("reports are UTF-8")
    };
    let terminal = written(ReportKind::Terminal(Style {
        color: false,
        width: 100,
        verbose: true,
    }));
    assert!(!terminal.contains(is_obeyed), "{terminal:?}");
    let junit = written(ReportKind::Junit);
    assert_eq!(wellformed::judge(&junit), Ok(()), "{junit}");
    for kind in [ReportKind::Json, ReportKind::Sarif] {
        let json: Result<serde_json::Value, _> = serde_json::from_str(&written(kind));
        assert!(json.is_ok(), "{json:?}");
    }
    let html = written(ReportKind::Html);
    assert!(html.len() <= LARGEST, "{} bytes", html.len());
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert!(!html.contains(is_obeyed), "{html:?}");
    let markdown = written(ReportKind::Markdown);
    assert!(!markdown.contains(is_obeyed), "{markdown:?}");
    let annotations = written(ReportKind::Github);
    assert!(!annotations.contains(is_obeyed), "{annotations:?}");
    let is_annotation =
        |line: &str| line.starts_with("::error title=") || line.starts_with("::warning title=");
    assert!(annotations.lines().all(is_annotation), "{annotations:?}");
}

/// Exports the first finding in the formats that quote what an endpoint answered.
fn written_for_others(events: &[Event]) {
    let run = events.iter().find_map(|event| {
        if let Event::RunStarted(run) = event {
            Some(run)
        } else {
            None
        }
    });
    let case = events.iter().find_map(|event| {
        if let Event::CaseStarted(started) = event {
            started.scenario.as_deref()
        } else {
            None
        }
    });
    let (Some(run), Some(case), Some(finding)) = (run, case, findings(events).next()) else {
        return;
    };
    let material = Material::new(
        "run.ndjson".to_owned(),
        run.clone(),
        case.clone(),
        finding.clone(),
        events,
    );
    for kind in [ExportKind::Markdown, ExportKind::Boto3] {
        if let Ok(text) = export(kind, &material, today().contract()) {
            assert!(!text.contains(is_obeyed), "{text:?}");
        }
    }
}
