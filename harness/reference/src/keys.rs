//! The four keys that every default reference knows. They are valid nowhere else.

use super::config::AccessKey;

/// A well-known key, as constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WellKnown {
    /// The access key id.
    pub access_key: &'static str,
    /// The secret access key.
    pub secret: &'static str,
    /// The token of temporary credentials.
    pub session_token: Option<&'static str>,
    /// The time from which it is expired, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// Whether it may do more than read.
    pub may_stop: bool,
}

/// A key that permits everything.
pub const MAIN: WellKnown = WellKnown {
    access_key: "AKIAEXAMPLESTOPCHECK",
    secret: "example-secret-of-the-main-key-not-a-key",
    session_token: None,
    expires_at_ms: None,
    may_stop: true,
};

/// A key that may describe, but not stop.
pub const DENIED: WellKnown = WellKnown {
    access_key: "AKIAEXAMPLEDENIED000",
    secret: "example-secret-of-denied-key-not-a-key00",
    session_token: None,
    expires_at_ms: None,
    may_stop: false,
};

/// Valid temporary credentials.
pub const SESSION: WellKnown = WellKnown {
    access_key: "ASIAEXAMPLESESSION00",
    secret: "example-secret-of-session-key-not-a-key0",
    session_token: Some("example-session-token-not-a-token"),
    expires_at_ms: None,
    may_stop: true,
};

/// Temporary credentials that are expired at any time.
pub const EXPIRED: WellKnown = WellKnown {
    access_key: "ASIAEXAMPLEEXPIRED00",
    secret: "example-secret-of-expired-key-not-a-key0",
    session_token: Some("example-expired-token-not-a-token"),
    expires_at_ms: Some(0),
    may_stop: true,
};

/// All four keys, for a [`Config`](super::Config).
pub fn all() -> Vec<AccessKey> {
    [MAIN, DENIED, SESSION, EXPIRED]
        .iter()
        .map(AccessKey::from)
        .collect()
}

impl From<&WellKnown> for AccessKey {
    fn from(known: &WellKnown) -> Self {
        Self {
            access_key: known.access_key.to_owned(),
            secret: known.secret.to_owned(),
            session_token: known.session_token.map(str::to_owned),
            expires_at_ms: known.expires_at_ms,
            may_stop: known.may_stop,
        }
    }
}
