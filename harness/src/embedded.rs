//! The embedded reference as an endpoint. The command and tests of the library judge it if no server is given.
//!
//! Input: an edition. Output: an endpoint with a fresh reference for each case, its keys, and the options of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::contract::{Confidence, Edition};
use crate::endpoint::{Endpoint, Service};
use crate::journal::RunId;
use crate::model::ReadLag;
use crate::reference::keys::{self, WellKnown};
use crate::reference::{Config, Reference, Rules, Variations, XmlLayout};
use crate::report::known::KnownOn;
use crate::runner::{self, Launch, Options, WireOptions};
use crate::sign::{Credentials, Keyring};

/// Returns the options of a run on the reference. Its clock is virtual, so waiting takes no real time.
pub fn options(edition: Edition) -> Options {
    let region = "us-east-1";
    Options {
        run_id: RunId::default(),
        earlier: None,
        endpoint: endpoint(region, edition),
        region: region.to_owned(),
        keys: keyring(),
        renewals: Vec::new(),
        min_confidence: Confidence::default(),
        seed: 0,
        workers: 1,
        open_cases: 1,
        shares_instances: false,
        max_instances: None,
        time_limit: None,
        fail_fast: false,
        known: KnownOn::default(),
        settle_timeout: Duration::from_secs(120),
        read_lag: ReadLag::default(),
        wait: Duration::ZERO,
        longest_pass: Duration::from_millis(50),
        record: false,
        max_requests: usize::MAX,
        request_spacing: Duration::ZERO,
        launch: Launch {
            ebs_image: None,
            instance_store_image: None,
            instance_type: "t3.micro".to_owned(),
            subnet: None,
        },
        overlap_requests: 0,
        account: None,
        identity: None,
        wire: WireOptions {
            endpoint: None,
            time_limit: Duration::from_secs(10),
        },
    }
}

/// Returns the embedded reference as an endpoint, with a fresh reference for each case.
pub fn endpoint(region: &str, edition: Edition) -> Endpoint {
    endpoint_in(region, edition, XmlLayout::default())
}

/// Like [`endpoint()`], with the given XML layout.
pub fn endpoint_in(region: &str, edition: Edition, layout: XmlLayout) -> Endpoint {
    let config = Config {
        region: region.to_owned(),
        rules: rules(edition),
        layout,
        ..Config::default()
    };
    Endpoint::trusting(Arc::new(move |case: &str| -> Service {
        let reference = Arc::new(Reference::new(seeded(&config, case)));
        let trusting = Arc::clone(&reference);
        Service {
            handler: Arc::new(move |request, now_ms| reference.handle(request, now_ms)),
            vouched: Some(Arc::new(move |request, access_key, now_ms| {
                trusting.handle_vouched(request, access_key, now_ms)
            })),
        }
    }))
}

/// Returns an endpoint with variations, with a fresh reference for each case.
///
/// Each request is also sent to a reference without variations, until their answers differ for the first time; then
/// `differs` is set. Request ids and dates are the same in both, so any difference is one of behaviour.
pub fn varied_endpoint(edition: Edition, variations: Variations, differs: Arc<AtomicBool>) -> Endpoint {
    let plain = Config {
        rules: rules(edition),
        ..Config::default()
    };
    let varied = Config {
        variations,
        ..plain.clone()
    };
    Endpoint::trusting(Arc::new(move |case: &str| -> Service {
        let pair = Arc::new(Pair {
            varied: Reference::new(seeded(&varied, case)),
            plain: Reference::new(seeded(&plain, case)),
            differs: Arc::clone(&differs),
        });
        let trusting = Arc::clone(&pair);
        Service {
            handler: Arc::new(move |request, now_ms| pair.both(|one| one.handle(request, now_ms))),
            vouched: Some(Arc::new(move |request, access_key, now_ms| {
                trusting.both(|one| one.handle_vouched(request, access_key, now_ms))
            })),
        }
    }))
}

/// A reference with variations, and one without for comparison.
struct Pair {
    varied: Reference,
    plain: Reference,
    differs: Arc<AtomicBool>,
}

impl Pair {
    fn both(&self, answer: impl Fn(&Reference) -> Response<Bytes>) -> Response<Bytes> {
        let varied = answer(&self.varied);
        if !self.differs.load(Ordering::Relaxed) && !is_same(&answer(&self.plain), &varied) {
            self.differs.store(true, Ordering::Relaxed);
        }
        varied
    }
}

fn is_same(one: &Response<Bytes>, other: &Response<Bytes>) -> bool {
    one.status() == other.status() && one.headers() == other.headers() && one.body() == other.body()
}

fn seeded(config: &Config, case: &str) -> Config {
    Config {
        seed: runner::seed_of(case),
        ..config.clone()
    }
}

/// Returns the behaviour of the reference in an edition.
pub fn rules(edition: Edition) -> Rules {
    match edition {
        Edition::October2017 => Rules::October2017,
        Edition::Current => Rules::Current,
    }
}

/// Returns the keys that the reference knows.
pub fn keyring() -> Keyring {
    let credentials = |key: WellKnown| Credentials {
        access_key: key.access_key.to_owned(),
        secret: key.secret.to_owned(),
        session_token: key.session_token.map(str::to_owned),
    };
    Keyring {
        main: credentials(keys::MAIN),
        denied: Some(credentials(keys::DENIED)),
        session: Some(credentials(keys::SESSION)),
        expired: Some(credentials(keys::EXPIRED)),
    }
}
