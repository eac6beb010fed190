//! Compares recordings with goldens: which are as reviewed, which changed, which have no golden yet.
//!
//! Recordings come in one by one and are compared at once; only what changed is kept. Errors on the way (a file that
//! cannot be read) are collected, since none of them is a reason to give up the run.

use std::collections::BTreeSet;

use super::store::{About, Store, StoreError};
use super::transcript::normal;
use super::transcript_recorder::Recording;
use super::{GoldenMode, causes, names};
use crate::contract::ClauseId;
use crate::diff::{self, Hunk};

/// How many lines of context are kept with a difference.
const CONTEXT: usize = 2;

/// The settings of a review.
#[derive(Debug)]
pub struct Settings {
    /// What to do.
    pub mode: GoldenMode,
    /// The name of the set.
    pub set: String,
    /// The goldens.
    pub store: Store,
    /// Whether files may be written; in continuous integration they may not.
    pub writes: bool,
    /// The edition by which the run is judged.
    pub edition: String,
    /// The endpoint.
    pub endpoint: String,
    /// The day of the recording.
    pub day: String,
}

/// Compares recordings with goldens.
#[derive(Debug)]
pub struct Reviewer {
    settings: Settings,
    review: Review,
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Review {
    /// The name of the set.
    pub set: String,
    /// Whether differences were to be recorded.
    pub recorded: bool,
    /// How many goldens are as reviewed.
    pub same: usize,
    /// The changed goldens, by the name of their case.
    pub changed: Vec<Change>,
    /// Cases without a golden.
    pub fresh: Vec<String>,
    /// Cases that could not be compared because they were not finished, each with the reason.
    pub uncompared: Vec<(String, String)>,
    /// Goldens that belong to no case.
    pub orphans: Vec<String>,
    /// Cases with a recording that waits for review.
    pub pending: Vec<String>,
    /// How many recordings this run has written.
    pub written: usize,
    /// How many recordings were not written because writing is not allowed here.
    pub held_back: usize,
    /// Errors with files.
    pub errors: Vec<StoreError>,
}

/// A golden that is no longer as reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The case.
    pub case: String,
    /// What differs.
    pub places: Vec<DiffPlace>,
    /// The clauses that are violated now and were not before, each with the step.
    pub broken: Vec<(usize, ClauseId)>,
    /// The clauses that were violated before and no longer are, each with the step.
    pub fixed: Vec<(usize, ClauseId)>,
    /// The clauses of the case that were judged, each with the step.
    pub touched: Vec<(usize, ClauseId)>,
}

/// A difference, and the step it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffPlace {
    /// The number of the step; 0 before the first.
    pub step: usize,
    /// The heading of the step.
    pub heading: String,
    /// What differs.
    pub hunk: Hunk,
}

impl Reviewer {
    /// A reviewer without recordings.
    pub fn new(settings: Settings) -> Reviewer {
        let review = Review {
            set: settings.set.clone(),
            recorded: settings.mode == GoldenMode::Record,
            ..Review::default()
        };
        Reviewer { settings, review }
    }

    /// Compares the recording of a case.
    pub fn take(&mut self, recording: Recording) {
        if let Err(error) = self.compare(recording) {
            self.review.errors.push(error);
        }
    }

    /// Returns the result. `plan` has the names of all cases that exist, played or not.
    pub fn finish(mut self, plan: &BTreeSet<&str>) -> Review {
        let store = &self.settings.store;
        match store.reviewed() {
            Ok(mut names) => {
                names.retain(|name| !plan.contains(name.as_str()));
                self.review.orphans = names;
            }
            Err(error) => self.review.errors.push(error),
        }
        match store.pending() {
            Ok(names) => self.review.pending = names,
            Err(error) => self.review.errors.push(error),
        }
        self.review
            .changed
            .sort_by(|one, other| one.case.cmp(&other.case));
        self.review.fresh.sort_unstable();
        self.review.uncompared.sort_unstable();
        self.review
    }

    fn compare(&mut self, recording: Recording) -> Result<(), StoreError> {
        let text = match &recording.text {
            Ok(text) => text.as_str(),
            Err(why) => {
                self.review.uncompared.push((recording.case, why.clone()));
                return Ok(());
            }
        };
        match self.settings.store.read(&recording.case)? {
            None => self.review.fresh.push(recording.case.clone()),
            Some(golden) => {
                let reviewed = match golden.text.trim_end() == text.trim_end() {
                    true => text.to_owned(),
                    false => normal(&golden.text),
                };
                if reviewed == text {
                    self.review.same += 1;
                    return Ok(());
                }
                let change = change(&reviewed, text, &golden.violated, &recording);
                self.review.changed.push(change);
            }
        }
        self.record(text, &recording)
    }

    /// Writes a recording, unless the same one already waits for review.
    fn record(&mut self, text: &str, recording: &Recording) -> Result<(), StoreError> {
        let Settings { mode, store, .. } = &self.settings;
        if *mode != GoldenMode::Record {
            return Ok(());
        }
        if !self.settings.writes {
            self.review.held_back += 1;
            return Ok(());
        }
        // If the pending file cannot be read, it is replaced.
        if let Ok(Some(waiting)) = store.read_pending(&recording.case)
            && normal(&waiting.text) == text
        {
            return Ok(());
        }
        let about = About {
            purpose: &recording.purpose,
            clauses: &recording.clauses,
            violated: &recording.violated,
            edition: &self.settings.edition,
            endpoint: &self.settings.endpoint,
            server: recording.server.as_deref(),
            day: &self.settings.day,
        };
        store.write_pending(&recording.case, text, &about)?;
        self.review.written += 1;
        Ok(())
    }
}

impl Review {
    /// Whether a golden is no longer as reviewed.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The changes, grouped by cause.
    pub fn causes(&self) -> Vec<causes::ChangeGroup<'_>> {
        causes::of(&self.changed)
    }

    /// How many goldens were compared.
    pub fn compared(&self) -> usize {
        self.same + self.changed.len()
    }
}

impl Change {
    /// The difference line by line, each hunk below the heading of its step.
    pub fn diff(&self) -> String {
        let mut text = String::new();
        let mut heading = None;
        for place in &self.places {
            if heading != Some(&place.heading) {
                heading = Some(&place.heading);
                text.push_str(&format!(" {}\n", place.heading));
            }
            text.extend(place.hunk.lines.iter().map(diff::Changed::marked));
        }
        text
    }
}

fn change(reviewed: &str, text: &str, violated: &[(usize, ClauseId)], recording: &Recording) -> Change {
    let text = names::aligned(reviewed, text, diff::same_lines);
    let without = |these: &[(usize, ClauseId)], those: &[(usize, ClauseId)]| -> Vec<(usize, ClauseId)> {
        these.iter().filter(|one| !those.contains(one)).cloned().collect()
    };
    // A clause that was not judged this time is not fixed.
    let judged: BTreeSet<&(usize, ClauseId)> = recording.judged.iter().collect();
    let mut fixed = without(violated, &recording.violated);
    fixed.retain(|one| judged.contains(one));
    let mut touched = recording.judged.clone();
    touched.retain(|(_, clause)| recording.clauses.contains(clause));
    Change {
        case: recording.case.clone(),
        places: places(reviewed, &text),
        broken: without(&recording.violated, violated),
        fixed,
        touched,
    }
}

/// Where the texts differ. If both have the same steps, each step is compared with its counterpart only; otherwise
/// lines of a similar next step could be matched with it.
fn places(reviewed: &str, text: &str) -> Vec<DiffPlace> {
    let (old, new) = (sections(reviewed), sections(text));
    let heads =
        |sections: &[Section]| -> Vec<String> { sections.iter().map(|one| one.heading.clone()).collect() };
    if heads(&old) == heads(&new) {
        let pairs = old.iter().zip(&new);
        return pairs
            .flat_map(|(old, new)| places_in(&old.text, &new.text))
            .collect();
    }
    places_in(reviewed, text)
}

fn places_in(old: &str, new: &str) -> Vec<DiffPlace> {
    let lines: Vec<&str> = old.lines().collect();
    let hunks = diff::hunks(old, new, CONTEXT).into_iter();
    let place = |hunk: Hunk| {
        let above = lines.get(..hunk.at.saturating_add(1).min(lines.len()));
        let above = above.unwrap_or_default().iter().rev();
        let heading = above.copied().find_map(|line| Some((line, step_of(line)?)));
        let (heading, step) = heading.unwrap_or(("", 0));
        DiffPlace {
            step,
            heading: heading.to_owned(),
            hunk,
        }
    };
    hunks.map(place).collect()
}

/// A transcript from one step heading to the next.
#[derive(Debug, Default)]
struct Section {
    heading: String,
    text: String,
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    for line in text.lines() {
        if step_of(line).is_some() {
            sections.push(Section {
                heading: line.to_owned(),
                text: String::new(),
            });
        }
        if let Some(section) = sections.last_mut() {
            section.text.push_str(line);
            section.text.push('\n');
        }
    }
    sections
}

/// The number of a step, if the line is a step heading.
fn step_of(line: &str) -> Option<usize> {
    line.strip_prefix("step ")?.split_once(':')?.0.parse().ok()
}
