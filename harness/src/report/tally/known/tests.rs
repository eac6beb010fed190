use super::*;
use crate::journal::{AnswerSummary, BodySummary};
use crate::report::known::{KnownFile, MissingReasons, load};
use crate::report::sample::{self, A, B, SampleCase};

const TODAY: &str = "2026-12-01";

fn known(text: &str) -> KnownDeviations {
    let file = KnownFile {
        name: "known.toml",
        text,
        missing_reasons: MissingReasons::Refused,
    };
    load(&[file], &sample::contract(), &[], None).expect("there is no mistake")
}

fn reviewed(cases: Vec<SampleCase<'_>>, text: &str) -> Tally {
    let contract = sample::contract();
    let mut tally = Tally::new(&contract);
    sample::stream(cases).iter().for_each(|event| tally.take(event));
    tally.set_known(&known(text), &contract, TODAY);
    tally
}

fn standings(tally: &Tally) -> Vec<Standing> {
    let entries = tally
        .known()
        .map(|review| review.entries.as_slice())
        .unwrap_or_default();
    entries.iter().map(|reviewed| reviewed.standing).collect()
}

fn code(tally: &Tally) -> u8 {
    tally.exit_code(Policy::default())
}

/// A case with one finding of this clause.
fn deviating<'a>(name: &'a str, index: usize, clause: &'a str, verdict: Verdict) -> SampleCase<'a> {
    SampleCase {
        held: &[],
        findings: vec![sample::finding(
            name,
            clause,
            verdict,
            sample::stays_running(A),
            sample::seen(A, "stopping"),
        )],
        outcome: sample::judged(verdict),
        ..sample::good_case(name, index, &[])
    }
}

/// The other named cases of the contract, without findings.
fn others() -> Vec<SampleCase<'static>> {
    vec![
        sample::good_case("refuse/unknown", 1, &["ERR-02"]),
        sample::good_case("refuse/spot", 2, &["SPT-01"]),
    ]
}

const DRY_04: &str = "[[deviation]]\nclause = \"DRY-04\"\nreason = \"dry runs stop\"\n";

#[test]
fn what_is_known_decides_nothing_and_is_counted_apart() {
    let cases = || {
        vec![
            sample::bad_case("dry-run/valid", 0, A),
            sample::bad_case("dry-run/again", 1, B),
        ]
    };
    assert_eq!(code(&reviewed(cases(), "")), exit::FINDINGS);
    let tally = reviewed(cases(), DRY_04);
    assert_eq!(code(&tally), exit::CONFORMANT);
    assert_eq!(standings(&tally), [Standing::Deviates]);
    let (counts, clauses) = (tally.counts(), tally.clause_counts());
    assert_eq!((counts.findings.fail, counts.cases.fail, counts.known), (0, 0, 2));
    assert_eq!((clauses.failed, clauses.known), (0, 1));
    assert_eq!(
        tally.known_counts(),
        KnownCounts {
            failures: 2,
            warnings: 0,
            clauses: 1,
            cases: 2
        }
    );
    let causes = tally.causes();
    assert_eq!((causes.all().len(), causes.known().len()), (0, 1));
    assert!(tally.findings().all(|(_, found)| tally.known_as(found).is_some()));
}

#[test]
fn what_is_new_decides_beside_what_is_known() {
    let cases = vec![
        sample::bad_case("dry-run/valid", 0, A),
        deviating("refuse/unknown", 1, "ERR-02", Verdict::Fail),
    ];
    let tally = reviewed(cases, DRY_04);
    assert_eq!(code(&tally), exit::FINDINGS);
    let new: Vec<_> = tally
        .causes()
        .all()
        .iter()
        .map(|cause| cause.clause.to_string())
        .collect();
    assert_eq!(new, ["ERR-02"]);
    assert_eq!((tally.counts().cases.fail, tally.counts().known), (1, 1));
}

#[test]
fn another_clause_of_a_case_is_new_and_so_is_another_case_of_a_clause() {
    let both = |name| SampleCase {
        findings: ["DRY-01", "DRY-04"]
            .map(|clause| {
                let expected = sample::stays_running(A);
                sample::finding(name, clause, Verdict::Fail, expected, sample::seen(A, "stopping"))
            })
            .into(),
        ..deviating(name, 0, "DRY-04", Verdict::Fail)
    };
    let tally = reviewed(vec![both("dry-run/valid")], DRY_04);
    assert_eq!((code(&tally), tally.counts().findings.fail), (exit::FINDINGS, 1));
    let case = "[[deviation]]\ncase = \"dry-run/valid\"\nreason = \"dry runs stop\"\n";
    assert_eq!(
        code(&reviewed(vec![both("dry-run/valid")], case)),
        exit::CONFORMANT
    );
    let tally = reviewed(
        vec![both("dry-run/valid"), sample::bad_case("dry-run/again", 1, B)],
        case,
    );
    assert_eq!((code(&tally), tally.counts().findings.fail), (exit::FINDINGS, 1));
}

#[test]
fn a_warning_is_known_where_it_decides() {
    let warns = || vec![deviating("refuse/unknown", 0, "RSP-07", Verdict::Warn)];
    let strict = Policy { strict: true };
    assert_eq!(reviewed(warns(), "").exit_code(strict), exit::FINDINGS);
    let tally = reviewed(
        warns(),
        "[[deviation]]\nclause = \"RSP-07\"\nreason = \"no declaration\"\n",
    );
    assert_eq!(tally.exit_code(strict), exit::CONFORMANT);
    assert_eq!(
        (tally.counts().findings.warn, tally.known_counts().warnings),
        (0, 1)
    );
}

#[test]
fn an_entry_is_gone_if_all_that_shows_it_was_judged() {
    let gone = |cases: Vec<SampleCase<'_>>| {
        let tally = reviewed(cases, DRY_04);
        (code(&tally), standings(&tally))
    };
    let good = || sample::good_case("dry-run/valid", 0, &["DRY-01", "DRY-04"]);
    let with = |first: SampleCase<'static>| {
        let mut cases = others();
        cases.push(first);
        cases
    };
    assert_eq!(gone(with(good())), (exit::FINDINGS, vec![Standing::Gone]));
    let silent = (exit::CONFORMANT, vec![Standing::NotJudged]);
    // A case was left out that does not list the clause, but might show it.
    assert_eq!(gone(vec![good()]), silent);
    // Another case of the clause is inconclusive.
    let mut cases = with(good());
    cases.push(deviating("dry-run/again", 9, "DRY-04", Verdict::Inconclusive));
    assert_eq!(gone(cases), silent);
    // The case was judged without coming to the clause.
    assert_eq!(gone(with(SampleCase { held: &[], ..good() })), silent);
    let obstacle = || Outcome::Unsupported {
        obstacle: Obstacle::Refused {
            action: "RunInstances".into(),
            answer: AnswerSummary {
                status: 400,
                body: BodySummary::Empty,
            },
        },
    };
    let unsupported = |case: SampleCase<'static>| SampleCase {
        outcome: Some(obstacle()),
        ..case
    };
    assert_eq!(gone(with(unsupported(good()))), silent);
    // A case that is unsupported and not about the clause does not matter.
    let mut cases = vec![good(), sample::good_case("refuse/unknown", 1, &["ERR-02"])];
    cases.push(unsupported(sample::good_case("refuse/spot", 2, &["SPT-01"])));
    assert_eq!(gone(cases), (exit::FINDINGS, vec![Standing::Gone]));
}

#[test]
fn an_entry_for_a_case_is_gone_if_the_case_passed() {
    let case = "[[deviation]]\ncase = \"dry-run/*\"\nreason = \"dry runs stop\"\n";
    let tally = reviewed(vec![sample::good_case("dry-run/valid", 0, &["DRY-01"])], case);
    assert_eq!(
        (code(&tally), standings(&tally)),
        (exit::FINDINGS, vec![Standing::Gone])
    );
    let tally = reviewed(
        vec![deviating("dry-run/valid", 0, "DRY-01", Verdict::Inconclusive)],
        case,
    );
    assert_eq!(standings(&tally), [Standing::NotJudged]);
    assert_eq!(standings(&reviewed(others(), case)), [Standing::NotJudged]);
}

#[test]
fn an_expired_entry_covers_nothing_and_fails_the_run() {
    let text = |last: &str| format!("{DRY_04}expires = {last}\n");
    let tally = reviewed(vec![sample::bad_case("dry-run/valid", 0, A)], &text("2026-11-30"));
    assert_eq!((code(&tally), tally.counts().findings.fail), (exit::FINDINGS, 1));
    assert!(
        tally
            .known()
            .is_some_and(|review| review.entries.iter().all(ReviewedEntry::is_outdated))
    );
    let tally = reviewed(vec![sample::bad_case("dry-run/valid", 0, A)], &text(TODAY));
    assert_eq!(code(&tally), exit::CONFORMANT);
    let tally = reviewed(others(), &text("2026-11-30"));
    assert_eq!(code(&tally), exit::FINDINGS, "whether it was played or not");
}

#[test]
fn what_follows_from_a_known_clause_is_new_unless_its_cause_is_known() {
    // The same answer violates both clauses, and only DRY-04 fails in a case of its own.
    let events = || {
        let mut cases = vec![sample::bad_case("dry-run/valid", 0, A)];
        let wrong = |clause: &str| {
            let expected = sample::stays_running(A);
            sample::finding(
                "refuse/unknown",
                clause,
                Verdict::Fail,
                expected,
                sample::seen(A, "stopping"),
            )
        };
        cases.push(SampleCase {
            findings: vec![wrong("DRY-04"), wrong("SPT-01")],
            ..deviating("refuse/unknown", 1, "DRY-04", Verdict::Fail)
        });
        cases
    };
    let of_cause = |tally: &Tally| -> Vec<String> {
        let causes = tally.causes();
        let explained = causes
            .findings()
            .filter_map(|(_, found, by)| by.map(|_| found.clause.to_string()));
        explained.collect()
    };
    let tally = reviewed(events(), DRY_04);
    assert_eq!(of_cause(&tally), ["SPT-01"], "SPT-01 follows from DRY-04");
    assert_eq!(code(&tally), exit::FINDINGS);
    let new: Vec<_> = tally
        .causes()
        .all()
        .iter()
        .map(|cause| cause.clause.to_string())
        .collect();
    assert_eq!(new, ["SPT-01"]);
    let tally = reviewed(events(), &DRY_04.replace("clause", "cause"));
    assert_eq!(code(&tally), exit::CONFORMANT);
}

#[test]
fn what_is_unknown_becomes_one_entry_for_each_cause() {
    let contract = sample::contract();
    let cases = vec![
        sample::bad_case("dry-run/valid", 0, A),
        deviating("refuse/unknown", 1, "ERR-02", Verdict::Warn),
        deviating("refuse/spot", 2, "SPT-01", Verdict::Fail),
    ];
    let spot = "[[deviation]]\nclause = \"SPT-01\"\nreason = \"no Spot\"\n";
    let tally = reviewed(cases, spot);
    let unknown = |strict| tally.unknown(&known(spot), &contract, Policy { strict });
    let clauses = |new: &[NewKnown]| -> Vec<(String, bool)> {
        new.iter()
            .map(|new| (new.cause.to_string(), new.warnings_only))
            .collect()
    };
    assert_eq!(clauses(&unknown(false)), [("DRY-04".to_owned(), false)]);
    let strict = unknown(true);
    assert_eq!(
        clauses(&strict),
        [("DRY-04".to_owned(), false), ("ERR-02".to_owned(), true)]
    );
    let first = strict.first().expect("there are two");
    assert!(first.comment.starts_with("FAIL in dry-run/valid: "), "{first:?}");
    assert_eq!(first.phase, None);
}

#[test]
fn what_an_expired_entry_covers_is_not_added_again() {
    let expired = format!("{DRY_04}expires = 2026-11-30\n");
    let tally = reviewed(vec![sample::bad_case("dry-run/valid", 0, A)], &expired);
    let unknown = tally.unknown(&known(&expired), &sample::contract(), Policy::default());
    assert_eq!(unknown, []);
}

#[test]
fn a_run_in_which_all_is_known_has_tested_something() {
    let tally = reviewed(vec![sample::bad_case("dry-run/valid", 0, A)], DRY_04);
    assert_eq!(tally.counts().cases, ByVerdict::default());
    assert_eq!(code(&tally), exit::CONFORMANT);
}

#[test]
fn an_error_of_ours_is_not_hidden_by_what_is_known() {
    let mut events = sample::stream(vec![sample::bad_case("dry-run/valid", 0, A), others().remove(0)]);
    for event in &mut events {
        if let Event::CaseEnded(CaseEnded { case, outcome }) = event
            && case == "refuse/unknown"
        {
            *outcome = Outcome::Error {
                what: "could not connect".into(),
            };
        }
    }
    let contract = sample::contract();
    let mut tally = Tally::new(&contract);
    events.iter().for_each(|event| tally.take(event));
    tally.set_known(&known(DRY_04), &contract, TODAY);
    assert_eq!(code(&tally), exit::INTERNAL);
}
