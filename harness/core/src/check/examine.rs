//! Checks one described instance: its reason, what a stop must keep, and what it must remove.

use super::answer::Manner;
use super::look::states_of;
use super::step_judgement::Weight;
use super::text::quote;
use super::time::{http_date, transition_time};
use super::{Judge, Track};
use crate::contract::{Check, Edition, Root, State};
use crate::model::States;
use crate::protocol::reply::Instance;

/// The resolution of the times in `reason`: whole seconds.
const RESOLUTION_MS: u64 = 1_000;

/// A deviation in a described instance.
pub(super) struct Oddity {
    pub(super) check: Check,
    pub(super) weight: Weight,
    pub(super) allowed: String,
    pub(super) observed: String,
}

/// The results of the checks on one described instance.
#[derive(Default)]
pub(super) struct Examined {
    pub(super) held: Vec<Check>,
    pub(super) odd: Vec<Oddity>,
}

impl Examined {
    /// Records the result of a check. `words` describes what was allowed and what was observed; it is called only for a
    /// deviation.
    fn note<A: Into<String>, O: Into<String>>(
        &mut self,
        check: Check,
        weight: Weight,
        fits: bool,
        words: impl FnOnce() -> (A, O),
    ) {
        if fits {
            self.held.push(check);
            return;
        }
        let (allowed, observed) = words();
        self.odd.push(Oddity {
            check,
            weight,
            allowed: allowed.into(),
            observed: observed.into(),
        });
    }
}

/// Checks an instance that is described in a possible state.
pub(super) fn examine(judge: &Judge, id: &str, track: &Track, instance: &Instance) -> Examined {
    let mut found = Examined::default();
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
        let fits = reason.is_empty() && state_reason.is_none_or(|(code, _)| code.is_empty());
        found.note(Check::RunningWithoutReason, Weight::Full, fits, || {
            ("an empty reason and no stateReason while running", both())
        });
        return found;
    }
    let down: States = [State::Stopping, State::Stopped].into_iter().collect();
    if !states.within(down) || states.is_empty() {
        return found;
    }
    if let Some(idle) = track.idle_stop
        && let Some(last) = &track.last
        && states == States::one(State::Stopped)
        && states_of(last) == states
    {
        let before = last.reason.as_deref().unwrap_or("");
        let unchanged = last.reason == instance.reason && last.state_reason == instance.state_reason;
        // Whether a rewritten time differs from the old one depends on the second in which the endpoint was called,
        // unless the case waited for the next second.
        let by_chance = idle.passed_ms <= RESOLUTION_MS
            && reason.contains(|c: char| c.is_ascii_digit())
            && without_digits(reason).eq(without_digits(before))
            && last.state_reason == instance.state_reason;
        if !by_chance {
            found.note(Check::ReasonUnchanged, Weight::Full, unchanged, || {
                (
                    format!("{id}: reason {} as before the call", quote(before)),
                    format!("{id}: reason {}", quote(reason)),
                )
            });
        }
    }
    let Some(stop) = &track.stop else { return found };
    found.held.push(Check::VisibleAfterStop);
    let time = transition_time(reason);
    let observed = || format!("{id}: reason {}", quote(reason));
    // The kind of the reason is a fact; the format of its time is wording, and wording only warns.
    let wording = if reason.starts_with("User initiated (") {
        Weight::Advisory
    } else {
        Weight::Full
    };
    found.note(Check::TransitionReason, wording, time.is_some(), || {
        ("reason \"User initiated (YYYY-MM-DD hh:mm:ss GMT)\"", observed())
    });
    if let (Some(time), Some(answered)) = (time, stop.date.as_deref().and_then(http_date)) {
        let apart = time.duration_since(answered).as_secs().unsigned_abs();
        found.note(Check::ReasonTime, Weight::Full, apart <= 5, || {
            (
                "a time in the reason within seconds of the Date header of the answer",
                format!("{}, {apart} s apart", observed()),
            )
        });
    }
    if states == States::one(State::Stopping) {
        let there = !reason.is_empty() && state_reason.is_some();
        found.note(Check::ReasonWhileStopping, Weight::Full, there, || {
            ("reason and stateReason while stopping", both())
        });
    }
    state_reason_fits(&mut found, id, stop.manner, state_reason);
    if states == States::one(State::Stopped) {
        keeps_identity(judge.contract.edition, &mut found, id, track, instance);
    }
    found
}

/// Checks `stateReason` after a stop of this manner.
fn state_reason_fits(
    found: &mut Examined,
    id: &str,
    manner: Manner,
    state_reason: Option<&(String, String)>,
) {
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
    let (check, code, message) = match manner {
        Manner::Shutdown => shutdown,
        Manner::Hibernate => hibernate,
        Manner::Unknown => return,
    };
    let seen = state_reason.map(|(seen, _)| seen.as_str());
    // A hibernation that fails at run time becomes a plain shutdown, as documented; what `stateReason` shows then is
    // not recorded.
    let fallen_back = manner == Manner::Hibernate && seen == Some(shutdown.1);
    let weight = if seen == Some(code) || fallen_back {
        Weight::Advisory
    } else {
        Weight::Full
    };
    let fits = state_reason.is_some_and(|(seen, text)| seen == code && text == message);
    found.note(check, weight, fits, || {
        let seen = state_reason.map_or_else(String::new, |(_, text)| quote(text));
        (
            format!("stateReason {code} \"{message}\""),
            format!("{id}: stateReason {} {seen}", code_of(state_reason)),
        )
    });
}

/// Checks what a stop must keep, and what it must remove.
fn keeps_identity(edition: Edition, found: &mut Examined, id: &str, track: &Track, last: &Instance) {
    let Some(first) = &track.first else { return };
    if first.root_device_type.as_deref() == Some(root_word(Root::InstanceStore)) {
        return;
    }
    let mut changed = Vec::new();
    // On EC2-Classic, where customers had no networks of their own, a stop released the private address too.
    let keeps_address = edition == Edition::Current || first.vpc_id.is_some();
    if keeps_address && first.private_ip.is_some() && first.private_ip != last.private_ip {
        changed.push(format!(
            "private address {} became {}",
            quote(first.private_ip.as_deref().unwrap_or("")),
            quote(last.private_ip.as_deref().unwrap_or(""))
        ));
    }
    let lost = |before: &[String], after: &[String]| before.iter().any(|one| !after.contains(one));
    if lost(&first.volume_ids, &last.volume_ids) {
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
    found.note(Check::KeepsIdentity, Weight::Full, changed.is_empty(), || {
        (
            "volumes and private address kept, public address released",
            format!("{id}: {}", changed.join(", ")),
        )
    });
    let (before, after) = (&first.interface_ids, &last.interface_ids);
    found.note(Check::KeepsInterfaces, Weight::Full, !lost(before, after), || {
        (
            "the network interfaces kept",
            format!("{id}: network interfaces {before:?} became {after:?}"),
        )
    });
}

/// A text without its digits, so that texts that differ only in their times are equal.
fn without_digits(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_ascii_digit())
}

fn root_word(root: Root) -> &'static str {
    match root {
        Root::Ebs => "ebs",
        Root::InstanceStore => "instance-store",
    }
}

fn code_of(state_reason: Option<&(String, String)>) -> String {
    state_reason.map_or_else(|| "absent".to_owned(), |(code, _)| quote(code))
}
