//! What a caller of the reference may choose: the account it plays, its keys, its pace and its rule book.
//!
//! Plain values, built in full by the caller or taken from `Config::default()`. No environment and no file is read.

use super::keys;
use super::variation::{Variation, Variations};

/// Everything that shapes a [`Reference`](super::Reference).
#[derive(Debug, Clone)]
pub struct Config {
    /// Where ids come from: the same seed and the same requests give the same ids.
    pub seed: u64,
    /// The Region played; signatures must be scoped to it.
    pub region: String,
    /// The account that owns everything.
    pub account: String,
    /// The keys that are known; any other is refused.
    pub keys: Vec<AccessKey>,
    /// How successful answers are laid out.
    pub layout: XmlLayout,
    /// How long the transient states last.
    pub delays: Delays,
    /// Whether some mutating calls are refused as too frequent.
    pub throttle: Option<Throttle>,
    /// Which year's behaviour is played.
    pub rules: Rules,
    /// Where it differs from the default in ways that genuine EC2 may, too.
    pub variations: Variations,
}

/// One access key and what its holder may do.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The access key id, the public half.
    pub access_key: String,
    /// The secret half.
    pub secret: String,
    /// The token that must come along, for temporary credentials.
    pub session_token: Option<String>,
    /// From when on the credentials are refused as expired, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// Whether mutating actions are permitted; reading always is.
    pub may_stop: bool,
}

/// White space of successful answers. Errors have always been one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum XmlLayout {
    /// One line after the declaration, as seen since 2025.
    #[default]
    Compact,
    /// Four spaces a level and a final newline, as recorded from 2016 to 2022.
    Indented,
}

/// How long the transient states last, in milliseconds of the time handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// From launch or start to `running`.
    pub pending_ms: u64,
    /// From stop to `stopped`.
    pub stopping_ms: u64,
    /// From a hibernating stop to `stopped`.
    pub hibernating_ms: u64,
    /// From termination of a running instance to `terminated`.
    pub shutting_down_ms: u64,
    /// From `terminated` until the id is unknown.
    pub purge_ms: u64,
    /// From launch until the instance can hibernate.
    pub hibernate_ready_ms: u64,
}

/// A simple throttle, so that clients can be seen to back off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Every so many mutating calls one is refused; zero refuses none.
    pub every: u64,
}

/// The year whose behaviour is played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rules {
    /// Today's service.
    #[default]
    Current,
    /// October 2017: no Spot Instance can be stopped; hibernation, stop protection and `SkipOsShutdown` are unknown.
    October2017,
}

impl Config {
    /// Whether this behaviour differs from the default.
    pub(super) fn varies(&self, variation: Variation) -> bool {
        self.variations.contains(variation)
    }

    /// The delays, with the variations that are about nothing else.
    pub(super) fn delays(&self) -> Delays {
        let mut delays = self.delays;
        for (variation, delay, ms) in [
            (Variation::SlowStops, &mut delays.stopping_ms, 40_000),
            (Variation::HibernationQuick, &mut delays.hibernating_ms, 1_000),
            (
                Variation::HibernationReadyAfter2Minutes,
                &mut delays.hibernate_ready_ms,
                120_000,
            ),
            (Variation::PurgeSoon, &mut delays.purge_ms, 2_000),
        ] {
            if self.varies(variation) {
                *delay = ms;
            }
        }
        delays
    }

    /// For how long descriptions show the world as it was before a change.
    pub(super) fn stale_ms(&self) -> u64 {
        if self.varies(Variation::StaleReads300Ms) {
            300
        } else if self.varies(Variation::StaleReads4S) {
            4_000
        } else {
            0
        }
    }

    /// This moment, or so much later if the variation says so.
    pub(super) fn delayed(&self, variation: Variation, by_ms: u64, now_ms: u64) -> u64 {
        now_ms.saturating_add(if self.varies(variation) { by_ms } else { 0 })
    }

    /// How successful answers are laid out.
    pub(super) fn layout(&self) -> XmlLayout {
        if self.varies(Variation::IndentedLayout) {
            XmlLayout::Indented
        } else {
            self.layout
        }
    }

    /// The list in the order in which it is shown.
    pub(super) fn in_shown_order<T>(&self, mut items: Vec<T>) -> Vec<T> {
        if self.varies(Variation::ItemsReversed) {
            items.reverse();
        }
        items
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            region: "us-east-1".to_owned(),
            account: "111122223333".to_owned(),
            keys: keys::all(),
            layout: XmlLayout::default(),
            delays: Delays::default(),
            throttle: None,
            rules: Rules::default(),
            variations: Variations::default(),
        }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            pending_ms: 2_000,
            stopping_ms: 3_000,
            hibernating_ms: 5_000,
            shutting_down_ms: 2_000,
            purge_ms: 3_600_000,
            hibernate_ready_ms: 6_000,
        }
    }
}
