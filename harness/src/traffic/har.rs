//! Reads recordings in HAR 1.2, the format that browsers, mitmproxy and test tools export.
//!
//! Input: JSON of any size. Output: the exchanges, one after the other, in the order in which they were sent. Only what
//! may be a call of EC2 is read; everything else is skipped byte by byte, so memory is bounded by the largest call and
//! its answer. Recordings are often out of order: entries wait in a buffer of bounded size until earlier ones have come.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Unjudged, WatchedExchange};
use crate::call::Encoding;
use crate::check::time::unix_ms;
use crate::journal::{self, CallInterval, Ending};
use crate::protocol::watched::{Seen, recognize};
use crate::protocol::{form, recorded_bytes};

/// The most bytes of one request or answer that is read.
const LONGEST_PART: u64 = 64 << 20;

/// How many exchanges wait for earlier ones, and how many bytes their bodies may have.
const WAITING: usize = 10_000;
const WAITING_BYTES: usize = 64 << 20;

/// Whether a file that begins with these bytes is a recording in HAR, and not a journal.
pub fn is_har(beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let Some(inside) = text.strip_prefix('{') else {
        return false;
    };
    let first_name = inside
        .trim_start()
        .strip_prefix('"')
        .and_then(|rest| rest.split('"').next());
    match first_name {
        Some("event") | None => false,
        Some("log") => true,
        Some(_) => text.contains("\"log\""),
    }
}

/// Reads a recording. `each` gets every exchange; its first error ends the reading.
pub fn read<E>(
    input: impl Read,
    each: impl FnMut(WatchedExchange) -> Result<(), E>,
) -> Result<(), HarError<E>> {
    let limit = Limit::default();
    let mut input = BufReader::new(input);
    skip_byte_order_mark(&mut input).map_err(HarError::Read)?;
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(Limited {
        inner: input,
        limit: limit.clone(),
    }));
    let mut entries = Entries {
        sorter: Sorter::default(),
        each,
    };
    let mut failed = None;
    let inside = Inside {
        path: &PATH,
        limit: &limit,
        entry: &mut |entry| {
            failed = entries.take(entry).err();
            failed.is_none()
        },
    };
    let outcome = inside.deserialize(&mut reader).and_then(|()| reader.end());
    match (failed, outcome) {
        (Some(error), _) => Err(HarError::Each(error)),
        (None, Err(error)) => Err(HarError::Json(error)),
        (None, Ok(())) => entries.drain(0).map_err(HarError::Each),
    }
}

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HarError<E> {
    /// The receiver of the exchanges failed.
    #[error("use an exchange")]
    Each(E),
    /// The file cannot be read.
    #[error("{0}")]
    Read(io::Error),
    /// It is not a recording.
    #[error("not a HAR recording: {0}")]
    Json(serde_json::Error),
}

fn skip_byte_order_mark<R: Read>(input: &mut BufReader<R>) -> io::Result<()> {
    use std::io::BufRead as _;
    if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(())
}

/// How many bytes may still be read of the part that is being read; `None` where nothing is kept.
#[derive(Debug, Clone, Default)]
struct Limit(Rc<Cell<Option<u64>>>);

impl Limit {
    fn while_reading<T>(&self, read: impl FnOnce() -> T) -> T {
        self.0.set(Some(LONGEST_PART));
        let out = read();
        self.0.set(None);
        out
    }
}

struct Limited<R> {
    inner: R,
    limit: Limit,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(left) = self.limit.0.get() {
            let left = left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX));
            let too_long = || {
                io::Error::other(format!(
                    "a request or an answer has more than {LONGEST_PART} bytes"
                ))
            };
            self.limit.0.set(Some(left.ok_or_else(too_long)?));
        }
        Ok(read)
    }
}

/// What is done with the entries.
struct Entries<F> {
    sorter: Sorter,
    each: F,
}

impl<F> Entries<F> {
    fn take<E>(&mut self, entry: Entry) -> Result<(), E>
    where
        F: FnMut(WatchedExchange) -> Result<(), E>,
    {
        let Some((watched, is_relevant)) = entry.watched() else {
            return Ok(());
        };
        if !is_relevant {
            return (self.each)(watched);
        }
        self.sorter.add(watched);
        self.drain(WAITING)
    }

    /// Passes on the exchanges that wait, down to this many.
    fn drain<E>(&mut self, kept: usize) -> Result<(), E>
    where
        F: FnMut(WatchedExchange) -> Result<(), E>,
    {
        while self.sorter.waiting.len() > kept || self.sorter.bytes > WAITING_BYTES || kept == 0 {
            let Some(next) = self.sorter.next() else { break };
            (self.each)(next)?;
        }
        Ok(())
    }
}

/// Sorts exchanges by their beginnings, as far as its room goes.
#[derive(Debug, Default)]
struct Sorter {
    waiting: BTreeMap<(u64, u64), WatchedExchange>,
    added: u64,
    bytes: usize,
    /// The beginning of the last exchange that was passed on, and the last end of all.
    last: Option<(u64, u64)>,
}

impl Sorter {
    fn add(&mut self, watched: WatchedExchange) {
        self.added += 1;
        self.bytes += size_of(&watched);
        self.waiting.insert((watched.at_ms, self.added), watched);
    }

    fn next(&mut self) -> Option<WatchedExchange> {
        let ((began, _), mut next) = self.waiting.pop_first()?;
        self.bytes = self.bytes.saturating_sub(size_of(&next));
        let ended = began.saturating_add(next.took_ms);
        let follows = self.waiting.first_key_value().map(|((began, _), _)| *began);
        let overlaps_with_next = follows.is_some_and(|follows| follows <= ended);
        let overlaps_with_last = self.last.is_some_and(|(_, last_end)| began <= last_end);
        if overlaps_with_next || overlaps_with_last {
            next.interval = Some(CallInterval {
                caller: 1,
                began,
                ended: Some(ended),
            });
        }
        if self.last.is_some_and(|(last_began, _)| began < last_began) {
            next.unjudged = Some(Unjudged::OutOfOrder);
        }
        let last_end = self.last.map_or(0, |(_, last_end)| last_end);
        let last_began = self.last.map_or(0, |(last_began, _)| last_began);
        self.last = Some((began.max(last_began), ended.max(last_end)));
        Some(next)
    }
}

fn size_of(watched: &WatchedExchange) -> usize {
    let answer = watched
        .answer
        .as_ref()
        .map_or(0, |response| response.body().len());
    watched.request.body().len() + answer
}

/// The members on the way to the list of entries.
const PATH: [&str; 2] = ["log", "entries"];

/// Passes on the entries of a list that is a member of a member.
struct Inside<'a> {
    path: &'a [&'static str],
    limit: &'a Limit,
    /// Returns whether to go on.
    entry: &'a mut dyn FnMut(Entry) -> bool,
}

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.path {
            [] => deserializer.deserialize_seq(self),
            [..] => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path {
            [] => f.write_str("a list of entries"),
            [name, ..] => write!(f, "an object with the member `{name}`"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((wanted, path)) = self.path.split_first() else {
            return Err(A::Error::custom("a list was expected"));
        };
        let mut is_found = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == *wanted && !is_found {
                is_found = true;
                map.next_value_seed(Inside {
                    path,
                    limit: self.limit,
                    entry: &mut *self.entry,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match is_found {
            true => Ok(()),
            false => Err(A::Error::missing_field(wanted)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element_seed(One(self.limit))? {
            if !(self.entry)(entry) {
                return Err(A::Error::custom("an exchange could not be used"));
            }
        }
        Ok(())
    }
}

/// One entry.
struct One<'a>(&'a Limit);

/// What is read of an entry.
#[derive(Debug, Default)]
struct Entry {
    started: Option<String>,
    time_ms: Option<f64>,
    request: Option<HarRequest>,
    response: Option<HarResponse>,
    is_from_cache: bool,
}

#[derive(Debug, Deserialize)]
struct HarRequest {
    method: Option<String>,
    url: Option<String>,
    headers: Option<Vec<Pair>>,
    #[serde(rename = "postData")]
    post_data: Option<PostData>,
}

#[derive(Debug, Deserialize)]
struct PostData {
    #[serde(rename = "mimeType")]
    media_type: Option<String>,
    text: Option<String>,
    params: Option<Vec<Pair>>,
}

#[derive(Debug, Deserialize)]
struct HarResponse {
    status: Option<i64>,
    headers: Option<Vec<Pair>>,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
struct Content {
    size: Option<i64>,
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Pair {
    name: Option<String>,
    value: Option<String>,
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Entry;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry with a request and a response")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut entry = Entry::default();
        let mut is_relevant = true;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "startedDateTime" => entry.started = map.next_value()?,
                "time" => entry.time_ms = map.next_value()?,
                "request" => {
                    let request: Option<HarRequest> = self.0.while_reading(|| map.next_value())?;
                    is_relevant = request.as_ref().is_none_or(HarRequest::is_relevant);
                    entry.request = request;
                }
                "response" if is_relevant => {
                    entry.response = self.0.while_reading(|| map.next_value())?;
                }
                "_fromCache" => {
                    let from: Option<IgnoredAny> = map.next_value()?;
                    entry.is_from_cache = from.is_some();
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(entry)
    }
}

impl Entry {
    /// The exchange, and whether it may say something; `None` if the entry has no request.
    fn watched(self) -> Option<(WatchedExchange, bool)> {
        let request = self.request?.to_http()?;
        let is_relevant = !matches!(recognize(&request, false), Seen::Other { may_change: false });
        let at_ms = self.started.as_deref().and_then(unix_ms);
        let took_ms = self.time_ms.filter(|time| time.is_finite() && *time > 0.0);
        let answer = self.response.and_then(HarResponse::into_http);
        let unjudged = match (&answer, at_ms) {
            (None, _) => Some(Unjudged::Incomplete),
            (Some(_), _) if self.is_from_cache => Some(Unjudged::Incomplete),
            (Some(_), None) => Some(Unjudged::OutOfOrder),
            (Some(_), Some(_)) => None,
        };
        let watched = WatchedExchange {
            request,
            is_complete: false,
            answer: answer.ok_or(Ending::Dropped),
            rest: Vec::new(),
            unjudged,
            at_ms: at_ms.unwrap_or_default(),
            took_ms: took_ms.map_or(0, whole_ms),
            interval: None,
        };
        Some((watched, is_relevant))
    }
}

/// Milliseconds, rounded up; so that what may have overlapped does.
fn whole_ms(time_ms: f64) -> u64 {
    let time = Duration::try_from_secs_f64(time_ms / 1000.0).unwrap_or(Duration::MAX);
    u64::try_from(time.as_millis()).map_or(u64::MAX, |ms| ms.saturating_add(1))
}

impl HarRequest {
    fn is_relevant(&self) -> bool {
        self.to_http()
            .is_some_and(|request| matches!(recognize(&request, false), Seen::Call(_)))
    }

    fn to_http(&self) -> Option<Request<Bytes>> {
        let url: Uri = self.url.as_deref()?.split('#').next()?.parse().ok()?;
        let mut headers = header_map(self.headers.as_deref().unwrap_or_default());
        if !headers.contains_key(HOST) {
            let host = self
                .pseudo_header(":authority")
                .or(url.authority().map(http::uri::Authority::as_str));
            if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
                headers.insert(HOST, host);
            }
        }
        let data = self.post_data.as_ref();
        if let Some(media) = data.and_then(|data| data.media_type.as_deref())
            && !headers.contains_key(CONTENT_TYPE)
            && let Ok(media) = HeaderValue::from_str(media)
        {
            headers.insert(CONTENT_TYPE, media);
        }
        let body = data.map(PostData::body).unwrap_or_default();
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::from_bytes(self.method.as_deref()?.as_bytes()).ok()?;
        *request.uri_mut() = url
            .path_and_query()
            .map_or("/", |target| target.as_str())
            .parse()
            .ok()?;
        *request.headers_mut() = headers;
        Some(request)
    }

    fn pseudo_header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().flatten();
        headers
            .find(|pair| pair.name.as_deref() == Some(name))?
            .value
            .as_deref()
    }
}

impl PostData {
    /// The text, or else the form that the decoded parameters make.
    fn body(&self) -> String {
        match &self.text {
            Some(text) if !text.is_empty() => text.clone(),
            Some(_) | None => {
                let params = self.params.iter().flatten();
                let pairs = params.map(|pair| {
                    (
                        pair.name.as_deref().unwrap_or_default(),
                        pair.value.as_deref().unwrap_or_default(),
                    )
                });
                form::write(pairs, Encoding::Standard)
            }
        }
    }
}

impl HarResponse {
    /// The answer; `None` if there is none, or not the whole one.
    fn into_http(self) -> Option<Response<Bytes>> {
        let status = u16::try_from(self.status?).ok()?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).ok()?;
        let mut headers = header_map(self.headers.as_deref().unwrap_or_default());
        if headers.is_empty() {
            return None;
        }
        // The text of a recording is decoded.
        headers.remove(CONTENT_ENCODING);
        *response.headers_mut() = headers;
        let content = self.content?;
        let size = usize::try_from(content.size.unwrap_or_default()).unwrap_or_default();
        let body = match (content.text, content.encoding.as_deref()) {
            (None, _) => Vec::new(),
            (Some(text), Some("base64")) => recorded_bytes(&journal::Bytes::Base64(text))?,
            (Some(text), _) => text.into_bytes(),
        };
        if body.len() < size {
            return None;
        }
        *response.body_mut() = body.into();
        Some(response)
    }
}

/// The header fields. Those of HTTP/2 that begin with a colon, and others that no header can have, are left out.
fn header_map(pairs: &[Pair]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for pair in pairs {
        let name = pair.name.as_deref().unwrap_or_default();
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(pair.value.as_deref().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            // A map that is full takes no more fields.
            let _ = map.try_append(name, value);
        }
    }
    map
}

#[cfg(test)]
mod tests;
