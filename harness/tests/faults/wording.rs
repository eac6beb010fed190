//! The words of a report decide nothing: with another wording the same is found, grouped, shrunk and counted.
//!
//! Two other wordings are tried. In one all texts are the same, in the other no two texts are, so a decision by a text
//! would show in either the one or the other.

use std::sync::atomic::{AtomicUsize, Ordering};

use stopcheck::check::UnsupportedAction;
use stopcheck::contract::Edition;
use stopcheck::endpoint::Endpoint;
use stopcheck::journal::{Event, Expected, Observed, Phase};
use stopcheck::plan::{self, Plan, Selection};
use stopcheck::reference::XmlLayout;
use stopcheck::replay;
use stopcheck::report::{Policy, ReportKind, Tally, write_report};
use stopcheck::runner::{self, Options};
use stopcheck::selfcheck::{self, emulator as mock};
use stopcheck::verdict::{Outcome, Verdict};
use stopcheck::words::{English, Words};
use tokio::sync::watch;

use crate::random::{Until, explore};
use crate::{contract_of, options};

/// A wording in which all texts are the same.
#[derive(Debug)]
struct Monotone;

/// A wording in which no two texts are the same.
#[derive(Debug)]
struct Babble(AtomicUsize);

static MONOTONE: Monotone = Monotone;
static BABBLE: Babble = Babble(AtomicUsize::new(0));

const OTHERS: [&'static dyn Words; 2] = [&MONOTONE, &BABBLE];

impl Words for Monotone {
    fn expected(&self, _: &Expected) -> String {
        "x".to_owned()
    }

    fn observed(&self, _: &Observed) -> String {
        "x".to_owned()
    }

    fn blocked(&self, _: &UnsupportedAction) -> String {
        "x".to_owned()
    }
}

impl Babble {
    fn text(&self) -> String {
        format!("text {}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

impl Words for Babble {
    fn expected(&self, _: &Expected) -> String {
        self.text()
    }

    fn observed(&self, _: &Observed) -> String {
        self.text()
    }

    fn blocked(&self, _: &UnsupportedAction) -> String {
        self.text()
    }
}

/// Faults with findings of many kinds: states, codes, shapes, descriptions, relations.
const FAULTS: [&str; 6] = [
    "dry-run-ignored",
    "batch-tells-of-first",
    "error-page-html",
    "reason-without-time",
    "refused-twice-otherwise",
    "stopped-starts-by-itself",
];

/// The events of the named cases.
fn played(endpoint: Endpoint, patterns: &[&str], words: &'static dyn Words) -> Vec<Event> {
    let contract = contract_of(Edition::Current);
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    let mut plan: Plan = plan::generate(&contract, &Selection::named(&patterns));
    plan.cases.retain(|planned| planned.phase == Phase::Scenarios);
    let options = Options {
        words,
        ..options(endpoint)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing but memory");
    let (_stop, interrupted) = watch::channel(false);
    let mut events = Vec::new();
    let run = runner::run_with(&contract, plan, options, interrupted, |event| events.push(event));
    runtime.block_on(run).expect("the reference passes the preflight");
    events
}

/// Everything that a report decides, and its texts.
fn report(events: &[Event], words: &'static dyn Words) -> (serde_json::Value, Vec<serde_json::Value>) {
    let contract = contract_of(Edition::Current);
    let mut tally = Tally::new(&contract).in_words(words);
    events.iter().for_each(|event| tally.take(event));
    let mut out = Vec::new();
    write_report(ReportKind::Json, &tally, &contract, Policy::default(), &mut out).expect("memory is enough");
    let mut json: serde_json::Value = serde_json::from_slice(&out).expect("the report is JSON");
    let findings = json.get_mut("findings").and_then(|all| all.as_array_mut());
    let texts = findings
        .into_iter()
        .flatten()
        .filter_map(|finding| finding.as_object_mut())
        .flat_map(|finding| [finding.remove("expected_text"), finding.remove("observed_text")])
        .map(|text| text.expect("a finding has its texts"))
        .collect();
    let groups: Vec<String> = tally
        .groups()
        .iter()
        .map(|group| {
            let (print, findings) = (group.first.fingerprint(), group.findings);
            format!(
                "{print}: {findings} in {:?}, first {}",
                group.cases, group.first.id
            )
        })
        .collect();
    let codes = [false, true].map(|strict| tally.exit_code(Policy { strict }));
    let decided = serde_json::json!({"report": json, "groups": groups, "codes": codes});
    (decided, texts)
}

#[test]
fn another_wording_changes_the_texts_of_a_report_and_nothing_else() {
    for name in FAULTS {
        let fault = selfcheck::named(name).expect("the catalogue has this fault");
        let endpoint = mock::endpoint(fault.edition, XmlLayout::default(), fault.hook);
        let events = played(
            endpoint,
            &["stop/*", "dry-run/*", "relation/*", "batch/*"],
            &English,
        );
        let (decided, texts) = report(&events, &English);
        assert!(texts.len() > 1, "{name} has no findings");
        for words in OTHERS {
            let (other, other_texts) = report(&events, words);
            assert_eq!(other, decided, "{name} in {words:?}");
            assert_eq!(other_texts.len(), texts.len());
            assert!(
                other_texts.iter().zip(&texts).all(|(other, text)| other != text),
                "{name} in {words:?}"
            );
        }
    }
}

/// An endpoint that lacks an action that some cases need.
fn without_cancellation(asked: &mock::EmulatedRequest<'_>) -> http::Response<bytes::Bytes> {
    if asked.action() == "CancelSpotInstanceRequests" {
        return asked.refuse(400, "InvalidAction", "No.");
    }
    asked.pass()
}

/// The same events without the reasons of cases that could not go on, which are texts.
fn without_reasons(mut events: Vec<Event>) -> (Vec<Event>, Vec<String>) {
    let mut reasons = Vec::new();
    for event in &mut events {
        if let Event::CaseEnded(ended) = event
            && let Outcome::Unsupported { reason } = &mut ended.outcome
        {
            reasons.push(std::mem::take(reason));
        }
    }
    (events, reasons)
}

#[test]
fn another_wording_changes_the_reasons_in_a_journal_and_nothing_else() {
    let hook: mock::FaultHook = without_cancellation;
    let endpoint = || mock::endpoint(Edition::Current, XmlLayout::default(), hook);
    let cases = ["spot/*", "stop/running"];
    let (events, reasons) = without_reasons(played(endpoint(), &cases, &English));
    assert!(
        reasons.contains(&"CancelSpotInstanceRequests is answered by 400 InvalidAction \"No.\"".to_owned()),
        "{reasons:?}"
    );
    for words in OTHERS {
        let (other, other_reasons) = without_reasons(played(endpoint(), &cases, words));
        assert_eq!(other, events, "{words:?}");
        assert_eq!(other_reasons.len(), reasons.len());
        assert_ne!(other_reasons, reasons, "{words:?}");
    }
}

#[test]
fn another_wording_shrinks_to_the_same_case_that_is_replayed_with_the_same_result() {
    let fault = selfcheck::named("mixed-batch-as-if-running").expect("the catalogue has this fault");
    let explored = |words| {
        let options = Options {
            seed: 1,
            words,
            ..options(mock::endpoint(fault.edition, XmlLayout::default(), fault.hook))
        };
        explore(fault.edition, options, 40, Until::Told).events
    };
    let events = explored(&English);
    let wanted = events.iter().rev().find_map(|event| match event {
        Event::Judged(judged) => judged.findings.iter().find(|one| one.verdict == Verdict::Fail),
        _ => None,
    });
    let wanted = wanted.expect("the last case is the one that was found");
    let shrunk = events.iter().rev().find_map(|event| match event {
        Event::CaseStarted(started) if started.case == wanted.case => started.scenario.clone(),
        _ => None,
    });
    let shrunk = shrunk.expect("a case can be played again");
    for words in OTHERS {
        assert_eq!(explored(words), events, "{words:?}");
        let options = Options {
            seed: 1,
            words,
            ..options(mock::endpoint(fault.edition, XmlLayout::default(), fault.hook))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime of one thread needs nothing but memory");
        let (_stop, interrupted) = watch::channel(false);
        let contract = contract_of(fault.edition);
        let attempt = runtime
            .block_on(replay::play(&contract, &shrunk, options, interrupted))
            .expect("the reference passes the preflight");
        assert_eq!(
            replay::conclude(wanted, &[attempt]),
            replay::Conclusion::StillFailing,
            "{words:?}"
        );
    }
}
