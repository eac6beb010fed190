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
use crate::protocol::sign::GARBAGE;
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
fn carried_secrets(request: &Request) -> Vec<String> {
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
    if value == GARBAGE {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Auth, Call, Encoding, Form, Method};
    use crate::protocol::encode::{RequestTarget, encode};
    use crate::protocol::sign::{Credentials, Keyring, sign};

    const TOKEN: &str = "canary//token+with=signs/9Q";

    fn keys() -> Keyring {
        let one = |canary: &str, token: Option<&str>| Credentials {
            access_key: format!("AKIACANARY{canary}KEY"),
            secret: format!("canary/{canary}+secret/with/slashes"),
            session_token: token.map(str::to_owned),
        };
        Keyring {
            main: one("MAIN", None),
            denied: Some(one("DENIED", None)),
            session: Some(one("SESSION", Some(TOKEN))),
            expired: Some(one("EXPIRED", Some("canary-expired-token"))),
        }
    }

    fn signed(method: Method, encoding: Encoding, auth: Auth) -> Request {
        let target = RequestTarget {
            host: "h".into(),
            path: "/".into(),
            region: "us-east-1".into(),
        };
        let mut call = Call::new("StopInstances", [("InstanceId.1", "i-0a")]);
        // The request also carries secrets as values, as a careless scenario might.
        for (i, secret) in keys().secrets().into_iter().enumerate() {
            call.params
                .push((format!("Tag.{i}.Value"), format!("x{secret}y")));
        }
        call.form = Form {
            method,
            encoding,
            auth,
            ..Form::default()
        };
        sign(encode(&call, &target), auth, &keys(), "us-east-1", "ec2", 0).expect("the keys are on the ring")
    }

    /// Everything that is written, as one text, with base64 decoded.
    fn written(record: &RequestRecord, answer: &Answer) -> String {
        let revived = revive(answer).map(|response| String::from_utf8_lossy(&response.body).into_owned());
        format!("{record:?}{answer:?}{revived:?}")
    }

    #[test]
    fn no_canary_is_ever_written_wherever_an_endpoint_repeats_it() {
        let auths = [
            Auth::Header,
            Auth::Query,
            Auth::WrongSignature,
            Auth::Session,
            Auth::Denied,
            Auth::Stale,
        ];
        for auth in auths {
            for (method, encoding) in [
                (Method::Post, Encoding::Standard),
                (Method::Get, Encoding::EveryByte),
            ] {
                let request = signed(method, encoding, auth);
                let secrets = keys().secrets();
                let signature = carried_secrets(&request)
                    .into_iter()
                    .find(|text| text.len() == 64);
                let signature = signature.expect("the request is signed");
                let mut echo = request.target.clone().into_bytes();
                for (name, value) in &request.headers.0 {
                    echo.extend(format!("\n{name}: {value}").into_bytes());
                }
                echo.extend(&request.body);
                let mut headers = request.headers.clone();
                headers.set(&secrets.join("-"), secrets.join(" "));
                let mut broken = echo.clone();
                broken.push(0xff);
                for body in [echo.clone(), broken] {
                    let response = Response {
                        status: 400,
                        headers: headers.clone(),
                        body,
                    };
                    let (record, answer) = capture(&request, Ok(&response), &secrets);
                    let text = written(&record, &answer);
                    for secret in secrets.iter().chain([&signature]) {
                        let everywhere = form::write([("", secret)], Encoding::EveryByte);
                        assert!(!text.contains(secret), "{auth:?} {secret}\n{text}");
                        assert!(!text.contains(&form::escape(secret)), "{auth:?} {secret}\n{text}");
                        assert!(
                            !text.contains(everywhere.trim_start_matches('=')),
                            "{auth:?} {secret}\n{text}"
                        );
                    }
                }
                let (record, answer) = capture(&request, Err(format!("could not {signature}")), &secrets);
                assert!(!written(&record, &answer).contains(&signature));
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_was() {
        let request = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
        let response = Response {
            status: 200,
            headers: Headers(vec![("Server".into(), "AmazonEC2".into())]),
            body: b"<a>i-0a \xc3\xa9 &amp; %41</a>".to_vec(),
        };
        let (record, answer) = capture(&request, Ok(&response), &[]);
        assert_eq!(
            record.body,
            Bytes::Text(String::from_utf8_lossy(&request.body).into_owned())
        );
        assert_eq!((record.headers, record.target), (request.headers, request.target));
        assert_eq!(revive(&answer), Some(response));
    }

    #[test]
    fn the_header_keeps_its_shape_and_loses_its_proof() {
        let request = signed(Method::Post, Encoding::Standard, Auth::Session);
        let (record, _) = capture(&request, Err(String::new()), &[]);
        assert_eq!(
            record.headers.get("authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=REDACTED, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=REDACTED"
            )
        );
        assert_eq!(record.headers.get("x-amz-security-token"), Some("REDACTED"));
        let garbage = signed(Method::Post, Encoding::Standard, Auth::Garbage);
        let (record, _) = capture(&garbage, Err(String::new()), &[]);
        assert_eq!(record.headers.get("authorization"), Some(GARBAGE));
        assert_eq!(without_proof("Basic YTpi"), "REDACTED");
    }

    #[test]
    fn raw_bytes_keep_no_secret_in_any_dress() {
        let request = signed(Method::Post, Encoding::Standard, Auth::Session);
        let signature = carried_secrets(&request)
            .into_iter()
            .find(|text| text.len() == 64)
            .expect("the request is signed");
        let mut sent = b"POST / HTTP/1.1\r\n".to_vec();
        for (name, value) in &request.headers.0 {
            sent.extend(format!("{}: {value}\r\n", name.to_ascii_uppercase()).into_bytes());
        }
        sent.extend(b"\r\n");
        sent.extend(&request.body);
        sent.extend([0xff; 4]);
        let echo = Response {
            status: 400,
            headers: request.headers.clone(),
            body: sent.clone(),
        };
        let captured = capture_raw(
            &sent,
            &[echo],
            &sent,
            std::slice::from_ref(&request),
            &keys().secrets(),
        );
        let revived = captured.answers.iter().map(revive).collect::<Vec<_>>();
        let text = |bytes: &Bytes| match bytes {
            Bytes::Text(text) => text.clone(),
            Bytes::Base64(text) => {
                String::from_utf8_lossy(&STANDARD.decode(text).expect("our own")).into_owned()
            }
        };
        let written = format!(
            "{}{}{captured:?}{}",
            text(&captured.sent),
            text(&captured.rest),
            revived
                .iter()
                .flatten()
                .map(|response| String::from_utf8_lossy(&response.body).into_owned())
                .collect::<String>()
        );
        for secret in keys().secrets().iter().chain([&signature]) {
            assert!(!written.contains(secret.as_str()), "{secret}\n{written}");
        }
        let short = capture_raw(
            b"Authorization: AWS4-X Credential=ab/c, Signature=d\r\n\r\nx",
            &[],
            b"",
            &[],
            &[],
        );
        let expected = "Authorization: AWS4-X Credential=REDACTED, Signature=REDACTED\r\n\r\nx";
        assert_eq!(short.sent, Bytes::Text(expected.to_owned()));
    }

    #[test]
    fn a_body_that_is_no_text_survives_the_journal() {
        let response = Response {
            status: 200,
            headers: Headers::default(),
            body: vec![0xff, 0, 1],
        };
        let request = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
        let (_, answer) = capture(&request, Ok(&response), &[]);
        assert_eq!(revive(&answer), Some(response));
        let broken = Answer::Response {
            status: 200,
            headers: Headers::default(),
            body: Bytes::Base64("!".into()),
        };
        assert_eq!(revive(&broken), None);
    }
}
