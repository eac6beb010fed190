//! The format of a file of known deviations, for people who write one: `stopcheck explain known`.

use std::fmt::Write as _;

use super::PACKS;
use crate::report::text::fold;

/// The width of the column of keys.
const LABEL: usize = 10;

/// The keys of an entry, each with its meaning.
const KEYS: [(&str, &str); 9] = [
    ("clause", "covers the deviations of this clause, in any case"),
    (
        "case",
        "covers the deviations in the cases whose name matches, of any clause; `*` stands for any text",
    ),
    (
        "cause",
        "covers the deviations of this clause, and those of other clauses that only follow from it. Which these are \
         depends on what else was played, so it cannot be used with --fail-fast",
    ),
    ("reason", "why the deviation is accepted; required"),
    ("link", "where more is written about it, for instance an issue"),
    (
        "expires",
        "the last day on which the deviation is accepted, as 2027-01-31, by UTC",
    ),
    (
        "versions",
        "the versions of the endpoint that the entry applies to, as [\"5.2.*\"]. The version is that of \
         --endpoint-version, or of [endpoint] in the file",
    ),
    (
        "verdict",
        "\"warn\" covers warnings only: if the clause fails one day, that is new. Without it failures and warnings are \
         covered. What fails because of --min-confidence counts as the warning that it is without",
    ),
    (
        "phase",
        "the phase whose cases show the deviation, if no named case does: coverage, wire, concurrent or random. It \
         says when the entry is gone, and changes nothing of what is covered",
    ),
];

/// The complete description of the format, with an example at the end.
pub fn explain(width: usize) -> String {
    let width = width.max(64);
    let mut out = String::new();
    let mut paragraph = |text: &str| {
        for line in fold(text, width) {
            let _ = writeln!(out, "{line}");
        }
        out.push('\n');
    };
    paragraph(
        "Known deviations: what is accepted of an endpoint for now. They are played and counted, and do not fail the \
         run. A file is TOML with one [[deviation]] for each, which names one of clause, case and cause.",
    );
    paragraph(
        "A finding is known if an entry covers it. Findings are compared one by one: another finding of the same case \
         or clause that no entry covers is new. An entry that has expired covers nothing.",
    );
    paragraph(
        "An entry is gone if it covers nothing, although all that shows it was played and judged: for a clause or a \
         cause all named cases (or those of its phase), of which those that list the clause were judged; for a case \
         all cases that match. What was left out, cut by the time limit, unsupported or inconclusive says nothing, and \
         what comes from a seed (concurrent, random) is never gone. A gone or expired entry fails the run, and the \
         report shows what to delete.",
    );
    for (key, meaning) in KEYS {
        for (at, line) in fold(meaning, width - LABEL - 2).into_iter().enumerate() {
            let label = if at == 0 { key } else { "" };
            let _ = writeln!(out, "  {label:<LABEL$}{line}");
        }
    }
    out.push('\n');
    for line in [
        "stopcheck run --known known.toml            judges what is new",
        "stopcheck run --known-update known.toml     also writes the file; new entries lack a reason",
        "stopcheck explain moto@5.2.5 > known.toml   a pack as a file of your own",
    ] {
        let _ = writeln!(out, "  {line}");
    }
    let packs: Vec<&str> = PACKS.iter().map(|pack| pack.name).collect();
    let _ = write!(
        out,
        "\nPacks for --known: {}\n\nAn example\n\n{EXAMPLE}",
        packs.join(", ")
    );
    out
}

/// A file with every kind of entry.
const EXAMPLE: &str = r#"[endpoint]
name = "my-mock"
version = "1.4.0"

[[deviation]]
clause = "ERR-09"
reason = "a terminated instance can still be stopped"
link = "https://github.com/me/my-mock/issues/12"
expires = "2027-06-30"

[[deviation]]
case = "hibernate/*"
reason = "hibernation is not implemented"
versions = ["1.4.*"]

[[deviation]]
cause = "AUT-07"
reason = "signatures are not verified"
"#;

#[cfg(test)]
mod tests {
    use super::super::file::ENTRY_KEYS;
    use super::*;
    use crate::contract::{self, Edition};
    use crate::report::known::{KnownFile, MissingReasons, load};

    #[test]
    fn every_key_is_explained_and_the_example_is_without_mistakes() {
        assert_eq!(KEYS.map(|(key, _)| key), ENTRY_KEYS);
        let file = KnownFile {
            name: "example",
            text: EXAMPLE,
            missing_reasons: MissingReasons::Refused,
        };
        let known = load(&[file], &contract::embedded(Edition::Current), &[], None);
        assert_eq!(known.map(|known| known.entries().len()), Ok(3));
        let text = explain(80);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("moto@5.2.5"), "{text}");
    }
}
