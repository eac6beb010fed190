//! The words of a report decide nothing: with another wording the same is found, grouped and counted. A run has no
//! wording: its events are facts.
//!
//! Two other wordings are tried. In one all texts are the same, in the other no two texts are, so a decision by a text
//! would show in either the one or the other.

use std::sync::atomic::{AtomicUsize, Ordering};

use stopcheck::contract::Edition;
use stopcheck::endpoint::Endpoint;
use stopcheck::journal::{Event, Expected, Observed, Obstacle, Phase};
use stopcheck::plan::{self, Plan, Selection};
use stopcheck::reference::XmlLayout;
use stopcheck::report::{Policy, ReportKind, Style, Tally, write_report};
use stopcheck::runner;
use stopcheck::selfcheck::{self, emulator as mock};
use stopcheck::words::{English, Words};
use tokio::sync::watch;

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

    fn obstacle(&self, _: &Obstacle) -> String {
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

    fn obstacle(&self, _: &Obstacle) -> String {
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
fn played(endpoint: Endpoint, patterns: &[&str]) -> Vec<Event> {
    let contract = contract_of(Edition::Current);
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    let mut plan: Plan = plan::generate(&contract, &Selection::named(&patterns));
    plan.cases.retain(|planned| planned.phase == Phase::Scenarios);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing but memory");
    let (_stop, interrupted) = watch::channel(false);
    let mut events = Vec::new();
    let take = |event| events.push(event);
    let run = runner::run_with(&contract, plan, options(endpoint), interrupted, take);
    runtime.block_on(run).expect("the reference passes the preflight");
    events
}

/// Everything that the reports decide, and the texts of findings and obstacles.
fn report(events: &[Event], words: &'static dyn Words) -> (serde_json::Value, Vec<serde_json::Value>) {
    let contract = contract_of(Edition::Current);
    let mut tally = Tally::new(&contract).in_words(words);
    events.iter().for_each(|event| tally.take(event));
    let written = |kind| {
        let mut out = Vec::new();
        write_report(kind, &tally, &contract, Policy::default(), &mut out).expect("memory is enough");
        String::from_utf8(out).expect("a report is text")
    };
    let mut json: serde_json::Value = serde_json::from_str(&written(ReportKind::Json)).expect("it is JSON");
    let mut texts = Vec::new();
    for (list, keys) in [
        ("findings", &["expected_text", "observed_text"][..]),
        ("cases", &["reason"]),
        ("clauses", &["reason"]),
    ] {
        let all = json.get_mut(list).and_then(|all| all.as_array_mut());
        for one in all.into_iter().flatten().filter_map(|one| one.as_object_mut()) {
            let removed = keys.iter().filter_map(|key| one.remove(*key));
            // The reason of a clause may have another origin than an obstacle.
            texts.extend(removed.filter(|_| list != "clauses"));
        }
    }
    let page = written(ReportKind::Terminal(Style {
        color: false,
        width: 80,
        verbose: true,
    }));
    let unsupported = page.matches("\nUNSUPPORTED ").count();
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
    let decided =
        serde_json::json!({"report": json, "groups": groups, "unsupported": unsupported, "codes": codes});
    (decided, texts)
}

/// Asserts that another wording changes all texts of the reports and nothing else. Returns what they decide, and the
/// texts.
fn only_texts_change(what: &str, events: &[Event]) -> (serde_json::Value, Vec<serde_json::Value>) {
    let (decided, texts) = report(events, &English);
    for words in OTHERS {
        let (other, other_texts) = report(events, words);
        assert_eq!(other, decided, "{what} in {words:?}");
        assert_eq!(other_texts.len(), texts.len());
        assert!(
            other_texts.iter().zip(&texts).all(|(other, text)| other != text),
            "{what} in {words:?}"
        );
    }
    (decided, texts)
}

#[test]
fn another_wording_changes_the_texts_of_a_report_and_nothing_else() {
    for name in FAULTS {
        let fault = selfcheck::named(name).expect("the catalogue has this fault");
        let endpoint = mock::endpoint(fault.edition, XmlLayout::default(), fault.hook);
        let events = played(endpoint, &["stop/*", "dry-run/*", "relation/*", "batch/*"]);
        let (_, texts) = only_texts_change(name, &events);
        assert!(texts.len() > 1, "{name} has no findings");
    }
}

/// An endpoint that lacks actions that some cases need.
fn without_some_actions(asked: &mock::EmulatedRequest<'_>) -> http::Response<bytes::Bytes> {
    match asked.action() {
        "CancelSpotInstanceRequests" | "DescribeInstanceAttribute" => {
            asked.refuse(400, "InvalidAction", "No.")
        }
        _ => asked.pass(),
    }
}

#[test]
fn another_wording_of_what_an_endpoint_lacks_changes_nothing_else() {
    let hook: mock::FaultHook = without_some_actions;
    let endpoint = mock::endpoint(Edition::Current, XmlLayout::default(), hook);
    let events = played(endpoint, &["spot/*", "protect/*"]);
    let (decided, texts) = only_texts_change("without some actions", &events);
    assert!(
        texts.contains(&"CancelSpotInstanceRequests is answered by 400 InvalidAction \"No.\"".into()),
        "{texts:?}"
    );
    assert_eq!(decided.get("unsupported"), Some(&2.into()));
}
