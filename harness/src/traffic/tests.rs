//! What the judge of traffic must never report, and what it still finds: runs on the embedded reference, turned into
//! anonymous traffic.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue, Method, Request};
use tokio::sync::watch;

use super::*;
use crate::contract::{self, Edition};
use crate::endpoint::Endpoint;
use crate::journal::{Finding, RequestRecord};
use crate::model::ReadLag;
use crate::plan::{self, Plan, Random, Selection};
use crate::protocol::{recorded_bytes, revive};
use crate::reference::Variations;
use crate::runner::Options;
use crate::{embedded, runner};

/// The exchanges of a run of these cases, as somebody sees them who does not know the cases.
fn traffic_of(endpoint: Endpoint, cases: &[&str], scripts: u64) -> Vec<WatchedExchange> {
    let contract = Arc::new(contract::embedded(Edition::Current));
    let patterns: Vec<String> = cases.iter().map(|case| (*case).to_owned()).collect();
    let mut plan = match cases {
        [] => Plan::default(),
        _ => plan::generate(&contract, &Selection::named(&patterns)),
    };
    plan.wire.clear();
    if scripts > 0 {
        plan.random = Some(Random {
            scripts,
            max_time: None,
            max_shrink_requests: 0,
            selection: Selection::default(),
        });
    }
    let options = Options {
        endpoint,
        record: true,
        ..embedded::options(Edition::Current)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut exchanges = Vec::new();
    runtime.expect("a runtime").block_on(async {
        let (_stop, interrupted) = watch::channel(false);
        let take = |event| {
            if let Event::Exchanged(exchange) = event {
                exchanges.extend(anonymous(&exchange));
            }
        };
        let run = runner::run_with(&contract, plan, options, interrupted, take).await;
        // A fault may keep a run from beginning; then there is no traffic.
        let _ = run;
    });
    exchanges
}

/// An exchange without its case. Each case has a service of its own, which the host stands for.
fn anonymous(exchange: &Exchange) -> Option<WatchedExchange> {
    let RequestRecord {
        method,
        target,
        headers,
        body,
    } = exchange.request()?;
    let mut request = Request::new(Bytes::from(recorded_bytes(body)?));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = target.parse().ok()?;
    for (name, value) in &headers.0 {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).ok()?);
    }
    let host: String = exchange
        .case
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_str(&host).ok()?);
    request.headers_mut().remove(AUTHORIZATION);
    Some(WatchedExchange {
        request,
        is_complete: false,
        answer: exchange
            .answers
            .first()
            .and_then(revive)
            .ok_or(exchange.ending.clone()),
        rest: Vec::new(),
        unjudged: None,
        at_ms: exchange.at_ms,
        took_ms: exchange.took_ms,
        interval: exchange.interval,
    })
}

/// What the judge of traffic finds in it.
fn judged(traffic: Vec<WatchedExchange>, exclusive: bool) -> Vec<Event> {
    let contract = Arc::new(contract::embedded(Edition::Current));
    let settings = TrafficSettings {
        endpoint: "test".to_owned(),
        min_confidence: Confidence::default(),
        read_lag_ms: ReadLag::USUAL.ms(),
        exclusive,
    };
    let mut events = Vec::new();
    let mut recorder = TrafficRecorder::start(&contract, settings, 0, |event| events.push(event));
    for watched in traffic {
        recorder.take(watched, |event| events.push(event));
    }
    recorder.finish(0, false, |event| events.push(event));
    events
}

fn findings(events: &[Event]) -> impl Iterator<Item = &Finding> {
    let judged = events.iter().filter_map(|event| match event {
        Event::Judged(judged) => Some(judged),
        _ => None,
    });
    judged.flat_map(|judged| &judged.findings)
}

fn deviations(events: &[Event]) -> Vec<String> {
    let deviating = findings(events).filter(|finding| finding.verdict.is_deviation());
    deviating
        .map(|finding| format!("{:?} {} {:?}", finding.verdict, finding.id(), finding.observed))
        .collect()
}

/// The named cases that reach most of what a client does, for tests that play them often.
const SOME_CASES: [&str; 8] = [
    "stop/*",
    "dry-run/*",
    "force/*",
    "spot/*",
    "protect*/*",
    "hibern*/*",
    "life/*",
    "batch/*",
];

fn existing(cases: &[&'static str]) -> Vec<&'static str> {
    let contract = contract::embedded(Edition::Current);
    let matches = |pattern: &str| {
        let mut names = contract.scenarios.iter().map(|case| case.name.as_str());
        names.any(|name| plan::matches(pattern, name))
    };
    cases.iter().copied().filter(|case| matches(case)).collect()
}

#[test]
fn traffic_of_the_reference_shows_nothing_wrong() {
    let endpoint = || embedded::endpoint("us-east-1", Edition::Current);
    for exclusive in [false, true] {
        let events = judged(traffic_of(endpoint(), &["*"], 20), exclusive);
        assert_eq!(
            deviations(&events),
            Vec::<String>::new(),
            "exclusive: {exclusive}"
        );
        let stops = events
            .iter()
            .filter(|event| matches!(event, Event::Judged(_)))
            .count();
        assert!(stops > 500, "{stops}");
    }
}

#[test]
fn traffic_of_all_variations_at_once_never_fails() {
    never_fails([("all", Variations::compatible())]);
}

fn never_fails(all: impl IntoIterator<Item = (&'static str, Variations)>) {
    let cases = existing(&SOME_CASES);
    for (name, variations) in all {
        let endpoint =
            || embedded::varied_endpoint(Edition::Current, variations, Arc::new(AtomicBool::new(true)));
        for exclusive in [false, true] {
            let events = judged(traffic_of(endpoint(), &cases, 0), exclusive);
            let failed: Vec<String> = findings(&events)
                .filter(|finding| finding.verdict == Verdict::Fail)
                .map(|finding| format!("{} {:?} {:?}", finding.id(), finding.expected, finding.observed))
                .collect();
            assert_eq!(failed, Vec::<String>::new(), "{name}, exclusive: {exclusive}");
        }
    }
}
