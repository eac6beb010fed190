//! Answers that the real service was recorded to give. The files are `golden/aws/*.toml`, one for each number of the
//! evidence; they are tables of the contract like any other.
//!
//! They are the proof that the contract forbids nothing that Amazon does: every one of them is judged by the tests, and
//! must pass. They are also what people are shown when they ask where a sentence comes from.

use serde::Deserialize;

use super::{CallTemplate, FixtureKind};

/// One recorded answer, and the call that it fits.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its name, the number of its source first, for instance `r16-shutting-down`.
    pub name: String,
    /// The key of its source, for instance `R16`; see [`Contract::source`](super::Contract::source).
    pub source: String,
    /// How good the record is.
    pub grade: Grade,
    /// How much of the text below is the record itself.
    pub framing: Framing,
    /// The date on which it was answered, or the years between which it was, as far as that is known.
    pub when: Option<String>,
    /// A remark for the reader.
    pub note: Option<String>,
    /// The instances that the call is about, and how the record names them.
    pub fixtures: Vec<RecordedFixture>,
    /// The ids of no instance that the call names, by the names that it uses for them.
    pub decoys: Vec<(String, String)>,
    /// The call. Where none was recorded beside the answer, the one to which this is the answer.
    pub call: CallTemplate,
    /// The status code.
    pub status: u16,
    /// The header fields that were recorded; the order is that of the record.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Why the embedded reference answers the same call otherwise, if it does.
    pub elsewhere: Option<String>,
}

/// An instance that a recorded call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFixture {
    /// The short name that the call uses.
    pub name: String,
    /// What it was.
    pub kind: FixtureKind,
    /// Its id in the record.
    pub id: String,
}

/// How good a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Grade {
    /// Captured on the wire.
    A,
    /// Read by an SDK from a real exchange: values exact, framing lost.
    B,
    /// Code and message quoted by a person or in a log.
    C,
}

/// How much of a recorded body is the record itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// All of it, byte for byte.
    Captured,
    /// The values; the layout around them is that of captured answers of the same years.
    Rebuilt,
    /// Code and message; the envelope and its request id are those of R14, and the status is that of other records of
    /// the same code.
    Quoted,
}

impl Grade {
    /// The letter.
    pub fn letter(self) -> char {
        match self {
            Grade::A => 'A',
            Grade::B => 'B',
            Grade::C => 'C',
        }
    }
}

impl Framing {
    /// What of a body is the record, in words that continue "grade A, …".
    pub fn in_words(self) -> &'static str {
        match self {
            Framing::Captured => "byte for byte",
            Framing::Rebuilt => "the values; the layout is that of captured answers",
            Framing::Quoted => "code and message; the envelope is that of R14",
        }
    }
}
