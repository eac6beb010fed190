//! Finds the texts of a recording that are to be replaced.
//!
//! Input: all events of a run. Output: the originals in the order of their first occurrence. A text that the harness
//! sent itself identifies nobody: ids that it made up, its tags. Neither does a word of the contract.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kinds::{self, Kind, is_resource_id};
use super::replace::{base64_runs, decoded_runs};
use super::spelling::layers;
use crate::contract::EMBEDDED;
use crate::journal::{Event, Exchange};
use crate::protocol::recorded_bytes;

/// Names that are in every account, and stand in no case.
const COMMON_NAMES: &[&str] = &["amazon", "default"];

/// Shorter names identify nobody, and would be found in other words.
const SHORTEST_NAME: usize = 2;

/// How often base64 may be inside base64.
const MOST_WRAPPINGS: usize = 3;

/// Finds the originals, each with its kind, in the order of the recording.
pub(super) fn find(events: &[Event]) -> Vec<(Kind, String)> {
    let own = OwnTexts::of(events);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut take = |kind: Kind, text: &str| {
        let original = (kind, text.to_owned());
        if own.identifies(kind, text) && seen.insert(original.clone()) {
            found.push(original);
        }
    };
    for event in events {
        if let Event::RunStarted(head) = event {
            let host = head.endpoint.split("://").nth(1).unwrap_or_default();
            let host = host.split(['/', ':']).next().unwrap_or_default();
            kinds::host_name(host, &mut take);
        }
        let value = serde_json::to_value(event).expect("an event of ours is JSON");
        each_text(&value, &mut |bytes| scan(bytes, MOST_WRAPPINGS, &mut take));
    }
    found
}

/// Calls `take` with the bytes of each text of a JSON value.
pub(super) fn each_text(value: &Value, take: &mut dyn FnMut(&[u8])) {
    match value {
        Value::String(text) => take(text.as_bytes()),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, take)),
        Value::Object(fields) => match base64_field(fields) {
            Some(bytes) => take(&bytes),
            None => fields.values().for_each(|item| each_text(item, take)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The bytes of a body that the journal keeps as base64.
pub(super) fn base64_field(fields: &serde_json::Map<String, Value>) -> Option<Vec<u8>> {
    match fields.get("base64") {
        Some(Value::String(text)) if fields.len() == 1 => {
            recorded_bytes(&crate::journal::Bytes::Base64(text.clone()))
        }
        Some(_) | None => None,
    }
}

fn scan(bytes: &[u8], wrappings: usize, take: &mut dyn FnMut(Kind, &str)) {
    for layer in layers(bytes) {
        kinds::scan(&String::from_utf8_lossy(&layer.bytes), take);
    }
    let Some(left) = wrappings.checked_sub(1) else {
        return;
    };
    for run in base64_runs(bytes) {
        for (_, decoded) in decoded_runs(bytes.get(run).unwrap_or_default()) {
            scan(&decoded, left, take);
        }
    }
}

/// What the harness sent, what the endpoint gave out, and what the contract says.
struct OwnTexts {
    sent: BTreeSet<String>,
    issued: BTreeSet<String>,
    common: BTreeSet<String>,
}

impl OwnTexts {
    fn of(events: &[Event]) -> OwnTexts {
        let mut own = OwnTexts {
            sent: BTreeSet::new(),
            issued: BTreeSet::new(),
            common: common_words(),
        };
        for event in events {
            match event {
                Event::FixtureReady(ready) => {
                    own.issued.insert(ready.id.to_ascii_lowercase());
                    own.issued
                        .extend(ready.spot_request.as_ref().map(|id| id.to_ascii_lowercase()));
                }
                Event::Exchanged(exchange) => own.take(exchange),
                Event::RunStarted(_)
                | Event::CaseStarted(_)
                | Event::LaunchDeviated(_)
                | Event::StepStarted(_)
                | Event::Judged(_)
                | Event::CaseEnded(_)
                | Event::Noted(_)
                | Event::Explored(_)
                | Event::Recurred(_)
                | Event::Flaky(_)
                | Event::Reproduced(_)
                | Event::RunEnded(_) => {}
            }
        }
        own
    }

    fn take(&mut self, exchange: &Exchange) {
        for (_, value) in &exchange.call.params {
            self.sent.insert(value.to_ascii_lowercase());
            self.sent.extend(words(value));
        }
        for answer in exchange.answers.iter().filter(|answer| answer.status < 300) {
            let body = recorded_bytes(&answer.body).unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            self.issued
                .extend(words(&body).filter(|word| is_resource_id(word)));
        }
    }

    /// Whether a text that looks like one of a kind belongs to somebody.
    fn identifies(&self, kind: Kind, text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        match kind {
            Kind::ResourceId => {
                let may_be_made_up = lower.starts_with("i-") || lower.starts_with("sir-");
                !may_be_made_up || !self.sent.contains(&lower) || self.issued.contains(&lower)
            }
            Kind::Name => {
                text.len() >= SHORTEST_NAME
                    && !self.sent.contains(&lower)
                    && !self.common.contains(&lower)
                    && !lower.bytes().all(|byte| byte.is_ascii_digit())
            }
            Kind::Secret => text.len() >= SHORTEST_NAME && text != super::replace::REMOVED,
            Kind::Account
            | Kind::Uuid
            | Kind::Ipv4
            | Kind::Ipv6
            | Kind::Mac
            | Kind::ZoneId
            | Kind::UniqueId => true,
        }
    }
}

/// The words of the contract: its own text names nobody. Recorded answers are not its own text.
fn common_words() -> BTreeSet<String> {
    let texts = EMBEDDED.iter().filter(|(file, _)| {
        !file.contains("recorded/") && !file.contains("captures") && !file.contains("sources")
    });
    let common = COMMON_NAMES.iter().map(|name| (*name).to_owned());
    texts.flat_map(|(_, text)| words(text)).chain(common).collect()
}

/// The words of a text in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase)
}
