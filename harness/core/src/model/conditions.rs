//! Where each condition of the contract is found, and when it holds there.
//!
//! This is the only place that gives a word of the vocabulary its meaning. The match is exhaustive, so a condition that no
//! code can find does not compile.

use super::belief::{Belief, States};
use super::read::{ActionName, IdKind, NamedId, ParameterName, ReadParameter, Reading, RequestFacts, Switch};
use crate::call::{API_VERSION, Auth, Encoding};
use crate::contract::{Condition, Market, Root, State};

/// Where a condition is found, with a function that says whether it holds there.
pub(super) enum FoundIn {
    /// In the request as a whole. Returns the word at fault if it holds; the word is empty if there is none.
    Request(for<'a> fn(&RequestFacts<'a>) -> Option<&'a str>),
    /// In a parameter, whose name is the word at fault.
    Parameter(fn(&ReadParameter<'_>) -> bool),
    /// In an id that the call names, which is the word at fault.
    Id(fn(&NamedId<'_>) -> bool),
    /// In an instance that the call names. Returns, if it may hold, whether it certainly does, in every possible state of
    /// the instance.
    Instance(fn(&NamedInstance<'_>) -> Option<bool>),
}

/// The number of ids that every client reports as accepted; that a hundred are accepted is inferred.
const PROMISED_IDS: usize = 20;

/// What may have a call of another client refused: its credentials and rights are not known.
pub(super) const OF_ANOTHER_CALLER: [Condition; 6] = [
    // A recording may have lost the signature, and a signature with it what was wrong.
    Condition::Unsigned,
    Condition::UnknownKey,
    Condition::WrongSignature,
    Condition::StaleSignature,
    Condition::ExpiredSession,
    Condition::Denied,
];

/// The longest value that is not odd: tags, the longest documented values, are no longer than this.
const LONGEST_VALUE: usize = 255;

/// Where a condition is found.
pub(super) fn found_in(condition: Condition) -> FoundIn {
    use FoundIn::{Id, Instance, Parameter, Request};
    match condition {
        Condition::Unsigned => Request(|request| request.signed(Auth::Unsigned)),
        Condition::GarbageSignature => Request(|request| request.signed(Auth::Garbage)),
        Condition::UnknownKey => Request(|request| request.signed(Auth::UnknownKey)),
        Condition::WrongSignature => Request(|request| {
            request.signed_as(&[
                Auth::WrongSignature,
                Auth::AlteredParameters,
                Auth::AlteredPath,
                Auth::AlteredMethod,
                Auth::OtherPayloadHash,
                Auth::AlteredScope,
            ])
        }),
        Condition::MalformedSignature => {
            Request(|request| request.signed_as(&[Auth::ShortSignature, Auth::LongSignature]))
        }
        Condition::UpperCaseSignature => Request(|request| request.signed(Auth::UpperCaseSignature)),
        Condition::TwoSignatures => {
            Request(|request| request.signed_as(&[Auth::RightThenWrong, Auth::WrongThenRight]))
        }
        Condition::ScopeOfAnotherDate => Request(|request| request.signed(Auth::OtherDate)),
        Condition::OtherScope => Request(|request| {
            request.signed_as(&[Auth::OtherRegion, Auth::OtherService, Auth::OtherTerminator])
        }),
        Condition::UnsignedHost => Request(|request| request.signed(Auth::UnsignedHost)),
        Condition::UnsignedHeader => Request(|request| request.signed(Auth::UnsignedDate)),
        Condition::FutureSignature => Request(|request| request.signed(Auth::Future)),
        Condition::ExpiredPresignature => Request(|request| request.signed(Auth::PresignedExpired)),
        Condition::OddValidity => {
            Request(|request| request.signed_as(&[Auth::PresignedForNoTime, Auth::PresignedTooLong]))
        }
        Condition::SkewedSignature => Request(|request| request.signed_as(&[Auth::Recent, Auth::Early])),
        Condition::WrongToken => {
            Request(|request| request.signed_as(&[Auth::MissingToken, Auth::WrongToken]))
        }
        Condition::StaleSignature => Request(|request| request.signed(Auth::Stale)),
        Condition::ExpiredSession => Request(|request| request.signed(Auth::ExpiredSession)),
        Condition::Denied => Request(|request| request.signed(Auth::Denied)),
        Condition::QuerySignature => Request(|request| {
            request.signed_as(&[
                Auth::Query,
                Auth::PresignedExpired,
                Auth::PresignedForNoTime,
                Auth::PresignedTooLong,
            ])
        }),
        Condition::EmptyPairs => {
            Request(|request| (request.call.form.encoding == Encoding::EmptyPairs).then_some(""))
        }
        Condition::MissingAction => Request(|request| request.call.action.is_none().then_some("")),
        Condition::UnknownAction => Request(|request| request.action(ActionName::Unknown)),
        Condition::MiscasedAction => Request(|request| request.action(ActionName::Miscased)),
        Condition::MissingVersion => Request(|request| request.call.form.version.is_none().then_some("")),
        Condition::UnknownVersion => Request(|request| {
            let version = request.call.form.version.as_deref();
            version.filter(|version| *version != API_VERSION)
        }),
        Condition::UnknownParameter => Parameter(|one| one.name == ParameterName::Unknown),
        Condition::MiscasedParameter => Parameter(|one| one.name == ParameterName::Miscased),
        Condition::ClientToken => Parameter(|one| one.name == ParameterName::ClientToken),
        Condition::LaterParameter => {
            Parameter(|one| matches!(one.name, ParameterName::Known { holds: false, .. }))
        }
        Condition::RepeatedScalar => Parameter(|one| one.again),
        Condition::OddBoolean => Parameter(|one| one.switch() == Some(Switch::Odd)),
        Condition::OddValue => Parameter(|one| is_odd(one.value)),
        Condition::SkipOsShutdown => {
            Parameter(|one| one.written == "SkipOsShutdown" && one.switch().is_some())
        }
        Condition::OddIndex => Request(|request| request.odd_index.then_some("")),
        Condition::NoIds => Request(|request| (request.ids == 0).then_some("")),
        Condition::ManyIds => Request(|request| (request.ids > PROMISED_IDS).then_some("")),
        Condition::EmptyId => Id(|id| id.kind == IdKind::Empty && id.ids == 1),
        Condition::EmptyMember => Id(|id| id.kind == IdKind::Empty && id.ids > 1),
        Condition::MalformedId => Id(|id| id.kind == IdKind::Malformed),
        Condition::ImpossibleId => Id(|id| id.kind == IdKind::Impossible),
        Condition::UnissuedId => Id(|id| id.kind == IdKind::Unissued),
        Condition::PaddedId => Id(|id| id.kind == IdKind::Padded),
        Condition::CasedId => Id(|id| id.kind == IdKind::Cased),
        Condition::UnknownId => Id(|id| id.kind == IdKind::Unknown && id.unknown == 1),
        Condition::UnknownIds => Id(|id| id.kind == IdKind::Unknown && id.unknown > 1),
        Condition::RepeatedId => Id(|id| id.again),
        Condition::DryRun => Request(|request| (request.dry_run == Switch::On).then_some("")),
        Condition::ForceAndHibernate => {
            Request(|request| (request.force == Switch::On && request.hibernate == Switch::On).then_some(""))
        }
        Condition::SkipAndHibernate => Request(|request| {
            (request.skip_os_shutdown == Switch::On && request.hibernate == Switch::On).then_some("")
        }),
        // User guide: an instance can be force-stopped while it is pending. The other conditions of a state are known to
        // hold with Force, too.
        Condition::NeverRan => Instance(|one| {
            let certain = one.in_state(State::Pending)?;
            Some(certain && one.reading.force == Switch::Off)
        }),
        Condition::Restarting => Instance(|one| one.in_state(State::Restarting)),
        Condition::Stopping => Instance(|one| one.in_state(State::Stopping)),
        Condition::Stopped => Instance(|one| one.in_state(State::Stopped)),
        // The refusal is the same whether the instance is still shutting down, terminated or purged.
        Condition::ShuttingDown => Instance(|one| Some(one.in_state(State::ShuttingDown)? || one.is_dead())),
        Condition::Terminated => Instance(|one| Some(one.in_state(State::Terminated)? || one.is_dead())),
        Condition::Gone => Instance(|one| one.in_state(State::Gone)),
        // The real call would be a no-op. That its dry run is not refused for the state is recorded for other actions
        // only.
        Condition::DryRunOfStopped => Instance(|one| {
            let down = States::down();
            let holds = one.reading.dry_run != Switch::Off && !one.states.and(down).is_empty();
            holds.then(|| one.states.within(down))
        }),
        Condition::InstanceStore => Instance(|one| {
            let unknown = one.belief.unknown.root;
            one.if_running(one.belief.kind.root == Root::InstanceStore || unknown, !unknown)
        }),
        Condition::OneTimeSpot => Instance(|one| one.if_bought(Market::OneTimeSpot)),
        Condition::PersistentSpot => Instance(|one| one.if_bought(Market::PersistentSpot)),
        Condition::CancelledSpot => Instance(|one| {
            let unknown = one.belief.unknown.cancellation;
            let certain = !one.belief.unseen.cancellation && !unknown;
            one.if_running(one.belief.spot_cancelled || unknown, certain)
        }),
        Condition::StopProtected => Instance(|one| {
            let unseen = one.belief.unseen.protection;
            one.if_running(one.belief.kind.stop_protected || unseen, !unseen)
        }),
        Condition::NotHibernatable => Instance(|one| {
            let reading = one.reading;
            // OQ-11: the effect of Hibernate together with these options is not recorded.
            let plainly = reading.force == Switch::Off && reading.skip_os_shutdown == Switch::Off;
            let unknown = one.belief.unknown.hibernation;
            let holds = reading.hibernate == Switch::On && (!one.belief.kind.hibernation || unknown);
            one.if_running(holds, plainly && !unknown)
        }),
        // How long an instance must have run is not documented, so it is never certain that the call comes too soon.
        Condition::HibernateTooSoon => Instance(|one| {
            let may_hibernate = one.belief.kind.hibernation || one.belief.unknown.hibernation;
            let holds = one.reading.hibernate != Switch::Off && may_hibernate;
            one.if_running(holds, false)
        }),
    }
}

/// The conditions that an instance meets, each with whether it holds in every possible state of the instance.
pub(super) fn of_instance<'a>(
    belief: &'a Belief,
    reading: &'a Reading<'a>,
) -> impl Iterator<Item = (Condition, bool)> + 'a {
    let states = belief.states.later();
    let moves = |state| States::one(state).later() != States::one(state);
    let instance = NamedInstance {
        belief,
        reading,
        states,
        certain: states.only().is_some() || belief.states.only().is_some_and(|only| !moves(only)),
    };
    Condition::ALL
        .iter()
        .filter_map(move |condition| match found_in(*condition) {
            FoundIn::Instance(holds) => Some((*condition, holds(&instance)?)),
            FoundIn::Request(_) | FoundIn::Parameter(_) | FoundIn::Id(_) => None,
        })
}

/// Whether a condition is about the ids that a call names, regardless of the instances.
pub(super) fn is_of_an_id(condition: Condition) -> bool {
    matches!(found_in(condition), FoundIn::Id(_))
}

/// An instance that a call names.
pub(super) struct NamedInstance<'a> {
    belief: &'a Belief,
    reading: &'a Reading<'a>,
    /// The states that it may be in when the call arrives.
    states: States,
    /// Whether there is only one such state, unless time moves it on meanwhile.
    certain: bool,
}

impl NamedInstance<'_> {
    fn in_state(&self, state: State) -> Option<bool> {
        self.states.contains(state).then_some(self.certain)
    }

    fn is_dead(&self) -> bool {
        self.states.within(States::dead())
    }

    fn if_bought(&self, market: Market) -> Option<bool> {
        let unknown = self.belief.unknown.market;
        self.if_running(self.belief.kind.market == market || unknown, !unknown)
    }

    /// A condition of the kind of an instance: in any other state than running, the service may report that state first,
    /// or do nothing at all (OQ-14).
    fn if_running(&self, holds: bool, certain: bool) -> Option<bool> {
        holds.then(|| certain && self.states == States::one(State::Running))
    }
}

/// Whether a value may be refused for its length or its characters, regardless of its meaning.
fn is_odd(value: &str) -> bool {
    value.len() > LONGEST_VALUE || value.chars().any(|character| !matches!(character, ' '..='~'))
}
