//! The progress bar on standard error. The only file that calls indicatif.
//!
//! ```text
//! ━━━━━━━━━━━━━━──────────  123/200  3 findings  dry-run/valid
//! ```
//!
//! [`Progress::take`] receives events and draws the bar, unless standard error is not a terminal. Other output goes
//! through [`Progress::println`] or [`Progress::suspend`], so that bar and text never share a line.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::journal::Event;
use crate::report::text::{one_line, plural};
use crate::verdict::Verdict;

/// The characters of the bar: filled, current and empty.
const CHARACTERS: &str = "━━─";

/// A progress bar that follows the events of a run.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    findings: usize,
    scripts: u64,
}

impl Progress {
    /// Creates a bar on standard error; it is drawn only if `wished` is true and standard error is a terminal.
    pub fn stderr(wished: bool) -> Self {
        Progress {
            bar: bar(wished),
            findings: 0,
            scripts: 0,
        }
    }

    /// Updates the bar with the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted(run) => {
                let style = ProgressStyle::with_template("{bar:24} {pos:>5}/{len}  {prefix}  {wide_msg}")
                    .expect("the template is well-formed, a test shows it");
                self.bar.set_style(style.progress_chars(CHARACTERS));
                self.bar.set_length(u64::try_from(run.cases).unwrap_or(u64::MAX));
                self.show_findings();
            }
            Event::CaseStarted(case) if !self.bar.is_hidden() => {
                self.bar.set_message(one_line(&case.case, 80));
            }
            Event::Judged(judged) => {
                // Counting warnings would make every endpoint look bad at first glance.
                let telling = judged
                    .findings
                    .iter()
                    .filter(|finding| finding.verdict > Verdict::Warn)
                    .count();
                if telling > 0 {
                    self.findings += telling;
                    self.show_findings();
                }
            }
            Event::CaseEnded(ended) if ended.case.starts_with("random/") => {}
            Event::CaseEnded(_) => self.bar.inc(1),
            Event::Explored(explored) => {
                self.scripts += explored.scripts;
                self.bar.set_message(format!("{} random scripts", self.scripts));
            }
            Event::RunEnded(_) => self.bar.finish_and_clear(),
            Event::CaseStarted(_)
            | Event::FixtureReady(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Noted(_)
            | Event::Recurred(_)
            | Event::Flaky(_) => {}
        }
    }

    /// Writes a line without breaking the bar.
    pub fn println(&self, out: &mut dyn Write, line: &str) -> io::Result<()> {
        self.suspend(|| writeln!(out, "{line}"))
    }

    /// Hides the bar while `f` writes.
    pub fn suspend<T>(&self, f: impl FnOnce() -> T) -> T {
        self.bar.suspend(f)
    }

    fn show_findings(&self) {
        self.bar.set_prefix(plural(self.findings, "finding"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A progress bar for counting something other than the cases of a run.
#[derive(Debug)]
pub struct Count {
    bar: ProgressBar,
}

impl Count {
    /// Creates a bar on standard error; it is drawn only if `wished` is true and standard error is a terminal.
    pub fn stderr(wished: bool) -> Self {
        let bar = bar(wished);
        let style = ProgressStyle::with_template("{bar:24} {pos:>5}/{len}  {msg}")
            .expect("the template is well-formed, a test shows it");
        bar.set_style(style.progress_chars(CHARACTERS));
        Count { bar }
    }

    /// Shows that `done` of `of` items are done, with `what` as the message.
    pub fn show(&self, what: &str, done: usize, of: usize) {
        self.bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        self.bar.set_message(what.to_owned());
        self.bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar(wished: bool) -> ProgressBar {
    let target = if wished {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    ProgressBar::with_draw_target(None, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Edition;
    use crate::journal::{CaseEnded, Finding, Judged, RunStarted, SCHEMA};
    use crate::verdict::Outcome;

    #[test]
    fn a_hidden_bar_counts_and_lets_lines_through() {
        let mut progress = Progress::stderr(false);
        progress.take(&Event::RunStarted(RunStarted {
            min_confidence: Default::default(),
            schema: SCHEMA,
            stopcheck: "0.1.0".into(),
            endpoint: "reference".into(),
            region: "us-east-1".into(),
            edition: Edition::Current,
            seed: 0,
            cases: 2,
            phases: std::collections::BTreeMap::new(),
            scenarios: Vec::new(),
            left_out: 0,
            read_lag_ms: 5_000,
            at_ms: 0,
        }));
        let finding = |verdict| Finding {
            case: "a/b".into(),
            step: 1,
            clause: "X-01".into(),
            verdict,
            expected: Vec::new(),
            observed: Vec::new(),
            circumstances: Vec::new(),
            exchange: None,
        };
        progress.take(&Event::Judged(Judged {
            case: "a/b".into(),
            step: 1,
            held: vec![],
            findings: vec![finding(Verdict::Warn), finding(Verdict::Fail)],
            choices: vec![],
        }));
        progress.take(&Event::CaseEnded(CaseEnded {
            case: "a/b".into(),
            outcome: Outcome::Judged {
                verdict: Verdict::Fail,
            },
        }));
        assert_eq!((progress.bar.position(), progress.bar.length()), (1, Some(2)));
        assert_eq!(progress.bar.prefix(), "1 finding");
        let mut out = Vec::new();
        progress
            .println(&mut out, "a line")
            .expect("a vector takes everything");
        assert_eq!(out, b"a line\n");
    }

    #[test]
    fn a_count_stands_where_it_was_put() {
        let count = Count::stderr(false);
        count.show("faults", 3, 20);
        assert_eq!((count.bar.position(), count.bar.length()), (3, Some(20)));
        assert_eq!(count.bar.message(), "faults");
    }
}
