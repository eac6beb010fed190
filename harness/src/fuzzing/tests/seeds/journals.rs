//! Journals of single cases.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Made, text};
use crate::call::{Call, Encoding, Form, Method};
use crate::contract::{self, ClauseId, Edition, Scenario, State};
use crate::journal::{
    Aim, Answer, AnswerSummary, BodySummary, Bytes, CaseEnded, CaseStarted, Ending, Event, Excerpt, Exchange,
    Explored, Fingerprint, FixtureReady, Flaky, HeaderRecords, Intent, Judged, Noted, Obstacle, Outcome,
    Phase, RawFault, RawRecord, Recurred, Reproduced, Role, SentRecord, StepStarted, WaitCut, WireDemand,
};
use crate::selfcheck::{self, emulator};
use crate::verdict::Verdict;
use crate::{embedded, replay};

/// Faults whose journals show every kind of step and of finding.
const SHOWN: [&str; 16] = [
    "dry-run-ignored",
    "force-refused-while-stopping",
    "one-time-spot-stops",
    "hibernation-fallback-told-as-hibernation",
    "protection-ignored",
    "batch-tells-of-first",
    "error-page-html",
    "error-json",
    "no-request-id-header",
    "reason-without-time",
    "stopped-starts-by-itself",
    "descriptions-lag",
    "overlapping-stops-both-find-running",
    "refused-twice-otherwise",
    "wrong-signature-carried-out",
    "echo-without-escapes",
];

/// Whether a journal shows what a report can contain.
pub(super) fn is_of_findings(name: &str) -> bool {
    ["batch-tells", "echo", "error-page", "protection", "every kind"]
        .iter()
        .any(|part| name.contains(part))
}

/// Journals of single cases: of the reference, and of faults that are found.
pub(super) fn journals() -> Made {
    let contract = Arc::new(contract::embedded(Edition::Current));
    let case = |pattern: &str| {
        let pattern = pattern.trim_end_matches('*');
        let fits = |case: &&Scenario| case.name.starts_with(pattern);
        contract.scenarios.iter().find(fits)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing but memory");
    let mut all = Vec::new();
    let mut play = |name: &str, case: &Scenario, endpoint| {
        let mut options = embedded::options(Edition::Current);
        options.record = true;
        if let Some(endpoint) = endpoint {
            options.endpoint = endpoint;
        }
        let (_stop, interrupted) = watch::channel(false);
        let played = runtime.block_on(replay::play(&contract, case, options, interrupted));
        let events = played.expect("the reference can be played with").events;
        all.push(text(format!("{name} {}", case.name), lines(events)));
    };
    for pattern in ["stop/", "refuse/", "batch/"] {
        if let Some(case) = case(pattern) {
            play("pristine", case, None);
        }
    }
    for name in SHOWN {
        let fault = selfcheck::named(name).expect("it is in the catalogue");
        let found = fault.cases.first().and_then(|pattern| case(pattern));
        let shown = found
            .or_else(|| contract.scenarios.first())
            .expect("the contract has cases");
        let endpoint = emulator::endpoint(Edition::Current, crate::reference::XmlLayout::Compact, fault.hook);
        play(name, shown, Some(endpoint));
    }
    all.push(text("of every kind", lines(every_kind())));
    all.push(text(
        "another schema",
        r#"{"event":"run_started","schema":99,"novelty":1}"#,
    ));
    all.push(text(
        "no events",
        "{}\nnull\n{\"event\":\"x\"}\n[1,2\n\"\\ud800\"\n",
    ));
    all
}

/// A journal without what was sent: the judge does not read that, and it is half of the bytes.
fn lines(events: Vec<Event>) -> String {
    let mut out = String::new();
    let mut events = events.into_iter().peekable();
    while let Some(mut event) = events.next() {
        // Of several descriptions while the runner waits, only the last one counts.
        if is_look(&event) && events.peek().is_some_and(is_look) {
            continue;
        }
        match &mut event {
            // Requests that arrange or clean up are not judged.
            Event::Exchanged(exchanged) if matches!(exchanged.role, Role::Arrange | Role::Clean) => continue,
            Event::Exchanged(exchanged) => {
                if let SentRecord::Request(request) = &mut exchanged.sent {
                    request.headers = HeaderRecords::default();
                    request.body = Bytes::default();
                }
            }
            Event::CaseStarted(started) => started.purpose = "A case.".to_owned(),
            Event::RunStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Judged(_)
            | Event::CaseEnded(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Reproduced(_)
            | Event::Flaky(_)
            | Event::RunEnded(_) => {}
        }
        let line = event.to_line();
        // Runs are cut short at times, and a long journal contains nothing that a short one does not.
        if out.len() + line.len() > LONGEST_JOURNAL {
            break;
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// The most bytes of a journal that are a seed.
const LONGEST_JOURNAL: usize = 14_000;

fn is_look(event: &Event) -> bool {
    matches!(event, Event::Exchanged(exchanged) if exchanged.role == Role::Look)
}

/// Events that no case of the reference causes: raw sockets, searches, notes, failures.
fn every_kind() -> Vec<Event> {
    let case = || "wire/every-kind".to_owned();
    let clause = || ClauseId::from("WIR-01".to_owned());
    let id = "i-0cfb1e75e74229968";
    let mut events = vec![
        Event::CaseStarted(CaseStarted {
            case: case(),
            index: 3,
            phase: Phase::Wire,
            draft: false,
            purpose: "Raw sockets.".to_owned(),
            clauses: vec![clause()],
            scenario: None,
        }),
        Event::FixtureReady(FixtureReady {
            arranged_by: Vec::new(),
            case: case(),
            name: "a".to_owned(),
            id: id.to_owned(),
            kind: contract::FixtureKind {
                state: State::Running,
                ..contract::FixtureKind::default()
            },
            spot_request: Some("sir-0a".to_owned()),
            at_ms: 1_000_000,
        }),
    ];
    let demands = [
        (WireDemand::Plain, RawFault::None, Ending::Answered),
        (WireDemand::Same, RawFault::None, Ending::Silent),
        (WireDemand::Answered, RawFault::Request, Ending::Closed),
        (WireDemand::Refused, RawFault::Http, Ending::Reset),
        (WireDemand::Ended, RawFault::Http, Ending::TooMuch),
        (WireDemand::Dropped, RawFault::None, Ending::Dropped),
        (WireDemand::InTurn, RawFault::None, Ending::NoHttp),
        (
            WireDemand::Answered,
            RawFault::None,
            Ending::Failed {
                why: "connect".to_owned(),
            },
        ),
    ];
    let response = |status, body: &str| Answer {
        status,
        headers: HeaderRecords::default(),
        body: Bytes::Text(body.to_owned()),
    };
    for (step, (demand, fault, ending)) in (1..).zip(demands) {
        events.push(Event::StepStarted(StepStarted {
            case: case(),
            step,
            intent: Intent::Wire(Aim {
                demand,
                fault,
                also: vec![505],
                roots: vec!["Response".to_owned()],
                should: step % 2 == 0,
            }),
            witness: vec![clause()],
            control: step == 1,
            label: None,
            same_as: None,
        }));
        let answers = match step % 3 {
            0 => Vec::new(),
            1 => vec![response(
                412,
                "<Response><Errors><Error><Code>DryRunOperation</Code></Error></Errors></Response>",
            )],
            _ => vec![response(500, "x"), response(100, "")],
        };
        events.push(Event::Exchanged(Box::new(Exchange {
            case: case(),
            step,
            role: Role::Act,
            call: Call {
                form: Form {
                    method: Method::Get,
                    encoding: Encoding::EveryByte,
                    ..Form::default()
                },
                ..Call::new("StopInstances", [("InstanceId.1", id), ("DryRun", "true")])
            },
            sent: SentRecord::Raw(RawRecord {
                bytes: Bytes::Text("POST / HTTP/1.1\r\n\r\n".to_owned()),
                length: 19,
            }),
            answers,
            rest: Bytes::Base64("/w==".to_owned()),
            ending,
            at_ms: 5,
            took_ms: 1,
            interval: None,
        })));
        events.push(Event::Judged(Judged {
            case: case(),
            step,
            held: Vec::new(),
            findings: Vec::new(),
            choices: Vec::new(),
        }));
    }
    let ended = |outcome| {
        Event::CaseEnded(CaseEnded {
            case: case(),
            outcome,
        })
    };
    events.extend([
        ended(Outcome::Judged {
            verdict: Verdict::Pass,
        }),
        ended(Outcome::Unsupported {
            obstacle: Obstacle::NotReached {
                state: Some(State::Stopped),
                described: Some(Excerpt::word("stopping")),
                answer: AnswerSummary {
                    status: 200,
                    body: BodySummary::Empty,
                },
                cut: Some(WaitCut::TimeLimit),
            },
        }),
        ended(Outcome::Error {
            what: "gone".to_owned(),
        }),
        Event::Noted(Noted {
            case: String::new(),
            text: "i-0a is left".to_owned(),
        }),
        Event::Explored(Explored {
            phase: Phase::Random,
            scripts: 7,
            steps: 70,
            untold: 700,
        }),
        Event::Recurred(Recurred {
            case: case(),
            clause: clause(),
            scripts: 3,
        }),
        Event::Flaky(Flaky {
            case: case(),
            clause: clause(),
            fingerprint: Fingerprint::new(&clause(), Verdict::Warn, &[]),
            times: 1,
            of: 3,
        }),
        Event::Reproduced(Reproduced {
            case: case(),
            clause: clause(),
            times: 1,
            of: 5,
        }),
    ]);
    events
}
