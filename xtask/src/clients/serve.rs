//! Starts `stopcheck serve`, and reads the settings that it prints for clients.
//!
//! ```text
//! listening on http://127.0.0.1:40123
//! export AWS_ENDPOINT_URL_EC2=http://127.0.0.1:40123
//! export AWS_ACCESS_KEY_ID=…
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell::{self, Server};
use crate::workspace::Workspace;

/// The settings that a client needs; the last ones are credentials that may describe but not stop.
const NEEDED: &[&str] = &[
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "STOPCHECK_DENIED_ACCESS_KEY_ID",
    "STOPCHECK_DENIED_SECRET_ACCESS_KEY",
];

/// The settings that the example of `ec2-reference` prints.
const EXAMPLE_NEEDS: &[&str] = &[
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
];

const START_LIMIT: Duration = Duration::from_secs(30);

/// The settings, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Exports(BTreeMap<String, String>);

/// Starts the example of `ec2-reference` on a free port and reads what it prints.
pub(super) fn start_example(workspace: &Workspace) -> Result<(Server, Exports)> {
    let mut build = workspace.cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--package",
        "ec2-reference",
        "--example",
        "serve",
    ]);
    shell::run(&mut build)?;
    let mut command = workspace.command(workspace.target("debug/examples/serve"));
    command.arg("0");
    let (server, exports, _) = begin("the example of ec2-reference", command, EXAMPLE_NEEDS)?;
    Ok((server, exports))
}

/// Starts `stopcheck serve` on a free port with more options, and reads what it prints.
pub(crate) fn start(workspace: &Workspace, stopcheck: &Path, options: &[&str]) -> Result<(Server, Exports)> {
    let mut command = workspace.command(stopcheck);
    command.args(["serve", "--port", "0", "--region", "us-east-1"]);
    command.args(options);
    let (server, exports, listening) = begin("stopcheck serve", command, NEEDED)?;
    if exports.0.get("AWS_ENDPOINT_URL_EC2") != listening.as_ref() {
        bail!("`stopcheck serve` says that it listens elsewhere than clients are told");
    }
    println!("serving on {}", listening.unwrap_or_default());
    Ok((server, exports))
}

/// Starts `stopcheck proxy` in front of a served endpoint, and returns the settings of clients that go through it.
pub(super) fn start_proxy(
    workspace: &Workspace,
    stopcheck: &Path,
    exports: &Exports,
) -> Result<(Server, Exports)> {
    const URL: &str = "AWS_ENDPOINT_URL_EC2";
    let upstream = exports.0.get(URL).context("the endpoint has no URL")?;
    let mut command = workspace.command(stopcheck);
    command.args([
        "proxy",
        "--exclusive",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        upstream,
    ]);
    let (server, own, _) = begin("stopcheck proxy", command, &[URL])?;
    let mut through = exports.0.clone();
    through.extend(own.0);
    Ok((server, Exports(through)))
}

/// Starts a server and reads what it prints until it has exported these settings. Also returns where it says, before
/// them, that it listens.
fn begin(name: &str, mut command: Command, needed: &[&str]) -> Result<(Server, Exports, Option<String>)> {
    command.stdout(Stdio::piped());
    let server = Server::start(name, &mut command)?;
    let lines = server.lines()?;
    let deadline = Instant::now() + START_LIMIT;
    let mut exports = Exports::default();
    let mut listening = None;
    while !exports.missing(needed).is_empty() {
        let line = lines
            .next_before(deadline)
            .with_context(|| format!("`{name}` did not print {}", exports.missing(needed).join(", ")))?;
        if let Some(url) = line.strip_prefix("listening on ") {
            listening = Some(url.trim().to_owned());
        }
        exports.read(&line);
    }
    Ok((server, exports, listening))
}

impl Exports {
    /// The settings for an endpoint that accepts any credentials.
    pub(super) fn of(url: &str) -> Exports {
        Exports(
            NEEDED
                .iter()
                .map(|name| {
                    let value = match *name {
                        "AWS_ENDPOINT_URL_EC2" => url,
                        "AWS_REGION" => "us-east-1",
                        "AWS_ACCESS_KEY_ID" => "AKIAIOSFODNN7EXAMPLE",
                        "STOPCHECK_DENIED_ACCESS_KEY_ID" => "AKIAI44QH8DHBEXAMPLE",
                        _ => "not-a-secret",
                    };
                    ((*name).to_owned(), value.to_owned())
                })
                .collect(),
        )
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    pub(super) fn region(&self) -> &str {
        self.0.get("AWS_REGION").map_or("us-east-1", String::as_str)
    }

    /// Reads a line `export NAME=VALUE`, with or without quotes; other lines are ignored.
    fn read(&mut self, line: &str) {
        if let Some((name, value)) = line
            .trim()
            .strip_prefix("export ")
            .and_then(|rest| rest.split_once('='))
        {
            let value = value.trim_matches(['\'', '"']);
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The names among these that have no setting.
    fn missing<'n>(&self, needed: &[&'n str]) -> Vec<&'n str> {
        let names = needed.iter().copied();
        names.filter(|name| !self.0.contains_key(*name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_with_and_without_quotes() {
        let mut exports = Exports::default();
        exports.read("export AWS_REGION=eu-west-1");
        exports.read("export AWS_SECRET_ACCESS_KEY='a=b/c'");
        exports.read("listening on http://127.0.0.1:1");
        assert_eq!(exports.region(), "eu-west-1");
        assert_eq!(
            exports.0.get("AWS_SECRET_ACCESS_KEY").map(String::as_str),
            Some("a=b/c")
        );
        assert_eq!(exports.0.len(), 2);
    }

    #[test]
    fn settings_are_complete_when_nothing_is_missing() {
        let mut exports = Exports::default();
        for name in NEEDED.iter().skip(1) {
            exports.read(&format!("export {name}=x"));
        }
        assert_eq!(exports.missing(NEEDED), ["AWS_ENDPOINT_URL_EC2"]);
        exports.read("export AWS_ENDPOINT_URL_EC2=x");
        assert!(exports.missing(NEEDED).is_empty());
    }
}
