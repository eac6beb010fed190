//! Fuzz targets for the judge: a whole script against the reference, and any exchanges.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderName, HeaderValue, Response};

use crate::call::{Auth, Call};
use crate::check::{CaseJudge, FollowUp, Judge, Observation};
use crate::contract::{self, Confidence, Edition, FixtureKind, Market, Root, SameAs, State};
use crate::embedded;
use crate::journal::{CallInterval, Ending, FixtureReady, Intent, Judged, Outcome, Role, StepStarted};
use crate::plan::bytes::ChoiceBytes;
use crate::plan::script::{Features, Script};
use crate::protocol::{self, Reply};
use crate::report::list;
use crate::runner::CaseRunner;
use crate::words::{English, Words as _};

/// Plays the bytes as a script against the reference, which has no faults. A finding is a mistake of the judge, of the
/// reference, or of a script that does what cannot be judged.
pub fn script(data: &[u8]) {
    static CASE_RUNNER: OnceLock<CaseRunner> = OnceLock::new();
    let alone = CASE_RUNNER.get_or_init(|| {
        let contract = Arc::new(contract::embedded(Edition::Current));
        CaseRunner::new(contract, embedded::options(Edition::Current))
            .expect("a runtime of one thread needs nothing but memory")
    });
    let case = Script::decode(data, Features::ALL).into_case("fuzz/script");
    let ended = alone.play(&case);
    // A script may need what the service does not have, for instance stop protection of a Spot Instance; it ends there.
    let is_ours = matches!(ended.outcome, Outcome::Error { .. });
    if !is_ours && ended.findings.is_empty() {
        return;
    }
    let mut told = format!("{:?}\n", ended.outcome);
    for step in &case.steps {
        let _ = writeln!(told, "  {}", list::step_in_words(step));
    }
    for finding in &ended.findings {
        let _ = writeln!(
            told,
            "{} allowed {} observed {}",
            finding.id(),
            English.all_expected(&finding.expected),
            English.all_observed(&finding.observed)
        );
    }
    assert!(!is_ours && ended.findings.is_empty(), "{told}");
}

/// The judge of today's contract, built once.
pub(super) fn today() -> &'static Arc<Judge> {
    static JUDGE: OnceLock<Arc<Judge>> = OnceLock::new();
    JUDGE.get_or_init(|| {
        let contract = Arc::new(contract::embedded(Edition::Current));
        Arc::new(Judge::new(contract, Confidence::default()))
    })
}

/// The most steps of a case.
const MOST_STEPS: u8 = 8;

/// Builds fixtures, calls and answers from the bytes and judges them twice: as a run does, which requests follow-ups,
/// and as a recording.
pub fn judge(data: &[u8]) {
    let first = judged(data, |judge, observation| follows(&judge.observe(observation)));
    let again = judged(data, CaseJudge::record);
    assert_eq!(first, again, "the same exchanges are judged the same");
    for judged in &first {
        for finding in &judged.findings {
            assert_eq!((&finding.case, finding.step), (&judged.case, judged.step));
            let line = serde_json::to_string(finding).expect("a finding is JSON");
            assert!(line.len() < 100_000, "{} bytes: {line}", line.len());
            let texts = [
                English.all_expected(&finding.expected),
                English.all_observed(&finding.observed),
            ];
            // What an endpoint answers may be quoted in a report: it is bounded, and has no characters that control a
            // terminal.
            for text in texts {
                assert!(text.len() < 20_000, "{} bytes: {text}", text.len());
                assert!(!text.chars().any(char::is_control), "{text:?}");
            }
        }
    }
}

fn judged(data: &[u8], take: impl Fn(&mut CaseJudge, Observation)) -> Vec<Judged> {
    let mut bytes = ChoiceBytes::new(data);
    let mut judge = CaseJudge::new(Arc::clone(today()), "fuzz");
    let fixtures = bytes.byte() % 4;
    for (at, id) in IDS.iter().enumerate().take(usize::from(fixtures)) {
        judge.fixture(&FixtureReady {
            arranged_by: Vec::new(),
            case: "fuzz".to_owned(),
            name: at.to_string(),
            id: (*id).to_owned(),
            kind: drawn_kind(&mut bytes),
            spot_request: None,
            at_ms: 0,
        });
    }
    let steps = 1 + bytes.byte() % MOST_STEPS;
    let mut all = Vec::new();
    for number in 1..=steps {
        let step = drawn_step(&mut bytes, usize::from(number));
        let mut exchanges = Vec::new();
        for _ in 0..=bytes.byte() % 3 {
            let role = bytes.pick(&[Role::Act, Role::Act, Role::Look, Role::Ask, Role::Retried]);
            let call = drawn_call(&mut bytes, role);
            let reply = (bytes.byte() != 255).then(|| protocol::decode(drawn_response(&mut bytes)));
            exchanges.push((role, call, reply));
        }
        // All remaining bytes are the last answer, so that the fuzzer can write one by itself.
        if number == steps
            && let Some((_, _, reply)) = exchanges.last_mut()
        {
            let rest = std::mem::replace(&mut bytes, ChoiceBytes::new(&[])).rest();
            if !rest.is_empty() {
                *reply = Some(answer(200, rest.to_vec()));
            }
        }
        follows(&judge.begin(step));
        for ((role, call, reply), at) in exchanges.into_iter().zip(0..) {
            let at: u64 = at;
            let at_ms = 1_000 * (u64::from(number) * 10 + at);
            let is_answered = reply.is_some();
            let observation = Observation {
                role,
                call: Arc::new(call),
                replies: reply.into_iter().collect(),
                rest: Vec::new(),
                ending: Ending::Answered,
                at_ms,
                answered_ms: at_ms + 1,
                // Calls that overlap do so with the next two.
                interval: Some(CallInterval {
                    caller: usize::try_from(at).unwrap_or_default(),
                    began: at,
                    ended: Some(at + 3).filter(|_| is_answered),
                }),
            };
            take(&mut judge, observation);
        }
        all.extend(judge.conclude().map(|result| result.judged));
    }
    all
}

/// Checks that a follow-up can be carried out.
fn follows(next: &FollowUp) {
    match next {
        FollowUp::Done => {}
        FollowUp::SendAgain { otherwise, .. } => {
            assert!(!matches!(**otherwise, FollowUp::SendAgain { .. }), "{next:?}");
            follows(otherwise);
        }
        FollowUp::Describe { ids, .. } => {
            let known = |id: &str| IDS.contains(&id);
            assert!(!ids.is_empty() && ids.iter().all(|id| known(id)), "{next:?}");
        }
    }
}

const IDS: [&str; 4] = [
    "i-0cfb1e75e74229968",
    "i-03fe236b187a898b6",
    "i-0123abcd",
    "i-00000000000000000",
];

const STATES: [&str; 8] = [
    "running",
    "stopping",
    "stopped",
    "pending",
    "terminated",
    "shutting-down",
    "nonsense",
    "",
];

fn drawn_kind(bytes: &mut ChoiceBytes<'_>) -> FixtureKind {
    let flags = bytes.byte();
    FixtureKind {
        state: bytes.pick(&[
            State::Running,
            State::Stopped,
            State::Stopping,
            State::Pending,
            State::Restarting,
            State::ShuttingDown,
            State::Terminated,
            State::Gone,
        ]),
        market: bytes.pick(&[Market::OnDemand, Market::PersistentSpot, Market::OneTimeSpot]),
        root: bytes.pick(&[Root::Ebs, Root::InstanceStore]),
        stop_protected: flags & 1 != 0,
        termination_protected: flags & 2 != 0,
        hibernation: flags & 4 != 0,
    }
}

fn drawn_step(bytes: &mut ChoiceBytes<'_>, number: usize) -> StepStarted {
    let intent = match bytes.byte() % 8 {
        0 | 1 => Intent::Call,
        2 => Intent::Overlap,
        3 => Intent::Observe,
        4 => Intent::Rest,
        5 => Intent::Settle {
            ids: vec![bytes.pick(&IDS).to_owned()],
            state: bytes.pick(&STATES).to_owned(),
        },
        6 => Intent::Pages,
        _ => Intent::Pass { ms: 1 },
    };
    let flags = bytes.byte();
    let clause = |id: &str| vec![id.into()];
    StepStarted {
        case: "fuzz".to_owned(),
        step: number,
        intent,
        witness: if flags & 1 == 0 {
            Vec::new()
        } else {
            clause("REQ-01")
        },
        control: flags & 2 != 0,
        label: (flags & 4 != 0).then(|| "a".to_owned()),
        same_as: (flags & 8 != 0).then(|| SameAs {
            labels: vec!["a".to_owned()],
            instances: vec![(IDS[0].to_owned(), bytes.pick(&IDS).to_owned())],
            clauses: clause("STT-01"),
        }),
    }
}

fn drawn_call(bytes: &mut ChoiceBytes<'_>, role: Role) -> Call {
    let action = match role {
        Role::Look => "DescribeInstances",
        Role::Ask => bytes.pick(&[
            "DescribeInstanceAttribute",
            "DescribeSpotInstanceRequests",
            "DescribeInstanceStatus",
        ]),
        Role::Act | Role::Retried | Role::Arrange | Role::Clean => bytes.pick(&[
            "StopInstances",
            "StopInstances",
            "StopInstances",
            "StartInstances",
            "TerminateInstances",
            "RebootInstances",
            "ModifyInstanceAttribute",
            "DescribeInstanceAttribute",
            "stopinstances",
        ]),
    };
    let ids = bytes.byte() % 4;
    let mut params: Vec<(String, String)> = (1..=ids)
        .map(|at| (format!("InstanceId.{at}"), bytes.pick(&IDS).to_owned()))
        .collect();
    for (bit, name) in ["DryRun", "Force", "Hibernate", "SkipOsShutdown"]
        .iter()
        .enumerate()
    {
        let choice = bytes.byte();
        if choice >> 4 == u8::try_from(bit).unwrap_or_default() + 1 {
            let value = ["true", "false", "True", "1", ""];
            let value = value.get(usize::from(choice & 7)).copied().unwrap_or("true");
            params.push(((*name).to_owned(), value.to_owned()));
        }
    }
    if bytes.byte() % 8 == 7 {
        params.push((bytes.text(12), bytes.text(12)));
    }
    let mut call = Call::new(action, params);
    if bytes.byte() % 16 == 15 {
        call.action = None;
    }
    call.form.auth = bytes.pick(&[
        Auth::Header,
        Auth::Header,
        Auth::Header,
        Auth::Unsigned,
        Auth::WrongSignature,
        Auth::Denied,
        Auth::ExpiredSession,
        Auth::Stale,
    ]);
    call
}

fn drawn_response(bytes: &mut ChoiceBytes<'_>) -> Response<Bytes> {
    let status = bytes.pick(&[200, 400, 412, 403, 401, 404, 500, 503, 201, 302, 100, 999]);
    let body = match bytes.byte() % 6 {
        0 | 1 => changes(bytes),
        2 => error(bytes),
        3 => description(bytes),
        4 => bytes.text(255),
        _ => String::new(),
    };
    let mut response = answered(status, body);
    let headers = response.headers_mut();
    let choice = bytes.byte();
    if choice & 1 == 0 {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml;charset=UTF-8"));
    }
    if choice & 2 == 0 {
        headers.insert(DATE, HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
    }
    if choice & 4 != 0 {
        let (name, value) = (bytes.text(12), bytes.text(12));
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
    response
}

fn answer(status: u16, body: Vec<u8>) -> Reply {
    protocol::decode(answered(status, body))
}

fn answered(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let response = Response::builder().status(status).body(body.into());
    response.expect("the status is valid")
}

fn state(bytes: &mut ChoiceBytes<'_>) -> String {
    let name = bytes.pick(&STATES);
    let right = match name {
        "pending" => "0",
        "running" => "16",
        "shutting-down" => "32",
        "terminated" => "48",
        "stopping" => "64",
        "stopped" => "80",
        _ => "",
    };
    let code = bytes.pick(&[right, right, right, right, "272", "-1", "99999999999", "x"]);
    format!("<code>{code}</code><name>{name}</name>")
}

fn changes(bytes: &mut ChoiceBytes<'_>) -> String {
    let action = bytes.pick(&["Stop", "Stop", "Stop", "Start", "Terminate"]);
    let year = bytes.pick(&["2016-11-15", "2016-11-15", "2010-08-31", ""]);
    let mut items = String::new();
    for _ in 0..bytes.byte() % 4 {
        let id = bytes.pick(&IDS);
        let (current, previous) = (state(bytes), state(bytes));
        let _ = write!(
            items,
            "<item><instanceId>{id}</instanceId><currentState>{current}</currentState>\
             <previousState>{previous}</previousState></item>"
        );
    }
    format!(
        "<{action}InstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/{year}/\"><requestId>\
         8fb2652c-2944-48cd-a035-7580571e5499</requestId><instancesSet>{items}</instancesSet>\
         </{action}InstancesResponse>"
    )
}

fn error(bytes: &mut ChoiceBytes<'_>) -> String {
    let code = bytes.pick(&[
        "DryRunOperation",
        "UnauthorizedOperation",
        "IncorrectInstanceState",
        "InvalidInstanceID.NotFound",
        "InvalidInstanceID.Malformed",
        "MissingParameter",
        "UnknownParameter",
        "InvalidParameterValue",
        "InvalidParameterCombination",
        "UnsupportedOperation",
        "OperationNotPermitted",
        "UnsupportedHibernationConfiguration",
        "InvalidAction",
        "AuthFailure",
        "SignatureDoesNotMatch",
        "RequestExpired",
        "RequestLimitExceeded",
        "InternalError",
        "",
    ]);
    let message = if bytes.flag() {
        bytes.text(40).replace(['<', '&'], "")
    } else {
        format!("The instance ID '{}' does not exist", bytes.pick(&IDS))
    };
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>8fb2652c-2944-48cd-a035-7580571e5499</RequestID></Response>"
    )
}

fn description(bytes: &mut ChoiceBytes<'_>) -> String {
    let mut items = String::new();
    for _ in 0..bytes.byte() % 4 {
        let id = bytes.pick(&IDS);
        let state = state(bytes);
        let reason = bytes.pick(&[
            "",
            "User initiated (2026-01-01 00:00:00 GMT)",
            "User initiated",
            "Server.X",
        ]);
        let why = bytes.pick(&[
            "",
            "<stateReason><code>Client.UserInitiatedShutdown</code><message>Client.UserInitiatedShutdown: User \
             initiated shutdown</message></stateReason>",
            "<stateReason><code>Client.UserInitiatedHibernate</code><message>x</message></stateReason>",
        ]);
        let address = bytes.pick(&["", "<ipAddress>203.0.113.1</ipAddress>"]);
        let _ = write!(
            items,
            "<item><instanceId>{id}</instanceId><instanceState>{state}</instanceState><reason>{reason}</reason>{why}\
             {address}<privateIpAddress>172.31.0.1</privateIpAddress><rootDeviceType>ebs</rootDeviceType></item>"
        );
    }
    format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>\
         8fb2652c-2944-48cd-a035-7580571e5499</requestId><reservationSet><item><instancesSet>{items}</instancesSet>\
         </item></reservationSet></DescribeInstancesResponse>"
    )
}
