//! What is expected of the answer to bytes that no HTTP library sends.
//!
//! The [`Aim`] is recorded with the step, so that a recording is judged by the expectation of that time.

use serde::{Deserialize, Serialize};

/// What is expected of the answer to bytes on a raw socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
