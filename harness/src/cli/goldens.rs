//! The goldens of a run: which set is used, where it is, and whether it is compared or recorded.
//!
//! The embedded reference is compared with its set if that can be found; an endpoint only if a set is named.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::{GoldenArg, GoldenArgs};
use super::error::CliError;
use super::keys::variable;
use super::reports;
use crate::check::time;
use crate::contract::{Contract, Edition};
use crate::golden::changelog;
use crate::golden::print::{self, ReviewStyle};
use crate::golden::{GoldenMode, Review, Reviewer, Settings, Store, TranscriptRecorder};
use crate::journal::Event;
use crate::report::tally::{ChangedGolden, GoldenCause, Goldens};

/// The folder of all sets in a checkout.
const FOLDER: &str = "golden";

/// What a run does with goldens.
#[derive(Debug)]
pub(super) enum GoldenUse {
    /// Goldens are neither compared nor recorded.
    Off,
    /// The default set was not found, so nothing is compared. Has the name of the set.
    Absent(String),
    /// Goldens are compared or recorded.
    On(Box<On>),
}

#[derive(Debug)]
pub(super) struct On {
    recorder: TranscriptRecorder,
    reviewer: Reviewer,
}

impl GoldenUse {
    /// Determines from the arguments what to do with the goldens of an endpoint; no URL means the embedded reference.
    pub(super) fn of(args: &GoldenArgs, url: Option<&str>, edition: Edition) -> Result<GoldenUse, CliError> {
        let named = args.golden_set.is_some() || args.golden_dir.is_some() || args.golden_changelog.is_some();
        let mode = match (args.golden, url) {
            (Some(asked), _) => asked.into(),
            (None, None) => GoldenMode::Check,
            (None, Some(_)) if args.golden_set.is_some() => GoldenMode::Check,
            (None, Some(_)) => GoldenMode::Off,
        };
        if mode == GoldenMode::Off {
            if args.golden_changelog.is_some() {
                return Err(CliError::Usage(
                    "a changelog is made of goldens, and none are compared\n  hint: name a set with --golden-set NAME"
                        .to_owned(),
                ));
            }
            return Ok(GoldenUse::Off);
        }
        let set = match (&args.golden_set, url) {
            (Some(set), _) => set.clone(),
            (None, None) => reference_set(edition).to_owned(),
            (None, Some(url)) => {
                return Err(CliError::Usage(format!(
                    "the goldens of {url} need a name\n  hint: --golden-set NAME, for instance moto-5.2.5"
                )));
            }
        };
        let store = set_in(args.golden_dir.as_deref(), &set, mode)?;
        let Some(store) = store else {
            // No option asks for goldens, so a missing set is not an error.
            if args.golden.is_none() && !named {
                return Ok(GoldenUse::Absent(set));
            }
            return Err(none_of(args.golden_dir.as_deref(), &set));
        };
        let settings = Settings {
            mode,
            set,
            store,
            writes: !in_continuous_integration(),
            edition: edition.name().to_owned(),
            endpoint: url.unwrap_or("reference").to_owned(),
            day: today(),
        };
        Ok(GoldenUse::On(Box::new(On {
            recorder: TranscriptRecorder::default(),
            reviewer: Reviewer::new(settings),
        })))
    }

    /// Receives the next event of the run.
    pub(super) fn take(&mut self, event: &Event) {
        if let GoldenUse::On(on) = self
            && let Some(recording) = on.recorder.take(event)
        {
            on.reviewer.take(recording);
        }
    }

    /// Finishes the comparison, if there is one.
    pub(super) fn finish(self, contract: &Contract, plays_named_cases: bool) -> Finished {
        match self {
            GoldenUse::On(on) if plays_named_cases => {
                let plan: BTreeSet<&str> = contract.scenarios.iter().map(|case| case.name.as_str()).collect();
                Finished::Reviewed(Box::new(on.reviewer.finish(&plan)))
            }
            GoldenUse::Absent(set) if plays_named_cases => Finished::Absent(set),
            GoldenUse::On(_) | GoldenUse::Absent(_) | GoldenUse::Off => Finished::Off,
        }
    }
}

/// The result for the goldens of a run.
#[derive(Debug)]
pub(super) enum Finished {
    /// Goldens were not compared.
    Off,
    /// There are no goldens. Has the name of the set.
    Absent(String),
    /// Goldens were compared or recorded.
    Reviewed(Box<Review>),
}

impl Finished {
    /// Prints the result below the report.
    pub(super) fn tell(&self, look: ReviewStyle, out: &mut dyn io::Write) -> io::Result<()> {
        match self {
            Finished::Off => Ok(()),
            Finished::Absent(set) => writeln!(
                out,
                "\nNo goldens were found: there is no {FOLDER}/{set} here or above, so nothing was compared."
            ),
            Finished::Reviewed(review) => {
                writeln!(out)?;
                print::write(review, look, out)
            }
        }
    }

    /// The result in the form that reports show.
    pub(super) fn reported(&self) -> Option<Goldens> {
        let Finished::Reviewed(review) = self else {
            return None;
        };
        let causes = review.causes();
        Some(Goldens {
            set: review.set.clone(),
            recorded: review.recorded,
            same: review.same,
            changed: review
                .changed
                .iter()
                .map(|change| ChangedGolden {
                    case: change.case.clone(),
                    diff: change.diff(),
                })
                .collect(),
            causes: causes
                .iter()
                .map(|cause| GoldenCause {
                    turn: cause.turn.name(),
                    clauses: cause.clauses.iter().map(ToString::to_string).collect(),
                    cases: cause.cases.iter().map(|&case| case.to_owned()).collect(),
                    steps: cause.places,
                    diff: cause.diff(),
                })
                .collect(),
            new: review.fresh.clone(),
            orphans: review.orphans.clone(),
        })
    }

    /// Writes the changes as a changelog.
    pub(super) fn write_changelog(&self, path: &Path, contract: &Contract) -> Result<(), CliError> {
        let Finished::Reviewed(review) = self else {
            return Ok(());
        };
        reports::to_file(path, |out| changelog::write(review, contract, &today(), out))
    }

    /// Returns the first error with a file, so that a failed comparison does not look like a successful one.
    pub(super) fn errors(&mut self) -> Result<(), CliError> {
        match self {
            Finished::Reviewed(review) if !review.errors.is_empty() => {
                Err(review.errors.swap_remove(0).into())
            }
            Finished::Off | Finished::Absent(_) | Finished::Reviewed(_) => Ok(()),
        }
    }
}

/// The set of the reference for an edition. There are two: one for today's service, one for that of 2017.
fn reference_set(edition: Edition) -> &'static str {
    match edition {
        Edition::Current => "reference",
        Edition::October2017 => "reference-2017-10",
    }
}

/// Opens an existing set.
pub(super) fn reviewed(folder: Option<&Path>, set: &str) -> Result<Store, CliError> {
    set_in(folder, set, GoldenMode::Check)?.ok_or_else(|| none_of(folder, set))
}

/// Opens a set in the given folder, or in the nearest one that has it. `None` if it is to be compared and is missing.
fn set_in(folder: Option<&Path>, set: &str, mode: GoldenMode) -> Result<Option<Store>, CliError> {
    let folder = folder.map_or_else(|| found(set, mode), Path::to_owned);
    let store = Store::new(&folder, set)?;
    let is_there = mode != GoldenMode::Check || store.folder().is_dir();
    Ok(is_there.then_some(store))
}

fn none_of(folder: Option<&Path>, set: &str) -> CliError {
    let folder = folder.map_or_else(|| found(set, GoldenMode::Check), Path::to_owned);
    CliError::Usage(format!(
        "there are no goldens of the set {set} in {}\n  hint: stopcheck run --golden record creates them",
        folder.display()
    ))
}

/// The nearest folder of goldens that has the set; to record a new set, the nearest folder of goldens.
fn found(set: &str, mode: GoldenMode) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let folders = || here.ancestors().map(|folder| folder.join(FOLDER));
    let has_set = folders().find(|folder| folder.join(set).is_dir());
    let any = || folders().find(|folder| mode == GoldenMode::Record && folder.is_dir());
    has_set
        .or_else(any)
        .unwrap_or_else(|| Path::new(FOLDER).to_owned())
}

/// Whether `CI` is set, by the rules of insta.
fn in_continuous_integration() -> bool {
    variable("CI").is_some_and(|value| !matches!(value.as_str(), "false" | "0" | "n/a"))
}

/// The day, by UTC.
pub(super) fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    time::day(ms).unwrap_or_default()
}

impl From<GoldenArg> for GoldenMode {
    fn from(asked: GoldenArg) -> Self {
        match asked {
            GoldenArg::Check => GoldenMode::Check,
            GoldenArg::Record => GoldenMode::Record,
            GoldenArg::Off => GoldenMode::Off,
        }
    }
}
