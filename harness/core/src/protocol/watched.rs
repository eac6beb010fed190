//! Recognizes EC2 calls among the requests of other clients, and removes what is not needed to judge them.
//!
//! Input: any request, as it was recorded or passed on. Output: the call, with a request that has only what the call
//! needs, or the reason why the request is of no interest. Any bytes give a value. Clients sign with their own secrets,
//! and launch instances with data of their own; nothing of that is kept.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};

use super::capture::{TOKEN_HEADER, carried_secrets, is_secret_param};
use super::form;
use crate::call::{self, API_VERSION, Auth, Call, Encoding, Form};

/// What a request is.
#[derive(Debug)]
pub enum Seen {
    /// A call of EC2 that is judged, or whose answer says something about instances.
    Call(Box<SeenCall>),
    /// A StopInstances call that cannot be read with certainty.
    Unclear(Unclear),
    /// Anything else.
    Other {
        /// Whether it may change instances.
        may_change: bool,
    },
}

/// A call of EC2.
#[derive(Debug)]
pub struct SeenCall {
    /// The call.
    pub call: Call,
    /// The request, without what the call does not need. It still has the signature.
    pub request: Request<Bytes>,
    /// Secrets of the client that an answer may repeat.
    pub secrets: Vec<String>,
}

/// Why a StopInstances call cannot be read with certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unclear {
    /// It is of another version of the API.
    OtherVersion,
    /// It has parameters in the URL and in the body, or two of a parameter that can only be there once.
    Ambiguous,
    /// It is neither a GET with a query nor a POST with a form.
    NotAForm,
}

/// The calls whose answers are kept.
const KEPT: [&str; 7] = [
    "StopInstances",
    "StartInstances",
    "TerminateInstances",
    "RebootInstances",
    "RunInstances",
    "ModifyInstanceAttribute",
    "DescribeInstances",
];

/// The call that is judged; of it, all parameters are kept.
const JUDGED: &str = "StopInstances";

/// The beginnings of the parameters that are kept of the other calls.
const KEPT_PARAMS: [&str; 10] = [
    "InstanceId",
    "DryRun",
    "InstanceMarketOptions.",
    "DisableApi",
    "HibernationOptions.",
    "LaunchTemplate.",
    "Filter.",
    "MaxResults",
    "NextToken",
    "Attribute",
];

/// Headers of a request that are kept.
const KEPT_HEADERS: [HeaderName; 4] = [HOST, CONTENT_TYPE, AUTHORIZATION, TOKEN_HEADER];

/// The beginnings of actions that do not change instances.
const HARMLESS: [&str; 12] = [
    "Describe",
    "Get",
    "List",
    "Search",
    "CreateTags",
    "DeleteTags",
    "CreateKeyPair",
    "CreateSecurityGroup",
    "Authorize",
    "Revoke",
    "RegisterImage",
    "ImportKeyPair",
];

/// Services that do not change instances, by the names in credential scopes.
const HARMLESS_SERVICES: [&str; 6] = ["sts", "s3", "iam", "kms", "logs", "dynamodb"];

/// The longest form that is read, in bytes.
const LONGEST_FORM: usize = 1 << 20;

/// Recognizes a request. `is_complete` says whether it has all of its headers: recordings often lack the signature.
pub fn recognize(request: &Request<Bytes>, is_complete: bool) -> Seen {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let query = form::read(request.uri().query().unwrap_or_default());
    let service = service_of(request.headers(), &query);
    if let Some(service) = service.filter(|service| service != "ec2") {
        let may_change = !is_read && !HARMLESS_SERVICES.contains(&service.as_str());
        return Seen::Other { may_change };
    }
    let media = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_form = media.is_none_or(|media| {
        let media = media.to_ascii_lowercase();
        media.starts_with(b"application/x-www-form-urlencoded")
    });
    let body = std::str::from_utf8(request.body()).unwrap_or_default();
    let body = match is_form && body.len() <= LONGEST_FORM {
        true => form::read(body),
        false => Vec::new(),
    };
    let of_call = |pairs: &[(String, String)]| pairs.iter().any(|(name, _)| !is_of_signature(name));
    let is_split = of_call(&query) && of_call(&body);
    let pairs: Vec<(String, String)> = query.into_iter().chain(body).collect();
    let values = |wanted: &str| {
        let found = pairs.iter().filter(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    let [action] = values("Action")[..] else {
        return match values("Action").contains(&JUDGED) {
            true => Seen::Unclear(Unclear::Ambiguous),
            false => Seen::Other { may_change: !is_read },
        };
    };
    let other = || Seen::Other {
        may_change: !HARMLESS.iter().any(|start| action.starts_with(start)),
    };
    let unclear = |why| match action == JUDGED {
        true => Seen::Unclear(why),
        false => other(),
    };
    if !KEPT.contains(&action) {
        return other();
    }
    match values("Version")[..] {
        [API_VERSION] => {}
        [] | [_] => return unclear(Unclear::OtherVersion),
        [..] => return unclear(Unclear::Ambiguous),
    }
    let method = match *request.method() {
        Method::GET => call::Method::Get,
        Method::POST if is_form => call::Method::Post,
        _ => return unclear(Unclear::NotAForm),
    };
    if is_split {
        return unclear(Unclear::Ambiguous);
    }
    let content_type = media.and_then(|media| std::str::from_utf8(media).ok());
    let is_signed = service_of(request.headers(), &pairs).is_some()
        || request.headers().contains_key(AUTHORIZATION)
        || pairs.iter().any(|(name, _)| is_of_signature(name));
    let form = Form {
        method,
        version: Some(API_VERSION.to_owned()),
        content_type: content_type.map(str::to_owned),
        auth: match is_complete && !is_signed {
            true => Auth::Unsigned,
            false => Auth::Header,
        },
        ..Form::default()
    };
    let params = pairs.iter().filter(|(name, _)| {
        let is_kept = action == JUDGED || KEPT_PARAMS.iter().any(|start| name.starts_with(start));
        is_kept && !is_of_signature(name) && !matches!(name.as_str(), "Action" | "Version")
    });
    let call = Call {
        action: Some(action.to_owned()),
        params: params.cloned().collect(),
        form,
    };
    Seen::Call(Box::new(SeenCall {
        request: kept(request, &call),
        secrets: secrets_of(request),
        call,
    }))
}

/// Removes from an answer the headers that may hold secrets of the client.
#[must_use]
pub fn without_secret_headers(mut response: Response<Bytes>) -> Response<Bytes> {
    let secret: Vec<HeaderName> = response
        .headers()
        .keys()
        .filter(|name| is_secret_header(name))
        .cloned()
        .collect();
    for name in secret {
        response.headers_mut().remove(name);
    }
    response
}

/// The request that is recorded: the call, written anew, with the headers that matter.
fn kept(request: &Request<Bytes>, call: &Call) -> Request<Bytes> {
    let action = call.action.as_deref().unwrap_or_default();
    let pairs = [("Action", action), ("Version", API_VERSION)].into_iter();
    let pairs = pairs.chain(
        call.params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let written = form::write(pairs, Encoding::Standard);
    let path = request.uri().path();
    let (target, body) = match call.form.method {
        call::Method::Get => (format!("{path}?{written}"), String::new()),
        call::Method::Post => (path.to_owned(), written),
    };
    let mut record = Request::new(Bytes::from(body));
    *record.method_mut() = request.method().clone();
    *record.uri_mut() = target.parse().unwrap_or_default();
    for (name, value) in request.headers() {
        if KEPT_HEADERS.contains(name) {
            // A map that is full takes no more fields; no request that was received fills it.
            let _ = record.headers_mut().try_append(name, value.clone());
        }
    }
    record
}

/// What is secret in a request: its signature, its tokens, its cookies.
fn secrets_of(request: &Request<Bytes>) -> Vec<String> {
    let mut secrets = carried_secrets(request);
    for (name, value) in request.headers() {
        let text = String::from_utf8_lossy(value.as_bytes());
        if name != AUTHORIZATION && is_secret_header(name) {
            let words = text
                .split([';', ',', ' ', '='])
                .filter(|word| word.len() >= SHORTEST_SECRET);
            secrets.extend(words.map(str::to_owned));
        }
    }
    secrets
}

/// Shorter words of a secret header are names and attributes.
const SHORTEST_SECRET: usize = 12;

fn is_secret_header(name: &HeaderName) -> bool {
    ["auth", "cookie", "token", "secret", "api-key", "password"]
        .iter()
        .any(|part| name.as_str().contains(part))
}

/// Whether a parameter belongs to a signature in the URL, of version 4 or 2.
fn is_of_signature(name: &str) -> bool {
    let of_version_2 = ["SignatureMethod", "SignatureVersion", "Timestamp", "Expires"];
    name.starts_with("X-Amz-") || is_secret_param(name) || of_version_2.contains(&name)
}

/// The service that a request is signed for.
fn service_of(headers: &HeaderMap, pairs: &[(String, String)]) -> Option<String> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_header = header.and_then(|header| {
        let (_, rest) = header.split_once("Credential=")?;
        rest.split([',', ' ']).next()
    });
    let in_query = || {
        let (_, value) = pairs.iter().find(|(name, _)| name == "X-Amz-Credential")?;
        Some(value.as_str())
    };
    let scope = in_header.or_else(in_query)?;
    scope.rsplit('/').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &str, headers: &[(&'static str, &str)]) -> Request<Bytes> {
        let mut request = Request::new(Bytes::from(body.to_owned()));
        *request.method_mut() = Method::POST;
        for (name, value) in headers {
            request
                .headers_mut()
                .append(*name, value.parse().expect("a value"));
        }
        request
    }

    fn call_of(request: &Request<Bytes>) -> SeenCall {
        match recognize(request, false) {
            Seen::Call(call) => *call,
            other => unreachable!("{other:?}"),
        }
    }

    const STOP: &str = "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0";

    #[test]
    fn a_stop_is_recognized_signed_or_not_in_a_form_or_a_query() {
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let mut get = post("", &[]);
        *get.method_mut() = Method::GET;
        *get.uri_mut() =
            format!("/?{STOP}&X-Amz-Credential=AKIA/20261201/us-east-1/ec2/aws4_request&Signature=x")
                .parse()
                .expect("a target");
        for request in [post(STOP, &form), post(STOP, &[]), get] {
            let call = call_of(&request).call;
            assert_eq!(call.param("InstanceId.1"), Some("i-0123456789abcdef0"));
            assert_eq!(call.params.len(), 1, "{:?}", call.params);
        }
    }

    #[test]
    fn only_a_request_with_all_of_its_headers_is_unsigned() {
        let auth = |is_complete| match recognize(&post(STOP, &[]), is_complete) {
            Seen::Call(seen) => Some(seen.call.form.auth),
            Seen::Unclear(_) | Seen::Other { .. } => None,
        };
        assert_eq!(auth(true), Some(Auth::Unsigned));
        assert_eq!(auth(false), Some(Auth::Header));
    }

    #[test]
    fn other_services_other_versions_and_ambiguous_calls_are_not_judged() {
        let scope = |service: &str| {
            format!("AWS4-HMAC-SHA256 Credential=AKIA/20261201/us-east-1/{service}/aws4_request")
        };
        let sqs = post(STOP, &[("authorization", &scope("sqs"))]);
        assert!(matches!(recognize(&sqs, true), Seen::Other { may_change: true }));
        let sts = post(
            "Action=GetCallerIdentity&Version=2011-06-15",
            &[("authorization", &scope("sts"))],
        );
        assert!(matches!(recognize(&sts, true), Seen::Other { may_change: false }));
        let old = post(&STOP.replace("2016-11-15", "2014-10-01"), &[]);
        assert!(matches!(
            recognize(&old, true),
            Seen::Unclear(Unclear::OtherVersion)
        ));
        let json = post(STOP, &[("content-type", "application/x-amz-json-1.1")]);
        assert!(matches!(recognize(&json, true), Seen::Other { may_change: true }));
        let twice = post(&format!("{STOP}&Action=StopInstances"), &[]);
        assert!(matches!(
            recognize(&twice, true),
            Seen::Unclear(Unclear::Ambiguous)
        ));
    }

    #[test]
    fn what_a_launch_carries_is_not_kept() {
        let body = "Action=RunInstances&Version=2016-11-15&UserData=c2VjcmV0LXNlY3JldA&KeyName=mine&DisableApiStop=true";
        let seen = call_of(&post(
            body,
            &[("cookie", "session=abcdefghijklmnop"), ("x-other", "x")],
        ));
        let text = format!("{:?}", (&seen.call, &seen.request));
        assert!(
            !text.contains("c2Vj") && !text.contains("mine") && !text.contains("abcdefgh"),
            "{text}"
        );
        assert_eq!(seen.call.param("DisableApiStop"), Some("true"));
        assert_eq!(seen.secrets, ["abcdefghijklmnop"]);
    }
}
