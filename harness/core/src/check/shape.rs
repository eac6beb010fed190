//! Checks the form of an answer, independent of its content: root, envelope, ids, headers.

use std::borrow::Cow;

use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SERVER, STRICT_TRANSPORT_SECURITY};

use super::step_judgement::{StepJudgement, Weight};
use super::text::{few, one_line, quote};
use super::{Judge, Seen};
use crate::call::{API_VERSION, Call};
use crate::contract::Check;
use crate::protocol::reply::{self, Body, Errors, Reply, StateChange, StateChanges, StateValue};
use crate::protocol::xml::{Document, Element};

/// The namespace of successful answers, followed by the API version and a slash.
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/";

/// The envelope of a refusal.
const ENVELOPE: &str = "<Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>";

/// Judges the shape of a successful answer of the action under test.
pub(super) fn success(
    judge: &Judge,
    judgement: &mut StepJudgement<'_>,
    seen: &mut Seen,
    call: &Call,
    reply: &Reply,
    document: &Document,
    changes: &StateChanges<'_>,
) {
    const FULL: Weight = Weight::Full;
    judge.note(judgement, Check::SuccessStatus, FULL, reply.status == 200, || {
        ("HTTP status 200", format!("HTTP status {}", reply.status))
    });
    root(judge, judgement, call, document.root());
    let one_filled = matches!(changes.request_ids.as_slice(), [id] if !id.is_empty());
    judge.note(judgement, Check::RequestId, FULL, one_filled, || {
        (
            "exactly one requestId, not empty",
            format!("requestId: {}", quote_all(&changes.request_ids)),
        )
    });
    if let Some(id) = changes.request_ids.first() {
        judge.note(judgement, Check::RequestIdUuid, FULL, is_uuid(id), || {
            (
                "a requestId that is a lower-case UUID",
                format!("requestId {}", quote(id)),
            )
        });
    }
    judge.note(
        judgement,
        Check::OneItemPerInstance,
        FULL,
        changes.sets == 1,
        || {
            (
                "one instancesSet",
                format!("{} instancesSet elements", changes.sets),
            )
        },
    );
    let mut odd = changes.items.iter().filter_map(item_oddity).peekable();
    judge.note(judgement, Check::ItemMembers, FULL, odd.peek().is_none(), || {
        (
            "items of instanceId, currentState{code, name} and previousState{code, name}",
            few(odd),
        )
    });
    let states = changes
        .items
        .iter()
        .flat_map(|item| [&item.current, &item.previous]);
    let mut wrong = states
        .flatten()
        .filter(|state| !code_fits(judge, state))
        .map(|state| format!("code {} with name {}", text_of(state.code), text_of(state.name)))
        .peekable();
    let fits = wrong.peek().is_none();
    judge.note(judgement, Check::CodeMatchesName, FULL, fits, || {
        (
            "0 pending, 16 running, 32 shutting-down, 48 terminated, 64 stopping, 80 stopped (low byte)",
            few(wrong),
        )
    });
    let header = reply.header(CONTENT_TYPE);
    let media = media_type(header.as_deref());
    // Every recording has the charset, but the document declares it too: a missing one misleads nobody.
    let weight = if media.is_xml { Weight::Advisory } else { FULL };
    let fits = media.is_xml && media.is_utf8;
    judge.note(judgement, Check::SuccessContentType, weight, fits, || {
        (
            "text/xml;charset=UTF-8",
            format!("Content-Type {}", text_of(header.as_deref())),
        )
    });
    let declared = document.declaration.as_ref().is_some_and(|declaration| {
        declaration.version == "1.0"
            && declaration
                .encoding
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case("utf-8"))
    });
    judge.note(judgement, Check::XmlDeclaration, FULL, declared, || {
        (
            "an XML declaration of version 1.0 and encoding UTF-8",
            "another declaration or none",
        )
    });
    let id = changes.request_ids.first().copied();
    request_id_header(judge, judgement, Check::RequestIdHeader, reply, id);
    let secure =
        reply.headers.contains_key(CACHE_CONTROL) && reply.headers.contains_key(STRICT_TRANSPORT_SECURITY);
    judge.note(judgement, Check::SecurityHeaders, FULL, secure, || {
        ("both headers", "not both")
    });
    let server = reply
        .headers
        .get(SERVER)
        .is_some_and(|server| server == "AmazonEC2");
    judge.note(judgement, Check::ServerHeader, FULL, server, || {
        ("Server: AmazonEC2", "another")
    });
    unique(judge, judgement, seen, id);
}

/// What is known about the form of a refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorForm {
    /// Whether the request held text that XML must escape.
    pub(super) echoes: bool,
    /// Whether the real service was seen to answer a request of this kind in a form that is not its own.
    pub(super) any: bool,
}

/// Judges the shape of a refusal.
pub(super) fn error(
    judge: &Judge,
    judgement: &mut StepJudgement<'_>,
    seen: &mut Seen,
    reply: &Reply,
    ErrorForm { echoes, any }: ErrorForm,
) {
    const FULL: Weight = Weight::Full;
    let enveloped = match any {
        true => Weight::Advisory,
        false => FULL,
    };
    let document = match &reply.body {
        Body::Document(document) => document,
        Body::Empty | Body::Unreadable { .. } => {
            // How the service handles text that XML must escape is not recorded; that the answer stays XML is inferred.
            let (check, allowed) = if echoes {
                (Check::WellFormedEcho, "well-formed XML")
            } else {
                (Check::ErrorEnvelope, ENVELOPE)
            };
            judge.note(judgement, check, enveloped, false, || {
                (allowed, body_in_words(&reply.body))
            });
            return;
        }
    };
    if echoes {
        judgement.held(judge.of(Check::WellFormedEcho));
    }
    let Some(errors) = reply::errors(document.root()) else {
        judge.note(judgement, Check::ErrorEnvelope, enveloped, false, || {
            (ENVELOPE, body_in_words(&reply.body))
        });
        return;
    };
    envelope(judge, judgement, &errors, enveloped);
    let header = reply.header(CONTENT_TYPE);
    let media = media_type(header.as_deref());
    let fits = media.is_xml && media.is_utf8;
    judge.note(judgement, Check::ErrorContentType, FULL, fits, || {
        (
            "text/xml;charset=UTF-8",
            format!("Content-Type {}", text_of(header.as_deref())),
        )
    });
    let id = errors.request_ids.first().copied();
    request_id_header(judge, judgement, Check::ErrorRequestIdHeader, reply, id);
    let without = !holds(document.root(), "instancesSet");
    judge.note(judgement, Check::RefusalWithoutSet, FULL, without, || {
        ("no instancesSet in a refusal", "an instancesSet beside the error")
    });
    unique(judge, judgement, seen, id);
}

/// Describes a body for people.
pub(super) fn body_in_words(body: &Body) -> String {
    match body {
        Body::Document(document) => format!("a document <{}>", one_line(document.root().name(), 60)),
        Body::Empty => "an empty body".to_owned(),
        Body::Unreadable { why } => format!("a body that is not XML ({})", one_line(why, 120)),
    }
}

fn envelope(judge: &Judge, judgement: &mut StepJudgement<'_>, errors: &Errors<'_>, weight: Weight) {
    let mut oddities: Vec<Cow<'_, str>> = errors.oddities.iter().map(Cow::from).collect();
    if !matches!(errors.request_ids.as_slice(), [id] if !id.is_empty()) {
        oddities.push(format!("RequestID: {}", quote_all(&errors.request_ids)).into());
    }
    if errors
        .errors
        .iter()
        .any(|error| error.code.is_none() || error.message.is_none())
    {
        oddities.push("an Error without Code or Message".into());
    }
    judge.note(
        judgement,
        Check::ErrorEnvelope,
        weight,
        oddities.is_empty(),
        || (ENVELOPE, one_line(&oddities.join(", "), 300)),
    );
    let prefixed = errors
        .errors
        .iter()
        .filter_map(|error| error.code)
        .any(|code| code.starts_with("Client.") || code.starts_with("Server."));
    let count = errors.errors.len();
    judge.note(judgement, Check::OneError, weight, count == 1, || {
        ("exactly one Error", format!("{count} Error elements"))
    });
    judge.note(judgement, Check::BareErrorCode, Weight::Full, !prefixed, || {
        ("a code without Client. or Server.", "a prefixed code")
    });
}

fn root(judge: &Judge, judgement: &mut StepJudgement<'_>, call: &Call, root: Element<'_>) {
    // The name comes from the action under test, not from the call: that a misspelled action was carried out is
    // reported as that, and not a second time because of the name in its answer.
    let name = &judge.root;
    // The namespace of an answer to another version, or to none, is not recorded; that the call was answered is
    // reported elsewhere.
    let today = call.form.version.as_deref() == Some(API_VERSION);
    let seen = root.namespace().unwrap_or("");
    let is_namespace = || {
        let version = seen
            .strip_prefix(NAMESPACE)
            .and_then(|rest| rest.strip_suffix('/'));
        version == Some(API_VERSION)
    };
    let fits = root.name() == name && (!today || is_namespace());
    judge.note(judgement, Check::RootElement, Weight::Full, fits, || {
        (
            format!("<{name} xmlns=\"{NAMESPACE}{API_VERSION}/\">"),
            format!(
                "<{} xmlns=\"{}\">",
                one_line(root.name(), 60),
                one_line(seen, 120)
            ),
        )
    });
}

fn item_oddity(item: &StateChange<'_>) -> Option<String> {
    let state_is_whole = |state: &Option<StateValue<&str>>| {
        state
            .as_ref()
            .is_some_and(|state| state.code.is_some() && state.name.is_some())
    };
    let members = [
        ("instanceId", item.id.is_some_and(|id| !id.is_empty())),
        ("currentState", state_is_whole(&item.current)),
        ("previousState", state_is_whole(&item.previous)),
    ];
    if item.oddities.is_empty() && members.iter().all(|(_, there)| *there) {
        return None;
    }
    let mut words: Vec<String> = members
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| format!("{name} missing or not whole"))
        .collect();
    words.extend(item.oddities.iter().map(|oddity| one_line(oddity, 80)));
    Some(words.join(", "))
}

fn code_fits(judge: &Judge, state: &StateValue<&str>) -> bool {
    let Some(code) = state.code_number().filter(|code| *code <= u32::from(u16::MAX)) else {
        return false;
    };
    // The high byte is internal to the service.
    judge
        .contract
        .states
        .iter()
        .any(|known| u32::from(known.code) == code & 0xFF && Some(known.name.as_str()) == state.name)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

fn request_id_header(
    judge: &Judge,
    judgement: &mut StepJudgement<'_>,
    check: Check,
    reply: &Reply,
    id: Option<&str>,
) {
    let header = reply.header(REQUEST_ID);
    let fits = header.is_some() && header.as_deref() == id;
    judge.note(judgement, check, Weight::Full, fits, || {
        (
            "x-amzn-requestid equal to the request id of the body",
            format!("header {}, body {}", text_of(header.as_deref()), text_of(id)),
        )
    });
}

fn unique(judge: &Judge, judgement: &mut StepJudgement<'_>, seen: &mut Seen, id: Option<&str>) {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return;
    };
    let fresh = seen.request_ids.insert(id.to_owned());
    judge.note(judgement, Check::RequestIdsDiffer, Weight::Full, fresh, || {
        (
            "a request id of its own for each request",
            format!("request id {} again", quote(id)),
        )
    });
}

struct MediaType {
    is_xml: bool,
    is_utf8: bool,
}

fn media_type(header: Option<&str>) -> MediaType {
    let mut parts = header.unwrap_or("").split(';').map(str::trim);
    let is_xml = parts
        .next()
        .is_some_and(|part| part.eq_ignore_ascii_case("text/xml"));
    let is_utf8 = parts.any(|part| {
        let kept = part.bytes().filter(|byte| !matches!(byte, b' ' | b'"'));
        kept.map(|byte| byte.to_ascii_lowercase()).eq(*b"charset=utf-8")
    });
    MediaType { is_xml, is_utf8 }
}

fn is_uuid(id: &str) -> bool {
    id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

fn holds(element: Element<'_>, name: &str) -> bool {
    element
        .children()
        .any(|child| child.name() == name || holds(child, name))
}

fn text_of(text: Option<&str>) -> String {
    text.map_or_else(|| "absent".to_owned(), quote)
}

fn quote_all(texts: &[&str]) -> String {
    if texts.is_empty() {
        return "absent".to_owned();
    }
    few(texts.iter().map(|text| quote(text)))
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::protocol::reply;

    #[test]
    fn a_media_type_is_read_without_regard_to_case_and_space() {
        let table = [
            (Some("text/xml;charset=UTF-8"), true, true),
            (Some("TEXT/XML; Charset=\"utf-8\""), true, true),
            (Some("text/xml"), true, false),
            (Some("text/html; charset=utf-8"), false, true),
            (None, false, false),
        ];
        for (header, is_xml, is_utf8) in table {
            let media = media_type(header);
            assert_eq!((media.is_xml, media.is_utf8), (is_xml, is_utf8), "{header:?}");
        }
    }

    #[test]
    fn an_element_is_held_at_any_depth() {
        let reply = reply::decode(Response::new("<a><b/><c><d/></c></a>".into()));
        let root = reply.root().expect("it is a document");
        for (name, held) in [("b", true), ("d", true), ("a", false), ("e", false)] {
            assert_eq!(holds(root, name), held, "{name}");
        }
    }

    #[test]
    fn a_request_id_is_a_uuid_of_lower_case_digits() {
        assert!(is_uuid("8fb2652c-2944-48cd-a035-7580571e5499"));
        assert!(!is_uuid("8FB2652C-2944-48cd-a035-7580571e5499"));
        assert!(!is_uuid("8fb2652c-2944-48cd-a035-7580571e549"));
        assert!(!is_uuid("request-id"));
    }
}
