use super::*;
use crate::contract::{ClauseId, Edition, embedded};
use crate::journal::{
    CaseEnded, CaseStarted, Event, Finding, Fingerprint, Flaky, Judged, Obstacle, Outcome, Phase,
};

/// An account in which each case has these findings. A `!` before a clause makes it a warning; a `~` marks a finding
/// that did not recur every time.
fn account(name: &str, cases: &[(&str, &[&str])]) -> Account {
    let mut recorder = Recorder::new(name, "a test");
    for (index, (case, clauses)) in cases.iter().enumerate() {
        for event in told(case, index, clauses) {
            recorder.take(&event);
        }
    }
    recorder.finish()
}

fn told(case: &str, index: usize, clauses: &[&str]) -> Vec<Event> {
    let case = case.to_owned();
    let finding = |text: &&str| {
        let clause = text.trim_start_matches(['!', '~']);
        Finding {
            case: case.clone(),
            step: 1,
            clause: clause.into(),
            verdict: if text.starts_with('!') {
                Verdict::Warn
            } else {
                Verdict::Fail
            },
            expected: Vec::new(),
            observed: Vec::new(),
            circumstances: Vec::new(),
            exchange: None,
        }
    };
    let mut events = vec![
        Event::CaseStarted(CaseStarted {
            case: case.clone(),
            index,
            phase: Phase::Scenarios,
            draft: false,
            purpose: "Something.".to_owned(),
            clauses: Vec::new(),
            scenario: None,
        }),
        Event::Judged(Judged {
            case: case.clone(),
            step: 1,
            held: vec!["RSP-01".into()],
            findings: clauses.iter().map(finding).collect(),
            choices: Vec::new(),
        }),
        Event::CaseEnded(CaseEnded {
            case: case.clone(),
            outcome: Outcome::Judged {
                verdict: Verdict::Pass,
            },
        }),
    ];
    for text in clauses.iter().filter(|text| text.starts_with('~')) {
        let clause = ClauseId::from(text.trim_start_matches('~'));
        events.push(Event::Flaky(Flaky {
            case: case.clone(),
            clause: clause.clone(),
            fingerprint: Fingerprint::new(&clause, Verdict::Fail, &[]),
            times: 1,
            of: 2,
        }));
    }
    events
}

fn with_text(mut account: Account, case: &str, text: &str) -> Account {
    let told = account.cases.get_mut(case).expect("the test names cases");
    told.text = Some(text.to_owned());
    account
}

fn compared(accounts: Vec<Account>) -> Comparison {
    Comparison::of(accounts, &embedded(Edition::Current))
}

#[test]
fn the_odd_one_out_is_the_only_one_that_differs_from_all_others() {
    let apart = |a: &[&str], b: &[&str], c: &[&str]| {
        let accounts = [a, b, c].map(|clauses| account("x", &[("a/b", clauses)]));
        let comparison = compared(accounts.to_vec());
        comparison.rows.first().map(|row| (row.agreement, row.odd))
    };
    assert_eq!(apart(&[], &[], &[]), Some((Agreement::Alike, None)));
    assert_eq!(
        apart(&["STT-07"], &[], &[]),
        Some((Agreement::JudgedApart, Some(0)))
    );
    assert_eq!(
        apart(&[], &[], &["STT-07"]),
        Some((Agreement::JudgedApart, Some(2)))
    );
    // All three differ: none is the odd one out.
    assert_eq!(
        apart(&["STT-07"], &["ERR-09"], &[]),
        Some((Agreement::JudgedApart, None))
    );
    // The verdict counts, too.
    assert_eq!(
        apart(&["!STT-07"], &["STT-07"], &["STT-07"]),
        Some((Agreement::JudgedApart, Some(0)))
    );
    // Of two subjects, none is the odd one out.
    let two = compared(vec![
        account("x", &[("a/b", &["STT-07"])]),
        account("y", &[("a/b", &[])]),
    ]);
    assert_eq!(two.rows.first().and_then(|row| row.odd), None);
}

#[test]
fn what_is_answered_differently_and_judged_alike_is_told_apart_from_the_rest() {
    let plain = || account("x", &[("a/b", &[]), ("c/d", &["STT-07"])]);
    let accounts = vec![
        with_text(plain(), "a/b", "< 200\n"),
        with_text(plain(), "a/b", "< 200\n"),
        with_text(plain(), "a/b", "< 400\n"),
    ];
    let comparison = compared(accounts);
    let [first, second] = comparison.rows.as_slice() else {
        unreachable!("two cases were told: {:?}", comparison.rows)
    };
    assert_eq!((first.agreement, first.odd), (Agreement::JudgedAlike, Some(2)));
    assert_eq!(first.groups, [Some(0), Some(0), Some(1)]);
    assert_eq!(second.agreement, Agreement::Alike);
    assert_eq!(comparison.texts(first), [(0, "< 200\n"), (2, "< 400\n")]);
}

#[test]
fn a_case_that_one_has_not_played_is_missing() {
    let comparison = compared(vec![
        account("x", &[("a/b", &[]), ("c/d", &[])]),
        account("y", &[("c/d", &[])]),
    ]);
    assert_eq!(comparison.count(Agreement::Missing), 1);
    assert_eq!(comparison.count(Agreement::Alike), 1);
}

#[test]
fn clauses_are_listed_where_the_verdicts_about_them_differ() {
    let comparison = compared(vec![
        account("x", &[("a/b", &["STT-07"]), ("c/d", &["STT-07", "ERR-09"])]),
        account("y", &[("a/b", &[]), ("c/d", &["ERR-09", "RSP-01"])]),
    ]);
    let told: Vec<(&str, &[Standing])> = comparison
        .clauses
        .iter()
        .map(|row| (row.id.as_str(), row.standings.as_slice()))
        .collect();
    // A clause that the other subject has not seen is no difference, and both violate ERR-09.
    assert_eq!(
        told,
        [(
            "RSP-01",
            [Standing::Held, Standing::Found(Verdict::Fail, 1)].as_slice()
        )]
    );
}

#[test]
fn what_moved_is_broken_fixed_flaky_or_the_same() {
    let before = account(
        "old",
        &[("a/b", &["STT-07", "!ERR-09", "DRY-04"]), ("c/d", &["RSP-02"])],
    );
    let now = account(
        "new",
        &[("a/b", &["STT-07", "ERR-09", "RSP-05"]), ("c/d", &["~RSP-02"])],
    );
    let since = Since::of(&[before], &now);
    let told: Vec<(FindingMovement, &str)> = since
        .moved
        .iter()
        .map(|one| (one.turn, one.clause.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (FindingMovement::Broken, "ERR-09"),
            (FindingMovement::Broken, "RSP-05"),
            (FindingMovement::Fixed, "DRY-04"),
            (FindingMovement::Flaky, "RSP-02"),
            (FindingMovement::Same, "STT-07"),
        ]
    );
    assert!(since.is_worse());
}

#[test]
fn what_older_runs_do_not_agree_about_is_flaky() {
    let with = account("1", &[("a/b", &["STT-07"])]);
    let without = account("2", &[("a/b", &[])]);
    for before in [[with.clone(), without.clone()], [without.clone(), with.clone()]] {
        for now in [&with, &without] {
            let since = Since::of(&before, now);
            assert_eq!(
                since.moved.first().map(|one| one.turn),
                Some(FindingMovement::Flaky)
            );
            assert!(!since.is_worse());
        }
    }
}

#[test]
fn what_a_stranger_answered_does_no_harm_to_any_reader() {
    let evil = "<script>alert(1)</script>\u{1b}[31m\u{202e}|`@all`";
    let mut one = with_text(account(evil, &[("a/b", &["STT-07"])]), "a/b", "< 200\n");
    one.server = Some(evil.to_owned());
    let other = with_text(
        account("y", &[("a/b", &[])]),
        "a/b",
        &format!("| {evil}\n| ```\n"),
    );
    let comparison = compared(vec![one, other]);
    let mut terminal = Vec::new();
    let look = terminal::ComparisonStyle {
        width: 120,
        verbose: true,
    };
    terminal::comparison(&comparison, look, &mut terminal).expect("a vector takes everything");
    let mut text = Vec::new();
    markdown::comparison(&comparison, &mut text).expect("a vector takes everything");
    let mut html = Vec::new();
    page::comparison(&comparison, "current", &mut html).expect("a vector takes everything");
    for (what, bytes) in [("terminal", &terminal), ("Markdown", &text), ("HTML", &html)] {
        let told = String::from_utf8_lossy(bytes);
        assert!(told.contains("alert"), "{what} shows what was said");
        assert!(
            !told.contains(['\u{1b}', '\u{202e}']),
            "{what} has no control characters"
        );
    }
    let scripts = String::from_utf8_lossy(&html).matches("<script").count();
    assert_eq!(scripts, 1, "a page runs nothing but its filter");
    let text = String::from_utf8_lossy(&text);
    let outside: String = text.split("````").step_by(2).collect();
    assert!(
        !outside.contains("<script") && !outside.contains("@all"),
        "{outside}"
    );
}

#[test]
fn who_cannot_play_a_case_is_not_told_apart_from_who_does() {
    let unsupported = |name: &str| {
        let mut account = account(name, &[("a/b", &[])]);
        for told in account.cases.values_mut() {
            told.outcome = ComparedOutcome::Unsupported(Obstacle::NoSpotRequest);
        }
        account
    };
    let plain = |clauses: &[&str]| account("x", &[("a/b", clauses)]);
    let first = |accounts: Vec<Account>| {
        let comparison = compared(accounts);
        let row = comparison.rows.first().map(|row| (row.agreement, row.odd));
        (row, comparison.compared())
    };
    assert_eq!(
        first(vec![plain(&[]), plain(&[]), unsupported("z")]),
        (Some((Agreement::Missing, None)), 1)
    );
    // The other two differ, regardless of the third.
    assert_eq!(
        first(vec![plain(&["STT-07"]), plain(&[]), unsupported("z")]),
        (Some((Agreement::JudgedApart, None)), 1)
    );
    assert_eq!(
        first(vec![plain(&["STT-07"]), unsupported("y")]),
        (Some((Agreement::Missing, None)), 0)
    );
}

#[test]
fn of_the_clauses_of_a_case_those_come_first_that_are_rare() {
    let one = account(
        "x",
        &[
            ("a/b", &["RSP-02", "STT-07", "!ERR-09"]),
            ("c/d", &["RSP-02"]),
            ("e/f", &["RSP-02"]),
        ],
    );
    let comparison = compared(vec![one.clone(), account("y", &[("a/b", &[])])]);
    let told = one.cases.get("a/b").expect("the case was told");
    assert_eq!(comparison.guilty(0, told), [&"STT-07".into(), &"RSP-02".into()]);
}

#[test]
fn a_golden_is_compared_by_what_was_violated() {
    let contract = embedded(Edition::Current);
    let golden = |violated: &[&str]| {
        let violated: Vec<ClauseId> = violated.iter().map(|id| (*id).into()).collect();
        let mut account = account("golden", &[]);
        let told = Told::of_golden(&contract, "stop/running", "< 200\n".to_owned(), &violated);
        account.cases.insert("stop/running".to_owned(), told);
        account
    };
    let live = |clauses: &[&str]| {
        with_text(
            account("live", &[("stop/running", clauses)]),
            "stop/running",
            "< 200\n",
        )
    };
    let first = |one: Account, other: Account| {
        let comparison = compared(vec![one, other]);
        (
            comparison.rows.first().map(|row| row.agreement),
            comparison.clauses.len(),
        )
    };
    // A golden does not record how severe a violation is.
    for clauses in [["STT-07"], ["!STT-07"]] {
        assert_eq!(
            first(golden(&["STT-07"]), live(&clauses)),
            (Some(Agreement::Alike), 0)
        );
    }
    assert_eq!(
        first(golden(&[]), live(&["!STT-07"])).0,
        Some(Agreement::JudgedApart)
    );
    assert_eq!(
        first(golden(&["RSP-01"]), live(&[])),
        (Some(Agreement::JudgedApart), 1)
    );
}
