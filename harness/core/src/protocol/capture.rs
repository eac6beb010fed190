//! Converts exchanges to journal records: removes secrets and keeps all other bytes.
//!
//! Input: a request, its outcome, and the secrets of the run. Output: journal records. Secrets in known places
//! (signatures, credentials, tokens) are removed there; known secrets are also removed wherever they are repeated, in
//! every spelling. No secret is ever written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::journal::{Answer, Bytes, RequestRecord};
use crate::protocol::form;
use crate::protocol::scrub::{REDACTED, Scrubber};
use crate::wire::{HeaderText, Headers, Request, Response};

/// Records an exchange and removes secrets: the given ones, and those that the request itself carries.
pub fn capture(
    request: &Request,
    outcome: Result<&Response, String>,
    secrets: &[String],
) -> (RequestRecord, Answer) {
    let carried = carried_secrets(request);
    let scrubber = Scrubber::new(secrets.iter().chain(&carried).map(String::as_str));
    (record(request, &scrubber), answer(outcome, &scrubber))
}

/// The record of an exchange on a raw socket.
#[derive(Debug, Clone, PartialEq)]
pub struct RawCapture {
    /// The bytes sent.
    pub sent: Bytes,
    /// The responses.
    pub answers: Vec<Answer>,
    /// The bytes received that are not a response.
    pub rest: Bytes,
}

/// The `Authorization` header of [`Auth::Garbage`](crate::call::Auth::Garbage), which is not a signature and no secret.
pub const GARBAGE_AUTHORIZATION: &str = "not a signature";

/// The number of bytes kept of raw data. Anything longer is filler, which the case generates again.
const RAW_KEPT: usize = 16 << 10;

/// Records an exchange on a raw socket and removes secrets: the given ones, and those of the signed requests from which
/// the bytes were made. Secrets are removed before truncation, so that half a secret cannot remain.
pub fn capture_raw(
    sent: &[u8],
    responses: &[Response],
    rest: &[u8],
    signed: &[Request],
    secrets: &[String],
) -> RawCapture {
    let carried: Vec<String> = signed.iter().flat_map(carried_secrets).collect();
    let scrubber = Scrubber::new(secrets.iter().chain(&carried).map(String::as_str));
    let kept = |bytes: &[u8]| {
        let mut bytes = scrubber.bytes(bytes);
        bytes.truncate(RAW_KEPT);
        as_bytes(bytes)
    };
    RawCapture {
        sent: kept(&without_secret_lines(sent)),
        answers: responses
            .iter()
            .map(|response| answer(Ok(response), &scrubber))
            .collect(),
        rest: kept(rest),
    }
}

/// Restores the response of a recorded answer; `None` if there was none or its base64 is invalid.
pub fn revive(answer: &Answer) -> Option<Response> {
    match answer {
        Answer::Response {
            status,
            headers,
            body,
        } => {
            let body = match body {
                Bytes::Text(text) => text.clone().into_bytes(),
                Bytes::Base64(text) => STANDARD.decode(text).ok()?,
            };
            Some(Response {
                status: *status,
                headers: headers.clone(),
                body,
            })
        }
        Answer::Failed { .. } => None,
    }
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

/// Headers whose whole value is secret.
const SECRET_HEADERS: [&str; 3] = ["X-Amz-Security-Token", "Proxy-Authorization", "Cookie"];

fn record(request: &Request, scrubber: &Scrubber) -> RequestRecord {
    let target = match request.target.split_once('?') {
        Some((path, query)) => format!("{path}?{}", without_secret_params(query)),
        None => request.target.clone(),
    };
    let body = match std::str::from_utf8(&request.body) {
        Ok(text) => without_secret_params(text).into_bytes(),
        Err(_) => request.body.clone(),
    };
    let headers = request.headers.0.iter().map(|(name, value)| {
        let is = |secret: &&str| name.eq_ignore_ascii_case(secret);
        let value = if SECRET_HEADERS.iter().any(is) {
            REDACTED.into()
        } else if is(&"Authorization") {
            without_proof(value).into()
        } else {
            value.clone()
        };
        (name.clone(), value)
    });
    RequestRecord {
        method: scrubber.text(&request.method),
        target: scrubber.text(&target),
        headers: scrubbed(headers, scrubber),
        body: as_bytes(scrubber.bytes(&body)),
    }
}

fn answer(outcome: Result<&Response, String>, scrubber: &Scrubber) -> Answer {
    match outcome {
        Ok(response) => Answer::Response {
            status: response.status,
            headers: scrubbed(response.headers.0.iter().cloned(), scrubber),
            body: as_bytes(scrubber.bytes(&response.body)),
        },
        Err(why) => Answer::Failed {
            why: scrubber.text(&why),
        },
    }
}

fn scrubbed(headers: impl Iterator<Item = (HeaderText, HeaderText)>, scrubber: &Scrubber) -> Headers {
    headers
        .map(|(name, value)| (scrubber.text(&name), scrubber.text(&value)))
        .collect()
}

fn as_bytes(bytes: Vec<u8>) -> Bytes {
    match String::from_utf8(bytes) {
        Ok(text) => Bytes::Text(text),
        Err(error) => Bytes::Base64(STANDARD.encode(error.as_bytes())),
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
                    .any(|one| name.trim().eq_ignore_ascii_case(one)) =>
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
pub fn carried_secrets(request: &Request) -> Vec<String> {
    let authorization = request.headers.get("authorization").unwrap_or_default();
    let in_header = authorization.split([',', ' ']).filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        match name {
            "Signature" => Some(value.to_owned()),
            // The scope after the key is not secret.
            "Credential" => value.split('/').next().map(str::to_owned),
            _ => None,
        }
    });
    let token = request.headers.get("x-amz-security-token").map(str::to_owned);
    let pairs = form::read(request.query())
        .into_iter()
        .chain(match std::str::from_utf8(&request.body) {
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

fn is_secret_param(name: &str) -> bool {
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
