//! What a recording says about the contract: which clauses gain confidence, which are contradicted, and how the open
//! questions are answered.
//!
//! Input: the events of a bundle. Output: a [`Review`]. The answers are judged by the contract as it is, so a review
//! changes nothing: a person decides what becomes of the contract.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::call::Call;
use crate::check::{JournalFold, Judge, time};
use crate::contract::{
    CallTemplate, ClauseId, Confidence, Contract, FixtureKind, Framing, Grade, Level, Moment, Recorded,
    RecordedFixture, State,
};
use crate::journal::{Event, Exchange, Finding, FixtureReady, Role};
use crate::protocol::reply::{self, Reply};
use crate::protocol::{recorded_bytes, revive, sightings, state_changes};
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

/// What a recording says.
#[derive(Debug, Clone, Default)]
pub struct Review {
    /// The clauses that gain confidence.
    pub gains: Vec<Gain>,
    /// The findings: answers that the contract does not expect.
    pub contradictions: Vec<Contradiction>,
    /// The answers to open questions.
    pub answers: Vec<RecordedAnswer>,
    /// The recorded answers of the action under test, in the form of the contract.
    pub recorded: Vec<Recorded>,
}

/// A clause that a recording confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gain {
    /// The clause.
    pub clause: ClauseId,
    /// Its confidence today.
    pub from: Confidence,
    /// Its confidence with the recording.
    pub to: Confidence,
    /// The cases that confirm it.
    pub cases: BTreeSet<String>,
}

/// An answer that the contract does not expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The clause.
    pub clause: ClauseId,
    /// How severe it is by the contract.
    pub verdict: Verdict,
    /// The case.
    pub case: String,
    /// The step.
    pub step: usize,
    /// What was allowed, in words.
    pub expected: String,
    /// What was answered, in words.
    pub observed: String,
}

/// An answer in a case that settles a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// The number of the question.
    pub question: String,
    /// The case.
    pub case: String,
    /// The step.
    pub step: usize,
    /// The call and the answer in one line.
    pub text: String,
}

/// Reviews the events of a bundle. `prefix` begins the names of the recorded answers, and its upper case is their source.
pub fn review(contract: &Arc<Contract>, events: &[Event], prefix: &str) -> Review {
    let mut review = Review::default();
    let mut held: BTreeMap<ClauseId, BTreeSet<String>> = BTreeMap::new();
    let mut fold = JournalFold::new(Arc::new(Judge::new(Arc::clone(contract), Confidence::default())));
    let mut take = |event: Event| {
        if let Event::Judged(judged) = event {
            for clause in judged.held {
                held.entry(clause).or_default().insert(judged.case.clone());
            }
            let findings = judged
                .findings
                .iter()
                .filter(|one| one.verdict != Verdict::Inconclusive);
            review.contradictions.extend(findings.map(contradiction));
        }
    };
    for event in events {
        fold.take(event.clone(), &mut take);
    }
    fold.finish(&mut take);
    review.gains = gains(contract, held, &review.contradictions);
    let mut histories: HashMap<&str, History> = HashMap::new();
    for event in events {
        match event {
            Event::FixtureReady(ready) => histories.entry(&ready.case).or_default().begin(ready),
            Event::Exchanged(exchange) => {
                let history = histories.entry(&exchange.case).or_default();
                let reply = exchange.answers.first().and_then(revive).map(reply::decode);
                if let (Role::Act, Some(reply)) = (exchange.role, &reply) {
                    review.answers.extend(answers(contract, exchange, reply));
                    let number = review.recorded.len() + 1;
                    review
                        .recorded
                        .extend(history.recorded(contract, exchange, prefix, number));
                }
                if let Some(reply) = &reply {
                    history.learn(reply);
                }
            }
            _ => {}
        }
    }
    // The cases of a question need not follow one another.
    review.answers.sort_by(|a, b| a.question.cmp(&b.question));
    review
}

fn contradiction(finding: &Finding) -> Contradiction {
    Contradiction {
        clause: finding.clause.clone(),
        verdict: finding.verdict,
        case: finding.case.clone(),
        step: finding.step,
        expected: English.all_expected(&finding.expected),
        observed: English.all_observed(&finding.observed),
    }
}

/// The clauses that held and that no answer contradicts. A MAY holds whatever is answered.
fn gains(
    contract: &Contract,
    held: BTreeMap<ClauseId, BTreeSet<String>>,
    contradictions: &[Contradiction],
) -> Vec<Gain> {
    let confirmed = held.into_iter().filter_map(|(id, cases)| {
        let clause = contract.clause(&id)?;
        let is_contradicted = contradictions.iter().any(|one| one.clause == id);
        let to = with_recording(clause.confidence);
        (clause.level > Level::May && to != clause.confidence && !is_contradicted).then_some(Gain {
            clause: id,
            from: clause.confidence,
            to,
            cases,
        })
    });
    confirmed.collect()
}

fn with_recording(confidence: Confidence) -> Confidence {
    match confidence {
        Confidence::Sibling | Confidence::Contradicted | Confidence::Inferred | Confidence::Recorded => {
            Confidence::Recorded
        }
        Confidence::Documented | Confidence::DocumentedAndRecorded => Confidence::DocumentedAndRecorded,
    }
}

/// The answer to each open question that its case settles.
fn answers(contract: &Contract, exchange: &Exchange, reply: &Reply) -> Vec<RecordedAnswer> {
    let questions = contract.questions.iter();
    let questions = questions.filter(|question| question.cases.contains(&exchange.case));
    questions
        .map(|question| RecordedAnswer {
            question: question.id.clone(),
            case: exchange.case.clone(),
            step: exchange.step,
            text: format!("{}: {}", call_in_words(&exchange.call), answer_in_words(reply)),
        })
        .collect()
}

fn call_in_words(call: &Call) -> String {
    let action = call.action.as_deref().unwrap_or("no Action");
    let params = call.params.iter().map(|(name, value)| format!("{name}={value}"));
    let mut words: Vec<String> = std::iter::once(action.to_owned()).chain(params).collect();
    if words.len() > MOST_PARAMS {
        let left_out = words.len() - MOST_PARAMS;
        words.truncate(MOST_PARAMS);
        words.push(format!("… ({left_out} more)"));
    }
    words.join(" ")
}

/// How many parameters of a call are shown.
const MOST_PARAMS: usize = 5;

fn answer_in_words(reply: &Reply) -> String {
    if let Some(error) = reply.error() {
        let (code, message) = (error.code.unwrap_or("no code"), error.message.unwrap_or_default());
        return format!("{} {code} {message:?}", reply.status);
    }
    let changes = reply.root().map(state_changes).unwrap_or_default();
    let changes = changes.items.iter().map(|item| {
        let states = [item.previous_name(), item.current_name()];
        states.map(|state| state.unwrap_or("?")).join(" → ")
    });
    let changes: Vec<String> = changes.collect();
    format!("{} [{}]", reply.status, changes.join(", "))
}

/// The instances of a case, and the state in which each was seen last.
#[derive(Debug, Default)]
struct History {
    instances: Vec<(String, String, FixtureKind)>,
}

impl History {
    fn begin(&mut self, ready: &FixtureReady) {
        self.instances
            .push((ready.name.clone(), ready.id.clone(), ready.kind));
    }

    /// Takes the states of an answer.
    fn learn(&mut self, reply: &Reply) {
        let Some(root) = reply.success_root() else { return };
        let changes = state_changes(root);
        let changed = changes
            .items
            .iter()
            .filter_map(|item| Some((item.id?, item.current_name()?)));
        for (id, name) in changed.chain(sightings(root)) {
            let state = State::ALL.iter().find(|state| state.wire_name() == Some(name));
            let instance = self.instances.iter_mut().find(|(_, known, _)| known == id);
            if let (Some(state), Some((_, _, kind))) = (state, instance) {
                kind.state = *state;
            }
        }
    }

    /// The answer to a call of the action under test, as the contract keeps it.
    fn recorded(
        &self,
        contract: &Contract,
        exchange: &Exchange,
        prefix: &str,
        number: usize,
    ) -> Option<Recorded> {
        let answer = exchange.answers.first()?;
        if exchange.call.action.as_ref() != Some(&contract.action) || exchange.interval.is_some() {
            return None;
        }
        let named = |id: &str| exchange.call.params.iter().any(|(_, value)| value == id);
        let fixtures: Vec<RecordedFixture> = self
            .instances
            .iter()
            .filter(|(_, id, _)| named(id))
            .map(|(name, id, kind)| RecordedFixture {
                name: name.clone(),
                kind: *kind,
                id: id.clone(),
            })
            .collect();
        let params = exchange.call.params.iter().map(|(name, value)| {
            let fixture = fixtures.iter().find(|fixture| fixture.id == *value);
            let value = fixture.map_or_else(|| value.clone(), |fixture| format!("{{{}}}", fixture.name));
            (name.clone(), value)
        });
        let call = CallTemplate {
            action: exchange.call.action.clone(),
            params: params.collect(),
            form: exchange.call.form.clone(),
        };
        let body = String::from_utf8(recorded_bytes(&answer.body)?).ok()?;
        Some(Recorded {
            name: format!("{prefix}-{number}"),
            source: prefix.to_ascii_uppercase(),
            grade: Grade::A,
            framing: Framing::Captured,
            when: time::day(exchange.at_ms),
            at: time::moment(exchange.at_ms).as_deref().and_then(Moment::parse),
            note: Some(format!(
                "Step {} of {}; ids and names are replaced.",
                exchange.step, exchange.case
            )),
            fixtures,
            decoys: Vec::new(),
            call,
            status: answer.status,
            headers: answer.headers.0.clone(),
            body,
            seen: Vec::new(),
            elsewhere: None,
        })
    }
}
