//! Authentication: verifies Signature Version 4, in the Authorization header or in the query string.
//!
//! Takes the request as received and the known keys; returns the key, or the error that the real service returns.
//! Derived signing keys are cached, since deriving one costs more than everything else.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, AsHeaderName, DATE};
use http::{HeaderName, Request};

use super::canonical::canonical_request;
use super::config::{AccessKey, Config};
use super::digest::{SigningKey, same_secret, sha256_hex};
use super::errors::{ApiError, ApiResult};
use super::form::FormParameters;
use super::header_text;
use super::time;
use super::variation::Variation;
use super::version::SignedService;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const DATE_HEADER: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-amz-security-token");
const HASH_HEADER: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// The largest accepted difference between the two clocks.
const SKEW_MS: u64 = 15 * 60 * 1000;

/// The size of the cache of derived keys; one day needs one for each pair of key and service.
const KEPT: usize = 64;

/// Verifies signatures and caches derived keys.
#[derive(Default)]
pub(super) struct Authenticator {
    derived: Mutex<Vec<Derived>>,
}

struct Derived {
    access_key: String,
    date: String,
    service: String,
    key: SigningKey,
}

/// The signature-related fields of a request.
struct Claim<'a> {
    access_key: &'a str,
    scope_date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    /// The time of signing in the basic format, whichever header carried it.
    date: String,
    date_ms: u64,
    /// How long the signature is valid, if the request limits it.
    expires_ms: Option<u64>,
    token: Option<Cow<'a, str>>,
}

impl Authenticator {
    /// Returns the key that signed this request.
    pub(super) fn admit<'k>(
        &self,
        request: &Request<Bytes>,
        form: &FormParameters<'_>,
        config: &'k Config,
        now_ms: u64,
    ) -> ApiResult<&'k AccessKey> {
        if request.headers().get_all(AUTHORIZATION).iter().count() > 1 {
            return Err(ApiError::incomplete_signature(
                "Request must have one 'Authorization' header.",
            ));
        }
        let authorization = header(request, AUTHORIZATION);
        let claim = claim(authorization.as_deref(), request, form, config)?;
        let key = config
            .keys
            .iter()
            .find(|key| key.access_key == claim.access_key)
            .ok_or_else(|| unknown_key(config))?;
        check_moment(&claim, config, now_ms)?;
        check_token(key, claim.token.as_deref())?;
        check_scope(&claim, config, SignedService::of(form))?;
        self.check_signature(&claim, key, request)
            .map_err(|refusal| wrong_signature(refusal, config))?;
        if key.expires_at_ms.is_some_and(|at| now_ms >= at) {
            return Err(ApiError::expired());
        }
        Ok(key)
    }

    fn check_signature(&self, claim: &Claim<'_>, key: &AccessKey, request: &Request<Bytes>) -> ApiResult {
        if !claim.signed_headers.split(';').any(|name| name == "host") {
            return Err(ApiError::scope(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        let is_signed = |name: &str| claim.signed_headers.split(';').any(|signed| signed == name);
        let unsigned = request.headers().keys().find(|name| {
            let name = name.as_str();
            name.starts_with("x-amz-") && !is_signed(name)
        });
        if let Some(name) = unsigned {
            return Err(ApiError::scope(format!(
                "There were headers present in the request which were not signed: {name}"
            )));
        }
        let hash = payload_hash(request)?;
        let canonical = canonical_request(request, claim.signed_headers, &hash);
        let text = format!(
            "{ALGORITHM}\n{}\n{}/{}/{}/aws4_request\n{}",
            claim.date,
            claim.scope_date,
            claim.region,
            claim.service,
            sha256_hex(canonical.as_bytes())
        );
        // A signature is written in lower case.
        let is_lower = !claim.signature.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_lower && self.signing_key(claim, key).verifies(&text, claim.signature) {
            Ok(())
        } else {
            Err(ApiError::signature_mismatch())
        }
    }

    /// The derived key, from the cache if possible. The Region is not part of the cache key, since it is always our
    /// own.
    fn signing_key(&self, claim: &Claim<'_>, key: &AccessKey) -> SigningKey {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        let known = derived.iter().find(|it| {
            it.access_key == key.access_key && it.date == claim.scope_date && it.service == claim.service
        });
        if let Some(known) = known {
            return known.key.clone();
        }
        let fresh = SigningKey::derive(&key.secret, claim.scope_date, claim.region, claim.service);
        if derived.len() >= KEPT {
            derived.clear();
        }
        derived.push(Derived {
            access_key: key.access_key.clone(),
            date: claim.scope_date.to_owned(),
            service: claim.service.to_owned(),
            key: fresh.clone(),
        });
        fresh
    }
}

/// The first value of a header.
fn header(request: &Request<Bytes>, name: impl AsHeaderName) -> Option<Cow<'_, str>> {
    request.headers().get(name).map(header_text)
}

/// Reads the claim from the Authorization header or the query string.
fn claim<'a>(
    authorization: Option<&'a str>,
    request: &'a Request<Bytes>,
    form: &'a FormParameters<'_>,
    config: &Config,
) -> ApiResult<Claim<'a>> {
    if let Some(authorization) = authorization {
        return header_claim(authorization, request);
    }
    if form.get("X-Amz-Algorithm").is_some() || form.get("X-Amz-Signature").is_some() {
        return query_claim(form);
    }
    if form.get("AWSAccessKeyId").is_some() {
        // Signature Version 2 is not supported here, so its credentials cannot be validated.
        return Err(ApiError::auth_failure());
    }
    Err(unsigned(config))
}

fn unsigned(config: &Config) -> ApiError {
    if config.varies(Variation::UnsignedMissingAuthenticationToken) {
        ApiError::new(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
    } else if config.varies(Variation::UnsignedAuthFailure) {
        ApiError::auth_failure()
    } else {
        // Recorded 2026-08-27: the front end falls back to Signature Version 2 and misses its first parameter.
        ApiError::missing("AWSAccessKeyId")
    }
}

fn unknown_key(config: &Config) -> ApiError {
    if config.varies(Variation::UnknownKeyInvalidClientTokenId) {
        ApiError::new(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
    } else {
        ApiError::auth_failure()
    }
}

fn wrong_signature(refusal: ApiError, config: &Config) -> ApiError {
    if config.varies(Variation::WrongSignatureAuthFailure) && refusal == ApiError::signature_mismatch() {
        ApiError::auth_failure()
    } else {
        refusal
    }
}

fn stale_signature(config: &Config) -> ApiError {
    if config.varies(Variation::StaleSignatureAuthFailure) {
        ApiError::auth_failure()
    } else {
        ApiError::expired()
    }
}

fn header_claim<'a>(authorization: &'a str, request: &'a Request<Bytes>) -> ApiResult<Claim<'a>> {
    let fields = authorization.trim().strip_prefix(ALGORITHM).ok_or_else(|| {
        ApiError::incomplete_signature("Authorization header requires the AWS4-HMAC-SHA256 algorithm.")
    })?;
    let field = |name: &str| {
        fields
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                ApiError::incomplete_signature(format!("Authorization header requires '{name}' parameter."))
            })
    };
    let (credential, signed_headers, signature) =
        (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let date_ms = match header(request, DATE_HEADER) {
        Some(date) => time::parse_basic_date(date.trim()),
        None => header(request, DATE).and_then(|date| time::parse_http_date(date.trim())),
    }
    .ok_or_else(|| {
        ApiError::incomplete_signature("Authorization header requires a valid 'X-Amz-Date' or 'Date' header.")
    })?;
    let token = header(request, TOKEN_HEADER).map(|token| match token {
        Cow::Borrowed(token) => Cow::Borrowed(token.trim()),
        Cow::Owned(token) => Cow::Owned(token.trim().to_owned()),
    });
    let scoped = scope(credential)?;
    Ok(Claim {
        signed_headers,
        signature,
        date: time::basic_date(date_ms),
        date_ms,
        token,
        ..scoped
    })
}

fn query_claim<'a>(form: &'a FormParameters<'_>) -> ApiResult<Claim<'a>> {
    let field = |name: &str| {
        form.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            ApiError::incomplete_signature(format!("AWS query-string parameters must include '{name}'."))
        })
    };
    if field("X-Amz-Algorithm")? != ALGORITHM {
        return Err(ApiError::incomplete_signature(
            "X-Amz-Algorithm must be AWS4-HMAC-SHA256.",
        ));
    }
    let date_ms = time::parse_basic_date(field("X-Amz-Date")?)
        .ok_or_else(|| ApiError::incomplete_signature("X-Amz-Date must be in ISO8601 basic format."))?;
    let expires_ms = match form.number("X-Amz-Expires")? {
        Some(seconds @ 1..=604_800) => Some(seconds * 1000),
        Some(_) => {
            return Err(ApiError::incomplete_signature(
                "X-Amz-Expires must be between 1 and 604800 seconds.",
            ));
        }
        None => None,
    };
    let scoped = scope(field("X-Amz-Credential")?)?;
    Ok(Claim {
        signed_headers: field("X-Amz-SignedHeaders")?,
        signature: field("X-Amz-Signature")?,
        date: time::basic_date(date_ms),
        date_ms,
        expires_ms,
        token: form.get("X-Amz-Security-Token").map(Cow::Borrowed),
        ..scoped
    })
}

/// Parses `KEY/20200214/us-east-1/ec2/aws4_request`; the caller fills in the rest of the claim.
fn scope(credential: &str) -> ApiResult<Claim<'_>> {
    let mut parts = credential.rsplitn(5, '/');
    let mut next = || {
        parts.next().filter(|part| !part.is_empty()).ok_or_else(|| {
            ApiError::incomplete_signature("Credential must have five slash-separated elements.")
        })
    };
    let terminator = next()?;
    let (service, region, scope_date, access_key) = (next()?, next()?, next()?, next()?);
    if terminator != "aws4_request" {
        return Err(ApiError::incomplete_signature(
            "Credential should be scoped with a valid terminator: 'aws4_request'.",
        ));
    }
    Ok(Claim {
        access_key,
        scope_date,
        region,
        service,
        signed_headers: "",
        signature: "",
        date: String::new(),
        date_ms: 0,
        expires_ms: None,
        token: None,
    })
}

fn check_moment(claim: &Claim<'_>, config: &Config, now_ms: u64) -> ApiResult {
    let age_ms = now_ms.saturating_sub(claim.date_ms);
    let early_ms = claim.date_ms.saturating_sub(now_ms);
    if age_ms > claim.expires_ms.unwrap_or(SKEW_MS) || early_ms > SKEW_MS {
        return Err(stale_signature(config));
    }
    Ok(())
}

fn check_token(key: &AccessKey, token: Option<&str>) -> ApiResult {
    let good = match (key.session_token.as_deref(), token) {
        (None, None) => true,
        (Some(wanted), Some(given)) => same_secret(wanted, given),
        (None, Some(_)) | (Some(_), None) => false,
    };
    if good {
        Ok(())
    } else {
        Err(ApiError::auth_failure())
    }
}

fn check_scope(claim: &Claim<'_>, config: &Config, service: SignedService) -> ApiResult {
    let day = claim.date.split('T').next().unwrap_or_default();
    if claim.scope_date != day {
        return Err(ApiError::scope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{}' != '{day}'.",
            claim.scope_date
        )));
    }
    if claim.region != config.region {
        return Err(ApiError::scope("Credential should be scoped to a valid region."));
    }
    let right = match service {
        SignedService::Ec2 => claim.service == "ec2",
        // The two services share an address here, and a caller may have only one signer.
        SignedService::Sts => matches!(claim.service, "sts" | "ec2"),
    };
    if !right {
        let wanted = match service {
            SignedService::Ec2 => "ec2",
            SignedService::Sts => "sts",
        };
        return Err(ApiError::scope(format!(
            "Credential should be scoped to correct service: '{wanted}'."
        )));
    }
    Ok(())
}

/// The body hash that the signature must cover: of the body as received, unless the client declared it unsigned.
fn payload_hash(request: &Request<Bytes>) -> ApiResult<String> {
    let hash = sha256_hex(request.body());
    match header(request, HASH_HEADER).as_deref().map(str::trim) {
        Some("UNSIGNED-PAYLOAD") => Ok("UNSIGNED-PAYLOAD".to_owned()),
        Some(claimed) if claimed != hash => Err(ApiError::signature_mismatch()),
        Some(_) | None => Ok(hash),
    }
}
