//! Callers that are authenticated, or refused, against the contract.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::protocol::form;

use crate::selfcheck::emulator::EmulatedRequest;
use crate::selfcheck::fault::{Fault, fault};

/// The prefix of the only access key that this family of faults concerns.
const UNKNOWN: &str = "AKIASTOPCHECKNOSUCH7";
const DENIED: &str = "AKIAEXAMPLEDENIED000";
const SESSION: &str = "ASIAEXAMPLESESSION00";
const EXPIRED: &str = "ASIAEXAMPLEEXPIRED00";

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "signatures-not-read",
        "signatures are not looked at",
        &["auth/unsigned"],
        &["AUT-01"],
        trusting,
    )
    .seen("MiniStack 1.5.33"),
    fault(
        "unsigned-stop-carried-out",
        "an unsigned stop is refused after it was done",
        &["auth/unsigned"],
        &["AUT-01"],
        |asked| {
            if asked.stops() && !asked.request.headers().contains_key(AUTHORIZATION) {
                asked.stop_secretly(&asked.ids());
            }
            asked.pass()
        },
    ),
    fault(
        "own-words-for-unsigned",
        "an unsigned request is answered in the author's words",
        &["auth/unsigned"],
        &[],
        |asked| {
            asked.instead("MissingParameter", || {
                asked.refuse(403, "Forbidden", "Sign, please.")
            })
        },
    )
    .warns(&["AUT-02"]),
    fault(
        "no-header-signatures",
        "the Authorization header is not understood",
        &["stop/running"],
        &["STT-01", "REQ-01", "REQ-06", "AUT-03"],
        |asked| {
            if asked.stops() && asked.request.headers().contains_key(AUTHORIZATION) {
                return asked.refuse(400, "IncompleteSignature", "Where is the signature?");
            }
            asked.pass()
        },
    ),
    fault(
        "no-query-signatures",
        "a signature in the query is not understood",
        &["auth/query"],
        &[],
        |asked| {
            if asked.stops() && query_of(asked).contains("X-Amz-Signature") {
                return asked.refuse(403, "MissingAuthenticationToken", "Missing Authentication Token");
            }
            asked.pass()
        },
    )
    .warns(&["AUT-04"]),
    fault(
        "any-access-key-known",
        "any access key is known",
        &["auth/unknown-key"],
        &["AUT-06"],
        trusting,
    )
    .seen("moto 5.2.5"),
    fault(
        "signatures-not-verified",
        "signatures are not verified",
        &["auth/wrong-signature"],
        &["AUT-07"],
        trusting,
    )
    .seen("moto 5.2.5"),
    fault(
        "wrong-signature-carried-out",
        "a wrong signature is found after the stop",
        &["auth/wrong-signature"],
        &["AUT-07"],
        |asked| {
            let response = asked.pass();
            if asked.stops() && response.status() != StatusCode::OK {
                asked.stop_secretly(&asked.ids());
            }
            response
        },
    ),
    fault(
        "signatures-never-age",
        "signatures never age",
        &["auth/stale-signature"],
        &["AUT-08"],
        trusting,
    )
    .seen("moto 5.2.5"),
    fault(
        "sessions-never-expire",
        "sessions never expire",
        &["auth/expired-session"],
        &["AUT-09"],
        trusting,
    ),
    fault(
        "expired-session-as-unauthorized",
        "an expired session is unauthorized",
        &["auth/expired-session"],
        &["AUT-09"],
        |asked| {
            if asked.stops() && signed_with(asked, EXPIRED) {
                return asked.refuse(403, "ExpiredToken", "The security token has expired");
            }
            asked.pass()
        },
    ),
    fault(
        "permissions-ignored",
        "nobody's permission is asked",
        &["auth/denied"],
        &["AUT-10"],
        trusting,
    ),
    fault(
        "unpermitted-stop-carried-out",
        "a caller without permission is refused after the stop",
        &["auth/denied"],
        &["AUT-10"],
        |asked| {
            if asked.stops() && signed_with(asked, DENIED) {
                asked.stop_secretly(&asked.ids());
            }
            asked.pass()
        },
    ),
    fault(
        "denied-as-access-denied",
        "a denied caller gets AccessDenied",
        &["auth/denied"],
        &["AUT-10"],
        |asked| {
            asked.instead("UnauthorizedOperation", || {
                asked.refuse(
                    403,
                    "AccessDenied",
                    "You are not authorized to perform this operation.",
                )
            })
        },
    ),
    fault(
        "denied-as-400",
        "a denied caller gets 400",
        &["auth/denied"],
        &["AUT-10"],
        |asked| asked.refusal(|response| *response.status_mut() = StatusCode::BAD_REQUEST),
    ),
    fault(
        "dry-run-without-permission",
        "a dry run does not ask for permission",
        &["auth/denied"],
        &["AUT-10", "AUT-12"],
        |asked| {
            if asked.stops() && asked.is_set("DryRun") {
                return asked.pass_as(asked.params.clone());
            }
            asked.pass()
        },
    ),
    fault(
        "no-temporary-credentials",
        "temporary credentials are not understood",
        &["auth/session"],
        &["STT-01", "AUT-14"],
        |asked| {
            if asked.stops() && signed_with(asked, SESSION) {
                return asked.refuse(
                    401,
                    "AuthFailure",
                    "AWS was not able to validate the provided access credentials",
                );
            }
            asked.pass()
        },
    ),
    fault(
        "claimed-hash-trusted",
        "the body is not hashed: its hash is taken from X-Amz-Content-Sha256",
        &["auth/altered-request"],
        &["AUT-07"],
        |asked| {
            let claims = asked.request.headers().contains_key("x-amz-content-sha256");
            if claims { trusted_stop(asked) } else { asked.pass() }
        },
    ),
    fault(
        "signatures-of-get-not-verified",
        "signatures are verified where parameters are in the body only",
        &["auth/altered-request"],
        &["AUT-07"],
        |asked| match *asked.request.method() {
            Method::GET => trusted_stop(asked),
            _ => asked.pass(),
        },
    ),
    fault(
        "scope-read-from-configuration",
        "the credential scope is not read: the key is derived from the time stamp and the configuration",
        &["auth/altered-request"],
        &["AUT-07"],
        |asked| {
            let proof = asked.header(AUTHORIZATION).unwrap_or_default();
            match proof.contains("/10") {
                true => trusted_stop(asked),
                false => asked.pass(),
            }
        },
    ),
    fault(
        "signature-compared-up-to-its-end",
        "a signature is compared only as far as it goes",
        &["auth/malformed-signature"],
        &["AUT-07"],
        |asked| match signature_of(asked).len() < 64 {
            true => trusted_stop(asked),
            false => asked.pass(),
        },
    ),
    fault(
        "signature-compared-at-its-start",
        "a signature need only begin with the right digits",
        &["auth/malformed-signature"],
        &["AUT-07"],
        |asked| match signature_of(asked).len() > 64 {
            true => trusted_stop(asked),
            false => asked.pass(),
        },
    ),
    fault(
        "signature-compared-without-case",
        "signatures are compared without regard to case",
        &["auth/malformed-signature"],
        &[],
        |asked| match signature_of(asked).contains(|digit: char| digit.is_ascii_uppercase()) {
            true => trusted_stop(asked),
            false => asked.pass(),
        },
    )
    .warns(&["AUT-24"]),
    fault(
        "scope-date-not-compared",
        "the signing key is derived from the date of the scope, which is not compared with the time stamp",
        &["auth/other-scope"],
        &["AUT-15"],
        |asked| forgiving(asked, "Date in Credential scope"),
    ),
    fault(
        "scope-region-not-compared",
        "the signing key is derived from the Region that the scope names, which is not compared",
        &["auth/other-scope"],
        &["AUT-17"],
        |asked| forgiving(asked, "scoped to a valid region"),
    ),
    fault(
        "scope-service-not-compared",
        "the signing key is derived from the service that the scope names, which is not compared",
        &["auth/other-scope"],
        &["AUT-17"],
        |asked| forgiving(asked, "scoped to correct service"),
    ),
    fault(
        "scope-end-not-compared",
        "the end of the scope is not compared with aws4_request",
        &["auth/other-scope"],
        &["AUT-17"],
        |asked| forgiving(asked, "valid terminator"),
    ),
    fault(
        "host-need-not-be-signed",
        "only the headers that the client lists are verified, whichever these are",
        &["auth/unsigned-headers"],
        &["AUT-16"],
        |asked| forgiving(asked, "must be a 'SignedHeader'"),
    ),
    fault(
        "date-need-not-be-signed",
        "headers of the service may be left out of the signature",
        &["auth/unsigned-headers"],
        &[],
        |asked| forgiving(asked, "headers present in the request which were not signed"),
    )
    .warns(&["AUT-18"]),
    fault(
        "future-signatures-accepted",
        "the age of a signature is computed without regard to its sign",
        &["auth/clock-skew"],
        &["AUT-19"],
        |asked| match asked.request.method() == Method::POST {
            true => forgiving(asked, "Request has expired."),
            false => asked.pass(),
        },
    ),
    fault(
        "clocks-must-agree",
        "a time stamp may be one minute off, and no more",
        &["auth/clock-skew"],
        &[],
        |asked| {
            let fourteen_minutes = 14 * 60 * 1000;
            let in_time = asked.is_admitted_at(asked.now_ms + fourteen_minutes)
                && asked.is_admitted_at(asked.now_ms - fourteen_minutes);
            match asked.stops() && !in_time {
                true => asked.refuse(400, "RequestExpired", "Request has expired."),
                false => asked.pass(),
            }
        },
    )
    .warns(&["AUT-22"]),
    fault(
        "presigned-requests-never-expire",
        "X-Amz-Expires is not read",
        &["auth/presigned"],
        &["AUT-20"],
        |asked| forgiving(asked, "Request has expired."),
    ),
    fault(
        "presigned-requests-of-any-validity",
        "X-Amz-Expires may be anything",
        &["auth/presigned"],
        &[],
        |asked| forgiving(asked, "X-Amz-Expires must be between"),
    )
    .warns(&["AUT-21"]),
    fault(
        "session-token-not-required",
        "the token of temporary credentials is compared only if there is one",
        &["auth/session-token"],
        &["AUT-23"],
        |asked| match asked.request.headers().contains_key("x-amz-security-token") {
            true => asked.pass(),
            false => forgiving(asked, "validate the provided access credentials"),
        },
    ),
    fault(
        "session-token-not-compared",
        "a token of temporary credentials has to be there, and is not compared",
        &["auth/session-token"],
        &["AUT-23"],
        |asked| match asked.request.headers().contains_key("x-amz-security-token") {
            true => forgiving(asked, "validate the provided access credentials"),
            false => asked.pass(),
        },
    ),
    fault(
        "permission-asked-for-one-instance",
        "permission is asked for the first instance of a batch only",
        &["auth/denied-options"],
        &["AUT-10"],
        |asked| {
            if asked.stops() && signed_with(asked, DENIED) {
                asked.stop_secretly(asked.ids().get(1..).unwrap_or_default());
            }
            asked.pass()
        },
    ),
    fault(
        "force-needs-no-permission",
        "a stop with Force is a path of its own, in which nobody's permission is asked",
        &["auth/denied-options"],
        &["AUT-10"],
        |asked| match asked.is_set("Force") {
            true => trusted_stop(asked),
            false => asked.pass(),
        },
    ),
    fault(
        "hibernation-needs-no-permission",
        "a stop with Hibernate is a path of its own, in which nobody's permission is asked",
        &["auth/denied-options"],
        &["AUT-10"],
        |asked| match asked.is_set("Hibernate") {
            true => trusted_stop(asked),
            false => asked.pass(),
        },
    ),
    fault(
        "skipping-the-shutdown-needs-no-permission",
        "a stop with SkipOsShutdown is a path of its own, in which nobody's permission is asked",
        &["auth/denied-options"],
        &["AUT-10"],
        |asked| match asked.is_set("SkipOsShutdown") {
            true => trusted_stop(asked),
            false => asked.pass(),
        },
    ),
    fault(
        "first-authorization-counts",
        "of two Authorization headers the first is read, as by a look-up that finds one value",
        &["auth/two-signatures"],
        &[],
        |asked| with_one_authorization(asked, |values| values.next()),
    )
    .warns(&["AUT-25"]),
    fault(
        "last-authorization-counts",
        "of two Authorization headers the last is read, as by a map in which a later value replaces an earlier one",
        &["auth/two-signatures"],
        &[],
        |asked| with_one_authorization(asked, |values| values.last()),
    )
    .warns(&["AUT-25"]),
    fault(
        "verified-bodies-cached",
        "whether a signature is right is remembered by the body of the request",
        &["auth/each-request"],
        &["AUT-01", "AUT-06", "AUT-07"],
        |asked| {
            let body = String::from_utf8_lossy(asked.request.body());
            if asked.is_admitted_at(asked.now_ms) {
                asked.remember(&body, "verified");
            }
            match asked.recall(&body) {
                Some(_) => trusted_stop(asked),
                None => asked.pass(),
            }
        },
    ),
    fault(
        "connection-authenticated-once",
        "a connection is authenticated by its first request",
        &["auth/each-request"],
        &["AUT-01", "AUT-06", "AUT-07"],
        |asked| {
            if asked.is_admitted_at(asked.now_ms) {
                asked.remember("connection", "authenticated");
            }
            match asked.recall("connection") {
                Some(_) => trusted_stop(asked),
                None => asked.pass(),
            }
        },
    ),
    fault(
        "permission-cached-without-its-caller",
        "whether an action is permitted is remembered by its name and the instance, whoever asks",
        &["auth/each-caller"],
        &["AUT-10"],
        |asked| {
            let ids = asked.ids();
            let answer = asked.pass();
            if asked.stops() && answer.status() == StatusCode::OK {
                ids.iter().for_each(|id| asked.remember(id, "permitted"));
            }
            match signed_with(asked, DENIED) && ids.iter().all(|id| asked.recall(id).is_some()) {
                true => trusted_stop(asked),
                false => answer,
            }
        },
    ),
    fault(
        "signatures-age-in-hours",
        "the limit of fifteen minutes is read as one of fifteen hours, to either side",
        &["auth/stale-signature", "auth/clock-skew"],
        &["AUT-08", "AUT-19"],
        |asked| {
            const HOUR_MS: u64 = 60 * 60 * 1000;
            let in_time = [asked.now_ms + HOUR_MS, asked.now_ms - HOUR_MS];
            match in_time.iter().any(|at_ms| asked.is_admitted_at(*at_ms)) {
                true => trusted_stop(asked),
                false => asked.pass(),
            }
        },
    ),
    fault(
        "unsigned-get-from-a-browser",
        "a GET without a signature is taken for a look from a browser, and answered",
        &["auth/unsigned"],
        &["AUT-01"],
        |asked| {
            let is_signed = asked.request.headers().contains_key(AUTHORIZATION)
                || query_of(asked).contains("X-Amz-Signature");
            match asked.request.method() == Method::GET && !is_signed {
                true => trusted_stop(asked),
                false => asked.pass(),
            }
        },
    ),
    fault(
        "unreadable-authorization-skipped",
        "an Authorization header that cannot be parsed is logged, and the request goes on",
        &["auth/unsigned"],
        &["AUT-01"],
        |asked| {
            let proof = asked.header(AUTHORIZATION);
            match proof.is_some_and(|proof| !proof.contains("Signature=")) {
                true => trusted_stop(asked),
                false => asked.pass(),
            }
        },
    ),
];

/// The answer to the request with one of its Authorization headers, if it has several.
fn with_one_authorization(
    asked: &EmulatedRequest<'_>,
    which: fn(&mut dyn Iterator<Item = HeaderValue>) -> Option<HeaderValue>,
) -> Response<Bytes> {
    let values = asked.request.headers().get_all(AUTHORIZATION);
    match which(&mut values.iter().cloned()) {
        Some(value) => asked.pass_with(|request| _ = request.headers_mut().insert(AUTHORIZATION, value)),
        None => asked.pass(),
    }
}

/// Performs a stop that is refused with a message that has this part, for any caller.
fn forgiving(asked: &EmulatedRequest<'_>, part: &str) -> Response<Bytes> {
    let response = asked.pass();
    if asked.stops() && String::from_utf8_lossy(response.body()).contains(part) {
        return asked.pass_as(asked.params.clone());
    }
    response
}

/// Performs a stop for any caller, however it is signed.
fn trusted_stop(asked: &EmulatedRequest<'_>) -> Response<Bytes> {
    match asked.stops() {
        true => asked.pass_as(asked.params.clone()),
        false => asked.pass(),
    }
}

/// The signature in the header; one of the usual length if there is none.
fn signature_of(asked: &EmulatedRequest<'_>) -> String {
    let proof = asked.header(AUTHORIZATION);
    let signature = proof.as_deref().and_then(|proof| proof.rsplit_once("Signature="));
    signature.map_or_else(|| "0".repeat(64), |(_, digits)| digits.to_owned())
}

/// Performs the request for any caller.
fn trusting(asked: &EmulatedRequest<'_>) -> Response<Bytes> {
    let wrong = asked.header(AUTHORIZATION).is_none_or(|proof| {
        [UNKNOWN, DENIED, EXPIRED].iter().any(|key| proof.contains(key))
            || asked.pass().status() == StatusCode::UNAUTHORIZED
    });
    let refused = asked.stops() && (wrong || asked.pass().status() != StatusCode::OK);
    if refused {
        asked.pass_as(asked.params.clone())
    } else {
        asked.pass()
    }
}

fn query_of<'a>(asked: &EmulatedRequest<'a>) -> &'a str {
    asked.request.uri().query().unwrap_or_default()
}

fn signed_with(asked: &EmulatedRequest<'_>, key: &str) -> bool {
    let proof = asked.header(AUTHORIZATION).unwrap_or_default();
    form::unescape(&proof).contains(key)
}
