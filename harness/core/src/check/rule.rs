//! The checks that the code in this module makes, by one constant each.
//!
//! A check without a constant does not compile, because the match below is exhaustive. A constant that no judging code
//! uses does not compile either, because it is dead code. So a specs file cannot name a check that nothing makes.

#![deny(dead_code)]

use crate::contract::Check;

/// A check that code in this module makes. Only the constants of this file are rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule(Check);

impl Rule {
    /// The word of the contract.
    pub(super) fn check(self) -> Check {
        self.0
    }
}

macro_rules! rules {
    ($($constant:ident = $check:ident,)*) => {
        $(pub(super) const $constant: Rule = Rule(Check::$check);)*

        const _: fn(Check) = |check| match check {
            $(Check::$check => (),)*
        };
    };
}

rules! {
    SUCCESS_STATUS = SuccessStatus,
    ROOT_ELEMENT = RootElement,
    REQUEST_ID = RequestId,
    REQUEST_ID_UUID = RequestIdUuid,
    ONE_ITEM_PER_INSTANCE = OneItemPerInstance,
    ITEM_MEMBERS = ItemMembers,
    CODE_MATCHES_NAME = CodeMatchesName,
    SUCCESS_CONTENT_TYPE = SuccessContentType,
    XML_DECLARATION = XmlDeclaration,
    REQUEST_ID_HEADER = RequestIdHeader,
    SECURITY_HEADERS = SecurityHeaders,
    SERVER_HEADER = ServerHeader,
    REQUEST_IDS_DIFFER = RequestIdsDiffer,
    ERROR_ENVELOPE = ErrorEnvelope,
    ONE_ERROR = OneError,
    BARE_ERROR_CODE = BareErrorCode,
    ERROR_CONTENT_TYPE = ErrorContentType,
    ERROR_REQUEST_ID_HEADER = ErrorRequestIdHeader,
    WELL_FORMED_ECHO = WellFormedEcho,
    STATUS_CLASS = StatusClass,
    REFUSAL_WITHOUT_SET = RefusalWithoutSet,
    PREVIOUS_STATE = PreviousState,
    SETTLES = Settles,
    STAYS_STOPPED = StaysStopped,
    VISIBLE_AFTER_STOP = VisibleAfterStop,
    TRANSITION_REASON = TransitionReason,
    REASON_TIME = ReasonTime,
    STATE_REASON = StateReason,
    HIBERNATE_REASON = HibernateReason,
    REASON_WHILE_STOPPING = ReasonWhileStopping,
    RUNNING_WITHOUT_REASON = RunningWithoutReason,
    WAITER = Waiter,
    STOP_TIME = StopTime,
    KEEPS_IDENTITY = KeepsIdentity,
    KEEPS_INTERFACES = KeepsInterfaces,
    DESCRIBES_ONLY_REQUESTED = DescribesOnlyRequested,
    STATUS_HIDES_STOPPED = StatusHidesStopped,
    FILTERED_VIEW = FilteredView,
    STATUS_AGREES = StatusAgrees,
    LISTED_BY_PAGES = ListedByPages,
    LAUNCH_OPTIONS = LaunchOptions,
    DESCRIBED_CODE = DescribedCode,
    SPOT_REQUEST_DISABLED = SpotRequestDisabled,
    REASON_UNCHANGED = ReasonUnchanged,
    NAMES_ONE_OFFENDER = NamesOneOffender,
    ONE_TRANSITION = OneTransition,
    ONE_ORDER = OneOrder,
    ENDS_STOPPED = EndsStopped,
    CONTROL_UNCHANGED = ControlUnchanged,
    WHOLE_ANSWER = WholeAnswer,
    WIRE_ANSWERED = WireAnswered,
    WIRE_ENDED = WireEnded,
    WIRE_SAME = WireSame,
    WIRE_NO_EFFECT = WireNoEffect,
    WIRE_IN_TURN = WireInTurn,
    WIRE_REFUSED = WireRefused,
}
