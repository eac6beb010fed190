//! The contract of a command with the scenarios that the user adds, read from files and folders.
//!
//! A folder stands for every `.toml` file in it and below it. Files that cannot be read or are too large are reported
//! together with all other mistakes. Links are followed, and nothing is read twice, so a loop of links ends.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CliError;
use crate::contract::{self, Contract, Edition, LoadError, Mistake};

/// The largest size of a file, in bytes. A thousand scenarios are smaller.
const MOST_BYTES: u64 = 1 << 20;

/// The most files and folders that are read. A folder with more is probably the wrong one.
const MOST_ENTRIES: usize = 10_000;

/// The embedded contract, extended by the scenarios in these files and folders.
pub(super) fn contract_with(paths: &[PathBuf], edition: Edition) -> Result<Arc<Contract>, CliError> {
    let mut reading = Reading::default();
    for path in paths {
        reading.take(path);
    }
    let mut problems = reading.problems;
    match contract::extended(&reading.files, edition) {
        Ok(contract) if problems.is_empty() => Ok(Arc::new(contract)),
        outcome => {
            let mistakes = outcome.err().map(|errors| errors.0).unwrap_or_default();
            problems.extend(mistakes.iter().map(LoadError::to_string));
            let more = problems.len().saturating_sub(MOST_TOLD);
            problems.truncate(MOST_TOLD);
            if more > 0 {
                problems.push(format!("… and {more} more"));
            }
            Err(CliError::Scenarios(problems.join("\n  ")))
        }
    }
}

/// How many mistakes are reported; nobody fixes more at once.
const MOST_TOLD: usize = 200;

/// The files read so far.
#[derive(Debug, Default)]
struct Reading {
    files: Vec<(String, String)>,
    problems: Vec<String>,
    /// The canonical paths of files and folders that were visited.
    seen: BTreeSet<PathBuf>,
    entries: usize,
    /// How many scenario files were found, including those already read.
    met: usize,
}

impl Reading {
    /// Reads a path that the user named: a folder with at least one scenario file, or a file of any name.
    fn take(&mut self, path: &Path) {
        let before = (self.met, self.problems.len());
        match fs::metadata(path) {
            Ok(what) if what.is_dir() => {
                let new = self.is_new(path);
                if new {
                    self.folder(path);
                }
                if new && (self.met, self.problems.len()) == before {
                    self.problem(path, "there is no .toml file in it");
                }
            }
            Ok(what) if what.is_file() => self.file(path),
            Ok(_) => self.problem(path, "it is neither a file nor a folder"),
            Err(error) => self.problem(path, &error.to_string()),
        }
    }

    fn folder(&mut self, path: &Path) {
        let listed = fs::read_dir(path).and_then(|entries| {
            // Read one entry more than allowed, to detect that there are too many.
            let most = MOST_ENTRIES + 1 - self.entries.min(MOST_ENTRIES);
            entries
                .take(most)
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<PathBuf>>>()
        });
        let mut inside = match listed {
            Ok(inside) => inside,
            Err(error) => return self.problem(path, &error.to_string()),
        };
        // For the same order on every machine.
        inside.sort();
        for path in inside {
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                if self.entries == MOST_ENTRIES + 1 {
                    let why = format!("with it there are more than {MOST_ENTRIES} files and folders");
                    self.problem(&path, &why);
                }
                return;
            }
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            let toml = path.extension().is_some_and(|extension| extension == "toml");
            match fs::metadata(&path) {
                _ if hidden => {}
                Ok(what) if what.is_dir() => {
                    if self.is_new(&path) {
                        self.folder(&path);
                    }
                }
                Ok(what) if what.is_file() && toml => self.file(&path),
                // A file that is not named like a scenario file is ignored.
                Ok(_) | Err(_) if !toml => {}
                Ok(_) => self.problem(&path, "it is not a file"),
                Err(error) => self.problem(&path, &error.to_string()),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        self.met += 1;
        if !self.is_new(path) {
            return;
        }
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return self.problem(path, &error.to_string());
        }
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
            return self.problem(
                path,
                "it has more than a mebibyte, which no file of scenarios needs",
            );
        }
        let file = path.display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => self.files.push((file, text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = error.as_bytes().iter().take(valid);
                let error = LoadError {
                    file,
                    line: before.filter(|byte| **byte == b'\n').count() + 1,
                    mistake: Mistake::NotUtf8,
                };
                self.problems.push(error.to_string());
            }
        }
    }

    /// Whether the path was not visited before, under this or another name. Reports a path that cannot be resolved.
    fn is_new(&mut self, path: &Path) -> bool {
        match path.canonicalize() {
            Ok(real) => self.seen.insert(real),
            Err(error) => {
                self.problem(path, &error.to_string());
                false
            }
        }
    }

    fn problem(&mut self, path: &Path, why: &str) {
        self.problems.push(format!("{}: {why}", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const ONE: &str = "[[scenario]]\nname = \"mine/one\"\npurpose = \"One.\"\nsteps = [{ observe = true }]\n";

    fn read(paths: &[&Path]) -> Reading {
        let mut reading = Reading::default();
        for path in paths {
            reading.take(path);
        }
        reading
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("there is room for a folder")
    }

    fn write(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).expect("the folder takes a file");
    }

    #[track_caller]
    fn only_problem(reading: &Reading) -> &str {
        assert_eq!(reading.problems.len(), 1, "{:#?}", reading.problems);
        reading.problems.first().map_or("", String::as_str)
    }

    #[test]
    fn a_folder_stands_for_its_files_in_order_and_for_those_below() {
        let folder = folder();
        let below = folder.path().join("b");
        fs::create_dir(&below).expect("a folder takes a folder");
        for name in ["c.toml", "a.toml", "notes.md", ".hidden.toml", "b/x.toml"] {
            write(&folder.path().join(name), ONE.as_bytes());
        }
        let reading = read(&[folder.path()]);
        let names: Vec<_> = reading
            .files
            .iter()
            .filter_map(|(name, _)| Path::new(name).strip_prefix(folder.path()).ok())
            .map(|name| name.display().to_string())
            .collect();
        assert_eq!(names, ["a.toml", "b/x.toml", "c.toml"]);
        assert_eq!(reading.problems, [""; 0]);
    }

    #[test]
    fn a_loop_of_links_ends_and_a_link_to_itself_is_told() {
        let folder = folder();
        write(&folder.path().join("a.toml"), ONE.as_bytes());
        symlink(folder.path(), folder.path().join("again")).expect("a link can be made");
        symlink("a.toml", folder.path().join("same.toml")).expect("a link can be made");
        let reading = read(&[folder.path(), folder.path()]);
        assert_eq!(reading.files.len(), 1);
        assert_eq!(reading.problems, [""; 0]);
        symlink("self.toml", folder.path().join("self.toml")).expect("a link can be made");
        let reading = read(&[folder.path()]);
        assert_eq!(reading.files.len(), 1);
        assert!(only_problem(&reading).contains("self.toml: "));
    }

    #[test]
    fn nothing_to_read_is_told() {
        let folder = folder();
        let reading = read(&[folder.path()]);
        assert!(only_problem(&reading).ends_with("there is no .toml file in it"));
        fs::create_dir(folder.path().join("below")).expect("a folder takes a folder");
        assert!(only_problem(&read(&[folder.path()])).ends_with("there is no .toml file in it"));
        let reading = read(&[&folder.path().join("nowhere")]);
        assert!(only_problem(&reading).contains("nowhere: "));
        let reading = read(&[Path::new("/dev/null")]);
        assert!(only_problem(&reading).ends_with("it is neither a file nor a folder"));
    }

    #[test]
    fn a_mebibyte_is_read_and_a_byte_more_is_not() {
        let folder = folder();
        let path = folder.path().join("big.toml");
        let most = usize::try_from(MOST_BYTES).expect("memory holds a mebibyte");
        write(&path, &vec![b'\n'; most]);
        assert_eq!(read(&[&path]).problems, [""; 0]);
        write(&path, &vec![b'\n'; most + 1]);
        assert!(only_problem(&read(&[&path])).contains("more than a mebibyte"));
        // A sparse file is not read to its end either.
        let file = File::create(&path).expect("the folder takes a file");
        file.set_len(1 << 30).expect("the file can have holes");
        assert!(only_problem(&read(&[&path])).contains("more than a mebibyte"));
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_line() {
        let folder = folder();
        let path = folder.path().join("a.toml");
        write(&path, b"# one\n# two \xff\n");
        assert!(only_problem(&read(&[&path])).ends_with("a.toml: line 2: it is not UTF-8"));
    }

    #[test]
    fn a_folder_with_too_much_in_it_is_told_once() {
        let folder = folder();
        for number in 0..=MOST_ENTRIES {
            write(&folder.path().join(format!("{number}")), b"");
        }
        assert!(only_problem(&read(&[folder.path()])).contains("more than 10000"));
    }
}
