//! Small contracts, calls and event streams for the tests of the reports.

use crate::call::{Call, Form};
use crate::contract::{
    Act, Aspects, CallTemplate, Check, Clause, ClauseId, Condition, Confidence, Contract, Demand, Edition,
    FixtureKind, Level, Market, Refusal, RefusalAnswer, Scenario, Source, State, Step,
};
use crate::journal::{
    Answer, AnswerSummary, BodySummary, Bytes, CaseEnded, CaseStarted, Choice, Ending, Event, Excerpt,
    Exchange, Expected, Finding, FixtureReady, HeaderRecords, Intent, Judged, Observed, Obstacle, Outcome,
    Phase, RequestRecord, Role, RunEnded, RunStarted, SCHEMA, SentRecord, StepStarted,
};
use crate::report::repeat::Sent;
use crate::verdict::Verdict;

/// An instance id.
pub(super) const A: &str = "i-0a1b2c3d4e5f60718";

/// Another instance id.
pub(super) const B: &str = "i-0b1b2c3d4e5f60718";

/// A contract of a few clauses, one for each status.
pub(super) fn contract() -> Contract {
    let clause = |id: &str, level, confidence, statement: &str, sources: &[&str]| Clause {
        id: id.into(),
        group: "dry-run".into(),
        level,
        confidence,
        holds: true,
        range: "always".into(),
        statement: statement.into(),
        sources: sources.iter().map(|key| (*key).to_owned()).collect(),
        note: None,
        checks: Vec::new(),
        untested: None,
        explained_by: None,
        confirmed: Some("2026-09".to_owned()),
    };
    let mut clauses = vec![
        clause(
            "DRY-01",
            Level::Must,
            Confidence::Documented,
            "A dry run answers `DryRunOperation`.",
            &["API"],
        ),
        clause(
            "DRY-04",
            Level::Must,
            Confidence::DocumentedAndRecorded,
            "A dry run changes nothing: the instance stays running.",
            &["API", "R14"],
        ),
        clause(
            "RSP-07",
            Level::Should,
            Confidence::Recorded,
            "The answer begins with an XML declaration.",
            &["R01"],
        ),
        clause(
            "ERR-02",
            Level::Must,
            Confidence::Recorded,
            "An unknown id is refused.",
            &["R02"],
        ),
        clause(
            "SPT-01",
            Level::Must,
            Confidence::Documented,
            "A one-time Spot Instance cannot be stopped.",
            &["API"],
        ),
        clause(
            "LIM-02",
            Level::Should,
            Confidence::Inferred,
            "A thousand ids are accepted.",
            &["a guess"],
        ),
        clause(
            "OLD-01",
            Level::Must,
            Confidence::Documented,
            "Force flushes nothing.",
            &["M"],
        ),
    ];
    for clause in &mut clauses {
        match clause.id.as_str() {
            "DRY-04" => clause.note = Some("Looked at with DescribeInstances.".into()),
            "RSP-07" => clause.checks = vec![Check::XmlDeclaration],
            "LIM-02" => clause.untested = Some("needs a thousand instances".into()),
            "OLD-01" => (clause.holds, clause.range) = (false, "until 2025-04".into()),
            _ => {}
        }
    }
    let ids = |list: &[&str]| list.iter().map(|id| ClauseId::from(*id)).collect::<Vec<_>>();
    let call = |params: &[(&str, &str)]| CallTemplate {
        action: Some("StopInstances".into()),
        params: params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        form: Form::default(),
    };
    let step = Step::from;
    let spot = FixtureKind {
        market: Market::OneTimeSpot,
        ..FixtureKind::default()
    };
    Contract {
        action: "StopInstances".into(),
        edition: Edition::Current,
        clauses,
        parameters: Vec::new(),
        states: Vec::new(),
        recorded: Vec::new(),
        questions: Vec::new(),
        transitions: Vec::new(),
        refusals: vec![Refusal {
            condition: Condition::DryRun,
            demand: Demand::Must,
            answers: vec![RefusalAnswer {
                code: "DryRunOperation".into(),
                status: vec![412],
                message: None,
            }],
            masks: Vec::new(),
            any_form: false,
            clauses: Aspects {
                refused: ids(&["DRY-01"]),
                effect: ids(&["DRY-04"]),
                ..Aspects::default()
            },
        }],
        precedences: Vec::new(),
        passing: Vec::new(),
        scenarios: vec![
            Scenario {
                name: "dry-run/valid".into(),
                purpose: "A dry run of an allowed stop is refused and changes nothing.".into(),
                clauses: ids(&["DRY-01", "DRY-04"]),
                fixtures: vec![("a".into(), FixtureKind::default())],
                steps: vec![
                    step(Act::Call(call(&[("InstanceId.1", "{a}"), ("DryRun", "true")]))),
                    step(Act::Settle(vec!["a".into()], State::Running)),
                    step(Act::Observe),
                ],
            },
            Scenario {
                name: "refuse/unknown".into(),
                purpose: "An id that nobody owns.".into(),
                clauses: ids(&["ERR-02"]),
                fixtures: Vec::new(),
                steps: vec![step(Act::Call(call(&[("InstanceId.1", "{unknown}")])))],
            },
            Scenario {
                name: "refuse/spot".into(),
                purpose: "A one-time Spot Instance.".into(),
                clauses: ids(&["SPT-01"]),
                fixtures: vec![("a".into(), spot)],
                steps: vec![step(Act::Call(call(&[("InstanceId.1", "{a}")])))],
            },
        ],
        sources: vec![
            Source {
                key: "API".into(),
                title: "Amazon EC2 API Reference, StopInstances".into(),
                url: Some("https://docs.example/API_StopInstances.html".into()),
                licence: None,
            },
            Source {
                key: "R14".into(),
                title: "a recorded answer".into(),
                url: Some("https://github.com/example/answers".into()),
                licence: Some("Apache-2.0".into()),
            },
        ],
    }
}

/// The event that starts a run.
pub(super) fn run() -> RunStarted {
    RunStarted {
        min_confidence: Default::default(),
        schema: SCHEMA,
        stopcheck: "0.1.0".into(),
        run_id: None,
        endpoint: "http://127.0.0.1:5000".into(),
        region: "us-east-1".into(),
        edition: Edition::Current,
        seed: 0,
        cases: 4,
        phases: std::collections::BTreeMap::new(),
        scenarios: Vec::new(),
        server: Vec::new(),
        left_out: 0,
        partition: None,
        setup: None,
        read_lag_ms: 5_000,
        at_ms: 1_000_000,
    }
}

pub(super) fn launch(token: &str) -> Call {
    Call::new(
        "RunInstances",
        [
            ("ImageId", "ami-12345678"),
            ("InstanceType", "t3.micro"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("ClientToken", token),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "stopcheck"),
            ("TagSpecification.1.Tag.1.Value", "run"),
        ],
    )
}

pub(super) fn launched(id: &str) -> String {
    format!("<item><instanceId>{id}</instanceId><imageId>ami-12345678</imageId></item>")
}

pub(super) fn stop(ids: &[&str]) -> Call {
    let params = ids
        .iter()
        .enumerate()
        .map(|(at, id)| (format!("InstanceId.{}", at + 1), *id));
    Call::new("StopInstances", params)
}

pub(super) fn fixture(name: &str, id: &str, state: State) -> FixtureReady {
    FixtureReady {
        arranged_by: Vec::new(),
        case: "dry-run/valid".into(),
        name: name.into(),
        id: id.into(),
        kind: FixtureKind {
            state,
            ..FixtureKind::default()
        },
        spot_request: None,
        at_ms: 1_000_000,
    }
}

/// An exchange of a case: a signed POST.
pub(super) fn exchanged(
    case: &str,
    step: usize,
    role: Role,
    call: Call,
    status: u16,
    body: &str,
) -> Exchange {
    let mut form = format!(
        "Action={}&Version=2016-11-15",
        call.action.clone().unwrap_or_default()
    );
    for (name, value) in &call.params {
        form.push_str(&format!("&{name}={value}"));
    }
    let headers = [
        ("host", "127.0.0.1:5000"),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("x-amz-date", "20260102T030405Z"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Exchange {
        case: case.into(),
        step,
        role,
        call,
        sent: SentRecord::Request(RequestRecord {
            method: "POST".into(),
            target: "/".into(),
            headers: HeaderRecords(headers.to_vec()),
            body: Bytes::Text(form),
        }),
        answers: vec![Answer {
            status,
            headers: HeaderRecords::default(),
            body: Bytes::Text(body.into()),
        }],
        rest: Bytes::default(),
        ending: Ending::Answered,
        at_ms: 1_000_100 + 10 * step as u64,
        took_ms: 7,
        interval: None,
    }
}

pub(super) fn sent(step: usize, role: Role, call: Call, status: u16, body: &str) -> Sent {
    Sent::of(&exchanged("dry-run/valid", step, role, call, status, body))
}

/// The exchanges of a dry run at an endpoint that really stops the instance.
pub(super) fn dry_run_exchanges(case: &str, id: &str) -> Vec<Exchange> {
    let mut dry = stop(&[id]);
    dry.params.push(("DryRun".into(), "true".into()));
    let look = Call::new("DescribeInstances", [("InstanceId.1", id)]);
    vec![
        exchanged(case, 0, Role::Arrange, launch("token"), 200, &launched(id)),
        exchanged(case, 0, Role::Look, look.clone(), 200, "<name>running</name>"),
        exchanged(
            case,
            1,
            Role::Act,
            dry,
            200,
            &format!("<StopInstancesResponse>\n  <instanceId>{id}</instanceId>\n</StopInstancesResponse>"),
        ),
        exchanged(case, 1, Role::Look, look, 200, "<name>stopping</name>"),
        exchanged(
            case,
            0,
            Role::Clean,
            Call::new("TerminateInstances", [("InstanceId.1", id)]),
            200,
            "",
        ),
    ]
}

pub(super) fn dry_run_story() -> (Vec<FixtureReady>, Vec<(usize, Intent)>, Vec<Sent>) {
    let sent = dry_run_exchanges("dry-run/valid", A)
        .iter()
        .map(Sent::of)
        .collect();
    (
        vec![fixture("a", A, State::Running)],
        vec![(1, Intent::Call)],
        sent,
    )
}

/// The events of one case.
pub(super) struct SampleCase<'a> {
    pub(super) name: &'a str,
    pub(super) index: usize,
    pub(super) clauses: &'a [&'a str],
    pub(super) exchanges: Vec<Exchange>,
    pub(super) held: &'a [&'a str],
    pub(super) findings: Vec<Finding>,
    pub(super) outcome: Option<Outcome>,
}

impl SampleCase<'_> {
    pub(super) fn events(self) -> Vec<Event> {
        let case = self.name.to_owned();
        let ids = |list: &[&str]| list.iter().map(|id| ClauseId::from(*id)).collect::<Vec<_>>();
        let mut events = vec![Event::CaseStarted(CaseStarted {
            case: case.clone(),
            index: self.index,
            phase: Phase::Scenarios,
            draft: false,
            scenario: None,
            purpose: format!("What {case} shows."),
            clauses: ids(self.clauses),
        })];
        if let Some(id) = self
            .exchanges
            .iter()
            .flat_map(|exchange| Sent::of(exchange).made)
            .next()
        {
            events.push(Event::FixtureReady(FixtureReady {
                arranged_by: Vec::new(),
                case: case.clone(),
                ..fixture("a", &id, State::Running)
            }));
        }
        events.push(Event::StepStarted(StepStarted {
            case: case.clone(),
            step: 1,
            intent: Intent::Call,
            witness: Vec::new(),
            control: false,
            label: None,
            same_as: None,
        }));
        events.extend(
            self.exchanges
                .into_iter()
                .map(|exchange| Event::Exchanged(Box::new(exchange))),
        );
        if !self.held.is_empty() || !self.findings.is_empty() {
            let held = ids(self.held);
            let choice = Choice {
                condition: Condition::UnissuedId,
                code: "InvalidInstanceID.NotFound".into(),
            };
            events.push(Event::Judged(Judged {
                case: case.clone(),
                step: 1,
                held,
                findings: self.findings,
                choices: vec![choice],
            }));
        }
        events.extend(
            self.outcome
                .map(|outcome| Event::CaseEnded(CaseEnded { case, outcome })),
        );
        events
    }
}

pub(super) fn finding(
    case: &str,
    clause: &str,
    verdict: Verdict,
    expected: Expected,
    observed: Observed,
) -> Finding {
    Finding {
        case: case.to_owned(),
        step: 1,
        clause: clause.into(),
        verdict,
        expected: vec![expected],
        observed: vec![observed],
        circumstances: vec![Condition::DryRun],
        exchange: Some(0),
    }
}

/// An instance stays running.
pub(super) fn stays_running(id: &str) -> Expected {
    Expected::State {
        id: Excerpt::word(id),
        states: vec![State::Running],
        unchanged: true,
    }
}

/// An instance is described in this state.
pub(super) fn seen(id: &str, state: &str) -> Observed {
    Observed::State {
        id: Excerpt::word(id),
        state: Some(Excerpt::word(state)),
        after_call: false,
    }
}

/// The `Server` header has this text.
pub(super) fn said(text: &str) -> Observed {
    Observed::Header {
        name: "Server".to_owned(),
        value: Some(Excerpt::quote(text)),
    }
}

pub(super) fn judged(verdict: Verdict) -> Option<Outcome> {
    Some(Outcome::Judged { verdict })
}

/// A dry-run case at an endpoint that really stops the instance.
pub(super) fn bad_case<'a>(name: &'a str, index: usize, id: &str) -> SampleCase<'a> {
    SampleCase {
        name,
        index,
        clauses: &["DRY-01", "DRY-04"],
        exchanges: dry_run_exchanges(name, id),
        held: &["DRY-01"],
        findings: vec![finding(
            name,
            "DRY-04",
            Verdict::Fail,
            stays_running(id),
            seen(id, "stopping"),
        )],
        outcome: judged(Verdict::Fail),
    }
}

/// A case in which these clauses held.
pub(super) fn good_case<'a>(name: &'a str, index: usize, clauses: &'a [&'a str]) -> SampleCase<'a> {
    SampleCase {
        name,
        index,
        clauses,
        exchanges: Vec::new(),
        held: clauses,
        findings: Vec::new(),
        outcome: judged(Verdict::Pass),
    }
}

/// The events of a run of these cases, from start to end.
pub(super) fn stream(cases: Vec<SampleCase<'_>>) -> Vec<Event> {
    let mut events = vec![Event::RunStarted(run())];
    events.extend(cases.into_iter().flat_map(SampleCase::events));
    events.push(Event::RunEnded(RunEnded {
        at_ms: 1_003_250,
        interrupted: false,
        cut_short: None,
        most_instances: None,
    }));
    events
}

/// A run that has nearly every kind of result.
pub(super) fn mixed() -> Vec<Event> {
    let hostile = "\x1b]0;owned\x07<not-xml>\u{202e}]]>&";
    stream(vec![
        bad_case("dry-run/valid", 0, A),
        bad_case("dry-run/again", 1, B),
        SampleCase {
            findings: vec![finding(
                "refuse/unknown",
                "RSP-07",
                Verdict::Warn,
                Expected::Rule {
                    check: Check::XmlDeclaration,
                },
                said(hostile),
            )],
            held: &["ERR-02"],
            outcome: judged(Verdict::Warn),
            ..good_case("refuse/unknown", 2, &["ERR-02"])
        },
        SampleCase {
            held: &[],
            outcome: Some(Outcome::Unsupported {
                obstacle: Obstacle::Refused {
                    action: "RunInstances".into(),
                    answer: AnswerSummary {
                        status: 400,
                        body: BodySummary::Error {
                            code: Excerpt::name("InvalidParameter"),
                            message: Some(Excerpt::quote("no Spot")),
                        },
                    },
                },
            }),
            ..good_case("refuse/spot", 3, &["SPT-01"])
        },
        SampleCase {
            held: &[],
            outcome: Some(Outcome::Error {
                what: "could not connect: refused".into(),
            }),
            ..good_case("concurrent/two", 4, &["DRY-01"])
        },
    ])
}
