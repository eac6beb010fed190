//! The output of `stopcheck explain R14`: where a source can be read, and the answers of the real service that the
//! contract records from it.
//!
//! ```text
//! R14: StopInstances 412 DryRunOperation, …
//! https://github.com/cloudlibz/nodecloud/commit/8b65d19
//! cited by REQ-12 …
//!
//! r14  grade A, byte for byte · 2017-07-15
//!
//! given     {a}: running, on demand, EBS root
//! call      POST Action=StopInstances&InstanceId.1={a}&DryRun=true
//! reference answers the same
//!
//! HTTP 412
//! Date: Sat, 15 Jul 2017 14:02:40 GMT
//!
//! <?xml version="1.0" encoding="UTF-8"?>
//! <Response><Errors>…
//! ```

use std::fmt::Write as _;

use super::list;
use super::text::fold;
use crate::contract::{Contract, Recorded, RecordedLook, Source};

/// Explains the source or recorded answer with this name, in upper or lower case. `None` if there is neither.
pub(super) fn explain(contract: &Contract, name: &str, width: usize) -> Option<String> {
    let source = contract
        .sources
        .iter()
        .find(|source| source.key.eq_ignore_ascii_case(name));
    if let Some(source) = source {
        return Some(explain_source(contract, source, width));
    }
    let recorded = contract
        .recorded
        .iter()
        .find(|recorded| recorded.name.eq_ignore_ascii_case(name))?;
    Some(explain_recorded(recorded, width))
}

/// Cites a source of a clause: its title, and where it can be read if known.
pub(super) fn citation(contract: &Contract, text: &str) -> impl Iterator<Item = String> {
    let source = contract.source(text);
    let title = match source {
        Some(source) => format!("{text}: {}", source.title),
        None => text.to_owned(),
    };
    let licence = source.and_then(|source| source.licence.as_deref());
    let address = contract.url(text).map(|url| match licence {
        Some(licence) => format!("{url} ({licence})"),
        None => url,
    });
    [Some(title), address].into_iter().flatten()
}

/// The names of the recorded answers from the sources of a clause, each with its grade.
pub(super) fn of_sources<'a>(contract: &'a Contract, sources: &'a [String]) -> impl Iterator<Item = String> {
    let keys = sources
        .iter()
        .filter_map(|source| contract.source(source).map(|source| source.key.as_str()));
    keys.flat_map(|key| of_source(contract, key))
        .map(|recorded| format!("{} (grade {})", recorded.name, recorded.grade.letter()))
}

fn of_source<'a>(contract: &'a Contract, key: &'a str) -> impl Iterator<Item = &'a Recorded> {
    contract
        .recorded
        .iter()
        .filter(move |recorded| recorded.source == key)
}

fn explain_source(contract: &Contract, source: &Source, width: usize) -> String {
    let mut out = String::new();
    for line in citation(contract, &source.key).flat_map(|line| fold(&line, width)) {
        let _ = writeln!(out, "{line}");
    }
    let citing: Vec<&str> = contract
        .clauses
        .iter()
        .filter(|clause| {
            let mut keys = clause.sources.iter().filter_map(|text| contract.source(text));
            keys.any(|cited| cited.key == source.key)
        })
        .map(|clause| clause.id.as_str())
        .collect();
    if !citing.is_empty() {
        let text = format!("cited by {}", citing.join(" "));
        for line in fold(&text, width) {
            let _ = writeln!(out, "{line}");
        }
    }
    for recorded in of_source(contract, &source.key) {
        out.push('\n');
        out.push_str(&explain_recorded(recorded, width));
    }
    out
}

fn explain_recorded(recorded: &Recorded, width: usize) -> String {
    let mut out = format!(
        "{}  grade {}, {}",
        recorded.name,
        recorded.grade.letter(),
        recorded.framing.in_words()
    );
    let at = recorded.at.as_ref().map(ToString::to_string);
    if let Some(when) = at.as_ref().or(recorded.when.as_ref()) {
        let _ = write!(out, " · {when}");
    }
    out.push_str("\n\n");
    let mut rows = Vec::new();
    for fixture in &recorded.fixtures {
        let kind = list::kind_in_words(&fixture.kind);
        rows.push(("given", format!("{{{}}} {}: {kind}", fixture.name, fixture.id)));
    }
    for (name, id) in &recorded.decoys {
        rows.push(("nobody's", format!("{{{name}}} {id}")));
    }
    rows.push(("call", list::call_in_words(&recorded.call)));
    rows.push((
        "reference",
        match &recorded.elsewhere {
            None => "answers the same".to_owned(),
            Some(why) => format!("answers otherwise: {why}"),
        },
    ));
    rows.extend(recorded.note.iter().map(|note| ("note", note.clone())));
    rows.extend(recorded.seen.iter().map(|look| ("seen", look_in_words(look))));
    list::table(&rows, width, &mut out);
    let _ = write!(out, "\nHTTP {}\n", recorded.status);
    for (name, value) in &recorded.headers {
        let _ = writeln!(out, "{name}: {value}");
    }
    // The body is shown unescaped: it was reviewed and is not from an endpoint under test.
    let _ = write!(out, "\n{}", recorded.body);
    if !recorded.body.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Formats one description made after the call, for instance `2026-09-25T20:59:21.670Z stopped, User initiated (…), …`.
fn look_in_words(look: &RecordedLook) -> String {
    let mut out = format!("{} {}", look.at, look.state.wire_name().unwrap_or("gone"));
    let reasons = [Some(look.reason.as_str()), look.state_reason.as_deref()];
    for reason in reasons.into_iter().flatten().filter(|reason| !reason.is_empty()) {
        let _ = write!(out, ", {reason}");
    }
    for (name, ip) in [
        ("ipAddress", &look.public_ip),
        ("privateIpAddress", &look.private_ip),
    ] {
        match ip.as_deref() {
            Some("") => {
                let _ = write!(out, ", no {name}");
            }
            Some(ip) => {
                let _ = write!(out, ", {name} {ip}");
            }
            None => {}
        }
    }
    out
}
