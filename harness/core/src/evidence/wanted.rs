//! Which cases are recorded: exactly those that would settle something.

use std::collections::BTreeSet;

use crate::contract::{Clause, Confidence, Contract, Scenario};
use crate::plan::matches;

/// What is to be settled. Without any wish, everything that is open or known badly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The numbers of open questions.
    pub questions: Vec<String>,
    /// Patterns of clauses.
    pub clauses: Vec<String>,
    /// Patterns of names of cases.
    pub cases: Vec<String>,
}

/// Why nothing can be recorded for a wish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// There is no question with this number.
    #[error("there is no open question called {0:?}\n  hint: stopcheck list --questions names all of them")]
    UnknownQuestion(String),
    /// No case of this edition settles the question.
    #[error("no case settles {id}: {why}")]
    NoCase {
        /// The question.
        id: String,
        /// The reason.
        why: String,
    },
    /// Nothing matches a pattern.
    #[error(
        "no case to record matches {0:?}\n  hint: stopcheck list --clauses and stopcheck list show the names"
    )]
    NothingMatches(String),
}

impl Wanted {
    /// The cases to record, in the order of the contract.
    pub fn cases(&self, contract: &Contract) -> Result<Vec<Scenario>, WantedError> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for id in &self.questions {
            let question = contract.question(id.trim());
            let question = question.ok_or_else(|| WantedError::UnknownQuestion(id.clone()))?;
            let before = names.len();
            names.extend(
                contract
                    .cases_that_settle(question)
                    .map(|case| case.name.as_str()),
            );
            if names.len() == before && contract.cases_that_settle(question).next().is_none() {
                let of_another = "its cases are of another edition".to_owned();
                return Err(WantedError::NoCase {
                    id: question.id.clone(),
                    why: question.no_case.clone().unwrap_or(of_another),
                });
            }
        }
        for pattern in &self.clauses {
            let clauses: Vec<&Clause> = contract
                .clauses
                .iter()
                .filter(|clause| matches(pattern, clause.id.as_str()))
                .collect();
            let mut cases = contract
                .scenarios
                .iter()
                .filter(|case| covers(case, &clauses))
                .peekable();
            if cases.peek().is_none() {
                return Err(WantedError::NothingMatches(pattern.clone()));
            }
            names.extend(cases.map(|case| case.name.as_str()));
        }
        for pattern in &self.cases {
            let mut cases = contract
                .scenarios
                .iter()
                .filter(|case| matches(pattern, &case.name))
                .peekable();
            if cases.peek().is_none() {
                return Err(WantedError::NothingMatches(pattern.clone()));
            }
            names.extend(cases.map(|case| case.name.as_str()));
        }
        if *self == Wanted::default() {
            names.extend(everything(contract));
        }
        let chosen = contract
            .scenarios
            .iter()
            .filter(|case| names.contains(case.name.as_str()));
        Ok(chosen.cloned().collect())
    }
}

/// The cases of all open questions, and of all clauses that neither documentation nor a recording confirms.
fn everything(contract: &Contract) -> impl Iterator<Item = &str> {
    let open = contract.questions.iter().filter(|question| !question.closed);
    let of_questions = open.flat_map(|question| contract.cases_that_settle(question));
    let unsure: Vec<&Clause> = contract
        .clauses
        .iter()
        .filter(|clause| clause.holds && clause.untested.is_none() && is_unsure(clause))
        .collect();
    let of_clauses = contract
        .scenarios
        .iter()
        .filter(move |case| covers(case, &unsure));
    of_questions.chain(of_clauses).map(|case| case.name.as_str())
}

fn is_unsure(clause: &Clause) -> bool {
    match clause.confidence {
        Confidence::Sibling | Confidence::Contradicted | Confidence::Inferred => true,
        Confidence::Documented | Confidence::Recorded | Confidence::DocumentedAndRecorded => false,
    }
}

fn covers(case: &Scenario, clauses: &[&Clause]) -> bool {
    let witnessed = case.steps.iter().flat_map(|step| &step.witness);
    let mut covered = case.clauses.iter().chain(witnessed);
    covered.any(|id| clauses.iter().any(|clause| clause.id == *id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Edition, embedded};

    fn names(wanted: &Wanted) -> Result<Vec<String>, WantedError> {
        let cases = wanted.cases(&embedded(Edition::Current))?;
        Ok(cases.into_iter().map(|case| case.name).collect())
    }

    fn question(id: &str) -> Wanted {
        Wanted {
            questions: vec![id.to_owned()],
            ..Wanted::default()
        }
    }

    #[test]
    fn a_question_has_its_cases_and_no_others() {
        let cases = names(&question("oq-16"));
        assert_eq!(
            cases,
            Ok(vec![
                "auth/wrong-signature".to_owned(),
                "auth/altered-request".to_owned()
            ])
        );
    }

    #[test]
    fn what_cannot_be_settled_says_why() {
        assert_eq!(
            names(&question("OQ-77")),
            Err(WantedError::UnknownQuestion("OQ-77".to_owned()))
        );
        assert!(matches!(
            names(&question("OQ-19")),
            Err(WantedError::NoCase { .. })
        ));
        let clauses = Wanted {
            clauses: vec!["WIR-*".to_owned(), "XXX-*".to_owned()],
            ..Wanted::default()
        };
        assert!(matches!(names(&clauses), Err(WantedError::NothingMatches(_))));
    }

    #[test]
    fn without_a_wish_everything_open_is_recorded_and_nothing_that_is_settled() {
        let all = names(&Wanted::default()).expect("there are open questions");
        for expected in ["id/none", "request/odd-booleans", "relation/batch"] {
            assert!(all.iter().any(|name| name == expected), "{expected}");
        }
        assert!(!all.iter().any(|name| name == "dry-run/valid"), "{all:?}");
    }
}
