//! Answers with the right content in the wrong form.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

use crate::selfcheck::emulator::{code_of, replace_between, set_content_type, with_text};
use crate::selfcheck::fault::{Fault, fault};

const STOP: &[&str] = &["stop/running"];
const BATCH: &[&str] = &["batch/two"];
const REFUSALS: &[&str] = &["id/unknown", "stop/terminated"];

const NAMESPACE: &str = " xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"";

pub(super) const FAULTS: &[Fault] = &[
    // --- successes ---
    fault(
        "success-202",
        "a success answers 202 Accepted",
        STOP,
        &["RSP-01"],
        |asked| asked.success(|response| *response.status_mut() = StatusCode::ACCEPTED),
    ),
    fault(
        "namespace-without-slash",
        "the namespace lacks its trailing slash",
        STOP,
        &["RSP-02"],
        |asked| asked.success_text(|text| text.replacen("2016-11-15/\"", "2016-11-15\"", 1)),
    )
    .seen("moto 5.2.5"),
    fault(
        "namespace-empty",
        "the namespace is empty",
        STOP,
        &["RSP-02"],
        |asked| asked.success_text(|text| text.replacen(NAMESPACE, " xmlns=\"\"", 1)),
    ),
    fault(
        "namespace-another-version",
        "the namespace is that of another version",
        STOP,
        &["RSP-02"],
        |asked| asked.success_text(|text| text.replacen("2016-11-15/\"", "2014-10-01/\"", 1)),
    ),
    fault(
        "root-called-result",
        "the answer is called StopInstancesResult",
        STOP,
        &["RSP-02", "STT-01", "REQ-01", "REQ-06", "AUT-03"],
        |asked| asked.success_text(|text| text.replace("StopInstancesResponse", "StopInstancesResult")),
    ),
    fault(
        "success-no-body",
        "a success has no body",
        STOP,
        &["RSP-02", "STT-01", "REQ-01", "REQ-06", "AUT-03"],
        |asked| asked.success(|response| response.body_mut().clear()),
    ),
    fault(
        "success-json",
        "a success is JSON",
        STOP,
        &["RSP-02", "STT-01", "REQ-01", "REQ-06", "AUT-03"],
        |asked| asked.success_text(|_| "{\"StoppingInstances\": []}".to_owned()),
    ),
    fault(
        "success-spells-request-id",
        "a success spells its request id as errors do",
        STOP,
        &["RSP-03"],
        |asked| asked.success_text(|text| text.replace("requestId>", "RequestID>")),
    ),
    fault(
        "success-two-request-ids",
        "a success has two request ids",
        STOP,
        &["RSP-03"],
        |asked| {
            asked.success_text(|text| {
                text.replacen("<instancesSet>", "<requestId>1</requestId><instancesSet>", 1)
            })
        },
    ),
    fault(
        "success-empty-request-id",
        "a success has an empty request id",
        STOP,
        &["RSP-03"],
        |asked| {
            asked.success_text(|text| {
                replace_between(&text, "<requestId>", "</requestId>", "<requestId></requestId>")
            })
        },
    ),
    fault(
        "request-id-a-number",
        "the request id is a number",
        STOP,
        &[],
        |asked| {
            asked.success_text(|text| {
                replace_between(&text, "<requestId>", "</requestId>", "<requestId>7</requestId>")
            })
        },
    )
    .warns(&["RSP-04", "RSP-13"]),
    fault(
        "one-request-id-for-all",
        "every success has the same request id",
        &["stop/twice-in-a-row"],
        &[],
        |asked| {
            asked.success_text(|text| {
                replace_between(
                    &text,
                    "<requestId>",
                    "</requestId>",
                    "<requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>",
                )
            })
        },
    )
    .warns(&["RSP-04", "RSP-17"]),
    fault(
        "no-request-id-header",
        "the header has no request id",
        STOP,
        &[],
        |asked| {
            asked.success(|response| {
                response.headers_mut().remove("x-amzn-requestid");
            })
        },
    )
    .warns(&["RSP-13"]),
    fault(
        "batch-tells-of-first",
        "only the first of two instances is told of",
        BATCH,
        &["RSP-05", "REQ-09", "REQ-10"],
        |asked| {
            asked.success_text(|text| {
                let (head, _) = text.split_once("</item>").unwrap_or((&text, ""));
                format!("{head}</item></instancesSet></StopInstancesResponse>")
            })
        },
    ),
    fault(
        "instances-told-twice",
        "each instance is told of twice",
        STOP,
        &["RSP-05", "REQ-01", "REQ-06", "AUT-03"],
        |asked| {
            asked.success_text(|text| {
                let item = text
                    .split_once("<instancesSet>")
                    .and_then(|(_, rest)| rest.split_once("</instancesSet>"))
                    .map(|(items, _)| items.to_owned())
                    .unwrap_or_default();
                text.replacen("<instancesSet>", &format!("<instancesSet>{item}"), 1)
            })
        },
    ),
    fault(
        "set-empty",
        "the set is empty",
        STOP,
        &["RSP-05", "REQ-01", "REQ-06", "AUT-03"],
        |asked| {
            asked.success_text(|text| {
                replace_between(&text, "<instancesSet>", "</instancesSet>", "<instancesSet/>")
            })
        },
    ),
    fault("two-sets", "there are two sets", STOP, &["RSP-05"], |asked| {
        asked.success_text(|text| text.replacen("<instancesSet>", "<instancesSet/><instancesSet>", 1))
    }),
    fault(
        "item-of-a-stranger",
        "an item tells of an instance that nobody named",
        BATCH,
        &["RSP-05", "REQ-09", "REQ-10"],
        |asked| asked.success_text(|text| text.replacen("<instanceId>i-0", "<instanceId>i-1", 1)),
    ),
    fault(
        "no-previous-state",
        "an item lacks previousState",
        STOP,
        &["RSP-06", "STT-01", "STT-13"],
        |asked| asked.success_text(|text| replace_between(&text, "<previousState>", "</previousState>", "")),
    ),
    fault(
        "items-called-member",
        "items are called member",
        STOP,
        &["RSP-06"],
        |asked| asked.success_text(|text| text.replace("item>", "member>")),
    ),
    fault(
        "state-called-instance-state",
        "the state is written as instanceState",
        STOP,
        &["RSP-06", "STT-01"],
        |asked| asked.success_text(|text| text.replace("currentState>", "instanceState>")),
    ),
    fault(
        "state-name-no-code",
        "a state has a name and no code",
        STOP,
        &["RSP-06", "RSP-07"],
        |asked| asked.success_text(|text| text.replace("<code>64</code>", "")),
    ),
    fault(
        "wrong-state-code",
        "a state carries the code of another",
        STOP,
        &["RSP-07"],
        |asked| asked.success_text(|text| text.replace("<code>64</code>", "<code>80</code>")),
    ),
    fault(
        "success-application-xml",
        "a success is application/xml",
        STOP,
        &["RSP-11"],
        |asked| {
            asked.success(|response| {
                set_content_type(response, "application/xml;charset=UTF-8");
            })
        },
    ),
    fault(
        "success-no-content-type",
        "a success has no content type",
        STOP,
        &["RSP-11"],
        |asked| {
            asked.success(|response| {
                response.headers_mut().remove(CONTENT_TYPE);
            })
        },
    ),
    fault(
        "success-no-charset",
        "a success has no charset",
        STOP,
        &[],
        |asked| asked.success(|response| set_content_type(response, "text/xml")),
    )
    .seen("moto 5.2.5")
    .warns(&["RSP-11"]),
    fault(
        "success-no-xml-declaration",
        "a success has no XML declaration",
        STOP,
        &[],
        |asked| asked.success_text(|text| replace_between(&text, "<?xml", "?>", "")),
    )
    .warns(&["RSP-12"]),
    // --- refusals ---
    fault(
        "error-of-other-services",
        "an error is written as other services write it",
        REFUSALS,
        &["RSP-19"],
        |asked| {
            asked.refusal_text(|text| {
                text.replace("<Response><Errors>", "<ErrorResponse>")
                    .replace("</Errors>", "")
                    .replace("</Response>", "</ErrorResponse>")
            })
        },
    ),
    fault(
        "error-spells-request-id",
        "an error spells its request id as successes do",
        REFUSALS,
        &["RSP-19"],
        |asked| asked.refusal_text(|text| text.replace("RequestID>", "requestId>")),
    ),
    fault(
        "error-no-request-id",
        "an error has no request id",
        REFUSALS,
        &["RSP-19"],
        |asked| asked.refusal_text(|text| replace_between(&text, "<RequestID>", "</RequestID>", "")),
    ),
    fault(
        "error-in-namespace",
        "an error stands in the namespace of successes",
        REFUSALS,
        &["RSP-19"],
        |asked| asked.refusal_text(|text| text.replacen("<Response>", &format!("<Response{NAMESPACE}>"), 1)),
    )
    .seen("moto 5.2.5"),
    fault(
        "error-no-message",
        "an error has no message",
        REFUSALS,
        &["RSP-19"],
        |asked| asked.refusal_text(|text| replace_between(&text, "<Message>", "</Message>", "")),
    ),
    fault(
        "error-page-html",
        "an error is a page of HTML",
        &["id/unknown"],
        &["RSP-19", "ERR-05"],
        |asked| asked.refusal_text(|_| "<html><body>Bad Request</body></html>".to_owned()),
    ),
    fault(
        "error-json",
        "an error is JSON",
        &["id/unknown"],
        &["RSP-19", "ERR-05"],
        |asked| asked.refusal_text(|_| "{\"__type\": \"InvalidInstanceID.NotFound\"}".to_owned()),
    ),
    fault(
        "error-told-twice",
        "one error is told twice",
        REFUSALS,
        &["RSP-20"],
        |asked| {
            asked.refusal_text(|text| {
                text.replacen(
                    "</Errors>",
                    "<Error><Code>Other</Code><Message>m</Message></Error></Errors>",
                    1,
                )
            })
        },
    ),
    fault(
        "codes-with-prefix",
        "codes carry the prefix of the audit log",
        REFUSALS,
        &[],
        |asked| asked.refusal_text(|text| text.replacen("<Code>", "<Code>Client.", 1)),
    )
    .warns(&["RSP-27"]),
    fault(
        "error-text-html",
        "an error is text/html",
        REFUSALS,
        &[],
        |asked| asked.refusal(|response| set_content_type(response, "text/html; charset=utf-8")),
    )
    .warns(&["RSP-21"]),
    fault(
        "no-request-id-header-on-errors",
        "the header of an error has no request id",
        REFUSALS,
        &[],
        |asked| {
            asked.refusal(|response| {
                response.headers_mut().remove("x-amzn-requestid");
            })
        },
    )
    .warns(&["RSP-22"]),
    fault(
        "echo-without-escapes",
        "text of the request is echoed without escapes",
        &["id/markup"],
        &[],
        |asked| asked.refusal_text(|text| text.replace("&lt;", "<").replace("&amp;", "&")),
    )
    .seen("MiniStack 1.5.33")
    .warns(&["RSP-23"]),
    fault(
        "unknown-id-server-fault",
        "an unknown id is the server's fault",
        &["id/unknown"],
        &["RSP-25", "ERR-05", "ERR-13"],
        |asked| {
            asked.refusal_as("InvalidInstanceID.NotFound", |response| {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            })
        },
    ),
    fault(
        "refusal-with-instances",
        "a refusal lists the instances beside the error",
        REFUSALS,
        &["RSP-26"],
        |asked| asked.refusal_text(|text| text.replacen("</Errors>", "</Errors><instancesSet/>", 1)),
    ),
    fault(
        "every-error-answered-200",
        "every error is answered with 200",
        REFUSALS,
        &["ERR-05", "ERR-09", "STT-07"],
        |asked| asked.refusal(|response| *response.status_mut() = StatusCode::OK),
    ),
    // --- words ---
    fault(
        "own-messages",
        "messages are the author's own",
        &["id/malformed", "id/unknown", "id/several-unknown"],
        &[],
        other_words,
    )
    .warns(&["ERR-04", "ERR-06", "ERR-07"]),
    fault(
        "own-messages-about-states",
        "messages about states are the author's own",
        &[
            "stop/terminated",
            "stop/pending",
            "dry-run/valid",
            "instance-store/running",
            "protect/protected",
        ],
        &[],
        other_words,
    )
    .warns(&["ERR-10", "ERR-12", "DRY-03", "IST-03", "PRO-02"]),
    fault(
        "own-messages-about-callers",
        "messages about callers are the author's own",
        &["auth/denied", "auth/unsigned"],
        &[],
        other_words,
    )
    .warns(&["AUT-11", "AUT-02"]),
    fault(
        "own-messages-about-requests",
        "messages about requests are the author's own",
        &[
            "request/unknown-action",
            "request/unknown-parameter",
            "request/unknown-version",
        ],
        &[],
        other_words,
    )
    .warns(&["REQ-03", "REQ-13", "REQ-07"]),
    fault(
        "every-offender-named",
        "every offender is named",
        &["batch/two-terminated"],
        &[],
        |asked| {
            let ids = asked.ids().join(", ");
            asked.refusal_text(|text| {
                replace_between(
                    &text,
                    "<Message>",
                    "</Message>",
                    &format!("<Message>{ids}</Message>"),
                )
            })
        },
    )
    .warns(&["IDM-07"]),
    fault(
        "length-in-characters-of-another-text",
        "Content-Length is that of the text before its ids were filled in, and too long",
        &["stop/running"],
        &["WIR-07"],
        |asked| asked.success(|response| announce(response, 10)),
    ),
    fault(
        "length-too-short",
        "Content-Length counts the body before the declaration of XML was added",
        &["stop/running"],
        &["AUT-03", "REQ-01", "REQ-06", "RSP-02", "STT-01", "WIR-07"],
        |asked| asked.success(|response| announce(response, -39)),
    ),
    fault(
        "leftovers-in-a-buffer",
        "the buffer of an answer is used again, and what a longer answer left there is sent behind a shorter one",
        &["stop/running"],
        &["WIR-07"],
        |asked| {
            asked.success(|response| append_stray(response, b"tem></instancesSet></StopInstancesResponse>"))
        },
    ),
    fault(
        "answers-twice-after-a-retry",
        "a call that met a deadlock is done again, and both attempts write their answer",
        &["stop/running"],
        &["WIR-07"],
        |asked| {
            asked.success(|response| {
                let again = response.body().clone();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", again.len());
                append_stray(response, &[head.as_bytes(), &again].concat());
            })
        },
    ),
    fault(
        "launch-length-before-tags",
        "Content-Length of a launch counts room for tags that are not written",
        &["stop/running"],
        &["WIR-07"],
        |asked| {
            let mut response = asked.pass();
            if asked.action() == "RunInstances" && response.status() == StatusCode::OK {
                announce(&mut response, 120);
            }
            response
        },
    ),
    fault(
        "refusal-without-body",
        "a refusal is a status line and no body",
        REFUSALS,
        &["ERR-05", "ERR-09", "RSP-19", "STT-07"],
        |asked| asked.refusal_text(|_| String::new()),
    ),
    fault(
        "line-before-the-declaration",
        "the template of an answer begins with a line break, so the XML declaration is not the first thing",
        &["stop/running"],
        &["AUT-03", "REQ-01", "REQ-06", "RSP-02", "STT-01"],
        |asked| asked.success_text(|text| format!("\n{text}")),
    ),
    fault(
        "codes-of-an-enum",
        "codes are the names of the author's type, which have no dots",
        &["id/malformed", "id/unknown"],
        &["ERR-03", "ERR-05"],
        |asked| {
            asked.refusal_text(|text| text.replace("<Code>InvalidInstanceID.", "<Code>InvalidInstanceID"))
        },
    ),
    fault(
        "messages-escaped-twice",
        "the text of a message is escaped by its author and again by the template",
        &["id/malformed", "id/unknown"],
        &[],
        |asked| {
            asked.refusal_text(|text| {
                let Some((head, rest)) = text.split_once("<Message>") else {
                    return text;
                };
                let (message, tail) = rest.split_once("</Message>").unwrap_or_default();
                let message = message.replace('\'', "&apos;").replace('"', "&quot;");
                let message = message.replace('&', "&amp;");
                format!("{head}<Message>{message}</Message>{tail}")
            })
        },
    )
    .warns(&["ERR-04", "ERR-06"]),
    fault(
        "request-id-header-of-a-proxy",
        "the request id of the header is that of a proxy, and not the one of the body",
        &["stop/running", "id/unknown"],
        &[],
        |asked| {
            let mut response = asked.pass();
            let id = HeaderValue::from_static("0e4a4d0b-59c9-4ac8-b7c5-000000000000");
            response.headers_mut().insert("x-amzn-requestid", id);
            response
        },
    )
    .warns(&["RSP-13", "RSP-22"]),
    fault(
        "state-names-of-an-enum",
        "the names of states are those of the author's type, with a capital letter",
        &["stop/running"],
        &["RSP-07", "STT-01", "STT-13"],
        |asked| {
            asked.success_text(|text| {
                text.replace("<name>stopping", "<name>Stopping")
                    .replace("<name>running", "<name>Running")
            })
        },
    ),
];

fn other_words(asked: &crate::selfcheck::emulator::EmulatedRequest<'_>) -> Response<Bytes> {
    let response = asked.pass();
    if code_of(&response).is_none() {
        return response;
    }
    with_text(response, |text| {
        replace_between(
            &text,
            "<Message>",
            "</Message>",
            "<Message>Something is wrong.</Message>",
        )
    })
}

/// Sends bytes behind a whole answer.
fn append_stray(response: &mut Response<Bytes>, stray: &[u8]) {
    announce(response, 0);
    *response.body_mut() = [response.body().as_ref(), stray].concat().into();
}

/// Announces a length that differs from that of the body.
fn announce(response: &mut Response<Bytes>, difference: isize) {
    let length = response.body().len().saturating_add_signed(difference);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
}
