use std::collections::BTreeMap;

use super::*;
use crate::contract::{Edition, embedded};
use crate::journal::Obstacle;
use crate::verdict::Verdict;

const EDITIONS: [Edition; 2] = [Edition::Current, Edition::October2017];

fn all_judged(cases: &[Scenario]) -> BTreeMap<String, CaseEnding> {
    let judged = |case: &Scenario| CaseEnding {
        purpose: case.purpose.clone(),
        outcome: Outcome::Judged {
            verdict: Verdict::Pass,
        },
    };
    cases
        .iter()
        .map(|case| (case.name.clone(), judged(case)))
        .collect()
}

#[test]
fn a_run_of_all_cases_reaches_every_combination() {
    for edition in EDITIONS {
        let contract = embedded(edition);
        let reach = reach(&contract, 2, &all_judged(&cases(&contract, 2)));
        assert_eq!(reach.unreached, [], "{edition:?}");
        assert_eq!(reach.reached, survey(&contract, 2).combinations);
    }
}

#[test]
fn a_run_of_strength_three_reaches_every_combination_of_three() {
    // The smaller edition; the other one differs in levels only.
    let grid = Grid::of(&embedded(Edition::October2017));
    let rows = grid.rows(3);
    let reached: BTreeSet<Tuple> = rows.iter().flat_map(|row| grid.shown_by(row, 3)).collect();
    let all: BTreeSet<Tuple> = grid.combinations(3).into_iter().collect();
    assert!(all.is_subset(&reached), "{:?}", all.difference(&reached).next());
}

#[test]
fn every_combination_that_the_rules_allow_is_in_a_case_hidden_or_not() {
    for edition in EDITIONS {
        let grid = Grid::of(&embedded(edition));
        let rows = grid.rows(2);
        for tuple in grid.space.tuples(2) {
            let has = |row: &CoveringRow| {
                tuple
                    .iter()
                    .all(|(factor, level)| row.get(*factor) == Some(level))
            };
            assert!(rows.iter().any(has), "{}", grid.words(&tuple));
        }
    }
}

#[test]
fn a_combination_is_not_reached_where_something_else_has_the_call_refused() {
    let grid = Grid::of(&embedded(Edition::Current));
    let level = |name: &str, word: &str| {
        let factor = grid.dimensions.iter().position(|(known, _)| *known == name);
        let factor = factor.expect("the name of a dimension");
        let (_, levels) = grid.dimensions.get(factor).expect("its levels");
        let level = levels.iter().position(|level| level.word == word);
        (factor, level.expect("a level of it"))
    };
    let row = |levels: &[(usize, usize)]| grid.space.completion(levels).expect("a row of these levels");
    let shows = |row: &CoveringRow, tuple: [(usize, usize); 2]| {
        let mut tuple = tuple.to_vec();
        tuple.sort_unstable();
        grid.shown_by(row, 2).contains(&tuple)
    };
    let (force, get) = (level("Force", "true"), level("method", "GET"));
    let (dry, terminated) = (level("DryRun", "true"), level("state", "terminated"));
    let unsigned = level("auth", "unsigned");
    assert!(shows(&row(&[force, get]), [force, get]));
    assert!(
        !shows(&row(&[force, get, dry]), [force, get]),
        "the dry run hides it"
    );
    assert!(shows(&row(&[force, get, dry]), [force, dry]));
    assert!(!shows(&row(&[force, dry, terminated]), [force, dry]));
    assert!(shows(&row(&[force, dry, terminated]), [dry, terminated]));
    assert!(
        !shows(&row(&[dry, terminated, unsigned]), [dry, terminated]),
        "refused at the door"
    );
    assert!(shows(&row(&[dry, terminated, unsigned]), [dry, unsigned]));
}

#[test]
fn what_an_endpoint_lacks_is_told_once_with_the_level_it_lacks() {
    let contract = embedded(Edition::Current);
    let cases = cases(&contract, 2);
    let mut ended = all_judged(&cases);
    let unsupported = Outcome::Unsupported {
        obstacle: Obstacle::PurgedFixture,
    };
    for case in &cases {
        if case
            .fixtures
            .iter()
            .any(|(_, kind)| kind.state == State::Stopping)
        {
            let ended = ended.get_mut(&case.name).expect("a case that ended");
            ended.outcome = unsupported.clone();
        }
    }
    let reach = reach(&contract, 2, &ended);
    let told: Vec<_> = reach.unreached.iter().map(|one| one.ended.as_ref()).collect();
    assert_eq!(told, [Some(&unsupported)]);
    let examples: BTreeSet<&str> = reach
        .unreached
        .iter()
        .flat_map(|one| one.examples.iter().map(String::as_str))
        .collect();
    for level in ["state stopping", "odd-id stopping-mate"] {
        assert!(examples.contains(level), "{examples:?}");
    }
    assert!(
        examples.len() <= 3,
        "what stood beside it by chance is told by one example: {examples:?}"
    );
}

#[test]
fn a_case_of_another_stopcheck_reaches_nothing() {
    let contract = embedded(Edition::Current);
    let mut ended = all_judged(&cases(&contract, 2));
    for one in ended.values_mut() {
        one.purpose.push('!');
    }
    assert_eq!(reach(&contract, 2, &ended).reached, 0);
}

#[test]
fn the_rules_speak_of_dimensions_and_levels_that_exist() {
    for rule in RULES {
        for (name, words) in rule.parts {
            let dimension = DIMENSIONS.iter().find(|dimension| dimension.name == *name);
            let levels = dimension.expect(name).levels;
            for word in *words {
                assert!(levels.iter().any(|level| level.word == *word), "{name} {word}");
            }
        }
    }
}

#[test]
fn an_edition_has_no_level_that_it_does_not_know() {
    let survey = survey(&embedded(Edition::October2017), 2);
    let words: Vec<&str> = survey
        .dimensions
        .iter()
        .flat_map(|(_, words)| words.clone())
        .collect();
    for unknown in ["protected-mate", "true-unprepared", "configured"] {
        assert!(!words.contains(&unknown), "{unknown}");
    }
    assert!(words.contains(&"persistent-spot"));
}

#[test]
fn no_two_cases_have_a_name_in_common_and_the_first_is_a_plain_stop() {
    for edition in EDITIONS {
        let cases = cases(&embedded(edition), 2);
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        let first = cases.first().expect("there are cases");
        assert_eq!(first.name, "coverage/2-wise/0001");
        assert!(
            cases
                .iter()
                .all(|case| case.fixtures.iter().any(|(name, _)| name == CONTROL))
        );
    }
}

#[test]
fn the_strength_of_a_case_is_in_its_name() {
    for (name, strength) in [
        ("coverage/2-wise/0001", Some(2)),
        ("coverage/3-wise/*", Some(3)),
        ("coverage/*", Some(2)),
        ("coverage/bounds/id/length-8", Some(2)),
        ("stop/running", None),
    ] {
        assert_eq!(strength_of(name), strength, "{name}");
    }
}
