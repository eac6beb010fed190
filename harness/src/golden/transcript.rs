//! A transcript: the exchanges of a case as text, the same whenever the exchanges are the same.
//!
//! ```text
//! fixture a <instance:1> running
//!
//! step 1: call
//! > POST /
//! > Action=StopInstances
//! > InstanceId.1=<instance:1>
//! < 200
//! < content-type: text/xml;charset=UTF-8
//! <StopInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
//!   <instancesSet>
//!     …
//! ```
//!
//! Requests are lines with `>`, statuses and headers lines with `<`, bodies that are not XML lines with `|`, the end of
//! a case that could not be played a line with `=`. Left out is what depends on clocks and on chance: how fixtures were
//! arranged, attempts that were repeated, and all descriptions of a step but the last. [`normal`] brings any text into
//! this form: one made from events, one that a person edited, or the input of a fuzzer. It accepts every text, and is
//! idempotent.

use super::lay::{self, Origin};
use super::names::{self, NameAllocator};
use crate::call::{Auth, Encoding, Form};
use crate::contract::FixtureKind;
use crate::journal::{Answer, Bytes, Exchange, FixtureReady, Intent, RequestRecord, Role};
use crate::protocol::reply::read_body;
use crate::protocol::{Body, Document, form, revive};

/// The header fields of an answer that the contract mentions.
const HEADERS_THAT_MATTER: &[&str] = &[
    "cache-control",
    "content-type",
    "strict-transport-security",
    REQUEST_ID,
];
const REQUEST_ID: &str = "x-amzn-requestid";

/// How many lines of a body that is not XML are kept.
const LINES_KEPT: usize = 100;

/// Stands for a description that shows the fleet as the one before it did.
const AS_BEFORE: &str = "| (the fleet looks as before)";

/// Marks the steps in which the order of the answers is left to chance.
const AT_ONCE: &str = "at once";

/// The transcript of a case that is still being played.
#[derive(Debug, Default)]
pub(super) struct TranscriptDraft {
    pieces: Vec<Piece>,
    /// The last description of the open step.
    look: Vec<Piece>,
}

/// A part of a transcript in which ids are not replaced yet.
#[derive(Debug)]
enum Piece {
    Line(String),
    Document(Document, Origin),
}

impl Piece {
    /// A line in its canonical form.
    fn line(line: String) -> Piece {
        Piece::Line(marked(&line).unwrap_or(line))
    }
}

impl TranscriptDraft {
    pub(super) fn fixture(&mut self, ready: &FixtureReady) {
        let kind = kind_in_words(ready.kind);
        self.line(format!(
            "fixture {} {} {kind}",
            foreign(&ready.name),
            foreign(&ready.id)
        ));
    }

    pub(super) fn step(&mut self, number: usize, intent: &Intent) {
        self.end_step();
        self.line(format!("step {number}: {}", intent_in_words(intent)));
    }

    pub(super) fn exchange(&mut self, exchanged: &Exchange) {
        if exchanged.step == 0 {
            return;
        }
        match exchanged.role {
            Role::Act | Role::Ask => {
                let pieces = exchange(exchanged);
                self.pieces.extend(pieces);
            }
            Role::Look => self.look = exchange(exchanged),
            Role::Arrange | Role::Retried | Role::Clean => {}
        }
    }

    /// Adds why the case could not be played to its end.
    pub(super) fn unsupported(&mut self, reason: &str) {
        self.end_step();
        self.line(format!("= unsupported: {}", foreign(reason)));
    }

    pub(super) fn finish(mut self) -> String {
        self.end_step();
        render(&self.pieces)
    }

    fn end_step(&mut self) {
        self.pieces.append(&mut self.look);
    }

    fn line(&mut self, line: String) {
        self.pieces.push(Piece::line(line));
    }
}

/// Brings a text into the form of a transcript. A transcript is returned unchanged.
pub fn normal(text: &str) -> String {
    let mut pieces = Vec::new();
    let mut xml: Vec<&str> = Vec::new();
    for line in text.lines() {
        let line = line.trim_ascii();
        let marked = marked(line);
        if marked.is_none() && (line.starts_with('<') || !xml.is_empty()) {
            xml.push(line);
            continue;
        }
        take_xml(&mut xml, &mut pieces);
        if let Some(line) = marked {
            push_in_place(line, &mut pieces);
        } else if !line.is_empty() {
            pieces.push(Piece::Line(format!("| {}", plain(line))));
        }
    }
    take_xml(&mut xml, &mut pieces);
    render(&pieces)
}

/// A line that begins with one of the marks, in its canonical form; otherwise `None`.
fn marked(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix('|') {
        return Some(
            format!("| {}", plain(rest.strip_prefix(' ').unwrap_or(rest)))
                .trim_ascii_end()
                .to_owned(),
        );
    }
    let (mark, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if !matches!(mark, ">" | "<" | "=" | "step" | "fixture") {
        return None;
    }
    let rest = plain(rest);
    let words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
    let rest = words.join(" ");
    let rest = match rest.split_once(':') {
        Some((name, value)) if mark == "<" && is_token(name) => {
            format!("{}: {}", name.to_ascii_lowercase(), value.trim_ascii())
        }
        Some(_) | None => rest,
    };
    Some(format!("{mark} {rest}").trim_ascii_end().to_owned())
}

/// Adds a line; header fields are inserted in the order of their names.
fn push_in_place(line: String, pieces: &mut Vec<Piece>) {
    let mut at = pieces.len();
    if let Some(name) = field_name(&line) {
        let is_later = |piece: &Piece| matches!(piece, Piece::Line(other) if field_name(other).is_some_and(|other| other > name));
        while at > 0 && pieces.get(at - 1).is_some_and(is_later) {
            at -= 1;
        }
    }
    pieces.insert(at, Piece::Line(line));
}

fn field_name(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("< ")?.split_once(':')?;
    is_token(name).then_some(name)
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Adds the lines of a document, as a document if they are one.
fn take_xml(lines: &mut Vec<&str>, pieces: &mut Vec<Piece>) {
    if lines.is_empty() {
        return;
    }
    match document_of(lines) {
        Some(document) => pieces.push(Piece::Document(document, Origin::Transcript)),
        None => pieces.extend(
            lines
                .iter()
                .map(|line| Piece::Line(format!("| {}", plain(line)).trim_ascii_end().to_owned())),
        ),
    }
    lines.clear();
}

fn document_of(lines: &[impl AsRef<str>]) -> Option<Document> {
    let mut text = String::new();
    let mut names = 0;
    for line in lines {
        let (line, count) = names::protected(line.as_ref());
        names += count;
        text.push_str(&line);
        text.push('\n');
    }
    let Body::Document(document) = read_body(text.as_bytes()) else {
        return None;
    };
    // A document may contain the same characters itself; then it is unknown which of them are names.
    (lay::openings(&document) == names).then_some(document)
}

/// Names what varies, sorts what has no order, and separates steps.
fn render(pieces: &[Piece]) -> String {
    let mut names = NameAllocator::default();
    let mut lines: Vec<String> = Vec::new();
    let mut rest = pieces;
    let mut in_no_order = false;
    let mut look: Vec<String> = Vec::new();
    while let Some(piece) = rest.first() {
        if is_request_line(piece) {
            let length = 1 + rest.iter().skip(1).take_while(|piece| !is_heading(piece)).count();
            let (step, after) = rest.split_at(length);
            let mut exchanges = split_exchanges(step);
            if in_no_order {
                exchanges.sort_by_cached_key(|exchange| {
                    let lines = masked(exchange);
                    // Descriptions come after the calls whose effect they show.
                    (is_look(&lines), lines)
                });
            }
            for exchange in exchanges {
                let mut told = Vec::new();
                for piece in exchange {
                    write(piece, &mut names, &mut told);
                }
                if !is_look(&told) {
                    lines.extend(told);
                } else if told == look {
                    lines.push(AS_BEFORE.to_owned());
                } else {
                    look.clone_from(&told);
                    lines.extend(told);
                }
            }
            rest = after;
            continue;
        }
        if let Piece::Line(line) = piece
            && is_heading(piece)
        {
            in_no_order = line.ends_with(AT_ONCE);
        }
        write(piece, &mut names, &mut lines);
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 && line.starts_with("step ") {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Whether an exchange describes the fleet.
fn is_look(exchange: &[String]) -> bool {
    exchange.iter().any(|line| line == "> Action=DescribeInstances")
}

fn is_heading(piece: &Piece) -> bool {
    matches!(piece, Piece::Line(line) if ["step ", "fixture ", "= "].iter().any(|mark| line.starts_with(mark)))
}

/// Whether a piece is the first line of a request, which names its method.
fn is_request_line(piece: &Piece) -> bool {
    matches!(piece, Piece::Line(line) if ["> POST ", "> GET "].iter().any(|mark| line.starts_with(mark)))
}

fn split_exchanges(pieces: &[Piece]) -> Vec<&[Piece]> {
    let mut exchanges = Vec::new();
    let mut rest = pieces;
    while !rest.is_empty() {
        let length = 1 + rest
            .iter()
            .skip(1)
            .take_while(|piece| !is_request_line(piece))
            .count();
        let (exchange, after) = rest.split_at(length);
        exchanges.push(exchange);
        rest = after;
    }
    exchanges
}

/// An exchange without its ids.
fn masked(exchange: &[Piece]) -> Vec<String> {
    let mut names = NameAllocator::default();
    let mut lines = Vec::new();
    for piece in exchange {
        write(piece, &mut names, &mut lines);
    }
    lines
        .iter()
        .map(|line| names::masked(line).into_owned())
        .collect()
}

fn write(piece: &Piece, names: &mut NameAllocator, lines: &mut Vec<String>) {
    match piece {
        Piece::Line(line) => lines.push(named_line(line, names)),
        Piece::Document(document, origin) => {
            let laid = lay::lay(document, *origin, names);
            // If an element has an invalid name, or there are more bytes than are read, the document is kept as text.
            let mark = if document_of(&laid).is_some() { "" } else { "| " };
            lines.extend(laid.iter().map(|line| format!("{mark}{}", plain(line))));
        }
    }
}

fn named_line(line: &str, names: &mut NameAllocator) -> String {
    match line.strip_prefix("< x-amzn-requestid:") {
        Some(id) => format!("< {REQUEST_ID}: {}", names.request(id))
            .trim_ascii_end()
            .to_owned(),
        None => names.named(line).into_owned(),
    }
}

/// The pieces of a request and its answer.
fn exchange(exchanged: &Exchange) -> Vec<Piece> {
    // Only named cases have goldens, and none of them sends raw bytes.
    let Some(record) = exchanged.request() else {
        return Vec::new();
    };
    let mut pieces = request(record, &exchanged.call.form);
    // In a description only the content matters, not the headers.
    let headers = match exchanged.role {
        Role::Look => &[],
        Role::Act | Role::Retried | Role::Ask | Role::Arrange | Role::Clean => HEADERS_THAT_MATTER,
    };
    pieces.extend(answer(exchanged.answers.first(), headers));
    pieces
}

fn request(record: &RequestRecord, sent_as: &Form) -> Vec<Piece> {
    let (path, query) = record.target.split_once('?').unwrap_or((&record.target, ""));
    let mut lines = vec![format!("> {} {}", plain(&record.method), escaped(path))];
    let usual = Form::default();
    if sent_as.content_type != usual.content_type && sent_as.method == usual.method {
        let content_type = sent_as.content_type.as_deref().unwrap_or("(none)");
        lines.push(format!("> content-type: {}", escaped(content_type)));
    }
    if sent_as.auth != Auth::default() {
        lines.push(format!("> (authenticated: {})", word(&sent_as.auth)));
    }
    if sent_as.encoding != Encoding::default() {
        lines.push(format!("> (encoded: {})", word(&sent_as.encoding)));
    }
    let body = match &record.body {
        Bytes::Text(text) => text.as_str(),
        Bytes::Base64(_) => "",
    };
    let params = form::read(query).into_iter().chain(form::read(body));
    // The lines above say how a request is signed; when, and for how long, depends on the clock.
    let params = params.filter(|(name, _)| !name.starts_with("X-Amz-"));
    lines.extend(params.map(|(name, value)| match name.as_str() {
        // The endpoint made it, and may make another one in the next run.
        "NextToken" => format!("> {name}=<token>"),
        _ => format!("> {}={}", escaped(&name), escaped(&value)),
    }));
    lines.into_iter().map(Piece::line).collect()
}

fn answer(answer: Option<&Answer>, headers: &[&str]) -> Vec<Piece> {
    let Some(response) = answer.and_then(revive) else {
        return vec![Piece::Line("< (no answer)".to_owned())];
    };
    let mut pieces = vec![Piece::Line(format!("< {}", response.status().as_u16()))];
    for name in headers {
        if let Some(value) = response.headers().get(*name) {
            let value = String::from_utf8_lossy(value.as_bytes());
            pieces.push(Piece::line(format!("< {name}: {}", foreign(&value))));
        }
    }
    match read_body(response.body()) {
        Body::Document(document) => pieces.push(Piece::Document(document, Origin::Endpoint)),
        Body::Empty => pieces.push(Piece::Line("| (no body)".to_owned())),
        Body::Unreadable { .. } => {
            let text = String::from_utf8_lossy(response.body());
            let lines: Vec<&str> = text
                .lines()
                .map(str::trim_ascii)
                .filter(|line| !line.is_empty())
                .collect();
            let shown = lines.iter().take(LINES_KEPT);
            pieces.extend(shown.map(|line| Piece::line(format!("| {}", foreign(line)))));
            if lines.len() > LINES_KEPT {
                pieces.push(Piece::Line(format!("| … {} lines in all", lines.len())));
            }
        }
    }
    pieces
}

/// Text of an endpoint, changed so that nothing in it reads as a name that we gave.
fn foreign(text: &str) -> String {
    plain(&names::without_names(text))
}

/// A value whose white space must stay visible.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    let spaces_matter = text.starts_with(' ') || text.ends_with(' ') || text.contains("  ");
    let text = if spaces_matter {
        text.replace(' ', "\\u{20}")
    } else {
        text
    };
    foreign(&text)
}

/// The text on one line, with invisible characters escaped.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            c if names::is_unseen(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn intent_in_words(intent: &Intent) -> String {
    match intent {
        Intent::Call => "call".to_owned(),
        Intent::Overlap => format!("several calls {AT_ONCE}"),
        Intent::Pages => "all pages of a list".to_owned(),
        Intent::Settle { ids, state } => format!("wait until {} is {state}", ids.join(" ")),
        Intent::Observe => "look".to_owned(),
        Intent::Launch { name } => format!("launch {name}"),
        Intent::Pass { ms } => format!("let {ms} ms pass"),
        Intent::Rest => "wait until nothing moves".to_owned(),
        Intent::Wire(_) => "bytes on a socket".to_owned(),
        Intent::Watch { .. } => "an exchange of another client".to_owned(),
    }
}

/// A fixture kind in the words of the scenarios.
fn kind_in_words(kind: FixtureKind) -> String {
    let usual = FixtureKind::default();
    let mut words = vec![word(&kind.state)];
    if kind.market != usual.market {
        words.push(word(&kind.market));
    }
    if kind.root != usual.root {
        words.push(word(&kind.root));
    }
    let flags = [
        (kind.stop_protected, "stop-protected"),
        (kind.termination_protected, "termination-protected"),
        (kind.hibernation, "hibernation"),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| (*word).to_owned()),
    );
    words.join(" ")
}

/// The word for a value in files.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
