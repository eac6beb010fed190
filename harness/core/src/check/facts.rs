//! Puts what is allowed and what was observed into the types of findings.

use super::answer::{bare, certain};
use super::rule::Rule;
use crate::journal::{
    AllowedChange, AllowedRefusal, AnswerSummary, BodySummary, Doubt, Excerpt, Expected, Few, Observed,
    StateChanged, StatePair, WrittenState,
};
use crate::model::{Acceptance, Expectation, ItemRule, States};
use crate::protocol::reply::{Body, Instance, Reply, StateChange, StateValue};

/// What was allowed, and what was observed instead.
#[derive(Debug, Clone)]
pub(super) struct Mismatch {
    pub(super) expected: Expected,
    pub(super) observed: Vec<Observed>,
}

impl Mismatch {
    pub(super) fn new(expected: Expected, observed: impl Into<Vec<Observed>>) -> Self {
        Mismatch {
            expected,
            observed: observed.into(),
        }
    }

    /// A deviation from what a check demands of every endpoint.
    pub(super) fn rule(rule: Rule, observed: impl Into<Vec<Observed>>) -> Self {
        Mismatch::new(Expected::Rule { check: rule.check() }, observed)
    }

    /// The same, with the reason why it decides nothing.
    #[must_use]
    pub(super) fn doubted(self, why: Doubt) -> Self {
        let observed = self.observed.into_iter();
        Mismatch {
            expected: self.expected,
            observed: observed.map(|one| one.doubted(why)).collect(),
        }
    }
}

/// The states of a set, in the order of an instance's life.
pub(super) fn is_in(id: &str, states: States) -> Expected {
    Expected::State {
        id: Excerpt::word(id),
        states: states.iter().collect(),
        unchanged: false,
    }
}

/// An instance stays in one of the states that it was in.
pub(super) fn stays(id: &str, states: States) -> Expected {
    Expected::State {
        id: Excerpt::word(id),
        states: states.iter().collect(),
        unchanged: true,
    }
}

/// What a description shows of an instance. `after_call`: see [`Observed::State`].
pub(super) fn described_state(id: &str, instance: Option<&Instance>, after_call: bool) -> Observed {
    let name = |instance: &Instance| {
        let state = instance.state.as_ref();
        Excerpt::word(state.and_then(|state| state.name.as_deref()).unwrap_or_default())
    };
    Observed::State {
        id: Excerpt::word(id),
        state: instance.map(name),
        after_call,
    }
}

/// A state as an answer writes it.
pub(super) fn written_state(state: &StateValue<&str>) -> WrittenState {
    WrittenState {
        code: state.code.map(Excerpt::word),
        name: state.name.map(Excerpt::word),
    }
}

/// The items of an accepted call.
pub(super) fn accepted(status: u16, items: &[StateChange<'_>]) -> Observed {
    Observed::Answer(items_summary(status, items))
}

/// The items of an accepted call, as a summary of its answer.
pub(super) fn items_summary(status: u16, items: &[StateChange<'_>]) -> AnswerSummary {
    let items = items.iter().map(|item| {
        let id = item.id.unwrap_or_default();
        changed(
            id,
            item.previous_name().unwrap_or_default(),
            item.current_name().unwrap_or_default(),
        )
    });
    AnswerSummary {
        status,
        body: BodySummary::Items {
            items: items.collect::<Few<_>>(),
        },
    }
}

pub(super) fn changed(id: &str, previous: &str, current: &str) -> StateChanged {
    StateChanged {
        id: Excerpt::word(id),
        states: pair(previous, current),
    }
}

fn pair(previous: &str, current: &str) -> StatePair {
    StatePair {
        previous: Excerpt::word(previous),
        current: Excerpt::word(current),
    }
}

/// An answer: its error if it has one, or else what its body is.
pub fn summary(reply: &Reply) -> AnswerSummary {
    let error = reply.error().unwrap_or_default();
    let body = match error.code.map(bare) {
        Some(code) if !code.is_empty() => BodySummary::Error {
            code: Excerpt::name(code),
            message: Some(Excerpt::quote(error.message.unwrap_or_default())),
        },
        Some(_) | None => match &reply.body {
            Body::Document(document) => BodySummary::Document {
                root: Excerpt::name(document.root().name()),
            },
            Body::Empty => BodySummary::Empty,
            Body::Unreadable { why } => BodySummary::NotXml {
                why: Some(Excerpt::quote(why)),
            },
        },
    };
    AnswerSummary {
        status: reply.status,
        body,
    }
}

/// Like [`summary`], but without the texts that do not count when answers are compared.
pub(super) fn terse_summary(reply: &Reply) -> AnswerSummary {
    let mut summary = summary(reply);
    match &mut summary.body {
        BodySummary::Error { message, .. } => *message = None,
        BodySummary::NotXml { why } => *why = None,
        BodySummary::Items { .. } | BodySummary::Document { .. } | BodySummary::Empty => {}
    }
    summary
}

/// The refusals that may come, first those that certainly may.
pub(super) fn refusals(expectation: &Expectation<'_>) -> Expected {
    let mut answers: Vec<AllowedRefusal> = Vec::new();
    // A call of another client may be refused for many reasons; what is known says most.
    let is_known = expectation.is_watched && certain(expectation).next().is_some();
    let uncertain = expectation
        .refusals
        .iter()
        .filter(|active| !active.certain && !is_known);
    for answer in certain(expectation)
        .chain(uncertain)
        .flat_map(|active| &active.refusal.answers)
    {
        let allowed = AllowedRefusal {
            status: answer.status.clone(),
            code: answer.code.clone(),
        };
        if !answers.contains(&allowed) {
            answers.push(allowed);
        }
    }
    Expected::Refusal { answers }
}

/// The answer that is expected: a refusal, or a success with the changes that are allowed.
pub(super) fn allowed_answer(expectation: &Expectation<'_>) -> Expected {
    if expectation.acceptance >= Acceptance::Discouraged {
        return refusals(expectation);
    }
    Expected::Changes {
        status: Some(200),
        items: expectation.items.values().map(allowed_change).collect(),
    }
}

/// The changes that an item may report.
pub(super) fn allowed_change(rule: &ItemRule<'_>) -> AllowedChange {
    AllowedChange {
        id: Excerpt::word(rule.id),
        states: rule
            .pairs()
            .into_iter()
            .map(|(previous, current)| pair(previous, current))
            .collect(),
    }
}
