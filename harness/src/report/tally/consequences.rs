//! Root causes: which findings only follow from another one, so that one mistake of an endpoint is reported once.
//!
//! The findings of a tally come in, each with or without the finding that it follows from goes out ([`Causes`]). Only
//! typed facts are compared. A clause whose own cases (named cases that list it) fail stays a cause, unless another
//! clause fails with it every time. When in doubt a finding stays a cause; no verdict and no exit code changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::{Case, Found, Group, Tally};
use crate::contract::ClauseId;
use crate::journal::{AnswerSummary, BodySummary, Excerpt, Expected, Observed, Phase};
use crate::verdict::Verdict;

/// The findings of a run, and what explains them.
#[derive(Debug)]
pub struct Causes<'a> {
    findings: Vec<(&'a Case, &'a Found)>,
    explained: Vec<Option<Explained>>,
    causes: Vec<Cause<'a>>,
    known: Vec<Cause<'a>>,
}

/// Why a finding follows from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
pub enum Relation {
    /// The other clause is violated by the case that shows what this clause needs.
    Presupposed,
    /// The cases of its clause hold; another clause is to blame for the answer, whose own cases fail by such an answer.
    HoldsAlone,
    /// Its clause fails only where the other clause fails, by the same answers.
    Within,
    /// An earlier call of the same case was accepted, which must have been refused, and changed the instance.
    EarlierCall,
}

impl Relation {
    /// The word in machine-readable reports.
    pub fn word(self) -> &'static str {
        match self {
            Relation::Presupposed => "presupposed",
            Relation::HoldsAlone => "holds-alone",
            Relation::Within => "within",
            Relation::EarlierCall => "earlier-call",
        }
    }
}

/// A clause to blame, with what follows from its findings.
#[derive(Debug)]
pub struct Cause<'a> {
    /// The clause.
    pub clause: &'a ClauseId,
    /// How it counts: fail before warn before inconclusive.
    pub verdict: Verdict,
    /// Its findings that follow from no other, in groups: first those with the verdict, of these first those of a named
    /// case of the clause.
    pub groups: Vec<Group<'a>>,
    /// What follows from them, by clause.
    pub consequences: Vec<Consequence<'a>>,
}

/// Findings of a clause that follow from another clause.
#[derive(Debug)]
pub struct Consequence<'a> {
    /// The clause.
    pub clause: &'a ClauseId,
    /// The worst verdict of the findings.
    pub verdict: Verdict,
    /// Why they follow.
    pub relation: Relation,
    /// Their number.
    pub findings: usize,
    /// The case of the first.
    pub case: &'a Case,
    /// The first.
    pub first: &'a Found,
}

#[derive(Debug, Clone, Copy)]
struct Explained {
    by: usize,
    relation: Relation,
}

/// What the named cases say about a clause.
#[derive(Default)]
struct Own<'a> {
    held: bool,
    worst: Option<Verdict>,
    /// The groups of the findings there.
    groups: BTreeSet<usize>,
    /// The answers that they show.
    answers: BTreeSet<AnswerKind<'a>>,
}

/// What kind of answer a finding shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum AnswerKind<'a> {
    Accepted,
    Refused(&'a Excerpt),
    Other(u16),
}

/// Everything that explanations are found by.
struct Evidence<'t, 'a> {
    findings: &'t [(&'a Case, &'a Found)],
    /// The findings of the same step.
    steps: HashMap<(usize, usize), Vec<usize>>,
    /// The index of the case of each finding.
    case_of: Vec<usize>,
    /// The indices of the findings of each case.
    cases: Vec<Range<usize>>,
    own: HashMap<&'a ClauseId, Own<'a>>,
    /// The steps in which a clause deviates.
    places: HashMap<&'a ClauseId, BTreeSet<(usize, usize)>>,
    /// Clauses with a check of every answer. They say less about a request than a clause about this request.
    general: BTreeSet<&'a ClauseId>,
    /// For each clause with a case that explains its violation, the finding that fails this case, if there is one.
    presupposed: HashMap<&'a ClauseId, usize>,
}

impl Tally {
    /// The causes of all findings, those of new and those of known ones apart.
    pub fn causes(&self) -> Causes<'_> {
        let findings: Vec<(&Case, &Found)> = self.findings().collect();
        let evidence = Evidence::of(self, &findings);
        let explained = evidence.explain();
        // Nobody has to look at what is inconclusive of a clause that is known to be violated.
        let only_known = self.only_known();
        let is_news =
            |found: &Found| found.known.is_none() && (deviates(found) || !only_known.contains(&found.clause));
        let causes = self.listed(&findings, &explained, is_news);
        let known = self.listed(&findings, &explained, |found| found.known.is_some());
        Causes {
            findings,
            explained,
            causes,
            known,
        }
    }

    /// The causes of a part of the findings. One that follows from a finding of the other part is listed as a cause.
    fn listed<'a>(
        &'a self,
        findings: &[(&'a Case, &'a Found)],
        explained: &[Option<Explained>],
        is_listed: impl Fn(&Found) -> bool,
    ) -> Vec<Cause<'a>> {
        let explained: Vec<Option<Explained>> = explained
            .iter()
            .map(|by| by.filter(|by| findings.get(by.by).is_some_and(|(_, found)| is_listed(found))))
            .collect();
        let all = || {
            findings
                .iter()
                .zip(&explained)
                .filter(|((_, found), _)| is_listed(found))
        };
        // A named case of the clause shows best what is wrong.
        let (own, others): (Vec<_>, Vec<_>) = all()
            .filter(|(_, by)| by.is_none())
            .map(|(one, _)| *one)
            .partition(|(case, found)| is_own(case, &found.clause));
        let mut causes: Vec<Cause<'a>> = Vec::new();
        let mut place: HashMap<&ClauseId, usize> = HashMap::new();
        for group in self.grouped(own.into_iter().chain(others)) {
            let at = *place.entry(group.clause).or_insert_with(|| {
                causes.push(Cause {
                    clause: group.clause,
                    verdict: group.verdict,
                    groups: Vec::new(),
                    consequences: Vec::new(),
                });
                causes.len() - 1
            });
            if let Some(cause) = causes.get_mut(at) {
                if rank(group.verdict) < rank(cause.verdict) {
                    cause.verdict = group.verdict;
                }
                cause.groups.push(group);
            }
        }
        for cause in &mut causes {
            cause
                .groups
                .sort_by_key(|group| (rank(group.verdict), !is_own(group.case, group.clause)));
        }
        for ((case, found), by) in all() {
            let Some(by) = by else { continue };
            let Some((_, cause)) = findings.get(by.by) else {
                continue;
            };
            let Some(cause) = place.get(&cause.clause).and_then(|at| causes.get_mut(*at)) else {
                continue;
            };
            match cause
                .consequences
                .iter_mut()
                .find(|one| *one.clause == found.clause && one.relation == by.relation)
            {
                Some(one) => {
                    one.findings += 1;
                    one.verdict = one.verdict.max(found.verdict);
                }
                None => cause.consequences.push(Consequence {
                    clause: &found.clause,
                    verdict: found.verdict,
                    relation: by.relation,
                    findings: 1,
                    case,
                    first: found,
                }),
            }
        }
        causes.sort_by_key(|cause| rank(cause.verdict));
        causes
    }
}

impl<'a> Cause<'a> {
    /// The names of the cases that show it, sorted.
    pub fn cases(&self) -> BTreeSet<&'a str> {
        self.groups
            .iter()
            .flat_map(|group| group.cases.iter().copied())
            .collect()
    }
}

impl<'a> Causes<'a> {
    /// The causes of what is new: fail, then warn, then inconclusive, each in the order of the contract.
    pub fn all(&self) -> &[Cause<'a>] {
        &self.causes
    }

    /// The causes of what is known, in the same order.
    pub fn known(&self) -> &[Cause<'a>] {
        &self.known
    }

    /// All findings in the order of the plan, with the finding that each follows from.
    pub fn findings(&self) -> impl Iterator<Item = (&'a Case, &'a Found, Option<(&'a Found, Relation)>)> {
        self.findings
            .iter()
            .zip(&self.explained)
            .map(|((case, found), by)| {
                let by = by.and_then(|by| Some((self.findings.get(by.by)?.1, by.relation)));
                (*case, *found, by)
            })
    }

    /// The cause that all findings of a clause follow from, if they do.
    pub fn blamed_for(&self, clause: &ClauseId) -> Option<&ClauseId> {
        match self.causes.iter().any(|cause| cause.clause == clause) {
            true => None,
            false => self
                .causes
                .iter()
                .find(|cause| cause.consequences.iter().any(|one| one.clause == clause))
                .map(|cause| cause.clause),
        }
    }
}

/// The order of verdicts in a report. What deviates comes before what could not be decided.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Warn => 1,
        Verdict::Inconclusive => 2,
        Verdict::Pass => 3,
    }
}

impl<'t, 'a> Evidence<'t, 'a> {
    fn of(tally: &'a Tally, findings: &'t [(&'a Case, &'a Found)]) -> Self {
        let mut evidence = Evidence {
            findings,
            steps: HashMap::new(),
            case_of: Vec::new(),
            cases: Vec::new(),
            own: HashMap::new(),
            places: HashMap::new(),
            general: tally
                .clauses
                .iter()
                .filter(|clause| clause.general)
                .map(|clause| &clause.id)
                .collect(),
            presupposed: HashMap::new(),
        };
        for clause in &tally.clauses {
            let fails = |(case, found): &(&Case, &Found)| {
                let explaining = clause.explained_by.as_ref();
                explaining.is_some_and(|name| *name == *case.name)
                    && found.verdict == Verdict::Fail
                    && is_own(case, &found.clause)
            };
            if let Some(by) = findings.iter().position(fails) {
                evidence.presupposed.insert(&clause.id, by);
            }
        }
        for case in tally.cases() {
            let first = evidence.case_of.len();
            let number = evidence.cases.len();
            for (at, found) in (first..).zip(&case.findings) {
                evidence.case_of.push(number);
                evidence.steps.entry((number, found.step)).or_default().push(at);
                if deviates(found) {
                    let places = evidence.places.entry(&found.clause).or_default();
                    places.insert((number, found.step));
                }
            }
            evidence.cases.push(first..evidence.case_of.len());
            if case.phase != Phase::Scenarios {
                continue;
            }
            for clause in case.clauses.iter() {
                let own = evidence.own.entry(clause).or_default();
                own.held |= case.held.contains(clause);
                for found in case.findings.iter().filter(|found| found.clause == *clause) {
                    own.worst = own.worst.max(Some(found.verdict));
                    own.groups.insert(found.group);
                    own.answers.extend(answer_of(found));
                }
            }
        }
        evidence
    }

    fn explain(&self) -> Vec<Option<Explained>> {
        let mut explained: Vec<Option<Explained>> = vec![None; self.findings.len()];
        for (at, (_, found)) in self.findings.iter().enumerate() {
            if deviates(found)
                && let Some(by) = self.presupposed.get(&found.clause)
                && let Some(slot) = explained.get_mut(at)
            {
                let (by, relation) = (*by, Relation::Presupposed);
                *slot = Some(Explained { by, relation });
            } else if deviates(found) && self.holds_alone(found) {
                let by = self.in_company(at).map(|by| (by, Relation::HoldsAlone));
                let by = by.or_else(|| self.earlier_call(at).map(|by| (by, Relation::EarlierCall)));
                if let Some(slot) = explained.get_mut(at) {
                    *slot = by.map(|(by, relation)| Explained { by, relation });
                }
            }
        }
        for (at, by) in self.within() {
            if let Some(slot) = explained.get_mut(at)
                && slot.is_none()
            {
                let relation = Relation::Within;
                *slot = Some(Explained { by, relation });
            }
        }
        (0..explained.len()).map(|at| root(&explained, at)).collect()
    }

    fn found(&self, at: usize) -> Option<&'a Found> {
        self.findings.get(at).map(|(_, found)| *found)
    }

    /// Whether the named cases of a clause have shown that it holds, as far as this finding says that it does not: none
    /// has a finding of it, or only warnings where this one fails.
    fn holds_alone(&self, found: &Found) -> bool {
        self.own.get(&found.clause).is_some_and(|own| match own.worst {
            None => own.held,
            Some(Verdict::Warn) => found.verdict == Verdict::Fail,
            Some(Verdict::Pass | Verdict::Inconclusive | Verdict::Fail) => false,
        })
    }

    /// Whether a clause deviates in a named case of its own, at least as badly.
    fn fails_alone(&self, clause: &ClauseId, verdict: Verdict) -> bool {
        let worst = self.own.get(clause).and_then(|own| own.worst);
        worst.is_some_and(|worst| worst >= verdict && worst != Verdict::Inconclusive)
    }

    /// Whether a named case of its clause fails by the same kind of answer.
    fn fails_alike(&self, found: &Found) -> bool {
        let own = self.own.get(&found.clause);
        answer_of(found).is_none_or(|answer| own.is_some_and(|own| own.answers.contains(&answer)))
    }

    /// The findings that the same answer shows and that are at least as bad.
    fn same_answer(&self, at: usize) -> impl Iterator<Item = usize> {
        let found = self.found(at);
        let place = self
            .case_of
            .get(at)
            .zip(found)
            .map(|(case, found)| (*case, found.step));
        let beside = place.and_then(|place| self.steps.get(&place));
        beside.into_iter().flatten().copied().filter(move |other| {
            found.zip(self.found(*other)).is_some_and(|(found, other)| {
                other.clause != found.clause
                    && deviates(other)
                    && other.verdict >= found.verdict
                    && found.exchange.is_some()
                    && found.exchange == other.exchange
                    && is_same(&found.observed, &other.observed)
                    && !self.general.contains(&other.clause)
            })
        })
    }

    /// Of several explanations, the one whose clause fails alone, and in the same way; then the one that deviates least
    /// often.
    fn best(&self, verdict: Verdict, candidates: impl Iterator<Item = usize>) -> Option<usize> {
        candidates.min_by_key(|at| {
            self.found(*at).map(|found| {
                let own = self.own.get(&found.clause);
                let alike = own.is_some_and(|own| own.groups.contains(&found.group));
                let often = self.places.get(&found.clause).map_or(0, BTreeSet::len);
                (!self.fails_alone(&found.clause, verdict), !alike, often)
            })
        })
    }

    /// A finding of a clause that fails alone by this kind of answer, shown by the same answer.
    fn in_company(&self, at: usize) -> Option<usize> {
        let verdict = self.found(at)?.verdict;
        let fails = |by: &usize| {
            self.found(*by)
                .is_some_and(|by| self.fails_alone(&by.clause, verdict) && self.fails_alike(by))
        };
        self.best(verdict, self.same_answer(at).filter(fails))
    }

    /// A finding of an earlier step of the case: a call that must have been refused was accepted, and named the instance
    /// that this finding is about.
    fn earlier_call(&self, at: usize) -> Option<usize> {
        let found = self.found(at)?;
        let case = self.cases.get(*self.case_of.get(at)?)?;
        let is_earlier = |by: &usize| {
            self.found(*by).is_some_and(|by| {
                by.step < found.step
                    && by.verdict == Verdict::Fail
                    && by.clause != found.clause
                    && found
                        .observed
                        .iter()
                        .filter_map(instance_of)
                        .any(|id| is_wrongly_accepted(by, id))
            })
        };
        let last = case
            .clone()
            .filter(is_earlier)
            .filter_map(|by| Some(self.found(by)?.step))
            .max()?;
        let of_last = |by: &usize| self.found(*by).is_some_and(|by| by.step == last);
        self.best(found.verdict, case.clone().filter(is_earlier).filter(of_last))
    }

    /// The findings of clauses that deviate only where another clause deviates by the same answers, while that clause
    /// also fails in a named case of its own without them.
    fn within(&self) -> Vec<(usize, usize)> {
        let mut of_clause: BTreeMap<&ClauseId, Vec<usize>> = BTreeMap::new();
        for (at, (_, found)) in self.findings.iter().enumerate() {
            if deviates(found) {
                of_clause.entry(&found.clause).or_default().push(at);
            }
        }
        let mut pairs = Vec::new();
        for (clause, findings) in of_clause {
            let mut common: Option<BTreeSet<&ClauseId>> = None;
            for at in &findings {
                let here: BTreeSet<&ClauseId> = self
                    .same_answer(*at)
                    .filter_map(|by| self.found(by).filter(|by| self.fails_alike(by)))
                    .map(|by| &by.clause)
                    .collect();
                let both = match common {
                    None => here,
                    Some(common) => common.intersection(&here).copied().collect(),
                };
                if both.is_empty() {
                    common = None;
                    break;
                }
                common = Some(both);
            }
            let mut wider = common.unwrap_or_default();
            wider.retain(|other| self.fails_without(other, clause));
            for at in findings {
                let of_wider = |by: &usize| self.found(*by).is_some_and(|by| wider.contains(&by.clause));
                let verdict = self.found(at).map_or(Verdict::Pass, |found| found.verdict);
                if let Some(by) = self.best(verdict, self.same_answer(at).filter(of_wider)) {
                    pairs.push((at, by));
                }
            }
        }
        pairs
    }

    /// Whether a clause fails in a named case of its own in which another one does not deviate.
    fn fails_without(&self, clause: &ClauseId, other: &ClauseId) -> bool {
        let others: BTreeSet<usize> = self
            .places
            .get(other)
            .into_iter()
            .flatten()
            .map(|(case, _)| *case)
            .collect();
        self.places.get(clause).into_iter().flatten().any(|(number, _)| {
            let case = self
                .cases
                .get(*number)
                .and_then(|range| self.findings.get(range.start));
            !others.contains(number) && case.is_some_and(|(case, _)| is_own(case, clause))
        })
    }
}

/// Whether a case is a named case that lists the clause.
fn is_own(case: &Case, clause: &ClauseId) -> bool {
    case.phase == Phase::Scenarios && case.clauses.contains(clause)
}

/// The end of the chain of explanations of a finding.
fn root(explained: &[Option<Explained>], at: usize) -> Option<Explained> {
    let first = explained.get(at).copied().flatten()?;
    let mut by = first.by;
    // A chain has at most as many links as there are findings; a longer one runs in a circle and explains nothing.
    for _ in 0..explained.len() {
        match explained.get(by).copied().flatten() {
            None => return Some(Explained { by, ..first }),
            Some(next) => by = next.by,
        }
    }
    None
}

/// The kind of answer that a finding shows, if it shows one.
fn answer_of(found: &Found) -> Option<AnswerKind<'_>> {
    found.observed.iter().find_map(|observed| {
        let Observed::Answer(answer) = observed else {
            return None;
        };
        Some(match (&answer.body, answer.status) {
            (BodySummary::Error { code, .. }, _) => AnswerKind::Refused(code),
            (_, 200..=299) => AnswerKind::Accepted,
            (_, status) => AnswerKind::Other(status),
        })
    })
}

fn deviates(found: &Found) -> bool {
    found.verdict.is_deviation()
}

/// Whether one of two observations says everything that the other says. Only answers and states are compared: other
/// observations have several parts, and two clauses may be about different ones.
fn is_same(one: &[Observed], other: &[Observed]) -> bool {
    let is_whole = |observed: &Observed| {
        matches!(
            observed,
            Observed::Answer(_) | Observed::Change(_) | Observed::State { .. }
        )
    };
    if !one.iter().chain(other).all(is_whole) {
        return false;
    }
    let within = |inner: &[Observed], outer: &[Observed]| {
        let mut inner = inner.iter();
        inner.all(|inner| outer.iter().any(|outer| includes(outer, inner)))
    };
    !one.is_empty() && !other.is_empty() && (within(one, other) || within(other, one))
}

/// Whether one observation says everything that the other one says. An answer says that an item is in it; an error with
/// its message says what the error says without it.
fn includes(outer: &Observed, inner: &Observed) -> bool {
    if outer == inner {
        return true;
    }
    let Observed::Answer(outer) = outer else {
        return false;
    };
    if let (BodySummary::Items { items }, Observed::Change(change)) = (&outer.body, inner) {
        return items.shown.contains(change);
    }
    let Observed::Answer(inner) = inner else {
        return false;
    };
    let without_message = if let BodySummary::Error { code, message: None } = &inner.body
        && let BodySummary::Error { code: own, .. } = &outer.body
    {
        own == code
    } else {
        let bodies = (&outer.body, &inner.body);
        matches!(
            bodies,
            (BodySummary::NotXml { .. }, BodySummary::NotXml { why: None })
        )
    };
    without_message && outer.status == inner.status
}

/// Whether this is the finding that a call which names the instance was accepted and must have been refused.
fn is_wrongly_accepted(found: &Found, id: &Excerpt) -> bool {
    let refused = found
        .expected
        .iter()
        .any(|one| matches!(one, Expected::Refusal { .. }));
    refused
        && found.observed.iter().any(|one| {
            if let Observed::Answer(AnswerSummary {
                status: 200..=299,
                body: BodySummary::Items { items },
            }) = one
            {
                items.shown.iter().any(|item| item.id == *id)
            } else {
                false
            }
        })
}

/// The instance that an observation is about.
fn instance_of(observed: &Observed) -> Option<&Excerpt> {
    match observed {
        Observed::Change(change) => Some(&change.id),
        Observed::State { id, .. }
        | Observed::StopTime { id, .. }
        | Observed::Reason { id, .. }
        | Observed::Part { id, .. }
        | Observed::Listed { id, .. }
        | Observed::LaunchOption { id, .. } => Some(id),
        Observed::Answer(_)
        | Observed::Status { .. }
        | Observed::SpotRequest { .. }
        | Observed::FoundRunning { .. }
        | Observed::History { .. }
        | Observed::Root { .. }
        | Observed::Declaration { .. }
        | Observed::Header { .. }
        | Observed::Elements { .. }
        | Observed::Values { .. }
        | Observed::Oddities { .. }
        | Observed::StateCodes { .. }
        | Observed::Wire { .. }
        | Observed::Undecided { .. }
        | Observed::Flaky { .. } => None,
    }
}

#[cfg(test)]
mod tests;
