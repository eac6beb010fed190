//! Faults that only a sequence of calls or luck shows: found by random scripts only, and reported in their shortest
//! form.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stopcheck::check::{JournalFold, Judge};
use stopcheck::contract::{Act, CallTemplate, Confidence, Edition, Scenario};
use stopcheck::endpoint::{Endpoint, Handler};
use stopcheck::journal::{Event, Outcome, Phase};
use stopcheck::plan::{Plan, Random, Selection};
use stopcheck::reference::{Config, Reference, XmlLayout};
use stopcheck::report::Tally;
use stopcheck::runner::{self, Options};
use stopcheck::verdict::Verdict;
use tokio::sync::{mpsc, watch};

use crate::{contract_of, options, play_plan};
use stopcheck::selfcheck::{self, emulator as mock};

/// The largest number of steps that may be needed to find a fault.
const STEPS: u64 = 20_000;

/// The longest script: all drawn steps, a batch of launches, and the final description.
const LONGEST: u64 = 128 + 11 + 1;

/// The number of scripts that never exceeds this number of steps.
const SCRIPTS: u64 = STEPS / LONGEST;

/// The faults that only a sequence shows, with a seed that finds each soon and the shortest script that shows it. One
/// test for each, so that they run in parallel.
macro_rules! faults_of_sequences {
    ($($name:ident: $fault:literal, $seed:literal, $least:literal;)*) => {
        /// Each fault is found by random scripts only, and reported in its shortest form.
        mod faults_of_sequences {
            $(
                #[test]
                fn $name() {
                    super::found_in_its_least_form($fault, $seed, $least);
                }
            )*
        }
    };
}

faults_of_sequences! {
    second_stop_empty_list: "second-stop-empty-list", 1, "given a\nstop a\nstop a";
    mixed_batch_as_if_running: "mixed-batch-as-if-running", 1, "given a, b\nstop a\nrest\nstop a b";
    ten_instances_empty_list:
        "ten-instances-empty-list", 1, "given a, b, c, d, e, f, g, h, i\nstop i a b c d e f g h i";
    repeated_id_empty_list: "repeated-id-empty-list", 1, "given a\nstop a a";
    restarted_as_if_running: "restarted-as-if-running", 1, "given a\nstop a\nrest\nstart a\nrest\nstop a";
    force_without_effect_while_two_run:
        "force-without-effect-while-two-run", 1, "given a, b\nstop b Force=true";
    dry_run_stops_after_refusal: "dry-run-stops-after-refusal", 4, "given a\nstop\nstop a DryRun=true";
    stopped_terminated_revives:
        "stopped-terminated-revives", 1, "given a\nterminate a\nrest\nstop a\nrest";
    force_passes_reset_protection:
        "force-passes-reset-protection", 3, "given a\nprotect a\nunprotect a\nprotect a\npass 6000\nstop a Force=true";
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// When all scripts were played.
    End,
    /// When a finding was reported.
    Told,
}

/// What a run reported.
pub(crate) struct Told {
    /// The reported cases, and the findings in each.
    cases: Vec<(Scenario, Vec<String>)>,
    flaky: Vec<String>,
    steps: usize,
    scripts: u64,
    pub(crate) events: Vec<Event>,
    tally: Tally,
}

impl Told {
    /// The report as text.
    fn in_words(&self) -> String {
        let cases = self
            .cases
            .iter()
            .map(|(case, clauses)| format!("{} {clauses:?} {}\n{}", case.name, case.purpose, words(case)));
        let flaky = self.flaky.iter().map(|flaky| format!("flaky: {flaky}"));
        cases.chain(flaky).collect::<Vec<_>>().join("\n")
    }
}

/// Plays random scripts only; with `Until::Told`, until a finding is reported.
pub(crate) fn explore(edition: Edition, options: Options, scripts: u64, until: Until) -> Told {
    let contract = contract_of(edition);
    let mut told = Told {
        cases: Vec::new(),
        flaky: Vec::new(),
        steps: 0,
        scripts: 0,
        events: Vec::new(),
        tally: Tally::new(&contract),
    };
    let plan = Plan {
        random: Some(Random {
            scripts,
            max_time: None,
            max_shrink_requests: 5_000,
            selection: Selection::default(),
        }),
        ..Plan::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing but memory");
    runtime.block_on(async {
        let (events, mut inbox) = mpsc::channel(256);
        let (_stop, interrupted) = watch::channel(false);
        let runner = tokio::spawn(runner::run(contract, plan, options, events, interrupted));
        let mut case = None;
        while let Some(event) = inbox.recv().await {
            told.tally.take(&event);
            told.events.push(event.clone());
            match event {
                Event::CaseStarted(started) if !started.draft && started.phase == Phase::Random => {
                    case = started.scenario.map(|scenario| (*scenario, Vec::new()));
                }
                Event::CaseStarted(_) => case = None,
                Event::Judged(judged) => {
                    let ids = judged.findings.iter().filter(|one| one.verdict == Verdict::Fail);
                    if let Some((_, clauses)) = &mut case {
                        clauses.extend(ids.map(|one| one.clause.as_str().to_owned()));
                    }
                }
                Event::CaseEnded(ended) => {
                    if let Outcome::Error { what } = ended.outcome {
                        told.flaky.push(what);
                    }
                    if let Some(case) = case.take().filter(|(_, clauses)| !clauses.is_empty()) {
                        told.cases.push(case);
                        if until == Until::Told {
                            // Other findings are not reported: shortening them is slow.
                            runner.abort();
                            return;
                        }
                    }
                }
                Event::Explored(sum) => {
                    told.steps += sum.steps;
                    told.scripts += sum.scripts;
                }
                Event::Flaky(flaky) => told.flaky.push(format!(
                    "{} {} {}/{}",
                    flaky.case, flaky.fingerprint, flaky.times, flaky.of
                )),
                _ => {}
            }
        }
        runner
            .await
            .expect("the runner does not panic")
            .expect("the reference passes the preflight");
    });
    told
}

/// A script as text, one step per line.
fn words(case: &Scenario) -> String {
    let plain = |name: &String, kind| {
        let special = (kind != stopcheck::contract::FixtureKind::default()).then(|| format!(" {kind:?}"));
        format!("{name}{}", special.unwrap_or_default())
    };
    let mut out: Vec<String> = Vec::new();
    if !case.fixtures.is_empty() {
        let names: Vec<String> = case
            .fixtures
            .iter()
            .map(|(name, kind)| plain(name, *kind))
            .collect();
        out.push(format!("given {}", names.join(", ")));
    }
    out.extend(case.steps.iter().map(|step| match &step.act {
        Act::Call(call) => call_words(call),
        Act::Overlap(callers) => {
            let calls: Vec<String> = callers.iter().flatten().map(call_words).collect();
            calls.join(" | ")
        }
        Act::Pages(call, most) => format!("{most} pages {}", call_words(call)),
        Act::Settle(names, state) => format!("{} come to {state:?}", names.join(" ")),
        Act::Observe => "look".to_owned(),
        Act::Launch(name, kind) => format!("launch {}", plain(name, *kind)),
        Act::Pass(ms) => format!("pass {ms}"),
        Act::Rest => "rest".to_owned(),
    }));
    out.join("\n")
}

fn call_words(call: &CallTemplate) -> String {
    let action = call.action.as_deref().unwrap_or_default();
    if action == "ModifyInstanceAttribute" {
        let value = |name: &str| {
            call.params
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let script_action = if value("Value") == Some("true") {
            "protect"
        } else {
            "unprotect"
        };
        return format!(
            "{script_action} {}",
            value("InstanceId").unwrap_or_default().trim_matches(['{', '}'])
        );
    }
    let mut out = action.replace("Instances", "").to_lowercase();
    for (name, value) in &call.params {
        let value = value.trim_matches(['{', '}']);
        out.push(' ');
        if !name.starts_with("InstanceId") {
            out.push_str(name);
            out.push('=');
        }
        out.push_str(value);
    }
    if call.form != stopcheck::call::Form::default() {
        out.push_str(&format!(" {:?}", call.form));
    }
    out
}

fn silent(endpoint: Endpoint, seed: u64) -> Options {
    Options {
        seed,
        record: false,
        max_requests: usize::MAX,
        ..options(endpoint)
    }
}

/// The seeds of these tests. Users of the command choose other seeds.
const SEEDS: [u64; 3] = [1, 2, 3];

#[test]
fn scripts_find_nothing_in_todays_reference() {
    scripts_find_nothing(Edition::Current, XmlLayout::Compact);
}

#[test]
fn scripts_find_nothing_in_todays_reference_in_the_old_layout() {
    scripts_find_nothing(Edition::Current, XmlLayout::Indented);
}

#[test]
fn scripts_find_nothing_in_the_reference_of_2017() {
    scripts_find_nothing(Edition::October2017, XmlLayout::Indented);
}

#[test]
fn scripts_find_nothing_in_the_reference_of_2017_in_the_new_layout() {
    scripts_find_nothing(Edition::October2017, XmlLayout::Compact);
}

fn scripts_find_nothing(edition: Edition, layout: XmlLayout) {
    for seed in SEEDS {
        let endpoint = mock::endpoint(edition, layout, mock::straight);
        let told = explore(edition, silent(endpoint, seed), 20, Until::End);
        assert_eq!(told.in_words(), "", "{seed}");
        let steps = u64::try_from(told.steps).expect("they were counted");
        assert!(
            told.scripts == 20 && (20 * 32..20 * LONGEST).contains(&steps),
            "{steps} steps"
        );
    }
}

fn found_in_its_least_form(name: &str, seed: u64, least: &str) {
    let fault = selfcheck::named(name).expect("the catalogue has this fault");
    let endpoint = mock::endpoint(fault.edition, XmlLayout::default(), fault.hook);
    let told = explore(fault.edition, silent(endpoint, seed), SCRIPTS, Until::Told);
    let first = told.cases.first();
    assert!(first.is_some(), "not found: {}\n{}", fault.what, told.in_words());
    let (case, clauses) = first.expect("it was just looked at");
    assert_eq!(words(case), least, "{}", fault.what);
    let is_expected = clauses
        .iter()
        .any(|clause| fault.fails.contains(&clause.as_str()));
    assert!(is_expected, "{}\n{}", fault.what, told.in_words());
    for simpler in without_one_thing(case) {
        let mut plan = Plan::default();
        plan.add(Phase::Scenarios, vec![simpler.clone()], &Selection::default());
        let endpoint = mock::endpoint(fault.edition, XmlLayout::default(), fault.hook);
        let wire = options(endpoint.clone()).wire;
        let run = play_plan(fault.edition, endpoint, plan, 1, wire, Confidence::default());
        let failed = run.clauses(Verdict::Fail);
        let is_shown = case.clauses.iter().any(|clause| failed.contains(clause.as_str()));
        assert!(!is_shown, "a smaller case shows it, too:\n{}", words(&simpler));
    }
}

/// The case without one step, or without one parameter of one call; the ids of a list are numbered anew.
fn without_one_thing(case: &Scenario) -> Vec<Scenario> {
    let mut forms = Vec::new();
    for at in 0..case.steps.len() {
        let mut form = case.clone();
        let step = form.steps.remove(at);
        forms.push(form);
        let params = step.act.calls().map(|call| call.params.len()).sum::<usize>();
        for param in 0..params {
            let mut form = case.clone();
            if let Some(Act::Call(call)) = form.steps.get_mut(at).map(|step| &mut step.act) {
                call.params.remove(param);
                let listed = call
                    .params
                    .iter_mut()
                    .filter(|(name, _)| name.starts_with("InstanceId."));
                for (number, (name, _)) in (1..).zip(listed) {
                    *name = format!("InstanceId.{number}");
                }
                forms.push(form);
            }
        }
    }
    forms
}

#[test]
fn what_does_not_come_every_time_is_flaky_and_no_failure() {
    // The state outlives the case: every second service that is created does not answer.
    let made = Arc::new(AtomicUsize::new(0));
    let endpoint = Endpoint::in_process(Arc::new(move |case: &str| -> Handler {
        let reference = Reference::new(Config {
            seed: runner::seed_of(case),
            ..Config::default()
        });
        let is_bad = case.starts_with("random/") && !case.contains("probe") && {
            made.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)
        };
        Arc::new(move |request, now_ms| {
            let stops = String::from_utf8_lossy(request.body()).contains("Action=StopInstances");
            let answer = reference.handle(request, now_ms);
            if is_bad && stops && answer.status() == 200 {
                return mock::with_text(answer, |text| {
                    text.replace(&mock::state("stopping"), &mock::state("running"))
                });
            }
            answer
        })
    }));
    let options = Options {
        keys: stopcheck::embedded::keyring(),
        ..silent(endpoint, SEEDS[0])
    };
    let told = explore(Edition::Current, options, 8, Until::End);
    assert!(!told.flaky.is_empty(), "nothing was flaky");
    let counts = told.tally.counts();
    assert_eq!(counts.cases.fail + counts.findings.fail, 0, "{}", told.in_words());
    assert!(counts.cases.inconclusive > 0, "{}", told.in_words());
}

#[test]
fn what_was_told_is_judged_again_in_the_same_way() {
    let fault = selfcheck::named("repeated-id-empty-list").expect("the catalogue has this fault");
    let options = Options {
        record: true,
        ..silent(
            mock::endpoint(fault.edition, XmlLayout::default(), fault.hook),
            SEEDS[0],
        )
    };
    let told = explore(fault.edition, options, 40, Until::Told);
    assert!(!told.cases.is_empty(), "there is something to be judged");
    let judge = Judge::new(contract_of(fault.edition), Confidence::default());
    let mut fold = JournalFold::new(Arc::new(judge));
    let mut again = Vec::new();
    for event in &told.events {
        fold.take(event.clone(), |event| again.push(event));
    }
    fold.finish(|event| again.push(event));
    let concluded = |events: &[Event]| -> Vec<Event> {
        let concludes = |event: &&Event| matches!(event, Event::Judged(_) | Event::CaseEnded(_));
        events.iter().filter(concludes).cloned().collect()
    };
    assert_eq!(concluded(&again), concluded(&told.events));
}

#[test]
fn the_same_seed_tells_the_same_story_however_many_work_at_it() {
    let story = |workers| {
        let endpoint = mock::endpoint(Edition::Current, XmlLayout::default(), mock::straight);
        let options = Options {
            workers,
            record: true,
            ..silent(endpoint, SEEDS[1])
        };
        explore(Edition::Current, options, 12, Until::End).events
    };
    let first = story(1);
    let cases = first
        .iter()
        .filter(|event| matches!(event, Event::CaseStarted(_)));
    assert!(cases.count() >= 12);
    let errors = first.iter().filter(
        |event| matches!(event, Event::CaseEnded(ended) if matches!(ended.outcome, Outcome::Error { .. })),
    );
    assert_eq!(errors.count(), 0, "nothing is held back when somebody listens");
    for workers in [1, 4] {
        let second = story(workers);
        let differs = first.iter().zip(&second).find(|(one, other)| one != other);
        assert_eq!(differs, None, "{workers} workers");
        assert_eq!(first.len(), second.len(), "{workers} workers");
    }
}
