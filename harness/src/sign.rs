//! Signature Version 4: authenticates a request in a header or in the query, wrongly, or not at all.
//!
//! Input: a request with exactly the bytes that will be sent. Output: the request with an additional header or query
//! parameters, which must not be changed afterwards. The time is an argument. This is the only file that uses the AWS
//! signing crates.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Identified;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningParams, SigningSettings,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Request};

use crate::call::{Auth, Encoding};
use crate::protocol::capture::GARBAGE_AUTHORIZATION;
use crate::protocol::encode::uri;
use crate::protocol::{SignError, form};

/// The credentials of a signature.
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
    /// The credentials of ordinary requests.
    pub main: Credentials,
    /// A caller who may describe but not stop instances.
    pub denied: Option<Credentials>,
    /// Temporary credentials of a session.
    pub session: Option<Credentials>,
    /// Temporary credentials that have expired.
    pub expired: Option<Credentials>,
}

impl Keyring {
    /// Whether requests can be authenticated in this way with these credentials.
    pub fn has(&self, auth: Auth) -> bool {
        match auth {
            Auth::Denied => self.denied.is_some(),
            Auth::Session => self.session.is_some(),
            Auth::ExpiredSession => self.expired.is_some(),
            Auth::Header
            | Auth::Query
            | Auth::Unsigned
            | Auth::WrongSignature
            | Auth::UnknownKey
            | Auth::Stale
            | Auth::Garbage => true,
        }
    }

    /// Returns the credentials of a caller with a valid signature in the header; `None` for any other way of signing.
    ///
    /// A service learns nothing from the signature except that it is valid.
    pub fn honest(&self, auth: Auth) -> Option<&Credentials> {
        match auth {
            Auth::Header => Some(&self.main),
            Auth::Session => self.session.as_ref(),
            Auth::Denied => self.denied.as_ref(),
            Auth::Query
            | Auth::ExpiredSession
            | Auth::Unsigned
            | Auth::WrongSignature
            | Auth::UnknownKey
            | Auth::Stale
            | Auth::Garbage => None,
        }
    }

    /// All texts that must never be written to any output.
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

/// Authenticates a request in the given way, at the given time, for a service (`ec2` or `sts`).
pub fn sign(
    mut request: Request<Bytes>,
    auth: Auth,
    keys: &Keyring,
    region: &str,
    service: &str,
    now_ms: u64,
) -> Result<Request<Bytes>, SignError> {
    let scope = Scope {
        region,
        service,
        now_ms,
    };
    let missing = || SignError::NoSuchCredentials { auth };
    match auth {
        Auth::Unsigned => Ok(request),
        Auth::Garbage => {
            request
                .headers_mut()
                .insert(AUTHORIZATION, HeaderValue::from_static(GARBAGE_AUTHORIZATION));
            Ok(request)
        }
        Auth::Header => in_header(request, &keys.main, &scope),
        Auth::Query => in_query(request, &keys.main, &scope),
        Auth::WrongSignature => in_header(request, &keys.main, &scope).and_then(with_one_digit_changed),
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

/// The scope of a signature.
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
    now_ms: u64,
}

const HOUR_MS: u64 = 60 * 60 * 1000;

/// How long a signature in a query is valid: the default of presigning clients.
const EXPIRES: Duration = Duration::from_secs(15 * 60);

/// 9999-12-31T23:59:59Z: dates in signatures have four digits for the year.
const LAST_MS: u64 = 253_402_300_799_000;

fn in_header(
    mut request: Request<Bytes>,
    keys: &Credentials,
    scope: &Scope<'_>,
) -> Result<Request<Bytes>, SignError> {
    let (headers, _) = instructions(&request, keys, scope, SignatureLocation::Headers)?.into_parts();
    for header in headers {
        let name = HeaderName::from_static(header.name());
        let value = HeaderValue::from_str(header.value()).map_err(refused)?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

fn in_query(
    mut request: Request<Bytes>,
    keys: &Credentials,
    scope: &Scope<'_>,
) -> Result<Request<Bytes>, SignError> {
    let (_, params) = instructions(&request, keys, scope, SignatureLocation::QueryParams)?.into_parts();
    let separator = if request.uri().query().is_some() { '&' } else { '?' };
    let params = form::write(params, Encoding::Standard);
    *request.uri_mut() = uri(&format!("{}{separator}{params}", request.uri()))?;
    Ok(request)
}

/// Returns what the signer adds to the request.
///
/// Like the command line tools of AWS, it signs the host, the content type and the headers that it adds; other headers
/// may change in transit.
fn instructions(
    request: &Request<Bytes>,
    keys: &Credentials,
    scope: &Scope<'_>,
    location: SignatureLocation,
) -> Result<SigningInstructions, SignError> {
    let mut signed = Vec::with_capacity(2);
    for name in [HOST, CONTENT_TYPE] {
        for value in request.headers().get_all(&name) {
            let text = std::str::from_utf8(value.as_bytes()).map_err(refused)?;
            signed.push((name.clone(), text));
        }
    }
    let Some((_, host)) = signed.first().filter(|(name, _)| name == HOST) else {
        return Err(refused("it has no Host header"));
    };
    let url = format!("http://{host}{}", request.uri());
    let signed = signed.iter().map(|(name, value)| (name.as_str(), *value));
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), url, signed, body).map_err(refused)?;

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

/// Changes the last digit of the signature, which is at the end of the header.
fn with_one_digit_changed(mut request: Request<Bytes>) -> Result<Request<Bytes>, SignError> {
    if let Some(value) = request.headers_mut().get_mut(AUTHORIZATION) {
        let mut wrong = value.as_bytes().to_vec();
        let digit = if wrong.pop() == Some(b'0') { b'1' } else { b'0' };
        wrong.push(digit);
        *value = HeaderValue::from_bytes(&wrong).map_err(refused)?;
    }
    Ok(request)
}

/// A well-formed access key that was never issued.
fn nobodys_key() -> Credentials {
    Credentials {
        access_key: "AKIASTOPCHECKNOSUCH7".to_owned(),
        secret: "stopcheck/nobody/was/ever/given/this/key".to_owned(),
        session_token: None,
    }
}

#[cfg(test)]
mod capture_tests;
#[cfg(test)]
mod tests;
