//! Decodes a response into a reply: the status, the headers, and a body that is a document or the reason why not.
//!
//! Any bytes give a value. Decoding checks the encoding, then the [`Limits`], then lets the strict judge check that the
//! text is well-formed, and only then builds the tree. Documents that [`xml::read_plain`] accepts are plain enough to
//! skip the strict judge. The contents of documents are read by the sibling module `views`, which is re-exported here.

use std::borrow::Cow;
use std::string::FromUtf8Error;

use bytes::Bytes;
use http::header::AsHeaderName;
use http::{HeaderMap, Response};

pub use crate::protocol::limits::Limits;
pub use crate::protocol::views::*;
use crate::protocol::xml::Document;
use crate::protocol::{limits, wellformed, xml};

/// A decoded response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// The body of a response, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Body {
    /// A well-formed document.
    Document(Document),
    /// No bytes.
    Empty,
    /// Anything else.
    Unreadable {
        /// A description of the problem.
        why: String,
    },
}

impl Reply {
    /// Returns the root element of the body, if the body is a document.
    pub fn root(&self) -> Option<xml::Element<'_>> {
        match &self.body {
            Body::Document(document) => Some(document.root()),
            Body::Empty | Body::Unreadable { .. } => None,
        }
    }

    /// Returns the root element of the body, if the status is 200 and the body is a document.
    pub fn success_root(&self) -> Option<xml::Element<'_>> {
        self.root().filter(|_| self.status == 200)
    }

    /// Returns the value of the first header field with this name. Bytes that are not UTF-8 are replaced.
    pub fn header(&self, name: impl AsHeaderName) -> Option<Cow<'_, str>> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()))
    }

    /// Returns the first error of the body, if the body is an error envelope.
    pub fn error(&self) -> Option<ErrorEntry<'_>> {
        self.root().and_then(first_error)
    }
}

/// Decodes a response. Any bytes give a reply.
pub fn decode(response: Response<Bytes>) -> Reply {
    let (head, body) = response.into_parts();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: read_body(&body),
    }
}

/// Decodes a response of a service in this process.
///
/// A plain document is not checked against the limits, because it does not come from outside; everything else is as in
/// [`decode`].
pub fn decode_own(response: Response<Bytes>) -> Reply {
    let (head, body) = response.into_parts();
    // The body has no other owner, so its bytes are moved and not copied.
    let plain = String::from_utf8(body.into())
        .map_err(FromUtf8Error::into_bytes)
        .and_then(|text| xml::read_plain_owned(text).map_err(String::into_bytes));
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: match plain {
            Ok(document) => Body::Document(document),
            Err(body) => read_body(&body),
        },
    }
}

/// Decodes a body. Any bytes give a value.
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

/// Returns the text of a body. A UTF-8 byte order mark is legal XML and is dropped.
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

/// Rejects a document that declares another encoding and has characters beyond ASCII, which we would misread.
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
