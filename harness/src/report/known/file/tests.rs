use std::collections::BTreeSet;

use super::*;
use crate::contract::{self, Edition};
use crate::verdict::Verdict;

use super::super::Deviation;

fn read(text: &str, version: Option<&str>) -> Result<KnownDeviations, Vec<String>> {
    read_as(text, version, MissingReasons::Refused)
}

fn read_as(
    text: &str,
    version: Option<&str>,
    missing_reasons: MissingReasons,
) -> Result<KnownDeviations, Vec<String>> {
    let file = KnownFile {
        name: "known.toml",
        text,
        missing_reasons,
    };
    let known = load(
        &[file],
        &contract::embedded(Edition::Current),
        &["mine/one"],
        version,
    );
    known.map_err(|mistakes| mistakes.iter().map(KnownMistake::to_string).collect())
}

#[track_caller]
fn only_mistake(text: &str) -> String {
    let mistakes = read(text, None).expect_err("there is a mistake");
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    mistakes.into_iter().next().unwrap_or_default()
}

/// Whether the entries cover a deviation.
fn covers(known: &KnownDeviations, case: &str, clause: &str, verdict: Verdict, cause: Option<&str>) -> bool {
    let (clause, cause) = (ClauseId::from(clause), cause.map(ClauseId::from));
    let deviation = Deviation {
        case,
        clause: &clause,
        verdict,
        cause: cause.as_ref(),
    };
    known.find(deviation, "2026-12-01").is_some()
}

const WHOLE: &str = r#"# Of moto.
[endpoint]
name = "moto"
version = "5.2.5"

[[deviation]]
clause = "ERR-09"
reason = "a terminated instance is stopped"
link = "https://example.org/1"
expires = 2027-01-31
versions = ["5.2.*"]

[[deviation]]
case = "hibernate/*"
reason = "no hibernation"

[[deviation]]
cause = "AUT-07"
reason = "signatures are not verified"
"#;

#[test]
fn an_entry_covers_what_it_names_and_nothing_else() {
    let known = read(WHOLE, None).expect("there is no mistake");
    let fail = Verdict::Fail;
    assert!(covers(&known, "stop/terminated", "ERR-09", fail, None));
    assert!(covers(&known, "random/7", "ERR-09", Verdict::Warn, None));
    assert!(!covers(&known, "stop/terminated", "STT-07", fail, Some("ERR-09")));
    assert!(covers(&known, "hibernate/false", "STT-07", fail, None));
    assert!(!covers(&known, "stop/running", "STT-07", fail, None));
    assert!(covers(&known, "auth/bad", "AUT-15", fail, Some("AUT-07")));
    assert!(covers(&known, "auth/bad", "AUT-07", fail, Some("AUT-01")));
    assert!(!covers(&known, "auth/bad", "AUT-15", fail, None));
    for decides_nothing in [Verdict::Inconclusive, Verdict::Pass] {
        assert!(!covers(
            &known,
            "stop/terminated",
            "ERR-09",
            decides_nothing,
            None
        ));
    }
    let lines: Vec<usize> = known.entries().iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [6, 13, 17]);
}

#[test]
fn an_entry_for_warnings_covers_no_failure_of_a_clause_that_decides() {
    let known = read(
        "[[deviation]]\nclause = \"PRO-02\"\nverdict = \"warn\"\nreason = \"a\"\n\
         [[deviation]]\nclause = \"IDM-14\"\nverdict = \"warn\"\nreason = \"b\"\n\
         [[deviation]]\nclause = \"ERR-09\"\nverdict = \"warn\"\nreason = \"c\"\n",
        None,
    )
    .expect("there is no mistake");
    assert!(covers(&known, "a", "ERR-09", Verdict::Warn, None));
    assert!(!covers(&known, "a", "ERR-09", Verdict::Fail, None));
    // It can fail only because of --min-confidence.
    assert!(covers(&known, "a", "IDM-14", Verdict::Fail, None));
}

#[test]
fn an_entry_expires_after_its_last_day() {
    let known = read(WHOLE, None).expect("there is no mistake");
    let entry = known.entries().first().expect("there are three");
    assert!(!entry.is_expired("2027-01-31"));
    assert!(entry.is_expired("2027-02-01"));
    assert_eq!(
        only_mistake("[[deviation]]\nclause = \"ERR-09\"\nreason = \"a\"\nexpires = \"2027-02-30\"\n"),
        "known.toml: line 4: \"2027-02-30\" is not a date: write the last day on which the deviation is accepted as \
         YYYY-MM-DD"
    );
    assert!(
        only_mistake("[[deviation]]\nclause = \"ERR-09\"\nreason = \"a\"\nexpires = 2027\n")
            .contains("an integer")
    );
}

#[test]
fn an_entry_for_some_versions_needs_to_know_the_version() {
    let text = WHOLE.replace("version = \"5.2.5\"\n", "");
    assert_eq!(
        only_mistake(&text),
        "known.toml: line 5: ERR-09 is for some versions only, and the version of the endpoint is not known: give \
         --endpoint-version, or write it in the file as [endpoint] version"
    );
    for (version, entries) in [("5.2.5", 3), ("5.2.9", 3), ("5.3.0", 2)] {
        let known = read(&text, Some(version)).expect("the version is known");
        assert_eq!(known.entries().len(), entries, "{version}");
    }
    let known = read(WHOLE, Some("5.1.0")).expect("the version is known");
    assert_eq!(known.entries().len(), 2, "the option comes before the file");
}

#[test]
fn a_mistake_has_its_line_and_says_what_to_do() {
    for (text, mistake) in [
        (
            "[[deviation]]\nreason = \"a\"\n",
            "line 1: the entry names nothing: give it one of clause, case and cause",
        ),
        (
            "\n[[deviation]]\nclause = \"ERR-09\"\ncase = \"stop/*\"\nreason = \"a\"\n",
            "line 2: the entry names clause and case: keep one of them, and write an entry for each other",
        ),
        (
            "[[deviation]]\nclause = \"ERR-09\"\n",
            "line 1: ERR-09 has no reason: write in \"reason\" why it is accepted, or delete the entry",
        ),
        (
            "[[deviation]]\nclause = \"ERR-09\"\nreason = \" \\t\"\n",
            "line 1: ERR-09 has no reason: write in \"reason\" why it is accepted, or delete the entry",
        ),
        (
            "[[deviation]]\nclause = \"ERR-099\"\nreason = \"a\"\n",
            "line 2: there is no clause \"ERR-099\" (perhaps ERR-09 or ERR-01); stopcheck list --clauses names all of \
             them",
        ),
        (
            "[[deviation]]\ncase = \"stop/terminatd\"\nreason = \"a\"\n",
            "line 2: no case matches \"stop/terminatd\" (perhaps stop/terminated); stopcheck list names the cases",
        ),
        (
            "[[deviation]]\nclause = \"ERR-09\"\nreasn = \"a\"\nreason = \"b\"\n",
            "line 3: unknown key \"reasn\" in [[deviation]] (perhaps reason); its keys are clause, case, cause, reason, \
             link, expires, versions, verdict, phase",
        ),
        (
            "[[deviations]]\nclause = \"ERR-09\"\n",
            "line 1: unknown key \"deviations\" in the file (perhaps deviation); its keys are endpoint, deviation",
        ),
        (
            "[endpoint]\nversoin = \"1\"\n",
            "line 2: unknown key \"versoin\" in [endpoint] (perhaps version); its keys are name, version",
        ),
        (
            "deviation = []\n",
            "line 1: \"deviation\" is a list, write each entry below a line [[deviation]]",
        ),
        (
            "[[deviation]]\nclause = \"ERR-09\"\nreason = \"a\"\nverdict = \"fail\"\n",
            "line 4: unknown verdict \"fail\"; write warn, or leave out the key",
        ),
        (
            "[[deviation]]\nclause = \"ERR-09\"\nreason = \"a\"\n[[deviation]]\nclause = \"ERR-09\"\nreason = \"b\"\n",
            "line 4: ERR-09 is listed twice: delete this entry, or that in line 1",
        ),
    ] {
        assert_eq!(only_mistake(text), format!("known.toml: {mistake}"));
    }
    assert!(only_mistake("[[deviation]]\nclause = \n").starts_with("known.toml: line 2: "));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "[[deviation]]\nclause = \"ERR-099\"\nlinq = \"a\"\n[[deviation]]\ncase = \"stop/running\"\n";
    assert_eq!(read(text, None).map_err(|mistakes| mistakes.len()).err(), Some(3));
}

#[test]
fn a_case_may_be_generated_or_come_from_a_journal() {
    for pattern in [
        "stop/running",
        "wire/*",
        "coverage/*",
        "coverage/3-wise/123",
        "concurrent/7",
        "concurrent/*",
        "random/123456",
        "random/16/dry-04",
        "random/*",
        "mine/*",
    ] {
        let text = format!("[[deviation]]\ncase = \"{pattern}\"\nreason = \"a\"\n");
        assert!(read(&text, None).is_ok(), "{pattern}");
    }
    assert!(read("[[deviation]]\ncase = \"random/a\"\nreason = \"a\"\n", None).is_err());
    assert!(read("[[deviation]]\ncase = \"yours/*\"\nreason = \"a\"\n", None).is_err());
}

fn new(cause: &str) -> NewKnown {
    NewKnown {
        cause: cause.into(),
        warnings_only: false,
        phase: None,
        comment: String::new(),
    }
}

#[test]
fn an_update_keeps_what_people_wrote() {
    let text = "# Known deviations.\n# Ask before adding.\n\n# the old one\n[[deviation]]\nclause = \"ERR-09\"\nreason = \
                'first'\n\n# kept\n[[deviation]] # here\nreason = \"second\" # why\nclause = \"STT-07\"\nexpires = \
                2027-01-31\n# the end\n";
    let added = [NewKnown {
        warnings_only: true,
        phase: Some(Phase::Coverage),
        comment: "WARN in coverage/1: observed".to_owned(),
        ..new("PRO-02")
    }];
    let updated = update("known.toml", Some(text), &BTreeSet::from([0]), &added, None).expect("it is TOML");
    insta::assert_snapshot!(updated.text, @r#"
    # Known deviations.
    # Ask before adding.

    # kept
    [[deviation]] # here
    reason = "second" # why
    clause = "STT-07"
    expires = 2027-01-31

    # WARN in coverage/1: observed
    [[deviation]]
    cause = "PRO-02"
    verdict = "warn"
    phase = "coverage"
    reason = ""
    # the end
    "#);
    assert_eq!((updated.kept, updated.unexplained), (1, 1));
    let mistakes = read(&updated.text, None).expect_err("a reason is missing");
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert!(
        mistakes
            .iter()
            .all(|mistake| mistake.contains("cause PRO-02 has no reason"))
    );
    assert!(read_as(&updated.text, None, MissingReasons::Allowed).is_ok());
}

#[test]
fn an_update_without_changes_changes_nothing() {
    let updated = update("known.toml", Some(WHOLE), &BTreeSet::new(), &[], None).expect("it is TOML");
    assert_eq!(
        (updated.text.as_str(), updated.kept, updated.unexplained),
        (WHOLE, 3, 0)
    );
}

#[test]
fn a_new_file_says_where_its_format_is_documented() {
    let updated = update(
        "known.toml",
        None,
        &BTreeSet::new(),
        &[new("ERR-09"), new("STT-07")],
        Some("5.2.5"),
    );
    insta::assert_snapshot!(updated.expect("it is TOML").text, @r#"
    # Known deviations: `stopcheck explain known` documents the format.

    [endpoint]
    version = "5.2.5"

    [[deviation]]
    cause = "ERR-09"
    reason = ""

    [[deviation]]
    cause = "STT-07"
    reason = ""
    "#);
    let empty = update("known.toml", None, &BTreeSet::new(), &[], None).expect("it is TOML");
    assert!(read(&empty.text, None).is_ok_and(|known| known.is_empty()));
    let one = update(
        "known.toml",
        Some(&empty.text),
        &BTreeSet::new(),
        &[new("ERR-09")],
        None,
    );
    assert!(one.is_ok_and(|one| one.text.starts_with("# Known deviations")));
}

#[test]
fn the_entry_to_delete_is_written_as_in_the_file() {
    let known = read(WHOLE, None).expect("there is no mistake");
    let entry = known.entries().first().expect("there are three");
    assert_eq!(
        entry.to_toml(),
        "[[deviation]]\nclause = \"ERR-09\"\nreason = \"a terminated instance is stopped\"\nlink = \
         \"https://example.org/1\"\nexpires = \"2027-01-31\"\n"
    );
}
