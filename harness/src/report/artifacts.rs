//! Scripts for `--artifacts`: one for each cause, which repeats its first finding and removes what it launched.
//!
//! Pure: a [`Tally`] comes in, names and texts of files go out.

use crate::contract::Contract;
use crate::report::repeat::run_script;
use crate::report::tally::{Cause, Tally};
use crate::report::text::{fold, one_line};

/// The width of a comment in a script.
const WIDTH: usize = 100;

/// How much of a text is quoted in a comment, in characters.
const SHOWN: usize = 600;

/// The scripts of a run, each with the name of its file: those of what fails the run, and of the warnings.
pub fn scripts(tally: &Tally, contract: &Contract) -> Vec<(String, String)> {
    tally
        .causes()
        .all()
        .iter()
        .filter(|cause| cause.verdict.is_deviation())
        .filter_map(|cause| script(cause, tally, contract))
        .collect()
}

fn script(cause: &Cause<'_>, tally: &Tally, contract: &Contract) -> Option<(String, String)> {
    let group = cause.groups.first()?;
    let clause = contract.clause(cause.clause);
    let statement = clause.map_or("", |clause| clause.statement.as_str());
    let mut about = vec![
        format!("{} {}: {statement}", cause.verdict.word(), cause.clause),
        format!("Expected: {}", tally.expected_text(group.first)),
        format!("Observed: {}", tally.observed_text(group.first)),
        format!("Case: {}, step {}", group.case.name, group.first.step),
    ];
    about.extend(
        cause
            .consequences
            .iter()
            .map(|one| format!("Explains: {} in {}", one.clause, one.case.name)),
    );
    let about: Vec<String> = about
        .iter()
        .flat_map(|text| fold(&one_line(text, SHOWN), WIDTH))
        .collect();
    let text = match group.repeat() {
        Some(repeat) => repeat.script(&about),
        None => run_script(&tally.repeat_command(group.case), &about),
    };
    Some((format!("{}.sh", file_name(cause.clause.as_str())), text))
}

/// A clause id as the name of a file. An id of a journal may be any text.
fn file_name(id: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    id.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_cause_has_a_script_that_says_what_it_shows() {
        let contract = sample::contract();
        let mut tally = Tally::new(&contract);
        sample::mixed().iter().for_each(|event| tally.take(event));
        let scripts = scripts(&tally, &contract);
        let names: Vec<&str> = scripts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["DRY-04.sh", "RSP-07.sh"]);
        for (_, text) in &scripts {
            assert!(text.starts_with("#!/usr/bin/env bash\n# "), "{text}");
            assert!(!text.contains(['\x1b', '\u{202e}']), "{text:?}");
        }
        let [(_, dry_run), (_, declaration)] = scripts.as_slice() else {
            unreachable!("there are two")
        };
        assert!(
            dry_run.contains("# Observed: i-0a1b2c3d4e5f60718: stopping\n"),
            "{dry_run}"
        );
        assert!(
            dry_run.contains("Action=TerminateInstances&InstanceId.1='\"$a\""),
            "{dry_run}"
        );
        assert!(
            declaration.ends_with(
                "\nexec stopcheck run --endpoint-url http://127.0.0.1:5000 --case refuse/unknown\n"
            ),
            "{declaration}"
        );
    }

    #[test]
    fn the_id_of_a_hostile_journal_does_not_leave_the_folder() {
        assert_eq!(file_name("../../etc/x\n"), "______etc_x_");
        assert_eq!(file_name("DRY-04"), "DRY-04");
    }
}
