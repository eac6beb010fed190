//! The closed vocabulary in which a contract is written: states, conditions, checks.
//!
//! A word that is not here is an error in a specs file, reported with the known words. Adding a word means adding
//! the code that gives it meaning; the compiler shows where.

use serde::{Deserialize, Serialize};

/// Where an instance can be. Finer than the wire: a first launch and a restart are both `pending` there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Launched for the first time, never yet running.
    Pending,
    /// Started again after a stop, not yet running.
    Restarting,
    /// Running.
    Running,
    /// On its way to stopped.
    Stopping,
    /// Stopped.
    Stopped,
    /// On its way to terminated.
    ShuttingDown,
    /// Terminated and still visible.
    Terminated,
    /// Terminated and purged: the id is unknown again.
    Gone,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [State; 8] = [
        State::Pending,
        State::Restarting,
        State::Running,
        State::Stopping,
        State::Stopped,
        State::ShuttingDown,
        State::Terminated,
        State::Gone,
    ];

    /// The name on the wire; `Gone` has none.
    pub fn wire_name(self) -> Option<&'static str> {
        match self {
            State::Pending | State::Restarting => Some("pending"),
            State::Running => Some("running"),
            State::Stopping => Some("stopping"),
            State::Stopped => Some("stopped"),
            State::ShuttingDown => Some("shutting-down"),
            State::Terminated => Some("terminated"),
            State::Gone => None,
        }
    }
}

macro_rules! vocabulary {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$inner])* $variant,)* }

        impl $name {
            /// Every word of this vocabulary.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word as it stands in a specs file.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            /// The meaning of a word, if it is known.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }
    };
}

vocabulary! {
    /// A circumstance of a call, or of an instance it names, that may have it refused.
    Condition {
        /// The request carries no signature.
        Unsigned = "unsigned",
        /// The `Authorization` header is no signature.
        GarbageSignature = "garbage-signature",
        /// The access key is unknown.
        UnknownKey = "unknown-key",
        /// The signature does not verify.
        WrongSignature = "wrong-signature",
        /// The signature's time stamp is too old.
        StaleSignature = "stale-signature",
        /// The temporary credentials have expired.
        ExpiredSession = "expired-session",
        /// The caller may not stop instances.
        Denied = "denied",
        /// The signature stands in the query string.
        QuerySignature = "query-signature",
        /// `Action` is absent.
        MissingAction = "missing-action",
        /// `Action` names nothing the service has.
        UnknownAction = "unknown-action",
        /// `Action` is a known action in another case.
        MiscasedAction = "miscased-action",
        /// `Version` is absent.
        MissingVersion = "missing-version",
        /// `Version` names no version of the service.
        UnknownVersion = "unknown-version",
        /// A parameter that the action does not have.
        UnknownParameter = "unknown-parameter",
        /// A parameter the action has, spelled in another case.
        MiscasedParameter = "miscased-parameter",
        /// `ClientToken`, which other actions have.
        ClientToken = "client-token",
        /// A parameter that the action got later than this edition.
        LaterParameter = "later-parameter",
        /// A parameter given more than once under one name.
        RepeatedScalar = "repeated-scalar",
        /// A boolean that is neither `true` nor `false`.
        OddBoolean = "odd-boolean",
        /// A list index that is not 1, 2, 3, … without gaps.
        OddIndex = "odd-index",
        /// No instance id at all.
        NoIds = "no-ids",
        /// The only instance id is the empty string.
        EmptyId = "empty-id",
        /// An id that is clearly not of the form `i-…`.
        MalformedId = "malformed-id",
        /// An empty instance id beside others.
        EmptyMember = "empty-member",
        /// An id that begins like one and cannot be one: 9 to 16 or more than 17 hexadecimal digits, no digit at all,
        /// another character, or `I-` for `i-`.
        ImpossibleId = "impossible-id",
        /// A long id of 17 digits that the endpoint is not known to have issued, or an id that nobody owns with white
        /// space around it. EC2 calls some of these malformed and others unknown, and no rule for which is known.
        UnissuedId = "unissued-id",
        /// A value that is very long, or holds characters beyond printable ASCII.
        OddValue = "odd-value",
        /// An existing id with white space around it.
        PaddedId = "padded-id",
        /// An existing id in another case.
        CasedId = "cased-id",
        /// Exactly one id of 1 to 8 digits that nobody owns.
        UnknownId = "unknown-id",
        /// Two or more ids of 1 to 8 digits that nobody owns.
        UnknownIds = "unknown-ids",
        /// The same id twice.
        RepeatedId = "repeated-id",
        /// `DryRun=true`.
        DryRun = "dry-run",
        /// `DryRun=true` for an instance that is stopped, or on its way there.
        DryRunOfStopped = "dry-run-of-stopped",
        /// More ids than anybody promised to read.
        ManyIds = "many-ids",
        /// `SkipOsShutdown` is given.
        SkipOsShutdown = "skip-os-shutdown",
        /// `Force` and `Hibernate` together.
        ForceAndHibernate = "force-and-hibernate",
        /// `SkipOsShutdown` and `Hibernate` together.
        SkipAndHibernate = "skip-and-hibernate",
        /// An instance that has never been running.
        NeverRan = "never-ran",
        /// An instance that is pending after a restart.
        Restarting = "restarting",
        /// An instance that is stopping.
        Stopping = "stopping",
        /// An instance that is stopped.
        Stopped = "stopped",
        /// An instance that is shutting down.
        ShuttingDown = "shutting-down",
        /// An instance that is terminated.
        Terminated = "terminated",
        /// An instance that may have been purged after termination.
        Gone = "gone",
        /// An instance with an instance-store root.
        InstanceStore = "instance-store",
        /// A one-time Spot Instance.
        OneTimeSpot = "one-time-spot",
        /// A persistent Spot Instance.
        PersistentSpot = "persistent-spot",
        /// A persistent Spot Instance whose request was cancelled.
        CancelledSpot = "cancelled-spot",
        /// An instance with stop protection.
        StopProtected = "stop-protected",
        /// `Hibernate=true` for an instance that was not configured for it.
        NotHibernatable = "not-hibernatable",
        /// `Hibernate=true` for an instance that may not be ready for it yet.
        HibernateTooSoon = "hibernate-too-soon",
    }
}

vocabulary! {
    /// A check of the code that judges clauses wherever it applies, whatever the scenario.
    Check {
        /// A success answers 200.
        SuccessStatus = "success-status",
        /// The root element and its namespace.
        RootElement = "root-element",
        /// Exactly one non-empty `requestId`.
        RequestId = "request-id",
        /// The request id is a lower-case UUID.
        RequestIdUuid = "request-id-uuid",
        /// One item for each instance of the call.
        OneItemPerInstance = "one-item-per-instance",
        /// The members of an item.
        ItemMembers = "item-members",
        /// `code` and `name` agree.
        CodeMatchesName = "code-matches-name",
        /// The media type of a success.
        SuccessContentType = "success-content-type",
        /// The XML declaration.
        XmlDeclaration = "xml-declaration",
        /// `x-amzn-requestid` equals the body's request id on success.
        RequestIdHeader = "request-id-header",
        /// `cache-control` and `strict-transport-security`.
        SecurityHeaders = "security-headers",
        /// `Server: AmazonEC2`.
        ServerHeader = "server-header",
        /// No two answers share a request id.
        RequestIdsDiffer = "request-ids-differ",
        /// The error envelope.
        ErrorEnvelope = "error-envelope",
        /// Exactly one `Error`.
        OneError = "one-error",
        /// A code without a prefix.
        BareErrorCode = "bare-error-code",
        /// The media type of an error.
        ErrorContentType = "error-content-type",
        /// `x-amzn-requestid` equals `RequestID` on errors.
        ErrorRequestIdHeader = "error-request-id-header",
        /// A body that is well-formed XML although it echoes text of the request.
        WellFormedEcho = "well-formed-echo",
        /// The status class fits the fault: 4xx for the client's.
        StatusClass = "status-class",
        /// A refusal carries no `instancesSet`.
        RefusalWithoutSet = "refusal-without-set",
        /// `previousState` is the state before this very call.
        PreviousState = "previous-state",
        /// After a stop the instance reaches `stopped`.
        Settles = "settles",
        /// After a stop the instance does not run again by itself.
        StaysStopped = "stays-stopped",
        /// After a stop the instance can be described, in `stopping` or `stopped`.
        VisibleAfterStop = "visible-after-stop",
        /// The text of `reason` after a stop.
        TransitionReason = "transition-reason",
        /// The time in `reason` against the response's `Date`.
        ReasonTime = "reason-time",
        /// `stateReason` after a stop.
        StateReason = "state-reason",
        /// `stateReason` after a hibernating stop.
        HibernateReason = "hibernate-reason",
        /// `reason` and `stateReason` are there already while stopping.
        ReasonWhileStopping = "reason-while-stopping",
        /// A running instance has no reason.
        RunningWithoutReason = "running-without-reason",
        /// What the official waiter `InstanceStopped` would conclude.
        Waiter = "waiter",
        /// How long a stop takes.
        StopTime = "stop-time",
        /// Id, volumes and private address are kept, the public address is released.
        KeepsIdentity = "keeps-identity",
        /// A stop leaves the network interfaces of an instance where they are.
        KeepsInterfaces = "keeps-interfaces",
        /// `DescribeInstanceStatus` leaves a stopped instance out unless asked.
        StatusHidesStopped = "status-hides-stopped",
        /// The Spot request of a stopped instance is disabled.
        SpotRequestDisabled = "spot-request-disabled",
        /// Stopping a stopped instance leaves its reason alone.
        ReasonUnchanged = "reason-unchanged",
        /// `IncorrectInstanceState` names one instance although several offend.
        NamesOneOffender = "names-one-offender",
        /// Concurrent or repeated stops end in one state, and each instance made one transition.
        OneTransition = "one-transition",
        /// After repeated stops an instance is stopped.
        EndsStopped = "ends-stopped",
        /// No refused call, and no case, changed an instance it did not mean.
        ControlUnchanged = "control-unchanged",
        /// A complete request is answered.
        WireAnswered = "wire-answered",
        /// What is no request is answered too, or the connection ends.
        WireEnded = "wire-ended",
        /// A request in another dress is answered like its plain form.
        WireSame = "wire-same",
        /// What is no whole, unambiguous request is not carried out.
        WireNoEffect = "wire-no-effect",
        /// Pipelined requests are answered in their order.
        WireInTurn = "wire-in-turn",
        /// What HTTP has refused is not carried out as if nothing were wrong.
        WireRefused = "wire-refused",
    }
}

impl Check {
    /// Whether the cases of the wire phase show it, which are generated and stand in no specs file.
    pub fn is_on_the_wire(self) -> bool {
        matches!(
            self,
            Check::WireAnswered
                | Check::WireEnded
                | Check::WireSame
                | Check::WireNoEffect
                | Check::WireInTurn
                | Check::WireRefused
        )
    }
}

impl Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
