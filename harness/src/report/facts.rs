//! What several reports say of a cause, in the same words.

use crate::contract::{Clause, Contract, Level};
use crate::journal::Observed;
use crate::report::tally::{Cause, Causes, Found, ReviewedEntry, Standing, Tally};
use crate::report::text::plural;
use crate::verdict::Verdict;
use crate::words;

/// A source of a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceLink {
    /// The citation, for instance `R14`.
    pub(crate) text: String,
    /// The title of the source; empty if the citation says everything.
    pub(crate) title: String,
    /// The address, if it is public.
    pub(crate) url: Option<String>,
}

/// The sources of a clause, in the order of the contract.
pub(crate) fn sources(clause: &Clause, contract: &Contract) -> Vec<SourceLink> {
    let link = |text: &String| SourceLink {
        text: text.clone(),
        title: contract
            .source(text)
            .map_or_else(String::new, |source| source.title.clone()),
        url: contract.url(text).filter(|url| is_web_address(url)),
    };
    clause.sources.iter().map(link).collect()
}

/// Whether a browser opens the address as a page, and does not execute it.
pub(crate) fn is_web_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// What became of an entry of the known deviations; continues the name of what it covers.
pub(crate) fn standing_of_known(one: &ReviewedEntry) -> String {
    match (&one.entry.expires, one.standing) {
        (Some(last), _) if one.expired => format!("expired after {last}"),
        (_, Standing::Deviates) => format!("deviates in {}", plural(one.findings, "finding")),
        (_, Standing::Gone) => "deviates no more".to_owned(),
        (_, Standing::NotJudged) => "was not judged".to_owned(),
    }
}

/// The causes with this verdict, those that were seen in most cases first.
pub(crate) fn most_common_first<'c, 'a>(causes: &'c Causes<'a>, verdict: Verdict) -> Vec<&'c Cause<'a>> {
    let mut causes: Vec<_> = causes
        .all()
        .iter()
        .filter(|cause| cause.verdict == verdict)
        .collect();
    causes.sort_by_cached_key(|cause| std::cmp::Reverse(cause.cases().len()));
    causes
}

/// Where a cause was seen: `in 4 cases`.
pub(crate) fn extent(cause: &Cause<'_>, tally: &Tally) -> String {
    let first = cause.groups.first().map(|group| group.first);
    if let Some((times, of)) = first.and_then(|first| first.plays) {
        return format!("in {times} of {of} plays");
    }
    let seen = first.filter(|_| cause.cases().iter().all(|case| case.starts_with("random/")));
    match seen.map_or(0, |found| found.seen) {
        0 => format!("in {}", plural(cause.cases().len(), "case")),
        seen => format!("in {seen} of {} random scripts", tally.counts().scripts),
    }
}

/// The overlapping calls that a finding shows, one line each, in an ASCII timeline.
pub(crate) fn timeline(found: &Found) -> Vec<String> {
    let histories = found.observed.iter().filter_map(|observed| match observed {
        Observed::History { calls } => Some(calls),
        _ => None,
    });
    histories.flat_map(words::timeline).collect()
}

/// A sentence of the contract in pieces; those that are marked stand between backticks.
pub(crate) fn with_code(text: &str) -> Vec<(bool, String)> {
    let pieces: Vec<&str> = text.split('`').collect();
    match pieces.len() % 2 {
        // A backtick without another one is only a character.
        0 => vec![(false, text.to_owned())],
        _ => pieces
            .into_iter()
            .enumerate()
            .map(|(at, piece)| (at % 2 == 1, piece.to_owned()))
            .filter(|(_, piece)| !piece.is_empty())
            .collect(),
    }
}

/// Why a clause does not fail a run, in a word.
pub(crate) fn why_it_only_warns(clause: &Clause) -> &'static str {
    match clause.level {
        Level::May | Level::Should => clause.level.word(),
        Level::Must | Level::MustNot if !clause.decides() => clause.confidence.word(),
        Level::Must | Level::MustNot => "minor",
    }
}

/// The verdicts of causes, the worst first, with a heading and a sentence about each.
pub(crate) const CLASSES: [(Verdict, &str, &str); 3] = [
    (
        Verdict::Fail,
        "Fails the run",
        "Requirements that Amazon documents, or that its recorded answers show.",
    ),
    (
        Verdict::Warn,
        "Warnings",
        "They do not fail the run unless --strict is given: a SHOULD or MAY; a requirement that is inferred or \
         contradicted, or known of another action only (sibling); or a minor matter, for instance another wording.",
    ),
    (
        Verdict::Inconclusive,
        "Undecided",
        "Answers that can be explained either way. They decide nothing.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_stands_between_backticks_is_code() {
        let piece = |is_code, text: &str| (is_code, text.to_owned());
        assert_eq!(
            with_code("a `b` c"),
            [piece(false, "a "), piece(true, "b"), piece(false, " c")]
        );
        assert_eq!(with_code("`b`"), [piece(true, "b")]);
        assert_eq!(with_code("a ` b"), [piece(false, "a ` b")]);
    }

    #[test]
    fn a_source_without_a_public_page_is_no_link() {
        let mut contract = sample::contract();
        let clause = contract.clause(&"DRY-04".into()).cloned().expect("it is there");
        for source in &mut contract.sources {
            source.url = Some("javascript:alert(1)".to_owned());
        }
        let links = sources(&clause, &contract);
        assert_eq!(links.len(), clause.sources.len());
        assert!(links.iter().all(|link| link.url.is_none()), "{links:?}");
    }
}
