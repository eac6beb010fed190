//! What the coverage phase combines, and how much of it a run reached.
//!
//! ```text
//! state     running, stopped, stopping
//! method    POST, GET
//!
//! 2 dimensions at a time: 6 combinations in 6 cases, and 265 cases of borders
//! reached 4 of 6 combinations
//!     2  unsupported: right after StopInstances the instance is stopped: the endpoint skips stopping
//!        state stopping
//! ```
//!
//! The input is a survey and optionally what a run reached. Reasons may contain text from an endpoint.

use std::io::{self, Write};

use crate::journal::Outcome;
use crate::plan::coverage::{Reach, Survey};
use crate::report::text::{fold, one_line, plural};
use crate::words::{English, Words as _};

/// The length to which a reason is cut, in characters.
const LONGEST_REASON: usize = 400;

/// Writes the dimensions and combinations, and which of them were reached.
pub fn write(survey: &Survey, reach: Option<&Reach>, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let longest = survey
        .dimensions
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0);
    for (name, words) in &survey.dimensions {
        hanging(&format!("{name:<longest$}    "), &words.join(", "), width, out)?;
    }
    writeln!(out, "\nnot combined")?;
    for (why, what) in &survey.rules {
        hanging("    ", &format!("{what}: {why}"), width, out)?;
    }
    writeln!(
        out,
        "\n{} dimensions at a time: {} in {}, and {} of borders",
        survey.strength,
        plural(survey.combinations, "combination"),
        plural(survey.cases, "case"),
        plural(survey.bounds, "case"),
    )?;
    let Some(reach) = reach else { return Ok(()) };
    writeln!(
        out,
        "reached {} of {}",
        reach.reached,
        plural(survey.combinations, "combination")
    )?;
    for unreached in &reach.unreached {
        let why = match &unreached.ended {
            Some(Outcome::Unsupported { obstacle }) => format!("unsupported: {}", English.obstacle(obstacle)),
            Some(Outcome::Error { what }) => format!("error: {what}"),
            Some(Outcome::Judged { .. }) | None => "no case of this run holds it".to_owned(),
        };
        let why = one_line(&why, LONGEST_REASON);
        hanging(&format!("{:>5}  ", unreached.combinations), &why, width, out)?;
        hanging("       ", &unreached.examples.join("; "), width, out)?;
    }
    Ok(())
}

/// Writes a text with a prefix on its first line; the other lines are indented by the same width.
fn hanging(before: &str, text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let indent = before.chars().count();
    let lines = fold(text, width.saturating_sub(indent).max(20));
    for (at, line) in lines.iter().enumerate() {
        let before = if at == 0 { before } else { "" };
        writeln!(out, "{before:<indent$}{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::coverage::Unreached;

    #[test]
    fn a_survey_and_what_a_run_reached_of_it() {
        let survey = Survey {
            dimensions: vec![
                ("state", vec!["running", "stopped", "stopping"]),
                ("method", vec!["POST", "GET"]),
            ],
            rules: vec![("nobody does", "state stopping with method GET".to_owned())],
            strength: 2,
            cases: 1,
            bounds: 265,
            combinations: 5,
        };
        let reach = Reach {
            reached: 4,
            unreached: vec![Unreached {
                ended: Some(Outcome::Error {
                    what: "it said \u{1b}[31mno".to_owned(),
                }),
                combinations: 1,
                examples: vec!["state stopping".to_owned()],
            }],
        };
        let mut out = Vec::new();
        write(&survey, Some(&reach), 60, &mut out).expect("a Vec takes everything");
        insta::assert_snapshot!(String::from_utf8_lossy(&out), @r"
        state     running, stopped, stopping
        method    POST, GET

        not combined
            state stopping with method GET: nobody does

        2 dimensions at a time: 5 combinations in 1 case, and 265 cases of borders
        reached 4 of 5 combinations
            1  error: it said \u{1b}[31mno
               state stopping
        ");
    }
}
