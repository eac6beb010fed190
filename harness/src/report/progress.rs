//! The progress of a run on standard error. The only file that calls indicatif.
//!
//! ```text
//! FAIL  STT-05  stopped → 200, currentState 80 stopped, previousState 80 … (stop/stopped, step 3)
//! ━━━━━━━━━━━━━━──────────  123/200  1 clause failed  dry-run/valid
//! ```
//!
//! [`Progress::take`] receives events, prints a line for each clause that fails for the first time, and draws a bar. If
//! standard error is not a terminal, a short line now and then takes the place of the bar. Other output goes through
//! [`Progress::println`] or [`Progress::suspend`], so that bar and text never share a line.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::contract::{ClauseId, Contract};
use crate::journal::{Event, Finding, Judged, Phase};
use crate::report::known::KnownOn;
use crate::report::text::{cut, one_line, plural, visible};
use crate::verdict::Verdict;

/// The characters of the bar: filled, current and empty.
const CHARACTERS: &str = "━━─";

/// How often a log gets a line.
const PAUSE: Duration = Duration::from_secs(10);

/// How many clauses get a line when they fail for the first time; the report has all of them.
pub(super) const FAILURES_SHOWN: usize = 20;

/// The progress of a run, from its events.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    wished: bool,
    /// The contract, the width and whether to use colours, if failed clauses are printed.
    printed: Option<(Arc<Contract>, usize, bool)>,
    known: KnownOn,
    drafts: HashSet<String>,
    failed: BTreeSet<ClauseId>,
    phase: Phase,
    requests: u64,
    scripts: u64,
    began: Instant,
    next_line: Duration,
}

impl Progress {
    /// Shows progress on standard error if `wished` is true: a bar if it is a terminal, lines if not.
    pub fn stderr(wished: bool) -> Self {
        Progress {
            bar: bar(wished),
            wished,
            printed: None,
            known: KnownOn::default(),
            drafts: HashSet::new(),
            failed: BTreeSet::new(),
            phase: Phase::Scenarios,
            requests: 0,
            scripts: 0,
            began: Instant::now(),
            next_line: PAUSE,
        }
    }

    /// Prints every clause that fails for the first time, in lines of this width.
    #[must_use]
    pub fn with_failures(mut self, contract: Arc<Contract>, width: usize, color: bool) -> Self {
        self.printed = Some((contract, width, color));
        self
    }

    /// Prints failures only: nobody knows how much there will be.
    #[must_use]
    pub fn without_end(mut self) -> Self {
        self.bar = bar(false);
        self.next_line = Duration::MAX;
        self
    }

    /// Leaves out the failures that are known.
    #[must_use]
    pub fn without(mut self, known: KnownOn) -> Self {
        self.known = known;
        self
    }

    /// Shows the next event.
    pub fn take(&mut self, event: &Event) {
        let lines = self.lines(event, self.began.elapsed());
        if self.wished && !lines.is_empty() {
            // Nobody may read standard error any more; the run goes on.
            let _ = self.println(&mut io::stderr(), &lines.join("\n"));
        }
    }

    /// Updates the bar, and returns the lines to print.
    fn lines(&mut self, event: &Event, elapsed: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        match event {
            Event::RunStarted(run) => {
                let style = ProgressStyle::with_template("{bar:24} {pos:>5}/{len}  {prefix}  {wide_msg}")
                    .expect("the template is well-formed, a test shows it");
                self.bar.set_style(style.progress_chars(CHARACTERS));
                self.bar.set_length(u64::try_from(run.cases).unwrap_or(u64::MAX));
                self.show_failed();
            }
            Event::CaseStarted(case) => {
                self.phase = case.phase;
                if case.draft {
                    self.drafts.insert(case.case.clone());
                }
                self.bar.set_message(one_line(&case.case, 80));
            }
            Event::Exchanged(_) => self.requests += 1,
            Event::Judged(judged) => lines = self.newly_failed(judged),
            Event::CaseEnded(ended) if self.drafts.remove(&ended.case) => {}
            Event::CaseEnded(ended) if ended.case.starts_with("random/") => {}
            Event::CaseEnded(_) => self.bar.inc(1),
            Event::Explored(explored) => {
                self.scripts += explored.scripts;
                self.bar.set_message(format!("{} random scripts", self.scripts));
            }
            Event::RunEnded(_) => self.bar.finish_and_clear(),
            Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Noted(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_) => {}
        }
        if self.bar.is_hidden() && elapsed >= self.next_line {
            self.next_line = elapsed + PAUSE;
            lines.push(self.status(elapsed));
        }
        lines
    }

    /// Counts the clauses that fail for the first time. Warnings are not counted: every endpoint would look bad at first
    /// glance. Nor are drafts, whose findings another case reports.
    fn newly_failed(&mut self, judged: &Judged) -> Vec<String> {
        if self.drafts.contains(&judged.case) {
            return Vec::new();
        }
        let mut lines = Vec::new();
        for finding in &judged.findings {
            if finding.verdict == Verdict::Fail
                && !self.known.knows(finding)
                && self.failed.insert(finding.clause.clone())
            {
                let printed = self.printed.as_ref();
                lines.extend(printed.and_then(|printed| match self.failed.len() {
                    ..=FAILURES_SHOWN => Some(failure(finding, printed)),
                    at if at == FAILURES_SHOWN + 1 => {
                        Some("more clauses fail; the report has them all".to_owned())
                    }
                    _ => None,
                }));
            }
        }
        self.show_failed();
        lines
    }

    fn status(&self, elapsed: Duration) -> String {
        format!(
            "progress: {} s, {} phase, {} of {}, {}, {} failed",
            elapsed.as_secs(),
            self.phase.name(),
            self.bar.position(),
            plural(
                usize::try_from(self.bar.length().unwrap_or(0)).unwrap_or(usize::MAX),
                "case"
            ),
            plural(usize::try_from(self.requests).unwrap_or(usize::MAX), "request"),
            plural(self.failed.len(), "clause")
        )
    }

    /// Writes a line without breaking the bar.
    pub fn println(&self, out: &mut dyn Write, line: &str) -> io::Result<()> {
        self.suspend(|| writeln!(out, "{line}"))
    }

    /// Hides the bar while `f` writes.
    pub fn suspend<T>(&self, f: impl FnOnce() -> T) -> T {
        self.bar.suspend(f)
    }

    fn show_failed(&self) {
        self.bar
            .set_prefix(format!("{} failed", plural(self.failed.len(), "clause")));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The line for a clause that fails for the first time.
fn failure(finding: &Finding, (contract, width, color): &(Arc<Contract>, usize, bool)) -> String {
    let statement = contract
        .clause(&finding.clause)
        .map(|clause| clause.statement.as_str());
    let place = format!(" ({}, step {})", visible(&finding.case), finding.step);
    let start = format!(
        "{}  {}",
        visible(finding.clause.as_str()),
        one_line(statement.unwrap_or_default(), 500)
    );
    let free = width
        .saturating_sub("FAIL  ".len() + place.chars().count())
        .max(20);
    let word = if *color { "\x1b[1;31mFAIL\x1b[0m" } else { "FAIL" };
    format!("{word}  {}{place}", cut(&start, free))
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
    use crate::journal::{CaseEnded, CaseStarted, Outcome};

    use crate::report::sample;

    fn judged(case: &str, clause: &str, verdict: Verdict) -> Event {
        let expected = sample::stays_running(sample::A);
        let finding = sample::finding(
            case,
            clause,
            verdict,
            expected,
            sample::seen(sample::A, "stopping"),
        );
        Event::Judged(Judged {
            case: case.into(),
            step: 1,
            held: vec![],
            findings: vec![finding],
            choices: vec![],
        })
    }

    fn started(case: &str, draft: bool) -> Event {
        Event::CaseStarted(CaseStarted {
            case: case.into(),
            index: 0,
            phase: Phase::Coverage,
            draft,
            scenario: None,
            purpose: String::new(),
            clauses: vec![],
        })
    }

    fn ended(case: &str) -> Event {
        Event::CaseEnded(CaseEnded {
            case: case.into(),
            outcome: Outcome::Judged {
                verdict: Verdict::Fail,
            },
        })
    }

    /// All lines that these events print, one second after the other.
    fn lines(progress: &mut Progress, events: &[Event]) -> Vec<String> {
        let at = |second| Duration::from_secs(second);
        (0..)
            .zip(events)
            .flat_map(|(second, event)| progress.lines(event, at(second)))
            .collect()
    }

    #[test]
    fn a_clause_is_printed_when_it_fails_for_the_first_time() {
        let contract = Arc::new(sample::contract());
        let mut progress = Progress::stderr(false).with_failures(contract, 80, false);
        let events = [
            Event::RunStarted(sample::run()),
            started("a/b", false),
            judged("a/b", "RSP-07", Verdict::Warn),
            judged("a/b", "DRY-04", Verdict::Fail),
            judged("a/c", "DRY-04", Verdict::Fail),
            ended("a/b"),
        ];
        let lines = lines(&mut progress, &events);
        assert_eq!(
            lines,
            ["FAIL  DRY-04  A dry run changes nothing: the instance stays runni… (a/b, step 1)"]
        );
        assert_eq!((progress.bar.position(), progress.bar.length()), (1, Some(4)));
        assert_eq!(progress.bar.prefix(), "1 clause failed");
    }

    #[test]
    fn a_draft_prints_nothing_and_is_not_counted() {
        let contract = Arc::new(sample::contract());
        let mut progress = Progress::stderr(false).with_failures(contract, 80, false);
        let draft = [
            started("a/b", true),
            judged("a/b", "DRY-04", Verdict::Fail),
            ended("a/b"),
        ];
        assert!(lines(&mut progress, &draft).is_empty());
        assert_eq!((progress.bar.position(), progress.failed.len()), (0, 0));
        let again = [started("a/b", false), judged("a/b", "DRY-04", Verdict::Fail)];
        assert_eq!(lines(&mut progress, &again).len(), 1);
    }

    #[test]
    fn a_line_is_no_longer_than_the_width_and_acts_on_no_terminal() {
        let contract = Arc::new(sample::contract());
        let mut progress = Progress::stderr(false).with_failures(contract, 80, false);
        let line = lines(
            &mut progress,
            &[judged("dry-run/of\x1b[2J-long-name", "DRY-04", Verdict::Fail)],
        )
        .join("");
        assert!(line.chars().count() <= 80 && line.contains('…'), "{line}");
        assert!(!line.contains('\x1b'), "{line:?}");
    }

    #[test]
    fn a_log_has_a_line_every_ten_seconds() {
        let mut progress = Progress::stderr(false);
        let mut events = vec![Event::RunStarted(sample::run()), started("a/b", false)];
        events.extend((0..20).map(|_| judged("a/b", "DRY-04", Verdict::Fail)));
        assert_eq!(
            lines(&mut progress, &events),
            [
                "progress: 10 s, coverage phase, 0 of 4 cases, 0 requests, 1 clause failed",
                "progress: 20 s, coverage phase, 0 of 4 cases, 0 requests, 1 clause failed"
            ]
        );
    }

    #[test]
    fn other_text_passes_through() {
        let mut out = Vec::new();
        let progress = Progress::stderr(false);
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
