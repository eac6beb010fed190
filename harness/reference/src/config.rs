//! Configuration of the reference: account, keys, timing and rules.
//!
//! Plain values, set by the caller or taken from `Config::default()`. No environment variable and no file is read.

use super::keys;
use super::variation::{Variation, Variations};

/// All settings of a [`Reference`](super::Reference).
#[derive(Debug, Clone)]
pub struct Config {
    /// The seed of all ids: the same seed and the same requests give the same ids.
    pub seed: u64,
    /// The simulated Region; signatures must be scoped to it.
    pub region: String,
    /// The account that owns everything.
    pub account: String,
    /// The known keys; any other key is refused.
    pub keys: Vec<AccessKey>,
    /// The XML layout of successful answers.
    pub layout: XmlLayout,
    /// The duration of the transient states.
    pub delays: Delays,
    /// Whether some mutating calls are refused as too frequent.
    pub throttle: Option<Throttle>,
    /// The year whose behaviour is simulated.
    pub rules: Rules,
    /// Deviations from the default that genuine EC2 may show as well.
    pub variations: Variations,
}

/// An access key and the permissions of its holder.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The access key id, the public part.
    pub access_key: String,
    /// The secret access key.
    pub secret: String,
    /// The session token that must be sent with temporary credentials.
    pub session_token: Option<String>,
    /// The time from which the credentials are refused as expired, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// Whether mutating actions are permitted; reading is always permitted.
    pub may_stop: bool,
}

/// White space of successful answers. Errors are always one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum XmlLayout {
    /// One line after the XML declaration, as observed since 2025.
    #[default]
    Compact,
    /// Four spaces per level and a final newline, as recorded from 2016 to 2022.
    Indented,
}

/// The duration of the transient states, in milliseconds of the time that the caller passes in.
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
    /// From launch until the instance is ready to hibernate.
    pub hibernate_ready_ms: u64,
}

impl Delays {
    /// Every transition ends at once; a terminated instance is shown for an hour all the same.
    pub const NONE: Self = Self {
        pending_ms: 0,
        stopping_ms: 0,
        hibernating_ms: 0,
        shutting_down_ms: 0,
        purge_ms: 3_600_000,
        hibernate_ready_ms: 0,
    };
}

/// A simple throttle, for testing that clients back off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// One in this many mutating calls is refused; zero refuses none.
    pub every: u64,
}

/// The year whose behaviour is simulated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rules {
    /// Today's service.
    #[default]
    Current,
    /// October 2017: no Spot Instance can be stopped; hibernation, stop protection and `SkipOsShutdown` are unknown.
    October2017,
}

impl Config {
    /// Whether this variation is switched on.
    pub(super) fn varies(&self, variation: Variation) -> bool {
        self.variations.contains(variation)
    }

    /// The delays, adjusted by the variations that only change a delay.
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

    /// How long descriptions show the state before a change, in milliseconds.
    pub(super) fn stale_ms(&self) -> u64 {
        if self.varies(Variation::StaleReads300Ms) {
            300
        } else if self.varies(Variation::StaleReads4S) {
            4_000
        } else {
            0
        }
    }

    /// The current time, or a later one if the variation is switched on.
    pub(super) fn delayed(&self, variation: Variation, by_ms: u64, now_ms: u64) -> u64 {
        now_ms.saturating_add(if self.varies(variation) { by_ms } else { 0 })
    }

    /// The XML layout of successful answers.
    pub(super) fn layout(&self) -> XmlLayout {
        if self.varies(Variation::IndentedLayout) {
            XmlLayout::Indented
        } else {
            self.layout
        }
    }

    /// Returns the items in the order in which they are shown.
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
