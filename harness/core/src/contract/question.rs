//! Open questions: what is not known of Amazon EC2, and which cases would settle it.
//!
//! They are in `specs/questions.toml`, each under the number that the other files and the code cite.

use super::{ClauseId, Contract, Scenario};

/// One open question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its number, for instance `OQ-05`.
    pub id: String,
    /// The question, one sentence.
    pub asks: String,
    /// What is known, with sources, and what is accepted meanwhile.
    pub known: String,
    /// Whether it is answered; it is kept because its number is cited.
    pub closed: bool,
    /// The clauses that depend on the answer.
    pub clauses: Vec<ClauseId>,
    /// The names of the scenarios that would settle it; some may be of another edition.
    pub cases: Vec<String>,
    /// Why no case settles it, if none does.
    pub no_case: Option<String>,
}

impl Contract {
    /// The open question with this number, in upper or lower case.
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions
            .iter()
            .find(|question| question.id.eq_ignore_ascii_case(id))
    }

    /// The questions on whose answer a clause depends.
    pub fn questions_about<'a>(&'a self, clause: &'a ClauseId) -> impl Iterator<Item = &'a Question> {
        self.questions
            .iter()
            .filter(move |question| question.clauses.contains(clause))
    }

    /// The scenarios of this edition that would settle a question.
    pub fn cases_that_settle<'a>(&'a self, question: &'a Question) -> impl Iterator<Item = &'a Scenario> {
        self.scenarios
            .iter()
            .filter(|case| question.cases.contains(&case.name))
    }
}
