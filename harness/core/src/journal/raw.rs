//! Exchanges on a raw socket: bytes that no HTTP library sends, and the expected responses.
//!
//! The [`Aim`] is recorded with the step, so that a recording is judged by the expectation of that time. The [`Wired`]
//! event has what was sent and received, without secrets.

use serde::{Deserialize, Serialize};

use super::{Answer, Bytes};
use crate::call::Call;

/// What is expected of the answer to bytes on a raw socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    /// What HTTP requires.
    pub demand: WireDemand,
    /// What is wrong with the bytes, if anything.
    #[serde(default)]
    pub fault: RawFault,
    /// Status codes that HTTP defines for exactly this situation, accepted in addition to the expected ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<u16>,
    /// The root elements of the answers, if several answers are expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
    /// Whether HTTP only says SHOULD here, so that a deviation is at most a warning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub should: bool,
}

/// What HTTP requires of the answer to some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireDemand {
    /// The plain form of the call: an answer. Later steps are compared with it.
    Plain,
    /// The plain form, written in another way: the same answer.
    Same,
    /// A complete request: any answer.
    Answered,
    /// A request that HTTP requires to be refused: it must not be carried out like the plain form.
    Refused,
    /// An incomplete or ambiguous request, or none: an answer or the end of the connection.
    Ended,
    /// The client drops the connection before the message is complete: no answer is possible.
    Dropped,
    /// Several requests at once: their answers, in order.
    InTurn,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawFault {
    /// Nothing.
    #[default]
    None,
    /// The content of the request.
    Request,
    /// The HTTP syntax: a server may fail before the service sees the request.
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
    /// The bytes sent, truncated if they are long.
    pub sent: Bytes,
    /// How many bytes were sent.
    pub sent_length: usize,
    /// The final responses, in order.
    pub answers: Vec<Answer>,
    /// The bytes after the responses that are not a whole response, truncated if they are long.
    pub rest: Bytes,
    /// How the exchange ended.
    pub ending: Ending,
    /// When it began, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// How an exchange on a raw socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All expected answers arrived.
    Answered,
    /// The endpoint closed the connection.
    Closed,
    /// The endpoint reset the connection.
    Reset,
    /// Nothing more arrived before the timeout.
    Silent,
    /// The endpoint sent something that is not HTTP.
    NoHttp,
    /// The endpoint sent more than we are willing to read.
    TooMuch,
    /// We dropped the connection.
    Dropped,
}

impl Ending {
    /// The word in a journal.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Answered => "answered",
            Ending::Closed => "closed",
            Ending::Reset => "reset",
            Ending::Silent => "silent",
            Ending::NoHttp => "no-http",
            Ending::TooMuch => "too-much",
            Ending::Dropped => "dropped",
        }
    }
}
