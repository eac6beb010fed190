//! Known deviations of a command: reads the files and packs before a run, and updates a file after it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::args::KnownArgs;
use super::error::CliError;
use super::goldens::today;
use super::reports;
use crate::contract::Contract;
use crate::report::known::{
    self, KnownDeviations, KnownFile, KnownMistake, KnownTarget, MissingReasons, PACKS, pack,
};
use crate::report::list::close;
use crate::report::tally::Standing;
use crate::report::{Policy, Tally};

/// The known deviations of a command.
#[derive(Debug)]
pub(super) struct KnownUse {
    known: KnownDeviations,
    /// Whether a file or pack was named.
    is_used: bool,
    update: Option<FileToUpdate>,
    version: Option<String>,
    today: String,
}

/// The file that is written after the run.
#[derive(Debug)]
struct FileToUpdate {
    path: PathBuf,
    /// Its name in entries.
    name: String,
    /// Its text; `None` if it does not exist yet.
    text: Option<String>,
}

impl KnownUse {
    /// Reads what the arguments name. `played` are names of cases that a recorded run has played.
    pub(super) fn of(args: &KnownArgs, contract: &Contract, played: &[&str]) -> Result<Self, CliError> {
        let update = args.known_update.as_deref().map(to_update).transpose()?;
        let mut texts: Vec<(String, String)> = Vec::new();
        for name in &args.known {
            let text = text_of(name)?;
            if texts.iter().any(|(read, _)| read == name) {
                return Err(CliError::Usage(format!(
                    "--known {name} is given twice: leave out one"
                )));
            }
            if update.as_ref().is_some_and(|update| update.name == *name) {
                return Err(CliError::Usage(format!(
                    "--known-update {name} reads the file, too: leave out --known {name}"
                )));
            }
            texts.push((name.clone(), text));
        }
        let mut files: Vec<KnownFile<'_>> = texts
            .iter()
            .map(|(name, text)| KnownFile {
                name,
                text,
                missing_reasons: MissingReasons::Refused,
            })
            .collect();
        if let Some(FileToUpdate {
            name,
            text: Some(text),
            ..
        }) = &update
        {
            files.push(KnownFile {
                name,
                text,
                missing_reasons: MissingReasons::Allowed,
            });
        }
        let known = known::load(&files, contract, played, args.endpoint_version.as_deref());
        Ok(KnownUse {
            known: known.map_err(|mistakes| mistaken(&mistakes))?,
            is_used: !args.known.is_empty() || update.is_some(),
            update,
            version: args.endpoint_version.clone(),
            today: today(),
        })
    }

    /// Reads what the arguments name, for recorded runs.
    pub(super) fn of_recorded(
        args: &KnownArgs,
        contract: &Contract,
        tally: &Tally,
    ) -> Result<Self, CliError> {
        let played: Vec<&str> = tally.cases().map(|case| case.name.as_ref()).collect();
        KnownUse::of(args, contract, &played)
    }

    /// The entries.
    pub(super) fn entries(&self) -> &KnownDeviations {
        &self.known
    }

    /// The day by which entries expire.
    pub(super) fn today(&self) -> &str {
        &self.today
    }

    /// Refuses an option that needs to know at once which failures are new.
    pub(super) fn with_fail_fast(&self) -> Result<(), CliError> {
        let mut entries = self.known.entries().iter();
        match entries.find(|entry| matches!(entry.target, KnownTarget::Cause(_))) {
            None => Ok(()),
            Some(entry) => Err(CliError::Usage(format!(
                "{}: line {}: --fail-fast cannot know what only follows from a cause before the run has ended\n  \
                 hint: name the clauses instead of the {}, or leave out --fail-fast",
                entry.file, entry.line, entry.target
            ))),
        }
    }

    /// Marks what is known in the results of a run.
    pub(super) fn review(&self, tally: &mut Tally, contract: &Contract) {
        if self.is_used {
            tally.set_known(&self.known, contract, &self.today);
        }
    }

    /// Writes the file of `--known-update`, and says what changed.
    pub(super) fn update(&self, tally: &Tally, contract: &Contract, policy: Policy) -> Result<(), CliError> {
        let Some(file) = &self.update else {
            return Ok(());
        };
        if tally.interrupted() {
            eprintln!(
                "known deviations: {} is not updated, since the run did not end",
                file.path.display()
            );
            return Ok(());
        }
        let reviewed = tally.known().into_iter().flat_map(|review| &review.entries);
        let removed: BTreeSet<usize> = reviewed
            .filter(|one| *one.entry.file == *file.name && one.standing == Standing::Gone)
            .map(|one| one.entry.position)
            .collect();
        let added = tally.unknown(&self.known, contract, policy);
        let updated = known::update(
            &file.name,
            file.text.as_deref(),
            &removed,
            &added,
            self.version.as_deref(),
        )
        .map_err(|mistake| mistaken(&[mistake]))?;
        if file.text.as_deref() != Some(updated.text.as_str()) {
            reports::to_file(&file.path, |out| out.write_all(updated.text.as_bytes()))?;
        }
        eprintln!(
            "known deviations: {}: {} added, {} removed, {} kept",
            file.path.display(),
            added.len(),
            removed.len(),
            updated.kept
        );
        if updated.unexplained > 0 {
            eprintln!(
                "{} without a reason: write it in \"reason\" before the next run with --known {}",
                match updated.unexplained {
                    1 => "1 entry is".to_owned(),
                    several => format!("{several} entries are"),
                },
                file.path.display()
            );
        }
        Ok(())
    }
}

/// The text of a file or of a pack. A name with a path separator or the ending `.toml` is a file.
fn text_of(name: &str) -> Result<String, CliError> {
    if !is_file(name) {
        return match pack(name) {
            Some(pack) => Ok(pack.text.to_owned()),
            None => Err(no_pack(name)),
        };
    }
    let path = Path::new(name);
    fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CliError::Usage(format!(
            "could not read {name}: {source}\n  hint: --known-update {name} writes the deviations of a run to it"
        )),
        _ => CliError::File {
            doing: "read",
            path: path.to_owned(),
            source,
        },
    })
}

/// Whether a name means a file, and not a pack.
pub(super) fn is_file(name: &str) -> bool {
    name.contains(std::path::MAIN_SEPARATOR) || name.ends_with(".toml")
}

fn no_pack(name: &str) -> CliError {
    let names = || PACKS.iter().map(|pack| pack.name);
    let near = match close(names(), name).first() {
        Some(near) => format!(" (perhaps {near})"),
        None => String::new(),
    };
    CliError::Usage(format!(
        "there is no pack of known deviations called {name:?}{near}; there are {}\n  \
         hint: a file has a path, or a name that ends in .toml: --known ./{name}",
        names().collect::<Vec<_>>().join(", ")
    ))
}

/// Reads the file to update, and verifies that it can be written.
fn to_update(path: &Path) -> Result<FileToUpdate, CliError> {
    let failed = |doing| {
        move |source| CliError::File {
            doing,
            path: path.to_owned(),
            source,
        }
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed("read")(error)),
    };
    // A run may take long: a folder that is not there is told before it.
    let opened = fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(failed("write"))?;
    if text.is_none() {
        let _ = fs::remove_file(path);
    }
    Ok(FileToUpdate {
        path: path.to_owned(),
        name: path.display().to_string(),
        text,
    })
}

fn mistaken(mistakes: &[KnownMistake]) -> CliError {
    let lines: Vec<String> = mistakes.iter().map(KnownMistake::to_string).collect();
    CliError::Known(lines.join("\n  "))
}
