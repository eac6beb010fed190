//! A tiny client: signs with the canonical request of the reference, and reads answers with plain string search.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::super::canonical::canonical_request;
use super::super::digest::{SigningKey, sha256_hex};
use super::super::time::basic_date;
use super::super::{Config, Reference, keys};
use crate::keys::WellKnown;

/// The start time of the tests: 2026-01-01T00:00:00Z.
pub(super) const START_MS: u64 = 1_767_225_600_000;

pub(super) const EBS: &str = "ami-0eb50000000000001";
pub(super) const STORE: &str = "ami-015d0000000000003";

/// A reference and a clock that the test advances.
pub(super) struct TestClient {
    pub(super) reference: Reference,
    pub(super) now_ms: u64,
    pub(super) key: WellKnown,
    pub(super) service: &'static str,
}

/// An answer, with helpers for the tests to inspect it.
pub(super) struct TestReply {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) response: Response<Bytes>,
}

impl TestClient {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        Self {
            reference: Reference::new(config),
            now_ms: START_MS,
            key: keys::MAIN,
            service: "ec2",
        }
    }

    /// Calls an action of the current version.
    pub(super) fn call(&self, action: &str, parameters: &[(&str, &str)]) -> TestReply {
        let fixed = [("Action", action), ("Version", "2016-11-15")];
        self.send(&self.post(&form(fixed.iter().chain(parameters))))
    }

    /// The same, and fails the test unless the call succeeds.
    pub(super) fn ok(&self, action: &str, parameters: &[(&str, &str)]) -> TestReply {
        let reply = self.call(action, parameters);
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply
    }

    /// Launches one instance and returns its id, still pending.
    pub(super) fn launch(&self, parameters: &[(&str, &str)]) -> String {
        let mut all = vec![("MinCount", "1"), ("MaxCount", "1")];
        if !parameters.iter().any(|(name, _)| *name == "ImageId") {
            all.push(("ImageId", EBS));
        }
        all.extend(parameters);
        self.ok("RunInstances", &all).text_of("instanceId")
    }

    /// Launches one instance and waits until it is running.
    pub(super) fn running(&mut self, parameters: &[(&str, &str)]) -> String {
        let id = self.launch(parameters);
        self.now_ms += 10_000;
        id
    }

    /// The state that DescribeInstances shows.
    pub(super) fn state(&self, id: &str) -> String {
        let reply = self.ok("DescribeInstances", &[("InstanceId.1", id)]);
        reply.between("<instanceState>", "</instanceState>")
    }

    pub(super) fn post(&self, body: &str) -> Request<Bytes> {
        let mut request = Request::post("/")
            .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .expect("the request is valid");
        self.sign(&mut request);
        request
    }

    /// Signs in the Authorization header.
    pub(super) fn sign(&self, request: &mut Request<Bytes>) {
        let date = basic_date(self.now_ms);
        set_header(request, "host", "ec2.us-east-1.amazonaws.com");
        set_header(request, "x-amz-date", &date);
        if let Some(token) = self.key.session_token {
            set_header(request, "x-amz-security-token", token);
        }
        let names = request.headers().keys().map(HeaderName::as_str);
        let mut signed: Vec<&str> = names
            .filter(|name| *name == "host" || name.starts_with("x-amz-"))
            .collect();
        signed.sort_unstable();
        let signed = signed.join(";");
        let scope = self.scope();
        let signature = self.signature(request, &signed);
        set_header(
            request,
            "authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
                self.key.access_key
            ),
        );
    }

    /// A GET request with the signature in its query string.
    pub(super) fn presigned(&self, query: &str, expires_s: u64) -> Request<Bytes> {
        let credential = format!("{}/{}", self.key.access_key, self.scope()).replace('/', "%2F");
        let mut target = format!(
            "/?{query}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}\
             &X-Amz-Expires={expires_s}&X-Amz-SignedHeaders=host",
            basic_date(self.now_ms)
        );
        if let Some(token) = self.key.session_token {
            target.push_str("&X-Amz-Security-Token=");
            target.push_str(token);
        }
        let mut request = Request::get(&target)
            .header("Host", "localhost:1")
            .body(Bytes::new())
            .expect("the request is valid");
        let signature = self.signature(&request, "host");
        let target = format!("{target}&X-Amz-Signature={signature}");
        *request.uri_mut() = target.parse().expect("the target is valid");
        request
    }

    pub(super) fn send(&self, request: &Request<Bytes>) -> TestReply {
        let response = self.reference.handle(request, self.now_ms);
        TestReply {
            status: response.status().as_u16(),
            text: String::from_utf8(response.body().to_vec()).expect("answers are UTF-8"),
            response,
        }
    }

    fn scope(&self) -> String {
        let date = basic_date(self.now_ms);
        let day = date.split('T').next().unwrap_or_default();
        format!("{day}/us-east-1/{}/aws4_request", self.service)
    }

    pub(super) fn signature(&self, request: &Request<Bytes>, signed: &str) -> String {
        let date = basic_date(self.now_ms);
        let day = date.split('T').next().unwrap_or_default();
        let claimed = header(request.headers(), "x-amz-content-sha256").map(str::to_owned);
        let hash = claimed.unwrap_or_else(|| sha256_hex(request.body()));
        let canonical = canonical_request(request, signed, &hash);
        let text = format!(
            "AWS4-HMAC-SHA256\n{date}\n{}\n{}",
            self.scope(),
            sha256_hex(canonical.as_bytes())
        );
        SigningKey::derive(self.key.secret, day, "us-east-1", self.service).sign(&text)
    }
}

impl TestReply {
    /// The text between the first occurrences of two markers.
    pub(super) fn between(&self, from: &str, to: &str) -> String {
        let rest = self.text.split_once(from).map_or("", |(_, rest)| rest);
        rest.split_once(to).map_or("", |(text, _)| text).to_owned()
    }

    /// The text of the first element with this name.
    pub(super) fn text_of(&self, name: &str) -> String {
        self.between(&format!("<{name}>"), &format!("</{name}>"))
    }

    /// Status, code and message of an error.
    pub(super) fn refusal(&self) -> (u16, String, String) {
        assert!(
            !self.text.contains("instancesSet"),
            "a refusal shows no instances"
        );
        (self.status, self.text_of("Code"), self.text_of("Message"))
    }

    /// Status and code of an error.
    pub(super) fn code(&self) -> (u16, String) {
        (self.status, self.text_of("Code"))
    }
}

/// Replaces all fields of a header by one.
pub(super) fn set_header(request: &mut Request<Bytes>, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("the value is visible ASCII");
    request.headers_mut().insert(HeaderName::from_static(name), value);
}

/// The first value of a header.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Encodes parameters as a form.
pub(super) fn form<'a>(pairs: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        for text in [name, "=", value] {
            for byte in text.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'=' => {
                        out.push(char::from(byte));
                    }
                    _ => out.push_str(&format!("%{byte:02X}")),
                }
            }
        }
    }
    out
}

/// The expected status and code of an error.
pub(super) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
