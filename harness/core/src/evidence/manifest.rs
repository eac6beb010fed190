//! The manifest of a bundle: what was recorded, which questions it answers, and the digests of the files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, Kept, Kind, Recording};
use crate::check::time;
use crate::contract::{Contract, Edition};

/// The version of the format. Readers reject any other.
pub const FORMAT: u32 = 1;

/// The file of the manifest.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The file of the exchanges: a journal.
pub const EVENTS_FILE: &str = "events.ndjson";

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of stopcheck.
    pub stopcheck: String,
    /// The edition of the contract.
    pub edition: Edition,
    /// The day of the recording, UTC.
    pub recorded: String,
    /// Whether the endpoint was Amazon EC2.
    pub is_amazon: bool,
    /// The class of the Region, as the partition of its ARNs, for instance `aws-cn`.
    pub partition: String,
    /// The questions that it answers.
    pub questions: Vec<AnsweredQuestion>,
    /// The cases that were recorded.
    pub cases: Vec<String>,
    /// The cases that were played and have no recording.
    pub unrecorded: Vec<UnrecordedCase>,
    /// The number of exchanges.
    pub exchanges: usize,
    /// How many different texts were replaced, and of which kind; secrets were removed.
    pub replaced: BTreeMap<Kind, usize>,
    /// The other files.
    pub files: Vec<FileDigest>,
}

/// A question, and the recorded cases that answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnsweredQuestion {
    /// Its number.
    pub id: String,
    /// The names of the cases.
    pub cases: Vec<String>,
}

/// A case without a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnrecordedCase {
    /// Its name.
    pub case: String,
    /// The reason in a few words.
    pub why: String,
}

/// The digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name in the bundle.
    pub name: String,
    /// Its length in bytes.
    pub bytes: usize,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// Why a manifest or what it lists cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not a manifest.
    #[error("read {MANIFEST_FILE}: {0}")]
    NoManifest(serde_json::Error),
    /// It has another format.
    #[error("read {MANIFEST_FILE}: it has format {0}, this stopcheck reads format {FORMAT}")]
    OtherFormat(u32),
    /// A file is not the one that was recorded.
    #[error("use {0}: it is not the file of the manifest (length or SHA-256 differ)")]
    OtherFile(String),
    /// The manifest does not list the file.
    #[error("use {0}: the manifest does not list it")]
    Unlisted(String),
}

impl Manifest {
    pub(super) fn new(
        contract: &Contract,
        kept: &Kept,
        recording: Recording<'_>,
        replaced: BTreeMap<Kind, usize>,
        events: &str,
    ) -> Manifest {
        let cases: Vec<String> = kept.names().map(str::to_owned).collect();
        let questions = contract.questions.iter().filter_map(|question| {
            let recorded = question.cases.iter().filter(|name| cases.contains(name));
            let recorded: Vec<String> = recorded.cloned().collect();
            (!recorded.is_empty()).then(|| AnsweredQuestion {
                id: question.id.clone(),
                cases: recorded,
            })
        });
        Manifest {
            format: FORMAT,
            stopcheck: kept.head.stopcheck.clone(),
            edition: kept.head.edition,
            recorded: time::day(kept.head.at_ms).unwrap_or_default(),
            is_amazon: recording.is_amazon,
            partition: partition(&kept.head.region).to_owned(),
            questions: questions.collect(),
            cases: cases.clone(),
            unrecorded: kept.unrecorded.clone(),
            exchanges: kept.exchanges(),
            replaced,
            files: vec![FileDigest {
                name: EVENTS_FILE.to_owned(),
                bytes: events.len(),
                sha256: (recording.digest)(events.as_bytes()),
            }],
        }
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a manifest holds nothing that JSON cannot");
        format!("{text}\n")
    }

    /// Reads the text of the file.
    pub fn from_text(text: &str) -> Result<Manifest, ManifestError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(ManifestError::NoManifest)?;
        if head.format != FORMAT {
            return Err(ManifestError::OtherFormat(head.format));
        }
        serde_json::from_str(text).map_err(ManifestError::NoManifest)
    }

    /// Verifies that a file is the one that was recorded.
    pub fn verify(&self, name: &str, bytes: &[u8], digest: Digest<'_>) -> Result<(), ManifestError> {
        let listed = self.files.iter().find(|file| file.name == name);
        let listed = listed.ok_or_else(|| ManifestError::Unlisted(name.to_owned()))?;
        match listed.bytes == bytes.len() && listed.sha256 == digest(bytes) {
            true => Ok(()),
            false => Err(ManifestError::OtherFile(name.to_owned())),
        }
    }
}

/// The partition of a Region.
fn partition(region: &str) -> &'static str {
    let classes = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    let class = classes.iter().find(|(prefix, _)| region.starts_with(prefix));
    class.map_or("aws", |(_, name)| name)
}
