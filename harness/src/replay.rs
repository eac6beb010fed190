//! Replays a finding: plays its case again and reports whether the finding recurs.
//!
//! Two findings are the same if their fingerprints match, as for findings of random scripts. Nothing here reads files:
//! the command reads the journal, and an exported test contains its scenario as text.

use std::sync::Arc;

use tokio::sync::watch;

use crate::contract::{self, Contract, Edition, Scenario};
use crate::journal::{Event, Finding, Fingerprint, Observed, Obstacle, Outcome, Phase};
use crate::plan::{Plan, Planned};
use crate::runner::{self, Options, PreflightError};
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

/// One play of a case.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// How the case ended; `None` if the run ended first.
    pub outcome: Option<Outcome>,
    /// The findings of the case.
    pub findings: Vec<Finding>,
    /// All events, the start of the run first.
    pub events: Vec<Event>,
}

/// Whether a finding recurred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// It recurred in every attempt.
    StillFailing,
    /// It did not recur, but each attempt violates the same clause in another way.
    FailsOtherwise,
    /// It never recurred, and every attempt was judged.
    NotTheCase,
    /// It recurred in some of the attempts only, or the same clause was violated in another way in some of them only.
    NotReproducible {
        /// The number of these attempts.
        came: usize,
    },
    /// The case is unsupported; why.
    Unsupported(Obstacle),
    /// The clause could not be decided; what was observed.
    Undecided(Vec<Observed>),
    /// An error of ours; what failed.
    Failed(String),
}

/// Plays a case once. Returns an error if the case could not be started.
pub async fn play(
    contract: &Arc<Contract>,
    case: &Scenario,
    options: Options,
    interrupted: watch::Receiver<bool>,
) -> Result<Attempt, PreflightError> {
    let plan = Plan {
        cases: vec![Planned {
            phase: Phase::Replay,
            case: case.clone(),
        }],
        ..Plan::default()
    };
    let mut attempt = Attempt::default();
    let take = |event: Event| {
        match &event {
            Event::Judged(judged) => attempt.findings.extend(judged.findings.iter().cloned()),
            Event::CaseEnded(ended) => attempt.outcome = Some(ended.outcome.clone()),
            Event::RunStarted(_)
            | Event::CaseStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_)
            | Event::RunEnded(_) => {}
        }
        attempt.events.push(event);
    };
    runner::run_with(contract, plan, options, interrupted, take).await?;
    Ok(attempt)
}

/// The first finding of an attempt that is the same as the wanted one, or that is the same in a smaller or larger case.
pub fn same<'a>(wanted: &Finding, attempt: &'a Attempt) -> Option<&'a Finding> {
    let print = Fingerprint::of(wanted);
    attempt.findings.iter().find(|finding| {
        let now = Fingerprint::of(finding);
        print.covers(&now) || now.covers(&print)
    })
}

/// Draws the conclusion from all attempts.
pub fn conclude(wanted: &Finding, attempts: &[Attempt]) -> Conclusion {
    let came = attempts
        .iter()
        .filter(|attempt| same(wanted, attempt).is_some())
        .count();
    if came > 0 && came == attempts.len() {
        return Conclusion::StillFailing;
    }
    if came > 0 {
        return Conclusion::NotReproducible { came };
    }
    for attempt in attempts {
        match &attempt.outcome {
            Some(Outcome::Judged { .. }) => {}
            Some(Outcome::Unsupported { obstacle }) => {
                return Conclusion::Unsupported(obstacle.clone());
            }
            Some(Outcome::Error { what }) => return Conclusion::Failed(what.clone()),
            None => return Conclusion::Failed("the run ended before the case did".to_owned()),
        }
    }
    let verdicts: Vec<Option<(&Finding, Verdict)>> = attempts
        .iter()
        .map(|attempt| {
            let of_clause = attempt
                .findings
                .iter()
                .filter(|finding| finding.clause == wanted.clause);
            of_clause
                .map(|finding| (finding, finding.verdict))
                .max_by_key(|(_, verdict)| *verdict)
        })
        .collect();
    let doubt = verdicts
        .iter()
        .flatten()
        .find(|(_, verdict)| *verdict == Verdict::Inconclusive);
    if let Some((finding, _)) = doubt {
        return Conclusion::Undecided(finding.observed.clone());
    }
    // A clause that was violated before is not fixed if it is now violated in another way.
    let violated = verdicts
        .iter()
        .filter(|worst| worst.is_some_and(|(_, verdict)| verdict >= wanted.verdict))
        .count();
    match violated {
        0 => Conclusion::NotTheCase,
        all if all == attempts.len() => Conclusion::FailsOtherwise,
        came => Conclusion::NotReproducible { came },
    }
}

/// Why an exported test could not be played.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// The scenario does not fit the contract of this version.
    #[error("could not read the scenario: {0}")]
    Scenario(String),
    /// The async runtime could not be started.
    #[error("could not start: {0}")]
    Runtime(#[from] std::io::Error),
    /// The run did not start.
    #[error("{0}")]
    Preflight(#[from] PreflightError),
    /// The case was not judged.
    #[error("the case was not judged: {0}")]
    NotJudged(String),
}

/// Plays the only scenario of a text and returns its findings. An empty list means that the case was judged, so a test
/// without findings has tested something.
pub fn findings_of(scenario: &str, edition: Edition, options: Options) -> Result<Vec<Finding>, TestError> {
    let file = ("the exported scenario".to_owned(), scenario.to_owned());
    let mut contract =
        contract::extended(&[file], edition).map_err(|errors| TestError::Scenario(errors.to_string()))?;
    let own = contract::embedded(edition).scenarios.len();
    let added = contract.scenarios.split_off(own);
    let [case] = added.as_slice() else {
        return Err(TestError::Scenario(format!("it holds {} scenarios", added.len())));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (_stop, interrupted) = watch::channel(false);
    let attempt = runtime.block_on(play(&Arc::new(contract), case, options, interrupted))?;
    match attempt.outcome {
        Some(Outcome::Judged { .. }) => Ok(attempt.findings),
        Some(Outcome::Unsupported { obstacle }) => Err(TestError::NotJudged(English.obstacle(&obstacle))),
        Some(Outcome::Error { what }) => Err(TestError::NotJudged(what)),
        None => Err(TestError::NotJudged("it was interrupted".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded;
    use crate::journal::{AnswerSummary, BodySummary, Doubt, Excerpt, StateChanged, StatePair};

    fn finding(clause: &str, verdict: Verdict, observed: Observed) -> Finding {
        Finding {
            case: "a/b".to_owned(),
            step: 1,
            clause: clause.into(),
            verdict,
            expected: Vec::new(),
            observed: vec![observed],
            circumstances: Vec::new(),
            exchange: None,
        }
    }

    fn moved(id: &str) -> Observed {
        Observed::Change(StateChanged {
            id: Excerpt::word(id),
            states: StatePair {
                previous: Excerpt::word("terminated"),
                current: Excerpt::word("stopping"),
            },
        })
    }

    fn refused(status: u16, code: &str) -> Observed {
        Observed::Answer(AnswerSummary {
            status,
            body: BodySummary::Error {
                code: Excerpt::name(code),
                message: None,
            },
        })
    }

    fn judged(findings: &[Finding]) -> Attempt {
        let verdict = findings.iter().map(|finding| finding.verdict).max();
        Attempt {
            outcome: Some(Outcome::Judged {
                verdict: verdict.unwrap_or(Verdict::Pass),
            }),
            findings: findings.to_vec(),
            events: Vec::new(),
        }
    }

    #[test]
    fn a_finding_that_comes_each_time_is_still_there_and_one_that_never_comes_is_not() {
        let then = finding("STT-07", Verdict::Fail, moved("i-0a"));
        let now = finding("STT-07", Verdict::Fail, moved("i-0b"));
        let other = finding("STT-06", Verdict::Fail, moved("i-0b"));
        let (came, not) = (judged(&[other.clone(), now]), judged(&[other]));
        assert_eq!(
            conclude(&then, std::slice::from_ref(&came)),
            Conclusion::StillFailing
        );
        assert_eq!(
            conclude(&then, std::slice::from_ref(&not)),
            Conclusion::NotTheCase
        );
        assert_eq!(
            conclude(&then, &[not, came]),
            Conclusion::NotReproducible { came: 1 }
        );
    }

    #[test]
    fn a_clause_that_fails_in_another_way_is_not_fixed() {
        let then = finding("STT-07", Verdict::Fail, moved("i-0a"));
        let crash = finding("STT-07", Verdict::Fail, refused(500, "InternalError"));
        let warned = finding("STT-07", Verdict::Warn, refused(400, "Other"));
        assert_eq!(conclude(&then, &[judged(&[crash])]), Conclusion::FailsOtherwise);
        assert_eq!(conclude(&then, &[judged(&[warned])]), Conclusion::NotTheCase);
    }

    #[test]
    fn what_was_not_judged_is_never_called_fixed() {
        let then = finding("STT-07", Verdict::Fail, moved("i-0a"));
        let lagged = moved("i-0b").doubted(Doubt::DescriptionsLag);
        let unsure = finding("STT-07", Verdict::Inconclusive, lagged.clone());
        assert_eq!(
            conclude(&then, &[judged(&[unsure])]),
            Conclusion::Undecided(vec![lagged])
        );
        let ended = |outcome| Attempt {
            outcome,
            ..Attempt::default()
        };
        let lacks = Outcome::Unsupported {
            obstacle: Obstacle::NoSpotRequest,
        };
        assert_eq!(
            conclude(&then, &[judged(&[]), ended(Some(lacks))]),
            Conclusion::Unsupported(Obstacle::NoSpotRequest)
        );
        let broke = Outcome::Error {
            what: "gone".to_owned(),
        };
        assert_eq!(
            conclude(&then, &[ended(Some(broke))]),
            Conclusion::Failed("gone".to_owned())
        );
        assert!(matches!(conclude(&then, &[ended(None)]), Conclusion::Failed(_)));
    }

    #[test]
    fn a_text_with_one_scenario_is_played_and_another_is_a_mistake() {
        let one = "[[scenario]]\nname = \"mine/one\"\npurpose = \"One.\"\nfixtures = { a = \"running\" }\n\
                   steps = [{ call = \"StopInstances\", ids = [\"{a}\"] }]\n";
        let play = |text: &str| findings_of(text, Edition::Current, embedded::options(Edition::Current));
        assert_eq!(play(one).expect("the reference is played with"), []);
        assert!(matches!(play(""), Err(TestError::Scenario(_))));
        assert!(matches!(play("x"), Err(TestError::Scenario(_))));
    }
}
