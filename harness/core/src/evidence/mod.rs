//! Evidence: recordings that settle what is not known of Amazon EC2, in a form that can be given away.
//!
//! Input: the events of a run. Output: a [`Bundle`], a few texts that a person can read before sending them. It has the
//! exchanges byte for byte, except that what identifies an account is replaced consistently ([`Kind`]) and what opens it
//! is removed. A second look at the finished files refuses a bundle in which anything of that is left.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::contract::Contract;
use crate::journal::{CaseStarted, Event, Outcome, Role, RunStarted};

mod kinds;
mod leak;
mod manifest;
mod originals;
mod replace;
mod review;
mod spelling;
mod wanted;

pub use kinds::Kind;
pub use manifest::{
    AnsweredQuestion, EVENTS_FILE, FORMAT, FileDigest, MANIFEST_FILE, Manifest, ManifestError, UnrecordedCase,
};
pub use review::{Contradiction, Gain, RecordedAnswer, Review, review};
pub use wanted::{Wanted, WantedError};

use leak::LeakCheck;
use replace::Replacements;

/// A digest of bytes, as hexadecimal digits of SHA-256.
pub type Digest<'a> = &'a dyn Fn(&[u8]) -> String;

/// A run that was recorded.
#[derive(Clone, Copy)]
pub struct Recording<'a> {
    /// All events, as the run emitted them.
    pub events: &'a [Event],
    /// The secrets of the run, none of which may occur in the bundle.
    pub secrets: &'a [String],
    /// Whether the endpoint was Amazon EC2. Other endpoints settle nothing.
    pub is_amazon: bool,
    /// How the digests of the files are computed.
    pub digest: Digest<'a>,
}

/// A recording that can be given away.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// What is in it.
    pub manifest: Manifest,
    /// The text of [`MANIFEST_FILE`].
    pub manifest_text: String,
    /// The text of [`EVENTS_FILE`]: a journal.
    pub events_text: String,
}

/// Why there is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The run has no head, or no case that was played to its end.
    #[error("no case was recorded to its end")]
    NothingRecorded,
    /// Something that must not leave the account is still there.
    #[error("{} is still in {file} after all replacements: nothing was written", .kind.words())]
    Leak {
        /// The kind of what was found; the text itself is not repeated.
        kind: Kind,
        /// The file.
        file: &'static str,
    },
}

/// Makes a bundle of a recording.
pub fn bundle(contract: &Contract, recording: Recording<'_>) -> Result<Bundle, BundleError> {
    let originals = originals::find(recording.events);
    let secrets = recording
        .secrets
        .iter()
        .map(|secret| (Kind::Secret, secret.clone()));
    let replacements = Replacements::choose(&secrets.chain(originals.clone()).collect::<Vec<_>>());
    let kept = Kept::of(recording.events).ok_or(BundleError::NothingRecorded)?;
    let mut events_text = String::new();
    for event in kept.events() {
        events_text.push_str(&replaced(&event, &replacements));
        events_text.push('\n');
    }
    let counts = count(&originals);
    let manifest = Manifest::new(contract, &kept, recording, counts, &events_text);
    let manifest_text = manifest.to_text();
    let check = LeakCheck::new(&replacements, recording.secrets);
    for (file, text) in [(EVENTS_FILE, &events_text), (MANIFEST_FILE, &manifest_text)] {
        if let Some(kind) = check.find(text) {
            return Err(BundleError::Leak { kind, file });
        }
    }
    Ok(Bundle {
        manifest,
        manifest_text,
        events_text,
    })
}

/// How many different texts of each kind are replaced or removed.
fn count(originals: &[(Kind, String)]) -> BTreeMap<Kind, usize> {
    let different: BTreeSet<(Kind, String)> = originals
        .iter()
        .map(|(kind, text)| (*kind, text.to_ascii_lowercase()))
        .collect();
    let mut counts = BTreeMap::new();
    for (kind, _) in different {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// The line of an event without originals.
fn replaced(event: &Event, replacements: &Replacements) -> String {
    let mut value = serde_json::to_value(event).expect("an event of ours is JSON");
    replace_texts(&mut value, replacements);
    value.to_string()
}

fn replace_texts(value: &mut Value, replacements: &Replacements) {
    match value {
        Value::String(text) => {
            let replaced = replacements.apply(text.as_bytes());
            *text = String::from_utf8_lossy(&replaced).into_owned();
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace_texts(item, replacements)),
        Value::Object(fields) => match originals::base64_field(fields) {
            Some(bytes) => {
                let replaced = replacements.apply(&bytes);
                let encoded = crate::protocol::capture::base64_of(&replaced);
                fields.insert("base64".to_owned(), Value::String(encoded));
            }
            None => fields
                .values_mut()
                .for_each(|item| replace_texts(item, replacements)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The events of a bundle: those of cases that were played to their end, without preparation and clean-up.
struct Kept {
    head: RunStarted,
    /// The events of each case, in the order of the plan.
    cases: BTreeMap<(usize, String), Vec<Event>>,
    unrecorded: Vec<UnrecordedCase>,
    end: Option<Event>,
}

impl Kept {
    /// `None` if there is no head, or no case to keep.
    fn of(events: &[Event]) -> Option<Kept> {
        let mut kept = None;
        let mut open: BTreeMap<String, (usize, Vec<Event>)> = BTreeMap::new();
        for event in events {
            let kept = match event {
                Event::RunStarted(head) => {
                    kept = Some(Kept {
                        head: without_places(head),
                        cases: BTreeMap::new(),
                        unrecorded: Vec::new(),
                        end: None,
                    });
                    continue;
                }
                _ => kept.as_mut()?,
            };
            kept.take(event, &mut open);
        }
        kept.filter(|kept| !kept.cases.is_empty())
    }

    fn take(&mut self, event: &Event, open: &mut BTreeMap<String, (usize, Vec<Event>)>) {
        match event {
            // A case that is played again replaces its first attempt.
            Event::CaseStarted(CaseStarted {
                draft: true, case, ..
            }) => {
                open.remove(case);
            }
            Event::CaseStarted(started) => {
                open.insert(started.case.clone(), (started.index, vec![event.clone()]));
            }
            Event::Exchanged(exchange) if matches!(exchange.role, Role::Arrange | Role::Clean) => {}
            Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_) => {
                let case = event.case().unwrap_or_default();
                if let Some((_, events)) = open.get_mut(case) {
                    events.push(without_arrangement(event));
                }
            }
            Event::CaseEnded(ended) => {
                let Some((index, mut events)) = open.remove(&ended.case) else {
                    return;
                };
                let why = match ended.outcome {
                    Outcome::Judged { .. } => {
                        events.push(event.clone());
                        self.cases.insert((index, ended.case.clone()), events);
                        return;
                    }
                    Outcome::Unsupported { .. } => "unsupported",
                    Outcome::Error { .. } => "not played to its end",
                };
                self.unrecorded.push(UnrecordedCase {
                    case: ended.case.clone(),
                    why: why.to_owned(),
                });
            }
            Event::RunEnded(_) => self.end = Some(event.clone()),
            Event::RunStarted(_)
            | Event::Judged(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_) => {}
        }
    }

    fn events(&self) -> impl Iterator<Item = Event> {
        let head = Event::RunStarted(RunStarted {
            cases: self.cases.len(),
            left_out: 0,
            ..self.head.clone()
        });
        let cases = self.cases.values().flatten().cloned();
        std::iter::once(head).chain(cases).chain(self.end.clone())
    }

    /// The cases, in the order of the plan.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.cases.keys().map(|(_, name)| name.as_str())
    }

    fn exchanges(&self) -> usize {
        let events = self.cases.values().flatten();
        events
            .filter(|event| matches!(event, Event::Exchanged(_)))
            .count()
    }
}

/// The head of a run without the command and the files of the person who recorded it.
fn without_places(head: &RunStarted) -> RunStarted {
    RunStarted {
        scenarios: Vec::new(),
        server: Vec::new(),
        partition: None,
        setup: None,
        phases: BTreeMap::new(),
        ..head.clone()
    }
}

/// A fixture without the calls that made it.
fn without_arrangement(event: &Event) -> Event {
    let mut event = event.clone();
    if let Event::FixtureReady(ready) = &mut event {
        ready.arranged_by.clear();
    }
    event
}

#[cfg(test)]
mod tests;
