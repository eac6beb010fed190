//! From a response to a reply: the status, the headers, and a body that is a document or the reason why not.
//!
//! Bytes come in, a value goes out, whatever they are: first the encoding, then the [`Limits`], then the strict
//! judge, and only then the reader that builds the tree. Only a document so plain that nobody could misjudge it is read
//! at once. What documents say is in the sibling `views`, whose words can be had from here too.

use std::string::FromUtf8Error;

pub use crate::protocol::limits::Limits;
pub use crate::protocol::views::*;
use crate::protocol::xml::Document;
use crate::protocol::{limits, wellformed, xml};
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

impl Reply {
    /// The root element of the body, if the body is a document.
    pub fn root(&self) -> Option<xml::Element<'_>> {
        match &self.body {
            Body::Document(document) => Some(document.root()),
            Body::Empty | Body::Unreadable { .. } => None,
        }
    }

    /// The first error of the body, if the body is an error envelope.
    pub fn error(&self) -> Option<ErrorEntry<'_>> {
        self.root().and_then(first_error)
    }
}

/// Reads a response. Any bytes end in a value.
pub fn decode(response: Response) -> Reply {
    Reply {
        status: response.status,
        headers: response.headers,
        body: read_body(&response.body),
    }
}

/// Reads a response of a service in this process. Bytes that come from nowhere else are not measured against the
/// limits; all else is as in [`decode`].
pub fn decode_own(response: Response) -> Reply {
    let Response {
        status,
        headers,
        body,
    } = response;
    let plain = String::from_utf8(body)
        .map_err(FromUtf8Error::into_bytes)
        .and_then(|text| xml::read_plain_owned(text).map_err(String::into_bytes));
    match plain {
        Ok(document) => Reply {
            status,
            headers,
            body: Body::Document(document),
        },
        Err(body) => decode(Response {
            status,
            headers,
            body,
        }),
    }
}

/// Reads a body alone. Any bytes end in a value.
pub fn read_body(bytes: &[u8]) -> Body {
    if bytes.is_empty() {
        return Body::Empty;
    }
    match read_document(bytes, &Limits::default()) {
        Ok(document) => Body::Document(document),
        Err(why) => Body::Unreadable { why },
    }
}

fn read_document(bytes: &[u8], limits: &Limits) -> Result<Document, String> {
    if bytes.len() > limits.bytes {
        return Err(limits::Excess::Bytes(limits.bytes).to_string());
    }
    let text = as_text(bytes)?;
    limits::within(text, limits).map_err(|excess| excess.to_string())?;
    if let Some(document) = xml::read_plain(text) {
        return Ok(document);
    }
    wellformed::judge(text).map_err(|why| format!("not well-formed XML: {why}"))?;
    let document = xml::read(text).map_err(|why| format!("not readable as XML: {why}"))?;
    check_encoding(text, &document)?;
    Ok(document)
}

/// The text of a body. The byte order mark of UTF-8 is legal XML and carries nothing.
fn as_text(bytes: &[u8]) -> Result<&str, String> {
    let utf_16 = match bytes {
        [0xfe, 0xff, ..] | [0, b'<', ..] => Some("big"),
        [0xff, 0xfe, ..] | [b'<', 0, ..] => Some("little"),
        _ => None,
    };
    if let Some(endian) = utf_16 {
        return Err(format!("encoded in UTF-16 ({endian} endian) instead of UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| format!("not valid UTF-8 at byte {}", error.valid_up_to()))
}

/// A document that declares another encoding means other characters than the ones we read.
fn check_encoding(text: &str, document: &Document) -> Result<(), String> {
    let declared = document
        .declaration
        .as_ref()
        .and_then(|declaration| declaration.encoding.as_deref());
    match declared {
        Some(name) if !name.eq_ignore_ascii_case("utf-8") && !text.is_ascii() => Err(format!(
            "declares the encoding {name:?} and holds characters beyond ASCII"
        )),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
