//! The random phase: plays scripts from a seed; a new finding is repeated, shrunk, and reported once.
//!
//! Scripts are played in the order of their numbers, several at once where the endpoint takes time to answer, and their
//! results are processed in that order: the same seed gives the same report. A script with findings is a draft in the
//! journal. A new finding is played again (one that does not recur is flaky), shrunk as far as the budget of requests
//! allows, and reported as a separate case in its smallest form.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::event_sink::EventSink;
use super::play::{self, CaseToPlay, PlayMode, PlayedCase};
use super::{Shared, names};
use crate::check::Saving;
use crate::contract::Scenario;
use crate::journal::{
    Event, Explored, Finding, Fingerprint, Flaky, Noted, Outcome, Phase, ReportedFindings, Slice,
};
use crate::plan::script::{Features, Script};
use crate::plan::{Random, shrink};

mod probes;

/// The number of steps of a script.
const STEPS: std::ops::Range<usize> = 32..128;
/// How many scripts are played in one batch where nothing is recorded.
const BATCH: u64 = 64;
/// How often a finding is repeated before it is shrunk; if it does not recur every time, it is flaky.
const REPEATS: usize = 2;
/// The same over HTTP, where each request counts.
const REPEATS_OVER_HTTP: usize = 1;
/// What a case says that is not as small as it might be.
const NOT_MINIMAL: &str =
    " Shrinking was not finished when its requests (--max-shrink-requests) or the time ran out.";
/// How many scripts may end with an error of ours before the phase ends.
const MOST_ERRORS: usize = 5;
/// How many findings may fail to recur before the endpoint is taken to answer at random and the phase ends.
const MOST_FLAKY: usize = 6;

/// Plays the scripts of a slice until all are played, time is up, or the run is interrupted. `place` is the number of
/// planned cases of all slices, and so the index of the first case. `found` has what the named cases found, by index and
/// name: it is counted, and not pursued again.
pub(super) async fn explore(
    shared: &Arc<Shared>,
    random: &Random,
    slice: Slice,
    place: usize,
    found: &[(usize, String, Vec<Finding>)],
) {
    let mut explorer = Explorer {
        shared,
        random,
        slice,
        planned: place,
        place,
        features: Features::ALL,
        reported: ReportedFindings::new(!shared.options.endpoint.is_in_process()),
        errors: 0,
        flaky: 0,
        names: BTreeMap::new(),
        sum: Explored {
            phase: Phase::Random,
            scripts: 0,
            steps: 0,
            untold: 0,
        },
        budget: random.max_shrink_requests,
        unpursued: 0,
        until: random.max_time.map(|span| Instant::now() + span),
    };
    for (_, case, findings) in found {
        let leads = findings.iter().filter(|one| is_lead(one));
        explorer.reported.add(case, leads.map(Fingerprint::of));
    }
    if explorer.probe().await {
        explorer.play_all().await;
    }
    explorer.close().await;
}

struct Explorer<'a> {
    shared: &'a Arc<Shared>,
    random: &'a Random,
    slice: Slice,
    /// The number of planned cases of all slices.
    planned: usize,
    /// The index of the next case that is reported.
    place: usize,
    features: Features,
    reported: ReportedFindings,
    errors: usize,
    flaky: usize,
    /// How often each case name was used.
    names: BTreeMap<String, usize>,
    sum: Explored,
    until: Option<Instant>,
    /// How many requests may still be spent on shrinking.
    budget: usize,
    /// How many findings were not pursued, because the run was about to end.
    unpursued: usize,
}

/// What a case is played for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// To reproduce a lead in a smaller form.
    Search,
    /// The same, and the lead shows in the last step: the final description is not needed.
    SearchInSteps,
    /// To be reported.
    Verdict,
}

/// Scripts that were played, in the order of their numbers.
struct Batch {
    plays: Vec<(u64, PlayedCase, Vec<Event>)>,
    sum: Explored,
}

impl Explorer<'_> {
    async fn play_all(&mut self) {
        let workers = self.shared.options.workers.max(1);
        let silent = self.shared.is_silent();
        let mut numbers = self.random.numbers_in(self.slice, self.planned);
        let mut under_way: VecDeque<tokio::task::JoinHandle<Batch>> = VecDeque::new();
        loop {
            while under_way.len() < workers && !self.is_over() {
                let batch: Vec<u64> = numbers
                    .by_ref()
                    .take(if silent { usize_of(BATCH) } else { 1 })
                    .collect();
                if batch.is_empty() {
                    break;
                }
                let (shared, features, place) = (Arc::clone(self.shared), self.features, self.place);
                under_way.push_back(tokio::spawn(async move {
                    play_batch(&shared, &batch, features, place).await
                }));
            }
            let Some(next) = under_way.pop_front() else { return };
            let batch = match next.await {
                Ok(batch) => batch,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            self.sum.scripts += batch.sum.scripts;
            self.sum.steps += batch.sum.steps;
            self.sum.untold += batch.sum.untold;
            for (number, played, events) in batch.plays {
                self.look_at(number, &played, events).await;
            }
            if silent && self.sum.scripts >= 8 * BATCH {
                self.emit_sum().await;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_ending()
            || self.errors >= MOST_ERRORS
            || self.flaky >= MOST_FLAKY
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Processes the result of a script.
    async fn look_at(&mut self, number: u64, played: &PlayedCase, events: Vec<Event>) {
        if let Outcome::Error { .. } = &played.outcome {
            self.errors += 1;
            self.place += 1;
            return self.emit(events, false).await;
        }
        let (old, new) = self.sort(&played.findings);
        for place in old {
            self.reported.count(place, 1);
        }
        self.emit(events, !played.findings.is_empty()).await;
        for lead in new {
            if self.flaky >= MOST_FLAKY {
                return;
            }
            if self.shared.is_ending() {
                // To repeat and shrink it would take longer than the run may.
                self.unpursued += 1;
                continue;
            }
            // The smallest form of an earlier lead may show this one, too.
            if self.reported.place_of(&lead).is_none()
                && let Some(step) = shows(played, &lead)
            {
                self.pursue(number, &lead, step).await;
            }
        }
    }

    /// Splits findings into those that are counted in `seen`, by index, and the new leads, each once.
    fn sort(&self, findings: &[Finding]) -> (Vec<usize>, Vec<Fingerprint>) {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for finding in findings {
            if !is_lead(finding) {
                continue;
            }
            let print = Fingerprint::of(finding);
            match self.reported.place_of(&print) {
                Some(place) if !old.contains(&place) => old.push(place),
                Some(_) => {}
                None if !new.contains(&print) => new.push(print),
                None => {}
            }
        }
        (old, new)
    }

    /// Repeats a lead, shrinks it, and reports it in its smallest form. `step` is the first step that shows it; those
    /// after it are left out, unless scripts are not shrunk at all.
    async fn pursue(&mut self, number: u64, lead: &Fingerprint, step: usize) {
        let script = script(self.shared, number, self.features);
        let from = script.steps.len();
        let mut whole = Scenario {
            name: self.name_for(number, lead),
            ..script
        };
        if self.random.max_shrink_requests > 0 {
            whole.steps.truncate(step);
        }
        let repeats = match self.shared.options.endpoint.is_in_process() {
            true => REPEATS,
            false => REPEATS_OVER_HTTP,
        };
        let mut lead = lead.clone();
        let mut shown = Vec::new();
        for time in 0..repeats {
            if self.shared.is_ending() {
                self.unpursued += 1;
                return;
            }
            let (played, events) = self.play(&whole, Care::Search).await;
            self.emit(events, true).await;
            if time == 0 && shows(&played, &lead).is_none() {
                // When it is played with more care, a finding may turn out to follow from another one.
                let (old, new) = self.sort(&played.findings);
                match (new.into_iter().next(), old.is_empty()) {
                    (Some(cause), _) => lead = cause,
                    (None, false) => return self.explain(&lead, &old),
                    (None, true) => {}
                }
            }
            shown.push(shows(&played, &lead));
        }
        let Some(last) = shown.iter().flatten().copied().max() else {
            return self.report_flaky(&whole, number, &lead, 1, repeats + 1).await;
        };
        if shown.contains(&None) {
            let times = 1 + shown.iter().flatten().count();
            return self.report_flaky(&whole, number, &lead, times, repeats + 1).await;
        }
        let mut least = whole.clone();
        let first = lead.clone();
        let is_minimal = self.shrink(&mut least, last, &mut lead).await;
        if self.shared.limit().is_up() {
            self.unpursued += 1;
            return;
        }
        // The verdict is given with full waiting times: a stale description is no longer a finding, and a finding of
        // the search may turn out to follow from something else.
        let mut turned = false;
        let (least, played, events) = loop {
            let mut reported = self.in_least_form(number, from, &least, &first, &lead);
            if !is_minimal {
                reported.purpose.push_str(NOT_MINIMAL);
            }
            let (played, events) = self.play(&reported, Care::Verdict).await;
            if shows(&played, &lead).is_some() {
                break (reported, played, events);
            }
            self.emit(events, true).await;
            let (old, new) = self.sort(&played.findings);
            match (new.into_iter().next(), old.is_empty()) {
                (Some(cause), _) if !turned => lead = cause,
                (None, false) => return self.explain(&lead, &old),
                (Some(_) | None, _) => {
                    let all = repeats + 2;
                    return self.report_flaky(&whole, number, &lead, repeats + 1, all).await;
                }
            }
            turned = true;
        };
        // The other findings of the case must recur, too.
        let (again, more) = self.play(&least, Care::Verdict).await;
        self.emit(events, false).await;
        self.emit(more, true).await;
        let comes_again =
            |print: &Fingerprint| again.findings.iter().any(|one| Fingerprint::of(one) == *print);
        for print in prints(&played.findings) {
            if !comes_again(&print) && !lead.covers(&print) {
                self.doubt(&least.name, &print, 1, 2).await;
            }
        }
        self.take_note(&least.name, &lead, &played.findings);
        if let (None, Some(place)) = (self.reported.place_of(&first), self.reported.place_of(&lead)) {
            self.explain(&first, &[place]);
        }
    }

    /// A lead as the case that reports it. `from` is the number of steps of its script.
    fn in_least_form(
        &mut self,
        number: u64,
        from: usize,
        least: &Scenario,
        first: &Fingerprint,
        lead: &Fingerprint,
    ) -> Scenario {
        let purpose = format!(
            "Found by {} with seed {}, shrunk from {from} steps to {}.",
            script_name(number),
            self.shared.options.seed,
            least.steps.len()
        );
        let name = if lead.clause() == first.clause() {
            least.name.clone()
        } else {
            self.name_for(number, lead)
        };
        Scenario {
            name,
            clauses: vec![lead.clause().clone()],
            purpose,
            ..least.clone()
        }
    }

    /// A case name that is not used yet: one script may violate a clause in several ways.
    fn name_for(&mut self, number: u64, lead: &Fingerprint) -> String {
        let clause = lead.clause().as_str().to_ascii_lowercase();
        let name = format!("{}/{clause}", script_name(number));
        let taken = self.names.entry(name.clone()).or_default();
        *taken += 1;
        match *taken {
            1 => name,
            again => format!("{name}-{again}"),
        }
    }

    /// Counts a lead with the finding that it follows from.
    fn explain(&mut self, lead: &Fingerprint, causes: &[usize]) {
        if let Some(cause) = causes.first() {
            self.reported.add_at(*cause, lead.clone());
        }
    }

    /// Remembers everything that a reported case shows.
    fn take_note(&mut self, case: &str, lead: &Fingerprint, findings: &[Finding]) {
        self.place += 1;
        let prints = findings.iter().map(Fingerprint::of);
        self.reported.add(case, prints.chain([lead.clone()]));
        if let Some(place) = self.reported.place_of_exactly(lead) {
            self.reported.count(place, 1);
        }
    }

    /// Moves to simpler forms of the case as long as one shows the lead and the budget lasts. If none does, a form with
    /// fewer steps may show another finding that came with the lead, for instance one that occurs on its own and was
    /// first taken for the effect of an earlier call. That is the better lead, if it is not reported already.
    /// Returns whether no simpler form is left.
    async fn shrink(&mut self, least: &mut Scenario, mut last: usize, lead: &mut Fingerprint) -> bool {
        let mut beside = vec![lead.clone()];
        // The forms that did not show the lead, and the findings that they did show.
        let mut tried: Vec<(Scenario, Vec<Finding>)> = Vec::new();
        'simpler: loop {
            let mut better = None;
            for form in shrink::simpler(least, last) {
                let known = tried.iter().position(|(one, _)| *one == form);
                let at = match known {
                    Some(at) => at,
                    None => {
                        if self.budget == 0 || self.shared.is_ending() {
                            return false;
                        }
                        let shows_in_a_step = last <= least.steps.len();
                        let care = match shows_in_a_step && form.steps.last() == least.steps.last() {
                            true => Care::SearchInSteps,
                            false => Care::Search,
                        };
                        let (played, events) = self.play(&form, care).await;
                        self.budget = self.budget.saturating_sub(played.requests);
                        self.emit(events, true).await;
                        if let Some(step) = shows(&played, lead) {
                            *least = form;
                            last = step;
                            beside = prints(&played.findings);
                            continue 'simpler;
                        }
                        tried.push((form, played.findings));
                        tried.len() - 1
                    }
                };
                if better.is_none()
                    && let Some((form, findings)) = tried.get(at)
                    && form.steps.len() < least.steps.len()
                {
                    let (_, new) = self.sort(findings);
                    let is_beside = |print: &Fingerprint| beside.iter().any(|one| one.is_akin(print));
                    better = new.into_iter().find(is_beside).map(|print| (form.clone(), print));
                }
            }
            let Some((form, print)) = better else { return true };
            let (again, events) = self.play(&form, Care::Search).await;
            self.budget = self.budget.saturating_sub(again.requests);
            self.emit(events, true).await;
            let Some(step) = shows(&again, &print) else {
                return true;
            };
            last = step;
            beside = prints(&again.findings);
            (*least, *lead) = (form, print);
            tried.clear();
        }
    }

    /// Reports a script whose finding did not recur every time; it decides no verdict.
    async fn report_flaky(
        &mut self,
        whole: &Scenario,
        number: u64,
        lead: &Fingerprint,
        times: usize,
        of: usize,
    ) {
        let purpose = format!(
            "Found by {} with seed {}, but not every time.",
            script_name(number),
            self.shared.options.seed
        );
        let case = Scenario {
            purpose,
            clauses: vec![lead.clause().clone()],
            ..whole.clone()
        };
        let (played, events) = self.play(&case, Care::Verdict).await;
        self.emit(events, false).await;
        self.flaky += 1;
        let seen = times + usize::from(shows(&played, lead).is_some());
        self.doubt(&case.name, lead, seen, of + 1).await;
        for print in prints(&played.findings).into_iter().filter(|print| print != lead) {
            self.doubt(&case.name, &print, 1, of + 1).await;
        }
        if self.flaky == MOST_FLAKY {
            let text = format!(
                "the endpoint answers the same calls differently: no more random scripts after {MOST_FLAKY} findings \
                 that did not come again"
            );
            let case = String::new();
            self.shared.emit(Event::Noted(Noted { case, text })).await;
        }
        self.take_note(&case.name, lead, &[]);
    }

    /// Reports that a finding of a case does not recur every time.
    async fn doubt(&self, case: &str, print: &Fingerprint, times: usize, of: usize) {
        let flaky = Flaky {
            case: case.to_owned(),
            clause: print.clause().clone(),
            fingerprint: print.clone(),
            times,
            of,
        };
        self.shared.emit(Event::Flaky(flaky)).await;
    }

    /// Plays a case; its events are kept until it is known what it shows.
    async fn play(&mut self, case: &Scenario, care: Care) -> (PlayedCase, Vec<Event>) {
        let searches = care != Care::Verdict;
        let sink = if searches && self.shared.is_silent() {
            EventSink::Silent
        } else {
            EventSink::kept()
        };
        let mode = PlayMode {
            sink: sink.clone(),
            index: self.place,
            phase: Phase::Random,
            saving: match self.shared.saving() {
                Saving::Time if searches => Saving::Time,
                Saving::Nothing | Saving::Time | Saving::Requests => Saving::Nothing,
            },
            turn: self.shared.turns.take().await,
            may_reuse: searches,
            final_look: care != Care::SearchInSteps,
        };
        let played = play::play(self.shared, CaseToPlay::Calls(case), mode).await;
        if !sink.listens() {
            self.sum.untold += played.requests;
        }
        (played, sink.take())
    }

    async fn emit(&self, events: Vec<Event>, draft: bool) {
        self.shared.emit_all(events, draft).await;
    }

    async fn emit_sum(&mut self) {
        let sum = self.sum.clone();
        (self.sum.scripts, self.sum.steps, self.sum.untold) = (0, 0, 0);
        self.shared.emit(Event::Explored(sum)).await;
    }

    async fn close(&mut self) {
        self.emit_sum().await;
        if self.unpursued > 0 {
            let text = format!(
                "{} of random scripts came when the run was about to end and were not repeated: they are in drafts of \
                 the journal only",
                match self.unpursued {
                    1 => "1 finding".to_owned(),
                    count => format!("{count} findings"),
                }
            );
            let case = String::new();
            self.shared.emit(Event::Noted(Noted { case, text })).await;
        }
        for seen in self.reported.recurred() {
            self.shared.emit(Event::Recurred(seen.clone())).await;
        }
    }
}

/// Whether a finding is worth playing again.
fn is_lead(finding: &Finding) -> bool {
    finding.verdict.is_deviation()
}

/// Plays scripts one after another. If nothing is recorded, a script without findings is only counted.
async fn play_batch(shared: &Arc<Shared>, numbers: &[u64], features: Features, place: usize) -> Batch {
    let mut batch = Batch {
        plays: Vec::new(),
        sum: Explored {
            phase: Phase::Random,
            scripts: 0,
            steps: 0,
            untold: 0,
        },
    };
    for number in numbers {
        let case = script(shared, *number, features);
        let sink = if shared.is_silent() {
            EventSink::Silent
        } else {
            EventSink::kept()
        };
        let mode = PlayMode {
            sink: sink.clone(),
            index: place,
            phase: Phase::Random,
            saving: shared.saving(),
            turn: shared.turns.take().await,
            may_reuse: true,
            final_look: true,
        };
        let played = play::play(shared, CaseToPlay::Calls(&case), mode).await;
        batch.sum.scripts += 1;
        batch.sum.steps += played.steps;
        if !sink.listens() {
            batch.sum.untold += played.requests;
        }
        let uneventful = played.findings.is_empty() && matches!(played.outcome, Outcome::Judged { .. });
        if sink.listens() || !uneventful {
            batch.plays.push((*number, played, sink.take()));
        }
    }
    batch
}

/// The script of a number: the same for the same seed, features and build.
fn script(shared: &Shared, number: u64, features: Features) -> Scenario {
    let name = script_name(number);
    let mut random = names::bytes(shared.options.seed, &name);
    let steps = STEPS.start + usize::from(random()) % STEPS.len();
    Script::decode(&Script::bytes(steps, random), features).into_case(&name)
}

fn script_name(number: u64) -> String {
    format!("random/{number}")
}

/// The fingerprints of the findings of a case, each once.
fn prints(findings: &[Finding]) -> Vec<Fingerprint> {
    let mut prints: Vec<Fingerprint> = findings.iter().map(Fingerprint::of).collect();
    prints.sort_unstable();
    prints.dedup();
    prints
}

/// The first step in which a case shows a finding, or a smaller form of it.
fn shows(played: &PlayedCase, lead: &Fingerprint) -> Option<usize> {
    played
        .findings
        .iter()
        .filter(|finding| lead.covers(&Fingerprint::of(finding)))
        .map(|finding| finding.step)
        .min()
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
