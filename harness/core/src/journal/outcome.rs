//! How a case ended, and what kept it from being judged, in types.
//!
//! The judge and the runner make an [`Obstacle`] and reporters write it in words ([`crate::words`]). It is about the
//! endpoint or about what the run was given; [`Outcome::Error`] is about us.

use serde::{Deserialize, Serialize};

use super::{AnswerSummary, Excerpt};
use crate::call::Caller;
use crate::contract::{Root, State};
use crate::verdict::Verdict;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase", tag = "outcome")]
pub enum Outcome {
    /// The case was played and judged.
    Judged {
        /// The worst verdict of its steps.
        verdict: Verdict,
    },
    /// The endpoint or the run lacks what the case needs; nothing is concluded.
    Unsupported {
        /// What is missing, and how that was detected.
        obstacle: Obstacle,
    },
    /// The harness failed: transport, request budget, or a bug of ours; nothing is concluded.
    Error {
        /// What failed, and what to do.
        what: String,
    },
}

/// Why a case is unsupported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Obstacle {
    /// The run has no credentials of a caller.
    NoCredentials {
        /// The caller.
        #[serde(rename = "auth")]
        caller: Caller,
    },
    /// The endpoint is not reached over plain HTTP, so raw bytes cannot be sent.
    NoRawSocket,
    /// The endpoint has no image with this root device, and the run names none.
    NoImage {
        /// The root device.
        root: Root,
    },
    /// The case needs more instances at once than the run may have, or they were not free before the time limit.
    TooManyInstances {
        /// How many it needs.
        needed: usize,
        /// The most that may exist at once.
        most: usize,
    },
    /// A fixture would have to be purged, which takes too long to wait for.
    PurgedFixture,
    /// The endpoint does not accept a call that the case needs.
    Refused {
        /// The action.
        action: String,
        /// The answer.
        answer: AnswerSummary,
    },
    /// The answer to RunInstances has no instance.
    NothingLaunched,
    /// A launched instance is described without a property that was requested.
    NotAsRequested {
        /// The property.
        property: LaunchProperty,
        /// What the description has instead; `None` if it has nothing.
        described: Option<Excerpt>,
    },
    /// A Spot Instance is described without its Spot request, which the case needs.
    NoSpotRequest,
    /// A fixture was to be in a transient state, and is in another one.
    SkippedState {
        /// The state.
        state: State,
        /// The action that should lead to it.
        action: String,
        /// The name of the state that was described; empty if there was none.
        described: Excerpt,
    },
    /// An instance did not come to a state while it was waited for.
    NotReached {
        /// The state; `None` if the instance had only to be described.
        state: Option<State>,
        /// The name of the state that was described, empty if there was none; `None` if an instance is not described.
        described: Option<Excerpt>,
        /// The last answer.
        answer: AnswerSummary,
        /// Why the wait was shorter than usual, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<WaitCut>,
    },
}

/// A property that an instance is launched with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LaunchProperty {
    /// A root device of type `ebs`.
    Ebs,
    /// A root device of type `instance-store`.
    InstanceStore,
    /// The lifecycle of an On-Demand Instance.
    OnDemand,
    /// The lifecycle of a Spot Instance.
    Spot,
    /// Configured for hibernation.
    Hibernation,
    /// `disableApiStop`.
    StopProtection,
    /// `disableApiTermination`.
    TerminationProtection,
}

impl LaunchProperty {
    /// The word in a fingerprint.
    pub(super) fn word(self) -> &'static str {
        match self {
            LaunchProperty::Ebs => "ebs",
            LaunchProperty::InstanceStore => "instance-store",
            LaunchProperty::OnDemand => "on-demand",
            LaunchProperty::Spot => "spot",
            LaunchProperty::Hibernation => "hibernation",
            LaunchProperty::StopProtection => "stop-protection",
            LaunchProperty::TerminationProtection => "termination-protection",
        }
    }
}

/// Why a wait was shorter than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WaitCut {
    /// The time limit of the run came.
    TimeLimit,
    /// An earlier wait for the same state has timed out.
    EarlierTimeOut,
}
