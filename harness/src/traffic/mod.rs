//! Exchanges of other clients: from a recording or a proxy to the events of a journal.
//!
//! Input: requests and answers as they were sent. Output: the events of a run of the phase `traffic`, with judgements:
//! one case for each EC2 call that is judged or says something about instances. Nothing is sent here. A finding that was
//! reported is counted when it comes again, and its case is a draft; so memory does not grow with the traffic.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{Request, Response};

use crate::check::{JournalFold, Judge};
use crate::contract::{Confidence, Contract};
use crate::journal::{
    self, CallInterval, CaseEnded, CaseStarted, Ending, Event, Exchange, Explored, Fingerprint, Intent,
    Noted, Outcome, Phase, Recurred, ReportedFindings, Role, RunEnded, RunStarted, SCHEMA, SentRecord,
    StepStarted,
};
use crate::protocol::watched::{Seen, SeenCall, Unclear, recognize, without_secret_headers};
use crate::protocol::{self, decode};
use crate::verdict::Verdict;

pub mod har;
pub mod proxy;

/// One exchange of another client.
#[derive(Debug)]
pub struct WatchedExchange {
    /// The request.
    pub request: Request<Bytes>,
    /// Whether the request has all the headers that it was sent with.
    pub is_complete: bool,
    /// The answer, or how the exchange ended without one.
    pub answer: Result<Response<Bytes>, Ending>,
    /// Bytes that belong to no answer.
    pub rest: Vec<u8>,
    /// Why the exchange cannot be judged, if that is known already.
    pub unjudged: Option<Unjudged>,
    /// When it was sent, in milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Its place among the exchanges that overlapped with it; `None` if none did.
    pub interval: Option<CallInterval>,
}

/// Why a StopInstances call is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unjudged {
    /// The recording has no answer, or not the whole one.
    Incomplete,
    /// The answer is compressed.
    Encoded,
    /// Something between the client and the endpoint may have answered.
    Gateway,
    /// Somebody has removed secrets from the recording, and more than secrets perhaps.
    Redacted,
    /// It is much earlier than the exchanges before it in the recording, or has no time.
    OutOfOrder,
    /// The call cannot be read with certainty.
    Unclear(Unclear),
}

/// How traffic is judged.
#[derive(Debug)]
pub struct TrafficSettings {
    /// The name of the endpoint or the recording.
    pub endpoint: String,
    /// The least confidence with which a MUST decides.
    pub min_confidence: Confidence,
    /// How long reads may lag.
    pub read_lag_ms: u64,
    /// Whether nothing else changes the instances.
    pub exclusive: bool,
}

/// Makes the events of a run from the exchanges of other clients.
#[derive(Debug)]
pub struct TrafficRecorder {
    fold: JournalFold,
    exclusive: bool,
    /// Whether something may have changed instances that the journal does not show.
    has_gap: bool,
    exchanges: usize,
    judged: usize,
    known: usize,
    other: usize,
    unjudged: BTreeMap<Unjudged, usize>,
    reported: ReportedFindings,
    reporting_cases: usize,
}

/// How many cases report findings at most; the findings of further ones are only counted.
const REPORTING_CASES: usize = 1_000;

impl TrafficRecorder {
    /// Starts a run, and emits its first event.
    pub fn start(
        contract: &Arc<Contract>,
        settings: TrafficSettings,
        at_ms: u64,
        mut emit: impl FnMut(Event),
    ) -> Self {
        let judge = Judge::new(Arc::clone(contract), settings.min_confidence);
        let mut fold = JournalFold::new(Arc::new(judge));
        let head = RunStarted {
            schema: SCHEMA,
            stopcheck: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: None,
            endpoint: settings.endpoint,
            region: "unknown".to_owned(),
            edition: contract.edition,
            min_confidence: settings.min_confidence,
            seed: 0,
            cases: 0,
            phases: BTreeMap::new(),
            scenarios: Vec::new(),
            server: Vec::new(),
            left_out: 0,
            partition: None,
            setup: None,
            read_lag_ms: settings.read_lag_ms,
            at_ms,
        };
        fold.take(Event::RunStarted(head), &mut emit);
        TrafficRecorder {
            fold,
            exclusive: settings.exclusive,
            has_gap: true,
            exchanges: 0,
            judged: 0,
            known: 0,
            other: 0,
            unjudged: BTreeMap::new(),
            reported: ReportedFindings::new(false),
            reporting_cases: 0,
        }
    }

    /// Takes the next exchange, and emits what follows from it.
    pub fn take(&mut self, watched: WatchedExchange, emit: impl FnMut(Event)) {
        self.exchanges += 1;
        match recognize(&watched.request, watched.is_complete) {
            Seen::Other { may_change } => {
                self.other += 1;
                self.has_gap |= may_change;
            }
            Seen::Unclear(why) => self.leave_out(Unjudged::Unclear(why)),
            Seen::Call(call) => self.call(*call, watched, emit),
        }
    }

    fn call(&mut self, seen: SeenCall, watched: WatchedExchange, mut emit: impl FnMut(Event)) {
        let action = seen.call.action.clone().unwrap_or_default();
        let is_judged = action == "StopInstances";
        if let Some(why) = watched.unjudged.or_else(|| unjudged(&watched)) {
            match is_judged {
                true => self.leave_out(why),
                false => {
                    self.other += 1;
                    self.has_gap |= !action.starts_with("Describe");
                }
            }
            return;
        }
        match is_judged {
            true => self.judged += 1,
            false => self.known += 1,
        }
        let case = format!("traffic/{}", self.exchanges);
        let gap = std::mem::take(&mut self.has_gap) || !self.exclusive;
        let events = [
            Event::CaseStarted(CaseStarted {
                case: case.clone(),
                index: self.exchanges,
                phase: Phase::Traffic,
                draft: false,
                purpose: format!("{action} of another client"),
                clauses: Vec::new(),
                scenario: None,
            }),
            Event::StepStarted(StepStarted {
                case: case.clone(),
                step: 1,
                intent: Intent::Watch { gap },
                witness: Vec::new(),
                control: false,
                label: None,
                same_as: None,
            }),
            Event::Exchanged(Box::new(recorded(&case, seen, watched))),
            Event::CaseEnded(CaseEnded {
                case,
                outcome: Outcome::Judged {
                    verdict: Verdict::Pass,
                },
            }),
        ];
        let mut judged = Vec::with_capacity(events.len() + 1);
        for event in events {
            self.fold.take(event, |event| judged.push(event));
        }
        let is_draft = self.is_reported(&judged);
        for mut event in judged {
            if let Event::CaseStarted(started) = &mut event {
                started.draft = is_draft;
            }
            emit(event);
        }
    }

    /// Ends the run, and emits what is left.
    pub fn finish(self, at_ms: u64, interrupted: bool, mut emit: impl FnMut(Event)) {
        for recurred in self.reported.recurred().filter(|recurred| recurred.scripts > 1) {
            emit(Event::Recurred(Recurred::clone(recurred)));
        }
        emit(Event::Explored(Explored {
            phase: Phase::Traffic,
            scripts: u64::try_from(self.judged).unwrap_or(u64::MAX),
            steps: self.judged,
            untold: self.exchanges.saturating_sub(self.judged + self.known),
        }));
        emit(Event::Noted(Noted {
            case: String::new(),
            text: self.summary(),
        }));
        emit(Event::RunEnded(RunEnded {
            at_ms,
            interrupted,
            cut_short: None,
            most_instances: None,
        }));
    }

    /// What was watched, in a sentence.
    fn summary(&self) -> String {
        let mut text = format!(
            "of {} exchanges, {} are StopInstances calls that were judged, {} say something about instances, and {} are \
             of other calls or services",
            self.exchanges, self.judged, self.known, self.other
        );
        for (why, count) in &self.unjudged {
            text += &format!("; {count} StopInstances not judged: {why}");
        }
        text
    }

    fn leave_out(&mut self, why: Unjudged) {
        *self.unjudged.entry(why).or_default() += 1;
        self.has_gap = true;
    }

    /// Counts the findings of a case, and says whether all of them were reported before.
    fn is_reported(&mut self, events: &[Event]) -> bool {
        let judged = events.iter().filter_map(|event| match event {
            Event::Judged(judged) => Some(judged),
            _ => None,
        });
        let findings = judged.flat_map(|judged| &judged.findings);
        let (mut any, mut is_news) = (false, false);
        for finding in findings {
            any = true;
            let print = Fingerprint::of(finding);
            let place = self.reported.place_of(&print).or_else(|| {
                if self.reporting_cases >= REPORTING_CASES {
                    return None;
                }
                is_news = true;
                self.reported.add(&finding.case, [print.clone()]);
                self.reported.place_of_exactly(&print)
            });
            if let Some(place) = place {
                self.reported.count(place, 1);
            }
        }
        self.reporting_cases += usize::from(is_news);
        any && !is_news
    }
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unjudged::Incomplete => "without the whole answer",
            Unjudged::Encoded => "with a compressed answer",
            Unjudged::Gateway => "perhaps answered by a gateway",
            Unjudged::Redacted => "with parts redacted",
            Unjudged::OutOfOrder => "out of order or without a time",
            Unjudged::Unclear(Unclear::OtherVersion) => "of another API version",
            Unjudged::Unclear(Unclear::Ambiguous) => "ambiguous",
            Unjudged::Unclear(Unclear::NotAForm) => "neither a form nor a query",
        })
    }
}

/// The statuses with which only something between a client and the endpoint answers, if the answer is no error of EC2.
const OF_GATEWAYS: [u16; 12] = [407, 408, 413, 414, 421, 429, 431, 494, 502, 503, 504, 511];

/// Why an exchange cannot be judged.
fn unjudged(watched: &WatchedExchange) -> Option<Unjudged> {
    let response = match &watched.answer {
        Ok(response) => response,
        // A connection that the endpoint gave up is judged; that it could not be reached is not its fault for certain.
        Err(
            Ending::Failed { .. } | Ending::Silent | Ending::TooMuch | Ending::Dropped | Ending::Answered,
        ) => {
            return Some(Unjudged::Incomplete);
        }
        Err(Ending::Broken { .. } | Ending::Closed | Ending::Reset | Ending::NoHttp) => return None,
    };
    let encoding = response.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Some(Unjudged::Encoded);
    }
    let status = response.status().as_u16();
    let is_odd = status < 200 || (300..400).contains(&status) || (520..=530).contains(&status);
    if is_odd || OF_GATEWAYS.contains(&status) && decode(response.clone()).error().is_none() {
        return Some(Unjudged::Gateway);
    }
    let is_redacted = |bytes: &[u8]| {
        let mut windows = bytes.windows(MARK.len());
        windows.any(|window| window.eq_ignore_ascii_case(MARK))
    };
    let mut values = response.headers().values();
    if is_redacted(response.body()) || values.any(|value| is_redacted(value.as_bytes())) {
        return Some(Unjudged::Redacted);
    }
    None
}

/// What tools write in the place of a secret.
const MARK: &[u8] = b"redacted";

/// The exchange as the journal has it, without secrets.
fn recorded(case: &str, seen: SeenCall, watched: WatchedExchange) -> Exchange {
    let secrets = seen.secrets;
    let (sent, answers, ending) = match watched.answer {
        Ok(response) => {
            let response = without_secret_headers(response);
            let (sent, answer) = protocol::capture(&seen.request, Ok(&response), &secrets);
            (sent, answer.into_iter().collect(), Ending::Answered)
        }
        Err(ending) => {
            let (sent, _) = protocol::capture(&seen.request, Err(String::new()), &secrets);
            (sent, Vec::new(), ending)
        }
    };
    let rest = match watched.rest.is_empty() {
        true => journal::Bytes::default(),
        false => protocol::capture_rest(&seen.request, &watched.rest, &secrets),
    };
    Exchange {
        case: case.to_owned(),
        step: 1,
        role: Role::Act,
        call: seen.call,
        sent: SentRecord::Request(sent),
        answers,
        rest,
        ending,
        at_ms: watched.at_ms,
        took_ms: watched.took_ms,
        interval: watched.interval,
    }
}

#[cfg(test)]
mod tests;
