//! Recordings of other tools: botocore's Stubber, placebo, VCR cassettes, HTTP Archives.
//!
//! In come JSON and YAML. Out go the answers to the action under test, as far as the format shows them. Formats of parsed
//! answers show states, codes and messages; their bodies are rebuilt in the layout of captured answers. What nobody
//! recorded is not judged: a refusal depends on states that these formats do not show.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use stopcheck_core::call::Form;
use stopcheck_core::contract::{
    CallTemplate, Confidence, Contract, Edition, FixtureKind, Framing, Grade, Recorded, RecordedFixture,
    State,
};
use stopcheck_core::evidence::{Review, review};
use stopcheck_core::journal::{
    Answer, Bytes, CaseEnded, CaseStarted, Ending, Event, Exchange, FixtureReady, HeaderRecords, Intent,
    Outcome, Phase, RequestRecord, Role, RunStarted, SCHEMA, SentRecord, StepStarted,
};
use stopcheck_core::plan;
use stopcheck_core::protocol::{errors, form, reply, revive, state_changes};
use stopcheck_core::verdict::Verdict;

use super::{Format, Imported, read};

/// The request id of answers whose own was not recorded.
const NO_REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The most files of a folder that are read.
const MOST_FILES: usize = 10_000;

/// One answer, as a format shows it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ForeignAnswer {
    /// The parameters of the call, if they were recorded.
    params: Option<Vec<(String, String)>>,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    /// The body as it came; `None` if only parsed values were recorded.
    body: Option<String>,
    /// The code and the message of a refusal.
    refusal: Option<(String, String)>,
    /// The id, previous and current state of each instance.
    changes: Vec<(String, String, String)>,
}

/// Reads a recording and reviews it.
pub(super) fn import(
    format: Format,
    path: &Path,
    contract: &Arc<Contract>,
    prefix: &str,
) -> Result<Imported> {
    let found = match format {
        Format::Placebo => placebo(path, &contract.action)?,
        _ => answers(format, &read(path)?, &contract.action)
            .with_context(|| format!("could not read {}", path.display()))?,
    };
    if found.is_empty() {
        bail!(
            "{} has no answer to {} in this format",
            path.display(),
            contract.action
        );
    }
    Ok(reviewed(format, &found, contract, prefix))
}

/// The answers in the text of a file.
pub(super) fn answers(format: Format, text: &str, action: &str) -> Result<Vec<ForeignAnswer>> {
    let document: Value = match format {
        Format::Vcr => serde_saphyr::from_str(text).context("not YAML")?,
        _ => serde_json::from_str(text).context("not JSON")?,
    };
    Ok(match format {
        Format::Bundle => Vec::new(),
        Format::BotocoreStub => stubs(&document, action),
        Format::Placebo => vec![placebo_answer(&document)],
        Format::Vcr => vcr(&document, action),
        Format::Har => har(&document, action),
    })
}

/// Judges what can be judged.
pub(super) fn reviewed(
    format: Format,
    answers: &[ForeignAnswer],
    contract: &Arc<Contract>,
    prefix: &str,
) -> Imported {
    let (name, limits) = match format {
        Format::Bundle => ("a bundle", None),
        Format::BotocoreStub => ("stubs of botocore", Some(PARSED)),
        Format::Placebo => ("answers of placebo", Some(PARSED)),
        Format::Vcr => ("a cassette of VCR", None),
        Format::Har => ("an HTTP Archive", None),
    };
    let recorded: Vec<Recorded> = answers
        .iter()
        .enumerate()
        .map(|(at, answer)| answer.recorded(contract, &format!("{prefix}-{}", at + 1), prefix))
        .collect();
    // Without the states of its instances a refusal cannot be judged.
    let judged = recorded
        .iter()
        .filter(|one| one.status < 300 && !one.fixtures.is_empty());
    let events: Vec<Event> = judged.flat_map(events).collect();
    let Review {
        gains,
        contradictions,
        ..
    } = review(contract, &events, prefix);
    Imported {
        summary: format!("{} answers to {} from {name}", recorded.len(), contract.action),
        limits,
        is_amazon: false,
        review: Review {
            gains,
            contradictions,
            answers: Vec::new(),
            recorded,
        },
    }
}

/// What formats of parsed answers do not show.
const PARSED: &str = "bytes, header fields and the order of elements: bodies are rebuilt, states, codes and messages are \
                      as recorded";

/// The Stubber of botocore: a list of `{"method"|"operation_name", "expected_params", "response"}` or of
/// `{…, "service_error_code", "service_message", "http_status_code"}`, the arguments of `add_response` and
/// `add_client_error`.
fn stubs(document: &Value, action: &str) -> Vec<ForeignAnswer> {
    let stubs = document.as_array().map(Vec::as_slice).unwrap_or_default();
    let stubs = stubs.iter().filter(|stub| {
        let method = stub.get("method").or_else(|| stub.get("operation_name"));
        method
            .and_then(Value::as_str)
            .is_some_and(|method| is_method(method, action))
    });
    stubs
        .map(|stub| {
            let parsed = stub.get("response").or_else(|| stub.get("service_response"));
            let code = text(stub, "service_error_code");
            ForeignAnswer {
                params: stub.get("expected_params").map(params),
                status: stub.get("http_status_code").and_then(status),
                refusal: code.map(|code| (code, text(stub, "service_message").unwrap_or_default())),
                ..parsed.map(parsed_answer).unwrap_or_default()
            }
        })
        .collect()
}

/// Whether a method of boto3, or an operation, is this action: `stop_instances` or `StopInstances`.
fn is_method(method: &str, action: &str) -> bool {
    method.replace('_', "").eq_ignore_ascii_case(action)
}

/// placebo: one file for each answer, `ec2.StopInstances_1.json`, with `status_code` and `data`.
fn placebo(path: &Path, action: &str) -> Result<Vec<ForeignAnswer>> {
    let wanted = format!("ec2.{action}_");
    let could_not = || format!("could not read {}", path.display());
    let mut files: Vec<PathBuf> = match path.is_dir() {
        false => vec![path.to_owned()],
        true => fs::read_dir(path)
            .with_context(could_not)?
            .take(MOST_FILES)
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()
            .with_context(could_not)?,
    };
    files.retain(|file| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with(&wanted) && name.ends_with(".json"))
    });
    // 2 comes before 10.
    files.sort_by_key(|file| (file.as_os_str().len(), file.clone()));
    files
        .iter()
        .map(|file| {
            let could_not = || format!("could not read {}", file.display());
            let found = answers(Format::Placebo, &read(file)?, action).with_context(could_not)?;
            Ok(found)
        })
        .collect::<Result<Vec<_>>>()
        .map(|files| files.into_iter().flatten().collect())
}

fn placebo_answer(document: &Value) -> ForeignAnswer {
    ForeignAnswer {
        status: document.get("status_code").and_then(status),
        ..document.get("data").map(parsed_answer).unwrap_or_default()
    }
}

/// VCR: `interactions` of a `request` and a `response`, as vcrpy, the Ruby library and go-vcr write them.
fn vcr(document: &Value, action: &str) -> Vec<ForeignAnswer> {
    let interactions = list(document, &["interactions", "http_interactions"]);
    let answers = interactions.iter().filter_map(|one| {
        let (request, response) = (one.get("request")?, one.get("response")?);
        let sent = body(request)
            .or_else(|| query(&text(request, "uri").or_else(|| text(request, "url"))?))
            .unwrap_or_default();
        let code = response.get("status").and_then(|status| status.get("code"));
        let code = code
            .or_else(|| response.get("status_code"))
            .or_else(|| response.get("code"));
        exchanged(
            &sent,
            action,
            code,
            header_fields(response.get("headers")),
            body(response),
        )
    });
    answers.collect()
}

/// HTTP Archive: `log.entries` of a `request` and a `response`.
fn har(document: &Value, action: &str) -> Vec<ForeignAnswer> {
    let log = document.get("log").unwrap_or(document);
    let answers = list(log, &["entries"]).iter().filter_map(|entry| {
        let (request, response) = (entry.get("request")?, entry.get("response")?);
        let posted = request.get("postData").and_then(|data| text(data, "text"));
        let sent = posted
            .or_else(|| query(&text(request, "url")?))
            .unwrap_or_default();
        let content = response.get("content")?;
        // Nobody needs base64 for XML; an answer in it is left out.
        let is_text = content.get("encoding").is_none();
        let body = text(content, "text").filter(|_| is_text);
        exchanged(
            &sent,
            action,
            response.get("status"),
            header_fields(response.get("headers")),
            body,
        )
    });
    answers.collect()
}

/// An answer with its bytes, if it is one to the action.
fn exchanged(
    sent: &str,
    action: &str,
    code: Option<&Value>,
    headers: Vec<(String, String)>,
    body: Option<String>,
) -> Option<ForeignAnswer> {
    let mut pairs = form::read(sent);
    let is_wanted = pairs
        .iter()
        .any(|(name, value)| name == "Action" && value == action);
    // Signatures and credentials of the query are not parameters of the call.
    pairs.retain(|(name, _)| {
        let left_out = [
            "Action",
            "Version",
            "AWSAccessKeyId",
            "Signature",
            "SignatureMethod",
            "SignatureVersion",
            "Timestamp",
            "SecurityToken",
        ];
        !left_out.contains(&name.as_str()) && !name.starts_with("X-Amz-")
    });
    let status = status(code?)?;
    let answer = revive(&Answer {
        status,
        headers: HeaderRecords::default(),
        body: Bytes::Text(body.clone()?),
    });
    let reply = reply::decode(answer?);
    let refusal = reply
        .root()
        .and_then(errors)
        .and_then(|_| reply.error())
        .map(|error| {
            let (code, message) = (error.code.unwrap_or_default(), error.message.unwrap_or_default());
            (code.to_owned(), message.to_owned())
        });
    let changes = reply.success_root().map(state_changes).unwrap_or_default();
    let changes = changes.items.iter().filter_map(|item| {
        let states = (item.previous_name()?, item.current_name()?);
        Some((item.id?.to_owned(), states.0.to_owned(), states.1.to_owned()))
    });
    is_wanted.then(|| ForeignAnswer {
        params: Some(pairs),
        status: Some(status),
        headers,
        changes: changes.collect(),
        refusal,
        body,
    })
}

/// What an SDK parsed: `StoppingInstances`, or `Error`.
fn parsed_answer(data: &Value) -> ForeignAnswer {
    let error = data.get("Error");
    let refusal =
        error.and_then(|error| Some((text(error, "Code")?, text(error, "Message").unwrap_or_default())));
    let state = |item: &Value, key: &str| item.get(key).and_then(|state| text(state, "Name"));
    let changes = list(data, &["StoppingInstances"]).iter().filter_map(|item| {
        let states = (state(item, "PreviousState")?, state(item, "CurrentState")?);
        Some((text(item, "InstanceId")?, states.0, states.1))
    });
    let meta = data
        .get("ResponseMetadata")
        .and_then(|meta| meta.get("HTTPStatusCode"));
    ForeignAnswer {
        status: meta.and_then(status),
        refusal,
        changes: changes.collect(),
        ..ForeignAnswer::default()
    }
}

/// The parameters of boto3 as those of the call.
fn params(expected: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in expected.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => {
                let name = if name == "InstanceIds" { "InstanceId" } else { name };
                let items = items.iter().enumerate();
                pairs.extend(items.map(|(at, item)| (format!("{name}.{}", at + 1), plain(item))));
            }
            Value::Bool(_) | Value::String(_) | Value::Number(_) => pairs.push((name.clone(), plain(value))),
            Value::Null | Value::Object(_) => {}
        }
    }
    pairs
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn list<'v>(value: &'v Value, keys: &[&str]) -> &'v [Value] {
    let found = keys.iter().find_map(|key| value.get(*key));
    found
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number)
        .ok()
        .filter(|status| (100..600).contains(status))
}

fn query(url: &str) -> Option<String> {
    url.split_once('?').map(|(_, query)| query.to_owned())
}

/// The body of a request or a response of VCR: a text, or a table with one.
fn body(message: &Value) -> Option<String> {
    let body = message.get("body")?;
    let inner = ["string", "text"].iter().find_map(|key| text(body, key));
    body.as_str()
        .map(str::to_owned)
        .or(inner)
        .filter(|text| !text.is_empty())
}

/// Header fields as a table of texts or lists, or as a list of names and values.
fn header_fields(headers: Option<&Value>) -> Vec<(String, String)> {
    let values = |value: &Value| match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        one => vec![plain(one)],
    };
    match headers {
        Some(Value::Object(fields)) => {
            let fields = fields.iter();
            let pairs =
                fields.flat_map(|(name, value)| values(value).into_iter().map(|one| (name.clone(), one)));
            pairs.collect()
        }
        Some(Value::Array(fields)) => {
            let pairs = fields
                .iter()
                .filter_map(|field| Some((text(field, "name")?, text(field, "value")?)));
            pairs.collect()
        }
        Some(_) | None => Vec::new(),
    }
}

impl ForeignAnswer {
    /// The answer in the form of the contract.
    fn recorded(&self, contract: &Contract, name: &str, prefix: &str) -> Recorded {
        let names: BTreeMap<&str, String> = self
            .changes
            .iter()
            .enumerate()
            .map(|(at, (id, ..))| (id.as_str(), format!("i{}", at + 1)))
            .collect();
        let fixtures = self.changes.iter().filter_map(|(id, previous, _)| {
            let state = State::ALL
                .iter()
                .find(|state| state.wire_name() == Some(previous));
            Some(RecordedFixture {
                name: names.get(id.as_str())?.clone(),
                kind: FixtureKind {
                    state: *state?,
                    ..FixtureKind::default()
                },
                id: id.clone(),
            })
        });
        let fixtures: Vec<RecordedFixture> = fixtures.collect();
        let ids = || {
            let ids = self.changes.iter().enumerate();
            ids.map(|(at, (id, ..))| (format!("InstanceId.{}", at + 1), id.clone()))
                .collect()
        };
        let params = self.params.clone().unwrap_or_else(ids);
        let params = params.into_iter().map(|(name, value)| {
            let known = names
                .get(value.as_str())
                .filter(|name| fixtures.iter().any(|one| one.name == **name));
            let value = known.map_or(value.clone(), |name| format!("{{{name}}}"));
            (name, value)
        });
        let (grade, framing) = match (&self.body, &self.refusal) {
            (Some(_), _) => (Grade::A, Framing::Captured),
            (None, None) => (Grade::B, Framing::Rebuilt),
            (None, Some(_)) => (Grade::B, Framing::Quoted),
        };
        let note = match self.refusal {
            Some(_) => "The states of the instances are not recorded, so nothing judges it yet.",
            None => "The states before are those that the answer itself says.",
        };
        Recorded {
            name: name.to_owned(),
            source: prefix.to_ascii_uppercase(),
            grade,
            framing,
            when: None,
            at: None,
            note: Some(note.to_owned()),
            fixtures: fixtures.clone(),
            decoys: Vec::new(),
            call: CallTemplate {
                action: Some(contract.action.clone()),
                params: params.collect(),
                form: Form::default(),
            },
            status: self
                .status
                .unwrap_or(if self.refusal.is_some() { 400 } else { 200 }),
            headers: match self.body {
                Some(_) => self.headers.clone(),
                None => usual_headers(),
            },
            body: self.body.clone().unwrap_or_else(|| self.rebuilt(contract)),
            seen: Vec::new(),
            elsewhere: None,
        }
    }

    /// The body in the layout of captured answers.
    fn rebuilt(&self, contract: &Contract) -> String {
        let action = contract.action.as_str();
        const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        if let Some((code, message)) = &self.refusal {
            let (code, message) = (escaped(code), escaped(message));
            return format!(
                "{DECLARATION}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>{NO_REQUEST_ID}</RequestID></Response>"
            );
        }
        let state = |element: &str, name: &str| {
            let known = contract.states.iter().find(|state| state.name == name);
            let code = known.map_or(0, |state| state.code);
            let name = escaped(name);
            format!("<{element}><code>{code}</code><name>{name}</name></{element}>")
        };
        let items = self.changes.iter().map(|(id, previous, current)| {
            let (current, previous) = (state("currentState", current), state("previousState", previous));
            format!(
                "<item><instanceId>{}</instanceId>{current}{previous}</item>",
                escaped(id)
            )
        });
        let items: String = items.collect();
        format!(
            "{DECLARATION}<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{NO_REQUEST_ID}\
             </requestId><instancesSet>{items}</instancesSet></{action}Response>"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The header fields of captured answers, for those that lost theirs.
fn usual_headers() -> Vec<(String, String)> {
    let fields = [
        ("x-amzn-requestid", NO_REQUEST_ID),
        ("Cache-Control", "no-cache, no-store"),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
        ("Content-Type", "text/xml;charset=UTF-8"),
        ("Server", "AmazonEC2"),
    ];
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// A recorded answer as the events of a case.
pub(super) fn events(recorded: &Recorded) -> Vec<Event> {
    let case = recorded.name.clone();
    let head = Event::RunStarted(RunStarted {
        schema: SCHEMA,
        stopcheck: String::new(),
        run_id: None,
        endpoint: "recording".to_owned(),
        region: String::new(),
        edition: Edition::Current,
        min_confidence: Confidence::default(),
        seed: 0,
        cases: 1,
        phases: BTreeMap::new(),
        scenarios: Vec::new(),
        server: Vec::new(),
        left_out: 0,
        partition: None,
        setup: None,
        read_lag_ms: 0,
        at_ms: 0,
    });
    let started = Event::CaseStarted(CaseStarted {
        case: case.clone(),
        index: 0,
        phase: Phase::Scenarios,
        draft: false,
        purpose: String::new(),
        clauses: Vec::new(),
        scenario: None,
    });
    let fixtures = recorded.fixtures.iter().map(|fixture| {
        Event::FixtureReady(FixtureReady {
            case: case.clone(),
            name: fixture.name.clone(),
            id: fixture.id.clone(),
            kind: fixture.kind,
            spot_request: None,
            arranged_by: Vec::new(),
            at_ms: 0,
        })
    });
    let step = Event::StepStarted(StepStarted {
        case: case.clone(),
        step: 1,
        intent: Intent::Call,
        witness: Vec::new(),
        control: false,
        label: None,
        same_as: None,
    });
    let exchange = Event::Exchanged(Box::new(Exchange {
        case: case.clone(),
        step: 1,
        role: Role::Act,
        call: plan::fill(&recorded.call, recorded),
        sent: SentRecord::Request(RequestRecord {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: HeaderRecords::default(),
            body: Bytes::default(),
        }),
        answers: vec![Answer {
            status: recorded.status,
            headers: HeaderRecords(recorded.headers.clone()),
            body: Bytes::Text(recorded.body.clone()),
        }],
        rest: Bytes::default(),
        ending: Ending::Answered,
        at_ms: 0,
        took_ms: 0,
        interval: None,
    }));
    let ended = Event::CaseEnded(CaseEnded {
        case: case.clone(),
        outcome: Outcome::Judged {
            verdict: Verdict::Pass,
        },
    });
    [head, started]
        .into_iter()
        .chain(fixtures)
        .chain([step, exchange, ended])
        .collect()
}
