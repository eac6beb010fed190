//! One exchange as the judge sees it, and what HTTP demands of it.

use std::sync::Arc;

use super::rule::{self, Rule};
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, facts};
use crate::call::Call;
use crate::journal::{CallInterval, Ending, Excerpt, Exchange, Judged, Observed, Role};
use crate::protocol::capture::{recorded_bytes, revive};
use crate::protocol::reply::{self, Reply};

/// One exchange, as the judge sees it. The replies are decoded from the *recorded* answers, so every reader of the
/// journal gets the same observation.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Why it was sent.
    pub role: Role,
    /// The call that was sent, or whose plain form the raw bytes were made from.
    pub call: Arc<Call>,
    /// The decoded answers, in order. An exchange over HTTP has one at most.
    pub replies: Vec<Reply>,
    /// The bytes that belong to no whole answer.
    pub rest: Vec<u8>,
    /// How the exchange ended.
    pub ending: Ending,
    /// When it was sent, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// When the last answer came, by the same clock.
    pub answered_ms: u64,
    /// Its place among the calls that overlapped with it.
    pub interval: Option<CallInterval>,
}

impl Observation {
    /// The observation of a recorded exchange.
    pub fn of(exchange: &Exchange) -> Self {
        let replies = exchange.answers.iter().filter_map(revive).map(reply::decode);
        Observation {
            role: exchange.role,
            call: Arc::new(exchange.call.clone()),
            replies: replies.collect(),
            rest: recorded_bytes(&exchange.rest).unwrap_or_default(),
            ending: exchange.ending.clone(),
            at_ms: exchange.at_ms,
            answered_ms: exchange.answered_ms(),
            interval: exchange.interval,
        }
    }

    /// The answer to a request over HTTP, if one came.
    pub fn reply(&self) -> Option<&Reply> {
        self.replies.first()
    }

    /// The rule that an exchange over HTTP breaks by how it ended, or by bytes that belong to no answer.
    pub(super) fn breach(&self) -> Option<Rule> {
        match self.ending {
            Ending::Broken { .. } | Ending::NoHttp => Some(rule::WHOLE_ANSWER),
            Ending::Closed | Ending::Reset => Some(rule::WIRE_ANSWERED),
            Ending::Answered if !self.rest.is_empty() => Some(rule::WHOLE_ANSWER),
            // These are no fault of the endpoint for certain: it may have been too slow, or out of reach.
            Ending::Failed { .. } | Ending::Answered | Ending::Silent | Ending::TooMuch | Ending::Dropped => {
                None
            }
        }
    }

    /// What came on the connection, for a finding about that.
    pub(super) fn on_the_connection(&self) -> Observed {
        Observed::Wire {
            answers: self.replies.iter().map(facts::terse_summary).collect(),
            ending: self.ending.clone(),
            rest: Excerpt::quote(&self.rest.escape_ascii().to_string()),
        }
    }
}

impl CaseJudge {
    /// Judges an exchange that arranged something, as far as HTTP goes. `None` if nothing is wrong with it.
    pub fn arranged(&self, exchange: &Exchange) -> Option<Judged> {
        if exchange.role != Role::Arrange {
            return None;
        }
        let one = Observation::of(exchange);
        let rule = one.breach()?;
        let mut judgement = StepJudgement::new(&self.judge.clause_table);
        self.judge
            .note_rule(&mut judgement, rule, Weight::Full, false, || {
                one.on_the_connection()
            });
        Some(judgement.close(&self.case, exchange.step))
    }
}
