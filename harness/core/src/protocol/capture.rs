//! Converts exchanges to journal records: removes secrets and keeps all other bytes.
//!
//! Input: a request, its outcome, and the secrets of the run. Output: journal records. Secrets in known places
//! (signatures, credentials, tokens) are removed there; known secrets are also removed wherever they are repeated, in
//! every spelling. No secret is ever written.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};

use crate::journal::{self, Answer, HeaderRecords, RawRecord, RequestRecord};
use crate::protocol::encode::title_case;
use crate::protocol::form;
use crate::protocol::scrub::{REDACTED, Scrubber};

/// Records a request and its response, or the reason why there is none, and removes secrets: the given ones, and those
/// that the request itself carries.
pub fn capture(
    request: &Request<Bytes>,
    outcome: Result<&Response<Bytes>, String>,
    secrets: &[String],
) -> (RequestRecord, Result<Answer, String>) {
    let carried = carried_secrets(request);
    let scrubber = Scrubber::new(secrets.iter().chain(&carried).map(String::as_str));
    let outcome = match outcome {
        Ok(response) => Ok(answer(response, &scrubber)),
        Err(why) => Err(scrubber.text(&why)),
    };
    (record(request, &scrubber), outcome)
}

/// Records bytes that are not a whole response, and removes secrets as [`capture`] does.
pub fn capture_rest(request: &Request<Bytes>, rest: &[u8], secrets: &[String]) -> journal::Bytes {
    let carried = carried_secrets(request);
    let scrubber = Scrubber::new(secrets.iter().chain(&carried).map(String::as_str));
    kept(&scrubber, rest)
}

/// The record of an exchange on a raw socket.
#[derive(Debug, Clone, PartialEq)]
pub struct RawCapture {
    /// What was sent.
    pub sent: RawRecord,
    /// The responses.
    pub answers: Vec<Answer>,
    /// The bytes received that are not a response.
    pub rest: journal::Bytes,
}

/// The `Authorization` header of [`Auth::Garbage`](crate::call::Auth::Garbage), which is not a signature and no secret.
pub const GARBAGE_AUTHORIZATION: &str = "not a signature";

/// The number of bytes kept of raw data. Anything longer is filler, which the case generates again.
const RAW_KEPT: usize = 16 << 10;

/// Records an exchange on a raw socket and removes secrets: the given ones, and those of the signed requests from which
/// the bytes were made.
pub fn capture_raw(
    sent: &[u8],
    responses: &[Response<Bytes>],
    rest: &[u8],
    signed: &[Request<Bytes>],
    secrets: &[String],
) -> RawCapture {
    let carried: Vec<String> = signed.iter().flat_map(carried_secrets).collect();
    let scrubber = Scrubber::new(secrets.iter().chain(&carried).map(String::as_str));
    RawCapture {
        sent: RawRecord {
            bytes: kept(&scrubber, &without_secret_lines(sent)),
            length: sent.len(),
        },
        answers: responses
            .iter()
            .map(|response| answer(response, &scrubber))
            .collect(),
        rest: kept(&scrubber, rest),
    }
}

/// Raw bytes without secrets, truncated. Secrets are removed first, so that half a secret cannot remain.
fn kept(scrubber: &Scrubber, bytes: &[u8]) -> journal::Bytes {
    let mut bytes = scrubber.bytes(bytes);
    bytes.truncate(RAW_KEPT);
    as_bytes(bytes)
}

/// Restores the response of a recorded answer; `None` if its base64 or its status is invalid. Header fields that no
/// response can have are left out.
pub fn revive(answer: &Answer) -> Option<Response<Bytes>> {
    let mut response = Response::new(recorded_bytes(&answer.body)?.into());
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    *response.headers_mut() = header_map(&answer.headers);
    Some(response)
}

/// Restores recorded bytes; `None` if their base64 is invalid.
pub fn recorded_bytes(bytes: &journal::Bytes) -> Option<Vec<u8>> {
    match bytes {
        journal::Bytes::Text(text) => Some(text.clone().into_bytes()),
        journal::Bytes::Base64(text) => STANDARD.decode(text).ok(),
    }
}

/// Bytes as base64, with padding.
pub fn base64_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of base64 without its padding; `None` if it is not base64. Bits that are too many are ignored.
pub fn bytes_of_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD_ALPHABET,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text).ok()
}

/// Parameters with credentials or signatures, of this and older signature versions.
const SECRET_PARAMS: [&str; 6] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "SecurityToken",
];

pub(super) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Headers whose whole value is secret.
const SECRET_HEADERS: [HeaderName; 3] = [TOKEN_HEADER, PROXY_AUTHORIZATION, COOKIE];

fn record(request: &Request<Bytes>, scrubber: &Scrubber) -> RequestRecord {
    let target = request.uri().to_string();
    let target = match target.split_once('?') {
        Some((path, query)) => format!("{path}?{}", without_secret_params(query)),
        None => target,
    };
    let body = match std::str::from_utf8(request.body()) {
        Ok(text) => scrubber.bytes(without_secret_params(text).as_bytes()),
        Err(_) => scrubber.bytes(request.body()),
    };
    let headers = request.headers().iter().map(|(name, value)| {
        let value = if SECRET_HEADERS.contains(name) {
            REDACTED.to_owned()
        } else if name == AUTHORIZATION {
            without_proof(&text_of(value))
        } else {
            text_of(value).into_owned()
        };
        (scrubber.text(&title_case(name)), scrubber.text(&value))
    });
    RequestRecord {
        method: scrubber.text(request.method().as_str()),
        target: scrubber.text(&target),
        headers: HeaderRecords(headers.collect()),
        body: as_bytes(body),
    }
}

fn answer(response: &Response<Bytes>, scrubber: &Scrubber) -> Answer {
    Answer {
        status: response.status().as_u16(),
        headers: header_records(response.headers(), scrubber),
        body: as_bytes(scrubber.bytes(response.body())),
    }
}

fn header_records(headers: &HeaderMap, scrubber: &Scrubber) -> HeaderRecords {
    let fields = headers.iter();
    HeaderRecords(
        fields
            .map(|(name, value)| (scrubber.text(name.as_str()), scrubber.text(&text_of(value))))
            .collect(),
    )
}

fn header_map(records: &HeaderRecords) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(records.0.len().min(MOST_RESERVED));
    for (name, value) in &records.0 {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            // A map that is full takes no more fields; no response that was received fills it.
            let _ = map.try_append(name, value);
        }
    }
    map
}

/// How many header fields room is reserved for; a longer list makes the map grow.
const MOST_RESERVED: usize = 64;

fn text_of(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

fn as_bytes(bytes: Vec<u8>) -> journal::Bytes {
    match String::from_utf8(bytes) {
        Ok(text) => journal::Bytes::Text(text),
        Err(error) => journal::Bytes::Base64(STANDARD.encode(error.as_bytes())),
    }
}

/// Replaces the secrets in header lines of raw bytes; all other lines stay as they are.
fn without_secret_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let field = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(':'));
        match field {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("authorization") => {
                let end = value.get(value.trim_end().len()..).unwrap_or_default();
                out.extend(format!("{name}: {}{end}", without_proof(value.trim())).into_bytes());
            }
            Some((name, value))
                if SECRET_HEADERS
                    .iter()
                    .any(|one| name.trim().eq_ignore_ascii_case(one.as_str())) =>
            {
                let end = value.get(value.trim_end().len()..).unwrap_or_default();
                out.extend(format!("{name}: {REDACTED}{end}").into_bytes());
            }
            Some(_) | None => out.extend_from_slice(line),
        }
    }
    out
}

/// Returns the secrets in a request, because an endpoint may repeat them in its answer.
pub fn carried_secrets(request: &Request<Bytes>) -> Vec<String> {
    let authorizations: Vec<_> = request
        .headers()
        .get_all(AUTHORIZATION)
        .iter()
        .map(text_of)
        .collect();
    let parts = authorizations.iter().flat_map(|one| one.split([',', ' ']));
    let in_header = parts.filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        match name {
            "Signature" => Some(value.to_owned()),
            // The scope after the key is not secret.
            "Credential" => value.split('/').next().map(str::to_owned),
            _ => None,
        }
    });
    let token = request.headers().get(TOKEN_HEADER);
    let token = token.map(|token| text_of(token).into_owned());
    let pairs = form::read(request.uri().query().unwrap_or_default())
        .into_iter()
        .chain(match std::str::from_utf8(request.body()) {
            Ok(text) => form::read(text),
            Err(_) => Vec::new(),
        });
    let in_params = pairs
        .filter(|(name, _)| is_secret_param(name))
        .map(|(name, value)| {
            if name.eq_ignore_ascii_case("X-Amz-Credential") {
                value.split('/').next().unwrap_or_default().to_owned()
            } else {
                value
            }
        });
    in_header.chain(token).chain(in_params).collect()
}

pub(super) fn is_secret_param(name: &str) -> bool {
    SECRET_PARAMS
        .iter()
        .any(|secret| name.trim().eq_ignore_ascii_case(secret))
}

/// Replaces the values of secret parameters in a form; every other byte stays as it is.
fn without_secret_params(form: &str) -> String {
    let mut out = String::with_capacity(form.len());
    for (i, pair) in form.split('&').enumerate() {
        if i > 0 {
            out.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if is_secret_param(&form::unescape(name)) => {
                out.push_str(name);
                out.push('=');
                out.push_str(REDACTED);
            }
            Some(_) | None => out.push_str(pair),
        }
    }
    out
}

/// Removes the secrets from an `Authorization` header; its algorithm and the list of signed headers stay.
fn without_proof(value: &str) -> String {
    if value == GARBAGE_AUTHORIZATION {
        return value.to_owned();
    }
    let Some((algorithm, rest)) = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.starts_with("AWS4-"))
    else {
        return REDACTED.to_owned();
    };
    let parts = rest.split(',').map(|part| match part.trim().split_once('=') {
        Some(("SignedHeaders", _)) => part.trim().to_owned(),
        Some((name @ ("Credential" | "Signature"), _)) => format!("{name}={REDACTED}"),
        Some(_) | None => REDACTED.to_owned(),
    });
    format!("{algorithm} {}", parts.collect::<Vec<_>>().join(", "))
}
