//! Fuzz target for goldens: a transcript stays unchanged, from any input and any answer of an endpoint.

use crate::call::Call;
use crate::golden::{TranscriptRecorder, normal};
use crate::journal::{
    Answer, Bytes, CaseEnded, CaseStarted, Ending, Event, Exchange, HeaderRecords, Intent, Outcome, Phase,
    RequestRecord, Role, SentRecord, StepStarted,
};
use crate::verdict::Verdict;

/// Reads the bytes as a transcript, and as the answer of an endpoint from which a transcript is made.
pub fn golden(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    stays(&normal(&text));
    stays(&transcript_of(&text));
}

fn stays(once: &str) {
    assert_eq!(normal(once), once, "a transcript does not stay as it is");
}

/// The transcript of a case in which an endpoint gave this answer to two simultaneous calls and to a description.
fn transcript_of(body: &str) -> String {
    let case = "fuzz/golden".to_owned();
    let exchanged = |role, action: &str| {
        // The header fields are taken from the body, since there are no other bytes.
        let field = body.lines().next().unwrap_or_default();
        let headers = [("X-Amzn-RequestId", field), ("Content-Type", field)];
        Event::Exchanged(Box::new(Exchange {
            case: case.clone(),
            step: 1,
            role,
            call: Call::new(action, [("InstanceId.1", field)]),
            sent: SentRecord::Request(RequestRecord {
                method: "POST".to_owned(),
                target: format!("/?Action={action}"),
                headers: HeaderRecords::default(),
                body: Bytes::Text(body.to_owned()),
            }),
            answers: vec![Answer {
                status: 200,
                headers: HeaderRecords(
                    headers
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .to_vec(),
                ),
                body: Bytes::Text(body.to_owned()),
            }],
            rest: Bytes::default(),
            ending: Ending::Answered,
            at_ms: 0,
            took_ms: 0,
            interval: None,
        }))
    };
    let events = [
        Event::CaseStarted(CaseStarted {
            case: case.clone(),
            index: 0,
            phase: Phase::Scenarios,
            draft: false,
            purpose: String::new(),
            clauses: Vec::new(),
            scenario: None,
        }),
        Event::StepStarted(StepStarted {
            case: case.clone(),
            step: 1,
            intent: Intent::Overlap,
            witness: Vec::new(),
            control: false,
            label: None,
            same_as: None,
        }),
        exchanged(Role::Act, "StopInstances"),
        exchanged(Role::Act, "StopInstances"),
        exchanged(Role::Look, "DescribeInstances"),
        Event::CaseEnded(CaseEnded {
            case: case.clone(),
            outcome: Outcome::Judged {
                verdict: Verdict::Pass,
            },
        }),
    ];
    let mut recorder = TranscriptRecorder::default();
    let recording = events.iter().find_map(|event| recorder.take(event));
    recording
        .and_then(|recording| recording.text.ok())
        .expect("a case that ended has a transcript")
}
