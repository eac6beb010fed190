//! Lists of cases and clauses, and the explanation of one of them. No request is sent.
//!
//! ```text
//! dry-run/valid
//!     A dry run of an allowed stop is refused with DryRunOperation and changes nothing.
//!     DRY-01, DRY-04
//! ```
//!
//! ```text
//! DRY-04   MUST    documented+recorded  fails     checked by dry-run/valid (+3 more)
//! LIM-02   SHOULD  inferred             warns     untested: needs a thousand instances
//! ```
//!
//! The input is a contract, or cases of a plan. Reasons, statements and titles come from our own files.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::call::{Auth, Encoding, Form, Method, Order};
use crate::contract::{
    Act, CallTemplate, Clause, ClauseId, Contract, Demand, FixtureKind, Level, Market, Refusal, Root,
    Scenario, Step, Transition, distance,
};
use crate::plan::wire::{self, WireCase};
use crate::report::text::{fold, some_of};
use crate::report::{questions, recorded};

/// A case of a plan, as `stopcheck list` shows it.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is meant to show.
    pub purpose: &'a str,
    /// The clauses it tests.
    pub clauses: &'a [ClauseId],
}

impl<'a> From<&'a Scenario> for Listed<'a> {
    fn from(scenario: &'a Scenario) -> Self {
        Listed {
            name: &scenario.name,
            purpose: &scenario.purpose,
            clauses: &scenario.clauses,
        }
    }
}

impl<'a> From<&'a WireCase> for Listed<'a> {
    fn from(case: &'a WireCase) -> Self {
        Listed {
            name: case.name,
            purpose: case.purpose,
            clauses: &[],
        }
    }
}

/// The error for a name that is no clause, case, source or question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("explain {asked}: no clause, case, source or question has this name{}", hint(.close))]
pub struct UnknownId {
    /// The requested name.
    pub asked: String,
    /// Similar names.
    pub close: Vec<String>,
}

fn hint(close: &[String]) -> String {
    match close {
        [] => " (see `stopcheck list` and `stopcheck list --clauses`)".to_owned(),
        close => format!(" (did you mean {}?)", close.join(", ")),
    }
}

/// Lists cases with name, purpose and clauses.
pub fn cases<'a>(
    cases: impl IntoIterator<Item = Listed<'a>>,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    for case in cases {
        writeln!(out, "{}", case.name)?;
        paragraph(case.purpose, width, out)?;
        if !case.clauses.is_empty() {
            paragraph(&ids(case.clauses), width, out)?;
        }
    }
    Ok(())
}

/// Lists every clause with id, level, confidence, the effect of a violation, and what checks it.
pub fn clauses(contract: &Contract, out: &mut dyn Write) -> io::Result<()> {
    let longest = contract
        .clauses
        .iter()
        .map(|clause| clause.id.as_str().chars().count())
        .max()
        .unwrap_or(0);
    for clause in &contract.clauses {
        writeln!(
            out,
            "{:<longest$}  {:<8}  {:<20}  {}  {}",
            clause.id,
            clause.level.word(),
            clause.confidence.word(),
            consequence(clause),
            standing(contract, clause)
        )?;
    }
    Ok(())
}

/// The effect of a violation of a clause on a run, by default.
fn consequence(clause: &Clause) -> &'static str {
    if clause.untested.is_some() || !clause.holds || clause.level == Level::May {
        "-    "
    } else if clause.decides() {
        "fails"
    } else {
        "warns"
    }
}

/// Explains the clause, case, source, open question or recorded answer with this name; upper and lower case are equivalent.
pub fn explain(contract: &Contract, name: &str, width: usize) -> Result<String, UnknownId> {
    let name = name.trim();
    if let Some(clause) = contract
        .clauses
        .iter()
        .find(|clause| clause.id.as_str().eq_ignore_ascii_case(name))
    {
        return Ok(explain_clause(contract, clause, width));
    }
    if let Some(case) = contract
        .scenarios
        .iter()
        .find(|case| case.name.eq_ignore_ascii_case(name))
    {
        return Ok(explain_case(contract, case, width));
    }
    if let Some(case) = wire::CASES
        .iter()
        .find(|case| case.name.eq_ignore_ascii_case(name))
    {
        return Ok(explain_wire(contract, case, width));
    }
    let others = [questions::explain, recorded::explain];
    if let Some(text) = others.iter().find_map(|explain| explain(contract, name, width)) {
        return Ok(text);
    }
    Err(UnknownId {
        asked: name.to_owned(),
        close: close_to(contract, name),
    })
}

/// Whether a clause is judged, and by what.
fn standing(contract: &Contract, clause: &Clause) -> String {
    if !clause.holds {
        return format!("not in this edition (holds {})", clause.range);
    }
    if let Some(reason) = &clause.untested {
        return format!("untested: {reason}");
    }
    let by: Vec<&str> = cases_of(contract, clause)
        .map(|case| case.name.as_str())
        .collect();
    if !by.is_empty() {
        return format!("checked by {}", some_of(by.iter().copied(), 1, by.len()));
    }
    if clause.checks.iter().any(|check| check.is_on_the_wire()) {
        return "checked by the wire phase".to_owned();
    }
    if !clause.checks.is_empty() {
        return "checked wherever it applies".to_owned();
    }
    match rows_of(contract, clause).is_empty() {
        false => "checked by the tables, wherever they apply".to_owned(),
        true => "checked by nothing".to_owned(),
    }
}

fn explain_wire(contract: &Contract, case: &WireCase, width: usize) -> String {
    let mut out = String::new();
    for line in fold(&format!("{}: {}", case.name, case.purpose), width) {
        let _ = writeln!(out, "{line}");
    }
    out.push_str(
        "\nPlayed by stopcheck run --phase wire, on a raw socket beside its plain form. It shows:\n",
    );
    for clause in case.clauses(contract) {
        for line in fold(&format!("{}: {}", clause.id, clause.statement), width) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn cases_of<'a>(contract: &'a Contract, clause: &'a Clause) -> impl Iterator<Item = &'a Scenario> {
    contract.scenarios.iter().filter(|case| {
        case.clauses.contains(&clause.id) || case.steps.iter().any(|step| step.witness.contains(&clause.id))
    })
}

/// How well a clause is known, and when it was last confirmed.
fn confidence_in_words(clause: &Clause) -> String {
    let word = clause.confidence.word();
    match &clause.confirmed {
        Some(month) => format!("{word}, last confirmed in {month}"),
        None => word.to_owned(),
    }
}

fn explain_clause(contract: &Contract, clause: &Clause, width: usize) -> String {
    let mut out = String::new();
    for line in fold(&format!("{}: {}", clause.id, clause.statement), width) {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
    let consequence = if clause.decides() {
        "a violation fails the run"
    } else {
        "a violation is a warning"
    };
    let mut rows = vec![
        ("level", format!("{}; {consequence}", clause.level.word())),
        ("confidence", confidence_in_words(clause)),
        ("chapter", clause.group.clone()),
        (
            "editions",
            format!(
                "{}{}",
                clause.range,
                if clause.holds { "" } else { " (not this one)" }
            ),
        ),
    ];
    for key in &clause.sources {
        rows.extend(recorded::citation(contract, key).map(|line| ("source", line)));
    }
    let answers: Vec<String> = recorded::of_sources(contract, &clause.sources).collect();
    if !answers.is_empty() {
        rows.push(("recorded", answers.join(", ")));
    }
    rows.extend(clause.note.iter().map(|note| ("note", note.clone())));
    let open = questions::about(contract, clause).into_iter();
    rows.extend(open.map(|question| ("open", question)));
    rows.extend(clause.untested.iter().map(|reason| ("untested", reason.clone())));
    rows.extend(
        clause
            .checks
            .iter()
            .map(|check| ("check", check.word().to_owned())),
    );
    rows.extend(rows_of(contract, clause));
    rows.extend(cases_of(contract, clause).map(|case| ("case", format!("{}: {}", case.name, case.purpose))));
    table(&rows, width, &mut out);
    out
}

/// The table rows that cite a clause.
fn rows_of(contract: &Contract, clause: &Clause) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for transition in &contract.transitions {
        if transition.clauses.contains(&clause.id) {
            rows.push(("transition", transition_row(transition)));
        }
    }
    for refusal in &contract.refusals {
        let aspects = &refusal.clauses;
        for (aspect, clauses) in [
            ("if it is accepted", &aspects.refused),
            ("if the status is another", &aspects.status),
            ("if the code is another", &aspects.code),
            ("if the code is not the preferred one", &aspects.preferred),
            ("if the message is another", &aspects.message),
            ("if it changes something", &aspects.effect),
        ] {
            if clauses.contains(&clause.id) {
                rows.push(("refusal", format!("{}; violated {aspect}", refusal_row(refusal))));
            }
        }
    }
    rows
}

fn transition_row(transition: &Transition) -> String {
    let answers: Vec<String> = transition
        .answers
        .iter()
        .map(|answer| {
            let odd = if answer.odd { " (with a warning)" } else { "" };
            format!("{} → {}{odd}", answer.previous, answer.current)
        })
        .collect();
    let from = transition.from.wire_name().unwrap_or("gone");
    format!("{} on {from}: {}", transition.action, answers.join(" or "))
}

fn refusal_row(refusal: &Refusal) -> String {
    let answers: Vec<String> = refusal
        .answers
        .iter()
        .map(|answer| {
            let status: Vec<String> = answer.status.iter().map(u16::to_string).collect();
            format!("{} {}", status.join("/"), answer.code)
        })
        .collect();
    let demand = match refusal.demand {
        Demand::Must => "must be refused with",
        Demand::Should => "should be refused with",
        Demand::May => "may be refused with",
        Demand::Tolerated => "is accepted, or oddly refused with",
    };
    format!("{} {demand} {}", refusal.condition.word(), answers.join(" or "))
}

fn explain_case(contract: &Contract, case: &Scenario, width: usize) -> String {
    let mut out = format!("{}\n", case.name);
    for line in fold(&case.purpose, width) {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
    let mut rows = Vec::new();
    for id in &case.clauses {
        let statement = contract.clause(id).map_or("", |clause| clause.statement.as_str());
        rows.push(("clause", format!("{id}: {statement}")));
    }
    for (name, kind) in &case.fixtures {
        rows.push(("fixture", format!("{{{name}}} {}", kind_in_words(kind))));
    }
    table(&rows, width, &mut out);
    for (at, step) in case.steps.iter().enumerate() {
        let _ = writeln!(out, "step {:<7}{}", at + 1, step_in_words(step));
    }
    let _ = writeln!(
        out,
        "repeat      stopcheck run --case {}",
        super::repeat::quote(&case.name)
    );
    out
}

/// Describes a fixture: its state and its properties.
pub(crate) fn kind_in_words(kind: &FixtureKind) -> String {
    let state = kind.state.wire_name().unwrap_or("terminated and purged");
    format!("{state}, {}", properties_in_words(kind))
}

/// Describes the properties of an instance apart from its state.
fn properties_in_words(kind: &FixtureKind) -> String {
    let mut out = match kind.market {
        Market::OnDemand => "on demand",
        Market::OneTimeSpot => "one-time Spot",
        Market::PersistentSpot => "persistent Spot",
    }
    .to_owned();
    out.push_str(match kind.root {
        Root::Ebs => ", EBS root",
        Root::InstanceStore => ", instance-store root",
    });
    for (holds, words) in [
        (kind.stop_protected, ", stop-protected"),
        (kind.termination_protected, ", termination-protected"),
        (kind.hibernation, ", set up for hibernation"),
    ] {
        if holds {
            out.push_str(words);
        }
    }
    out
}

/// Describes overlapping calls in one line.
fn overlap_in_words(callers: &[Vec<CallTemplate>]) -> String {
    let in_turn = |calls: &[CallTemplate]| {
        let calls: Vec<String> = calls.iter().map(call_in_words).collect();
        calls.join(", then ")
    };
    match callers {
        [first, rest @ ..] if !rest.is_empty() && rest.iter().all(|calls| calls == first) => {
            format!("{} times at once: {}", callers.len(), in_turn(first))
        }
        _ => {
            let callers: Vec<String> = callers.iter().map(|calls| in_turn(calls)).collect();
            format!("at once: {}", callers.join(" | "))
        }
    }
}

/// Describes a step in one line.
pub(crate) fn step_in_words(step: &Step) -> String {
    let mut out = match &step.act {
        Act::Call(call) => call_in_words(call),
        Act::Overlap(callers) => overlap_in_words(callers),
        Act::Pages(call, most) => format!("all pages, {most} at most: {}", call_in_words(call)),
        Act::Settle(names, state) => {
            let names: Vec<String> = names.iter().map(|name| format!("{{{name}}}")).collect();
            format!(
                "wait until {} is {}",
                names.join(" and "),
                state.wire_name().unwrap_or("gone")
            )
        }
        Act::Observe => "describe the fleet".to_owned(),
        Act::Launch(name, kind) => format!("launch {{{name}}}: {}", properties_in_words(kind)),
        Act::Pass(ms) => format!("let {ms} ms pass"),
        Act::Rest => "wait until no instance is on its way".to_owned(),
    };
    if step.control {
        out.push_str("  [control]");
    }
    if !step.witness.is_empty() {
        let _ = write!(out, "  [decides {}]", ids(&step.witness));
    }
    if let Some(label) = &step.label {
        let _ = write!(out, "  [{label}]");
    }
    if let Some(same_as) = &step.same_as {
        let (labels, clauses) = (same_as.labels.join(" and "), ids(&same_as.clauses));
        let _ = write!(out, "  [answered as {labels}: {clauses}]");
    }
    out
}

/// Describes a call as an unencoded query string, with anything unusual about how it is sent.
pub(super) fn call_in_words(call: &CallTemplate) -> String {
    let mut pairs: Vec<String> = Vec::new();
    pairs.extend(call.action.iter().map(|action| format!("Action={action}")));
    pairs.extend(call.params.iter().map(|(name, value)| format!("{name}={value}")));
    let form = &call.form;
    let method = match form.method {
        Method::Post => "POST",
        Method::Get => "GET",
    };
    let mut out = format!("{method} {}", pairs.join("&"));
    let special = form_in_words(form);
    if !special.is_empty() {
        let _ = write!(out, "  [{}]", special.join(", "));
    }
    out
}

fn form_in_words(form: &Form) -> Vec<String> {
    let plain = Form::default();
    let mut out = Vec::new();
    if form.version != plain.version {
        out.push(
            form.version
                .as_ref()
                .map_or("no Version".into(), |version| format!("Version={version}")),
        );
    }
    if form.content_type != plain.content_type && form.method == Method::Post {
        out.push(
            form.content_type
                .as_ref()
                .map_or("no content type".into(), |media| format!("as {media}")),
        );
    }
    match form.order {
        Order::ActionFirst => {}
        Order::ActionLast => out.push("Action last".into()),
        Order::Sorted => out.push("parameters sorted".into()),
        Order::Reversed => out.push("parameters reversed".into()),
    }
    match form.encoding {
        Encoding::Standard => {}
        Encoding::PlusForSpace => out.push("space as +".into()),
        Encoding::EveryByte => out.push("every byte percent-encoded".into()),
        Encoding::LowerCase => out.push("percent-encoded in lower case".into()),
        Encoding::NamesToo => out.push("names percent-encoded, too".into()),
        Encoding::EmptyPairs => out.push("with empty pairs".into()),
    }
    match form.auth {
        Auth::Header => {}
        Auth::Query => out.push("signed in the query".into()),
        Auth::Unsigned => out.push("unsigned".into()),
        Auth::WrongSignature => out.push("wrong signature".into()),
        Auth::UnknownKey => out.push("unknown key".into()),
        Auth::Stale => out.push("stale signature".into()),
        Auth::Garbage => out.push("garbage for a signature".into()),
        Auth::Session => out.push("temporary credentials".into()),
        Auth::ExpiredSession => out.push("expired credentials".into()),
        Auth::Denied => out.push("a caller who may not stop".into()),
        Auth::Recent => out.push("signed five minutes ago".into()),
        Auth::Early => out.push("signed five minutes ahead".into()),
        Auth::Future => out.push("signed an hour ahead".into()),
        Auth::PresignedExpired => out.push("signed in the query, no longer valid".into()),
        Auth::PresignedForNoTime => out.push("signed in the query for 0 seconds".into()),
        Auth::PresignedTooLong => out.push("signed in the query for more than a week".into()),
        Auth::AlteredParameters => out.push("signed over other parameters".into()),
        Auth::AlteredPath => out.push("signed over another path".into()),
        Auth::AlteredMethod => out.push("signed over another method".into()),
        Auth::OtherPayloadHash => out.push("signed over another body".into()),
        Auth::AlteredScope => out.push("signed, then the scope changed".into()),
        Auth::OtherDate => out.push("scope of yesterday".into()),
        Auth::OtherRegion => out.push("scope of another Region".into()),
        Auth::OtherService => out.push("scope of another service".into()),
        Auth::OtherTerminator => out.push("scope with another end".into()),
        Auth::UnsignedHost => out.push("Host not signed".into()),
        Auth::UnsignedDate => out.push("X-Amz-Date not signed".into()),
        Auth::ShortSignature => out.push("half a signature".into()),
        Auth::LongSignature => out.push("signature too long".into()),
        Auth::UpperCaseSignature => out.push("signature in upper case".into()),
        Auth::MissingToken => out.push("temporary credentials without their token".into()),
        Auth::WrongToken => out.push("temporary credentials with another token".into()),
        Auth::RightThenWrong => out.push("two signatures, the second one wrong".into()),
        Auth::WrongThenRight => out.push("two signatures, the first one wrong".into()),
    }
    out
}

fn ids(clauses: &[ClauseId]) -> String {
    let ids: Vec<&str> = clauses.iter().map(ClauseId::as_str).collect();
    ids.join(", ")
}

fn paragraph(text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    for line in fold(text, width.saturating_sub(4)) {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

/// Writes rows of a label and a text; a repeated label is left blank.
pub(crate) fn table(rows: &[(&str, String)], width: usize, out: &mut String) {
    const LABEL: usize = 12;
    let mut before = "";
    for (label, text) in rows {
        for (at, line) in fold(text, width.saturating_sub(LABEL)).into_iter().enumerate() {
            let shown = if at == 0 && *label != before { label } else { "" };
            let _ = writeln!(out, "{shown:<LABEL$}{line}");
        }
        before = label;
    }
}

/// The names of clauses, cases, sources and questions that are similar to the requested one, nearest first.
fn close_to(contract: &Contract, asked: &str) -> Vec<String> {
    let clauses = contract.clauses.iter().map(|clause| clause.id.as_str());
    let cases = contract.scenarios.iter().map(|case| case.name.as_str());
    let sources = contract.sources.iter().map(|source| source.key.as_str());
    let questions = contract.questions.iter().map(|question| question.id.as_str());
    close(clauses.chain(cases).chain(sources).chain(questions), asked)
}

/// The names that are similar to the requested one, nearest first.
pub(crate) fn close<'a>(names: impl Iterator<Item = &'a str>, asked: &str) -> Vec<String> {
    const SHOWN: usize = 5;
    let text: String = asked.to_lowercase().chars().take(100).collect();
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let known = name.to_lowercase();
            let distance = distance(&text, &known);
            let part = text.chars().count() >= 3 && known.contains(&text);
            let most = 2.max(known.chars().count() / 4);
            (part || distance <= most).then_some((if part { 0 } else { distance }, name))
        })
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter()
        .take(SHOWN)
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn cases_are_listed_with_purpose_and_clauses() {
        let contract = sample::contract();
        let mut out = Vec::new();
        cases(contract.scenarios.iter().map(Listed::from), 60, &mut out).expect("a vector takes everything");
        insta::assert_snapshot!(String::from_utf8_lossy(&out), @r#"
        dry-run/valid
            A dry run of an allowed stop is refused and changes
            nothing.
            DRY-01, DRY-04
        refuse/unknown
            An id that nobody owns.
            ERR-02
        refuse/spot
            A one-time Spot Instance.
            SPT-01
        "#);
    }

    #[test]
    fn clauses_are_listed_with_what_checks_them() {
        let mut out = Vec::new();
        clauses(&sample::contract(), &mut out).expect("a vector takes everything");
        insta::assert_snapshot!(String::from_utf8_lossy(&out), @r#"
        DRY-01  MUST      documented            fails  checked by dry-run/valid
        DRY-04  MUST      documented+recorded   fails  checked by dry-run/valid
        RSP-07  SHOULD    recorded              warns  checked wherever it applies
        ERR-02  MUST      recorded              fails  checked by refuse/unknown
        SPT-01  MUST      documented            fails  checked by refuse/spot
        LIM-02  SHOULD    inferred              -      untested: needs a thousand instances
        OLD-01  MUST      documented            -      not in this edition (holds until 2025-04)
        "#);
    }

    #[test]
    fn a_clause_is_explained_with_its_sources_rows_and_cases() {
        let text = explain(&sample::contract(), "dry-04", 70).expect("the clause is there");
        insta::assert_snapshot!(text, @r#"
        DRY-04: A dry run changes nothing: the instance stays running.

        level       MUST; a violation fails the run
        confidence  documented+recorded, last confirmed in 2026-09
        chapter     dry-run
        editions    always
        source      API: Amazon EC2 API Reference, StopInstances
                    https://docs.example/API_StopInstances.html
                    R14: a recorded answer
                    https://github.com/example/answers (Apache-2.0)
        note        Looked at with DescribeInstances.
        refusal     dry-run must be refused with 412 DryRunOperation; violated
                    if it changes something
        case        dry-run/valid: A dry run of an allowed stop is refused and
                    changes nothing.
        "#);
    }

    #[test]
    fn a_case_is_explained_with_its_steps() {
        let text = explain(&sample::contract(), "dry-run/valid", 70).expect("the case is there");
        insta::assert_snapshot!(text, @r#"
        dry-run/valid
        A dry run of an allowed stop is refused and changes nothing.

        clause      DRY-01: A dry run answers `DryRunOperation`.
                    DRY-04: A dry run changes nothing: the instance stays
                    running.
        fixture     {a} running, on demand, EBS root
        step 1      POST Action=StopInstances&InstanceId.1={a}&DryRun=true
        step 2      wait until {a} is running
        step 3      describe the fleet
        repeat      stopcheck run --case dry-run/valid
        "#);
    }

    #[test]
    fn an_unknown_name_brings_close_ones() {
        let error = explain(&sample::contract(), "dry04", 70).expect_err("there is no such clause");
        assert_eq!(error.close, ["DRY-04", "DRY-01"]);
        let error = explain(&sample::contract(), "dry-run/vaild", 70).expect_err("there is no such case");
        assert_eq!(error.close, ["dry-run/valid"]);
        let error = explain(&sample::contract(), "nothing like it", 70).expect_err("there is no such thing");
        assert_eq!(
            error.to_string(),
            "explain nothing like it: no clause, case, source or question has this name \
             (see `stopcheck list` and `stopcheck list --clauses`)"
        );
    }
}
