//! Descriptions of the fleet against what is believed of it: the proof after a refusal, the wait after a stop, and
//! the last look of a case.

use std::sync::Arc;

use super::answer::{Answered, Manner};
use super::moment::{http_date, transition_time};
use super::sheet::{Sheet, Weight};
use super::text::quote;
use super::{CaseJudge, Heard, Judge, Track};
use crate::call::Call;
use crate::contract::{Check, Root, State};
use crate::journal::Role;
use crate::model::{Fleet, Id, States};
use crate::protocol::reply::{self, Instance, Reply};
use crate::protocol::xml::Element;

/// Descriptions may lag behind an accepted call for so long without a word (OQ-21).
const LAG_MS: u64 = 60_000;
/// A stop that takes longer is called stuck by the user guide.
const STUCK_MS: u64 = 600_000;
/// The times in `reason` are told in whole seconds.
const RESOLUTION_MS: u64 = 1_000;

/// A description of the fleet, or of those of it that were asked for.
struct Look<'a> {
    at_ms: u64,
    call: &'a Call,
    instances: Vec<Instance>,
}

/// The root of an answer to DescribeInstances, if it is one.
fn description(reply: &Reply) -> Option<Element<'_>> {
    let is_one = |root: &Element<'_>| root.name() == "DescribeInstancesResponse";
    (reply.status == 200).then(|| reply.root())?.filter(is_one)
}

/// The instances of an answer to DescribeInstances, if it is one.
pub(super) fn described(reply: &Reply) -> Option<Vec<Instance>> {
    description(reply).map(reply::instances)
}

/// The same, and of each its id and the states that its description may mean, nothing more.
pub(super) fn sighted(reply: &Reply) -> Option<Vec<(&str, States)>> {
    let named = |(id, state)| (id, States::named(state));
    let sightings = reply::sightings(description(reply)?);
    Some(sightings.into_iter().map(named).collect())
}

/// The states that a description may mean.
pub(super) fn states_of(instance: &Instance) -> States {
    instance
        .state
        .as_ref()
        .and_then(|state| state.name.as_deref())
        .map_or(States::NONE, States::named)
}

/// Whether all of these instances were on their way down before a call, and none has arrived after it.
pub(super) fn finds_stopping(before: &Fleet, ids: &[Id], proof: &Heard<'_>) -> bool {
    let down: States = [State::Stopping, State::Stopped].into_iter().collect();
    let Some(seen) = proof.reply.and_then(sighted) else {
        return false;
    };
    !ids.is_empty()
        && ids.iter().all(|id| {
            let was_down = before.get(id).is_some_and(|belief| belief.states.within(down));
            let seen = seen.iter().find(|(seen, _)| *seen == id.as_ref());
            was_down && seen.is_some_and(|(_, states)| *states == States::one(State::Stopping))
        })
}

impl CaseJudge {
    /// The proof that a refused call, or one that should have been refused, changed nothing. `before` tells where each
    /// instance of the fleet may have been as the call was sent.
    pub(super) fn prove(
        &mut self,
        sheet: &mut Sheet<'_>,
        before: &[States],
        answered: &Answered,
        proof: &Heard<'_>,
    ) {
        let judge = Arc::clone(&self.judge);
        let instances = proof.reply.and_then(described);
        // Both are in the order of the fleet.
        for ((id, clauses), before) in answered.effects.iter().zip(before) {
            let allowed = || format!("{id} stays {before}");
            let Some(instances) = &instances else {
                let why = "the fleet could not be described after the call";
                sheet.unknown(clauses, &allowed(), why);
                continue;
            };
            let later = before.later();
            let instance = instances.iter().find(|instance| *instance.id == **id);
            let states = instance.map_or(States::one(State::Gone), states_of);
            let fit = states.and(later);
            if fit.is_empty() {
                let observed = format!(
                    "{} (DescribeInstances after the call)",
                    instance.map_or("not described".into(), state_word)
                );
                let allowed = allowed();
                sheet.deviates(clauses, Weight::Full, &allowed, &observed);
                // A refusal that no clause binds must not change even what it names.
                if !answered.named.contains(id) || (answered.refused && clauses.is_empty()) {
                    let clauses = judge.of(Check::ControlUnchanged);
                    sheet.deviates(clauses, Weight::Full, &allowed, &observed);
                }
            } else {
                sheet.held(clauses);
                sheet.held(judge.of(Check::ControlUnchanged));
            }
            if let Some(belief) = self.fleet.get_mut(id) {
                belief.states = if fit.is_empty() { states } else { fit };
            }
            if let (Some(clauses), Some(instance)) = (answered.purged.get(id.as_ref()), instance) {
                let allowed = format!("{id} is unknown only once it is no longer described");
                let observed = format!("not found, and described as {}", state_word(instance));
                sheet.deviates(clauses, Weight::Full, &allowed, &observed);
            }
            if let (true, Some(track)) = (fit.is_empty(), self.tracks.get_mut(id)) {
                // The deviation is told; what follows from it is not told again.
                track.effects.clear();
            }
        }
        if answered.effects.is_empty()
            && let Some(instances) = instances
        {
            // The call was carried out, so this is no proof but a first look: what lags is judged by the next one.
            let look = Look {
                at_ms: proof.at_ms,
                call: proof.call,
                instances,
            };
            self.see(sheet, &look, false);
        }
    }

    /// The fleet was described, again and again until it fitted or time was up. The last description counts.
    pub(super) fn observe(&mut self, sheet: &mut Sheet<'_>, heard: &[Heard<'_>]) {
        let Some(look) = last_look(heard) else {
            let judge = Arc::clone(&self.judge);
            sheet.unknown(
                judge.of(Check::VisibleAfterStop),
                "a description of the fleet",
                "none could be had",
            );
            return;
        };
        self.see(sheet, &look, true);
    }

    /// The instances were waited for.
    pub(super) fn settle(&mut self, sheet: &mut Sheet<'_>, ids: &[String], state: &str, heard: &[Heard<'_>]) {
        let wanted = States::named(state);
        // A call that was refused leads nowhere: there is nothing to wait for, and that was judged already.
        let reachable: Vec<&String> = ids.iter().filter(|id| self.may_reach(id, state)).collect();
        let looks: Vec<Look<'_>> = looks(heard).collect();
        for (at, look) in looks.iter().enumerate() {
            self.see(sheet, look, at + 1 == looks.len());
        }
        let Some(look) = looks.last() else {
            return;
        };
        for id in reachable {
            let seen = look
                .instances
                .iter()
                .find(|one| one.id == *id)
                .map_or(States::NONE, states_of);
            let reached = !seen.and(wanted).is_empty();
            if wanted == States::one(State::Stopped) {
                self.judge_stop(sheet, id, seen, reached, look.at_ms);
            }
        }
    }

    fn judge_stop(&mut self, sheet: &mut Sheet<'_>, id: &str, seen: States, reached: bool, at_ms: u64) {
        let judge = Arc::clone(&self.judge);
        let Some(track) = self.tracks.get(id) else { return };
        let Some(stop) = &track.stop else {
            if track.idle_stop.is_some() && reached {
                sheet.held(judge.of(Check::OneTransition));
            }
            return;
        };
        let took_ms = at_ms.saturating_sub(stop.at_ms);
        if reached {
            for check in [
                Check::Settles,
                Check::StaysStopped,
                Check::Waiter,
                Check::VisibleAfterStop,
                Check::OneTransition,
            ] {
                sheet.held(judge.of(check));
            }
            let seconds = took_ms / 1000;
            judge.note(sheet, Check::StopTime, Weight::Full, took_ms < STUCK_MS, || {
                (
                    "stopped in well under ten minutes",
                    format!("stopped after {seconds} s"),
                )
            });
            keeps_identity(&judge, sheet, id, track);
        } else if seen == States::one(State::Stopping) {
            let why = format!("still stopping {} s after the call", took_ms / 1000);
            sheet.unknown(judge.of(Check::Settles), "stopped", &why);
            if took_ms >= STUCK_MS {
                sheet.deviates(
                    judge.of(Check::StopTime),
                    Weight::Full,
                    "stopped in well under ten minutes",
                    &why,
                );
            }
        }
    }

    /// Takes a description in, and judges whatever it shows.
    fn see(&mut self, sheet: &mut Sheet<'_>, look: &Look<'_>, last: bool) {
        let judge = Arc::clone(&self.judge);
        for (id, belief) in &mut self.fleet {
            if !asks_for(look.call, id) {
                continue;
            }
            let Some(track) = self.tracks.get_mut(id) else {
                continue;
            };
            let later = belief.states.later();
            let instance = look.instances.iter().find(|instance| *instance.id == **id);
            let states = instance.map_or(States::one(State::Gone), states_of);
            let fit = states.and(later);
            if !fit.is_empty() {
                belief.states = fit;
                sheet.held(judge.of(Check::ControlUnchanged));
                if let Some(instance) = instance {
                    reasons(&judge, sheet, id, track, instance);
                    remember(track, instance);
                }
                continue;
            }
            let down_before = track.stop.as_ref().is_some_and(|stop| stop.seen_down);
            if !last && !down_before {
                continue;
            }
            let allowed = format!("{id}: {later}");
            let observed = format!("{id}: {}", instance.map_or("not described".into(), state_word));
            mismatch(&judge, sheet, track, states, look.at_ms, &allowed, &observed);
            belief.states = states;
        }
    }
}

/// A description that cannot be: which clauses does it violate?
fn mismatch(
    judge: &Judge,
    sheet: &mut Sheet<'_>,
    track: &Track,
    states: States,
    at_ms: u64,
    allowed: &str,
    observed: &str,
) {
    let mut deviates = |clauses| sheet.deviates(clauses, Weight::Full, allowed, observed);
    if !track.effects.is_empty() {
        deviates(&track.effects);
        deviates(judge.of(Check::ControlUnchanged));
        return;
    }
    let Some(stop) = &track.stop else {
        deviates(&track.reasons);
        deviates(judge.of(Check::ControlUnchanged));
        return;
    };
    let up: States = [State::Pending, State::Restarting, State::Running]
        .into_iter()
        .collect();
    if states.within(up) && stop.seen_down {
        deviates(judge.of(Check::StaysStopped));
    } else if states.within(up) && at_ms.saturating_sub(stop.at_ms) < LAG_MS {
        sheet.unknown(
            judge.of(Check::VisibleAfterStop),
            allowed,
            &format!("{observed}, but descriptions may lag for a minute"),
        );
    } else {
        for check in [Check::VisibleAfterStop, Check::Waiter, Check::Settles] {
            deviates(judge.of(check));
        }
    }
}

/// `reason` and `stateReason` of one description.
fn reasons(judge: &Judge, sheet: &mut Sheet<'_>, id: &str, track: &mut Track, instance: &Instance) {
    let states = states_of(instance);
    let reason = instance.reason.as_deref().unwrap_or("");
    let state_reason = instance.state_reason.as_ref();
    let both = || {
        format!(
            "{id}: reason {}, stateReason {}",
            quote(reason),
            code_of(state_reason)
        )
    };
    if states == States::one(State::Running) {
        // After a restart the empty reason is inferred, not recorded.
        let weight = if track.restarted {
            Weight::Advisory
        } else {
            Weight::Full
        };
        let fits = reason.is_empty() && state_reason.is_none_or(|(code, _)| code.is_empty());
        judge.note(sheet, Check::RunningWithoutReason, weight, fits, || {
            ("an empty reason and no stateReason while running", both())
        });
        return;
    }
    let down: States = [State::Stopping, State::Stopped].into_iter().collect();
    if !states.within(down) || states.is_empty() {
        return;
    }
    if let Some(idle) = track.idle_stop
        && let Some(last) = &track.last
        && states == States::one(State::Stopped)
        && states_of(last) == states
    {
        let before = last.reason.as_deref().unwrap_or("");
        let unchanged = last.reason == instance.reason && last.state_reason == instance.state_reason;
        // Whether a time that is written anew is another one hangs on the second in which the endpoint was asked,
        // unless the case waited for the next.
        let by_chance = idle.passed_ms <= RESOLUTION_MS
            && reason.contains(|c: char| c.is_ascii_digit())
            && without_digits(reason).eq(without_digits(before))
            && last.state_reason == instance.state_reason;
        if !by_chance {
            judge.note(sheet, Check::ReasonUnchanged, Weight::Full, unchanged, || {
                (
                    format!("{id}: reason {} as before the call", quote(before)),
                    format!("{id}: reason {}", quote(reason)),
                )
            });
        }
    }
    let Some(stop) = &mut track.stop else { return };
    stop.seen_down = true;
    sheet.held(judge.of(Check::VisibleAfterStop));
    let time = transition_time(reason);
    let observed = || format!("{id}: reason {}", quote(reason));
    // The kind of the reason is a fact; how its time is written is a text, and texts only warn.
    let wording = if reason.starts_with("User initiated (") {
        Weight::Advisory
    } else {
        Weight::Full
    };
    judge.note(sheet, Check::TransitionReason, wording, time.is_some(), || {
        ("reason \"User initiated (YYYY-MM-DD hh:mm:ss GMT)\"", observed())
    });
    if let (Some(time), Some(answered)) = (time, stop.date.as_deref().and_then(http_date)) {
        let apart = time.duration_since(answered).as_secs().unsigned_abs();
        judge.note(sheet, Check::ReasonTime, Weight::Full, apart <= 5, || {
            (
                "a time in the reason within seconds of the Date header of the answer",
                format!("{}, {apart} s apart", observed()),
            )
        });
    }
    let shutdown = (
        Check::StateReason,
        "Client.UserInitiatedShutdown",
        "Client.UserInitiatedShutdown: User initiated shutdown",
    );
    let hibernate = (
        Check::HibernateReason,
        "Client.UserInitiatedHibernate",
        "Client.UserInitiatedHibernate: User initiated hibernate",
    );
    let (check, code, message) = match stop.manner {
        Manner::Shutdown => shutdown,
        Manner::Hibernate => hibernate,
        Manner::Unknown => return,
    };
    let seen = state_reason.map(|(seen, _)| seen.as_str());
    // A hibernation that fails at run time becomes a plain shutdown, as documented; how that is told is not recorded.
    let fallen_back = stop.manner == Manner::Hibernate && seen == Some(shutdown.1);
    let weight = if seen == Some(code) || fallen_back {
        Weight::Advisory
    } else {
        Weight::Full
    };
    let fits = state_reason.is_some_and(|(seen, text)| seen == code && text == message);
    judge.note(sheet, check, weight, fits, || {
        let seen = state_reason.map_or_else(String::new, |(_, text)| quote(text));
        (
            format!("stateReason {code} \"{message}\""),
            format!("{id}: stateReason {} {seen}", code_of(state_reason)),
        )
    });
    if states == States::one(State::Stopping) {
        let there = !reason.is_empty() && state_reason.is_some();
        judge.note(sheet, Check::ReasonWhileStopping, Weight::Full, there, || {
            ("reason and stateReason while stopping", both())
        });
    }
}

/// What a stop must leave as it was, and what it must take away.
fn keeps_identity(judge: &Judge, sheet: &mut Sheet<'_>, id: &str, track: &Track) {
    let (Some(first), Some(last)) = (&track.first, &track.last) else {
        return;
    };
    if first.root_device_type.as_deref() == Some(root_word(Root::InstanceStore)) {
        return;
    }
    let mut changed = Vec::new();
    if first.private_ip.is_some() && first.private_ip != last.private_ip {
        changed.push(format!(
            "private address {} became {}",
            quote(first.private_ip.as_deref().unwrap_or("")),
            quote(last.private_ip.as_deref().unwrap_or(""))
        ));
    }
    if first
        .volume_ids
        .iter()
        .any(|volume| !last.volume_ids.contains(volume))
    {
        changed.push(format!(
            "volumes {:?} became {:?}",
            first.volume_ids, last.volume_ids
        ));
    }
    if last
        .public_ip
        .as_deref()
        .is_some_and(|address| !address.is_empty())
    {
        changed.push(format!(
            "public address {} kept",
            quote(last.public_ip.as_deref().unwrap_or(""))
        ));
    }
    judge.note(
        sheet,
        Check::KeepsIdentity,
        Weight::Full,
        changed.is_empty(),
        || {
            (
                "volumes and private address kept, public address released",
                format!("{id}: {}", changed.join(", ")),
            )
        },
    );
}

/// A text in which all times are the same, however they are written.
fn without_digits(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_ascii_digit())
}

fn remember(track: &mut Track, instance: &Instance) {
    track.first.get_or_insert_with(|| instance.clone());
    track.last = Some(instance.clone());
    track.passed_ms = 0;
}

fn looks<'a>(heard: &'a [Heard<'_>]) -> impl Iterator<Item = Look<'a>> {
    heard
        .iter()
        .filter(|one| one.role == Role::Look)
        .filter_map(|one| {
            Some(Look {
                at_ms: one.at_ms,
                call: one.call,
                instances: described(one.reply?)?,
            })
        })
}

fn last_look<'a>(heard: &'a [Heard<'_>]) -> Option<Look<'a>> {
    looks(heard).last()
}

/// Whether a description was asked for this instance: a call that names some asks for no other.
pub(super) fn asks_for(call: &Call, id: &str) -> bool {
    let mut ids = call
        .params
        .iter()
        .filter(|(name, _)| name.starts_with("InstanceId"));
    let mut any = false;
    ids.any(|(_, named)| {
        any = true;
        named == id
    }) || !any
}

fn root_word(root: Root) -> &'static str {
    match root {
        Root::Ebs => "ebs",
        Root::InstanceStore => "instance-store",
    }
}

fn state_word(instance: &Instance) -> String {
    instance
        .state
        .as_ref()
        .and_then(|state| state.name.as_deref())
        .map_or_else(
            || "in no state".to_owned(),
            |name| super::text::one_line(name, 40),
        )
}

fn code_of(state_reason: Option<&(String, String)>) -> String {
    state_reason.map_or_else(|| "absent".to_owned(), |(code, _)| quote(code))
}
