//! Generated cases. There may be ten thousand: they are counted, each of their findings is reported once, and a finding
//! that does not recur every time is withdrawn.

use super::*;

/// What is kept of generated cases that have nothing to report.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Cases that ended early because the endpoint lacks something.
    pub(super) cut_short: usize,
    /// Clauses that held in any of these cases.
    pub(super) held: BTreeSet<ClauseId>,
}

/// Generated cases.
impl Tally {
    /// How far each phase of the plan came: the cases that began, and those that were planned.
    pub fn progress_of_phases(&self) -> Vec<(Phase, usize, usize)> {
        let planned = self.run.iter().flat_map(|run| &run.phases);
        let begun = |phase: Phase| self.cases().filter(|case| case.phase == phase).count();
        planned
            .map(|(phase, planned)| (*phase, begun(*phase), *planned))
            .collect()
    }

    pub(super) fn explore(&mut self, explored: &Explored) {
        self.requests += u64::try_from(explored.untold).unwrap_or(u64::MAX);
        let sum = self.explored.entry(explored.phase).or_insert_with(|| Explored {
            scripts: 0,
            steps: 0,
            untold: 0,
            ..explored.clone()
        });
        sum.scripts += explored.scripts;
        sum.steps += explored.steps;
    }

    /// Records for a finding in how many generated cases it was seen.
    pub(super) fn recur(&mut self, recurred: &Recurred) {
        let cases = self
            .cases
            .values_mut()
            .filter(|case| *case.name == *recurred.case);
        let findings = cases.flat_map(|case| &mut case.findings);
        for found in findings.filter(|found| found.clause == recurred.clause) {
            found.seen = recurred.scripts;
        }
    }

    /// Records how often a finding of overlapping calls occurred.
    pub(super) fn reproduce(&mut self, reproduced: &Reproduced) {
        let cases = self
            .cases
            .values_mut()
            .filter(|case| *case.name == *reproduced.case);
        let findings = cases.flat_map(|case| &mut case.findings);
        for found in findings.filter(|found| found.clause == reproduced.clause) {
            found.plays = Some((reproduced.times, reproduced.of));
        }
    }

    /// Withdraws a flaky finding: it does not recur every time, so it becomes inconclusive.
    pub(super) fn doubt(&mut self, flaky: &Flaky) {
        let key = self
            .cases
            .values()
            .find(|case| *case.name == *flaky.case)
            .map(|case| (case.index, case.name.clone()));
        let Some((key, mut case)) = key.and_then(|key| Some((key.clone(), self.cases.remove(&key)?))) else {
            return;
        };
        let doubt = |fingerprint| Observed::Flaky {
            times: flaky.times,
            of: flaky.of,
            fingerprint,
        };
        let mut any = false;
        for found in &mut case.findings {
            if found.fingerprint() == flaky.fingerprint {
                any = true;
                found.verdict = Verdict::Inconclusive;
                // First what a reader has to know of the rest.
                let observed: Vec<Observed> = [doubt(None)]
                    .into_iter()
                    .chain(found.observed.iter().cloned())
                    .collect();
                found.observed = shared(&mut self.observed, &observed);
                found.group = self.group_of(found.fingerprint());
            }
        }
        if !any {
            let observed = [doubt(Some(flaky.fingerprint.clone()))];
            let mut found = Found {
                id: format!("{}#0/{}", case.name, flaky.clause).into(),
                step: 0,
                clause: flaky.clause.clone(),
                verdict: Verdict::Inconclusive,
                expected: shared(
                    &mut self.expected,
                    &[Expected::Same {
                        steps: Vec::new(),
                        answers: Vec::new(),
                    }],
                ),
                observed: shared(&mut self.observed, &observed),
                circumstances: Box::default(),
                exchange: None,
                seen: 0,
                plays: None,
                evidence: None,
                known: None,
                group: 0,
            };
            found.group = self.group_of(found.fingerprint());
            case.findings.push(found);
        }
        if let Some(Outcome::Judged { verdict }) = &mut case.outcome {
            let worst = case.findings.iter().map(|found| found.verdict).max();
            *verdict = worst.unwrap_or(Verdict::Pass);
        }
        self.cases.insert(key, case);
    }

    /// Whether to drop a case and only count it: a random script or a watched exchange without findings or errors.
    pub(super) fn folds(&self, key: &Key, outcome: &Outcome) -> bool {
        let uneventful = match outcome {
            Outcome::Judged { .. } | Outcome::Unsupported { .. } => true,
            Outcome::Error { .. } => false,
        };
        uneventful
            && self
                .cases
                .get(key)
                .is_some_and(|case| case.findings.is_empty() && is_counted(case.phase, &key.1))
    }
}

/// Whether a case without findings is only counted.
fn is_counted(phase: Phase, name: &str) -> bool {
    phase == Phase::Traffic || phase == Phase::Random && is_script(name)
}

/// Whether this is the name of a script as generated, not of a case derived from one for the report.
fn is_script(name: &str) -> bool {
    let number = name.strip_prefix("random/");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}
