//! The configuration file: where it is, and what stands in it. What its keys mean is in `args/settings.rs`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::contract::document::{self, Entry};

/// The name of the configuration file that is found without --config.
pub(super) const FILE_NAME: &str = "stopcheck.toml";

/// The address of the schema of configuration files.
pub(super) const SCHEMA_ID: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/raw/main/specs/schemas/config.json"
);

/// The largest size of a configuration file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// A configuration file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// The path, for people.
    pub(super) name: String,
    /// Its folder, to which the paths in it are relative; empty for the current one.
    pub(super) folder: PathBuf,
    /// Its keys, in order.
    pub(super) entries: Vec<Entry>,
}

/// A mistake in a configuration file or in a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigMistake {
    place: Place,
    what: String,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A line of a file.
    Line(String, usize),
    /// An environment variable.
    Variable(String),
}

impl ConfigMistake {
    pub(super) fn new(place: Place, what: String) -> Self {
        ConfigMistake { place, what }
    }
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(file, line) => write!(f, "{file}: line {line}: {}", self.what),
            Place::Variable(name) => write!(f, "{name}: {}", self.what),
        }
    }
}

impl ConfigFile {
    /// The keys of a text. `name` is its path for people.
    pub(super) fn parse(name: &str, folder: &Path, text: &str) -> Result<Self, Vec<ConfigMistake>> {
        let entries = document::parse(text).map_err(|mistakes| {
            let mistakes = mistakes.into_iter();
            mistakes
                .map(|(line, what)| ConfigMistake::new(Place::Line(name.to_owned(), line), what))
                .collect::<Vec<_>>()
        })?;
        Ok(ConfigFile {
            name: name.to_owned(),
            folder: folder.to_owned(),
            entries,
        })
    }

    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let failed = |source| CliError::File {
            doing: "read",
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        let file = File::open(path).map_err(failed)?;
        file.take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        if text.len() as u64 > MOST_BYTES {
            let why = format!("it is larger than {} KiB", MOST_BYTES >> 10);
            return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, why)));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&path.display().to_string(), folder, &text).map_err(CliError::Config)
    }

    /// The file of this name in the current folder or in the nearest folder above, if there is one.
    pub(super) fn nearest() -> Option<PathBuf> {
        let here = std::env::current_dir().ok()?;
        let mut up = PathBuf::new();
        for folder in here.ancestors() {
            if folder.join(FILE_NAME).is_file() {
                return Some(up.join(FILE_NAME));
            }
            up.push("..");
        }
        None
    }
}
