//! The report for programs: one JSON object, with keys and items always in the same order.
//!
//! ```json
//! {
//!   "schema": 2,
//!   "stopcheck": "0.1.0",
//!   "endpoint": "http://127.0.0.1:5000",
//!   "region": "us-east-1",
//!   "edition": "current",
//!   "seed": 7,
//!   "summary": {"cases": {"pass": 196, "fail": 4, "…": 0}, "clauses": {"…": 0}, "findings": {"…": 0},
//!               "requests": 1234, "took_ms": 3200, "interrupted": false, "exit_code": 1},
//!   "clauses": [{"id": "DRY-04", "level": "MUST", "confidence": "documented+recorded", "statement": "…",
//!                "sources": ["API", "R14"], "status": "found", "verdict": "fail", "cases": ["dry-run/valid"]}],
//!   "causes": [{"clause": "DRY-04", "verdict": "fail", "first": "dry-run/valid#1/DRY-04", "findings": 4,
//!               "consequences": [{"clause": "DRY-06", "verdict": "fail", "relation": "within",
//!                                 "first": "dry-run/twice#2/DRY-06", "findings": 1}]}],
//!   "findings": [{"id": "dry-run/valid#1/DRY-04", "clause": "DRY-04", "verdict": "fail", "case": "dry-run/valid",
//!                 "step": 1, "exchange": 0, "fingerprint": "DRY-04 fail stopping", "circumstances": ["dry-run"],
//!                 "expected": [{"kind": "state", "id": "i-0a…", "states": ["running"], "unchanged": true}],
//!                 "expected_text": "…", "observed": [{"kind": "state", "id": "i-0a…", "state": "stopping"}],
//!                 "observed_text": "…", "repeat": "stopcheck run …", "curl": "…"}],
//!   "cases": [{"name": "dry-run/valid", "outcome": "judged", "verdict": "fail", "clauses": ["DRY-04"], "…": 0}],
//!   "notes": [],
//!   "choices": {"unissued-id": {"InvalidInstanceID.Malformed": 12, "InvalidInstanceID.NotFound": 9}},
//!   "known": {"failures": 40, "warnings": 3, "clauses": 24, "cases": 30, "outdated": 0,
//!             "entries": [{"file": "known.toml", "line": 3, "clause": "ERR-09", "reason": "…", "standing": "deviates",
//!                          "expired": false, "findings": 5}]},
//!   "goldens": {"set": "moto-5.2.5", "recorded": false, "same": 97, "changed": [{"case": "stop/stopped", "diff": "…"}],
//!               "causes": [{"turn": "newly-violated", "clauses": ["STT-05"], "cases": ["stop/stopped"], "…": 0}],
//!               "new": [], "orphans": []}
//! }
//! ```
//!
//! A clause's `status` is `held`, `found`, `unreached`, `untested` or `not-in-edition`; a case's `outcome` is
//! `judged`, `unsupported`, `error` or `unfinished`. `choices` has the codes received where the contract allows
//! several, with the number of calls. `curl` and `aws` are present for the first findings of a group,
//! `goldens` if goldens were compared.
//!
//! With known deviations (`--known`), `known` has what became of each entry: `standing` is `deviates`, `gone` or
//! `not-judged`; one that is gone or expired fails the run. A finding that an entry covers has its position in `known`;
//! such clauses and causes have `"known": true`. The counts of `summary` have what is known apart: `known`.
//!
//! `causes` lists the clauses to blame, first those that fail, and under each the clauses that only follow from it: a
//! `relation` is `presupposed` (the clause needs what the cause lacks), `holds-alone` (the cases of the clause hold), `within` (it fails only where the cause fails, by the same
//! answers) or `earlier-call` (an earlier call was accepted that must have been refused). A finding that follows from
//! another one has that one in `cause`.
//!
//! A finding has what was allowed and observed as values ([`Expected`], [`Observed`]) and, for people, as text. An
//! unsupported case has the value `obstacle` ([`Obstacle`]) and the text `reason`. The wording of the texts may change
//! in any version. `fingerprint` is the same for findings that say the same.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::contract::{ClauseId, Condition, Contract};
#[cfg(test)]
use crate::contract::{Confidence, Edition};
use crate::journal::{EarlyEnd, Expected, Noted, Observed, Obstacle, Outcome};
use crate::report::known::KnownTarget;
use crate::report::repeat::Commands;
use crate::report::tally::{
    ByVerdict, Case, Cause, Causes, Found, Goldens, KnownCounts, KnownReview, Policy, Relation, Status, Tally,
};
use crate::verdict::Verdict;

/// The version of the format. It changes when a reader of the old version would misread the new one.
pub const SCHEMA: u32 = 2;

/// Writes the report.
pub fn write(tally: &Tally, contract: &Contract, policy: Policy, out: &mut dyn Write) -> io::Result<()> {
    let run = tally.run();
    let causes = tally.causes();
    let report = JsonReport {
        schema: SCHEMA,
        stopcheck: run.map(|run| run.stopcheck.as_str()),
        endpoint: run.map(|run| run.endpoint.as_str()),
        region: run.map(|run| run.region.as_str()),
        edition: contract.edition.name(),
        seed: run.map(|run| run.seed),
        summary: summary(tally, policy),
        clauses: clauses(tally, contract),
        causes: [(causes.all(), false), (causes.known(), true)]
            .into_iter()
            .flat_map(|(causes, known)| causes.iter().map(move |cause| cause_line(cause, known)))
            .collect(),
        findings: findings(tally, contract, &causes),
        cases: tally.cases().map(|case| case_line(tally, case)).collect(),
        notes: tally.notes(),
        choices: tally.choices(),
        known: tally.known().map(|review| known_lines(tally, review)),
        goldens: tally.goldens(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonReport<'a> {
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    schema: u32,
    stopcheck: Option<&'a str>,
    endpoint: Option<&'a str>,
    region: Option<&'a str>,
    #[cfg_attr(test, schemars(with = "Edition"))]
    edition: &'static str,
    seed: Option<u64>,
    summary: Summary,
    clauses: Vec<ClauseLine<'a>>,
    causes: Vec<CauseLine<'a>>,
    findings: Vec<FindingLine<'a>>,
    cases: Vec<CaseLine<'a>>,
    notes: &'a [Noted],
    choices: &'a BTreeMap<&'static str, BTreeMap<String, usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<KnownLines<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goldens: Option<&'a Goldens>,
}

/// The known deviations.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KnownLines<'a> {
    failures: usize,
    warnings: usize,
    clauses: usize,
    cases: usize,
    outdated: usize,
    entries: Vec<KnownLine<'a>>,
}

/// One known deviation. It has one of `clause`, `case` and `cause`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KnownLine<'a> {
    file: &'a str,
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<&'a ClauseId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a ClauseId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Verdict>"))]
    verdict: Option<&'static str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<&'a str>,
    #[cfg_attr(test, schemars(extend("enum" = ["deviates", "gone", "not-judged"])))]
    standing: &'static str,
    expired: bool,
    findings: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Summary {
    clauses: ClauseNumbers,
    cases: CaseNumbers,
    findings: FindingNumbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    random: Option<RandomNumbers>,
    requests: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    most_instances: Option<usize>,
    took_ms: u64,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_short: Option<EarlyEnd>,
    strict: bool,
    exit_code: u8,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RandomNumbers {
    scripts: u64,
    steps: usize,
    cut_short: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ClauseNumbers {
    all: usize,
    held: usize,
    failed: usize,
    warned: usize,
    known: usize,
    inconclusive: usize,
    unreached: usize,
    untested: usize,
    not_in_edition: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CaseNumbers {
    pass: usize,
    warn: usize,
    inconclusive: usize,
    fail: usize,
    known: usize,
    unsupported: usize,
    error: usize,
    unfinished: usize,
    not_begun: usize,
    left_out: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingNumbers {
    warn: usize,
    inconclusive: usize,
    fail: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ClauseLine<'a> {
    id: ClauseId,
    #[cfg_attr(test, schemars(extend("enum" = ["MUST", "MUST NOT", "SHOULD", "MAY"])))]
    level: &'static str,
    #[cfg_attr(test, schemars(with = "Confidence"))]
    confidence: &'static str,
    decides: bool,
    statement: &'a str,
    sources: &'a [String],
    #[cfg_attr(test, schemars(extend("enum" = ["held", "found", "unreached", "untested", "not-in-edition"])))]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Verdict>"))]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    known: bool,
    /// The number of cases; `cases` has the names of the first few.
    case_count: usize,
    cases: Vec<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CauseLine<'a> {
    clause: &'a ClauseId,
    #[cfg_attr(test, schemars(with = "Verdict"))]
    verdict: &'static str,
    /// The first finding.
    first: Option<&'a str>,
    findings: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    known: bool,
    consequences: Vec<ConsequenceLine<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ConsequenceLine<'a> {
    clause: &'a ClauseId,
    #[cfg_attr(test, schemars(with = "Verdict"))]
    verdict: &'static str,
    #[cfg_attr(test, schemars(with = "Relation"))]
    relation: &'static str,
    /// The first finding.
    first: &'a str,
    findings: usize,
}

/// The finding that another one follows from.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CauseOf<'a> {
    clause: &'a ClauseId,
    finding: &'a str,
    #[cfg_attr(test, schemars(with = "Relation"))]
    relation: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingLine<'a> {
    id: &'a str,
    clause: &'a ClauseId,
    #[cfg_attr(test, schemars(with = "Verdict"))]
    verdict: &'static str,
    case: &'a str,
    step: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<usize>,
    fingerprint: String,
    circumstances: &'a [Condition],
    expected: &'a [Expected],
    expected_text: String,
    observed: &'a [Observed],
    observed_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CauseOf<'a>>,
    /// The position of the entry that covers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<usize>,
    #[serde(skip_serializing_if = "is_zero")]
    seen: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    plays: Option<Plays>,
    repeat: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    curl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    #[cfg_attr(test, schemars(extend("enum" = ["MUST", "MUST NOT", "SHOULD", "MAY", null])))]
    level: Option<&'static str>,
    #[cfg_attr(test, schemars(with = "Option<Confidence>"))]
    confidence: Option<&'static str>,
    sources: &'a [String],
}

/// How often a finding of overlapping calls occurred.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Plays {
    times: usize,
    of: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CaseLine<'a> {
    name: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["judged", "unsupported", "error", "unfinished"])))]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Verdict>"))]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<&'a Obstacle>,
    purpose: &'a str,
    clauses: &'a [ClauseId],
    findings: Vec<&'a str>,
    requests: usize,
    took_ms: u64,
}

/// The JSON Schema of a report.
#[cfg(test)]
pub(crate) fn json_schema(generator: schemars::SchemaGenerator) -> schemars::Schema {
    generator.into_root_schema_for::<JsonReport<'static>>()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn summary(tally: &Tally, policy: Policy) -> Summary {
    let (counts, clauses) = (tally.counts(), tally.clause_counts());
    let ByVerdict {
        pass,
        warn,
        inconclusive,
        fail,
    } = counts.cases;
    Summary {
        clauses: ClauseNumbers {
            all: clauses.all,
            held: clauses.held,
            failed: clauses.failed,
            warned: clauses.warned,
            known: clauses.known,
            inconclusive: clauses.inconclusive,
            unreached: clauses.unreached,
            untested: clauses.untested,
            not_in_edition: clauses.not_in_edition,
        },
        cases: CaseNumbers {
            pass,
            warn,
            inconclusive,
            fail,
            known: counts.known,
            unsupported: counts.unsupported,
            error: counts.errors,
            unfinished: counts.unfinished,
            not_begun: counts.not_begun,
            left_out: counts.left_out,
        },
        findings: FindingNumbers {
            warn: counts.findings.warn,
            inconclusive: counts.findings.inconclusive,
            fail: counts.findings.fail,
        },
        random: (counts.scripts > 0).then_some(RandomNumbers {
            scripts: counts.scripts,
            steps: counts.steps,
            cut_short: counts.cut_short,
        }),
        requests: counts.requests,
        most_instances: tally.most_instances(),
        took_ms: counts.took_ms,
        interrupted: tally.interrupted(),
        cut_short: tally.cut_short(),
        strict: policy.strict,
        exit_code: tally.exit_code(policy),
    }
}

fn clauses<'a>(tally: &Tally, contract: &'a Contract) -> Vec<ClauseLine<'a>> {
    let statuses = tally.clause_statuses();
    statuses
        .into_iter()
        .filter_map(|line| {
            let clause = contract.clause(&line.id)?;
            let mut out = ClauseLine {
                id: line.id,
                level: line.level.word(),
                confidence: line.confidence.word(),
                decides: clause.decides(),
                statement: &clause.statement,
                sources: &clause.sources,
                status: "not-in-edition",
                verdict: None,
                reason: None,
                findings: None,
                known: false,
                case_count: 0,
                cases: Vec::new(),
            };
            match line.status {
                Status::NotInEdition => {}
                Status::Untested { reason } => (out.status, out.reason) = ("untested", Some(reason)),
                Status::Unreached { reason } => (out.status, out.reason) = ("unreached", Some(reason)),
                Status::Held { by, cases } => (out.status, out.cases, out.case_count) = ("held", by, cases),
                Status::Found {
                    verdict,
                    findings,
                    by,
                    cases,
                    known,
                } => {
                    out.known = known;
                    (out.status, out.verdict) = ("found", Some(verdict.name()));
                    (out.findings, out.cases, out.case_count) = (Some(findings), by, cases);
                }
            }
            Some(out)
        })
        .collect()
}

fn cause_line<'a>(cause: &Cause<'a>, known: bool) -> CauseLine<'a> {
    let consequences = cause.consequences.iter().map(|one| ConsequenceLine {
        clause: one.clause,
        verdict: one.verdict.name(),
        relation: one.relation.word(),
        first: &one.first.id,
        findings: one.findings,
    });
    CauseLine {
        clause: cause.clause,
        verdict: cause.verdict.name(),
        first: cause.groups.first().map(|group| group.first.id.as_ref()),
        findings: cause.groups.iter().map(|group| group.findings).sum(),
        known,
        consequences: consequences.collect(),
    }
}

fn findings<'a>(tally: &Tally, contract: &'a Contract, causes: &Causes<'a>) -> Vec<FindingLine<'a>> {
    causes
        .findings()
        .map(|(case, found, by)| finding(tally, contract, case, found, by))
        .collect()
}

fn finding<'a>(
    tally: &Tally,
    contract: &'a Contract,
    case: &'a Case,
    found: &'a Found,
    by: Option<(&'a Found, Relation)>,
) -> FindingLine<'a> {
    let clause = contract.clause(&found.clause);
    let evidence = found.evidence.as_deref();
    let on_the_wire = evidence.filter(|evidence| !evidence.request.is_empty());
    FindingLine {
        id: &found.id,
        clause: &found.clause,
        verdict: found.verdict.name(),
        case: &case.name,
        step: found.step,
        exchange: found.exchange,
        fingerprint: found.fingerprint().to_string(),
        circumstances: &found.circumstances,
        expected: &found.expected,
        expected_text: tally.expected_text(found),
        observed: &found.observed,
        observed_text: tally.observed_text(found),
        cause: by.map(|(cause, relation)| CauseOf {
            clause: &cause.clause,
            finding: &cause.id,
            relation: relation.word(),
        }),
        known: found.known,
        seen: found.seen,
        plays: found.plays.map(|(times, of)| Plays { times, of }),
        repeat: tally.repeat_command(case),
        curl: evidence
            .and_then(|evidence| evidence.repeat.curl.as_ref().ok())
            .map(Commands::line),
        aws: evidence
            .and_then(|evidence| evidence.repeat.aws.as_ref().ok())
            .map(Commands::line),
        request: on_the_wire.map(|evidence| evidence.request.as_str()),
        answer: on_the_wire.map(|evidence| evidence.answer.as_str()),
        level: clause.map(|clause| clause.level.word()),
        confidence: clause.map(|clause| clause.confidence.word()),
        sources: clause.map_or(&[], |clause| clause.sources.as_slice()),
    }
}

fn known_lines<'a>(tally: &Tally, review: &'a KnownReview) -> KnownLines<'a> {
    let KnownCounts {
        failures,
        warnings,
        clauses,
        cases,
    } = tally.known_counts();
    let entries = review.entries.iter().map(|reviewed| {
        let entry = &reviewed.entry;
        let (clause, case, cause) = match &entry.target {
            KnownTarget::Clause(clause) => (Some(clause), None, None),
            KnownTarget::Case(pattern) => (None, Some(pattern.as_str()), None),
            KnownTarget::Cause(clause) => (None, None, Some(clause)),
        };
        KnownLine {
            file: &entry.file,
            line: entry.line,
            clause,
            case,
            cause,
            verdict: entry.warnings_only.then(|| Verdict::Warn.name()),
            reason: &entry.reason,
            link: entry.link.as_deref(),
            expires: entry.expires.as_deref(),
            standing: reviewed.standing.word(),
            expired: reviewed.expired,
            findings: reviewed.findings,
        }
    });
    KnownLines {
        failures,
        warnings,
        clauses,
        cases,
        outdated: review.outdated().count(),
        entries: entries.collect(),
    }
}

fn case_line<'a>(tally: &Tally, case: &'a Case) -> CaseLine<'a> {
    let mut line = CaseLine {
        name: &case.name,
        outcome: "unfinished",
        verdict: None,
        reason: None,
        obstacle: None,
        purpose: &case.purpose,
        clauses: &case.clauses,
        findings: case.findings.iter().map(|found| found.id.as_ref()).collect(),
        requests: case.requests,
        took_ms: case.took_ms,
    };
    match &case.outcome {
        None => {}
        Some(Outcome::Judged { verdict }) => (line.outcome, line.verdict) = ("judged", Some(verdict.name())),
        Some(Outcome::Unsupported { obstacle }) => {
            (line.outcome, line.obstacle) = ("unsupported", Some(obstacle));
            line.reason = Some(tally.obstacle_text(obstacle));
        }
        Some(Outcome::Error { what }) => (line.outcome, line.reason) = ("error", Some(what.clone())),
    }
    line
}

#[cfg(test)]
mod tests;
