//! Comparisons: endpoints side by side (which one answers differently, and which clauses that concerns), and two runs
//! of one endpoint (what is fixed, what is broken).
//!
//! Input: an [`Account`] for each subject, made from a run, a journal or a set of goldens. Output: a [`Comparison`]
//! with a row for each case, or a [`Since`]; the texts for the terminal, Markdown and HTML are pure views of them.
//! Nothing here sends a request.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::{ClauseId, Contract};
use crate::diff;
use crate::report::text::visible;
use crate::verdict::Verdict;

mod account;
pub mod markdown;
pub mod page;
mod since;
pub mod terminal;

pub use account::{Account, ComparedOutcome, Recorder, Told};
pub use since::{FindingChange, FindingMovement, Since};

/// Several subjects, case by case.
#[derive(Debug)]
pub struct Comparison {
    /// The subjects, in the order in which they were named.
    pub accounts: Vec<Account>,
    /// The cases, in the order of the plan.
    pub rows: Vec<ComparedCase>,
    /// The clauses on which the subjects differ, in the order of the contract.
    pub clauses: Vec<ClauseRow>,
    /// For each subject, the number of cases in which each clause has a finding.
    spread: Vec<BTreeMap<ClauseId, usize>>,
}

/// One case of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedCase {
    /// Its name.
    pub case: String,
    /// What it shows.
    pub purpose: String,
    /// For each subject, its group among those with the same result, from 0; `None` where the case was not played.
    pub groups: Vec<Option<usize>>,
    /// How far the subjects agree.
    pub agreement: Agreement,
    /// The only subject that differs while all others agree: by verdicts if these differ, otherwise by answers.
    pub odd: Option<usize>,
}

/// How far the subjects agree on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// Same answers, same verdicts.
    Alike,
    /// Different answers, same verdicts.
    JudgedAlike,
    /// Different verdicts among the subjects that were judged.
    JudgedApart,
    /// Not every subject has played the case to its end; the verdicts of those that have do not differ.
    Missing,
}

/// What all cases together show about a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseRow {
    /// The clause.
    pub id: ClauseId,
    /// The sentence.
    pub statement: String,
    /// The standing of the clause at each subject.
    pub standings: Vec<Standing>,
}

/// What the cases of a subject show about a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No case that was played shows anything about it.
    Unseen,
    /// It held wherever it was checked.
    Held,
    /// It was violated or inconclusive: the worst verdict, and the number of cases with it.
    Found(Verdict, usize),
    /// It was violated in this many cases; how severely is not known.
    Violated(usize),
}

impl Comparison {
    /// Compares accounts case by case.
    pub fn of(accounts: Vec<Account>, contract: &Contract) -> Comparison {
        let mut names: Vec<(usize, &str)> = Vec::new();
        let mut seen = BTreeSet::new();
        for account in &accounts {
            for (name, told) in &account.cases {
                if seen.insert(name.as_str()) {
                    names.push((told.index, name));
                }
            }
        }
        names.sort_unstable();
        let rows = names.iter().map(|(_, name)| row(&accounts, name)).collect();
        let clauses = contract.clauses.iter().map(|clause| ClauseRow {
            id: clause.id.clone(),
            statement: clause.statement.clone(),
            standings: accounts
                .iter()
                .map(|account| account.standing(&clause.id))
                .collect(),
        });
        let clauses = clauses.filter(ClauseRow::differs).collect();
        Comparison {
            rows,
            clauses,
            spread: accounts.iter().map(spread).collect(),
            accounts,
        }
    }

    /// The number of cases on which the subjects agree this far.
    pub fn count(&self, agreement: Agreement) -> usize {
        self.rows.iter().filter(|row| row.agreement == agreement).count()
    }

    /// How often each subject is the odd one out.
    pub fn odd(&self) -> Vec<usize> {
        let times = |at: usize| self.rows.iter().filter(|row| row.odd == Some(at)).count();
        (0..self.accounts.len()).map(times).collect()
    }

    /// How many cases could be compared: at least two subjects were judged on them.
    pub fn compared(&self) -> usize {
        let judged = |row: &&ComparedCase| {
            let told = self
                .accounts
                .iter()
                .filter_map(|account| account.cases.get(&row.case));
            told.filter(|told| told.outcome == ComparedOutcome::Judged)
                .count()
                > 1
        };
        self.rows.iter().filter(judged).count()
    }

    /// The clauses with the worst verdict about a subject in a case. Clauses with a finding in the fewest other cases
    /// come first: they say most about this one.
    pub fn guilty<'t>(&self, subject: usize, told: &'t Told) -> Vec<&'t ClauseId> {
        let worst = told.verdict();
        let found = told
            .findings
            .iter()
            .filter(|(_, verdict)| Some(**verdict) == worst);
        let mut guilty: Vec<&'t ClauseId> = found.map(|(clause, _)| clause).collect();
        let spread = self.spread.get(subject);
        guilty.sort_by_key(|clause| spread.and_then(|spread| spread.get(*clause)).copied());
        guilty
    }

    /// The result of a case at a subject.
    pub fn told(&self, subject: usize, case: &str) -> Option<&Told> {
        self.accounts.get(subject)?.cases.get(case)
    }

    /// The differences between the answers to a case: the first subject's compared with the first of each other group,
    /// as a unified diff in lines that are safe to print, cut after `most` lines.
    fn differences(&self, row: &ComparedCase, most: usize) -> Vec<Difference> {
        let texts = self.texts(row);
        let Some(((first, base), others)) = texts.split_first() else {
            return Vec::new();
        };
        let difference = |(other, text): &(usize, &str)| {
            let (old, new) = (letter(*first), letter(*other));
            let mut lines: Vec<String> = diff::unified(base, text, &old, &new)
                .lines()
                .map(visible)
                .collect();
            if lines.len() > most {
                let more = lines.len() - most;
                lines.truncate(most);
                lines.push(format!("… {more} more lines"));
            }
            Difference { old, new, lines }
        };
        let differences = others.iter().map(difference);
        differences.filter(|one| !one.lines.is_empty()).collect()
    }

    /// The result of a case at a subject, as the text of a table cell.
    fn cell(&self, subject: usize, case: &str) -> String {
        let told = self.told(subject, case);
        told.map_or_else(
            || "-".to_owned(),
            |told| terminal::told_in_words(self, subject, told),
        )
    }

    /// The transcripts to compare for a case: that of the first subject in each group, with the index of the subject.
    pub fn texts(&self, row: &ComparedCase) -> Vec<(usize, &str)> {
        let mut shown: Vec<usize> = Vec::new();
        let mut texts = Vec::new();
        for (subject, group) in row.groups.iter().enumerate() {
            let Some(group) = group else { continue };
            if shown.contains(group) {
                continue;
            }
            shown.push(*group);
            let text = self
                .told(subject, &row.case)
                .and_then(|told| told.text.as_deref());
            texts.extend(text.map(|text| (subject, text)));
        }
        texts
    }
}

/// The difference between the answers of two subjects.
struct Difference {
    old: String,
    new: String,
    lines: Vec<String>,
}

fn spread(account: &Account) -> BTreeMap<ClauseId, usize> {
    let mut spread = BTreeMap::new();
    for clause in account.cases.values().flat_map(|told| told.findings.keys()) {
        *spread.entry(clause.clone()).or_default() += 1;
    }
    spread
}

fn row(accounts: &[Account], case: &str) -> ComparedCase {
    let told: Vec<Option<&Told>> = accounts.iter().map(|account| account.cases.get(case)).collect();
    let groups = grouped(&told, Told::is_told_as);
    // A subject that cannot play a case does not count as different from one that can.
    let judged = told
        .iter()
        .map(|one| one.filter(|told| told.outcome == ComparedOutcome::Judged));
    let verdicts = grouped(&judged.collect::<Vec<_>>(), Told::is_judged_as);
    let count = |groups: &[Option<usize>]| groups.iter().flatten().collect::<BTreeSet<_>>().len();
    let agreement = if count(&verdicts) > 1 {
        Agreement::JudgedApart
    } else if verdicts.iter().any(Option::is_none) {
        Agreement::Missing
    } else if count(&groups) > 1 {
        Agreement::JudgedAlike
    } else {
        Agreement::Alike
    };
    let odd = match agreement {
        Agreement::JudgedApart => odd_one(&verdicts),
        Agreement::JudgedAlike => odd_one(&groups),
        Agreement::Alike | Agreement::Missing => None,
    };
    ComparedCase {
        case: case.to_owned(),
        purpose: told
            .iter()
            .flatten()
            .next()
            .map_or_else(String::new, |told| told.purpose.clone()),
        groups,
        agreement,
        odd,
    }
}

/// Puts results that are the same into one group. Groups are numbered in the order in which they first occur.
fn grouped(told: &[Option<&Told>], same: fn(&Told, &Told) -> bool) -> Vec<Option<usize>> {
    let mut firsts: Vec<&Told> = Vec::new();
    let mut groups = Vec::new();
    for one in told {
        let group = one.map(|told| {
            let known = firsts.iter().position(|first| same(first, told));
            known.unwrap_or_else(|| {
                firsts.push(told);
                firsts.len() - 1
            })
        });
        groups.push(group);
    }
    groups
}

/// The only subject that is alone in its group while all others share one.
fn odd_one(groups: &[Option<usize>]) -> Option<usize> {
    if groups.len() < 3 || groups.iter().any(Option::is_none) {
        return None;
    }
    (0..groups.len()).find(|&at| {
        let mut others = groups
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, group)| group);
        let Some(first) = others.next() else { return false };
        groups.get(at) != Some(first) && others.all(|group| group == first)
    })
}

impl Account {
    /// What all cases of the account show about a clause.
    pub fn standing(&self, clause: &ClauseId) -> Standing {
        let found: Vec<(Verdict, bool)> = self
            .cases
            .values()
            .filter_map(|told| Some((*told.findings.get(clause)?, told.is_whole)))
            .collect();
        if let Some((worst, is_whole)) = found.iter().copied().max() {
            let times = found.iter().filter(|(verdict, _)| *verdict == worst).count();
            return if is_whole {
                Standing::Found(worst, times)
            } else {
                Standing::Violated(times)
            };
        }
        let held = self.cases.values().any(|told| told.held.contains(clause));
        if held { Standing::Held } else { Standing::Unseen }
    }
}

impl ClauseRow {
    /// Whether two subjects have different standings.
    fn differs(&self) -> bool {
        let mut rest = self.standings.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if others.iter().any(|other| !first.is_like(*other)) {
                return true;
            }
            rest = others;
        }
        false
    }
}

impl Standing {
    /// Whether the other standing agrees with this one. A clause that one of them has not seen is no difference.
    fn is_like(self, other: Standing) -> bool {
        match (self, other) {
            (Standing::Unseen, _) | (_, Standing::Unseen) => true,
            (Standing::Held, Standing::Held) | (Standing::Violated(_), Standing::Violated(_)) => true,
            (Standing::Found(one, _), Standing::Found(other, _)) => one == other,
            (Standing::Violated(_), Standing::Found(verdict, _))
            | (Standing::Found(verdict, _), Standing::Violated(_)) => verdict.is_deviation(),
            (Standing::Held, _) | (_, Standing::Held) => false,
        }
    }
}

/// The label of a subject in a table: `A`, `B`, …, then numbers once the letters are used up.
pub(crate) fn letter(at: usize) -> String {
    u8::try_from(at)
        .ok()
        .filter(|at| *at < 26)
        .map_or_else(|| (at + 1).to_string(), |at| char::from(b'A' + at).to_string())
}

#[cfg(test)]
mod tests;
