//! The dimensions of a stop and of its instances, and which levels cannot be combined.
//!
//! Level 0 of each dimension is the plain one. A level defines how it changes a [`CaseDraft`], and which effects of
//! other levels stay visible.

use super::CaseDraft;
use crate::call::{Auth, Encoding, Method, Order};
use crate::contract::{Condition, Contract, FixtureKind, Market, Root, State};

/// A property of a call or of its instances that can vary.
pub(super) struct Dimension {
    pub(super) name: &'static str,
    pub(super) levels: &'static [DimensionLevel],
}

/// One value of a dimension.
#[derive(Clone, Copy)]
pub(super) struct DimensionLevel {
    pub(super) word: &'static str,
    pub(super) hides: Hides,
    pub(super) needs: Needs,
    pub(super) set: fn(&mut CaseDraft),
}

/// Which effects of other levels a level hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hides {
    /// None: the call is carried out as it would be without this level.
    Nothing,
    /// Possibly those of other levels: an endpoint may not support this level, or may refuse the call.
    Perhaps,
    /// Those of other levels: the call is refused because of this one.
    Others,
    /// All: the call is refused before anything else is looked at.
    All,
}

/// What an edition must have for a level or a rule to apply.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needs {
    Nothing,
    Parameter(&'static str),
    Refusal(Condition),
}

/// An impossible combination: a level of each of these dimensions at once.
pub(super) struct Rule {
    pub(super) why: &'static str,
    pub(super) needs: Needs,
    pub(super) parts: &'static [(&'static str, &'static [&'static str])],
}

impl Needs {
    pub(super) fn are_met(self, contract: &Contract) -> bool {
        match self {
            Needs::Nothing => true,
            Needs::Parameter(name) => contract
                .parameters
                .iter()
                .any(|parameter| parameter.name == name && parameter.holds),
            Needs::Refusal(condition) => contract
                .refusals
                .iter()
                .any(|refusal| refusal.condition == condition),
        }
    }
}

/// How many good ids a call names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Good {
    /// The target, and this many others.
    And(usize),
    /// None.
    No,
}

/// The position of the odd id in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OddIdPosition {
    Last,
    First,
    AfterFirst,
}

/// Which id is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RepeatedId {
    Never,
    TargetAtEnd,
    TargetAtOnce,
    Odd,
}

const PLAIN: FixtureKind = FixtureKind {
    state: State::Running,
    market: Market::OnDemand,
    root: Root::Ebs,
    stop_protected: false,
    termination_protected: false,
    hibernation: false,
};

const fn level(word: &'static str, hides: Hides, set: fn(&mut CaseDraft)) -> DimensionLevel {
    DimensionLevel {
        word,
        hides,
        needs: Needs::Nothing,
        set,
    }
}

const fn since(needs: Needs, level: DimensionLevel) -> DimensionLevel {
    DimensionLevel { needs, ..level }
}

const HIBERNATE: Needs = Needs::Parameter("Hibernate");
const SKIP: Needs = Needs::Parameter("SkipOsShutdown");
const PROTECTION: Needs = Needs::Refusal(Condition::StopProtected);

/// Adds an instance in this state to the call, in addition to the target.
fn beside(draft: &mut CaseDraft, state: State) {
    beside_kind(draft, FixtureKind { state, ..PLAIN });
}

fn beside_kind(draft: &mut CaseDraft, kind: FixtureKind) {
    draft.odd = &["{mate}"];
    draft.mate = Some(kind);
}

pub(super) const DIMENSIONS: &[Dimension] = &[
    Dimension {
        name: "state",
        levels: &[
            level("running", Hides::Nothing, |_| {}),
            level("stopped", Hides::Nothing, |draft| {
                draft.target.state = State::Stopped;
            }),
            level("stopping", Hides::Perhaps, |draft| {
                draft.target.state = State::Stopping;
            }),
            level("restarting", Hides::Perhaps, |draft| {
                draft.target.state = State::Restarting;
            }),
            level("pending", Hides::Others, |draft| {
                draft.target.state = State::Pending;
            }),
            level("shutting-down", Hides::Others, |draft| {
                draft.target.state = State::ShuttingDown;
            }),
            level("terminated", Hides::Others, |draft| {
                draft.target.state = State::Terminated;
            }),
        ],
    },
    Dimension {
        name: "market",
        levels: &[
            level("on-demand", Hides::Nothing, |_| {}),
            level("persistent-spot", Hides::Perhaps, |draft| {
                draft.target.market = Market::PersistentSpot;
            }),
            level("one-time-spot", Hides::Others, |draft| {
                draft.target.market = Market::OneTimeSpot;
            }),
        ],
    },
    Dimension {
        name: "root",
        levels: &[
            level("ebs", Hides::Nothing, |_| {}),
            level("instance-store", Hides::Others, |draft| {
                draft.target.root = Root::InstanceStore;
            }),
        ],
    },
    Dimension {
        name: "stop-protection",
        levels: &[
            level("off", Hides::Nothing, |_| {}),
            since(
                PROTECTION,
                level("on", Hides::Others, |draft| draft.target.stop_protected = true),
            ),
        ],
    },
    Dimension {
        name: "termination-protection",
        levels: &[
            level("off", Hides::Nothing, |_| {}),
            level("on", Hides::Nothing, |draft| {
                draft.target.termination_protected = true;
            }),
        ],
    },
    Dimension {
        name: "hibernation",
        levels: &[
            level("not-configured", Hides::Nothing, |_| {}),
            since(
                HIBERNATE,
                level("configured", Hides::Nothing, |draft| {
                    draft.target.hibernation = true;
                }),
            ),
        ],
    },
    Dimension {
        name: "Force",
        levels: &[
            level("absent", Hides::Nothing, |_| {}),
            level("false", Hides::Nothing, |draft| draft.force = Some("false")),
            level("true", Hides::Nothing, |draft| draft.force = Some("true")),
        ],
    },
    Dimension {
        name: "DryRun",
        levels: &[
            level("absent", Hides::Nothing, |_| {}),
            level("false", Hides::Nothing, |draft| draft.dry_run = Some("false")),
            level("true", Hides::Others, |draft| draft.dry_run = Some("true")),
        ],
    },
    Dimension {
        name: "Hibernate",
        levels: &[
            level("absent", Hides::Nothing, |_| {}),
            since(
                HIBERNATE,
                level("false", Hides::Nothing, |draft| {
                    draft.hibernate = Some("false");
                }),
            ),
            since(
                HIBERNATE,
                level("true", Hides::Perhaps, |draft| draft.hibernate = Some("true")),
            ),
            since(
                HIBERNATE,
                level("true-unprepared", Hides::Others, |draft| {
                    draft.hibernate = Some("true");
                }),
            ),
            since(
                HIBERNATE,
                level("true-unprepared-mate", Hides::Others, |draft| {
                    draft.hibernate = Some("true");
                    draft.unprepared_mate = true;
                }),
            ),
        ],
    },
    Dimension {
        name: "SkipOsShutdown",
        levels: &[
            level("absent", Hides::Nothing, |_| {}),
            since(
                SKIP,
                level("false", Hides::Perhaps, |draft| draft.skip = Some("false")),
            ),
            since(
                SKIP,
                level("true", Hides::Perhaps, |draft| draft.skip = Some("true")),
            ),
        ],
    },
    Dimension {
        name: "method",
        levels: &[
            level("POST", Hides::Nothing, |_| {}),
            level("GET", Hides::Nothing, |draft| draft.form.method = Method::Get),
        ],
    },
    Dimension {
        name: "encoding",
        levels: &[
            level("standard", Hides::Nothing, |_| {}),
            level("plus-for-space", Hides::Nothing, |draft| {
                draft.form.encoding = Encoding::PlusForSpace;
            }),
            level("every-byte", Hides::Nothing, |draft| {
                draft.form.encoding = Encoding::EveryByte;
            }),
        ],
    },
    Dimension {
        name: "order",
        levels: &[
            level("action-first", Hides::Nothing, |_| {}),
            level("action-last", Hides::Nothing, |draft| {
                draft.form.order = Order::ActionLast;
            }),
            level("sorted", Hides::Nothing, |draft| {
                draft.form.order = Order::Sorted;
            }),
            level("reversed", Hides::Nothing, |draft| {
                draft.form.order = Order::Reversed;
            }),
        ],
    },
    Dimension {
        name: "auth",
        levels: &[
            level("header", Hides::Nothing, |_| {}),
            level("query", Hides::Perhaps, |draft| draft.form.auth = Auth::Query),
            level("session", Hides::Perhaps, |draft| draft.form.auth = Auth::Session),
            level("unsigned", Hides::All, |draft| draft.form.auth = Auth::Unsigned),
            level("garbage", Hides::All, |draft| draft.form.auth = Auth::Garbage),
            level("unknown-key", Hides::All, |draft| {
                draft.form.auth = Auth::UnknownKey;
            }),
            level("wrong-signature", Hides::All, |draft| {
                draft.form.auth = Auth::WrongSignature;
            }),
            level("stale", Hides::All, |draft| draft.form.auth = Auth::Stale),
            level("expired-session", Hides::All, |draft| {
                draft.form.auth = Auth::ExpiredSession;
            }),
            level("denied", Hides::All, |draft| draft.form.auth = Auth::Denied),
        ],
    },
    Dimension {
        name: "good-ids",
        levels: &[
            level("one", Hides::Nothing, |_| {}),
            level("two", Hides::Nothing, |draft| draft.good = Good::And(1)),
            // An account may not be allowed this many instances.
            level("ten", Hides::Perhaps, |draft| draft.good = Good::And(9)),
            level("none", Hides::Nothing, |draft| draft.good = Good::No),
            level("no-id-at-all", Hides::Others, |draft| draft.good = Good::No),
        ],
    },
    Dimension {
        name: "odd-id",
        levels: &[
            level("none", Hides::Nothing, |_| {}),
            level("stopped-mate", Hides::Nothing, |draft| {
                beside(draft, State::Stopped);
            }),
            level("stopping-mate", Hides::Perhaps, |draft| {
                beside(draft, State::Stopping);
            }),
            level("persistent-spot-mate", Hides::Perhaps, |draft| {
                let market = Market::PersistentSpot;
                beside_kind(draft, FixtureKind { market, ..PLAIN });
            }),
            level("unknown", Hides::Others, |draft| draft.odd = &["{unknown}"]),
            level("long", Hides::Others, |draft| draft.odd = &["{long}"]),
            level("two-unknown", Hides::Others, |draft| {
                draft.odd = &["{unknown}", "{unknown2}"];
            }),
            level("malformed", Hides::Others, |draft| draft.odd = &["ma1"]),
            level("impossible", Hides::Others, |draft| draft.odd = &["i-zzzzzzzz"]),
            level("empty", Hides::Others, |draft| draft.odd = &[""]),
            level("padded", Hides::Others, |draft| {
                beside(draft, State::Running);
                draft.odd = &["{mate} "];
            }),
            level("upper-case", Hides::Others, |draft| {
                beside(draft, State::Running);
                draft.odd = &["{mate.upper}"];
            }),
            level("terminated-mate", Hides::Others, |draft| {
                beside(draft, State::Terminated);
            }),
            level("shutting-down-mate", Hides::Others, |draft| {
                beside(draft, State::ShuttingDown);
            }),
            level("pending-mate", Hides::Others, |draft| {
                beside(draft, State::Pending);
            }),
            since(
                PROTECTION,
                level("protected-mate", Hides::Others, |draft| {
                    let stop_protected = true;
                    beside_kind(
                        draft,
                        FixtureKind {
                            stop_protected,
                            ..PLAIN
                        },
                    );
                }),
            ),
            level("instance-store-mate", Hides::Others, |draft| {
                let root = Root::InstanceStore;
                beside_kind(draft, FixtureKind { root, ..PLAIN });
            }),
            level("one-time-spot-mate", Hides::Others, |draft| {
                let market = Market::OneTimeSpot;
                beside_kind(draft, FixtureKind { market, ..PLAIN });
            }),
        ],
    },
    Dimension {
        name: "position",
        levels: &[
            level("last", Hides::Nothing, |_| {}),
            level("first", Hides::Nothing, |draft| {
                draft.place = OddIdPosition::First;
            }),
            level("after-first", Hides::Nothing, |draft| {
                draft.place = OddIdPosition::AfterFirst;
            }),
        ],
    },
    Dimension {
        name: "repeated",
        levels: &[
            level("none", Hides::Nothing, |_| {}),
            level("target-at-end", Hides::Nothing, |draft| {
                draft.again = RepeatedId::TargetAtEnd;
            }),
            level("target-at-once", Hides::Nothing, |draft| {
                draft.again = RepeatedId::TargetAtOnce;
            }),
            level("odd-id", Hides::Nothing, |draft| draft.again = RepeatedId::Odd),
        ],
    },
];

const fn rule(why: &'static str, parts: &'static [(&'static str, &'static [&'static str])]) -> Rule {
    Rule {
        why,
        needs: Needs::Nothing,
        parts,
    }
}

const ONCE_DOWN: &[&str] = &["stopping", "stopped", "restarting"];
const ENDING: &[&str] = &["shutting-down", "terminated"];
const SPOT: &[&str] = &["persistent-spot", "one-time-spot"];
const HIBERNATES: &[&str] = &["true", "true-unprepared", "true-unprepared-mate"];
const NOT_NAMED: &[&str] = &["none", "no-id-at-all"];

/// Combinations that cannot be set up or make no sense. `gone` is not a level of the state, since no case can wait for
/// it.
pub(super) const RULES: &[Rule] = &[
    rule(
        "an instance-store instance was never stopped",
        &[("root", &["instance-store"]), ("state", ONCE_DOWN)],
    ),
    rule(
        "a one-time Spot Instance was never stopped",
        &[("market", &["one-time-spot"]), ("state", ONCE_DOWN)],
    ),
    Rule {
        why: "in this edition no Spot Instance was ever stopped",
        needs: Needs::Refusal(Condition::PersistentSpot),
        parts: &[("market", &["persistent-spot"]), ("state", ONCE_DOWN)],
    },
    rule(
        "the request of a persistent Spot Instance that is terminated launches another one",
        &[("market", &["persistent-spot"]), ("state", ENDING)],
    ),
    rule(
        "stop protection keeps an instance from being stopped first",
        &[("stop-protection", &["on"]), ("state", ONCE_DOWN)],
    ),
    rule(
        "stop protection may keep an instance from being terminated",
        &[("stop-protection", &["on"]), ("state", ENDING)],
    ),
    rule(
        "a protection keeps an instance from being terminated",
        &[("termination-protection", &["on"]), ("state", ENDING)],
    ),
    // User guide: stop protection is not for Spot Instances and instance-store instances.
    rule(
        "no Spot Instance has stop protection",
        &[("stop-protection", &["on"]), ("market", SPOT)],
    ),
    rule(
        "no instance-store instance has stop protection",
        &[("stop-protection", &["on"]), ("root", &["instance-store"])],
    ),
    rule(
        "hibernation needs an EBS root",
        &[("hibernation", &["configured"]), ("root", &["instance-store"])],
    ),
    // Documented since 2020-03-10: this action does not hibernate Spot Instances. How the call is refused is not known.
    rule(
        "no Spot Instance is hibernated by a stop",
        &[("hibernation", &["configured"]), ("market", SPOT)],
    ),
    rule(
        "no Spot Instance is hibernated by a stop",
        &[("Hibernate", HIBERNATES), ("market", SPOT)],
    ),
    rule(
        "no Spot Instance is hibernated by a stop",
        &[
            ("Hibernate", HIBERNATES),
            ("odd-id", &["persistent-spot-mate", "one-time-spot-mate"]),
        ],
    ),
    rule(
        "this level is for instances that are configured for it",
        &[
            ("Hibernate", &["true", "true-unprepared-mate"]),
            ("hibernation", &["not-configured"]),
        ],
    ),
    rule(
        "this level is for instances that are not configured for it",
        &[
            ("Hibernate", &["true-unprepared"]),
            ("hibernation", &["configured"]),
        ],
    ),
    rule(
        "there is no mate that could be unprepared",
        &[
            ("Hibernate", &["true-unprepared-mate"]),
            ("good-ids", &["one", "none", "no-id-at-all"]),
        ],
    ),
    rule(
        "of two that move, one is gone before the other is there",
        &[
            ("state", &["pending", "restarting", "stopping", "shutting-down"]),
            ("odd-id", &["pending-mate", "stopping-mate", "shutting-down-mate"]),
        ],
    ),
    rule(
        "nobody names the target",
        &[
            ("good-ids", NOT_NAMED),
            (
                "state",
                &[
                    "stopped",
                    "stopping",
                    "restarting",
                    "pending",
                    "shutting-down",
                    "terminated",
                ],
            ),
        ],
    ),
    rule(
        "nobody names the target",
        &[("good-ids", NOT_NAMED), ("market", SPOT)],
    ),
    rule(
        "nobody names the target",
        &[("good-ids", NOT_NAMED), ("root", &["instance-store"])],
    ),
    rule(
        "nobody names the target",
        &[("good-ids", NOT_NAMED), ("stop-protection", &["on"])],
    ),
    rule(
        "nobody names the target",
        &[("good-ids", NOT_NAMED), ("termination-protection", &["on"])],
    ),
    rule(
        "nobody names the target",
        &[
            ("good-ids", NOT_NAMED),
            ("repeated", &["target-at-end", "target-at-once"]),
        ],
    ),
    rule(
        "no instance is named at all",
        &[("good-ids", &["no-id-at-all"]), ("hibernation", &["configured"])],
    ),
    rule(
        "no id at all is another level",
        &[("good-ids", &["none"]), ("odd-id", &["none"])],
    ),
    rule(
        "there is an id after all",
        &[
            ("good-ids", &["no-id-at-all"]),
            (
                "odd-id",
                &[
                    "stopped-mate",
                    "stopping-mate",
                    "persistent-spot-mate",
                    "unknown",
                    "long",
                    "two-unknown",
                    "malformed",
                    "impossible",
                    "empty",
                    "padded",
                    "upper-case",
                    "terminated-mate",
                    "shutting-down-mate",
                    "pending-mate",
                    "protected-mate",
                    "instance-store-mate",
                    "one-time-spot-mate",
                ],
            ),
        ],
    ),
    rule(
        "there is no odd id",
        &[("odd-id", &["none"]), ("repeated", &["odd-id"])],
    ),
    rule(
        "there is no odd id",
        &[("odd-id", &["none"]), ("position", &["first", "after-first"])],
    ),
    rule(
        "it stands alone",
        &[("good-ids", &["none"]), ("position", &["first", "after-first"])],
    ),
    rule(
        "after the first of one is last",
        &[("good-ids", &["one"]), ("position", &["after-first"])],
    ),
    rule(
        "at once after the only one is at the end",
        &[
            ("good-ids", &["one"]),
            ("odd-id", &["none"]),
            ("repeated", &["target-at-once"]),
        ],
    ),
];
