//! Loads a checked contract from the text of specs files.
//!
//! Input: file names and texts, and an edition. Output: a [`Contract`], or all mistakes at once, each with its file and
//! line. In a `Contract`, every reference resolves, and every clause is either judged by something and listed by a
//! scenario, or says why it is untested. Nothing is read from disk here.
//!
//! All rules apply to all files together and are independent of the edition, which only selects rows at the end.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::document;
use super::embedded::EMBEDDED;
use super::mistake::{LoadError, LoadErrors, Mistake};
use super::rows::{self, Mention, MentionKind, Rows, SourcePlace, TableRow, Tables};
use super::{Aspects, Clause, ClauseId, Contract, Edition, Parameter, Transition};

/// Loads the contract of one edition from specs files, given as names and texts. Any table may be in any file.
pub fn load(files: &[(&str, &str)], edition: Edition) -> Result<Contract, LoadErrors> {
    let files: Vec<_> = files
        .iter()
        .map(|(file, text)| (*file, *text, Tables::All))
        .collect();
    load_all(&files, edition)
}

/// Loads the embedded contract with the scenarios of these files added to its own.
pub fn extended(files: &[(String, String)], edition: Edition) -> Result<Contract, LoadErrors> {
    let own = EMBEDDED.iter().map(|(file, text)| (*file, *text, Tables::All));
    let added = files
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str(), Tables::Scenarios));
    let files: Vec<_> = own.chain(added).collect();
    load_all(&files, edition)
}

fn load_all(files: &[(&str, &str, Tables)], edition: Edition) -> Result<Contract, LoadErrors> {
    let mut rows = Rows::default();
    let mut errors = Vec::new();
    let mut whole = true;
    for (file, text, tables) in files {
        match document::parse(text) {
            Ok(document) => rows::read(file, *tables, &document, &mut rows, &mut errors),
            Err(mistakes) => {
                // A broken file of scenarios does not matter here: nothing refers to scenarios.
                whole &= *tables == Tables::Scenarios;
                errors.extend(mistakes.into_iter().map(|(line, message)| LoadError {
                    file: (*file).to_owned(),
                    line,
                    mistake: Mistake::Syntax(message),
                }));
            }
        }
    }
    check_names(&rows, &mut errors);
    // If a file cannot be read, references to its definitions would all be reported as mistakes.
    if whole {
        if rows.actions.is_empty() {
            let (file, line) = (files.first().map_or("specs", |(file, ..)| file).to_owned(), 1);
            let mistake = Mistake::NoAction;
            errors.push(LoadError { file, line, mistake });
        }
        check_references(&rows, &mut errors);
    }
    if errors.is_empty() {
        return Ok(contract(rows, edition));
    }
    let position = |file: &str| files.iter().position(|(name, ..)| *name == file);
    errors.sort_by_cached_key(|error| (position(&error.file), error.line));
    Err(LoadErrors(errors))
}

/// Loads the contract that is compiled into the command.
pub fn embedded(edition: Edition) -> Contract {
    load(EMBEDDED, edition).expect("the embedded specs are checked by a test")
}

/// Reports duplicate names.
fn check_names(rows: &Rows, errors: &mut Vec<LoadError>) {
    // Actions, sources, clauses, scenarios and recorded answers have unique names across all editions.
    no_two("action", &rows.actions, |_| "action".to_owned(), ever, errors);
    no_two("source", &rows.sources, |source| source.key.clone(), ever, errors);
    no_two(
        "clause",
        &rows.clauses,
        |clause| clause.id.to_string(),
        ever,
        errors,
    );
    no_two(
        "scenario",
        &rows.scenarios,
        |scenario| scenario.name.clone(),
        ever,
        errors,
    );
    no_two(
        "recorded answer",
        &rows.recorded,
        |recorded| recorded.name.clone(),
        ever,
        errors,
    );
    no_two(
        "question",
        &rows.questions,
        |question| question.id.clone(),
        ever,
        errors,
    );
    // These may be defined again for another range of months.
    no_two(
        "state code",
        &rows.states,
        |state| state.code.to_string(),
        together,
        errors,
    );
    no_two(
        "state name",
        &rows.states,
        |state| state.name.clone(),
        together,
        errors,
    );
    no_two(
        "parameter",
        &rows.parameters,
        |parameter| parameter.name.clone(),
        together,
        errors,
    );
    no_two(
        "refusal",
        &rows.refusals,
        |refusal| refusal.condition.word().to_owned(),
        together,
        errors,
    );
    let prior = |transition: &Transition| format!("{} from {:?}", transition.action, transition.from);
    no_two("transition", &rows.transitions, prior, together, errors);
}

fn ever<T>(_: &TableRow<T>, _: &TableRow<T>) -> bool {
    true
}

fn together<T>(a: &TableRow<T>, b: &TableRow<T>) -> bool {
    // A field that could not be read was replaced by a default, which may duplicate another row by accident.
    !a.mended && !b.mended && a.range.meets(b.range)
}

fn no_two<T>(
    noun: &'static str,
    rows: &[TableRow<T>],
    name: impl Fn(&T) -> String,
    clash: impl Fn(&TableRow<T>, &TableRow<T>) -> bool,
    errors: &mut Vec<LoadError>,
) {
    let mut seen: HashMap<String, Vec<&TableRow<T>>> = HashMap::new();
    for row in rows {
        let name = name(&row.value);
        // A name that could not be read is already reported.
        if name.is_empty() {
            continue;
        }
        let namesakes = seen.entry(name.clone()).or_default();
        if let Some(first) = namesakes.iter().find(|first| clash(first, row)) {
            let first = first.place.to_string();
            errors.push(row.place.error(Mistake::Duplicate { noun, name, first }));
        }
        namesakes.push(row);
    }
}

/// Reports references to unknown names, and clauses that nothing judges.
fn check_references(rows: &Rows, errors: &mut Vec<LoadError>) {
    let clauses: HashMap<&str, &TableRow<Clause>> = rows
        .clauses
        .iter()
        .map(|row| (row.value.id.as_str(), row))
        .collect();
    let mut uses = Uses::default();
    for row in &rows.transitions {
        uses.note(row, rows, &clauses, errors);
    }
    for row in &rows.refusals {
        uses.note(row, rows, &clauses, errors);
    }
    for row in &rows.precedences {
        uses.note(row, rows, &clauses, errors);
    }
    for row in &rows.scenarios {
        uses.note(row, rows, &clauses, errors);
    }
    let sources: BTreeSet<&str> = rows.sources.iter().map(|row| row.value.key.as_str()).collect();
    for row in &rows.clauses {
        for mention in &row.mentions {
            check_source(mention, row, &sources, &clauses, errors);
        }
        let scenarios = || rows.scenarios.iter().map(|row| row.value.name.as_str());
        if let Some(name) = &row.value.explained_by
            && !scenarios().any(|known| known == name)
        {
            let mistake = Mistake::unknown_word("scenario", name, scenarios());
            errors.push(row.place.error(mistake));
        }
        uses.judge(row, errors);
    }
    for row in &rows.recorded {
        for mention in &row.mentions {
            check_source(mention, row, &sources, &clauses, errors);
        }
    }
    check_questions(rows, &clauses, errors);
}

/// Reports questions about unknown clauses, and those that unknown scenarios would settle.
fn check_questions(rows: &Rows, clauses: &HashMap<&str, &TableRow<Clause>>, errors: &mut Vec<LoadError>) {
    for row in &rows.questions {
        for mention in &row.mentions {
            let ids = || rows.clauses.iter().map(|row| row.value.id.as_str());
            let scenarios = || rows.scenarios.iter().map(|row| row.value.name.as_str());
            let name = mention.name.as_str();
            let mistake = match mention.kind {
                MentionKind::Concerns if !clauses.contains_key(name) => {
                    Mistake::unknown_word("clause", name, ids())
                }
                MentionKind::Settles if !scenarios().any(|known| known == name) => {
                    Mistake::unknown_word("scenario", name, scenarios())
                }
                MentionKind::Concerns
                | MentionKind::Settles
                | MentionKind::Binds
                | MentionKind::Lists
                | MentionKind::Source => continue,
            };
            errors.push(row.place.at(mention.line).error(mistake));
        }
    }
}

/// The citations of clauses.
#[derive(Default)]
struct Uses {
    /// For each clause, the first place that binds it.
    binding: HashMap<String, SourcePlace>,
    /// The clauses that scenarios list.
    listed: HashSet<String>,
}

impl Uses {
    fn note<T>(
        &mut self,
        row: &TableRow<T>,
        rows: &Rows,
        clauses: &HashMap<&str, &TableRow<Clause>>,
        errors: &mut Vec<LoadError>,
    ) {
        for mention in &row.mentions {
            let place = row.place.at(mention.line);
            let Some(clause) = clauses.get(mention.name.as_str()) else {
                let known = rows.clauses.iter().map(|row| row.value.id.as_str());
                errors.push(place.error(Mistake::unknown_word("clause", &mention.name, known)));
                continue;
            };
            if !clause.range.meets(row.range) {
                errors.push(place.error(Mistake::NeverTogether {
                    clause: mention.name.clone(),
                    clause_range: clause.range.to_string(),
                    row_range: row.range.to_string(),
                }));
            }
            if row.added {
                // The contract must be complete without added scenarios, so these do not count as uses of a clause. But
                // a user's step must not claim to decide an untested clause.
                if let (MentionKind::Binds, Some(reason)) = (mention.kind, &clause.value.untested) {
                    let (clause, reason) = (mention.name.clone(), reason.clone());
                    errors.push(place.error(Mistake::Undecidable { clause, reason }));
                }
                continue;
            }
            match mention.kind {
                MentionKind::Binds => {
                    self.binding.entry(mention.name.clone()).or_insert(place);
                }
                MentionKind::Lists => {
                    self.listed.insert(mention.name.clone());
                }
                MentionKind::Source | MentionKind::Concerns | MentionKind::Settles => {}
            }
        }
    }

    /// Reports a clause that is neither tested nor marked untested, that is both, or that no scenario lists.
    fn judge(&self, row: &TableRow<Clause>, errors: &mut Vec<LoadError>) {
        let clause = row.value.id.as_str();
        if clause.is_empty() {
            return;
        }
        let check = row
            .value
            .checks
            .first()
            .map(|check| format!("the check {}", check.word()));
        let bound = check.or_else(|| self.binding.get(clause).map(SourcePlace::to_string));
        let clause = clause.to_owned();
        let mistake = match (bound, &row.value.untested) {
            (None, Some(_)) => return,
            (Some(_), None) if self.listed.contains(&clause) => return,
            // The wire cases are generated; each of them lists its clauses.
            (Some(_), None) if row.value.checks.iter().any(|check| check.is_on_the_wire()) => return,
            (Some(_), None) => Mistake::Unlisted { clause },
            (None, None) => Mistake::Unbound { clause },
            (Some(place), Some(_)) => Mistake::BoundAndUntested { clause, place },
        };
        errors.push(row.place.error(mistake));
    }
}

/// Reports an unknown source key. A source may be free text, but text that looks like a key must be one.
fn check_source<T>(
    mention: &Mention,
    row: &TableRow<T>,
    sources: &BTreeSet<&str>,
    clauses: &HashMap<&str, &TableRow<Clause>>,
    errors: &mut Vec<LoadError>,
) {
    if mention.kind != MentionKind::Source {
        return;
    }
    let text = mention.name.as_str();
    let key = text.split(' ').next().unwrap_or_default();
    let looks_like_a_key = key
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    let resolves = sources.contains(text) || sources.contains(key) || clauses.contains_key(text);
    if looks_like_a_key && !resolves {
        let known = sources.iter().copied();
        let mistake = Mistake::unknown_word("source", text, known);
        errors.push(row.place.at(mention.line).error(mistake));
    }
}

/// Selects the rows that hold in the edition.
fn contract(rows: Rows, edition: Edition) -> Contract {
    let clauses: Vec<Clause> = rows
        .clauses
        .into_iter()
        .map(|row| Clause {
            holds: row.range.holds_in(edition),
            ..row.value
        })
        .collect();
    let holding: HashSet<ClauseId> = clauses
        .iter()
        .filter(|clause| clause.holds)
        .map(|clause| clause.id.clone())
        .collect();
    // A row may cite a clause that holds only in a part of its range.
    let keep = |ids: &mut Vec<ClauseId>| ids.retain(|id| holding.contains(id));
    let parameters = rows
        .parameters
        .into_iter()
        .map(|row| Parameter {
            holds: row.range.holds_in(edition),
            ..row.value
        })
        .collect();
    let mut transitions = values(rows.transitions, edition);
    for transition in &mut transitions {
        keep(&mut transition.clauses);
    }
    let mut refusals = values(rows.refusals, edition);
    for refusal in &mut refusals {
        let Aspects {
            refused,
            status,
            code,
            preferred,
            message,
            effect,
            bystanders,
        } = &mut refusal.clauses;
        for ids in [refused, status, code, preferred, message, effect, bystanders] {
            keep(ids);
        }
    }
    let mut precedences = values(rows.precedences, edition);
    for precedence in &mut precedences {
        keep(&mut precedence.clauses);
    }
    let mut scenarios = values(rows.scenarios, edition);
    for scenario in &mut scenarios {
        keep(&mut scenario.clauses);
        for step in &mut scenario.steps {
            keep(&mut step.witness);
            if let Some(same_as) = &mut step.same_as {
                keep(&mut same_as.clauses);
            }
        }
    }
    Contract {
        action: rows
            .actions
            .into_iter()
            .map(|row| row.value)
            .next()
            .unwrap_or_default(),
        edition,
        parameters,
        states: values(rows.states, edition),
        sources: values(rows.sources, edition),
        recorded: values(rows.recorded, edition),
        questions: values(rows.questions, edition),
        clauses,
        transitions,
        refusals,
        precedences,
        passing: values(rows.passing, edition),
        scenarios,
    }
}

/// Returns the values of the rows that hold in the edition.
fn values<T>(rows: Vec<TableRow<T>>, edition: Edition) -> Vec<T> {
    rows.into_iter()
        .filter(|row| row.range.holds_in(edition))
        .map(|row| row.value)
        .collect()
}

#[cfg(test)]
mod tests;
