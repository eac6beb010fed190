//! Checks the form of an answer, independent of its content: root, envelope, ids, headers.

use super::rule::{self, Rule};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SERVER, STRICT_TRANSPORT_SECURITY};

use super::facts::{self, Mismatch};
use super::step_judgement::{StepJudgement, Weight};
use super::{Judge, Seen};
use crate::call::{API_VERSION, Call};
use crate::journal::{Excerpt, Expected, Few, Observed, Oddity};
use crate::protocol::reply::{self, Body, Errors, Reply, StateChange, StateChanges, StateValue};
use crate::protocol::xml::{Document, Element};

/// The namespace of successful answers, followed by the API version and a slash.
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/";

/// The media type of every answer.
const MEDIA_TYPE: &str = "text/xml;charset=UTF-8";

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
    judge.note(judgement, rule::SUCCESS_STATUS, FULL, reply.status == 200, || {
        let observed = Observed::Status { status: reply.status };
        Mismatch::new(Expected::Status { from: 200, to: 200 }, observed)
    });
    root(judge, judgement, call, document.root());
    let one_filled = matches!(changes.request_ids.as_slice(), [id] if !id.is_empty());
    judge.note_rule(judgement, rule::REQUEST_ID, FULL, one_filled, || {
        values("requestId", changes.request_ids.iter().copied())
    });
    if let Some(id) = changes.request_ids.first().copied() {
        judge.note_rule(judgement, rule::REQUEST_ID_UUID, FULL, is_uuid(id), || {
            values("requestId", [id])
        });
    }
    judge.note(
        judgement,
        rule::ONE_ITEM_PER_INSTANCE,
        FULL,
        changes.sets == 1,
        || elements("instancesSet", 1, changes.sets),
    );
    let mut odd = changes.items.iter().flat_map(item_oddities).peekable();
    let whole = odd.peek().is_none();
    judge.note_rule(judgement, rule::ITEM_MEMBERS, FULL, whole, || {
        Observed::Oddities {
            oddities: odd.map(Oddity::excerpt).collect(),
        }
    });
    let states = changes
        .items
        .iter()
        .flat_map(|item| [&item.current, &item.previous]);
    let mut wrong = states
        .flatten()
        .filter(|state| !code_fits(judge, state))
        .map(facts::written_state)
        .peekable();
    let fits = wrong.peek().is_none();
    judge.note_rule(judgement, rule::CODE_MATCHES_NAME, FULL, fits, || {
        Observed::StateCodes {
            states: wrong.collect(),
        }
    });
    let media = media_type(reply.header(CONTENT_TYPE).as_deref());
    // Every recording has the charset, but the document declares it too: a missing one misleads nobody.
    let weight = if media.is_xml { Weight::Advisory } else { FULL };
    let fits = media.is_xml && media.is_utf8;
    judge.note(judgement, rule::SUCCESS_CONTENT_TYPE, weight, fits, || {
        header_is("Content-Type", MEDIA_TYPE, reply)
    });
    let declared = document.declaration.as_ref().is_some_and(|declaration| {
        declaration.version == "1.0"
            && declaration
                .encoding
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case("utf-8"))
    });
    judge.note_rule(judgement, rule::XML_DECLARATION, FULL, declared, || {
        let declaration = document.declaration.as_ref();
        Observed::Declaration {
            version: declaration.map(|one| Excerpt::word(&one.version)),
            encoding: declaration.and_then(|one| one.encoding.as_deref().map(Excerpt::word)),
        }
    });
    let id = changes.request_ids.first().copied();
    request_id_header(judge, judgement, rule::REQUEST_ID_HEADER, reply, id);
    let secure =
        reply.headers.contains_key(CACHE_CONTROL) && reply.headers.contains_key(STRICT_TRANSPORT_SECURITY);
    judge.note_rule(judgement, rule::SECURITY_HEADERS, FULL, secure, || {
        ["Cache-Control", "Strict-Transport-Security"]
            .map(|name| header(name, reply))
            .to_vec()
    });
    let server = reply
        .headers
        .get(SERVER)
        .is_some_and(|server| server == "AmazonEC2");
    judge.note(judgement, rule::SERVER_HEADER, FULL, server, || {
        header_is("Server", "AmazonEC2", reply)
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
            let check = if echoes {
                rule::WELL_FORMED_ECHO
            } else {
                rule::ERROR_ENVELOPE
            };
            judge.note_rule(judgement, check, enveloped, false, || {
                Observed::Answer(facts::summary(reply))
            });
            return;
        }
    };
    if echoes {
        judgement.held(judge.of(rule::WELL_FORMED_ECHO));
    }
    let Some(errors) = reply::errors(document.root()) else {
        judge.note_rule(judgement, rule::ERROR_ENVELOPE, enveloped, false, || {
            Observed::Answer(facts::summary(reply))
        });
        return;
    };
    envelope(judge, judgement, &errors, enveloped);
    let media = media_type(reply.header(CONTENT_TYPE).as_deref());
    let fits = media.is_xml && media.is_utf8;
    judge.note(judgement, rule::ERROR_CONTENT_TYPE, FULL, fits, || {
        header_is("Content-Type", MEDIA_TYPE, reply)
    });
    let id = errors.request_ids.first().copied();
    request_id_header(judge, judgement, rule::ERROR_REQUEST_ID_HEADER, reply, id);
    let without = !holds(document.root(), "instancesSet");
    judge.note(judgement, rule::REFUSAL_WITHOUT_SET, FULL, without, || {
        elements("instancesSet", 0, 1)
    });
    unique(judge, judgement, seen, id);
}

fn envelope(judge: &Judge, judgement: &mut StepJudgement<'_>, errors: &Errors<'_>, weight: Weight) {
    let one_id = matches!(errors.request_ids.as_slice(), [id] if !id.is_empty());
    let fits = one_id && errors.oddities.is_empty();
    judge.note_rule(judgement, rule::ERROR_ENVELOPE, weight, fits, || {
        let mut observed = Vec::new();
        if !errors.oddities.is_empty() {
            observed.push(Observed::Oddities {
                oddities: errors.oddities.iter().map(|oddity| oddity.excerpt()).collect(),
            });
        }
        if !one_id {
            observed.push(values("RequestID", errors.request_ids.iter().copied()));
        }
        observed
    });
    let codes = errors.errors.iter().filter_map(|error| error.code);
    let mut prefixed = codes
        .filter(|code| code.starts_with("Client.") || code.starts_with("Server."))
        .peekable();
    let count = errors.errors.len();
    judge.note(judgement, rule::ONE_ERROR, weight, count == 1, || {
        elements("Error", 1, count)
    });
    let bare = prefixed.peek().is_none();
    judge.note_rule(judgement, rule::BARE_ERROR_CODE, Weight::Full, bare, || {
        values("Code", prefixed)
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
    judge.note(judgement, rule::ROOT_ELEMENT, Weight::Full, fits, || {
        let expected = Expected::Root {
            name: name.clone(),
            namespace: Some(format!("{NAMESPACE}{API_VERSION}/")),
        };
        let observed = Observed::Root {
            name: Excerpt::name(root.name()),
            namespace: Excerpt::quote(seen),
        };
        Mismatch::new(expected, observed)
    });
}

/// What is missing, repeated, misplaced or empty in an item.
fn item_oddities<'a>(item: &'a StateChange<'_>) -> impl Iterator<Item = Oddity<&'a str>> {
    let empty = Oddity::Empty {
        element: "instanceId",
    };
    let is_empty = item.id == Some("");
    item.oddities.iter().copied().chain(is_empty.then_some(empty))
}

/// Whether the code of a state is the one of its name.
pub(super) fn code_fits(judge: &Judge, state: &StateValue<&str>) -> bool {
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

const REQUEST_ID: &str = "x-amzn-requestid";

fn request_id_header(
    judge: &Judge,
    judgement: &mut StepJudgement<'_>,
    rule: Rule,
    reply: &Reply,
    id: Option<&str>,
) {
    let value = reply.header(REQUEST_ID);
    let fits = value.is_some() && value.as_deref() == id;
    judge.note_rule(judgement, rule, Weight::Full, fits, || {
        vec![header(REQUEST_ID, reply), values("requestId", id)]
    });
}

fn unique(judge: &Judge, judgement: &mut StepJudgement<'_>, seen: &mut Seen, id: Option<&str>) {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return;
    };
    let fresh = seen.request_ids.insert(id.to_owned());
    judge.note_rule(judgement, rule::REQUEST_IDS_DIFFER, Weight::Full, fresh, || {
        values("requestId", [id])
    });
}

fn values<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Observed {
    Observed::Values {
        name: name.to_owned(),
        values: values.into_iter().map(Excerpt::quote).collect::<Few<_>>(),
    }
}

fn elements(name: &str, expected: usize, observed: usize) -> Mismatch {
    let name = name.to_owned();
    Mismatch::new(
        Expected::Elements {
            name: name.clone(),
            count: expected,
        },
        Observed::Elements {
            name,
            count: observed,
        },
    )
}

fn header(name: &str, reply: &Reply) -> Observed {
    Observed::Header {
        name: name.to_owned(),
        value: reply.header(name).as_deref().map(Excerpt::quote),
    }
}

fn header_is(name: &str, value: &str, reply: &Reply) -> Mismatch {
    let expected = Expected::Header {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    Mismatch::new(expected, header(name, reply))
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
