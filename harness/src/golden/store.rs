//! Goldens on disk, in the format of insta; the only file outside the tests that calls insta.
//!
//! A set of goldens is a folder, a case is a `.snap` file in it, and a recording that was not reviewed yet is a
//! `.snap.new` file next to that. `cargo insta review`, `accept`, `reject` and `pending-snapshots` work on these files.
//! The store deletes nothing and never writes a golden itself: only a person who accepts a recording does that.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use insta::internals::{Content, SnapshotContents};

use crate::contract::ClauseId;

const REVIEWED: &str = ".snap";
const PENDING: &str = ".snap.new";

/// The goldens of one endpoint.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// A reviewed transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Golden {
    /// The transcript.
    pub text: String,
    /// The clauses that were violated when it was recorded, each with the step that showed it.
    pub violated: Vec<(usize, ClauseId)>,
}

/// What a reviewer sees in addition to the transcript.
#[derive(Debug, Clone)]
pub struct About<'a> {
    /// What the case shows.
    pub purpose: &'a str,
    /// The clauses that the case covers.
    pub clauses: &'a [ClauseId],
    /// The clauses that were violated, each with the step that showed it.
    pub violated: &'a [(usize, ClauseId)],
    /// The edition by which the run was judged.
    pub edition: &'a str,
    /// The endpoint.
    pub endpoint: &'a str,
    /// The `Server` header of the endpoint.
    pub server: Option<&'a str>,
    /// The day of the recording.
    pub day: &'a str,
}

/// Why a golden could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not a valid name of a set; it must be the name of a folder.
    #[error(
        "{0:?} is not a valid name for a set of goldens: use letters, digits, `.`, `-` and `_`, for instance moto-5.2.5"
    )]
    Name(String),
    /// A file or folder could not be read or written.
    #[error("could not {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is not a snapshot.
    #[error("could not read {}: it is not an insta snapshot: {why}\n  hint: record it again with --golden record", path.display())]
    NoSnapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Store {
    /// The set with this name, below a folder.
    pub fn new(goldens: &Path, set: &str) -> Result<Store, StoreError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if set.is_empty() || set.starts_with('.') || !set.bytes().all(is_plain) {
            return Err(StoreError::Name(set.to_owned()));
        }
        Ok(Store {
            folder: goldens.join(set),
        })
    }

    /// The folder of the set.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the golden of a case, whether or not it exists.
    pub fn path(&self, case: &str) -> PathBuf {
        self.file(case, REVIEWED)
    }

    /// The golden of a case, if there is one.
    pub fn read(&self, case: &str) -> Result<Option<Golden>, StoreError> {
        read(&self.path(case))
    }

    /// The recording of a case that waits for review, if there is one.
    pub fn read_pending(&self, case: &str) -> Result<Option<Golden>, StoreError> {
        read(&self.file(case, PENDING))
    }

    /// Writes the recording of a case, for review.
    pub fn write_pending(&self, case: &str, text: &str, about: &About<'_>) -> Result<(), StoreError> {
        let path = self.file(case, PENDING);
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File { doing, path, source }
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("make", folder))?;
        }
        fs::write(&path, format!("{}{text}", front(about))).map_err(failed("write", &path))
    }

    /// The names of all cases that have a golden, sorted.
    pub fn reviewed(&self) -> Result<Vec<String>, StoreError> {
        self.names(REVIEWED)
    }

    /// The names of all cases with a recording that waits for review, sorted.
    pub fn pending(&self) -> Result<Vec<String>, StoreError> {
        self.names(PENDING)
    }

    fn file(&self, case: &str, ending: &str) -> PathBuf {
        let mut name = String::with_capacity(case.len() + ending.len());
        for (at, part) in case.split('/').enumerate() {
            if at > 0 {
                name.push('/');
            }
            if part.is_empty() {
                // Two slashes in a row, or one at the beginning, would name another folder.
                name.push('%');
            }
            for (at, byte) in part.bytes().enumerate() {
                match byte {
                    b'.' if at == 0 => name.push_str("%2e"),
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                        name.push(char::from(byte));
                    }
                    byte => _ = write!(name, "%{byte:02x}"),
                }
            }
        }
        name.push_str(ending);
        self.folder.join(name)
    }

    fn names(&self, ending: &str) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let failed = |source| StoreError::File {
                doing: "list",
                path: folder.clone(),
                source,
            };
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let path = entry.path();
                if entry.file_type().map_err(failed)?.is_dir() {
                    folders.push(path);
                } else if let Ok(below) = path.strip_prefix(&self.folder)
                    && let Some(name) = below.to_string_lossy().strip_suffix(ending)
                {
                    names.push(name.replace('\\', "/"));
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn read(path: &Path) -> Result<Option<Golden>, StoreError> {
    let failed = |source| StoreError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let no_snapshot = |why: String| StoreError::NoSnapshot {
        path: path.to_owned(),
        why,
    };
    match fs::read(path) {
        // insta would take any other text for an old format, and print a warning of its own.
        Ok(bytes) if !bytes.starts_with(b"---\n") => {
            return Err(no_snapshot("its first line is not `---`".to_owned()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let snapshot = insta::Snapshot::from_file(path).map_err(|error| no_snapshot(error.to_string()))?;
    let SnapshotContents::Text(text) = snapshot.contents() else {
        return Err(no_snapshot("it holds no text".to_owned()));
    };
    Ok(Some(Golden {
        text: text.to_string(),
        violated: snapshot
            .metadata()
            .private_info()
            .map(violated)
            .unwrap_or_default(),
    }))
}

/// The violated clauses in the `info` of a snapshot: `RSP-17: "1, 3"`.
fn violated(info: &Content) -> Vec<(usize, ClauseId)> {
    let entries = |content: &Content| match content.resolve_inner() {
        Content::Map(entries) => entries.clone(),
        _ => Vec::new(),
    };
    let mut violated = Vec::new();
    for (key, value) in entries(info) {
        if key.as_str() != Some("violated") {
            continue;
        }
        for (clause, steps) in entries(&value) {
            let (Some(clause), Some(steps)) = (clause.as_str(), steps.as_str()) else {
                continue;
            };
            let steps = steps.split(',').filter_map(|step| step.trim().parse().ok());
            violated.extend(steps.map(|step| (step, ClauseId::from(clause))));
        }
    }
    violated.sort_unstable();
    violated
}

/// The front matter of a snapshot. Every string is written as JSON, which is also YAML.
fn front(about: &About<'_>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut front = format!("---\ndescription: {}\ninfo:\n", quoted(about.purpose));
    let mut line = |name: &str, value: &str| _ = writeln!(front, "  {name}: {}", quoted(value));
    let clauses: Vec<&str> = about.clauses.iter().map(ClauseId::as_str).collect();
    line("clauses", &clauses.join(" "));
    line("edition", about.edition);
    line("endpoint", about.endpoint);
    if let Some(server) = about.server {
        line("server", server);
    }
    line("recorded", about.day);
    let mut by_clause: BTreeMap<&ClauseId, Vec<String>> = BTreeMap::new();
    for (step, clause) in about.violated {
        by_clause.entry(clause).or_default().push(step.to_string());
    }
    if !by_clause.is_empty() {
        front.push_str("  violated:\n");
    }
    for (clause, steps) in by_clause {
        _ = writeln!(front, "    {}: {}", clause.as_str(), quoted(&steps.join(", ")));
    }
    front.push_str("---\n");
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(id: &str) -> ClauseId {
        ClauseId::from(id)
    }

    fn scratch() -> (tempfile::TempDir, Store) {
        let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
        let store = Store::new(scratch.path(), "mine").expect("the name is a plain one");
        (scratch, store)
    }

    fn write(store: &Store, case: &str, text: &str, violated: &[(usize, ClauseId)]) {
        let about = About {
            purpose: "What it shows: \"quoted\", 'quoted', # and a \\.",
            clauses: &[clause("DRY-04"), clause("DRY-05")],
            violated,
            edition: "current",
            endpoint: "http://127.0.0.1:5000",
            server: Some("Werkzeug/3.1.3: - {x}"),
            day: "2026-11-28",
        };
        store
            .write_pending(case, text, &about)
            .expect("it can be written");
    }

    #[test]
    fn what_is_written_is_read_by_insta_with_what_a_reviewer_is_told() {
        let (_scratch, store) = scratch();
        let violated = [
            (1, clause("RSP-17")),
            (2, clause("DRY-04")),
            (12, clause("RSP-17")),
        ];
        let text = "step 1: call\n> POST /\n---\n< 200\n\n  indented\n";
        write(&store, "dry-run/valid", text, &violated);
        let golden = store.read_pending("dry-run/valid").expect("insta reads it");
        let golden = golden.expect("it is there");
        assert_eq!(golden.text.trim_end(), text.trim_end());
        assert_eq!(golden.violated, violated);

        let path = store.path("dry-run/valid").with_extension("snap.new");
        let snapshot = insta::Snapshot::from_file(&path).expect("insta reads it");
        let purpose = "What it shows: \"quoted\", 'quoted', # and a \\.";
        assert_eq!(snapshot.metadata().description(), Some(purpose));
    }

    #[test]
    fn only_a_person_who_accepts_makes_a_golden() {
        let (_scratch, store) = scratch();
        assert_eq!(
            store.reviewed().expect("no folder is no goldens"),
            Vec::<String>::new()
        );
        write(&store, "a/b/c", "x\n", &[]);
        write(&store, "d", "x\n", &[]);
        assert_eq!(store.pending().expect("the folder can be listed"), ["a/b/c", "d"]);
        assert_eq!(store.read("d").expect("there is none"), None);
        fs::rename(store.path("d").with_extension("snap.new"), store.path("d")).expect("it can be renamed");
        assert_eq!(store.reviewed().expect("the folder can be listed"), ["d"]);
        assert_eq!(
            store.read("d").expect("it is one").map(|golden| golden.violated),
            Some(Vec::new())
        );
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let (scratch, store) = scratch();
        for case in ["../up", "/etc/x", "a/../../b", "a b\\c", ".hidden"] {
            let path = store.path(case);
            assert!(path.starts_with(store.folder()), "{}", path.display());
            let below = path.strip_prefix(store.folder()).expect("it is below");
            let is_plain = |part: &std::ffi::OsStr| !part.to_string_lossy().starts_with('.');
            assert!(below.iter().all(is_plain), "{}", below.display());
        }
        for set in ["", ".", "..", "a/b", "a b", ".x"] {
            assert!(Store::new(scratch.path(), set).is_err(), "{set:?}");
        }
    }
}
