//! The plan of a run, for people and for programs: what it launches, how long it takes, what it needs, what it leaves
//! out.
//!
//! Input: an [`Estimate`] and the settings it was made with. Output: a page of text, or JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::text::{fold, plural, some_of, visible};
use crate::contract::{Market, Root};
use crate::journal::Phase;
use crate::plan::estimate::{Estimate, Launches};
use crate::words::{English, Words as _};

mod policy;
mod quotas;

use quotas::Quota;

/// The width of the names on the left.
const NAMES: usize = 13;

/// How many names of cases are shown for a reason.
const SHOWN: usize = 3;

/// A plan with the settings it was made with.
#[derive(Debug)]
pub struct PlanReport {
    /// The URL of the endpoint, or what it is.
    pub endpoint: String,
    /// Whether it looks like real AWS.
    pub is_aws: bool,
    /// The Region.
    pub region: String,
    /// The phases that are not played by default.
    pub phases_left_out: Vec<Phase>,
    /// The longest wait for a state, in milliseconds.
    pub longest_settle_ms: u64,
    /// How long reads may lag behind, in milliseconds.
    pub longest_lag_ms: u64,
    /// The most requests, clean-up not counted.
    pub max_requests: usize,
    /// What is launched, and where.
    pub launching: Launching,
    /// What the plan needs and costs.
    pub estimate: Estimate,
}

/// What instances are launched from, and where.
#[derive(Debug, Serialize)]
pub struct Launching {
    /// The account, if it is named.
    pub account: Option<String>,
    /// The type of all instances.
    pub instance_type: String,
    /// The image with an EBS root, if one is named.
    pub ebs_image: Option<String>,
    /// The image with an instance-store root, if one is named.
    pub instance_store_image: Option<String>,
    /// The subnet, if it is named.
    pub subnet: Option<String>,
}

impl PlanReport {
    /// Writes the plan as text.
    pub fn write(&self, width: usize, out: &mut dyn Write) -> io::Result<()> {
        let estimate = &self.estimate;
        writeln!(
            out,
            "PLAN: {} at {}; nothing is sent yet.",
            plural(estimate.cases, "case"),
            visible(&self.endpoint)
        )?;
        let mut row = |name: &str, text: &str| row(name, text, width, out);
        row("instances", &self.instances())?;
        row("at once", &self.at_once())?;
        let (usual, most) = (&estimate.usual, &estimate.at_most);
        row("time", &format!("about {}, {}", duration(usual.run_ms), CAPTURED))?;
        row(
            "",
            &format!("at most {}, {}", duration(most.run_ms), self.every_wait()),
        )?;
        row(
            "uses",
            &format!("about {} instance-hours", hours(usual.instances_ms)),
        )?;
        row(
            "",
            &format!(
                "at most {} instance-hours; each start counts for a minute at least, as Amazon bills it",
                hours(most.instances_ms)
            ),
        )?;
        if self.max_requests < usize::MAX {
            row(
                "requests",
                &format!("at most {}, and those of the clean-up", self.max_requests),
            )?;
        }
        for left_out in &estimate.left_out {
            let names = left_out.cases.iter().map(String::as_str);
            let why = English.obstacle(&left_out.obstacle);
            let count = plural(left_out.cases.len(), "case");
            let names = some_of(names, SHOWN, left_out.cases.len());
            row("left out", &format!("{count}: {why}: {names}"))?;
        }
        if !self.phases_left_out.is_empty() {
            let names: Vec<&str> = self.phases_left_out.iter().map(|phase| phase.name()).collect();
            let text = format!(
                "the phases {}: on real AWS only those that --phase names are played, and wire never",
                names.join(", ")
            );
            row("left out", &text)?;
        }
        if let Some(scripts) = estimate.random_scripts.filter(|scripts| *scripts > 0) {
            let scripts = match scripts {
                u64::MAX => "random scripts until --max-time has passed".to_owned(),
                scripts => format!("{scripts} random scripts"),
            };
            row(
                "not counted",
                &format!("{scripts}: what they launch is decided during the run"),
            )?;
        }
        if !self.is_aws {
            return Ok(());
        }
        for quota in self.quotas() {
            row("quota", &quota.text())?;
        }
        for note in self.notes() {
            row("note", &note)?;
        }
        writeln!(
            out,
            "\nThe permissions, as an IAM policy (without GetCallerIdentity, which needs none):\n"
        )?;
        self.policy_json(out)
    }

    /// Writes the plan as JSON.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let quotas: Vec<Value> = self.quotas().iter().map(Quota::json).collect();
        let aws = self
            .is_aws
            .then(|| json!({ "quotas": quotas, "policy": self.policy(), "notes": self.notes() }));
        let plan = json!({
            "endpoint": self.endpoint,
            "region": self.region,
            "launching": self.launching,
            "longest_settle_ms": self.longest_settle_ms,
            "longest_lag_ms": self.longest_lag_ms,
            "max_requests": (self.max_requests < usize::MAX).then_some(self.max_requests),
            "phases_left_out": self.phases_left_out,
            "estimate": self.estimate,
            "aws": aws,
        });
        writeln!(out, "{plan:#}")
    }

    fn policy_json(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{:#}", self.policy())
    }

    fn instances(&self) -> String {
        let all = &self.estimate.launches;
        let count: usize = all.iter().map(|one| one.count).sum();
        if count == 0 {
            return "none".to_owned();
        }
        let kinds: Vec<String> = all.iter().map(kind_of).collect();
        let restarts = match self.estimate.restarts {
            0 => String::new(),
            restarts => format!("; {} of them after a stop", plural(restarts, "start")),
        };
        let kinds = kinds.join(", ");
        format!(
            "{count} of type {}: {kinds}{restarts}",
            visible(&self.launching.instance_type)
        )
    }

    fn at_once(&self) -> String {
        match &self.estimate.at_once {
            Some(most) => format!(
                "at most {}: {} On-Demand, {} Spot",
                most.instances, most.on_demand, most.spot
            ),
            None => "not limited: here cases share instances, which are launched in advance".to_owned(),
        }
    }

    fn every_wait(&self) -> String {
        format!(
            "if every wait lasts as long as it may (--settle-timeout {} s and --read-lag {} s)",
            self.longest_settle_ms / 1000,
            self.longest_lag_ms / 1000
        )
    }

    /// What may go wrong on real AWS although the plan is right.
    fn notes(&self) -> Vec<String> {
        let estimate = &self.estimate;
        let has = |wanted: &dyn Fn(&Launches) -> bool| estimate.launches.iter().any(wanted);
        let mut notes = Vec::new();
        if has(&|one| one.hibernation) {
            notes.push(
                "the cases of hibernation are unsupported unless image and type can hibernate; their root volumes are \
                 encrypted with the default key, 30 GiB each"
                    .to_owned(),
            );
        }
        if has(&|one| one.root == Root::InstanceStore) {
            notes.push(
                "images with an instance-store root need one of the older types that still have them"
                    .to_owned(),
            );
        }
        if has(&|one| one.market != Market::OnDemand) {
            notes.push(
                "an account that has never used Spot needs its role first: aws iam create-service-linked-role \
                 --aws-service-name spot.amazonaws.com"
                    .to_owned(),
            );
        }
        if estimate.unknown_ids > 0 {
            notes.push(format!(
                "{} name an instance that does not exist, which has no tag: with the policy below IAM may refuse them \
                 (403 UnauthorizedOperation) before EC2 looks for the instance. A finding of theirs is then about the \
                 policy; in an account of its own, leave the condition of OwnInstances out",
                plural(estimate.unknown_ids, "case")
            ));
        }
        notes
    }
}

const CAPTURED: &str = "if states change as slowly as in the captures of real EC2";

fn kind_of(launches: &Launches) -> String {
    let market = match launches.market {
        Market::OnDemand => "On-Demand",
        Market::OneTimeSpot => "one-time Spot",
        Market::PersistentSpot => "persistent Spot",
    };
    let root = match launches.root {
        Root::Ebs => "",
        Root::InstanceStore => " with instance-store root",
    };
    let hibernation = if launches.hibernation {
        " for hibernation"
    } else {
        ""
    };
    format!("{} {market}{root}{hibernation}", launches.count)
}

/// One row: a name on the left, and a text that is wrapped.
fn row(name: &str, text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut name = name;
    for line in fold(text, width.saturating_sub(NAMES + 2)) {
        writeln!(out, "  {name:<NAMES$}{line}")?;
        name = "";
    }
    Ok(())
}

/// Hours and minutes, rounded up.
fn duration(ms: u64) -> String {
    let minutes = ms.div_ceil(60_000);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Hours with one decimal, rounded up.
fn hours(ms: u64) -> String {
    let tenths = ms.div_ceil(360_000);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "what a JSON value lacks is null")]
mod tests;
