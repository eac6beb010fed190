//! Is the answer written as the service writes it: root, envelope, ids, headers? Whatever it says.

use super::sheet::{Sheet, Weight};
use super::text::{one_line, quote};
use super::{Judge, Seen};
use crate::call::{API_VERSION, Call};
use crate::contract::Check;
use crate::protocol::reply::{self, Body, Errors, Reply, StateChange, StateChanges, StateValue};
use crate::protocol::xml::{Document, Element};

/// The namespace of successful answers, followed by the API version and a slash.
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/";

/// Judges the shape of a successful answer of the action under test.
pub(super) fn success(
    judge: &Judge,
    sheet: &mut Sheet,
    seen: &mut Seen,
    call: &Call,
    reply: &Reply,
    document: &Document,
    changes: &StateChanges,
) {
    let mut check = |check: Check, weight: Weight, fits: bool, allowed: &str, observed: &str| {
        judge.note(sheet, check, weight, fits, allowed, observed);
    };
    check(
        Check::SuccessStatus,
        Weight::Full,
        reply.status == 200,
        "HTTP status 200",
        &format!("HTTP status {}", reply.status),
    );
    let (fits, allowed, observed) = root(judge, call, &document.root);
    check(Check::RootElement, Weight::Full, fits, &allowed, &observed);
    let filled = changes.request_ids.iter().filter(|id| !id.is_empty()).count();
    check(
        Check::RequestId,
        Weight::Full,
        filled == 1 && changes.request_ids.len() == 1,
        "exactly one requestId, not empty",
        &format!("requestId: {}", quote_all(&changes.request_ids)),
    );
    if let Some(id) = changes.request_ids.first() {
        check(
            Check::RequestIdUuid,
            Weight::Full,
            is_uuid(id),
            "a requestId that is a lower-case UUID",
            &format!("requestId {}", quote(id)),
        );
    }
    check(
        Check::OneItemPerInstance,
        Weight::Full,
        changes.sets == 1,
        "one instancesSet",
        &format!("{} instancesSet elements", changes.sets),
    );
    let odd: Vec<String> = changes.items.iter().filter_map(item_oddity).collect();
    check(
        Check::ItemMembers,
        Weight::Full,
        odd.is_empty(),
        "items of instanceId, currentState{code, name} and previousState{code, name}",
        &odd.join(", "),
    );
    let wrong: Vec<String> = changes
        .items
        .iter()
        .flat_map(|item| [&item.current, &item.previous])
        .flatten()
        .filter(|state| !code_fits(judge, state))
        .map(|state| format!("code {} with name {}", text_of(&state.code), text_of(&state.name)))
        .collect();
    check(
        Check::CodeMatchesName,
        Weight::Full,
        wrong.is_empty(),
        "0 pending, 16 running, 32 shutting-down, 48 terminated, 64 stopping, 80 stopped (low byte)",
        &wrong.join(", "),
    );
    let media = media_type(reply.headers.get("content-type"));
    let observed = format!(
        "Content-Type {}",
        text_of(&reply.headers.get("content-type").map(str::to_owned))
    );
    if media.is_xml {
        // The charset was recorded every time, but the document declares it too: a missing one misleads nobody.
        check(
            Check::SuccessContentType,
            Weight::Advisory,
            media.is_utf8,
            "text/xml;charset=UTF-8",
            &observed,
        );
    } else {
        check(
            Check::SuccessContentType,
            Weight::Full,
            false,
            "text/xml;charset=UTF-8",
            &observed,
        );
    }
    let declared = document.declaration.as_ref().is_some_and(|declaration| {
        declaration.version == "1.0"
            && declaration
                .encoding
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case("utf-8"))
    });
    check(
        Check::XmlDeclaration,
        Weight::Full,
        declared,
        "an XML declaration of version 1.0 and encoding UTF-8",
        "another declaration or none",
    );
    request_id_header(
        judge,
        sheet,
        Check::RequestIdHeader,
        reply,
        changes.request_ids.first(),
    );
    let secure = reply.headers.get("cache-control").is_some()
        && reply.headers.get("strict-transport-security").is_some();
    judge.note(
        sheet,
        Check::SecurityHeaders,
        Weight::Full,
        secure,
        "both headers",
        "not both",
    );
    let server = reply.headers.get("server") == Some("AmazonEC2");
    judge.note(
        sheet,
        Check::ServerHeader,
        Weight::Full,
        server,
        "Server: AmazonEC2",
        "another",
    );
    unique(judge, sheet, seen, changes.request_ids.first());
}

/// Judges the shape of an answer that refuses. `echoes` tells whether the request held text that XML must escape.
pub(super) fn error(judge: &Judge, sheet: &mut Sheet, seen: &mut Seen, reply: &Reply, echoes: bool) {
    const ENVELOPE: &str =
        "<Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>";
    let document = match &reply.body {
        Body::Document(document) => document,
        Body::Empty | Body::Unreadable { .. } => {
            let observed = body_in_words(&reply.body);
            if echoes {
                // What the service does with such text is not recorded; that the answer stays XML is inferred.
                judge.note(
                    sheet,
                    Check::WellFormedEcho,
                    Weight::Full,
                    false,
                    "well-formed XML",
                    &observed,
                );
            } else {
                judge.note(
                    sheet,
                    Check::ErrorEnvelope,
                    Weight::Full,
                    false,
                    ENVELOPE,
                    &observed,
                );
            }
            return;
        }
    };
    if echoes {
        judge.note(sheet, Check::WellFormedEcho, Weight::Full, true, "", "");
    }
    let Some(errors) = reply::errors(&document.root) else {
        let observed = format!("a document <{}>", one_line(&document.root.name, 60));
        judge.note(
            sheet,
            Check::ErrorEnvelope,
            Weight::Full,
            false,
            ENVELOPE,
            &observed,
        );
        return;
    };
    envelope(judge, sheet, &errors, ENVELOPE);
    let media = media_type(reply.headers.get("content-type"));
    judge.note(
        sheet,
        Check::ErrorContentType,
        Weight::Full,
        media.is_xml && media.is_utf8,
        "text/xml;charset=UTF-8",
        &format!(
            "Content-Type {}",
            text_of(&reply.headers.get("content-type").map(str::to_owned))
        ),
    );
    request_id_header(
        judge,
        sheet,
        Check::ErrorRequestIdHeader,
        reply,
        errors.request_ids.first(),
    );
    judge.note(
        sheet,
        Check::RefusalWithoutSet,
        Weight::Full,
        !holds(&document.root, "instancesSet"),
        "no instancesSet in a refusal",
        "an instancesSet beside the error",
    );
    unique(judge, sheet, seen, errors.request_ids.first());
}

/// What a body is, for people.
pub(super) fn body_in_words(body: &Body) -> String {
    match body {
        Body::Document(document) => format!("a document <{}>", one_line(&document.root.name, 60)),
        Body::Empty => "an empty body".to_owned(),
        Body::Unreadable { why } => format!("a body that is no XML ({})", one_line(why, 120)),
    }
}

fn envelope(judge: &Judge, sheet: &mut Sheet, errors: &Errors, allowed: &str) {
    let filled = errors.request_ids.len() == 1 && errors.request_ids.iter().all(|id| !id.is_empty());
    let mut oddities = errors.oddities.clone();
    if !filled {
        oddities.push(format!("RequestID: {}", quote_all(&errors.request_ids)));
    }
    if errors
        .errors
        .iter()
        .any(|error| error.code.is_none() || error.message.is_none())
    {
        oddities.push("an Error without Code or Message".to_owned());
    }
    judge.note(
        sheet,
        Check::ErrorEnvelope,
        Weight::Full,
        oddities.is_empty(),
        allowed,
        &one_line(&oddities.join(", "), 300),
    );
    let prefixed = errors
        .errors
        .iter()
        .filter_map(|error| error.code.as_deref())
        .any(|code| code.starts_with("Client.") || code.starts_with("Server."));
    judge.note(
        sheet,
        Check::BareErrorCode,
        Weight::Full,
        errors.errors.len() == 1 && !prefixed,
        "exactly one Error with a bare code",
        &format!(
            "{} Error elements{}",
            errors.errors.len(),
            if prefixed { ", a prefixed code" } else { "" }
        ),
    );
}

fn root(judge: &Judge, call: &Call, root: &Element) -> (bool, String, String) {
    // A misspelled action that was carried out is told as such, and not once more because of the name it answers by.
    let name = format!("{}Response", judge.contract.action);
    // In which namespace another version is answered, or none, nobody recorded; that it is answered is told elsewhere.
    let today = call.form.version.as_deref() == Some(API_VERSION);
    let namespace = format!("{NAMESPACE}{API_VERSION}/");
    let seen = root.namespace.as_deref().unwrap_or("");
    (
        root.name == name && (seen == namespace || !today),
        format!("<{name} xmlns=\"{namespace}\">"),
        format!("<{} xmlns=\"{}\">", one_line(&root.name, 60), one_line(seen, 120)),
    )
}

fn item_oddity(item: &StateChange) -> Option<String> {
    let state_is_whole = |state: &Option<StateValue>| {
        state
            .as_ref()
            .is_some_and(|state| state.code.is_some() && state.name.is_some())
    };
    let missing = [
        ("instanceId", item.id.as_deref().is_some_and(|id| !id.is_empty())),
        ("currentState", state_is_whole(&item.current)),
        ("previousState", state_is_whole(&item.previous)),
    ];
    let mut words: Vec<String> = missing
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| format!("{name} missing or not whole"))
        .collect();
    words.extend(item.oddities.iter().map(|oddity| one_line(oddity, 80)));
    if words.is_empty() {
        None
    } else {
        Some(words.join(", "))
    }
}

fn code_fits(judge: &Judge, state: &StateValue) -> bool {
    let Some(code) = state.code_number().filter(|code| *code <= u32::from(u16::MAX)) else {
        return false;
    };
    // The high byte is the service's own business.
    judge.contract.states.iter().any(|known| {
        u32::from(known.code) == code & 0xFF && Some(known.name.as_str()) == state.name.as_deref()
    })
}

fn request_id_header(judge: &Judge, sheet: &mut Sheet, check: Check, reply: &Reply, id: Option<&String>) {
    let header = reply.headers.get("x-amzn-requestid");
    let fits = header.is_some() && header == id.map(String::as_str);
    let observed = format!(
        "header {}, body {}",
        header.map_or_else(|| "absent".to_owned(), quote),
        id.map_or_else(|| "absent".to_owned(), |id| quote(id)),
    );
    judge.note(
        sheet,
        check,
        Weight::Full,
        fits,
        "x-amzn-requestid equal to the request id of the body",
        &observed,
    );
}

fn unique(judge: &Judge, sheet: &mut Sheet, seen: &mut Seen, id: Option<&String>) {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return;
    };
    let fresh = seen.request_ids.insert(id.clone());
    judge.note(
        sheet,
        Check::RequestIdsDiffer,
        Weight::Full,
        fresh,
        "a request id of its own for each request",
        &format!("request id {} again", quote(id)),
    );
}

struct MediaType {
    is_xml: bool,
    is_utf8: bool,
}

fn media_type(header: Option<&str>) -> MediaType {
    let text = header.unwrap_or("").to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let is_xml = parts.next() == Some("text/xml");
    let is_utf8 = parts.any(|part| part.replace([' ', '"'], "") == "charset=utf-8");
    MediaType { is_xml, is_utf8 }
}

fn is_uuid(id: &str) -> bool {
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

fn holds(element: &Element, name: &str) -> bool {
    element
        .children
        .iter()
        .any(|child| child.name == name || holds(child, name))
}

fn text_of(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| "absent".to_owned(), quote)
}

fn quote_all(texts: &[String]) -> String {
    if texts.is_empty() {
        return "absent".to_owned();
    }
    texts
        .iter()
        .map(|text| quote(text))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_request_id_is_a_uuid_of_lower_case_digits() {
        assert!(is_uuid("8fb2652c-2944-48cd-a035-7580571e5499"));
        assert!(!is_uuid("8FB2652C-2944-48cd-a035-7580571e5499"));
        assert!(!is_uuid("8fb2652c-2944-48cd-a035-7580571e549"));
        assert!(!is_uuid("request-id"));
    }
}
