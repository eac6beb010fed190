//! From a response to a reply: the status, the headers, and a body that is a document or a reason why not.

pub use crate::protocol::limits::Limits;
pub use crate::protocol::views::*;
use crate::protocol::xml::Document;
use crate::wire::{Headers, Response};

/// A response, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header fields in the order in which they arrived.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

/// What the body of a response turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A well-formed document.
    Document(Document),
    /// No bytes at all.
    Empty,
    /// Anything else.
    Unreadable {
        /// What it is instead, in words.
        why: String,
    },
}

/// Reads a response. Any bytes end in a value.
pub fn decode(response: &Response) -> Reply {
    Reply {
        status: response.status,
        headers: response.headers.clone(),
        body: Body::Empty,
    }
}
