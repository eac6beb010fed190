//! The safety guard: blocks every request that could act on somebody else's instance.
//!
//! It inspects the bytes that are about to be sent, not the intended call, so a mistake elsewhere in the program cannot
//! get past it. It looks at the whole request, every parameter, in every spelling. A request and the [`Ledger`] of what
//! belongs to this run come in; [`Blocked`] or nothing goes out. When it cannot decide, it blocks.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Request;

use crate::protocol::form;

/// The ids that belong to this run: those of instances, Spot requests and images, and made-up ids that belong to
/// nobody. Ids are compared without regard to case. Clones share the ledger.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    own: BTreeSet<String>,
    decoys: BTreeSet<String>,
}

/// Why a request must not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("send {action}: it names {id}, which this run neither created nor was given")]
pub struct Blocked {
    /// The action, as it is spelled.
    pub action: String,
    /// The id for which it is blocked.
    pub id: String,
}

impl Ledger {
    /// Registers an instance, Spot request or image that this run created or was given.
    pub fn own(&self, id: &str) {
        self.known().own.insert(normal(id));
    }

    /// Registers an id that was made up and belongs to nobody.
    pub fn decoy(&self, id: &str) {
        self.known().decoys.insert(normal(id));
    }

    /// Whether this id is registered as our own.
    pub fn is_own(&self, id: &str) -> bool {
        self.known().own.contains(&normal(id))
    }

    /// Everything that is registered as our own, in alphabetical order.
    pub fn owned(&self) -> Vec<String> {
        self.known().own.iter().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A set of ids is consistent between any two operations, even if a holder of the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn has(&self, id: &str) -> bool {
        self.own.contains(id) || self.decoys.contains(id)
    }
}

/// Lets a request pass, or returns why it must not be sent.
pub fn check(request: &Request<Bytes>, ledger: &Ledger) -> Result<(), Blocked> {
    let body = String::from_utf8_lossy(request.body());
    let mut pairs = form::read(request.uri().query().unwrap_or_default());
    pairs.extend(form::read(&body));
    let actions = actions(request, &pairs);
    let kinds: Vec<Kind> = actions.iter().map(|action| kind(action)).collect();
    if !kinds.is_empty() && kinds.iter().all(|kind| *kind == Kind::ReadOnly) {
        return Ok(());
    }
    let blocked = |id: String| {
        let action = if actions.is_empty() {
            "a request without an action".to_owned()
        } else {
            actions.join(" + ")
        };
        Err(Blocked { action, id })
    };
    let known = ledger.known();

    // Resources of any kind can be tagged, and a tag on somebody else's resource is a change like any other.
    if kinds.contains(&Kind::Tagging) {
        let is_resource = |name: &str| name.trim().to_ascii_lowercase().starts_with("resourceid");
        let values = pairs
            .iter()
            .filter(|(name, _)| is_resource(name))
            .map(|(_, value)| normal(value));
        if let Some(id) = values
            .into_iter()
            .find(|id| !id.is_empty() && !known.own.contains(id))
        {
            return blocked(id);
        }
    }

    // An unforeseen action may act on anything, so every kind of id counts.
    let any_kind = kinds.is_empty() || kinds.contains(&Kind::Unforeseen);
    let texts = pairs
        .into_iter()
        .flat_map(|(name, value)| [name, value])
        .chain([request.uri().path().to_owned()]);
    for text in texts {
        for reading in readings(text) {
            if let Some(id) = stranger(&reading, any_kind, 1, &known) {
                return blocked(id);
            }
        }
    }
    Ok(())
}

/// The number of digits in the shortest ids that were ever issued.
const SHORTEST_ID: usize = 8;

/// Lets raw bytes pass, or returns why they must not be sent. It is unknown how an endpoint reads them, so an id counts
/// in any position and with any action: as it is, decoded once or twice, and with chunks joined.
pub fn check_raw(bytes: &[u8], ledger: &Ledger) -> Result<(), Blocked> {
    let known = ledger.known();
    let whole = without_chunks(bytes);
    // If chunk frames are read as text, an id of ours is split into parts that are too short to be anybody's id.
    let least = if whole == bytes { 1 } else { SHORTEST_ID };
    for (bytes, least) in [(bytes, least), (&whole, 1)] {
        for reading in readings(String::from_utf8_lossy(bytes).into_owned()) {
            if let Some(id) = stranger(&reading, false, least, &known) {
                let action = "raw bytes".to_owned();
                return Err(Blocked { action, id });
            }
        }
    }
    Ok(())
}

/// The bytes without anything that looks like a chunk frame: a line with a size, and the line end after that many
/// bytes. Other framing stays.
fn without_chunks(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        // Only data that ends where its size says is a chunk; a word in a text may look like a size.
        let chunk = chunk_size(line).and_then(|size| {
            let behind = after.get(size..)?;
            let behind = behind.strip_prefix(b"\r").unwrap_or(behind).strip_prefix(b"\n")?;
            Some((after.get(..size)?, behind))
        });
        rest = match chunk {
            Some((chunk, behind)) => {
                out.extend_from_slice(chunk);
                behind
            }
            None => {
                out.extend_from_slice(line);
                after
            }
        };
    }
    out
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim();
    usize::from_str_radix(digits, 16).ok()
}

/// What an action can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It changes nothing, no matter what it names.
    ReadOnly,
    /// It acts on the instances and Spot requests that it names.
    Acting,
    /// It acts on all resources that it names under `ResourceId`.
    Tagging,
    /// It is not one of the actions that a run uses.
    Unforeseen,
}

fn kind(action: &str) -> Kind {
    let action = action.trim().to_ascii_lowercase();
    match action.as_str() {
        "getcalleridentity" => Kind::ReadOnly,
        "createtags" => Kind::Tagging,
        "runinstances"
        | "registerimage"
        | "stopinstances"
        | "startinstances"
        | "rebootinstances"
        | "terminateinstances"
        | "modifyinstanceattribute"
        | "cancelspotinstancerequests" => Kind::Acting,
        // The whole name must be letters and digits: another byte may be the end of the name to an endpoint, and
        // something else may follow it.
        _ if action.starts_with("describe") && action.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Kind::ReadOnly
        }
        _ => Kind::Unforeseen,
    }
}

/// Every action that an endpoint might find in the request: all parameters of that name, and the header that other AWS
/// protocols use.
fn actions(request: &Request<Bytes>, pairs: &[(String, String)]) -> Vec<String> {
    let is_action =
        |name: &str| readings(name.to_owned()).any(|name| name.trim().eq_ignore_ascii_case("action"));
    let in_form = pairs
        .iter()
        .filter(|(name, _)| is_action(name))
        .map(|(_, value)| value.clone());
    let in_headers = request.headers().get_all("x-amz-target").into_iter();
    in_form
        .chain(in_headers.map(|value| format!("X-Amz-Target {}", String::from_utf8_lossy(value.as_bytes()))))
        .collect()
}

/// A text as it is, and decoded once and twice, as an endpoint might read it that decodes too often.
fn readings(text: String) -> impl Iterator<Item = String> {
    let decode = |text: &String| Some(form::unescape(text)).filter(|decoded| decoded != text);
    std::iter::successors(Some(text), decode).take(3)
}

/// The first id in a text, with at least `least` digits, that is neither our own nor made up.
fn stranger(text: &str, any_kind: bool, least: usize, known: &Known) -> Option<String> {
    let text = normal(text);
    if known.has(&text) {
        return None;
    }
    // Ids are words: letters, a hyphen, letters and digits.
    let mut before: Option<&str> = None;
    for part in text.split('-') {
        let prefix = before.map(last_word);
        before = Some(part);
        let Some(prefix) = prefix else { continue };
        let digits: &str = part
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        if let Some(id) = id_of(prefix, digits, any_kind, least) {
            let whole = format!("{prefix}-{digits}");
            if !known.has(&id) && !known.has(&whole) {
                return Some(id);
            }
        }
    }
    None
}

/// The letters and digits at the end of a text.
fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default()
}

/// The id formed by a prefix and the characters after its hyphen, if they form one.
fn id_of(prefix: &str, digits: &str, any_kind: bool, least: usize) -> Option<String> {
    let hex = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    let whole = hex == digits.len();
    match prefix {
        // Real ids have eight digits or more; with other letters after them they may still be read as an id.
        "i" if hex >= least && (whole || hex >= 8) => {
            Some(format!("i-{}", digits.get(..hex).unwrap_or(digits)))
        }
        "sir" if !digits.is_empty() => Some(format!("sir-{digits}")),
        "" | "i" | "sir" => None,
        _ if any_kind && whole && hex >= 8 => Some(format!("{prefix}-{digits}")),
        _ => None,
    }
}

fn normal(id: &str) -> String {
    id.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OWN: &str = "i-0aaaaaaaaaaaaaaa1";
    const FOREIGN: &str = "i-0bbbbbbbbbbbbbbb2";

    fn ledger() -> Ledger {
        let ledger = Ledger::default();
        ledger.own(OWN);
        ledger.own("sir-own12345");
        ledger.own("ami-0cccccccc");
        ledger.decoy("i-0ddddddddddddddd4");
        ledger.decoy("i-1234567z");
        ledger
    }

    fn request(query: &str, body: &str) -> Request<Bytes> {
        Request::post(format!("/?{query}"))
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .expect("the request is valid")
    }

    fn blocked(body: &str) -> Option<String> {
        check(&request("", body), &ledger())
            .err()
            .map(|blocked| blocked.id)
    }

    #[test]
    fn what_is_our_own_or_made_up_passes() {
        for body in [
            "Action=StopInstances&InstanceId.1=i-0aaaaaaaaaaaaaaa1",
            "Action=StopInstances&InstanceId.1=I-0AAAAAAAAAAAAAAA1&InstanceId.2=i-0ddddddddddddddd4",
            "Action=StopInstances&InstanceId.1=%20i-0aaaaaaaaaaaaaaa1%09",
            "Action=StopInstances&InstanceId.1=i-1234567z",
            "Action=StopInstances&InstanceId.1=i-xyz&InstanceId.2=&InstanceId.3=ami-0bbbbbbbb",
            "Action=StopInstances",
            "Action=RunInstances&ImageId=ami-0bbbbbbbb&SubnetId=subnet-0bbbbbbbb",
            "Action=CancelSpotInstanceRequests&SpotInstanceRequestId.1=sir-own12345",
            "Action=CreateTags&ResourceId.1=i-0aaaaaaaaaaaaaaa1&ResourceId.2=ami-0cccccccc&Tag.1.Key=k",
            "Action=StopInstance&InstanceId.1=i-0aaaaaaaaaaaaaaa1",
            "",
        ] {
            assert_eq!(blocked(body), None, "{body}");
        }
    }

    #[test]
    fn questions_pass_whatever_they_name() {
        for body in [
            format!("Action=DescribeInstances&InstanceId.1={FOREIGN}"),
            format!("Action=describeInstances&InstanceId.1={FOREIGN}"),
            format!("Action=GetCallerIdentity&x={FOREIGN}"),
            format!("Action=DescribeInstances&Action=DescribeImages&x={FOREIGN}"),
        ] {
            assert_eq!(blocked(&body), None, "{body}");
        }
    }

    #[test]
    fn a_stranger_is_blocked_in_any_spelling_and_any_place() {
        for body in [
            "Action=StopInstances&InstanceId.1=i-0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&InstanceId.1=I-0BBBBBBBBBBBBBBB2",
            "Action=StopInstances&InstanceId.1=%20i-0bbbbbbbbbbbbbbb2%0a",
            "Action=StopInstances&InstanceId.1=%2569-0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&InstanceId.1=%252569%25252D0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&InstanceId.1=%69%2D%30bbbbbbbbbbbbbbb2",
            "Action=StopInstances&InstanceId.1=i-0aaaaaaaaaaaaaaa1,i-0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&InstanceId.1=i-0aaaaaaaaaaaaaaa1%00i-0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&InstanceId.1=arn:aws:ec2:us-east-1:1:instance/i-0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&instanceid=i-0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&i-0bbbbbbbbbbbbbbb2",
            "Action=StopInstances&InstanceId.1=i-0bbbbbbbbbbbbbbb2zzz",
            "Action=StopInstances&InstanceId.1=i-b",
            "action=stopinstances&InstanceId.1=i-b",
            "Action=TerminateInstances&InstanceId.1=i-0bbbbbbbb",
            "Action=CancelSpotInstanceRequests&SpotInstanceRequestId.1=sir-other123",
            "InstanceId.1=i-0bbbbbbbbbbbbbbb2",
            "{\"InstanceIds\": [\"i-0bbbbbbbbbbbbbbb2\"]}",
        ] {
            assert!(blocked(body).is_some(), "{body}");
        }
    }

    #[test]
    fn a_question_beside_an_act_does_not_cover_it() {
        for (query, body) in [
            (
                "Action=DescribeInstances",
                "Action=StopInstances&InstanceId.1=i-0bbbbbbbbbbbbbbb2",
            ),
            (
                "Action=StopInstances&InstanceId.1=i-0bbbbbbbbbbbbbbb2",
                "Action=DescribeInstances",
            ),
            (
                "%2541ction=StopInstances",
                "Action=DescribeInstances&InstanceId.1=i-0bbbbbbbbbbbbbbb2",
            ),
            (
                "",
                "Action=DescribeInstances%00StopInstances&InstanceId.1=i-0bbbbbbbbbbbbbbb2",
            ),
        ] {
            assert!(check(&request(query, body), &ledger()).is_err(), "{query} {body}");
        }
        let mut other = request("", "Action=DescribeInstances&InstanceId.1=i-0bbbbbbbbbbbbbbb2");
        other.headers_mut().insert(
            "x-amz-target",
            HeaderValue::from_static("AmazonEC2.StopInstances"),
        );
        assert!(check(&other, &ledger()).is_err());
    }

    #[test]
    fn tags_go_on_our_own_resources_only() {
        assert_eq!(
            blocked("Action=CreateTags&ResourceId.1=vol-0bbbbbbbb&Tag.1.Key=k"),
            Some("vol-0bbbbbbbb".into())
        );
        // A made-up id may belong to somebody by accident, and a tag on it would stay.
        assert!(blocked("Action=CreateTags&ResourceId.1=i-0ddddddddddddddd4").is_some());
    }

    #[test]
    fn an_unforeseen_action_passes_only_without_strangers_of_any_kind() {
        assert_eq!(
            blocked("Action=DeleteVolume&VolumeId=vol-0bbbbbbbb"),
            Some("vol-0bbbbbbbb".into())
        );
        assert_eq!(blocked("Action=DeregisterImage&ImageId=ami-0cccccccc"), None);
        assert_eq!(blocked("Action=NoSuchAction&x=y"), None);
    }

    #[test]
    fn the_message_says_what_and_why() {
        let error = check(
            &request("", &format!("Action=StopInstances&InstanceId.1={FOREIGN}")),
            &ledger(),
        );
        assert_eq!(
            error.map_err(|blocked| blocked.to_string()),
            Err("send StopInstances: it names i-0bbbbbbbbbbbbbbb2, which this run neither created nor was given"
                .to_owned())
        );
    }

    #[test]
    fn raw_bytes_are_looked_at_in_every_reading() {
        let chunks = |text: &str| {
            let chunks = text.chars().map(|c| format!("1\r\n{c}\r\n"));
            format!("POST / HTTP/1.1\r\n\r\n{}0\r\n\r\n", chunks.collect::<String>())
        };
        let raw = |bytes: &[u8]| check_raw(bytes, &ledger()).err().map(|blocked| blocked.id);
        for body in [
            format!("POST / HTTP/1.1\r\n\r\nAction=StopInstances&InstanceId.1={OWN}&DryRun=true"),
            chunks(&format!("Action=StopInstances&InstanceId.1={OWN}&DryRun=true")),
            "A\r\n\r\n7\r\n1=i-0aa\r\n8\r\naaaaaaaa\r\n6\r\naaaaa1\r\n".to_owned(),
            "POST / HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1, \
             SignedHeaders=content-type;host;x-amz-date, Signature=0123456789abcdef\r\n\r\n"
                .to_owned(),
        ] {
            assert_eq!(raw(body.as_bytes()), None, "{body}");
        }
        for body in [
            format!("POST / HTTP/1.1\r\n\r\nAction=DescribeInstances&InstanceId.1={FOREIGN}"),
            chunks(&format!("Action=StopInstances&InstanceId.1={FOREIGN}")),
            "POST / HTTP/1.1\r\n\r\n2\r\nA=\r\n13\r\ni-0bbbbbbbbbbbbbbb2\r\n0\r\n\r\n".to_owned(),
            "x%ff%2569-0bbbbbbbbbbbbbbb2".to_owned(),
            "1\r\ni\r\n12\r\n-0bbbbbbbbbbbbbbb2\r\n".to_owned(),
        ] {
            assert!(raw(body.as_bytes()).is_some(), "{body}");
        }
        assert!(raw(&[b"\xff\xfe ", FOREIGN.as_bytes()].concat()).is_some());
    }

    #[test]
    fn clones_share_what_is_registered() {
        let ledger = Ledger::default();
        ledger.clone().own(" I-0A ");
        assert!(ledger.is_own("i-0a"));
        assert_eq!(ledger.owned(), ["i-0a"]);
    }
}
