//! The wire phase: requests that no HTTP library sends, each made from a signed request of ours.
//!
//! Input: an instance id, a target, a signer. Output: a [`Dialogue`], the bytes in pieces, and an [`Aim`], what can be
//! known about the answer. Every case except the pipelined stops is made from a dry run that ends with `DryRun=true`, so
//! an endpoint that reads only a part of it, or misreads it, is detected. No case is cut within an id.

use bytes::Bytes;
use http::{Method, Request};

use crate::call::Call;
use crate::contract::{Check, Clause, Contract};
use crate::journal::{Aim, RawFault, WireDemand};
use crate::protocol::{RequestTarget, SignError, encode, title_case};

mod cases;

pub use cases::CASES;

/// The prefix of the names of all cases of this phase.
pub const PREFIX: &str = "wire/";

/// A case of the wire phase.
#[derive(Debug, Clone, Copy)]
pub struct WireCase {
    /// Its name, a slash-path.
    pub name: &'static str,
    /// What it shows.
    pub purpose: &'static str,
    demand: WireDemand,
    fault: RawFault,
    also: &'static [u16],
    roots: &'static [&'static str],
    should: bool,
    build: Build,
}

/// Bytes to write in pieces, and how many responses to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialogue {
    /// What is written, in order, each piece on its own.
    pub pieces: Vec<Piece>,
    /// What happens after the last piece.
    pub finish: Finish,
    /// How many final responses are waited for.
    pub answers: usize,
}

/// Bytes that are written at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What happens before the next piece.
    pub then: Then,
}

/// What happens after a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next piece follows.
    GoOn,
    /// We wait briefly for bytes from the endpoint.
    AwaitAnswer,
}

/// What happens after the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The connection stays open.
    Listen,
    /// We close our half of the connection, so the endpoint sees that nothing more will come.
    HalfClose,
    /// The connection is dropped.
    Drop,
}

/// The parts from which the bytes of a case are built.
pub struct Kit<'a> {
    /// A running instance of the run.
    pub id: &'a str,
    /// The target of the requests.
    pub target: &'a RequestTarget,
    /// Signs a request. The caller keeps each signed request, to know its secrets.
    pub sign: &'a dyn Fn(Request<Bytes>) -> Result<Request<Bytes>, SignError>,
}

#[derive(Debug, Clone, Copy)]
enum Build {
    /// The plain dry run with a change.
    Change(fn(&mut Message)),
    /// Anything else.
    Whole(fn(&Kit<'_>) -> Result<Dialogue, SignError>),
}

/// The call from which all cases are made.
pub fn call(id: &str) -> Call {
    Call::new("StopInstances", [("InstanceId.1", id), ("DryRun", "true")])
}

/// The plain form of [`call()`].
pub fn plain(kit: &Kit<'_>) -> Result<Dialogue, SignError> {
    Ok(kit.dry_run()?.dialogue(Finish::Listen))
}

/// What can be known about the plain form: it is answered.
pub fn plain_aim() -> Aim {
    Aim {
        demand: WireDemand::Plain,
        fault: RawFault::None,
        also: Vec::new(),
        roots: Vec::new(),
        should: false,
    }
}

impl WireCase {
    const fn new(name: &'static str, demand: WireDemand, purpose: &'static str, build: Build) -> Self {
        WireCase {
            name,
            purpose,
            demand,
            fault: RawFault::None,
            also: &[],
            roots: &[],
            should: false,
            build,
        }
    }

    const fn fault(mut self, fault: RawFault) -> Self {
        self.fault = fault;
        self
    }

    /// Adds status codes that HTTP defines for exactly this case.
    const fn also(mut self, also: &'static [u16]) -> Self {
        self.also = also;
        self
    }

    const fn roots(mut self, roots: &'static [&'static str]) -> Self {
        self.roots = roots;
        self
    }

    const fn should(mut self) -> Self {
        self.should = true;
        self
    }

    /// What can be known about the answer.
    pub fn aim(&self) -> Aim {
        Aim {
            demand: self.demand,
            fault: self.fault,
            also: self.also.to_vec(),
            roots: self.roots.iter().map(|root| (*root).to_owned()).collect(),
            should: self.should,
        }
    }

    /// The checks that the case is intended for.
    pub fn checks(&self) -> &'static [Check] {
        match self.demand {
            WireDemand::Plain => &[Check::WireAnswered],
            WireDemand::Same => &[Check::WireAnswered, Check::WireSame, Check::WireNoEffect],
            WireDemand::Answered => &[Check::WireAnswered, Check::WireNoEffect],
            WireDemand::Refused => &[Check::WireRefused, Check::WireEnded, Check::WireNoEffect],
            WireDemand::Ended => &[Check::WireEnded, Check::WireNoEffect],
            WireDemand::Dropped => &[Check::WireNoEffect],
            WireDemand::InTurn => &[Check::WireAnswered, Check::WireInTurn],
        }
    }

    /// The clauses of a contract that its checks judge.
    pub fn clauses<'c>(&self, contract: &'c Contract) -> impl Iterator<Item = &'c Clause> {
        self.checks().iter().flat_map(|check| contract.clauses_of(*check))
    }

    /// The bytes of the case.
    pub fn dialogue(&self, kit: &Kit<'_>) -> Result<Dialogue, SignError> {
        match self.build {
            Build::Change(change) => {
                let mut message = kit.dry_run()?;
                change(&mut message);
                Ok(message.dialogue(Finish::Listen))
            }
            Build::Whole(build) => build(kit),
        }
    }
}

impl Kit<'_> {
    fn signed(&self, call: &Call) -> Result<Message, SignError> {
        self.signed_with(call, |_| ())
    }

    /// Encodes a call, changes the request, and signs it.
    fn signed_with(
        &self,
        call: &Call,
        change: impl FnOnce(&mut Request<Bytes>),
    ) -> Result<Message, SignError> {
        let mut request = encode(call, self.target)?;
        change(&mut request);
        Ok(Message::of(&(self.sign)(request)?))
    }

    fn dry_run(&self) -> Result<Message, SignError> {
        self.signed(&call(self.id))
    }

    /// The dry run with more bytes at the end of its body, signed with them.
    fn dry_run_with(&self, more: &[u8]) -> Result<Dialogue, SignError> {
        let message = self.signed_with(&call(self.id), |request| {
            *request.body_mut() = [request.body(), more].concat().into();
        })?;
        Ok(message.dialogue(Finish::Listen))
    }

    fn describe(&self) -> Result<Message, SignError> {
        self.signed(&Call::new("DescribeInstances", [("InstanceId.1", self.id)]))
    }

    fn stop(&self) -> Result<Message, SignError> {
        self.signed(&Call::new("StopInstances", [("InstanceId.1", self.id)]))
    }
}

/// A request to be written, in parts that can be changed one by one.
struct Message {
    line: Vec<u8>,
    fields: Vec<Vec<u8>>,
    line_end: &'static [u8],
    body: Vec<u8>,
}

impl Message {
    /// The request as a plain client writes it.
    fn of(request: &Request<Bytes>) -> Message {
        let (method, body) = (request.method(), request.body());
        let headers = request.headers().iter();
        let mut fields: Vec<Vec<u8>> = headers
            .map(|(name, value)| [title_case(name).as_bytes(), b": ", value.as_bytes()].concat())
            .collect();
        if !body.is_empty() || method == Method::POST {
            fields.push(format!("Content-Length: {}", body.len()).into_bytes());
        }
        Message {
            line: format!("{method} {} HTTP/1.1", request.uri()).into_bytes(),
            fields,
            line_end: b"\r\n",
            body: body.to_vec(),
        }
    }

    fn head(&self) -> Vec<u8> {
        let mut out = self.line.clone();
        out.extend_from_slice(self.line_end);
        for field in &self.fields {
            out.extend_from_slice(field);
            out.extend_from_slice(self.line_end);
        }
        out.extend_from_slice(self.line_end);
        out
    }

    fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    /// The whole message in one piece.
    fn dialogue(&self, finish: Finish) -> Dialogue {
        at_once(self.bytes(), finish, 1)
    }

    fn add(&mut self, field: impl Into<Vec<u8>>) {
        self.fields.push(field.into());
    }

    fn remove(&mut self, name: &str) {
        self.fields.retain(|field| !is_named(field, name));
    }

    /// Replaces a field with another one, or with several.
    fn replace(&mut self, name: &str, fields: &[String]) {
        self.remove(name);
        self.fields
            .extend(fields.iter().map(|field| field.clone().into_bytes()));
    }

    fn set_line(&mut self, from: &str, to: &str) {
        let line = String::from_utf8_lossy(&self.line).replacen(from, to, 1);
        self.line = line.into_bytes();
    }

    /// Changes the spelling of all field names.
    fn respell(&mut self, spell: impl Fn(usize, u8) -> u8) {
        for field in &mut self.fields {
            let end = field.iter().position(|byte| *byte == b':').unwrap_or(0);
            for (at, byte) in field.iter_mut().take(end).enumerate() {
                *byte = spell(at, *byte);
            }
        }
    }

    /// How many bytes of the body come before this text; all of them if it does not occur.
    fn length_before(&self, text: &str) -> usize {
        let at = self
            .body
            .windows(text.len())
            .position(|window| window == text.as_bytes());
        at.unwrap_or(self.body.len())
    }

    /// Removes everything from this text to the end of the body.
    fn cut_before(&mut self, text: &str) {
        self.body.truncate(self.length_before(text));
    }

    /// Announces chunks instead of a length.
    fn announce_chunks(&mut self) {
        self.replace("content-length", &["Transfer-Encoding: chunked".to_owned()]);
    }
}

fn is_named(field: &[u8], name: &str) -> bool {
    let end = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
    field
        .get(..end)
        .is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
}

fn at_once(bytes: Vec<u8>, finish: Finish, answers: usize) -> Dialogue {
    let then = Then::GoOn;
    Dialogue {
        pieces: vec![Piece { bytes, then }],
        finish,
        answers,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::HeaderValue;

    use super::*;

    const ID: &str = "i-0aaaaaaaaaaaaaaa1";

    fn bytes_of(dialogue: &Dialogue) -> String {
        let bytes: Vec<u8> = dialogue
            .pieces
            .iter()
            .flat_map(|piece| piece.bytes.clone())
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn built(name: &str) -> String {
        let target = RequestTarget {
            host: "h:1".into(),
            path: "/".into(),
            region: "us-east-1".into(),
        };
        let sign = |mut request: Request<Bytes>| {
            let value = HeaderValue::try_from(format!("signed {}", request.body().len()));
            request
                .headers_mut()
                .insert("authorization", value.expect("a number"));
            Ok(request)
        };
        let kit = Kit {
            id: ID,
            target: &target,
            sign: &sign,
        };
        let case = CASES
            .iter()
            .find(|case| case.name == name)
            .expect("the case exists");
        bytes_of(&case.dialogue(&kit).expect("the signer never fails"))
    }

    #[test]
    fn names_are_unique_and_begin_alike() {
        let names: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        assert!(names.iter().all(|name| name.starts_with(PREFIX)));
    }

    #[test]
    fn no_case_is_cut_within_an_id_and_only_pipelined_ones_stop() {
        for case in CASES {
            let text = built(case.name);
            let plain: String = text.split("\r\n").collect();
            if case.name.contains("/chunks/") || case.name == "wire/content-length/with-chunks" {
                continue;
            }
            for after in plain.split("i-0").skip(1) {
                assert!(after.starts_with("aaaaaaaaaaaaaaa1"), "{}", case.name);
            }
            let stops = text.matches("Action=StopInstances").count();
            let dry = text.matches("DryRun=true").count();
            let whole = !matches!(case.name, "wire/half-closed/head" | "wire/half-closed/body")
                && case.demand != WireDemand::Dropped;
            let stops_for_good = ["wire/pipelined/describe-and-stop", "wire/pipelined/after-close"];
            if whole && !stops_for_good.contains(&case.name) {
                assert_eq!(stops, dry, "{}", case.name);
            }
        }
    }

    #[test]
    fn a_dress_changes_what_it_is_named_for() {
        let plain = "POST / HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";
        assert!(built("wire/fragments/bytes").starts_with(plain));
        assert!(built("wire/line/after-empty-line").starts_with(&format!("\r\n{plain}")));
        assert!(built("wire/line/absolute").starts_with("POST http://h:1/ HTTP/1.1\r\n"));
        assert!(built("wire/header/lower").contains("\r\nhost: h:1\r\ncontent-type: application/"));
        assert!(built("wire/header/mixed").contains("\r\nhOsT: h:1\r\n"));
        assert!(!built("wire/header/host-absent").contains("Host"));
        assert!(built("wire/chunks/bytes").contains("\r\n\r\n1\r\nA\r\n1\r\nc\r\n"));
        assert!(built("wire/chunks/trailer").ends_with("\r\n0\r\nX-Filler: a\r\n\r\n"));
        let cut = built("wire/half-closed/body");
        assert!(
            cut.ends_with(ID) && cut.contains("Content-Length: 84\r\n"),
            "{cut}"
        );
        let conflicting = built("wire/content-length/conflicting");
        assert!(
            conflicting.contains("Content-Length: 72\r\nContent-Length: 84\r\n"),
            "{conflicting}"
        );
        assert_eq!(built("wire/line/bare-line-feeds").matches('\r').count(), 0);
    }
}
