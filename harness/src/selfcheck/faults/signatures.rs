//! Callers that are authenticated, or refused, against the contract.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Response, StatusCode};

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
];

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
