//! Signature Version 4: authenticates a request in a header or in the query, wrongly, or not at all.
//!
//! Input: a request with exactly the bytes that will be sent. Output: the request with an additional header or query
//! parameters, which must not be changed afterwards. The time is an argument. This is the only file that uses the AWS
//! signing crates.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Identified;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningParams, SigningSettings,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request};

use crate::call::{Auth, Encoding};
use crate::protocol::capture::GARBAGE_AUTHORIZATION;
use crate::protocol::encode::uri;
use crate::protocol::{SignError, form};

mod keyring;
#[cfg_attr(not(feature = "profiles"), path = "sign/no_profiles.rs")]
pub mod profiles;

pub use keyring::{
    CredentialSource, Credentials, Fetch, FetchError, FetchFuture, Keyring, LoadError, LoadFuture, Renewal,
    TimedCredentials,
};

/// Authenticates a request in the given way, at the given time, for a service (`ec2` or `sts`).
pub fn sign(
    mut request: Request<Bytes>,
    auth: Auth,
    keys: &Keyring,
    region: &str,
    service: &str,
    now_ms: u64,
) -> Result<Request<Bytes>, SignError> {
    let main = Signing::new(&keys.main, region, service, now_ms);
    let missing = || SignError::NoSuchCredentials { auth };
    let session = || keys.session.as_ref().ok_or_else(missing);
    match auth {
        Auth::Unsigned => Ok(request),
        Auth::Garbage => {
            request
                .headers_mut()
                .insert(AUTHORIZATION, HeaderValue::from_static(GARBAGE_AUTHORIZATION));
            Ok(request)
        }
        Auth::Header => main.in_header(request),
        Auth::Query => main.in_query(request),
        Auth::UnknownKey => Signing {
            keys: &nobodys_key(),
            ..main
        }
        .in_header(request),
        Auth::Stale => main.at(now_ms.saturating_sub(HOUR_MS)).in_header(request),
        Auth::Recent => main.at(now_ms.saturating_sub(SKEW_MS)).in_header(request),
        Auth::Early => main.at(now_ms.saturating_add(SKEW_MS)).in_header(request),
        Auth::Future => main.at(now_ms.saturating_add(HOUR_MS)).in_header(request),
        Auth::Session => main.by(session()?).in_header(request),
        Auth::ExpiredSession => main
            .by(keys.expired.as_ref().ok_or_else(missing)?)
            .in_header(request),
        Auth::Denied => main
            .by(keys.denied.as_ref().ok_or_else(missing)?)
            .in_header(request),
        Auth::MissingToken => {
            let without = Credentials {
                session_token: None,
                ..session()?.clone()
            };
            main.by(&without).in_header(request)
        }
        Auth::WrongToken => {
            let session = session()?;
            let token = session.session_token.as_deref().map(with_last_changed);
            let other = Credentials {
                session_token: token,
                ..session.clone()
            };
            main.by(&other).in_header(request)
        }
        Auth::PresignedExpired => {
            let hour_ago = main.at(now_ms.saturating_sub(HOUR_MS));
            hour_ago.valid_for(Duration::from_secs(60)).in_query(request)
        }
        Auth::PresignedForNoTime => main.valid_for(Duration::ZERO).in_query(request),
        Auth::PresignedTooLong => main.valid_for(WEEK + Duration::from_secs(1)).in_query(request),
        Auth::AlteredParameters => main.of_another(request, |other| {
            let more = "&DryRun=true";
            if other.body().is_empty() {
                *other.uri_mut() = uri(&format!("{}{more}", other.uri()))?;
            } else {
                let longer = [other.body().as_ref(), more.as_bytes()].concat();
                *other.body_mut() = longer.into();
            }
            Ok(())
        }),
        Auth::AlteredPath => main.of_another(request, |other| {
            let query = other
                .uri()
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default();
            *other.uri_mut() = uri(&format!("{}other{query}", other.uri().path()))?;
            Ok(())
        }),
        Auth::AlteredMethod => main.of_another(request, |other| {
            *other.method_mut() = Method::PUT;
            Ok(())
        }),
        Auth::OtherPayloadHash => Signing {
            covers_body: false,
            claims_hash: true,
            ..main
        }
        .in_header(request),
        Auth::OtherRegion => {
            let region = if region == "eu-west-1" {
                "us-west-2"
            } else {
                "eu-west-1"
            };
            Signing { region, ..main }.in_header(request)
        }
        Auth::OtherService => Signing {
            service: "s3",
            ..main
        }
        .in_header(request),
        Auth::OtherDate => main.rescoped(request, now_ms.saturating_sub(24 * HOUR_MS), TERMINATOR),
        Auth::OtherTerminator => main.rescoped(request, now_ms, "aws5_request"),
        Auth::UnsignedHost => Signing {
            unsigned: Some("host"),
            ..main
        }
        .in_header(request),
        Auth::UnsignedDate => Signing {
            unsigned: Some("x-amz-date"),
            ..main
        }
        .in_header(request),
        Auth::WrongSignature => main.rewritten(request, with_last_changed),
        Auth::AlteredScope => main.rewritten(request, |proof| match proof.split_once('/') {
            Some((before, scope)) => {
                let first = if scope.starts_with('1') { '2' } else { '1' };
                format!("{before}/{first}{}", scope.get(1..).unwrap_or_default())
            }
            None => proof.to_owned(),
        }),
        Auth::ShortSignature => main.rewritten(request, |proof| {
            let half = proof.len().saturating_sub(32);
            proof.get(..half).unwrap_or_default().to_owned()
        }),
        Auth::RightThenWrong => main.twice(request, |right| [right.to_owned(), with_last_changed(right)]),
        Auth::WrongThenRight => main.twice(request, |right| [with_last_changed(right), right.to_owned()]),
        Auth::LongSignature => main.rewritten(request, |proof| format!("{proof}00")),
        Auth::UpperCaseSignature => main.rewritten(request, |proof| match proof.rsplit_once('=') {
            Some((fields, digits)) => format!("{fields}={}", digits.to_ascii_uppercase()),
            None => proof.to_owned(),
        }),
    }
}

/// How a request is signed.
#[derive(Clone, Copy)]
struct Signing<'a> {
    keys: &'a Credentials,
    region: &'a str,
    service: &'a str,
    /// The time stamp.
    time_ms: u64,
    /// How long a signature in a query is valid.
    expires: Duration,
    /// Whether the signature covers the body; otherwise it covers another one.
    covers_body: bool,
    /// Whether the request claims in a header which hash its body has.
    claims_hash: bool,
    /// A header that the signature does not cover, although it should.
    unsigned: Option<&'static str>,
}

const HOUR_MS: u64 = 60 * 60 * 1000;

/// A difference between two clocks that every service accepts: the documented limit is 15 minutes.
const SKEW_MS: u64 = 5 * 60 * 1000;

/// The longest validity of a signature in a query.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The default validity of presigning clients.
const EXPIRES: Duration = Duration::from_secs(15 * 60);

/// 9999-12-31T23:59:59Z: dates in signatures have four digits for the year.
const LAST_MS: u64 = 253_402_300_799_000;

const TERMINATOR: &str = "aws4_request";

const DATE_HEADER: HeaderName = HeaderName::from_static("x-amz-date");
const HASH_HEADER: HeaderName = HeaderName::from_static("x-amz-content-sha256");

impl<'a> Signing<'a> {
    fn new(keys: &'a Credentials, region: &'a str, service: &'a str, time_ms: u64) -> Self {
        Signing {
            keys,
            region,
            service,
            time_ms,
            expires: EXPIRES,
            covers_body: true,
            claims_hash: false,
            unsigned: None,
        }
    }

    fn at(self, time_ms: u64) -> Self {
        Signing { time_ms, ..self }
    }

    fn by(self, keys: &'a Credentials) -> Self {
        Signing { keys, ..self }
    }

    fn valid_for(self, expires: Duration) -> Self {
        Signing { expires, ..self }
    }

    fn in_header(self, request: Request<Bytes>) -> Result<Request<Bytes>, SignError> {
        let instructions = self.instructions(&request, SignatureLocation::Headers)?;
        with_headers(request, instructions)
    }

    fn in_query(self, mut request: Request<Bytes>) -> Result<Request<Bytes>, SignError> {
        let (_, params) = self
            .instructions(&request, SignatureLocation::QueryParams)?
            .into_parts();
        let separator = if request.uri().query().is_some() { '&' } else { '?' };
        let params = form::write(params, Encoding::Standard);
        *request.uri_mut() = uri(&format!("{}{separator}{params}", request.uri()))?;
        Ok(request)
    }

    /// Signs in a header, and changes the text of that.
    fn rewritten(
        self,
        request: Request<Bytes>,
        change: impl FnOnce(&str) -> String,
    ) -> Result<Request<Bytes>, SignError> {
        rewritten(self.in_header(request)?, change)
    }

    /// Signs in a header, and writes that header twice, with these texts.
    fn twice(
        self,
        request: Request<Bytes>,
        texts: impl FnOnce(&str) -> [String; 2],
    ) -> Result<Request<Bytes>, SignError> {
        let mut signed = self.in_header(request)?;
        let texts = texts(text_of(&signed, &AUTHORIZATION)?);
        signed.headers_mut().remove(AUTHORIZATION);
        for text in texts {
            let value = HeaderValue::try_from(text).map_err(refused)?;
            signed.headers_mut().append(AUTHORIZATION, value);
        }
        Ok(signed)
    }

    /// Gives the request the signature of another one, which `change` makes of it.
    fn of_another(
        self,
        request: Request<Bytes>,
        change: impl FnOnce(&mut Request<Bytes>) -> Result<(), SignError>,
    ) -> Result<Request<Bytes>, SignError> {
        let mut other = request.clone();
        change(&mut other)?;
        with_headers(request, self.instructions(&other, SignatureLocation::Headers)?)
    }

    /// Signs with a credential scope of another day, or with another end. The signer of AWS makes no such scope, so the
    /// string to sign is put together here; it fits the simple requests that a run sends (a path without escapes, no
    /// query).
    fn rescoped(
        self,
        request: Request<Bytes>,
        day_ms: u64,
        terminator: &str,
    ) -> Result<Request<Bytes>, SignError> {
        if request.uri().query().is_some() {
            return Err(refused("its scope can be changed in a POST only"));
        }
        let signed = self.in_header(request)?;
        let proof = text_of(&signed, &AUTHORIZATION)?;
        let (_, names) = proof.split_once("SignedHeaders=").unwrap_or_default();
        let (names, _) = names.split_once(',').unwrap_or_default();
        let mut canonical = format!("{}\n{}\n\n", signed.method(), signed.uri().path());
        for name in names.split(';') {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(refused)?;
            canonical += &format!("{name}:{}\n", text_of(&signed, &name)?.trim());
        }
        canonical += &format!("\n{names}\n{}", self.sha256_hex(&signed, signed.body())?);

        let date = text_of(&signed, &DATE_HEADER)?;
        let of_day = self.at(day_ms).in_header(signed.clone())?;
        let day: String = text_of(&of_day, &DATE_HEADER)?.chars().take(8).collect();
        let scope = format!("{day}/{}/{}/{terminator}", self.region, self.service);
        let hash = self.sha256_hex(&signed, canonical.as_bytes())?;
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
        let key = v4::generate_signing_key(&self.keys.secret, time(day_ms), self.region, self.service);
        let signature = v4::calculate_signature(key, to_sign.as_bytes());
        let access_key = &self.keys.access_key;
        let proof = format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        rewritten(signed, |_| proof)
    }

    /// The SHA-256 of some bytes: what the signer claims of them as the body of such a request.
    fn sha256_hex(self, like: &Request<Bytes>, bytes: &[u8]) -> Result<String, SignError> {
        let mut request = like.clone();
        *request.body_mut() = Bytes::copy_from_slice(bytes);
        let claiming = Signing {
            claims_hash: true,
            ..self
        };
        text_of(&claiming.in_header(request)?, &HASH_HEADER).map(str::to_owned)
    }

    /// Returns what the signer adds to the request.
    ///
    /// Like the command line tools of AWS, it signs the host, the content type and the headers that it adds; other
    /// headers may change in transit.
    fn instructions(
        &self,
        request: &Request<Bytes>,
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
        let body = SignableBody::Bytes(match self.covers_body {
            true => request.body(),
            // Another body than an empty one is not empty.
            false if request.body().is_empty() => b"another body",
            false => b"",
        });
        let signable = SignableRequest::new(request.method().as_str(), url, signed, body).map_err(refused)?;

        let mut settings = SigningSettings::default();
        settings.signature_location = location;
        settings.expires_in = Some(self.expires);
        settings
            .excluded_headers
            .get_or_insert_default()
            .extend(self.unsigned.map(Cow::Borrowed));
        if self.claims_hash {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity: Identity = Identified::new(
            self.keys.access_key.as_str(),
            self.keys.secret.as_str(),
            self.keys.session_token.clone(),
            None,
            "stopcheck",
        )
        .into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(time(self.time_ms))
            .settings(settings)
            .build()
            .map_err(refused)?
            .into();
        let (instructions, _signature) = aws_sigv4::http_request::sign(signable, &params)
            .map_err(refused)?
            .into_parts();
        Ok(instructions)
    }
}

fn time(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms.min(LAST_MS))
}

fn text_of<'r>(request: &'r Request<Bytes>, name: &HeaderName) -> Result<&'r str, SignError> {
    let value = request
        .headers()
        .get(name)
        .ok_or_else(|| refused(format!("it has no {name} header")))?;
    std::str::from_utf8(value.as_bytes()).map_err(refused)
}

fn refused(why: impl fmt::Display) -> SignError {
    SignError::Refused { why: why.to_string() }
}

/// The text with another last character; the signature is at the end of an `Authorization` header.
fn with_last_changed(text: &str) -> String {
    let mut text = text.to_owned();
    let last = if text.pop() == Some('0') { '1' } else { '0' };
    text.push(last);
    text
}

/// The request with another text in its `Authorization` header.
fn rewritten(
    mut request: Request<Bytes>,
    change: impl FnOnce(&str) -> String,
) -> Result<Request<Bytes>, SignError> {
    let proof = change(text_of(&request, &AUTHORIZATION)?);
    let proof = HeaderValue::try_from(proof).map_err(refused)?;
    request.headers_mut().insert(AUTHORIZATION, proof);
    Ok(request)
}

fn with_headers(
    mut request: Request<Bytes>,
    instructions: SigningInstructions,
) -> Result<Request<Bytes>, SignError> {
    let (headers, _) = instructions.into_parts();
    for header in headers {
        let name = HeaderName::from_static(header.name());
        let value = HeaderValue::from_str(header.value()).map_err(refused)?;
        request.headers_mut().insert(name, value);
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
