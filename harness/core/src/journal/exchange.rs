//! One exchange with the endpoint: what was sent, and what came back.
//!
//! A request over HTTP and bytes on a raw socket are the same event. They differ in what was sent; an exchange over HTTP
//! has one answer at most, and one on a raw socket may have several.

use serde::{Deserialize, Serialize};

use crate::call::Call;

/// One exchange with the endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exchange {
    /// The case.
    pub case: String,
    /// The step; 0 during preparation and clean-up.
    pub step: usize,
    /// Why it was sent.
    pub role: Role,
    /// The call that was encoded, or whose plain form the raw bytes were made from.
    pub call: Call,
    /// What was sent, without secrets.
    pub sent: SentRecord,
    /// The final responses, in order.
    pub answers: Vec<Answer>,
    /// The bytes after the responses that are not a whole response, truncated if they are long.
    #[serde(default, skip_serializing_if = "Bytes::is_empty")]
    pub rest: Bytes,
    /// How the exchange ended.
    pub ending: Ending,
    /// When it began, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Its place among the calls that overlapped with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<CallInterval>,
}

/// When one of several overlapping calls began and ended. The numbers count the beginnings and the ends of the calls of
/// the step, so they are in the order in which these happened, which milliseconds are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallInterval {
    /// The caller, from 1.
    pub caller: usize,
    /// When the request was about to be sent.
    pub began: u64,
    /// When the answer had come; `None` if none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// Why a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To prepare a fixture; not judged.
    Arrange,
    /// The call or the raw bytes that the step is about; judged.
    Act,
    /// An attempt that was throttled or failed with a server error, and was sent again; not judged.
    Retried,
    /// A description of the instances, while waiting or to show that a refusal changed nothing. The last one of a step
    /// counts.
    Look,
    /// Another read (attributes, Spot requests, status), judged by the check that requested it.
    Ask,
    /// Clean-up; not judged.
    Clean,
}

/// What was sent, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SentRecord {
    /// A request over HTTP.
    Request(RequestRecord),
    /// Bytes on a raw socket.
    Raw(RawRecord),
}

/// A request as sent, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequestRecord {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub headers: HeaderRecords,
    /// The body.
    pub body: Bytes,
}

/// Bytes as sent on a raw socket, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RawRecord {
    /// The bytes, truncated if they are long.
    pub bytes: Bytes,
    /// How many bytes were sent.
    pub length: usize,
}

/// An HTTP response, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderRecords,
    /// The body.
    pub body: Bytes,
}

/// How an exchange ended. By itself this is never a verdict about the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All expected answers arrived.
    Answered,
    /// No answer to a request over HTTP.
    Failed {
        /// The reason; continues "could not …".
        why: String,
    },
    /// The answer to a request over HTTP is not a whole HTTP message.
    Broken {
        /// What is wrong with it, in the words of the HTTP library.
        why: String,
    },
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

/// Header fields as names and values, in order. Bytes of a value that are not UTF-8 are replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct HeaderRecords(pub Vec<(String, String)>);

/// Bytes in JSON: text if they are UTF-8, base64 otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// UTF-8.
    Text(String),
    /// Any other bytes, in base64.
    Base64(String),
}

impl Exchange {
    /// The request, if it went over HTTP.
    pub fn request(&self) -> Option<&RequestRecord> {
        match &self.sent {
            SentRecord::Request(request) => Some(request),
            SentRecord::Raw(_) => None,
        }
    }

    /// When the last answer came, by the clock of the run.
    pub fn answered_ms(&self) -> u64 {
        self.at_ms.saturating_add(self.took_ms)
    }
}

impl Ending {
    /// The word in a journal.
    pub fn name(&self) -> &'static str {
        match self {
            Ending::Answered => "answered",
            Ending::Failed { .. } => "failed",
            Ending::Closed => "closed",
            Ending::Reset => "reset",
            Ending::Silent => "silent",
            Ending::Broken { .. } => "broken",
            Ending::NoHttp => "no-http",
            Ending::TooMuch => "too-much",
            Ending::Dropped => "dropped",
        }
    }
}

impl HeaderRecords {
    /// Returns the value of the first field with this name, compared case-insensitively.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Bytes {
    fn is_empty(&self) -> bool {
        let (Bytes::Text(text) | Bytes::Base64(text)) = self;
        text.is_empty()
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Bytes::Text(String::new())
    }
}
