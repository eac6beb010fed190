//! HTTP messages: a request as it is sent, a response as it was received.
//!
//! Only bytes and strings, without meaning: nothing here reads XML, forms or signatures. This is the lowest layer, and
//! the only one that the reference endpoint imports.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// An HTTP request as it is sent: method, request target, headers in order, body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, upper case: `GET`, `POST`, `HEAD`, …
    pub method: String,
    /// Path and query as on the request line, for instance `/` or `/?Action=StopInstances`.
    pub target: String,
    /// Header fields in the order in which they are sent.
    pub headers: Headers,
    /// The body, possibly empty.
    pub body: Vec<u8>,
}

/// An HTTP response as it was received, body complete and unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields in the order in which they arrived.
    pub headers: Headers,
    /// The body byte for byte.
    pub body: Vec<u8>,
}

/// Header fields in order. Names keep their spelling and are compared case-insensitively.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub Vec<(HeaderText, HeaderText)>);

/// A name or a value of a header field. Most are the same in every message and need no copy.
pub type HeaderText = Cow<'static, str>;

impl Headers {
    /// Returns the value of the first field with this name, compared case-insensitively.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    /// Removes every field of this name and appends a new one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.0.push((name.to_owned().into(), value.into().into()));
    }

    /// Removes every field of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

impl<N: Into<HeaderText>, V: Into<HeaderText>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Headers(
            fields
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl Request {
    /// Returns the path of the request target, without the query.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// Returns the query of the request target; empty if there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_in_any_spelling() {
        let mut headers = Headers::default();
        headers.set("Content-Type", "text/xml");
        assert_eq!(headers.get("content-type"), Some("text/xml"));
        headers.set("CONTENT-TYPE", "text/html");
        assert_eq!(headers.0.len(), 1, "set replaces every spelling");
    }

    #[test]
    fn the_target_splits_at_the_first_question_mark() {
        let request = Request {
            method: "GET".into(),
            target: "/a?b=c?d".into(),
            headers: Headers::default(),
            body: Vec::new(),
        };
        assert_eq!((request.path(), request.query()), ("/a", "b=c?d"));
    }
}
