//! Checks one described instance: its reason, what a stop must keep, and what it must remove.

use super::answer::StopMode;
use super::facts::{Mismatch, written_state};
use super::look::states_of;
use super::rule::{self, Rule};
use super::shape::code_fits;
use super::step_judgement::Weight;
use super::time::{http_date, transition_time};
use super::{Judge, Track};
use crate::contract::{Edition, Root, State};
use crate::journal::{DescribedReason, Excerpt, Expected, Few, InstancePart, Observed};
use crate::model::States;
use crate::protocol::reply::{Instance, StateValue};

/// The resolution of the times in `reason`: whole seconds.
const RESOLUTION_MS: u64 = 1_000;

/// A deviation in a described instance.
pub(super) struct DescribedOddity {
    pub(super) rule: Rule,
    pub(super) weight: Weight,
    pub(super) mismatch: Mismatch,
}

/// The results of the checks on one described instance.
#[derive(Default)]
pub(super) struct Examined {
    pub(super) held: Vec<Rule>,
    pub(super) odd: Vec<DescribedOddity>,
}

impl Examined {
    /// Records the result of a check. `mismatch` is called only for a deviation.
    fn note(&mut self, rule: Rule, weight: Weight, fits: bool, mismatch: impl FnOnce() -> Mismatch) {
        if fits {
            self.held.push(rule);
        } else {
            let mismatch = mismatch();
            self.odd.push(DescribedOddity {
                rule,
                weight,
                mismatch,
            });
        }
    }

    /// Like [`note`](Examined::note), for a check that demands the same of every instance.
    fn note_rule<O: Into<Vec<Observed>>>(
        &mut self,
        rule: Rule,
        weight: Weight,
        fits: bool,
        observed: impl FnOnce() -> O,
    ) {
        self.note(rule, weight, fits, || Mismatch::rule(rule, observed()));
    }
}

/// Checks an instance that is described in a possible state.
pub(super) fn examine(judge: &Judge, id: &str, track: &Track, instance: &Instance) -> Examined {
    let mut found = Examined::default();
    let states = states_of(instance);
    let reason = instance.reason.as_deref().unwrap_or("");
    let state_reason = instance.state_reason.as_ref();
    let observed = |apart_s: Option<u64>| Observed::Reason {
        id: Excerpt::word(id),
        reason: Excerpt::quote(reason),
        state_reason: state_reason.map(|(code, message)| DescribedReason {
            code: Excerpt::name(code),
            message: Excerpt::quote(message),
        }),
        apart_s,
    };
    if let Some(state) = instance.state.as_ref().filter(|state| state.code.is_some()) {
        let state = StateValue {
            code: state.code.as_deref(),
            name: state.name.as_deref(),
        };
        found.note_rule(
            rule::DESCRIBED_CODE,
            Weight::Full,
            code_fits(judge, &state),
            || Observed::StateCodes {
                states: std::iter::once(written_state(&state)).collect(),
            },
        );
    }
    if states == States::one(State::Running) {
        let fits = reason.is_empty() && state_reason.is_none_or(|(code, _)| code.is_empty());
        found.note_rule(rule::RUNNING_WITHOUT_REASON, Weight::Full, fits, || {
            observed(None)
        });
        return found;
    }
    if !states.within(States::down()) || states.is_empty() {
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
            found.note(rule::REASON_UNCHANGED, Weight::Full, unchanged, || {
                let expected = Expected::Reason {
                    reason: Some(Excerpt::quote(before)),
                    state_reason: None,
                };
                Mismatch::new(expected, observed(None))
            });
        }
    }
    let Some(stop) = &track.stop else { return found };
    found.held.push(rule::VISIBLE_AFTER_STOP);
    let time = transition_time(reason);
    // The kind of the reason is a fact; the format of its time is wording, and wording only warns.
    let wording = if reason.starts_with("User initiated (") {
        Weight::Advisory
    } else {
        Weight::Full
    };
    found.note_rule(rule::TRANSITION_REASON, wording, time.is_some(), || {
        observed(None)
    });
    if let (Some(time), Some(answered)) = (time, stop.date.as_deref().and_then(http_date)) {
        let apart = time.duration_since(answered).as_secs().unsigned_abs();
        found.note_rule(rule::REASON_TIME, Weight::Full, apart <= 5, || {
            observed(Some(apart))
        });
    }
    if states == States::one(State::Stopping) {
        let there = !reason.is_empty() && state_reason.is_some();
        found.note_rule(rule::REASON_WHILE_STOPPING, Weight::Full, there, || {
            observed(None)
        });
    }
    state_reason_fits(&mut found, stop.mode, state_reason, || observed(None));
    if states == States::one(State::Stopped) && !track.has_ended {
        keeps_identity(judge.contract.edition, &mut found, id, track, instance);
    }
    found
}

/// Checks `stateReason` after a stop of this mode.
fn state_reason_fits(
    found: &mut Examined,
    mode: StopMode,
    state_reason: Option<&(String, String)>,
    observed: impl FnOnce() -> Observed,
) {
    let shutdown = (
        rule::STATE_REASON,
        "Client.UserInitiatedShutdown",
        "Client.UserInitiatedShutdown: User initiated shutdown",
    );
    let hibernate = (
        rule::HIBERNATE_REASON,
        "Client.UserInitiatedHibernate",
        "Client.UserInitiatedHibernate: User initiated hibernate",
    );
    let (check, code, message) = match mode {
        StopMode::Shutdown => shutdown,
        StopMode::Hibernate => hibernate,
        StopMode::Unknown => return,
    };
    let seen = state_reason.map(|(seen, _)| seen.as_str());
    // A hibernation that fails at run time becomes a plain shutdown, as documented; what `stateReason` shows then is
    // not recorded.
    let fallen_back = mode == StopMode::Hibernate && seen == Some(shutdown.1);
    let weight = if seen == Some(code) || fallen_back {
        Weight::Advisory
    } else {
        Weight::Full
    };
    let fits = state_reason.is_some_and(|(seen, text)| seen == code && text == message);
    found.note(check, weight, fits, || {
        let expected = Expected::Reason {
            reason: None,
            state_reason: Some(DescribedReason {
                code: Excerpt::name(code),
                message: Excerpt::quote(message),
            }),
        };
        Mismatch::new(expected, observed())
    });
}

/// Checks what a stop must keep, and what it must remove.
fn keeps_identity(edition: Edition, found: &mut Examined, id: &str, track: &Track, last: &Instance) {
    let Some(first) = &track.first else { return };
    if first.root_device_type.as_deref() == Some(root_word(Root::InstanceStore)) {
        return;
    }
    let part = |part: InstancePart, before: &[String], after: &[String]| {
        let few = |texts: &[String]| texts.iter().map(|text| Excerpt::word(text)).collect::<Few<_>>();
        Observed::Part {
            id: Excerpt::word(id),
            part,
            before: few(before),
            after: few(after),
        }
    };
    let one = |text: &Option<String>| text.clone().into_iter().collect::<Vec<_>>();
    let lost = |before: &[String], after: &[String]| before.iter().any(|one| !after.contains(one));
    let mut wrong = Vec::new();
    // On EC2-Classic, where customers had no networks of their own, a stop released the private address too.
    let keeps_address = edition == Edition::Current || first.vpc_id.is_some();
    if keeps_address && first.private_ip.is_some() && first.private_ip != last.private_ip {
        wrong.push(part(
            InstancePart::PrivateAddress,
            &one(&first.private_ip),
            &one(&last.private_ip),
        ));
    }
    if lost(&first.volume_ids, &last.volume_ids) {
        wrong.push(part(InstancePart::Volumes, &first.volume_ids, &last.volume_ids));
    }
    if last
        .public_ip
        .as_deref()
        .is_some_and(|address| !address.is_empty())
    {
        wrong.push(part(InstancePart::PublicAddress, &[], &one(&last.public_ip)));
    }
    let fits = wrong.is_empty();
    found.note_rule(rule::KEEPS_IDENTITY, Weight::Full, fits, || wrong);
    let (before, after) = (&first.interface_ids, &last.interface_ids);
    let fits = !lost(before, after);
    found.note_rule(rule::KEEPS_INTERFACES, Weight::Full, fits, || {
        part(InstancePart::NetworkInterfaces, before, after)
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
