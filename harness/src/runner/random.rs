//! The random phase: scripts from a seed, one after another; what they find is repeated, made small, and told once.
//!
//! Scripts are played in the order of their numbers, several at once where an endpoint is waited for, and what became
//! of them is looked at in that order: so the same seed tells the same story. A script that finds nothing new is a
//! draft in the journal. What is new is played again (what does not come again is flaky), shrunk as far as the
//! budget of requests goes, and told as a case of its own in its least form.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::event_sink::EventSink;
use super::play::{self, PlayMode, PlayedCase};
use super::{Shared, names};
use crate::call::Auth;
use crate::check::Fingerprint;
use crate::contract::{Act, CallTemplate, FixtureKind, Market, Root, Scenario, Step};
use crate::journal::{Event, Explored, Finding, Flaky, Noted, Phase, Recurred};
use crate::plan::script::{Feature, Features, Script};
use crate::plan::{Random, shrink};
use crate::verdict::{Outcome, Verdict};

/// The fewest and the most steps of a script.
const STEPS: std::ops::Range<usize> = 32..128;
/// So many scripts are played in one go where nobody listens.
const BATCH: u64 = 64;
/// How often what was found must come again to be more than flaky.
const REPEATS: usize = 2;
/// So many ways in which one clause fails are shown; more of them are counted with the first.
const FAILURES_SHOWN: usize = 3;
/// The same of warnings, which decide nothing.
const WARNINGS_SHOWN: usize = 1;
/// So many scripts that failed on our side end the phase.
const MOST_ERRORS: usize = 5;
/// So many findings that do not come again mean that the endpoint answers at random.
const MOST_FLAKY: usize = 6;
/// How many scripts may be under way or waiting to be looked at, for each that is played at once.
const AHEAD: usize = 2;

/// Plays scripts until there are enough of them, time is up, or the run is interrupted. Cases get places from `place`.
/// What the named cases found, by place and name, is known: it is counted, and not pursued again.
pub(super) async fn explore(
    shared: &Arc<Shared>,
    random: &Random,
    place: usize,
    found: &[(usize, String, Vec<Finding>)],
) {
    let mut explorer = Explorer {
        shared,
        random,
        place,
        features: Features::ALL,
        known: BTreeMap::new(),
        seen: Vec::new(),
        errors: 0,
        flaky: 0,
        names: BTreeMap::new(),
        sum: Explored {
            phase: Phase::Random,
            scripts: 0,
            steps: 0,
            untold: 0,
        },
        until: random.max_time.map(|span| Instant::now() + span),
    };
    for (_, case, findings) in found {
        explorer.remember(
            case,
            findings.iter().filter(|one| is_lead(one)).map(Fingerprint::of),
        );
    }
    if explorer.probe().await {
        explorer.play_all().await;
    }
    explorer.close().await;
}

struct Explorer<'a> {
    shared: &'a Arc<Shared>,
    random: &'a Random,
    /// The place of the next case that is told.
    place: usize,
    features: Features,
    /// What was found, and where among `seen` it is counted.
    known: BTreeMap<Fingerprint, usize>,
    seen: Vec<Recurred>,
    errors: usize,
    flaky: usize,
    /// How often a name of a case was taken.
    names: BTreeMap<String, usize>,
    sum: Explored,
    until: Option<Instant>,
}

/// What a case is played for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// To find a lead again, in a smaller form.
    Search,
    /// To be told.
    Verdict,
}

/// Scripts that were played, in the order of their numbers.
struct Batch {
    plays: Vec<(u64, PlayedCase, Vec<Event>)>,
    sum: Explored,
}

impl Explorer<'_> {
    /// Finds out what the endpoint has, so that scripts do without the rest. Whether there is anything to play with.
    async fn probe(&mut self) -> bool {
        let plain = FixtureKind::default();
        let kinds = [
            ("plain", None, plain),
            (
                "persistent-spot",
                Some(Feature::PersistentSpot),
                FixtureKind {
                    market: Market::PersistentSpot,
                    ..plain
                },
            ),
            (
                "one-time-spot",
                Some(Feature::OneTimeSpot),
                FixtureKind {
                    market: Market::OneTimeSpot,
                    ..plain
                },
            ),
            (
                "instance-store",
                Some(Feature::InstanceStore),
                FixtureKind {
                    root: Root::InstanceStore,
                    ..plain
                },
            ),
            (
                "hibernation",
                Some(Feature::Hibernate),
                FixtureKind {
                    hibernation: true,
                    ..plain
                },
            ),
        ];
        let mut proven = Vec::new();
        for (name, feature, kind) in kinds {
            let case = probe_case(name, kind, Vec::new());
            match (self.try_out(&case).await, feature) {
                (Ok(()), _) => proven.push(kind),
                (Err(why), Some(feature)) => self.leave_out(feature, name, &why).await,
                (Err(_), None) => return false,
            }
        }
        let protect = Act::Call(CallTemplate {
            action: Some("ModifyInstanceAttribute".to_owned()),
            params: [
                ("InstanceId", "{a}"),
                ("Attribute", "disableApiStop"),
                ("Value", "false"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            form: crate::call::Form::default(),
        });
        let reboot = Act::Call(CallTemplate {
            action: Some("RebootInstances".to_owned()),
            params: vec![("InstanceId.1".to_owned(), "{a}".to_owned())],
            form: crate::call::Form::default(),
        });
        for (name, feature, act) in [
            ("stop-protection", Feature::Protect, protect),
            ("reboot", Feature::Reboot, reboot),
        ] {
            let case = probe_case(name, plain, vec![act]);
            if let Err(why) = self.try_out(&case).await {
                self.leave_out(feature, name, &why).await;
            }
        }
        for (feature, ways) in [
            (
                Feature::Sessions,
                [Auth::Session, Auth::ExpiredSession].as_slice(),
            ),
            (Feature::Denied, [Auth::Denied].as_slice()),
        ] {
            if !ways.iter().all(|auth| self.shared.options.keys.has(*auth)) {
                self.features = self.features.without(feature);
            }
        }
        // Set once in a run: the phase is played once.
        let _ = self.shared.proven.set(proven);
        true
    }

    async fn leave_out(&mut self, feature: Feature, name: &str, why: &str) {
        self.features = self.features.without(feature);
        let text = format!("random scripts do without {name}: {why}");
        let case = String::new();
        self.shared.tell(Event::Noted(Noted { case, text })).await;
    }

    /// Plays a probe. If it cannot be played at all, the run shall say so; else it is a draft.
    async fn try_out(&mut self, case: &Scenario) -> Result<(), String> {
        let (played, events) = self.play(case, Care::Verdict).await;
        match played.outcome {
            Outcome::Judged { .. } => {
                self.tell(events, true).await;
                Ok(())
            }
            Outcome::Unsupported { reason } => {
                self.tell(events, case.name != PLAIN).await;
                Err(reason)
            }
            Outcome::Error { what } => {
                self.tell(events, false).await;
                Err(what)
            }
        }
    }

    async fn play_all(&mut self) {
        let workers = self.shared.options.workers.max(1);
        let silent = self.shared.is_silent();
        let mut numbers = self.random.numbers();
        let mut under_way: VecDeque<tokio::task::JoinHandle<Batch>> = VecDeque::new();
        loop {
            while under_way.len() < workers * AHEAD && !self.is_over() {
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
                if under_way.len() >= workers {
                    break;
                }
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
                self.tell_sum().await;
            }
        }
    }

    fn is_over(&self) -> bool {
        *self.shared.interrupted.borrow()
            || self.errors >= MOST_ERRORS
            || self.flaky >= MOST_FLAKY
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// What became of a script, and what follows from it.
    async fn look_at(&mut self, number: u64, played: &PlayedCase, events: Vec<Event>) {
        if let Outcome::Error { .. } = &played.outcome {
            self.errors += 1;
            self.place += 1;
            return self.tell(events, false).await;
        }
        let (old, new) = self.sort(&played.findings);
        for place in old {
            if let Some(seen) = self.seen.get_mut(place) {
                seen.scripts += 1;
            }
        }
        self.tell(events, !played.findings.is_empty()).await;
        for lead in new {
            if self.flaky >= MOST_FLAKY {
                return;
            }
            // The least form of an earlier lead may show this one, too.
            if self.place_of(&lead).is_none() {
                self.pursue(number, &lead).await;
            }
        }
    }

    /// The findings that are counted elsewhere, by where, and the leads: each of them once.
    fn sort(&self, findings: &[Finding]) -> (Vec<usize>, Vec<Fingerprint>) {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for finding in findings {
            if !is_lead(finding) {
                continue;
            }
            let print = Fingerprint::of(finding);
            match self.place_of(&print) {
                Some(place) if !old.contains(&place) => old.push(place),
                Some(_) => {}
                None if !new.contains(&print) => new.push(print),
                None => {}
            }
        }
        (old, new)
    }

    /// Where a finding is counted, if it is known already, or enough is known of its clause.
    fn place_of(&self, print: &Fingerprint) -> Option<usize> {
        if let Some(place) = self.known.get(print) {
            return Some(*place);
        }
        let akin = || self.known.iter().filter(|(known, _)| known.is_akin(print));
        let covered = akin().find(|(known, _)| print.covers(known));
        if let Some((_, place)) = covered {
            return Some(*place);
        }
        let enough = match print.verdict() {
            Verdict::Fail => FAILURES_SHOWN,
            Verdict::Pass | Verdict::Inconclusive | Verdict::Warn => WARNINGS_SHOWN,
        };
        let (_, first) = akin().next()?;
        (akin().count() >= enough).then_some(*first)
    }

    /// Repeats a lead, shrinks it, and tells it in its least form.
    async fn pursue(&mut self, number: u64, lead: &Fingerprint) {
        let name = self.name_for(number, lead);
        let whole = Scenario {
            name,
            ..script(self.shared, number, self.features)
        };
        let mut lead = lead.clone();
        let mut shown = Vec::new();
        for time in 0..REPEATS {
            let (played, events) = self.play(&whole, Care::Search).await;
            self.tell(events, true).await;
            if time == 0 && shows(&played, &lead).is_none() {
                // Looked at with more care, a finding may turn out to follow from another one.
                let (old, new) = self.sort(&played.findings);
                match (new.into_iter().next(), old.is_empty()) {
                    (Some(cause), _) => lead = cause,
                    (None, false) => return self.explain(&lead, &old),
                    (None, true) => {}
                }
            }
            shown.push(shows(&played, &lead));
        }
        let Some(mut last) = shown.iter().flatten().copied().max() else {
            return self.tell_flaky(&whole, number, &lead, 1, REPEATS + 1).await;
        };
        if shown.contains(&None) {
            let times = 1 + shown.iter().flatten().count();
            return self.tell_flaky(&whole, number, &lead, times, REPEATS + 1).await;
        }
        let mut least = whole.clone();
        let first = lead.clone();
        last = last.min(least.steps.len());
        self.shrink(&mut least, last, &mut lead).await;
        // The verdict is given with patience: what was only a description that lagged is none, and what followed from a
        // hasty look may turn out to follow from something else.
        let mut turned = false;
        let (least, played, events) = loop {
            let told = self.in_least_form(number, &whole, &least, &first, &lead);
            let (played, events) = self.play(&told, Care::Verdict).await;
            if shows(&played, &lead).is_some() {
                break (told, played, events);
            }
            self.tell(events, true).await;
            let (old, new) = self.sort(&played.findings);
            match (new.into_iter().next(), old.is_empty()) {
                (Some(cause), _) if !turned => lead = cause,
                (None, false) => return self.explain(&lead, &old),
                (Some(_) | None, _) => {
                    let all = REPEATS + 2;
                    return self.tell_flaky(&whole, number, &lead, REPEATS + 1, all).await;
                }
            }
            turned = true;
        };
        // What comes by the way must come again, too.
        let (again, more) = self.play(&least, Care::Verdict).await;
        self.tell(events, false).await;
        self.tell(more, true).await;
        let comes_again =
            |print: &Fingerprint| again.findings.iter().any(|one| Fingerprint::of(one) == *print);
        for print in prints(&played.findings) {
            if !comes_again(&print) && !lead.covers(&print) {
                self.doubt(&least.name, &print, 1, 2).await;
            }
        }
        self.take_note(&least.name, &lead, &played.findings);
        if let (None, Some(place)) = (self.place_of(&first), self.place_of(&lead)) {
            self.explain(&first, &[place]);
        }
    }

    /// A lead as the case that tells it.
    fn in_least_form(
        &mut self,
        number: u64,
        whole: &Scenario,
        least: &Scenario,
        first: &Fingerprint,
        lead: &Fingerprint,
    ) -> Scenario {
        let purpose = format!(
            "Found by {} with seed {}, shrunk from {} steps to {}.",
            script_name(number),
            self.shared.options.seed,
            whole.steps.len(),
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

    /// A name that no case has: one script may violate a clause in several ways.
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

    /// Counts a lead with what it follows from.
    fn explain(&mut self, lead: &Fingerprint, causes: &[usize]) {
        if let Some(cause) = causes.first() {
            self.known.insert(lead.clone(), *cause);
        }
    }

    /// Remembers everything that a told case shows.
    fn take_note(&mut self, case: &str, lead: &Fingerprint, findings: &[Finding]) {
        self.place += 1;
        self.remember(case, findings.iter().map(Fingerprint::of).chain([lead.clone()]));
        if let Some(seen) = self.known.get(lead).and_then(|place| self.seen.get_mut(*place)) {
            seen.scripts += 1;
        }
    }

    /// Remembers what a case shows, to count it where scripts show it again.
    fn remember(&mut self, case: &str, prints: impl Iterator<Item = Fingerprint>) {
        for print in prints {
            if self.known.contains_key(&print) {
                continue;
            }
            self.seen.push(Recurred {
                case: case.to_owned(),
                clause: print.clause().clone(),
                scripts: 0,
            });
            self.known.insert(print, self.seen.len() - 1);
        }
    }

    /// Goes to simpler forms of the case as long as one shows the lead and the budget lasts. Where none does, a form
    /// with fewer steps may show another of the findings that came with it: what came by itself, say, and was first
    /// taken for the effect of a call before it. That is the better lead, if it is not told already.
    async fn shrink(&mut self, least: &mut Scenario, mut last: usize, lead: &mut Fingerprint) {
        let mut budget = self.random.max_shrink_requests;
        let mut beside = vec![lead.clone()];
        'simpler: loop {
            let mut better = None;
            for form in shrink::simpler(least, last) {
                if budget == 0 || *self.shared.interrupted.borrow() {
                    return;
                }
                let (played, events) = self.play(&form, Care::Search).await;
                budget = budget.saturating_sub(played.requests);
                self.tell(events, true).await;
                if let Some(step) = shows(&played, lead) {
                    *least = form;
                    last = step;
                    beside = prints(&played.findings);
                    continue 'simpler;
                }
                if better.is_none() && form.steps.len() < least.steps.len() {
                    let (_, new) = self.sort(&played.findings);
                    let is_beside = |print: &Fingerprint| beside.iter().any(|one| one.is_akin(print));
                    better = new.into_iter().find(is_beside).map(|print| (form, print));
                }
            }
            let Some((form, print)) = better else { return };
            let (again, events) = self.play(&form, Care::Search).await;
            budget = budget.saturating_sub(again.requests);
            self.tell(events, true).await;
            let Some(step) = shows(&again, &print) else { return };
            last = step;
            beside = prints(&again.findings);
            (*least, *lead) = (form, print);
        }
    }

    /// Tells a script whose finding did not come every time: no verdict hangs on it.
    async fn tell_flaky(
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
        self.tell(events, false).await;
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
            self.shared.tell(Event::Noted(Noted { case, text })).await;
        }
        self.take_note(&case.name, lead, &[]);
    }

    /// Tells that a finding of a case does not come every time.
    async fn doubt(&self, case: &str, print: &Fingerprint, times: usize, of: usize) {
        let flaky = Flaky {
            case: case.to_owned(),
            clause: print.clause().clone(),
            fingerprint: print.to_string(),
            times,
            of,
        };
        self.shared.tell(Event::Flaky(flaky)).await;
    }

    /// Plays a case; its events wait until it is known what it amounts to.
    async fn play(&mut self, case: &Scenario, care: Care) -> (PlayedCase, Vec<Event>) {
        let searches = care == Care::Search;
        let sink = if searches && self.shared.is_silent() {
            EventSink::Silent
        } else {
            EventSink::kept()
        };
        let manner = PlayMode {
            sink: sink.clone(),
            index: self.place,
            phase: Phase::Random,
            // A virtual clock has all the time there is.
            hasty: searches && !self.shared.options.endpoint.is_in_process(),
        };
        let played = play::play(self.shared, case, manner).await;
        if !sink.listens() {
            self.sum.untold += played.requests;
        }
        (played, sink.take())
    }

    async fn tell(&self, events: Vec<Event>, draft: bool) {
        for mut event in events {
            if let Event::CaseStarted(started) = &mut event {
                started.draft = draft;
            }
            self.shared.tell(event).await;
        }
    }

    async fn tell_sum(&mut self) {
        let sum = self.sum.clone();
        (self.sum.scripts, self.sum.steps, self.sum.untold) = (0, 0, 0);
        self.shared.tell(Event::Explored(sum)).await;
    }

    async fn close(&mut self) {
        self.tell_sum().await;
        for seen in std::mem::take(&mut self.seen) {
            if seen.scripts > 0 {
                self.shared.tell(Event::Recurred(seen)).await;
            }
        }
    }
}

/// Whether a finding is worth being played again.
fn is_lead(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail | Verdict::Warn)
}

/// Plays scripts one after another. What found nothing leaves only its sum behind, if nobody listens.
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
        let manner = PlayMode {
            sink: sink.clone(),
            index: place,
            phase: Phase::Random,
            hasty: true,
        };
        let played = play::play(shared, &case, manner).await;
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

/// The name of the probe without which nothing can be played.
const PLAIN: &str = "random/probe/plain";

fn probe_case(name: &str, kind: FixtureKind, acts: Vec<Act>) -> Scenario {
    Scenario {
        name: format!("random/probe/{name}"),
        purpose: format!("Is there {name} to play with?"),
        clauses: Vec::new(),
        fixtures: vec![("a".to_owned(), kind)],
        steps: acts.into_iter().map(Step::from).collect(),
    }
}

/// What the findings of a case say, each once.
fn prints(findings: &[Finding]) -> Vec<Fingerprint> {
    let mut prints: Vec<Fingerprint> = findings.iter().map(Fingerprint::of).collect();
    prints.sort_unstable();
    prints.dedup();
    prints
}

/// The first step in which a case shows a finding, or one that is it in a smaller form.
fn shows(played: &PlayedCase, lead: &Fingerprint) -> Option<usize> {
    played
        .findings
        .iter()
        .filter(|finding| lead.covers(&Fingerprint::of(finding)))
        .map(Finding::step)
        .min()
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
