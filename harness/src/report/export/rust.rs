//! Exports a finding as a Rust test that uses this library; it fails as long as the finding recurs.
//!
//! ```text
//! const SCENARIO: &str = r#"[[scenario]] …"#;
//!
//! #[test]
//! fn found_dry_run_valid_dry_04() {
//!     let edition = Edition::Current;
//!     let findings = replay::findings_of(SCENARIO, edition, endpoint(edition)).expect("the case is judged");
//!     let found: Vec<_> = findings.iter().filter(|finding| finding.clause.as_str() == "DRY-04" && …).collect();
//!     assert!(found.is_empty(), "{found:#?}");
//! }
//! ```
//!
//! The scenario is embedded as text, so the test keeps its meaning as long as the scenario format can be read.

use super::{Material, commented, scenario};
use crate::contract::{Confidence, Contract, Edition};
use crate::verdict::Verdict;

/// The test, or the reason why there is none.
pub(super) fn export(material: &Material, contract: &Contract) -> Result<String, String> {
    // A case that cannot be read back cannot be played either.
    let text = scenario::export(material, contract)?;
    let case = scenario::named(material);
    let edition = match material.run.edition {
        Edition::Current => "Current",
        Edition::October2017 => "October2017",
    };
    let verdict = match material.finding.verdict {
        Verdict::Pass => "Pass",
        Verdict::Warn => "Warn",
        Verdict::Inconclusive => "Inconclusive",
        Verdict::Fail => "Fail",
    };
    // A clause that decided in the run must decide in the test.
    let least = match material.run.min_confidence {
        Confidence::Contradicted => "Contradicted",
        Confidence::Inferred => "Inferred",
        Confidence::Sibling => "Sibling",
        Confidence::Documented => "Documented",
        Confidence::Recorded => "Recorded",
        Confidence::DocumentedAndRecorded => "DocumentedAndRecorded",
    };
    let scenario = text
        .split_once("[[scenario]]")
        .map_or(text.as_str(), |(_, rest)| rest);
    let fence = fence(scenario);
    let (open, close) = (format!("r{fence}\""), format!("\"{fence}"));
    Ok(format!(
        "{head}//!
//! Exported by stopcheck {version}. Put it under tests/ of a crate that depends on `stopcheck`.

use std::time::Duration;

use stopcheck::contract::{{Confidence, Edition}};
use stopcheck::endpoint::{{Endpoint, HttpOptions}};
use stopcheck::runner::Options;
use stopcheck::sign::Credentials;
use stopcheck::verdict::Verdict;
use stopcheck::{{embedded, replay}};

const SCENARIO: &str = {open}[[scenario]]{scenario}{close};

#[test]
fn {name}() {{
    let edition = Edition::{edition};
    let findings = replay::findings_of(SCENARIO, edition, endpoint(edition)).expect(\"the case is judged\");
    let found: Vec<_> = findings
        .iter()
        .filter(|finding| finding.clause.as_str() == {clause:?} && finding.verdict == Verdict::{verdict})
        .collect();
    assert!(found.is_empty(), \"{{found:#?}}\");
}}

/// The server that AWS_ENDPOINT_URL_EC2 names, with the credentials of the environment, or the embedded reference.
fn endpoint(edition: Edition) -> Options {{
    let mut options = embedded::options(edition);
    options.min_confidence = Confidence::{least};
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(url) = variable(\"AWS_ENDPOINT_URL_EC2\") {{
        options.endpoint = Endpoint::http(HttpOptions {{
            url,
            request_timeout: Duration::from_secs(10),
            max_body: 16 * 1024 * 1024,
            connections: 8,
        }})
        .expect(\"AWS_ENDPOINT_URL_EC2 is a URL\");
        if let Some(region) = variable(\"AWS_REGION\") {{
            options.region = region;
        }}
        options.keys.main = Credentials {{
            access_key: variable(\"AWS_ACCESS_KEY_ID\").expect(\"AWS_ACCESS_KEY_ID is set\"),
            secret: variable(\"AWS_SECRET_ACCESS_KEY\").expect(\"AWS_SECRET_ACCESS_KEY is set\"),
            session_token: variable(\"AWS_SESSION_TOKEN\"),
        }};
    }}
    options
}}
",
        head = commented("//!", &material.summary(contract)),
        version = env!("CARGO_PKG_VERSION"),
        name = identifier(&case.name),
        clause = material.finding.clause.as_str(),
    ))
}

/// Turns the name of a case into the name of a function.
fn identifier(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// As many `#` as a raw string needs to contain the text.
fn fence(text: &str) -> String {
    let mut fence = String::from("#");
    while text.contains(&format!("\"{fence}")) {
        fence.push('#');
    }
    fence
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::contract::embedded;

    #[test]
    fn the_test_among_our_own_is_what_is_written() {
        let contract = embedded(Edition::Current);
        let case = contract
            .scenarios
            .iter()
            .find(|case| case.name == "dry-run/valid")
            .expect("it is one of ours");
        let text = export(&sample(case.clone()), &contract).expect("it can be said");
        // The file is compiled and run with the other tests, so exported code is known to compile and run.
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exported.rs");
        if std::env::var_os("STOPCHECK_WRITE_EXPORTED").is_some() {
            std::fs::write(path, &text).expect("the work tree can be written");
        }
        let ours = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            text == ours,
            "STOPCHECK_WRITE_EXPORTED=1 cargo test writes {path}"
        );
    }

    #[test]
    fn no_text_ends_its_literal() {
        assert_eq!(fence("a"), "#");
        assert_eq!(fence("a\"b"), "#");
        assert_eq!(fence("a\"#b"), "##");
        assert_eq!(fence("a\"##b \"#"), "###");
    }
}
