//! The tally: collects the events of a run into results. Every report is a view of it.
//!
//! [`Tally::take`] receives one event at a time; the events of several cases may be interleaved. The tally then has the
//! cases in the order of the plan, the findings in groups, the status of every clause, counts, and the exit code.
//! Exchanges are kept only while their case is open. The reproduction of a finding is rendered at once, so memory does
//! not grow with the number of requests.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::contract::{ClauseId, Confidence, Contract, Level};
use crate::journal::{
    CaseEnded, CaseStarted, EarlyEnd, Event, Exchange, Expected, Explored, Finding, Fingerprint,
    FixtureReady, Flaky, Intent, Judged, Noted, Observed, Obstacle, Outcome, Phase, Recurred, Reproduced,
    Role, RunEnded, RunStarted,
};
use crate::report::exit;
use crate::report::repeat::{Repeat, Sent, Story, repeat, run_command, telling, text_of};
use crate::verdict::Verdict;
use crate::words::{English, Words};

mod clauses;
mod consequences;
mod generated;
mod goldens;
mod known;
mod parts;

pub use consequences::{Cause, Causes, Consequence, Relation};
pub use goldens::{ChangedGolden, GoldenCause, Goldens};
pub use known::{KnownCounts, KnownReview, ReviewedEntry, Standing};
pub use parts::{ByVerdict, Case, ClauseCounts, ClauseStatus, Counts, Evidence, Found, Group, Status};

use clauses::Heading;
use generated::Folded;

/// How many findings of a group keep their exchange: those of the first cases.
const EVIDENCE_KEPT: usize = 8;

/// How many groups are kept for one clause and verdict; the rest share one group. Otherwise an endpoint that answers
/// noise would fill the memory.
const GROUPS_KEPT: usize = 100;

/// The results of a run, from which every report is written.
#[derive(Debug)]
pub struct Tally {
    clauses: Vec<Heading>,
    run: Option<RunStarted>,
    cases: BTreeMap<Key, Case>,
    open: HashMap<String, Open>,
    groups: Vec<GroupHead>,
    by_fingerprint: HashMap<Fingerprint, usize>,
    groups_of: HashMap<(ClauseId, Verdict), usize>,
    notes: Vec<Noted>,
    choices: BTreeMap<&'static str, BTreeMap<String, usize>>,
    drafts: HashSet<String>,
    explored: BTreeMap<Phase, Explored>,
    folded: Folded,
    requests: u64,
    clock: Clock,
    ended: Option<RunEnded>,
    goldens: Option<Goldens>,
    known: Option<KnownReview>,
    texts: HashSet<Arc<str>>,
    lists: HashSet<Arc<[ClauseId]>>,
    expected: HashSet<Arc<[Expected]>>,
    observed: HashSet<Arc<[Observed]>>,
    words: &'static dyn Words,
}

/// What decides the exit code in addition to the verdicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Warnings fail the run, too.
    pub strict: bool,
}

impl Policy {
    /// Whether a new finding with this verdict fails the run.
    pub fn decides(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Fail => true,
            Verdict::Warn => self.strict,
            Verdict::Pass | Verdict::Inconclusive => false,
        }
    }
}

/// The sort key of a case: its index in the plan, then its name. Journals of different plans may use the same index.
type Key = (usize, Arc<str>);

/// A case that has started and not ended.
#[derive(Debug)]
struct Open {
    key: Key,
    fixtures: Vec<FixtureReady>,
    steps: Vec<(usize, Intent)>,
    sent: Vec<Sent>,
    held: Vec<ClauseId>,
}

#[derive(Debug)]
struct GroupHead {
    with_evidence: BTreeSet<(Key, usize)>,
}

/// The elapsed time of the run. A journal that consists of several parts has several intervals, which are added up.
#[derive(Debug, Default)]
struct Clock {
    earlier_ms: u64,
    began_ms: u64,
    latest_ms: u64,
}

impl Clock {
    fn begin(&mut self, at_ms: u64) {
        self.earlier_ms = self.elapsed();
        (self.began_ms, self.latest_ms) = (at_ms, at_ms);
    }

    fn see(&mut self, at_ms: u64) {
        self.latest_ms = self.latest_ms.max(at_ms);
    }

    fn elapsed(&self) -> u64 {
        self.earlier_ms + self.latest_ms.saturating_sub(self.began_ms)
    }
}

impl Tally {
    /// Creates an empty tally for a run against this contract.
    pub fn new(contract: &Contract) -> Self {
        let clauses = contract
            .clauses
            .iter()
            .map(|clause| Heading {
                id: clause.id.clone(),
                level: clause.level,
                confidence: clause.confidence,
                holds: clause.holds,
                untested: clause.untested.clone(),
                general: !clause.checks.is_empty(),
                explained_by: clause.explained_by.clone(),
                scenarios: contract
                    .scenarios
                    .iter()
                    .filter(|scenario| scenario.clauses.contains(&clause.id))
                    .map(|scenario| scenario.name.clone())
                    .collect(),
            })
            .collect();
        Tally {
            clauses,
            run: None,
            cases: BTreeMap::new(),
            open: HashMap::new(),
            groups: Vec::new(),
            by_fingerprint: HashMap::new(),
            groups_of: HashMap::new(),
            notes: Vec::new(),
            choices: BTreeMap::new(),
            drafts: HashSet::new(),
            explored: BTreeMap::new(),
            folded: Folded::default(),
            requests: 0,
            clock: Clock::default(),
            ended: None,
            goldens: None,
            known: None,
            texts: HashSet::new(),
            lists: HashSet::new(),
            expected: HashSet::new(),
            observed: HashSet::new(),
            words: &English,
        }
    }

    /// Sets the wording of the reports.
    #[must_use]
    pub fn in_words(self, words: &'static dyn Words) -> Self {
        Tally { words, ..self }
    }

    /// Records the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted(run) => {
                self.clock.begin(run.at_ms);
                self.ended = None;
                // A resumed run, or another shard: the first `RunStarted` counts for all of them.
                self.run.get_or_insert_with(|| run.clone());
            }
            Event::CaseStarted(case) if case.draft => _ = self.drafts.insert(case.case.clone()),
            Event::CaseStarted(case) => self.begin_case(case),
            Event::FixtureReady(fixture) => {
                if let Some(open) = self.open.get_mut(&fixture.case) {
                    open.sent.extend(Sent::arranging(fixture));
                    open.fixtures.push(fixture.clone());
                }
            }
            Event::StepStarted(step) => {
                if let Some(open) = self.open.get_mut(&step.case) {
                    open.steps.push((step.step, step.intent.clone()));
                }
            }
            Event::Exchanged(exchange) => self.exchange(exchange),
            // What follows from it is judged.
            Event::LaunchDeviated(_) => {}
            Event::Judged(judged) => self.judge(judged),
            Event::CaseEnded(ended) => self.end_case(ended),
            Event::Noted(note) => self.notes.push(note.clone()),
            Event::Explored(explored) => self.explore(explored),
            Event::Recurred(recurred) => self.recur(recurred),
            Event::Flaky(flaky) => self.doubt(flaky),
            Event::Reproduced(reproduced) => self.reproduce(reproduced),
            Event::RunEnded(end) => {
                self.clock.see(end.at_ms);
                self.ended = Some(end.clone());
            }
        }
    }

    /// The event that started the run, once it has been received.
    pub fn run(&self) -> Option<&RunStarted> {
        self.run.as_ref()
    }

    /// All cases, in the order of the plan.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.values()
    }

    /// All findings with their cases, in the order of the plan.
    pub fn findings(&self) -> impl Iterator<Item = (&Case, &Found)> {
        self.cases()
            .flat_map(|case| case.findings.iter().map(move |found| (case, found)))
    }

    /// What was allowed, in words.
    pub fn expected_text(&self, found: &Found) -> String {
        self.words.all_expected(&found.expected)
    }

    /// What was observed, in words.
    pub fn observed_text(&self, found: &Found) -> String {
        self.words.all_observed(&found.observed)
    }

    /// Why a case is unsupported, in words.
    pub fn obstacle_text(&self, obstacle: &Obstacle) -> String {
        self.words.obstacle(obstacle)
    }

    /// The codes received where the contract allows several: for each condition, how many calls each code answered.
    pub fn choices(&self) -> &BTreeMap<&'static str, BTreeMap<String, usize>> {
        &self.choices
    }

    /// The notes, in the order they were received.
    pub fn notes(&self) -> &[Noted] {
        &self.notes
    }

    /// The command that runs this case again.
    pub fn repeat_command(&self, case: &Case) -> String {
        match &self.run {
            Some(run) => run_command(run, &case.name),
            None => format!("stopcheck run --case {}", super::repeat::quote(&case.name)),
        }
    }

    /// Whether the run was interrupted, or its events stop before its end.
    pub fn interrupted(&self) -> bool {
        self.ended.as_ref().is_none_or(|end| end.interrupted)
    }

    /// Why the run ended before everything was played, if that was not an interrupt.
    pub fn cut_short(&self) -> Option<EarlyEnd> {
        self.ended.as_ref().and_then(|end| end.cut_short)
    }

    /// The most instances of the run that existed at once, if they were counted.
    pub fn most_instances(&self) -> Option<usize> {
        self.ended.as_ref().and_then(|end| end.most_instances)
    }

    /// The findings in groups, sorted by verdict (worst first), then by the order of the contract, then of the plan.
    pub fn groups(&self) -> Vec<Group<'_>> {
        self.grouped(self.findings())
    }

    fn grouped<'a>(&'a self, findings: impl Iterator<Item = (&'a Case, &'a Found)>) -> Vec<Group<'a>> {
        let mut groups: Vec<Option<Group<'_>>> = self.groups.iter().map(|_| None).collect();
        for (case, found) in findings {
            let Some(slot) = groups.get_mut(found.group) else {
                continue;
            };
            let group = slot.get_or_insert_with(|| Group {
                clause: &found.clause,
                verdict: found.verdict,
                findings: 0,
                cases: Vec::new(),
                case,
                first: found,
            });
            group.findings += 1;
            if group.cases.last() != Some(&case.name.as_ref()) {
                group.cases.push(&case.name);
            }
        }
        let place: HashMap<&ClauseId, usize> = self
            .clauses
            .iter()
            .enumerate()
            .map(|(place, heading)| (&heading.id, place))
            .collect();
        let mut groups: Vec<Group<'_>> = groups.into_iter().flatten().collect();
        groups.sort_by_cached_key(|group| {
            (
                std::cmp::Reverse(group.verdict),
                place.get(group.clause).copied().unwrap_or(usize::MAX),
                group.clause.clone(),
                group.case.index,
                group.first.id.clone(),
            )
        });
        groups
    }

    /// The number of cases, findings, steps and requests.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            left_out: self.run.as_ref().map_or(0, |run| run.left_out),
            requests: self.requests,
            took_ms: self.clock.elapsed(),
            ..Counts::default()
        };
        if self.interrupted() || self.cut_short().is_some() {
            let planned = self.run.as_ref().map_or(0, |run| run.cases);
            let begun = self.cases().filter(|case| case.phase != Phase::Random).count();
            counts.not_begun = planned.saturating_sub(begun);
        }
        for explored in self.explored.values() {
            if explored.phase == Phase::Traffic {
                counts.watched += explored.scripts;
                continue;
            }
            counts.scripts += explored.scripts;
            counts.steps += explored.steps;
        }
        counts.cut_short = self.folded.cut_short;
        for case in self.cases() {
            match &case.outcome {
                Some(Outcome::Judged { verdict }) => match case.verdict_of_news(*verdict) {
                    Some(verdict) => counts.cases.add(verdict),
                    None => counts.known += 1,
                },
                Some(Outcome::Unsupported { .. }) => counts.unsupported += 1,
                Some(Outcome::Error { .. }) => counts.errors += 1,
                None => counts.unfinished += 1,
            }
            for found in case.findings.iter().filter(|found| found.known.is_none()) {
                counts.findings.add(found.verdict);
            }
        }
        counts
    }

    /// The number of clauses with each status.
    pub fn clause_counts(&self) -> ClauseCounts {
        let mut counts = ClauseCounts {
            all: self.clauses.len(),
            ..ClauseCounts::default()
        };
        for clause in self.clause_statuses() {
            let count = match clause.status {
                Status::NotInEdition => &mut counts.not_in_edition,
                Status::Untested { .. } => &mut counts.untested,
                Status::Unreached { .. } => &mut counts.unreached,
                Status::Held { .. } => &mut counts.held,
                Status::Found { known: true, .. } => &mut counts.known,
                Status::Found { verdict, .. } => match verdict {
                    Verdict::Pass => &mut counts.held,
                    Verdict::Warn => &mut counts.warned,
                    Verdict::Inconclusive => &mut counts.inconclusive,
                    Verdict::Fail => &mut counts.failed,
                },
            };
            *count += 1;
        }
        counts
    }

    /// Records the result of comparing the goldens, which is done outside the event stream.
    pub fn set_goldens(&mut self, goldens: Goldens) {
        self.goldens = Some(goldens);
    }

    /// The result of comparing the goldens, if any were compared.
    pub fn goldens(&self) -> Option<&Goldens> {
        self.goldens.as_ref()
    }

    /// The exit code of the run: that of the events, unless changed goldens decide.
    pub fn exit_code(&self, policy: Policy) -> u8 {
        match self.verdict_code(policy) {
            exit::INTERRUPTED => exit::INTERRUPTED,
            _ if self.goldens.as_ref().is_some_and(Goldens::decide) => exit::FINDINGS,
            code => code,
        }
    }

    /// The exit code from the events alone, without the goldens.
    pub fn verdict_code(&self, policy: Policy) -> u8 {
        let counts = self.counts();
        let is_outdated = |known: &KnownReview| known.outdated().next().is_some();
        if self.interrupted() {
            exit::INTERRUPTED
        } else if self.deciding(policy).next().is_some()
            || counts.cases.fail > 0
            || self.known.as_ref().is_some_and(is_outdated)
        {
            exit::FINDINGS
        } else if counts.errors > 0 {
            exit::INTERNAL
        } else if counts.cases == ByVerdict::default()
            && counts.known == 0
            && counts.scripts + counts.watched == 0
        {
            exit::NOTHING_TESTED
        } else {
            exit::CONFORMANT
        }
    }

    fn held_by<'a>(&'a self, case: &'a Case) -> &'a [ClauseId] {
        match self.open.get(case.name.as_ref()) {
            Some(open) if case.outcome.is_none() && open.key.0 == case.index => &open.held,
            _ => &case.held,
        }
    }

    fn begin_case(&mut self, started: &CaseStarted) {
        let key: Key = (started.index, started.case.as_str().into());
        let purpose = self.text(&started.purpose);
        let clauses = self.list(&started.clauses);
        let held = self.list(&[]);
        let fresh = Case {
            name: key.1.clone(),
            index: started.index,
            phase: started.phase,
            purpose,
            clauses,
            outcome: None,
            findings: Vec::new(),
            held,
            fixtures: Vec::new(),
            began_ms: None,
            took_ms: 0,
            requests: 0,
        };
        if self.cases.insert(key.clone(), fresh).is_some() {
            // A resumed run plays an unfinished case again; only the last attempt counts.
            for group in &mut self.groups {
                group.with_evidence.retain(|(kept, _)| *kept != key);
            }
        }
        let open = Open {
            key,
            fixtures: Vec::new(),
            steps: Vec::new(),
            sent: Vec::new(),
            held: Vec::new(),
        };
        self.open.insert(started.case.clone(), open);
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let Some(open) = self.count(exchange) else {
            return;
        };
        match exchange.role {
            Role::Arrange | Role::Act | Role::Ask => {}
            Role::Look if exchange.step == 0 => return,
            // Only the last description after a step counts.
            Role::Look => {
                let before = open.sent.last().map(|sent| (sent.role, sent.step));
                if before == Some((Role::Look, exchange.step)) {
                    open.sent.pop();
                }
            }
            Role::Retried | Role::Clean => return,
        }
        open.sent.push(Sent::of(exchange));
    }

    /// Counts a request and its duration for its case.
    fn count(&mut self, exchange: &Exchange) -> Option<&mut Open> {
        self.requests += 1;
        let done_ms = exchange.answered_ms();
        self.clock.see(done_ms);
        let open = self.open.get_mut(&exchange.case)?;
        if let Some(case) = self.cases.get_mut(&open.key) {
            let began = *case.began_ms.get_or_insert(exchange.at_ms);
            case.took_ms = case.took_ms.max(done_ms.saturating_sub(began));
            case.requests += 1;
        }
        Some(open)
    }

    fn judge(&mut self, judged: &Judged) {
        let Some(open) = self.open.get_mut(&judged.case) else {
            return;
        };
        for choice in &judged.choices {
            let codes = self.choices.entry(choice.condition.word()).or_default();
            *codes.entry(choice.code.clone()).or_default() += 1;
        }
        open.held.extend(judged.held.iter().cloned());
        if open.held.len() > 1000 {
            open.held.sort_unstable();
            open.held.dedup();
        }
        for finding in &judged.findings {
            let group = self.group_of(Fingerprint::of(finding));
            let expected = shared(&mut self.expected, &finding.expected);
            let observed = shared(&mut self.observed, &finding.observed);
            let Some(open) = self.open.get(&judged.case) else {
                return;
            };
            let key = open.key.clone();
            let Some(case) = self.cases.get_mut(&key) else {
                return;
            };
            let position = case.findings.len();
            let mut evidence = None;
            let mut dropped = None;
            if let Some(head) = self.groups.get_mut(group) {
                head.with_evidence.insert((key.clone(), position));
                if head.with_evidence.len() > EVIDENCE_KEPT {
                    dropped = head.with_evidence.pop_last();
                }
                if dropped.as_ref() != Some(&(key, position)) {
                    evidence = evidence_of(self.run.as_ref(), &judged.case, open, finding);
                }
            }
            case.findings.push(Found {
                id: finding.id().into(),
                step: finding.step,
                clause: finding.clause.clone(),
                verdict: finding.verdict,
                expected,
                observed,
                circumstances: finding.circumstances.as_slice().into(),
                exchange: finding.exchange,
                seen: 0,
                plays: None,
                evidence,
                known: None,
                group,
            });
            if let Some((key, position)) = dropped
                && let Some(found) = self
                    .cases
                    .get_mut(&key)
                    .and_then(|case| case.findings.get_mut(position))
            {
                found.evidence = None;
            }
        }
    }

    fn end_case(&mut self, ended: &CaseEnded) {
        if self.drafts.remove(&ended.case) {
            return;
        }
        let Some(mut open) = self.open.remove(&ended.case) else {
            return;
        };
        open.held.sort_unstable();
        open.held.dedup();
        if self.folds(&open.key, &ended.outcome) {
            self.cases.remove(&open.key);
            if let Outcome::Unsupported { .. } = &ended.outcome {
                self.folded.cut_short += 1;
            }
            self.folded.held.extend(open.held);
            return;
        }
        let held = self.list(&open.held);
        if let Some(case) = self.cases.get_mut(&open.key) {
            case.held = held;
            case.outcome = Some(ended.outcome.clone());
            if !case.findings.is_empty() {
                case.fixtures = open.fixtures;
            }
        }
    }

    /// The group of findings with this fingerprint.
    fn group_of(&mut self, fingerprint: Fingerprint) -> usize {
        let mut key = fingerprint;
        if !self.by_fingerprint.contains_key(&key) {
            let (clause, verdict) = (key.clause().clone(), key.verdict());
            let groups = self.groups_of.entry((clause.clone(), verdict)).or_default();
            *groups += 1;
            if *groups > GROUPS_KEPT {
                key = Fingerprint::new(&clause, verdict, &[]);
            }
        }
        *self.by_fingerprint.entry(key).or_insert_with(|| {
            self.groups.push(GroupHead {
                with_evidence: BTreeSet::new(),
            });
            self.groups.len() - 1
        })
    }

    /// Returns a shared copy of a text that occurs in many cases.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let fresh: Arc<str> = text.into();
        self.texts.insert(fresh.clone());
        fresh
    }

    /// Returns a shared copy of a list of clauses.
    fn list(&mut self, list: &[ClauseId]) -> Arc<[ClauseId]> {
        shared(&mut self.lists, list)
    }
}

/// Returns a shared copy of a list that occurs in many cases.
fn shared<T: Clone + Eq + Hash>(known: &mut HashSet<Arc<[T]>>, list: &[T]) -> Arc<[T]> {
    if let Some(known) = known.get(list) {
        return known.clone();
    }
    let fresh: Arc<[T]> = list.into();
    known.insert(fresh.clone());
    fresh
}

/// The request and answer behind a finding. `None` without a `RunStarted` event, as in a damaged journal.
fn evidence_of(
    run: Option<&RunStarted>,
    case: &str,
    open: &Open,
    finding: &Finding,
) -> Option<Box<Evidence>> {
    let step = finding.step;
    let story = Story {
        run: run?,
        case,
        fixtures: &open.fixtures,
        steps: &open.steps,
        sent: &open.sent,
    };
    let overlaps = open
        .steps
        .iter()
        .any(|(number, intent)| *number == step && *intent == Intent::Overlap);
    let mut acts = open
        .sent
        .iter()
        .filter(|sent| sent.step == step && sent.role == Role::Act);
    let own = finding.exchange.filter(|_| overlaps).and_then(|at| acts.nth(at));
    let sent = own.or_else(|| telling(&open.sent, step));
    let request = sent.map_or_else(String::new, |sent| {
        let body = text_of(&sent.body).unwrap_or("(a body that is not UTF-8)");
        [sent.method.as_str(), &cut(&sent.target), &cut(body)]
            .join(" ")
            .trim_end()
            .to_owned()
    });
    let answer = sent.map_or_else(String::new, |sent| match &sent.answer {
        Ok(status) => format!("{status} {}", sent.answer_head).trim_end().to_owned(),
        Err(why) => format!("none: could not {why}"),
    });
    Some(Box::new(Evidence {
        request,
        answer,
        repeat: repeat(&story, step),
    }))
}

/// Shortens a request to a readable length.
fn cut(text: &str) -> String {
    const WORTH_READING: usize = 2000;
    match text.char_indices().nth(WORTH_READING) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
    }
}

#[cfg(test)]
mod tests;
