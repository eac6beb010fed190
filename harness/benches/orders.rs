//! The cost of judging a history of overlapping calls: the search for an order that explains all answers.

use std::sync::Arc;

use divan::Bencher;
use stopcheck::call::Call;
use stopcheck::check::{CaseJudge, Judge, Observation};
use stopcheck::contract::{self, Confidence, Edition, FixtureKind};
use stopcheck::journal::{CallInterval, Ending, FixtureReady, Intent, Judged, Role, StepStarted};
use stopcheck::protocol;

/// The instances that the calls share.
const IDS: [&str; 3] = [
    "i-0cfb1e75e74229968",
    "i-0cfb1e75e74229969",
    "i-0cfb1e75e7422996a",
];

fn main() {
    divan::main();
}

/// Ten calls that all overlap, and that an order explains.
#[divan::bench]
fn ten_calls(bencher: Bencher<'_, '_>) {
    let history = history(10, 10, false);
    judge_all(bencher, &history, |judged| held(judged, "IDM-14"));
}

/// Ten calls that all overlap, and that no order explains: two of them found the instances running.
#[divan::bench]
fn ten_calls_without_an_order(bencher: Bencher<'_, '_>) {
    let history = history(10, 10, true);
    judge_all(bencher, &history, |judged| !held(judged, "IDM-14"));
}

/// Two hundred calls, of which eight overlap at any time.
#[divan::bench]
fn two_hundred_calls(bencher: Bencher<'_, '_>) {
    let history = history(200, 8, false);
    judge_all(bencher, &history, |judged| held(judged, "IDM-14"));
}

/// Two hundred calls that all overlap: more orders than the budget allows to try.
#[divan::bench]
fn two_hundred_calls_at_once(bencher: Bencher<'_, '_>) {
    let history = history(200, 200, true);
    judge_all(bencher, &history, |judged| !held(judged, "IDM-14"));
}

fn held(judged: &Judged, clause: &str) -> bool {
    judged.held.iter().any(|held| held.as_str() == clause)
}

fn judge_all(bencher: Bencher<'_, '_>, history: &[Observation], is_right: impl Fn(&Judged) -> bool) {
    let contract = Arc::new(contract::embedded(Edition::Current));
    let judge = Arc::new(Judge::new(contract, Confidence::default()));
    bencher
        .with_inputs(|| {
            let mut case = CaseJudge::new(Arc::clone(&judge), "bench");
            for (name, id) in ["a", "b", "c"].iter().zip(IDS) {
                case.fixture(&FixtureReady {
                    arranged_by: Vec::new(),
                    case: "bench".to_owned(),
                    name: (*name).to_owned(),
                    id: id.to_owned(),
                    kind: FixtureKind::default(),
                    spot_request: None,
                    at_ms: 0,
                });
            }
            case
        })
        .bench_local_refs(|case| {
            case.begin(StepStarted {
                case: "bench".to_owned(),
                step: 1,
                intent: Intent::Overlap,
                witness: Vec::new(),
                control: false,
                label: None,
                same_as: None,
            });
            for one in history {
                case.observe(one.clone());
            }
            let judged = case.conclude().expect("the step has begun").judged;
            assert!(is_right(&judged), "{:?}", judged.findings);
        });
}

/// So many stops, of which so many overlap at any time. The first stops all instances; the others find them stopping,
/// singly and in pairs, except the last if it is to find one running.
fn history(calls: u64, at_once: u64, last_finds_one_running: bool) -> Vec<Observation> {
    let ids = |at: u64| match at % 6 {
        _ if at == 0 => &IDS[..],
        1 | 4 => &IDS[..2],
        2 => &IDS[1..],
        3 => &IDS[..1],
        5 => &IDS[2..],
        _ => &IDS[1..2],
    };
    (0..calls)
        .map(|at| {
            let runs = at == 0 || last_finds_one_running && at + 1 == calls;
            let window = at / at_once * 2 * at_once;
            let interval = CallInterval {
                caller: usize::try_from(at % at_once + 1).unwrap_or_default(),
                began: window + at % at_once,
                ended: Some(window + at_once + at % at_once),
            };
            stop(ids(at), if runs { "running" } else { "stopping" }, interval)
        })
        .collect()
}

fn stop(ids: &[&str], previous: &str, interval: CallInterval) -> Observation {
    let code = if previous == "running" { 16 } else { 64 };
    let items: String = ids
        .iter()
        .map(|id| {
            format!(
                "<item><instanceId>{id}</instanceId><currentState><code>64</code><name>stopping</name></currentState>\
                 <previousState><code>{code}</code><name>{previous}</name></previousState></item>"
            )
        })
        .collect();
    let body = format!(
        "<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <instancesSet>{items}</instancesSet></StopInstancesResponse>"
    );
    let named = (1..)
        .zip(ids)
        .map(|(at, id)| (format!("InstanceId.{at}"), (*id).to_owned()));
    Observation {
        role: Role::Act,
        call: Arc::new(Call::new("StopInstances", named)),
        replies: vec![protocol::decode(http::Response::new(body.into()))],
        rest: Vec::new(),
        ending: Ending::Answered,
        at_ms: 0,
        answered_ms: 0,
        interval: Some(interval),
    }
}
