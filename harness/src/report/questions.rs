//! Open questions for people: `stopcheck explain OQ-05` and `stopcheck list --questions`.
//!
//! ```text
//! OQ-18  open    Which status has NoSuchVersion?
//!     settled by request/unknown-version
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::list;
use super::text::fold;
use crate::contract::{Clause, Condition, Contract, Question};

/// Lists all questions with what would settle them.
pub fn list(contract: &Contract, width: usize, out: &mut dyn Write) -> io::Result<()> {
    for question in &contract.questions {
        let head = format!("{}  {:<6}  {}", question.id, status(question), question.asks);
        for line in fold(&head, width) {
            writeln!(out, "{line}")?;
        }
        for line in fold(&settled_by(question), width.saturating_sub(4)) {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// Explains the question with this number, in upper or lower case. `None` if there is none.
pub(super) fn explain(contract: &Contract, id: &str, width: usize) -> Option<String> {
    let question = contract.question(id)?;
    let mut out = String::new();
    for line in fold(&format!("{}: {}", question.id, question.asks), width) {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
    let mut rows = vec![
        ("status", status(question).to_owned()),
        ("known", question.known.clone()),
    ];
    let clauses = question.clauses.iter().filter_map(|id| contract.clause(id));
    rows.extend(clauses.map(|clause| ("clause", clause_in_words(clause))));
    let conditions = conditions(contract, question);
    if !conditions.is_empty() {
        rows.push(("conditions", conditions.join(", ")));
    }
    let mut cases = contract.cases_that_settle(question).peekable();
    if cases.peek().is_none() {
        rows.push(("case", settled_by(question)));
    }
    if cases.peek().is_some() {
        rows.push((
            "record",
            format!("stopcheck record BUNDLE --question {}", question.id),
        ));
    }
    rows.extend(cases.map(|case| ("case", format!("{}: {}", case.name, case.purpose))));
    list::table(&rows, width, &mut out);
    Some(out)
}

/// The questions on which a clause depends, each as one row of its explanation.
pub(super) fn about(contract: &Contract, clause: &Clause) -> Vec<String> {
    let open = contract
        .questions_about(&clause.id)
        .filter(|question| !question.closed);
    open.map(|question| format!("{}: {}", question.id, question.asks))
        .collect()
}

fn status(question: &Question) -> &'static str {
    match question.closed {
        true => "closed",
        false => "open",
    }
}

fn settled_by(question: &Question) -> String {
    match &question.no_case {
        Some(reason) => format!("settled by no case: {reason}"),
        None => format!("settled by {}", question.cases.join(", ")),
    }
}

fn clause_in_words(clause: &Clause) -> String {
    let (level, confidence) = (clause.level.word(), clause.confidence.word());
    format!("{} ({level}, {confidence}): {}", clause.id, clause.statement)
}

/// The conditions whose refusals, or whose order, depend on the answer.
fn conditions(contract: &Contract, question: &Question) -> Vec<&'static str> {
    let depends = |aspects: &[&Vec<_>]| {
        let mut cited = aspects.iter().flat_map(|ids| ids.iter());
        cited.any(|id| question.clauses.contains(id))
    };
    let rows = contract.refusals.iter().filter(|refusal| {
        let by = &refusal.clauses;
        depends(&[&by.refused, &by.status, &by.code, &by.preferred])
    });
    let ordered = contract.precedences.iter().filter(|row| depends(&[&row.clauses]));
    let ordered = ordered.flat_map(|row| [row.first, row.before]);
    let conditions = rows.map(|refusal| refusal.condition).chain(ordered);
    let words: BTreeSet<&str> = conditions.map(Condition::word).collect();
    words.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{EMBEDDED, Edition, embedded};

    #[test]
    fn a_question_names_its_clauses_and_the_cases_that_would_settle_it() {
        let contract = embedded(Edition::Current);
        let text = explain(&contract, "oq-18", 80).expect("it is a question");
        insta::assert_snapshot!(text, @"
        OQ-18: Which status has NoSuchVersion?

        status      open
        known       The code is recorded, the status is not: 400 and 404 are accepted.
        clause      REQ-07 (MUST, recorded): An unknown Version (e.g. `1999-01-01`) is
                    refused 4xx with `NoSuchVersion`.
        conditions  unknown-version
        record      stopcheck record BUNDLE --question OQ-18
        case        request/unknown-version: A version that the service never had is
                    refused.
        ");
        assert_eq!(explain(&contract, "OQ-99", 80), None);
    }

    #[test]
    fn a_question_that_no_case_settles_says_why() {
        let contract = embedded(Edition::Current);
        let text = explain(&contract, "OQ-19", 80).expect("it is a question");
        assert!(
            text.contains("settled by no case: only a managed service"),
            "{text}"
        );
    }

    #[test]
    fn every_number_that_the_specs_cite_is_a_question() {
        let contract = embedded(Edition::Current);
        for (file, text) in EMBEDDED {
            for (at, _) in text.match_indices("OQ-") {
                let id = text.get(at..at + 5).unwrap_or_default();
                assert!(contract.question(id).is_some(), "{file} cites {id}");
            }
        }
    }
}
