//! Planted faults: mistakes of emulator authors, each found by the clauses that forbid it.
//!
//! A fault alters the reference. Its table entry names the cases to play, every clause that fails, and the warnings
//! that it must also cause. A deciding clause that no fault violates is a check that cannot fail, and fails this test.

mod coverage;
mod pristine;
mod random;
mod relations;
mod schema;
mod tolerated;
mod wire;
mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use stopcheck::contract::{self, Confidence, Contract, Edition, Level};
use stopcheck::endpoint::Endpoint;
use stopcheck::journal::{Answer, Bytes, Event, Exchange, Finding, Obstacle, Outcome, Phase};
use stopcheck::plan::{self, Plan, Selection};
use stopcheck::reference::XmlLayout;
use stopcheck::runner::{self, Launch, Options, WireOptions};
use stopcheck::verdict::Verdict;
use stopcheck::words::{English, Words as _};
use tokio::sync::watch;

use stopcheck::selfcheck::{self, Fault, emulator as mock};

/// Everything that a run reported.
pub(crate) struct Run {
    pub(crate) findings: Vec<Finding>,
    /// Cases that could not be judged, with the reason.
    pub(crate) unjudged: Vec<(String, String)>,
    pub(crate) judged: usize,
    /// The answers to the calls and descriptions of the steps, without request ids.
    pub(crate) answers: Vec<(u16, String)>,
}

/// Plays the cases that match these patterns.
pub(crate) fn play(edition: Edition, endpoint: Endpoint, cases: &[&str], workers: usize) -> Run {
    let contract = contract_of(edition);
    let patterns: Vec<String> = cases.iter().map(|pattern| (*pattern).to_owned()).collect();
    // A pattern without a phase selects named cases, as on the command line.
    let strength = cases
        .iter()
        .find_map(|pattern| plan::coverage::strength_of(pattern));
    let selection = Selection::named(&patterns);
    let mut plan = plan::generate(&contract, &selection);
    if let Some(strength) = strength {
        let cases = plan::coverage::cases(&contract, strength);
        plan.add(Phase::Coverage, cases, &selection);
    }
    assert!(
        !plan.cases.is_empty(),
        "no case is called {cases:?} in {edition:?}"
    );
    let wire = WireOptions {
        endpoint: None,
        time_limit: Duration::from_secs(10),
    };
    play_plan(edition, endpoint, plan, workers, wire, Confidence::default())
}

/// Plays a plan.
pub(crate) fn play_plan(
    edition: Edition,
    endpoint: Endpoint,
    plan: Plan,
    workers: usize,
    wire: WireOptions,
    min_confidence: Confidence,
) -> Run {
    let contract = contract_of(edition);
    let options = Options {
        workers,
        wire,
        min_confidence,
        ..options(endpoint)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing but memory");
    runtime.block_on(async {
        let (_stop, interrupted) = watch::channel(false);
        let mut run = Run {
            findings: Vec::new(),
            unjudged: Vec::new(),
            judged: 0,
            answers: Vec::new(),
        };
        let take = |event| {
            schema::is_valid(&event);
            match event {
                Event::Judged(judged) => run.findings.extend(judged.findings),
                Event::CaseEnded(ended) => match ended.outcome {
                    Outcome::Judged { .. } => run.judged += 1,
                    // That is a finding, and the rest of the case has nothing to show.
                    Outcome::Unsupported {
                        obstacle: Obstacle::NotAsRequested { .. },
                    } if run
                        .findings
                        .iter()
                        .any(|one| one.case == ended.case && one.step == 0) => {}
                    Outcome::Unsupported { obstacle } => {
                        run.unjudged.push((ended.case, English.obstacle(&obstacle)));
                    }
                    Outcome::Error { what } => run.unjudged.push((ended.case, what)),
                },
                Event::Exchanged(exchanged) => run.answers.extend(without_id(&exchanged)),
                Event::RunStarted(_)
                | Event::CaseStarted(_)
                | Event::FixtureReady(_)
                | Event::LaunchDeviated(_)
                | Event::StepStarted(_)
                | Event::Noted(_)
                | Event::Explored(_)
                | Event::Recurred(_)
                | Event::Flaky(_)
                | Event::Reproduced(_)
                | Event::RunEnded(_) => {}
            }
        };
        runner::run_with(&contract, plan, options, interrupted, take)
            .await
            .expect("the reference passes the preflight");
        run
    })
}

/// The default run options of these tests.
pub(crate) fn options(endpoint: Endpoint) -> Options {
    Options {
        run_id: Default::default(),
        earlier: None,
        wait: Duration::ZERO,
        endpoint,
        region: mock::REGION.to_owned(),
        keys: stopcheck::embedded::keyring(),
        renewals: Vec::new(),
        min_confidence: Confidence::default(),
        seed: 0,
        workers: 1,
        open_cases: 1,
        shares_instances: false,
        max_instances: None,
        time_limit: None,
        fail_fast: false,
        known: Default::default(),
        overlap_requests: 0,
        // A stop is reported as stuck after ten minutes; the clock is virtual, so waiting costs nothing.
        settle_timeout: Duration::from_secs(660),
        read_lag: stopcheck::model::ReadLag::default(),
        longest_pass: Duration::from_millis(200),
        record: true,
        max_requests: 100_000,
        request_spacing: Duration::ZERO,
        launch: Launch {
            ebs_image: None,
            instance_store_image: None,
            instance_type: "t3.micro".to_owned(),
            subnet: None,
        },
        account: None,
        identity: None,
        wire: WireOptions {
            endpoint: None,
            time_limit: Duration::from_secs(10),
        },
    }
}

/// The status and text of an answer within a step, without the request id, which differs between runs.
fn without_id(exchange: &Exchange) -> Option<(u16, String)> {
    let Some(Answer {
        status,
        headers,
        body: Bytes::Text(text),
    }) = exchange.request().and(exchange.answers.first())
    else {
        return None;
    };
    let id = headers.get("x-amzn-requestid").unwrap_or("-");
    (exchange.step > 0).then(|| (*status, text.replace(id, "")))
}

/// The contract of an edition, read once for all tests.
fn contract_of(edition: Edition) -> Arc<Contract> {
    static CURRENT: LazyLock<Arc<Contract>> =
        LazyLock::new(|| Arc::new(contract::embedded(Edition::Current)));
    static OCTOBER_2017: LazyLock<Arc<Contract>> =
        LazyLock::new(|| Arc::new(contract::embedded(Edition::October2017)));
    Arc::clone(match edition {
        Edition::Current => &CURRENT,
        Edition::October2017 => &OCTOBER_2017,
    })
}

impl Run {
    /// The clauses of the findings with this verdict.
    pub(crate) fn clauses(&self, verdict: Verdict) -> BTreeSet<&str> {
        self.findings
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .map(|finding| finding.clause.as_str())
            .collect()
    }

    /// The findings with this verdict, as text.
    pub(crate) fn told(&self, verdict: Verdict) -> String {
        self.findings
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .map(|finding| {
                format!(
                    "\n    {} allowed {} observed {}",
                    finding.id(),
                    English.all_expected(&finding.expected),
                    English.all_observed(&finding.observed)
                )
            })
            .collect()
    }
}

/// The faults that named cases find.
fn table() -> impl Iterator<Item = &'static Fault> {
    selfcheck::all().filter(|fault| !fault.cases.is_empty())
}

/// Plants each fault and compares the findings with its table entry. All entries are tried before the first failure is
/// reported.
pub(crate) fn plant(faults: &[Fault]) {
    let mut complaints = String::new();
    for fault in faults {
        let endpoint = mock::endpoint(fault.edition, XmlLayout::default(), fault.hook);
        let run = play(fault.edition, endpoint, fault.cases, 1);
        let failed = run.clauses(Verdict::Fail);
        let warned = run.clauses(Verdict::Warn);
        let expected: BTreeSet<&str> = fault.fails.iter().copied().collect();
        let unwarned: Vec<_> = fault.warns.iter().filter(|id| !warned.contains(**id)).collect();
        if failed != expected || !unwarned.is_empty() || !run.unjudged.is_empty() {
            complaints += &format!(
                "\n{}\n  expected {expected:?} and warnings {:?}\n  failed   {failed:?}\n  warned   {warned:?}\n  \
                 unknown  {:?}\n  unjudged {:?}{}{}",
                fault.what,
                fault.warns,
                run.clauses(Verdict::Inconclusive),
                run.unjudged,
                run.told(Verdict::Fail),
                run.told(Verdict::Warn),
            );
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

fn plant_chapter(about: &str) {
    let chapter = selfcheck::CHAPTERS.iter().find(|chapter| chapter.about == about);
    plant(chapter.expect("the catalogue has this chapter").faults);
}

#[test]
fn answers_in_the_wrong_form_are_found() {
    plant_chapter("answers in the wrong form");
}

#[test]
fn requests_that_are_read_wrongly_are_found() {
    plant_chapter("requests read wrongly");
}

#[test]
fn forms_that_are_taken_apart_wrongly_are_found() {
    plant_chapter("forms taken apart wrongly");
}

#[test]
fn lists_and_launches_that_do_not_fit_are_found() {
    plant_chapter("lists and launches that do not fit");
}

#[test]
fn what_goes_wrong_late_or_with_many_instances_is_found() {
    plant_chapter("long lives and large calls");
}

#[test]
fn callers_who_are_judged_wrongly_are_found() {
    plant_chapter("callers judged wrongly");
}

#[test]
fn states_that_are_handled_wrongly_are_found() {
    plant_chapter("states handled wrongly");
}

#[test]
fn dry_runs_and_forced_stops_that_do_the_wrong_thing_are_found() {
    plant_chapter("dry runs and forced stops");
}

#[test]
fn instances_of_other_kinds_that_are_treated_like_any_are_found() {
    plant_chapter("instances of other kinds");
}

#[test]
fn descriptions_that_do_not_fit_the_answer_are_found() {
    plant_chapter("descriptions that do not fit");
}

#[test]
fn each_relation_sees_its_fault_alone() {
    plant_chapter("calls that mean the same, answered differently");
}

#[test]
fn every_clause_that_decides_is_tripped_by_a_fault() {
    let tripped: BTreeSet<(Edition, &str)> = table()
        .flat_map(|fault| fault.fails.iter().map(|id| (fault.edition, *id)))
        .collect();
    for edition in [Edition::Current, Edition::October2017] {
        let contract = contract_of(edition);
        // The two editions share their code; a clause of both needs a fault in only one of them.
        let vacuous: Vec<&str> = contract
            .clauses
            .iter()
            .filter(|clause| clause.decides() && clause.holds && clause.untested.is_none())
            .map(|clause| clause.id.as_str())
            .filter(|id| !tripped.contains(&(edition, *id)) && !tripped.contains(&(Edition::Current, *id)))
            .collect();
        assert_eq!(vacuous, [""; 0], "no fault trips these in {edition:?}");
    }
}

#[test]
fn every_clause_that_warns_is_tripped_by_a_fault() {
    let overlapping: Vec<&Fault> = selfcheck::all().filter(|fault| fault.is_concurrent).collect();
    let tripped: BTreeSet<&str> = table()
        .flat_map(|fault| fault.fails.iter().chain(fault.warns))
        .copied()
        .chain(wire::tripped())
        // The self-check plays these.
        .chain(overlapping.iter().flat_map(|fault| fault.warns).copied())
        .collect();
    let vacuous: BTreeSet<String> = [Edition::Current, Edition::October2017]
        .into_iter()
        .flat_map(|edition| contract_of(edition).clauses.clone())
        .filter(|clause| clause.holds && clause.untested.is_none() && clause.level != Level::May)
        .map(|clause| clause.id.to_string())
        .filter(|id| !tripped.contains(id.as_str()))
        .collect();
    assert!(vacuous.is_empty(), "no fault trips {vacuous:?}");
}

#[test]
fn no_two_faults_have_the_same_name() {
    let mut names = BTreeMap::new();
    for fault in table() {
        assert_eq!(names.insert(fault.name, ()), None, "{}", fault.name);
    }
}
