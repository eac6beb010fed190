//! Callers who are let in, or kept out, against the contract.

use stopcheck::protocol::form;
use stopcheck::wire::Response;

use crate::mock::Asked;
use crate::{Fault, fault, plant};

/// The beginning of the one access key that this family of faults is about.
const UNKNOWN: &str = "AKIASTOPCHECKNOSUCH7";
const DENIED: &str = "AKIAEXAMPLEDENIED000";
const SESSION: &str = "ASIAEXAMPLESESSION00";
const EXPIRED: &str = "ASIAEXAMPLEEXPIRED00";

pub(crate) const FAULTS: &[Fault] = &[
    fault(
        "signatures are not looked at",
        &["auth/unsigned"],
        &["AUT-01"],
        trusting,
    ),
    fault(
        "an unsigned stop is refused after it was done",
        &["auth/unsigned"],
        &["AUT-01"],
        |asked| {
            if asked.stops() && asked.request.headers.get("authorization").is_none() {
                asked.stop_secretly(&asked.ids());
            }
            asked.pass()
        },
    ),
    fault(
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
        "the Authorization header is not understood",
        &["stop/running"],
        &["STT-01", "REQ-01", "REQ-06", "AUT-03"],
        |asked| {
            if asked.stops() && asked.request.headers.get("authorization").is_some() {
                return asked.refuse(400, "IncompleteSignature", "Where is the signature?");
            }
            asked.pass()
        },
    ),
    fault(
        "a signature in the query is not understood",
        &["auth/query"],
        &[],
        |asked| {
            if asked.stops() && asked.request.target.contains("X-Amz-Signature") {
                return asked.refuse(403, "MissingAuthenticationToken", "Missing Authentication Token");
            }
            asked.pass()
        },
    )
    .warns(&["AUT-04"]),
    fault(
        "any access key is known",
        &["auth/unknown-key"],
        &["AUT-06"],
        trusting,
    ),
    fault(
        "signatures are not verified",
        &["auth/wrong-signature"],
        &["AUT-07"],
        trusting,
    ),
    fault(
        "a wrong signature is found after the stop",
        &["auth/wrong-signature"],
        &["AUT-07"],
        |asked| {
            let response = asked.pass();
            if asked.stops() && response.status != 200 {
                asked.stop_secretly(&asked.ids());
            }
            response
        },
    ),
    fault(
        "signatures never age",
        &["auth/stale-signature"],
        &["AUT-08"],
        trusting,
    ),
    fault(
        "sessions never expire",
        &["auth/expired-session"],
        &["AUT-09"],
        trusting,
    ),
    fault(
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
        "nobody's permission is asked",
        &["auth/denied"],
        &["AUT-10"],
        trusting,
    ),
    fault(
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
        "a denied caller gets 400",
        &["auth/denied"],
        &["AUT-10"],
        |asked| asked.refusal(|response| response.status = 400),
    ),
    fault(
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

/// Does what is asked, whoever asks.
fn trusting(asked: &Asked<'_>) -> Response {
    let wrong = asked.request.headers.get("authorization").is_none_or(|proof| {
        [UNKNOWN, DENIED, EXPIRED].iter().any(|key| proof.contains(key)) || asked.pass().status == 401
    });
    let refused = asked.stops() && (wrong || asked.pass().status != 200);
    if refused {
        asked.pass_as(asked.params.clone())
    } else {
        asked.pass()
    }
}

fn signed_with(asked: &Asked<'_>, key: &str) -> bool {
    let proof = asked.request.headers.get("authorization").unwrap_or_default();
    form::unescape(proof).contains(key)
}

#[test]
fn callers_who_are_judged_wrongly_are_found() {
    plant(FAULTS);
}
