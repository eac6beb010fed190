//! Tests that nothing planted in the answers of a recording is in its bundle, in any spelling, and that everything else
//! is.

#![expect(clippy::panic, reason = "a test that fails says what it saw")]

use std::sync::LazyLock;

use super::replace::REMOVED;
use super::*;
use crate::call::{Call, Form};
use crate::contract::{Confidence, Edition, FixtureKind, embedded};
use crate::journal::{
    Answer, Bytes, CaseEnded, Ending, Exchange, FixtureReady, HeaderRecords, Intent, Noted, Phase,
    RequestRecord, SCHEMA, SentRecord, StepStarted,
};
use crate::protocol::capture::base64_of;
use crate::verdict::Verdict;

/// Loaded once: reading the specs takes longer than anything here.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| embedded(Edition::Current));

const CASE: &str = "id/unknown";
const OURS: &str = "i-0c28137fce7e9f44b";
const MADE_UP: &str = "i-0123456789abcdef0";

/// Texts that identify an account or open it, each as an answer may have it.
const PLANTED: [(&str, &str); 16] = [
    ("54.93.17.201", "<ipAddress>54.93.17.201</ipAddress>"),
    (
        "172.31.44.7",
        "<privateDnsName>ip-172-31-44-7.eu-central-1.compute.internal</privateDnsName>",
    ),
    (
        "172-31-44-7",
        "<privateDnsName>ip-172-31-44-7.eu-central-1.compute.internal</privateDnsName>",
    ),
    (
        "corp.acme.net",
        "<privateDnsName>ip-172-31-44-7.corp.acme.net</privateDnsName>",
    ),
    (
        "2600:1f18:44a2:7b00::5",
        "<ipv6Address>2600:1f18:44a2:7b00::5</ipv6Address>",
    ),
    ("0e:1f:2a:3b:4c:5d", "<macAddress>0e:1f:2a:3b:4c:5d</macAddress>"),
    ("210987654321", "<ownerId>210987654321</ownerId>"),
    (
        "alice.b",
        "arn:aws:iam::210987654321:user/alice.b is not authorized",
    ),
    (
        "r-0f1e2d3c4b5a69788",
        "<reservationId>r-0f1e2d3c4b5a69788</reservationId>",
    ),
    ("subnet-9d4a7b6c", "<subnetId>subnet-9d4a7b6c</subnetId>"),
    ("acme-ops-key", "<keyName>acme-ops-key</keyName>"),
    (
        "Billing team",
        "<item><key>stopcheck</key><value>Billing team</value></item>",
    ),
    ("use1-az6", "<availabilityZoneId>use1-az6</availabilityZoneId>"),
    (
        "kQ7vN-_x4ZbT",
        "Encoded authorization failure message: kQ7vN-_x4ZbT",
    ),
    (
        "ASIAQ3EGRKPD7XWZ2M5T",
        "<AccessKeyId>ASIAQ3EGRKPD7XWZ2M5T</AccessKeyId>",
    ),
    ("hunter2hunter2", "the secret hunter2hunter2"),
];

fn digest(bytes: &[u8]) -> String {
    format!("{:016x}", bytes.len())
}

fn recording(body: &str) -> Vec<Event> {
    let call = Call {
        action: Some("StopInstances".to_owned()),
        params: vec![("InstanceId.1".to_owned(), MADE_UP.to_owned())],
        form: Form::default(),
    };
    let exchange = |role| Exchange {
        case: CASE.to_owned(),
        step: 1,
        role,
        call: call.clone(),
        sent: SentRecord::Request(RequestRecord {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: HeaderRecords(vec![(
                "Host".to_owned(),
                "ec2.us-east-1.amazonaws.com".to_owned(),
            )]),
            body: Bytes::Text(format!("Action=StopInstances&InstanceId.1={MADE_UP}")),
        }),
        answers: vec![Answer {
            status: 400,
            headers: HeaderRecords(vec![(
                "x-amzn-requestid".to_owned(),
                "59dbff89-35bd-4eac-99ed-be587ea82825".to_owned(),
            )]),
            body: Bytes::Text(body.to_owned()),
        }],
        rest: Bytes::default(),
        ending: Ending::Answered,
        at_ms: 1_790_370_000_000,
        took_ms: 12,
        interval: None,
    };
    vec![
        Event::RunStarted(RunStarted {
            schema: SCHEMA,
            stopcheck: "0.1.0".to_owned(),
            run_id: None,
            endpoint: "https://ec2.us-east-1.amazonaws.com".to_owned(),
            region: "us-east-1".to_owned(),
            edition: Edition::Current,
            min_confidence: Confidence::default(),
            seed: 1,
            cases: 1,
            phases: BTreeMap::new(),
            scenarios: vec!["cases-of-alice".to_owned()],
            server: vec!["server-of-alice".to_owned()],
            left_out: 0,
            partition: None,
            setup: None,
            read_lag_ms: 0,
            at_ms: 1_790_370_000_000,
        }),
        Event::CaseStarted(CaseStarted {
            case: CASE.to_owned(),
            index: 0,
            phase: Phase::Scenarios,
            draft: false,
            purpose: "An id that nobody owns.".to_owned(),
            clauses: Vec::new(),
            scenario: None,
        }),
        Event::FixtureReady(FixtureReady {
            case: CASE.to_owned(),
            name: "a".to_owned(),
            id: OURS.to_owned(),
            kind: FixtureKind::default(),
            spot_request: None,
            arranged_by: vec![call.clone()],
            at_ms: 0,
        }),
        Event::Exchanged(Box::new(exchange(Role::Arrange))),
        Event::StepStarted(StepStarted {
            case: CASE.to_owned(),
            step: 1,
            intent: Intent::Call,
            witness: Vec::new(),
            control: false,
            label: None,
            same_as: None,
        }),
        Event::Exchanged(Box::new(exchange(Role::Act))),
        Event::Noted(Noted {
            case: CASE.to_owned(),
            text: "alice was here".to_owned(),
        }),
        Event::CaseEnded(CaseEnded {
            case: CASE.to_owned(),
            outcome: Outcome::Judged {
                verdict: Verdict::Pass,
            },
        }),
    ]
}

fn made(body: &str) -> Result<Bundle, BundleError> {
    let secrets = ["hunter2hunter2".to_owned()];
    let recording = Recording {
        events: &recording(body),
        secrets: &secrets,
        is_amazon: true,
        digest: &digest,
    };
    bundle(&CONTRACT, recording)
}

/// The answer in the bundle.
fn answer(bundle: &Bundle) -> String {
    let events = bundle
        .events_text
        .lines()
        .map(|line| Event::from_line(line).expect("a line of a journal"));
    let mut bodies = events.filter_map(|event| match event {
        Event::Exchanged(exchange) => exchange.answers.first().map(|answer| answer.body.clone()),
        _ => None,
    });
    match bodies.next_back() {
        Some(Bytes::Text(text)) => text,
        other => panic!("a body of text, not {other:?}"),
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn entities(text: &str) -> String {
    text.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect()
}

#[test]
fn nothing_planted_is_in_the_bundle_in_any_spelling() {
    for (text, context) in PLANTED {
        for spell in [
            str::to_owned,
            percent,
            entities,
            |text: &str| percent(&percent(text)),
            |text: &str| base64_of(text.as_bytes()),
        ] {
            let body = format!("<a>{context}</a><b>{}</b><c>{}</c>", spell(context), spell(text));
            let bundle = made(&body).unwrap_or_else(|error| panic!("{text} in {body}: {error}"));
            let answer = answer(&bundle);
            assert!(!answer.contains(text), "{text} is in {answer}");
            assert!(!answer.contains(&spell(text)), "{text} is in {answer}");
            assert!(!bundle.events_text.contains(text), "{text}");
            assert!(!bundle.manifest_text.contains(text), "{text}");
        }
    }
}

#[test]
fn everything_that_identifies_nobody_is_kept_byte_for_byte() {
    let body = "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>The instance ID \
                'i-0123456789abcdef0' does not exist</Message></Error></Errors> 100%&amp;\\u</Response>";
    let bundle = made(body).expect("nothing leaks");
    assert_eq!(answer(&bundle), body);
    assert!(bundle.events_text.contains("ec2.us-east-1.amazonaws.com"));
}

#[test]
fn what_concerns_nobody_else_is_left_out() {
    let bundle = made("<a/>").expect("nothing leaks");
    for gone in ["alice", "arrange", OURS, "59dbff89"] {
        assert!(
            !bundle.events_text.contains(gone),
            "{gone} is in {}",
            bundle.events_text
        );
    }
}

#[test]
fn the_same_text_is_replaced_by_the_same_in_the_whole_bundle() {
    let bundle = made(&format!(
        "<x>{OURS}</x><y>{}</y><z>i-0fffffffffffffff0</z>",
        OURS.to_uppercase()
    ));
    let bundle = bundle.expect("nothing leaks");
    let answer = answer(&bundle);
    let id = answer
        .split(['<', '>'])
        .nth(2)
        .expect("the first element")
        .to_owned();
    assert!(answer.contains(&id.to_uppercase()), "{answer}");
    assert!(
        bundle.events_text.contains(&format!("\"id\":\"{id}\"")),
        "{}",
        bundle.events_text
    );
    assert_ne!(id, OURS);
}

#[test]
fn a_bundle_in_which_something_is_left_is_refused() {
    let mut events = recording("<a/>");
    for event in &mut events {
        // Numbers are not replaced: none of ours identifies anybody.
        if let Event::Exchanged(exchange) = event {
            exchange.took_ms = 210_987_654_321;
        }
    }
    let recording = Recording {
        events: &events,
        secrets: &[],
        is_amazon: true,
        digest: &digest,
    };
    let error = bundle(&CONTRACT, recording).expect_err("an account is in it");
    assert_eq!(
        error.to_string(),
        "an account id is still in events.ndjson after all replacements: nothing was written"
    );
}

#[test]
fn the_second_look_finds_what_was_not_replaced() {
    let nothing = LeakCheck::new(&Replacements::default(), &[]);
    for (text, kind) in [
        ("210987654321", Some(Kind::Account)),
        ("a 54.93.17.201 b", Some(Kind::Ipv4)),
        ("54%2E93.17.201", Some(Kind::Ipv4)),
        ("AKIAIOSFODNN7EXAMPLE", Some(Kind::Secret)),
        ("{\"a\":\"\\u0035\\u0034.93.17.201\"}", Some(Kind::Ipv4)),
        ("20260925205905 i-0123456789abcdef0 1.2.3", None),
    ] {
        assert_eq!(nothing.find(text), kind, "{text}");
    }
    let planted = [(Kind::Name, "acme-ops-key".to_owned())];
    let check = LeakCheck::new(&Replacements::choose(&planted), &[]);
    for (text, found) in [
        ("acme-ops-key", true),
        ("ACME-ops-key", true),
        ("acme%2Dops-key", true),
        (&base64_of(b"acme-ops-key"), true),
        ("acme-ops-keys", false),
    ] {
        assert_eq!(check.find(text).is_some(), found, "{text}");
    }
}

#[test]
fn the_manifest_lists_what_the_bundle_answers_and_reads_back() {
    let bundle = made("<ownerId>210987654321</ownerId>").expect("nothing leaks");
    let manifest = Manifest::from_text(&bundle.manifest_text).expect("our own text");
    assert_eq!(manifest, bundle.manifest);
    assert_eq!(manifest.replaced.get(&Kind::Account), Some(&1));
    assert_eq!(manifest.cases, [CASE]);
    manifest
        .verify(EVENTS_FILE, bundle.events_text.as_bytes(), &digest)
        .expect("the file that was recorded");
    manifest
        .verify(EVENTS_FILE, b"another", &digest)
        .expect_err("another file");
    manifest
        .verify("other.txt", b"", &digest)
        .expect_err("not listed");
    let other = bundle.manifest_text.replacen("\"format\": 1", "\"format\": 9", 1);
    assert!(matches!(
        Manifest::from_text(&other),
        Err(ManifestError::OtherFormat(9))
    ));
}

#[test]
fn a_run_without_a_played_case_has_no_bundle() {
    let events = recording("<a/>");
    let recording = Recording {
        events: events.get(..2).unwrap_or_default(),
        secrets: &[],
        is_amazon: true,
        digest: &digest,
    };
    assert_eq!(bundle(&CONTRACT, recording), Err(BundleError::NothingRecorded));
    assert_eq!(REMOVED, "REDACTED");
}
