//! Reads recordings of other clients from files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::error::CliError;
use super::judge::Rejudging;
use super::run;
use crate::contract::Contract;
use crate::journal::Event;
use crate::model::ReadLag;
use crate::report::Tally;
use crate::traffic::har::{self, HarError};
use crate::traffic::{TrafficRecorder, TrafficSettings, WatchedExchange};

/// How much of a file shows what it is, in bytes.
const BEGINNING: u64 = 4096;

/// Whether a file is a recording in HAR.
pub(super) fn is_recording(path: &Path) -> Result<bool, CliError> {
    let mut beginning = Vec::new();
    let read = open(path)?.take(BEGINNING).read_to_end(&mut beginning);
    read.map_err(|source| unreadable(path, source))?;
    Ok(har::is_har(&beginning))
}

/// Judges a recording, and passes on every event.
pub(super) fn tally_of(
    path: &Path,
    how: Rejudging,
    mut each: impl FnMut(&Event) -> Result<(), CliError>,
) -> Result<(Tally, Arc<Contract>), CliError> {
    let contract = run::contract_of(how.edition.unwrap_or_default());
    let mut tally = Tally::new(&contract);
    let mut failed = None;
    let mut emit = |event: Event| {
        tally.take(&event);
        failed = failed.take().or_else(|| each(&event).err());
    };
    let settings = TrafficSettings {
        endpoint: path.display().to_string(),
        min_confidence: how.least.unwrap_or_default(),
        // A mock that one client has to itself is rarely as slow as Amazon.
        read_lag_ms: match how.exclusive {
            true => ReadLag::USUAL.ms(),
            false => ReadLag::AWS.ms(),
        },
        exclusive: how.exclusive,
    };
    let mut began_ms = None;
    let mut recorder = None;
    let mut last_ms = 0;
    let mut settings = Some(settings);
    let outcome = har::read(open(path)?, |watched: WatchedExchange| {
        let at_ms = watched.at_ms;
        began_ms.get_or_insert(at_ms);
        last_ms = last_ms.max(at_ms.saturating_add(watched.took_ms));
        if let Some(settings) = settings.take() {
            recorder = Some(TrafficRecorder::start(&contract, settings, at_ms, &mut emit));
        }
        if let Some(recorder) = &mut recorder {
            recorder.take(watched, &mut emit);
        }
        Ok::<(), CliError>(())
    });
    match outcome {
        Ok(()) => {}
        Err(HarError::Each(error)) => return Err(error),
        Err(error @ (HarError::Read(_) | HarError::Json(_))) => {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string());
            return Err(unreadable(path, source));
        }
    }
    let recorder = match (recorder, settings) {
        (Some(recorder), _) => recorder,
        (None, Some(settings)) => TrafficRecorder::start(&contract, settings, 0, &mut emit),
        (None, None) => unreachable!("the settings are taken where the recorder is made"),
    };
    recorder.finish(last_ms, false, &mut emit);
    match failed {
        Some(error) => Err(error),
        None => Ok((tally, contract)),
    }
}

fn open(path: &Path) -> Result<File, CliError> {
    File::open(path).map_err(|source| CliError::File {
        doing: "open",
        path: path.to_owned(),
        source,
    })
}

fn unreadable(path: &Path, source: std::io::Error) -> CliError {
    CliError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    }
}
