//! DRY-04: A dry run changes nothing: the instance stays running.
//!
//! Allowed: a stays running
//!
//! Observed: a: stopping
//!
//! Exported by stopcheck 0.1.0. Put it under tests/ of a crate that depends on `stopcheck`.

use std::time::Duration;

use stopcheck::contract::{Confidence, Edition};
use stopcheck::endpoint::{Endpoint, HttpOptions};
use stopcheck::runner::Options;
use stopcheck::sign::Credentials;
use stopcheck::verdict::Verdict;
use stopcheck::{embedded, replay};

const SCENARIO: &str = r#"[[scenario]]
name = "found/dry-run/valid/dry-04"
purpose = "A dry run is answered by DryRunOperation and changes nothing."
clauses = ["DRY-01", "DRY-02", "DRY-03", "DRY-04", "DRY-05"]
fixtures = { a = "running", control = "running" }
steps = [
  { call = "StopInstances", ids = ["{a}"], dry-run = "true" },
]
"#;

#[test]
fn found_dry_run_valid_dry_04() {
    let edition = Edition::Current;
    let findings = replay::findings_of(SCENARIO, edition, endpoint(edition)).expect("the case is judged");
    let found: Vec<_> = findings
        .iter()
        .filter(|finding| finding.clause.as_str() == "DRY-04" && finding.verdict == Verdict::Fail)
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The server that AWS_ENDPOINT_URL_EC2 names, with the credentials of the environment, or the embedded reference.
fn endpoint(edition: Edition) -> Options {
    let mut options = embedded::options(edition);
    options.min_confidence = Confidence::Documented;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(url) = variable("AWS_ENDPOINT_URL_EC2") {
        options.endpoint = Endpoint::http(HttpOptions {
            url,
            request_timeout: Duration::from_secs(10),
            max_body: 16 * 1024 * 1024,
            connections: 8,
        })
        .expect("AWS_ENDPOINT_URL_EC2 is a URL");
        if let Some(region) = variable("AWS_REGION") {
            options.region = region;
        }
        options.keys.main = Credentials {
            access_key: variable("AWS_ACCESS_KEY_ID").expect("AWS_ACCESS_KEY_ID is set"),
            secret: variable("AWS_SECRET_ACCESS_KEY").expect("AWS_SECRET_ACCESS_KEY is set"),
            session_token: variable("AWS_SESSION_TOKEN"),
        };
    }
    options
}
