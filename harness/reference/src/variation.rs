//! Behaviour that genuine EC2 shows, or may show, and that the reference does not show by default.
//!
//! The default follows the captures. The other behaviour is a named switch in this file if the captures leave a
//! question open, if the real service is known to answer in more than one way, or if the documentation allows more than
//! was captured. A correct judge finds no deviation in any of them.

/// Defines the enum and its table from one list, so that no variation lacks an entry.
macro_rules! variations {
    ($($variant:ident $name:literal $what:literal $source:literal)+) => {
        /// A switch for behaviour that differs from the default.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Variation {
            $(#[doc = $what] $variant,)+
        }

        impl Variation {
            /// Every variation.
            pub const ALL: &[Variation] = &[$(Variation::$variant),+];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Variation::$variant => $name),+ }
            }

            /// The difference from the default, in one sentence.
            pub fn what(self) -> &'static str {
                match self { $(Variation::$variant => $what),+ }
            }

            /// The recording that shows it, or the open question that allows it.
            pub fn source(self) -> &'static str {
                match self { $(Variation::$variant => $source),+ }
            }
        }
    };
}

variations! {
    StaleReads300Ms "stale-reads-300ms"
        "For 300 ms, descriptions show the world as it was before a change."
        "captures: the first look after a stop was stale in 14 of 16"
    StaleReads4S "stale-reads-4s"
        "For 4 s, descriptions show the world as it was before a change."
        "VIS-01: no upper bound is documented"
    NewIdNotVisible "new-id-not-visible"
        "For 1 s after a launch, every call that names the new instance answers NotFound."
        "VIS-09; capture C62"
    ProtectionDelayed "protection-delayed"
        "A change of stop or termination protection takes effect 1 s later."
        "User Guide: might not be immediately visible to all subsequent commands"
    SpotRequestDisabledLate "spot-request-disabled-late"
        "A Spot request stays active for 5 s after its instance has stopped."
        "SPT-05: no time is documented"
    SpotCancellationDelayed "spot-cancellation-delayed"
        "A Spot request counts as cancelled 2 s after the call that cancels it."
        "developer guide: eventual consistency"
    ReasonASecondLater "reason-a-second-later"
        "The time in the transition reason is a second later than the Date of the answer."
        "captures: the time lies between the call's start and its end"

    MadeUpIdsMalformed "made-up-ids-malformed"
        "Every long id that was never issued is malformed."
        "captures: 26 of 54 made-up ids; the rule is not known"
    MadeUpIdsNotFound "made-up-ids-not-found"
        "Every long id with a leading 0 that was never issued is unknown."
        "captures: 28 of 54 made-up ids; the rule is not known"
    IdsTrimmed "ids-trimmed"
        "White space around an instance id is removed."
        "REQ-23; capture C147 for a ClientToken"
    EmptyIdIgnored "empty-id-ignored"
        "An empty id is ignored if the list has another."
        "R43 treats an empty member as absent"
    EmptyIdMissingParameter "empty-id-missing-parameter"
        "A list with an empty id is a MissingParameter."
        "OQ-02; capture C72 for MonitorInstances"
    NoIdsCombination "no-ids-combination"
        "A call without ids is an InvalidParameterCombination."
        "OQ-01; recorded for TerminateInstances"
    NoIdsInstancesSet "no-ids-instances-set"
        "The refusal of a call without ids names instancesSet."
        "OQ-01; captures of MonitorInstances"
    MalformedTextPlain "malformed-text-plain"
        "A malformed id is refused with: The instance ID 'X' is malformed."
        "ERR-04; captures of UnmonitorInstances"
    MalformedTextExpected "malformed-text-expected"
        "A malformed id is refused as an invalid value for instanceId, with the expected form."
        "ERR-04; captures of MonitorInstances"
    RepeatedIdShownEachTime "repeated-id-shown-each-time"
        "An id that is named twice has two equal items in the answer."
        "OQ-09"
    RepeatedIdRefused "repeated-id-refused"
        "An id that is named twice is refused."
        "OQ-09"
    RepeatedUnknownIdPlural "repeated-unknown-id-plural"
        "An unknown id that is named twice is named twice in the refusal."
        "ERR-07: the captures are of a sibling action"

    DryRunFirst "dry-run-first"
        "DryRun is answered after authorization and before id syntax, existence and state."
        "ERR-14; captures of MonitorInstances"
    DryRunBeforeMissingParameter "dry-run-before-missing-parameter"
        "DryRun is answered even where the ids are missing."
        "ERR-14; captures of AssociateAddress"
    AuthorizationFirst "authorization-first"
        "Authorization is checked before id syntax and existence."
        "ERR-14; captures of MonitorInstances"
    StateBeforeDryRun "state-before-dry-run"
        "DryRun is answered after the checks of state, kind and protection."
        "DRY-07: open for StopInstances"
    StateBeforeExistence "state-before-existence"
        "State, kind and protection are checked before unknown ids, and so before DryRun."
        "OQ-05"
    ExistenceBeforeSyntax "existence-before-syntax"
        "Of an unknown and a malformed id in one list, the unknown one is refused."
        "IDM-04: the mix is open"
    KindBeforeState "kind-before-state"
        "Root device and Spot request are checked before the state."
        "OQ-05"
    ProtectionBeforeState "protection-before-state"
        "Stop protection is checked before the state."
        "OQ-05"
    HibernationBeforeState "hibernation-before-state"
        "Whether hibernation is configured is checked before the state."
        "OQ-05"

    SkipOsShutdownInstant "skip-os-shutdown-instant"
        "A stop with SkipOsShutdown is never described as stopping."
        "capture C161"
    SlowStops "slow-stops"
        "A plain stop takes 40 s."
        "captures: up to 37 s"
    HibernationQuick "hibernation-quick"
        "A hibernating stop takes 1 s, less than a plain one."
        "captures: 5 s to 21 s"
    ForcedStopQuick "forced-stop-quick"
        "A forced stop takes 200 ms."
        "FRC-06: the speed of a forced stop is not documented"
    ForceEndsAStop "force-ends-a-stop"
        "A forced stop of a stopping instance ends its shutdown at once."
        "User Guide: bypasses the graceful shutdown"
    ForcedStopOfPending "forced-stop-of-pending"
        "A forced stop of an instance that never ran is accepted."
        "User Guide: force-stopped in the pending, running, or stopping state"
    RestartPendingStopRefused "restart-pending-stop-refused"
        "A stop of a restarted instance that is still pending is refused."
        "OQ-10"
    ForceHibernateRefused "force-hibernate-refused"
        "Force together with Hibernate is refused, though not as a dry run."
        "OQ-11"
    SkipHibernateRefused "skip-hibernate-refused"
        "SkipOsShutdown together with Hibernate is refused, though not as a dry run."
        "OQ-11"
    StoppingAnsweredAsStopped "stopping-answered-as-stopped"
        "A second stop ends the first one at once, and answers that it did: stopped, after stopping."
        "STT-04: the answer is not recorded"
    ItemsReversed "items-reversed"
        "Answers and descriptions list instances in reverse order."
        "IDM: no order is documented"
    TerminatedAsShuttingDown "terminated-as-shutting-down"
        "Terminating a stopped instance answers shutting-down."
        "API Reference, TerminateInstances"
    HibernationReadyAfter2Minutes "hibernation-ready-after-2-minutes"
        "An instance can hibernate from two minutes after its launch."
        "captures: refused up to 118.5 s after the launch"
    PurgeSoon "purge-soon"
        "A terminated instance is unknown after 2 s."
        "User Guide: shortly after"

    StartWithoutCapacity "start-without-capacity"
        "The first try of each start is refused for lack of capacity."
        "API error codes: InsufficientInstanceCapacity"
    StartSpotRequestNotReady "start-spot-request-not-ready"
        "For 5 s after a stop, a Spot Instance cannot be started."
        "hashicorp/terraform-provider-aws#33399"
    CancelledSpotRequestState "cancelled-spot-request-state"
        "A stop after the Spot request was cancelled is an IncorrectSpotRequestState."
        "SPT-06: the code is not recorded"

    MissingAction500Html "missing-action-500-html"
        "A request without an action is answered with 500 and HTML."
        "httpie-aws-authv4#5, 2019"
    MissingVersion500 "missing-version-500"
        "A request without a version is answered with 500 InternalError."
        "smarty-archives/go-aws-auth#37, 2016"
    UnknownVersion404 "unknown-version-404"
        "An unknown version is answered with 404."
        "OQ-18"
    Throttled "throttled"
        "One call in fifty is refused as too frequent, whatever its action."
        "API throttling"
    ServerFaultOnce "server-fault-once"
        "One call in a hundred is answered with a server error and has no effect."
        "API error codes: InternalError, Unavailable"
    StateCodesHighByte "state-codes-high-byte"
        "The high byte of every state code is not zero."
        "spinnaker/clouddriver#1578: 272 for running"
    ConnectionsClosedAfterErrors "connections-closed-after-errors"
        "Answers with 400 and 403 close the connection."
        "capture C173"
    IndentedLayout "indented-layout"
        "Answers are indented."
        "recorded from 2016 to 2022"
    ExtraElements "extra-elements"
        "Every item has an element that nobody knows yet."
        "API versions: elements may be added"
    BooleansCaseSensitive "booleans-case-sensitive"
        "Booleans in another case than true and false are refused."
        "OQ-07"
    BooleansLiberal "booleans-liberal"
        "1 and yes are read as true, 0, no and an empty text as false."
        "OQ-07: DryRun=1 once launched an instance"
    OddIndicesAccepted "odd-indices-accepted"
        "List indices that are zero or have leading zeros are read as numbers."
        "OQ-03"
    OddIndicesIgnored "odd-indices-ignored"
        "List members with an odd index are ignored."
        "OQ-03"
    AuthorizationTextShort "authorization-text-short"
        "The refusal of a denied caller has no encoded message."
        "AUT-11: the tail is optional"
    AuthorizationTextFresh "authorization-text-fresh"
        "The encoded message in the refusal of a denied caller is another one for each call."
        "captures C91 and C92"

    WrongSignatureAuthFailure "wrong-signature-auth-failure"
        "A wrong signature is a 401 AuthFailure."
        "OQ-16"
    UnknownKeyInvalidClientTokenId "unknown-key-invalid-client-token-id"
        "An unknown access key is a 403 InvalidClientTokenId."
        "API error codes: InvalidClientTokenId"
    UnsignedMissingAuthenticationToken "unsigned-missing-authentication-token"
        "An unsigned request is a 403 MissingAuthenticationToken."
        "OQ-15"
    UnsignedAuthFailure "unsigned-auth-failure"
        "An unsigned request is a 401 AuthFailure."
        "OQ-15"
    StaleSignatureAuthFailure "stale-signature-auth-failure"
        "A signature that is too old is a 401 AuthFailure."
        "API error codes: AuthFailure"
}

/// Groups of variations that answer the same question: a service can show only one of each group.
const ALTERNATIVES: &[&[Variation]] = {
    use Variation::*;
    &[
        &[StaleReads300Ms, StaleReads4S],
        &[MadeUpIdsMalformed, MadeUpIdsNotFound],
        &[EmptyIdIgnored, EmptyIdMissingParameter],
        &[NoIdsCombination, NoIdsInstancesSet],
        &[MalformedTextPlain, MalformedTextExpected],
        &[RepeatedIdShownEachTime, RepeatedIdRefused],
        &[
            DryRunFirst,
            DryRunBeforeMissingParameter,
            AuthorizationFirst,
            StateBeforeDryRun,
            StateBeforeExistence,
            ExistenceBeforeSyntax,
        ],
        &[KindBeforeState, ProtectionBeforeState, HibernationBeforeState],
        &[BooleansCaseSensitive, BooleansLiberal],
        &[OddIndicesAccepted, OddIndicesIgnored],
        &[AuthorizationTextShort, AuthorizationTextFresh],
        &[UnsignedMissingAuthenticationToken, UnsignedAuthFailure],
    ]
};

impl Variation {
    /// The variation with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.name() == name)
    }

    /// Whether the two cannot be combined.
    pub fn excludes(self, other: Self) -> bool {
        let both = |group: &&&[Self]| group.contains(&self) && group.contains(&other);
        self != other && ALTERNATIVES.iter().any(|group| both(&group))
    }

    /// Whether it concerns a feature that the service of 2017 did not have.
    pub fn is_newer_than_2017(self) -> bool {
        matches!(
            self,
            Self::ProtectionBeforeState
                | Self::HibernationBeforeState
                | Self::SkipOsShutdownInstant
                | Self::HibernationQuick
                | Self::ForceHibernateRefused
                | Self::SkipHibernateRefused
                | Self::HibernationReadyAfter2Minutes
                | Self::SpotRequestDisabledLate
                | Self::StartSpotRequestNotReady
                | Self::CancelledSpotRequestState
        )
    }
}

/// A set of variations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variations(u128);

impl Variations {
    /// A maximal combination: each variation, in list order, that no earlier member excludes.
    pub fn compatible() -> Self {
        let mut set = Self::default();
        for variation in Variation::ALL {
            if set.conflict(*variation).is_none() {
                set = set.with(*variation);
            }
        }
        set
    }

    /// The same set with one more variation.
    #[must_use]
    pub fn with(self, variation: Variation) -> Self {
        Self(self.0 | 1 << variation as u32)
    }

    /// Whether the variation is in the set.
    pub fn contains(self, variation: Variation) -> bool {
        self.0 & 1 << variation as u32 != 0
    }

    /// A member of the set that this variation cannot be combined with.
    pub fn conflict(self, variation: Variation) -> Option<Variation> {
        self.iter().find(|member| member.excludes(variation))
    }

    /// The members, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = Variation> {
        Variation::ALL
            .iter()
            .copied()
            .filter(move |it| self.contains(*it))
    }
}

impl From<Variation> for Variations {
    fn from(variation: Variation) -> Self {
        Self::default().with(variation)
    }
}

const _: () = assert!(
    Variation::ALL.len() <= 128,
    "the set has a bit for each variation"
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_lead_to_their_variation() {
        let names: BTreeSet<&str> = Variation::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), Variation::ALL.len());
        for variation in Variation::ALL {
            assert_eq!(Variation::named(variation.name()), Some(*variation));
            assert!(variation.what().ends_with('.'), "{}", variation.name());
            assert!(!variation.source().is_empty(), "{}", variation.name());
        }
        assert_eq!(Variation::named("all"), None, "the word is taken");
    }

    #[test]
    fn exclusion_is_symmetric_and_never_of_itself() {
        for one in Variation::ALL {
            assert!(!one.excludes(*one));
            for other in Variation::ALL {
                assert_eq!(one.excludes(*other), other.excludes(*one));
            }
        }
    }

    #[test]
    fn the_compatible_set_holds_together_and_takes_no_other() {
        let all = Variations::compatible();
        assert!(all.iter().all(|member| all.conflict(member).is_none()));
        for other in Variation::ALL.iter().filter(|it| !all.contains(**it)) {
            assert!(all.conflict(*other).is_some(), "{}", other.name());
        }
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = Variations::from(Variation::StaleReads4S).with(Variation::StaleSignatureAuthFailure);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Variation::StaleReads4S, Variation::StaleSignatureAuthFailure]
        );
    }
}
