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
    /// How long changes take and stay unseen.
    pub delays: Delays,
    /// Which calls are refused as too frequent, if any.
    pub throttle: Option<Throttle>,
    /// How the end of an answer is marked.
    pub framing: Framing,
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

/// A range of durations, in milliseconds. Each time, the seed chooses one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub(super) least_ms: u64,
    pub(super) most_ms: u64,
}

impl Span {
    /// The same duration each time.
    pub const fn exactly(ms: u64) -> Self {
        Self::between(ms, ms)
    }

    /// Any duration from the first to the second, both included.
    pub const fn between(least_ms: u64, most_ms: u64) -> Self {
        Self { least_ms, most_ms }
    }
}

/// How long changes take and stay unseen, by the time that the caller passes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// From launch to `running`.
    pub launching: Span,
    /// From start to `running`.
    pub starting: Span,
    /// From stop to `stopped`.
    pub stopping: Span,
    /// From a stop with `SkipOsShutdown` to `stopped`.
    pub skipping_shutdown: Span,
    /// From a hibernating stop to `stopped`.
    pub hibernating: Span,
    /// From termination of an instance that is not stopped to `terminated`.
    pub shutting_down: Span,
    /// From termination of a stopped instance to `terminated`.
    pub removing_stopped: Span,
    /// How long descriptions show the state before a change.
    pub stale: Span,
    /// How long every call that names a new instance answers that there is none.
    pub invisible: Span,
    /// From `terminated` until the id is unknown.
    pub purge_ms: u64,
    /// From launch until the instance is ready to hibernate.
    pub hibernate_ready_ms: u64,
}

impl Delays {
    /// Every transition ends at once; a terminated instance is shown for an hour all the same.
    pub const NONE: Self = Self {
        launching: Span::exactly(0),
        starting: Span::exactly(0),
        stopping: Span::exactly(0),
        skipping_shutdown: Span::exactly(0),
        hibernating: Span::exactly(0),
        shutting_down: Span::exactly(0),
        removing_stopped: Span::exactly(0),
        stale: Span::exactly(0),
        invisible: Span::exactly(0),
        purge_ms: 3_600_000,
        hibernate_ready_ms: 0,
    };

    /// What was captured of the real service in September 2026. Looks were some seconds apart, so the borders are those
    /// of the brackets.
    pub const LIKE_AWS: Self = Self {
        launching: Span::between(2_000, 8_400),
        starting: Span::between(4_500, 11_000),
        stopping: Span::between(5_200, 37_400),
        skipping_shutdown: Span::between(200, 5_400),
        hibernating: Span::between(5_400, 21_100),
        shutting_down: Span::between(16_000, 47_000),
        removing_stopped: Span::between(5_000, 11_000),
        // Of 28 looks a quarter of a second after a change 26 were stale, and none after four seconds.
        stale: Span::between(0, 3_900),
        invisible: Span::between(0, 200),
        purge_ms: 3_600_000,
        // Refused up to 118.5 s after the launch, and accepted from 119.7 s on.
        hibernate_ready_ms: 119_000,
    };
}

/// Which calls are refused as too frequent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// One in this many mutating calls, for testing that clients back off; zero refuses none.
    Every(u64),
    /// Those that find the token bucket of their action empty, as Amazon documents it.
    TokenBuckets,
}

/// How the end of an answer is marked, and which answers close the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// A length; connections stay open.
    #[default]
    Lengths,
    /// As captured: errors and long answers in chunks, and 400 and 403 close the connection.
    AsCaptured,
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
    /// The default with the timing, the throttle and the connections of the real service, as captured and documented.
    pub fn like_aws() -> Self {
        Self {
            delays: Delays::LIKE_AWS,
            throttle: Some(Throttle::TokenBuckets),
            framing: Framing::AsCaptured,
            ..Self::default()
        }
    }

    /// Whether this variation is switched on.
    pub(super) fn varies(&self, variation: Variation) -> bool {
        self.variations.contains(variation)
    }

    /// The delays, adjusted by the variations that only change a delay.
    pub(super) fn delays(&self) -> Delays {
        let mut delays = self.delays;
        for (variation, span, ms) in [
            (Variation::SlowStops, &mut delays.stopping, 40_000),
            (Variation::HibernationQuick, &mut delays.hibernating, 1_000),
        ] {
            if self.varies(variation) {
                *span = Span::exactly(ms);
            }
        }
        for (variation, delay, ms) in [
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
        if let Some(ms) = self.stale_descriptions_ms() {
            delays.stale = Span::exactly(ms);
        }
        delays
    }

    /// How long descriptions show what was before a change or a launch, if a variation says so.
    pub(super) fn stale_descriptions_ms(&self) -> Option<u64> {
        if self.varies(Variation::StaleReads300Ms) {
            Some(300)
        } else if self.varies(Variation::StaleReads4S) {
            Some(4_000)
        } else {
            None
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
            framing: Framing::default(),
            rules: Rules::default(),
            variations: Variations::default(),
        }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            launching: Span::exactly(2_000),
            starting: Span::exactly(2_000),
            stopping: Span::exactly(3_000),
            skipping_shutdown: Span::exactly(3_000),
            hibernating: Span::exactly(5_000),
            shutting_down: Span::exactly(2_000),
            removing_stopped: Span::exactly(2_000),
            stale: Span::exactly(0),
            invisible: Span::exactly(0),
            purge_ms: 3_600_000,
            hibernate_ready_ms: 6_000,
        }
    }
}
