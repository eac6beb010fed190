//! Exchanges on a raw socket: bytes that no HTTP library sends, and what can be known of what comes back.
//!
//! An [`Aim`] stands in the step, so that a recording is judged by what was meant then; a [`Wired`] holds what was
//! sent and heard, without secrets.

use serde::{Deserialize, Serialize};

use super::{Answer, Bytes};
use crate::call::Call;

/// What can be known of the answer to bytes on a raw socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    /// What HTTP demands.
    pub demand: WireDemand,
    /// Whose fault it is, if anything is wrong with the bytes.
    #[serde(default)]
    pub fault: RawFault,
    /// Status codes that HTTP has for just this, beside those that are expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<u16>,
    /// The root elements of the answers, where several are expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
    /// Whether HTTP only says SHOULD here, so that a deviation is never more than a warning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub should: bool,
}

/// What HTTP demands of the answer to some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireDemand {
    /// The plain form itself: an answer. The later steps are compared with it.
    Plain,
    /// The plain form in another dress: the same answer.
    Same,
    /// A complete request: an answer, whatever it says.
    Answered,
    /// A request that HTTP has refused: it must not be carried out like the plain form.
    Refused,
    /// No request, or a doubtful one: an answer or the end of the connection.
    Ended,
    /// The connection is dropped before the message is complete: nothing can come back.
    Dropped,
    /// Several requests at once: their answers in their order.
    InTurn,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawFault {
    /// Nothing.
    #[default]
    None,
    /// What the request says.
    Request,
    /// How it is written: a server may fail before any service sees it.
    Http,
}

/// One exchange on a raw socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wired {
    /// The case.
    pub case: String,
    /// The step.
    pub step: usize,
    /// The call whose plain form the bytes were made from.
    pub call: Call,
    /// What was sent, cut where it is long.
    pub sent: Bytes,
    /// How many bytes were sent.
    pub sent_length: usize,
    /// The final responses, in order.
    pub answers: Vec<Answer>,
    /// What came after them and is no whole response, cut where it is long.
    pub rest: Bytes,
    /// How it ended.
    pub ending: Ending,
    /// When it began, milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// How an exchange on a raw socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All answers that were waited for came.
    Answered,
    /// The endpoint closed the connection.
    Closed,
    /// The endpoint reset the connection.
    Reset,
    /// Nothing more came until time was up.
    Silent,
    /// Something came that is no HTTP.
    NoHttp,
    /// More came than we are willing to read.
    TooMuch,
    /// We dropped the connection.
    Dropped,
}

impl Ending {
    /// The ending in words, after "the connection".
    pub fn words(self) -> &'static str {
        match self {
            Ending::Answered => "was answered on",
            Ending::Closed => "was closed by the endpoint",
            Ending::Reset => "was reset by the endpoint",
            Ending::Silent => "stayed open and silent until time was up",
            Ending::NoHttp => "sent something that is not HTTP",
            Ending::TooMuch => "carried more than is read",
            Ending::Dropped => "was dropped by us",
        }
    }
}
