//! Recorded answers for the tests: unchanged, changed, and with made-up descriptions.

use std::fmt::Write as _;

use crate::contract::{Edition, Recorded, RecordedLook, embedded};

/// The first instance of R01.
pub(super) const R01_ID: &str = "i-03fe236b187a898b6";
/// The instance of R12.
pub(super) const R12_ID: &str = "i-0cfb1e75e74229968";

/// The records that the contract of an edition judges; answers to other actions are only parsed.
pub(super) fn judged(edition: Edition) -> Vec<Recorded> {
    let contract = embedded(edition);
    let is_judged = |recorded: &Recorded| {
        let action = recorded.call.action.as_deref().unwrap_or_default();
        let family = contract.transitions.iter().any(|row| row.action == action);
        // R33 is the answer to an action that does not exist.
        family || recorded.source == "R33"
    };
    contract
        .recorded
        .iter()
        .filter(|one| is_judged(one))
        .cloned()
        .collect()
}

/// The record with this name.
pub(super) fn find(name: &str) -> Recorded {
    let all = embedded(Edition::Current).recorded;
    let found = all.into_iter().find(|recorded| recorded.name == name);
    found.expect("the tests name records")
}

/// A record about a terminated instance, answered as if the instance had been purged.
pub(super) fn purged(name: &str) -> Recorded {
    let (recorded, other) = (find(name), find("r28-one"));
    let id = recorded.fixtures.first().map(|fixture| fixture.id.as_str());
    Recorded {
        body: other.body.replace(R01_ID, id.unwrap_or_default()),
        ..recorded
    }
}

/// A description of one instance, with a reason and a stateReason (without its `Client.`) if they are not empty.
pub(super) fn description(id: &str, state: &str, reason: &str, why: &str) -> String {
    let why = match why.split_once(':') {
        Some((code, _)) => {
            format!("<stateReason><code>Client.{code}</code><message>Client.{why}</message></stateReason>")
        }
        None => String::new(),
    };
    format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <reservationSet><item><instancesSet><item><instanceId>{id}</instanceId><instanceState>\
         <name>{state}</name></instanceState><reason>{reason}</reason>{why}</item></instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>"
    )
}

/// A description of one instance as a record keeps it; parts that the record lacks are left out.
pub(super) fn described(id: &str, look: &RecordedLook) -> String {
    let state = look.state.wire_name().expect("what is described has a state");
    let mut more = String::new();
    if let Some(message) = &look.state_reason {
        let code = message.split_once(':').map_or(message.as_str(), |(code, _)| code);
        let _ = write!(
            more,
            "<stateReason><code>{code}</code><message>{message}</message></stateReason>"
        );
    }
    for (name, ip) in [
        ("privateIpAddress", &look.private_ip),
        ("ipAddress", &look.public_ip),
    ] {
        if let Some(ip) = ip.as_deref().filter(|ip| !ip.is_empty()) {
            let _ = write!(more, "<{name}>{ip}</{name}>");
        }
    }
    let reason = &look.reason;
    let number = look.at.unix_ms() % 1_000_000_000_000;
    format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>00000000-0000-4000-9000-{number:012}</requestId><reservationSet><item><instancesSet><item>\
         <instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState>\
         <reason>{reason}</reason>{more}</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"
    )
}
