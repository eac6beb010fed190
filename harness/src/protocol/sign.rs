//! Signature Version 4: who asks, proven in a header, in the query, wrongly, or not at all.
//!
//! A request comes in with exactly the bytes that will be sent; it goes out with a header or query parameters more.
//! Nothing may change it afterwards. The wrong ways are right ones changed after signing. This is the one file that
//! speaks to the AWS signing crates; the time is an argument.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Identified;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningParams, SigningSettings,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;

use crate::call::{Auth, Encoding};
use crate::protocol::form;
use crate::wire::Request;

/// What a request is signed with.
#[derive(Clone)]
pub struct Credentials {
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(REDACTED)")
    }
}

/// All credentials of a run.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// The ones that requests are signed with.
    pub main: Credentials,
    /// A caller that may describe but not stop.
    pub denied: Option<Credentials>,
    /// Temporary credentials of a session.
    pub session: Option<Credentials>,
    /// Temporary credentials that have expired.
    pub expired: Option<Credentials>,
}

/// Why a request could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The run has no credentials for this way of signing.
    #[error("sign as {auth:?}: no such credentials were given")]
    NoSuchCredentials {
        /// The way.
        auth: Auth,
    },
    /// The signer refused the request.
    #[error("sign the request: {why}")]
    Refused {
        /// What the signer says.
        why: String,
    },
}

impl Keyring {
    /// Whether requests can be authenticated in this way.
    pub fn has(&self, auth: Auth) -> bool {
        match auth {
            Auth::Session => self.session.is_some(),
            Auth::ExpiredSession => self.expired.is_some(),
            Auth::Denied => self.denied.is_some(),
            Auth::Header
            | Auth::Query
            | Auth::Unsigned
            | Auth::WrongSignature
            | Auth::UnknownKey
            | Auth::Stale
            | Auth::Garbage => true,
        }
    }

    /// Every text that must never be written anywhere.
    pub fn secrets(&self) -> Vec<String> {
        let all = [
            Some(&self.main),
            self.denied.as_ref(),
            self.session.as_ref(),
            self.expired.as_ref(),
        ];
        all.into_iter()
            .flatten()
            .flat_map(|one| {
                [
                    Some(&one.access_key),
                    Some(&one.secret),
                    one.session_token.as_ref(),
                ]
            })
            .flatten()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect()
    }
}

/// Authenticates a request in the given way, at the given time, for a service: `ec2` or `sts`.
pub fn sign(
    mut request: Request,
    auth: Auth,
    keys: &Keyring,
    region: &str,
    service: &str,
    now_ms: u64,
) -> Result<Request, SignError> {
    let scope = Scope {
        region,
        service,
        now_ms,
    };
    let missing = || SignError::NoSuchCredentials { auth };
    match auth {
        Auth::Unsigned => Ok(request),
        Auth::Garbage => {
            request.headers.set("Authorization", GARBAGE);
            Ok(request)
        }
        Auth::Header => in_header(request, &keys.main, &scope),
        Auth::Query => in_query(request, &keys.main, &scope),
        Auth::WrongSignature => in_header(request, &keys.main, &scope).map(with_one_digit_changed),
        Auth::UnknownKey => in_header(request, &nobodys_key(), &scope),
        Auth::Stale => {
            let hour_ago = Scope {
                now_ms: now_ms.saturating_sub(HOUR_MS),
                ..scope
            };
            in_header(request, &keys.main, &hour_ago)
        }
        Auth::Session => in_header(request, keys.session.as_ref().ok_or_else(missing)?, &scope),
        Auth::ExpiredSession => in_header(request, keys.expired.as_ref().ok_or_else(missing)?, &scope),
        Auth::Denied => in_header(request, keys.denied.as_ref().ok_or_else(missing)?, &scope),
    }
}

/// An `Authorization` header that proves nothing.
pub(super) const GARBAGE: &str = "not a signature";

/// What a signature is good for.
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
    now_ms: u64,
}

const HOUR_MS: u64 = 60 * 60 * 1000;

/// How long a signature in a query is good for; the time that presigning clients give by default.
const EXPIRES: Duration = Duration::from_secs(15 * 60);

/// 9999-12-31T23:59:59Z: the format of dates in signatures has four digits for the year.
const LAST_MS: u64 = 253_402_300_799_000;

fn in_header(mut request: Request, keys: &Credentials, scope: &Scope<'_>) -> Result<Request, SignError> {
    let (headers, _) = instructions(&request, keys, scope, SignatureLocation::Headers)?.into_parts();
    for header in headers {
        let name = match header.name() {
            "authorization" => "Authorization",
            "x-amz-date" => "X-Amz-Date",
            "x-amz-security-token" => "X-Amz-Security-Token",
            other => other,
        };
        request.headers.set(name, header.value());
    }
    Ok(request)
}

fn in_query(mut request: Request, keys: &Credentials, scope: &Scope<'_>) -> Result<Request, SignError> {
    let (_, params) = instructions(&request, keys, scope, SignatureLocation::QueryParams)?.into_parts();
    let separator = if request.target.contains('?') { '&' } else { '?' };
    request.target.push(separator);
    request.target.push_str(&form::write(params, Encoding::Standard));
    Ok(request)
}

/// Asks the signer what to add. Signed are the host, the content type and what the signer adds itself, as the
/// command line tools of AWS do; other headers may change on the way.
fn instructions(
    request: &Request,
    keys: &Credentials,
    scope: &Scope<'_>,
    location: SignatureLocation,
) -> Result<SigningInstructions, SignError> {
    let host = request
        .headers
        .get("host")
        .ok_or_else(|| refused("it has no Host header"))?;
    let signed = request
        .headers
        .0
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case("content-type"));
    let url = format!("http://{host}{}", request.target);
    let signable = SignableRequest::new(&request.method, url, signed, SignableBody::Bytes(&request.body))
        .map_err(refused)?;

    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    settings.expires_in = Some(EXPIRES);
    let identity: Identity = Identified::new(
        keys.access_key.as_str(),
        keys.secret.as_str(),
        keys.session_token.clone(),
        None,
        "stopcheck",
    )
    .into();
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(scope.now_ms.min(LAST_MS)))
        .settings(settings)
        .build()
        .map_err(refused)?
        .into();
    let (instructions, _signature) = aws_sigv4::http_request::sign(signable, &params)
        .map_err(refused)?
        .into_parts();
    Ok(instructions)
}

fn refused(why: impl fmt::Display) -> SignError {
    SignError::Refused { why: why.to_string() }
}

/// Changes the last digit of the signature, which stands at the end of the header.
fn with_one_digit_changed(mut request: Request) -> Request {
    if let Some(right) = request.headers.get("Authorization") {
        let mut wrong = right.to_owned();
        let digit = if wrong.pop() == Some('0') { '1' } else { '0' };
        wrong.push(digit);
        request.headers.set("Authorization", wrong);
    }
    request
}

/// An access key of the right shape that nobody was given.
fn nobodys_key() -> Credentials {
    Credentials {
        access_key: "AKIASTOPCHECKNOSUCH7".to_owned(),
        secret: "stopcheck/nobody/was/ever/given/this/key".to_owned(),
        session_token: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Call, Form, Method};
    use crate::protocol::encode::{Target, encode};

    const NOW_MS: u64 = 1_767_225_600_000;

    fn keys() -> Keyring {
        let one = |name: &str, token: Option<&str>| Credentials {
            access_key: format!("AKIA{name}"),
            secret: format!("secret-{name}"),
            session_token: token.map(str::to_owned),
        };
        Keyring {
            main: one("MAIN", None),
            denied: None,
            session: Some(one("SESSION", Some("token+/="))),
            expired: None,
        }
    }

    fn request(method: Method) -> Request {
        let target = Target {
            host: "127.0.0.1:5000".into(),
            path: "/".into(),
            region: "us-east-1".into(),
        };
        let form = Form {
            method,
            ..Form::default()
        };
        encode(
            &Call {
                form,
                ..Call::new("StopInstances", [("InstanceId.1", "i-0a")])
            },
            &target,
        )
    }

    fn signed(method: Method, auth: Auth, now_ms: u64) -> Request {
        sign(request(method), auth, &keys(), "us-east-1", "ec2", now_ms).expect("these keys are on the ring")
    }

    fn authorization(auth: Auth, now_ms: u64) -> String {
        signed(Method::Post, auth, now_ms)
            .headers
            .get("authorization")
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn a_header_signs_what_the_command_line_tool_signs() {
        let request = signed(Method::Post, Auth::Header, NOW_MS);
        let authorization = request.headers.get("authorization").unwrap_or_default();
        assert!(
            authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIAMAIN/20260101/us-east-1/ec2/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature="
            ),
            "{authorization}"
        );
        assert_eq!(request.headers.get("x-amz-date"), Some("20260101T000000Z"));
    }

    #[test]
    fn a_signature_covers_the_published_example_of_the_documentation() {
        // "Signature Version 4 signing process", the worked example of a GET to IAM.
        let keys = Keyring {
            main: Credentials {
                access_key: "AKIDEXAMPLE".into(),
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
                session_token: None,
            },
            denied: None,
            session: None,
            expired: None,
        };
        let mut headers = crate::wire::Headers::default();
        headers.set("Host", "iam.amazonaws.com");
        headers.set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
        let request = Request {
            method: "GET".into(),
            target: "/?Action=ListUsers&Version=2010-05-08".into(),
            headers,
            body: Vec::new(),
        };
        let at_ms = 1_440_938_160_000;
        let signed = sign(request, Auth::Header, &keys, "us-east-1", "iam", at_ms).expect("it can be signed");
        assert_eq!(
            signed.headers.get("authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
            )
        );
    }

    #[test]
    fn a_wrong_signature_differs_from_the_right_one_by_one_digit() {
        let (right, wrong) = (
            authorization(Auth::Header, NOW_MS),
            authorization(Auth::WrongSignature, NOW_MS),
        );
        assert_eq!(right.len(), wrong.len());
        assert_eq!(
            right.bytes().zip(wrong.bytes()).filter(|(a, b)| a != b).count(),
            1
        );
        let digits = wrong.rsplit('=').next().unwrap_or_default();
        assert!(
            digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{wrong}"
        );
    }

    #[test]
    fn a_query_signature_goes_to_the_query_and_leaves_the_body_alone() {
        let post = signed(Method::Post, Auth::Query, NOW_MS);
        assert_eq!(post.body, request(Method::Post).body);
        assert!(
            post.target.starts_with("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&"),
            "{}",
            post.target
        );
        assert!(
            post.target.contains("&X-Amz-SignedHeaders=content-type%3Bhost&"),
            "{}",
            post.target
        );
        assert_eq!(post.headers.get("authorization"), None);
        let get = signed(Method::Get, Auth::Query, NOW_MS);
        assert!(
            get.target.starts_with("/?Action=StopInstances&"),
            "{}",
            get.target
        );
        assert!(get.target.contains("&X-Amz-Signature="), "{}", get.target);
    }

    #[test]
    fn a_session_sends_its_token_and_signs_it() {
        let request = signed(Method::Post, Auth::Session, NOW_MS);
        assert_eq!(request.headers.get("x-amz-security-token"), Some("token+/="));
        let authorization = request.headers.get("authorization").unwrap_or_default();
        assert!(
            authorization.contains("host;x-amz-date;x-amz-security-token"),
            "{authorization}"
        );
    }

    #[test]
    fn a_stale_signature_is_a_right_one_of_an_hour_ago() {
        assert_eq!(
            authorization(Auth::Stale, NOW_MS),
            authorization(Auth::Header, NOW_MS - HOUR_MS)
        );
    }

    #[test]
    fn the_ways_without_credentials_need_none() {
        assert_eq!(
            signed(Method::Post, Auth::Unsigned, NOW_MS),
            request(Method::Post)
        );
        assert_eq!(authorization(Auth::Garbage, NOW_MS), "not a signature");
        assert!(authorization(Auth::UnknownKey, NOW_MS).contains("AKIASTOPCHECKNOSUCH7"));
    }

    #[test]
    fn credentials_that_were_not_given_are_an_error_of_ours() {
        for auth in [Auth::Denied, Auth::ExpiredSession] {
            assert!(!keys().has(auth));
            let error = sign(request(Method::Post), auth, &keys(), "us-east-1", "ec2", NOW_MS);
            assert!(matches!(error, Err(SignError::NoSuchCredentials { .. })));
        }
        assert!(keys().has(Auth::Session) && keys().has(Auth::Header));
    }

    #[test]
    fn no_clock_and_no_host_can_make_signing_panic() {
        for now_ms in [0, u64::MAX] {
            assert!(sign(request(Method::Post), Auth::Header, &keys(), "r", "ec2", now_ms).is_ok());
        }
        for host in ["", " ", "a b", "[::1", "\u{1}", "ü", "h:99999999"] {
            let mut odd = request(Method::Post);
            odd.headers.set("Host", host);
            let _ = sign(odd, Auth::Header, &keys(), "us-east-1", "ec2", NOW_MS);
        }
    }

    #[test]
    fn secrets_do_not_show_when_a_keyring_is_printed() {
        let printed = format!("{:?}", keys());
        for secret in keys().secrets() {
            assert!(!printed.contains(&secret), "{printed}");
        }
        assert_eq!(keys().secrets().len(), 5);
    }
}
