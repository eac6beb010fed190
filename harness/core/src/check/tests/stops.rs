//! The table of verdicts about an accepted stop: how long it takes, how descriptions show it, and what it must keep.

use super::verdicts::{Table, observations, said};
use super::*;

/// One description of `a`: when it was requested, and what it says.
type Look = (u64, Reply);

const USER: &str = "<reason>User initiated (2026-11-29 00:00:05 GMT)</reason>\
    <stateReason><code>Client.UserInitiatedShutdown</code><message>Client.UserInitiatedShutdown: User initiated \
    shutdown</message></stateReason>";

fn look(at_ms: u64, state: &str, more: &str) -> Look {
    let body = format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>{A}</instanceId>\
         <instanceState><name>{state}</name></instanceState>{more}</item></instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    );
    (at_ms, ok(&body))
}

fn nobody(at_ms: u64) -> Look {
    (
        at_ms,
        ok("<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"),
    )
}

fn stopped_by(call: &Call, previous: &str, current: &str, date: &str) -> Reply {
    let action = call.action.as_deref().unwrap_or_default();
    let body = format!(
        "<{action}Response><instancesSet><item><instanceId>{A}</instanceId><currentState><name>{current}</name>\
         </currentState><previousState><name>{previous}</name></previousState></item></instancesSet></{action}Response>"
    );
    let response = Response::builder().header("Date", date).body(body.into());
    decode(response.expect("the date is a header value"))
}

const DATE: &str = "Sun, 29 Nov 2026 00:00:00 GMT";

/// The results for these descriptions during a wait until `a` is stopped, after a first description and a stop at
/// moment 0.
fn settled(kind: FixtureKind, first: &Look, params: &[(&str, &str)], date: &str, looks: &[Look]) -> String {
    let mut case = case_of(kind);
    let describe = Call::new("DescribeInstances", [("InstanceId.1", A)]);
    let stop = Call::new(
        "StopInstances",
        [("InstanceId.1", A)].into_iter().chain(params.iter().copied()),
    );
    case.judge(
        &started(1, Intent::Observe),
        &at(&describe, std::slice::from_ref(first)),
    );
    let (previous, current) = match kind.state {
        State::Stopped => ("stopped", "stopped"),
        _ => ("running", "stopping"),
    };
    let answer = stopped_by(&stop, previous, current, date);
    case.judge(
        &started(2, Intent::Call),
        &[observations(Role::Act, &stop, &answer)],
    );
    let settle = Intent::Settle {
        ids: vec![A.to_owned()],
        state: "stopped".to_owned(),
    };
    let settled = said(&case.judge(&started(3, settle), &at(&describe, looks)));
    match looks.last() {
        // Describe the instance once more, for what only a second description shows.
        Some(last) => {
            let again = case.judge(
                &started(4, Intent::Observe),
                &at(&describe, std::slice::from_ref(last)),
            );
            format!("{settled}; then {}", said(&again))
        }
        None => settled,
    }
}

fn at(call: &Call, looks: &[Look]) -> Vec<Observation> {
    looks
        .iter()
        .map(|(at_ms, reply)| seen(Role::Look, call, Some(reply), *at_ms))
        .collect()
}

#[test]
fn what_is_said_of_the_time_a_stop_takes() {
    let mut table = Table::default();
    let running = FixtureKind::default();
    let before = look(0, "running", "");
    let mut rows = Vec::new();
    for at_ms in [1_000, 59_999, 60_000, 599_999, 600_000] {
        for state in ["running", "stopping", "stopped", "terminated"] {
            let more = if state == "running" { "" } else { USER };
            rows.push((
                format!("{state} after {at_ms} ms"),
                vec![look(at_ms, state, more)],
            ));
        }
        rows.push((format!("nobody after {at_ms} ms"), vec![nobody(at_ms)]));
    }
    rows.extend([
        ("no look".to_owned(), vec![]),
        (
            "running, stopping, stopped".to_owned(),
            vec![
                look(1_000, "running", ""),
                look(2_000, "stopping", USER),
                look(3_000, "stopped", USER),
            ],
        ),
        (
            "stopping, running".to_owned(),
            vec![look(1_000, "stopping", USER), look(2_000, "running", "")],
        ),
        (
            "stopping, running, stopped".to_owned(),
            vec![
                look(1_000, "stopping", USER),
                look(2_000, "running", ""),
                look(3_000, "stopped", USER),
            ],
        ),
        (
            "terminated, stopped".to_owned(),
            vec![look(1_000, "terminated", USER), look(3_000, "stopped", USER)],
        ),
    ]);
    let rows: Vec<(String, Vec<Look>)> = rows;
    table.rows(
        "running, stopped at 0 ms",
        rows.iter()
            .map(|(name, looks)| (name.clone(), settled(running, &before, &[], DATE, looks))),
    );
    let stopped = FixtureKind {
        state: State::Stopped,
        ..running
    };
    let before = look(0, "stopped", USER);
    table.rows(
        "stopped already",
        rows.iter()
            .map(|(name, looks)| (name.clone(), settled(stopped, &before, &[], DATE, looks))),
    );
    insta::assert_snapshot!(table.text());
}

#[test]
fn what_is_said_of_how_a_stop_is_told() {
    let mut table = Table::default();
    let reason = |text: &str, code: &str, message: &str| {
        format!(
            "<reason>{text}</reason><stateReason><code>{code}</code><message>{message}</message></stateReason>"
        )
    };
    let (time, shutdown, hibernate) = (
        "User initiated (2026-11-29 00:00:05 GMT)",
        "Client.UserInitiatedShutdown",
        "Client.UserInitiatedHibernate",
    );
    let (shut, slept) = (
        "Client.UserInitiatedShutdown: User initiated shutdown",
        "Client.UserInitiatedHibernate: User initiated hibernate",
    );
    let tellings = [
        ("as recorded", reason(time, shutdown, shut)),
        ("as recorded of a hibernation", reason(time, hibernate, slept)),
        ("another message", reason(time, shutdown, "gone")),
        ("another code", reason(time, "Server.Gone", shut)),
        (
            "six seconds later",
            reason("User initiated (2026-11-29 00:00:06 GMT)", shutdown, shut),
        ),
        (
            "another form of time",
            reason("User initiated (2026-11-29T00:00:05Z)", shutdown, shut),
        ),
        ("another reason", reason("Stopped", shutdown, shut)),
        ("no reason", reason("", shutdown, shut)),
        ("only a reason", format!("<reason>{time}</reason>")),
        ("nothing", String::new()),
    ];
    let hibernatable = FixtureKind {
        hibernation: true,
        ..FixtureKind::default()
    };
    let before = look(0, "running", "");
    for params in [
        &[][..],
        &[("Hibernate", "true")],
        &[("Hibernate", "true"), ("Force", "true")],
        &[("Hibernate", "true"), ("SkipOsShutdown", "true")],
        &[("Hibernate", "perhaps")],
    ] {
        for date in [DATE, "no date"] {
            for state in ["stopping", "stopped"] {
                let rows = tellings.iter().map(|(name, more)| {
                    let looks = [look(1_000, state, more)];
                    (
                        (*name).to_owned(),
                        settled(hibernatable, &before, params, date, &looks),
                    )
                });
                let params: Vec<String> = params
                    .iter()
                    .map(|(name, value)| format!(" {name}={value}"))
                    .collect();
                table.rows(&format!("{state}{} · Date: {date}", params.concat()), rows);
            }
        }
    }
    insta::assert_snapshot!(table.text());
}

#[test]
fn what_is_said_of_what_a_stop_leaves() {
    let parts = |root: &str, private: &str, public: &str, volumes: &[&str]| {
        let volumes: String = volumes
            .iter()
            .map(|id| format!("<item><ebs><volumeId>{id}</volumeId></ebs></item>"))
            .collect();
        format!(
            "<rootDeviceType>{root}</rootDeviceType><privateIpAddress>{private}</privateIpAddress>\
             <ipAddress>{public}</ipAddress><blockDeviceMapping>{volumes}</blockDeviceMapping>"
        )
    };
    let (a, b) = ("vol-0aaaaaaaaaaaaaaaa", "vol-0bbbbbbbbbbbbbbbb");
    let after = [
        ("the same", parts("ebs", "10.0.0.1", "", &[a])),
        ("another private address", parts("ebs", "10.0.0.2", "", &[a])),
        ("no private address", parts("ebs", "", "", &[a])),
        (
            "the public address kept",
            parts("ebs", "10.0.0.1", "1.2.3.4", &[a]),
        ),
        ("another volume", parts("ebs", "10.0.0.1", "", &[b])),
        ("a volume more", parts("ebs", "10.0.0.1", "", &[a, b])),
        ("no volume", parts("ebs", "10.0.0.1", "", &[])),
    ];
    let mut table = Table::default();
    for (name, first) in [
        ("EBS", parts("ebs", "10.0.0.1", "1.2.3.4", &[a])),
        (
            "instance store",
            parts("instance-store", "10.0.0.1", "1.2.3.4", &[a]),
        ),
        ("without a private address", parts("ebs", "", "1.2.3.4", &[a])),
        ("without a volume", parts("ebs", "10.0.0.1", "", &[])),
    ] {
        let before = look(0, "running", &first);
        let rows = after.iter().map(|(name, more)| {
            let looks = [look(1_000, "stopped", &format!("{USER}{more}"))];
            let said = settled(FixtureKind::default(), &before, &[], DATE, &looks);
            ((*name).to_owned(), said)
        });
        table.rows(name, rows);
    }
    insta::assert_snapshot!(table.text());
}
