//! The closed vocabulary in which a contract is written: states, conditions, checks.
//!
//! An unknown word in a specs file is an error, which lists the known words. A new word needs code that gives it
//! meaning; the compiler shows where.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The state of an instance. Finer than on the wire, where a first launch and a restart are both `pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Launched for the first time, not yet running.
    Pending,
    /// Started again after a stop, not yet running.
    Restarting,
    /// Running.
    Running,
    /// In transition to stopped.
    Stopping,
    /// Stopped.
    Stopped,
    /// In transition to terminated.
    ShuttingDown,
    /// Terminated and still visible.
    Terminated,
    /// Terminated and purged: the id is unknown again.
    Gone,
}

impl State {
    /// Every state, in the order of an instance's life.
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

    /// Returns the name on the wire; `Gone` has none.
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

            /// Returns the word in a specs file.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            /// Returns the value for a word, if the word is known.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = Self::ALL.iter().map(|known| known.word()).collect();
                schemars::json_schema!({ "type": "string", "enum": words })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = Cow::<'de, str>::deserialize(deserializer)?;
                let unknown = || D::Error::custom(format!("unknown {} {word:?}", stringify!($name)));
                Self::from_word(&word).ok_or_else(unknown)
            }
        }
    };
}

vocabulary! {
    /// A property of a call, or of an instance that it names, for which the call may be refused.
    Condition {
        /// The request carries no signature.
        Unsigned = "unsigned",
        /// The `Authorization` header is not a signature.
        GarbageSignature = "garbage-signature",
        /// The access key is unknown.
        UnknownKey = "unknown-key",
        /// The signature does not verify.
        WrongSignature = "wrong-signature",
        /// The signature is shorter or longer than a signature is.
        MalformedSignature = "malformed-signature",
        /// The signature is written in upper-case digits.
        UpperCaseSignature = "upper-case-signature",
        /// The request has two `Authorization` headers, one of them with a wrong signature.
        TwoSignatures = "two-signatures",
        /// The date of the credential scope is not that of the time stamp.
        ScopeOfAnotherDate = "scope-of-another-date",
        /// The credential scope is that of another Region or service, or does not end in `aws4_request`.
        OtherScope = "other-scope",
        /// The signature does not cover the `Host` header.
        UnsignedHost = "unsigned-host",
        /// The signature does not cover a header that it should.
        UnsignedHeader = "unsigned-header",
        /// The signature's time stamp is in the future.
        FutureSignature = "future-signature",
        /// The validity of a signature in the query string has passed.
        ExpiredPresignature = "expired-presignature",
        /// The validity of a signature in the query string is not between a second and a week.
        OddValidity = "odd-validity",
        /// The time stamp differs from the time of the service by some minutes.
        SkewedSignature = "skewed-signature",
        /// The session token is missing, or not the one of the credentials.
        WrongToken = "wrong-token",
        /// The signature's time stamp is too old.
        StaleSignature = "stale-signature",
        /// The temporary credentials have expired.
        ExpiredSession = "expired-session",
        /// The caller may not stop instances.
        Denied = "denied",
        /// The signature is in the query string.
        QuerySignature = "query-signature",
        /// The form has empty pairs.
        EmptyPairs = "empty-pairs",
        /// `Action` is absent.
        MissingAction = "missing-action",
        /// `Action` names no action of the service.
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
        /// A parameter that was added to the action after this edition.
        LaterParameter = "later-parameter",
        /// A parameter that is given more than once under one name.
        RepeatedScalar = "repeated-scalar",
        /// A boolean that is neither `true` nor `false`.
        OddBoolean = "odd-boolean",
        /// A list index that is not 1, 2, 3, … without gaps.
        OddIndex = "odd-index",
        /// No instance id.
        NoIds = "no-ids",
        /// The only instance id is the empty string.
        EmptyId = "empty-id",
        /// An id that is clearly not of the form `i-…`.
        MalformedId = "malformed-id",
        /// An empty instance id in addition to others.
        EmptyMember = "empty-member",
        /// An id that begins like a valid one but cannot be valid: 9 to 16 or more than 17 hexadecimal digits, no digit
        /// at all, another character, or `I-` for `i-`.
        ImpossibleId = "impossible-id",
        /// A long id of 17 digits that the endpoint is not known to have issued, or an id that nobody owns with white
        /// space around it. EC2 calls some of these malformed and others unknown, by no known rule.
        UnissuedId = "unissued-id",
        /// A value that is very long, or contains characters beyond printable ASCII.
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
        /// `DryRun=true` for an instance that is stopped or stopping.
        DryRunOfStopped = "dry-run-of-stopped",
        /// More ids than any documentation promises to accept.
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
    /// A check, which judges clauses wherever it applies, in any scenario.
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
        /// The body is well-formed XML even if it echoes text of the request.
        WellFormedEcho = "well-formed-echo",
        /// The status class matches the fault: 4xx for the client's.
        StatusClass = "status-class",
        /// A refusal carries no `instancesSet`.
        RefusalWithoutSet = "refusal-without-set",
        /// `previousState` is the state right before this call.
        PreviousState = "previous-state",
        /// After a stop, the instance reaches `stopped`.
        Settles = "settles",
        /// After a stop, the instance does not run again by itself.
        StaysStopped = "stays-stopped",
        /// After a stop, the instance can be described, as `stopping` or `stopped`.
        VisibleAfterStop = "visible-after-stop",
        /// The text of `reason` after a stop.
        TransitionReason = "transition-reason",
        /// The time in `reason` agrees with the response's `Date`.
        ReasonTime = "reason-time",
        /// `stateReason` after a stop.
        StateReason = "state-reason",
        /// `stateReason` after a hibernating stop.
        HibernateReason = "hibernate-reason",
        /// `reason` and `stateReason` are already present while stopping.
        ReasonWhileStopping = "reason-while-stopping",
        /// A running instance has no reason.
        RunningWithoutReason = "running-without-reason",
        /// The conclusion of the official waiter `InstanceStopped`.
        Waiter = "waiter",
        /// The duration of a stop.
        StopTime = "stop-time",
        /// Id, volumes and private address are kept; the public address is released.
        KeepsIdentity = "keeps-identity",
        /// A stop keeps the network interfaces of an instance.
        KeepsInterfaces = "keeps-interfaces",
        /// A description of named instances shows no other.
        DescribesOnlyRequested = "describes-only-requested",
        /// An answer is a whole HTTP message.
        WholeAnswer = "whole-answer",
        /// `DescribeInstanceStatus` omits a stopped instance by default.
        StatusHidesStopped = "status-hides-stopped",
        /// A description with filters shows the instances that they match.
        FilteredView = "filtered-view",
        /// `DescribeInstanceStatus` shows the states that `DescribeInstances` shows.
        StatusAgrees = "status-agrees",
        /// The pages of a list show each instance once, and come to an end.
        ListedByPages = "listed-by-pages",
        /// An instance has the options that its launch was accepted with.
        LaunchOptions = "launch-options",
        /// The state code in a description is the one of the state name.
        DescribedCode = "described-code",
        /// The Spot request of a stopped instance is disabled.
        SpotRequestDisabled = "spot-request-disabled",
        /// Stopping a stopped instance does not change its reason.
        ReasonUnchanged = "reason-unchanged",
        /// `IncorrectInstanceState` names one instance even if several are in a wrong state.
        NamesOneOffender = "names-one-offender",
        /// Concurrent or repeated stops end in one state, and each instance makes one transition.
        OneTransition = "one-transition",
        /// The answers to overlapping calls fit an order of the calls.
        OneOrder = "one-order",
        /// After repeated stops, an instance is stopped.
        EndsStopped = "ends-stopped",
        /// No refused call, and no case, changes an instance that it was not meant to change.
        ControlUnchanged = "control-unchanged",
        /// A complete request is answered.
        WireAnswered = "wire-answered",
        /// An incomplete or invalid request is answered too, or the connection ends.
        WireEnded = "wire-ended",
        /// A request in another form is answered like its plain form.
        WireSame = "wire-same",
        /// An incomplete or ambiguous request is not carried out.
        WireNoEffect = "wire-no-effect",
        /// Pipelined requests are answered in order.
        WireInTurn = "wire-in-turn",
        /// A request that HTTP requires to be refused is not carried out like a valid one.
        WireRefused = "wire-refused",
    }
}

impl Check {
    /// Whether this check is covered by the wire cases, which are generated and not in any specs file.
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
