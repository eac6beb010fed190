//! The results of one subject, case by case, from the events of a run (live or from a journal) or a set of goldens.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use crate::contract::{ClauseId, Contract};
use crate::golden::TranscriptRecorder;
use crate::journal::{Event, Finding, Obstacle, Outcome, Phase};
use crate::verdict::Verdict;

/// Everything that is compared about one subject.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name in the comparison.
    pub name: String,
    /// Where it comes from: a URL, `reference`, a file, a set of goldens.
    pub origin: String,
    /// The `Server` header of the endpoint, if it sends one.
    pub server: Option<String>,
    /// The result of each case.
    pub cases: BTreeMap<String, Told>,
}

/// The result of one case at one subject.
#[derive(Debug, Clone)]
pub struct Told {
    /// The position of the case in its plan.
    pub index: usize,
    /// What it shows.
    pub purpose: String,
    /// How it ended.
    pub outcome: ComparedOutcome,
    /// The clauses with a finding, each with the worst verdict.
    pub findings: BTreeMap<ClauseId, Verdict>,
    /// Whether the findings are complete. A golden records which clauses were violated, but not how severely, nor what
    /// was inconclusive.
    pub is_whole: bool,
    /// The clauses that were checked and held.
    pub held: BTreeSet<ClauseId>,
    /// The clauses with a finding that did not recur every time.
    pub flaky: BTreeSet<ClauseId>,
    /// The transcript, if the case has one.
    pub text: Option<String>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComparedOutcome {
    /// It was played and judged.
    Judged,
    /// The subject does not support what the case needs.
    Unsupported(Obstacle),
    /// An error of ours.
    Error(String),
}

/// Builds an account from the events of a run.
#[derive(Debug)]
pub struct Recorder {
    account: Account,
    recorder: TranscriptRecorder,
    open: BTreeMap<String, Told>,
}

impl Recorder {
    /// A recorder for an account without cases.
    pub fn new(name: &str, origin: &str) -> Self {
        Recorder {
            account: Account {
                name: name.to_owned(),
                origin: origin.to_owned(),
                server: None,
                cases: BTreeMap::new(),
            },
            recorder: TranscriptRecorder::default(),
            open: BTreeMap::new(),
        }
    }

    /// Records the next event.
    pub fn take(&mut self, event: &Event) {
        let recording = self.recorder.take(event);
        match event {
            Event::CaseStarted(started) => {
                // Drafts are not cases, and the same number of a random script means another script under another seed.
                let compared = matches!(started.phase, Phase::Scenarios | Phase::Coverage);
                if compared && !started.draft {
                    let told = Told {
                        index: started.index,
                        purpose: started.purpose.clone(),
                        outcome: ComparedOutcome::Judged,
                        findings: BTreeMap::new(),
                        is_whole: true,
                        held: BTreeSet::new(),
                        flaky: BTreeSet::new(),
                        text: None,
                    };
                    self.open.insert(started.case.clone(), told);
                }
            }
            Event::Exchanged(exchanged) => {
                if let (None, Some(answer)) = (&self.account.server, exchanged.answers.first()) {
                    self.account.server = answer.headers.get("server").map(str::to_owned);
                }
            }
            Event::Judged(judged) => {
                if let Some(told) = self.open.get_mut(&judged.case) {
                    told.held.extend(judged.held.iter().cloned());
                    for finding in &judged.findings {
                        told.note(finding);
                    }
                }
            }
            Event::Flaky(flaky) => {
                if let Some(told) = self.account.cases.get_mut(&flaky.case) {
                    told.flaky.insert(flaky.clause.clone());
                }
            }
            Event::CaseEnded(ended) => {
                if let Some(mut told) = self.open.remove(&ended.case) {
                    told.outcome = match &ended.outcome {
                        Outcome::Judged { .. } => ComparedOutcome::Judged,
                        Outcome::Unsupported { obstacle } => ComparedOutcome::Unsupported(obstacle.clone()),
                        Outcome::Error { what } => ComparedOutcome::Error(what.clone()),
                    };
                    told.text = recording.and_then(|recording| recording.text.ok());
                    self.account.cases.insert(ended.case.clone(), told);
                }
            }
            Event::RunStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Reproduced(_)
            | Event::RunEnded(_) => {}
        }
    }

    /// Returns the account of all cases that have ended.
    pub fn finish(self) -> Account {
        self.account
    }
}

impl Told {
    fn note(&mut self, finding: &Finding) {
        let worst = self
            .findings
            .entry(finding.clause.clone())
            .or_insert(finding.verdict);
        *worst = (*worst).max(finding.verdict);
    }

    /// The result of a case of the contract as a golden records it: its text, and the clauses that were violated.
    pub fn of_golden(contract: &Contract, case: &str, text: String, violated: &[ClauseId]) -> Told {
        let planned = contract.scenarios.iter().position(|one| one.name == case);
        let scenario = planned.and_then(|index| contract.scenarios.get(index));
        Told {
            index: planned.unwrap_or(usize::MAX),
            purpose: scenario.map_or_else(String::new, |one| one.purpose.clone()),
            outcome: ComparedOutcome::Judged,
            findings: violated
                .iter()
                .map(|clause| (clause.clone(), Verdict::Fail))
                .collect(),
            is_whole: false,
            held: BTreeSet::new(),
            flaky: BTreeSet::new(),
            text: Some(text),
        }
    }

    /// The worst verdict about the subject; `None` if the case was not judged.
    pub fn verdict(&self) -> Option<Verdict> {
        (self.outcome == ComparedOutcome::Judged).then(|| {
            let all = self.findings.values().copied();
            all.max().unwrap_or(Verdict::Pass)
        })
    }

    /// Whether another result has the same verdicts, regardless of the answers.
    pub(super) fn is_judged_as(&self, other: &Told) -> bool {
        let is_same = if self.is_whole && other.is_whole {
            self.findings == other.findings
        } else {
            self.violated().eq(other.violated())
        };
        is_same && discriminant(&self.outcome) == discriminant(&other.outcome)
    }

    fn violated(&self) -> impl Iterator<Item = &ClauseId> {
        let violated = |verdict: &Verdict| verdict.is_deviation();
        self.findings
            .iter()
            .filter(move |(_, verdict)| violated(verdict))
            .map(|(clause, _)| clause)
    }

    /// Whether another result has the same verdicts and the same text.
    pub(super) fn is_told_as(&self, other: &Told) -> bool {
        self.is_judged_as(other) && self.text == other.text
    }
}
