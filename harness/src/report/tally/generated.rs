//! Generated cases: ten thousand of them are counted, a finding of theirs is told once, and what does not come every
//! time is taken back.

use super::*;

/// What is left of generated cases of which there was nothing to tell.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Those that ended early because the endpoint lacks something.
    pub(super) cut_short: usize,
    /// The clauses that held in any of them.
    pub(super) held: BTreeSet<ClauseId>,
}

/// Generated cases.
impl Tally {
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

    /// Counts a finding of a case once for each generated case in which it was seen.
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

    /// Takes back a finding: it does not come every time, so nobody can tell.
    pub(super) fn doubt(&mut self, flaky: &Flaky) {
        let key = self
            .cases
            .values()
            .find(|case| *case.name == *flaky.case)
            .map(|case| (case.index, case.name.clone()));
        let Some((key, mut case)) = key.and_then(|key| Some((key.clone(), self.cases.remove(&key)?))) else {
            return;
        };
        let told = format!("flaky, in {} of {} plays", flaky.times, flaky.of);
        let mut any = false;
        for found in &mut case.findings {
            let print = Fingerprint::from_parts(&found.clause, found.verdict, &found.observed);
            if print.to_string() == flaky.fingerprint {
                any = true;
                found.verdict = Verdict::Inconclusive;
                found.observed = self.text(&format!("{} ({told})", found.observed));
                found.group = self.group_of(
                    found.clause.clone(),
                    found.verdict,
                    &found.allowed,
                    &found.observed,
                );
            }
        }
        if !any {
            let (allowed, observed) = ("the same every time", format!("{told}: {}", flaky.fingerprint));
            let group = self.group_of(flaky.clause.clone(), Verdict::Inconclusive, allowed, &observed);
            case.findings.push(Found {
                id: format!("{}#0/{}", case.name, flaky.clause).into(),
                step: 0,
                clause: flaky.clause.clone(),
                verdict: Verdict::Inconclusive,
                allowed: self.text(allowed),
                observed: self.text(&observed),
                seen: 0,
                evidence: None,
                group,
            });
        }
        if let Some(Outcome::Judged { verdict }) = &mut case.outcome {
            let worst = case.findings.iter().map(|found| found.verdict).max();
            *verdict = worst.unwrap_or(Verdict::Pass);
        }
        self.cases.insert(key, case);
    }

    /// Whether a case is one of ten thousand of which there is nothing to tell.
    pub(super) fn folds(&self, key: &Key, outcome: &Outcome) -> bool {
        let uneventful = match outcome {
            Outcome::Judged { .. } | Outcome::Unsupported { .. } => true,
            Outcome::Error { .. } => false,
        };
        uneventful
            && self
                .cases
                .get(key)
                .is_some_and(|case| case.phase == Phase::Random && case.findings.is_empty())
            && is_script(&key.1)
    }
}

/// Whether a case is a script as it was drawn, and not one that was made of it to be told.
fn is_script(name: &str) -> bool {
    let number = name.strip_prefix("random/");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}
