//! The effect of a stop, for each state and each kind of instance.

use super::client::{TestClient, TestReply, refused};
use crate::keys;

pub(super) fn stop(client: &TestClient, ids: &[&str]) -> TestReply {
    stop_with(client, ids, &[])
}

pub(super) fn stop_with(client: &TestClient, ids: &[&str], more: &[(&str, &str)]) -> TestReply {
    let names: Vec<String> = (1..=ids.len()).map(|n| format!("InstanceId.{n}")).collect();
    let mut all: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(ids.iter().copied())
        .collect();
    all.extend(more);
    client.call("StopInstances", &all)
}

/// `64/16` for an answer with the states stopping now and running before.
pub(super) fn change(reply: &TestReply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let code = |of: &str| {
        let state = reply.text_of(of);
        state
            .split_once("<code>")
            .and_then(|(_, rest)| rest.split_once('<'))
            .map_or(String::new(), |(code, _)| code.to_owned())
    };
    format!("{}/{}", code("currentState"), code("previousState"))
}

#[test]
fn a_running_instance_stops_and_keeps_all_but_its_public_address() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    let before = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    assert!(before.text.contains("<reason/>") && !before.text.contains("stateReason"));
    assert!(before.text.contains("<ipAddress>203.0.113."));
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
    let during = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        during.text_of("reason"),
        "User initiated (2026-01-01 00:00:10 GMT)"
    );
    assert!(during.text.contains(
        "<stateReason><code>Client.UserInitiatedShutdown</code><message>Client.UserInitiatedShutdown: User initiated shutdown</message></stateReason>"
    ));
    client.now_ms += 2_999;
    assert_eq!(client.state(&id), "<code>64</code><name>stopping</name>");
    client.now_ms += 1;
    assert_eq!(client.state(&id), "<code>80</code><name>stopped</name>");
    let after = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    assert!(!after.text.contains("ipAddress>203"));
    for kept in ["privateIpAddress", "volumeId", "instanceId"] {
        assert_eq!(after.text_of(kept), before.text_of(kept));
    }
}

#[test]
fn stopping_again_changes_nothing() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    stop(&client, &[&id]);
    client.now_ms += 1_000;
    assert_eq!(change(&stop(&client, &[&id])), "64/64");
    client.now_ms += 2_000;
    assert_eq!(change(&stop(&client, &[&id])), "80/80");
    let shown = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        shown.text_of("reason"),
        "User initiated (2026-01-01 00:00:10 GMT)"
    );
}

#[test]
fn a_first_launch_cannot_be_stopped_before_it_runs_but_a_restart_can() {
    let mut client = TestClient::new();
    let id = client.launch(&[]);
    client.now_ms += 1_999;
    assert_eq!(
        stop(&client, &[&id]).refusal(),
        (
            400,
            "IncorrectInstanceState".into(),
            format!("Instance '{id}' cannot be stopped as it has never reached the 'running' state.")
        )
    );
    client.now_ms += 1;
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
    client.now_ms += 10_000;
    client.ok("StartInstances", &[("InstanceId.1", &id)]);
    assert_eq!(change(&stop(&client, &[&id])), "64/0");
}

#[test]
fn a_terminated_instance_cannot_be_stopped_and_is_unknown_an_hour_later() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    assert_eq!(
        change(&client.ok("TerminateInstances", &[("InstanceId.1", &id)])),
        "32/16"
    );
    let wanted = (
        400,
        "IncorrectInstanceState".to_owned(),
        format!("This instance '{id}' is not in a state from which it can be stopped."),
    );
    assert_eq!(stop(&client, &[&id]).refusal(), wanted);
    client.now_ms += 2_000;
    assert_eq!(stop_with(&client, &[&id], &[("Force", "true")]).refusal(), wanted);
    client.now_ms += 3_599_999;
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "IncorrectInstanceState")
    );
    client.now_ms += 1;
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "InvalidInstanceID.NotFound")
    );
}

#[test]
fn a_stopped_instance_is_answered_as_terminated_and_described_as_shutting_down() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    stop(&client, &[&id]);
    client.now_ms += 3_000;
    assert_eq!(
        change(&client.ok("TerminateInstances", &[("InstanceId.1", &id)])),
        "48/80"
    );
    assert_eq!(client.state(&id), "<code>32</code><name>shutting-down</name>");
    client.now_ms += 2_000;
    let shown = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        shown.text_of("reason"),
        "User initiated (2026-01-01 00:00:10 GMT)",
        "the time of the stop"
    );
    assert_eq!(
        change(&client.ok("TerminateInstances", &[("InstanceId.1", &id)])),
        "48/48"
    );
    client.ok("RebootInstances", &[("InstanceId.1", &id)]);
}

#[test]
fn a_batch_stops_whole_or_not_at_all() {
    let mut client = TestClient::new();
    let good = client.running(&[]);
    let gone = client.running(&[]);
    client.ok("TerminateInstances", &[("InstanceId.1", &gone)]);
    assert_eq!(
        stop(&client, &[&good, &gone]).code(),
        refused(400, "IncorrectInstanceState")
    );
    assert_eq!(
        stop(&client, &[&good, "i-0123"]).code(),
        refused(400, "InvalidInstanceID.NotFound")
    );
    assert_eq!(
        stop(&client, &[&good, "x"]).code(),
        refused(400, "InvalidInstanceID.Malformed")
    );
    assert_eq!(client.state(&good), "<code>16</code><name>running</name>");
}

#[test]
fn the_numbers_of_a_list_may_have_gaps_but_have_to_be_numbers() {
    let mut client = TestClient::new();
    let (a, b) = (client.running(&[]), client.running(&[]));
    for name in [
        "InstanceId",
        "InstanceId.0",
        "InstanceId.x",
        "InstanceId.01",
        "InstanceId.1.1",
        "InstanceId.-1",
    ] {
        let reply = client.call("StopInstances", &[("InstanceId.1", &a), (name, &b)]);
        assert_eq!(
            reply.refusal().2,
            format!("The parameter {name} is not recognized")
        );
    }
    let reply = client.ok("StopInstances", &[("InstanceId.10", &a), ("InstanceId.3", &b)]);
    let order: Vec<&str> = reply
        .text
        .split("<instanceId>")
        .skip(1)
        .filter_map(|it| it.split('<').next())
        .collect();
    assert_eq!(order, [b, a]);
}

#[test]
fn a_stop_works_by_get_and_from_a_signed_address() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    let query = format!("Action=StopInstances&Version=2016-11-15&InstanceId.1={id}");
    assert_eq!(change(&client.send(&client.presigned(&query, 60))), "64/16");
}

#[test]
fn a_restart_brings_a_public_address_and_a_new_launch_time() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    let show = |client: &TestClient| client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    let address = show(&client).text_of("ipAddress");
    stop(&client, &[&id]);
    assert_eq!(show(&client).text_of("ipAddress"), address);
    client.now_ms += 3_000;
    assert!(!show(&client).text.contains("<ipAddress>"));
    client.ok("StartInstances", &[("InstanceId.1", &id)]);
    let shown = show(&client);
    assert_eq!(shown.text_of("launchTime"), "2026-01-01T00:00:13.000Z");
    assert_eq!(shown.text_of("attachTime"), "2026-01-01T00:00:00.000Z");
    assert!(!shown.text.contains("<ipAddress>"));
    client.now_ms += 2_000;
    let fresh = show(&client).text_of("ipAddress");
    assert!(fresh.starts_with("203.0.113.") && fresh != address, "{fresh}");
}

#[test]
fn an_instance_named_twice_stops_once_and_is_shown_once() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    let reply = stop(&client, &[&id, &id]);
    assert_eq!(change(&reply), "64/16");
    assert_eq!(reply.text.matches("<item>").count(), 1);
}

#[test]
fn ids_that_are_missing_malformed_or_unknown_are_told_apart() {
    let client = TestClient::new();
    let refusal = |ids: &[&str]| {
        let (status, code, message) = stop(&client, ids).refusal();
        format!("{status} {code}: {message}")
    };
    assert_eq!(
        refusal(&[]),
        "400 MissingParameter: The request must contain the parameter InstanceId"
    );
    assert_eq!(
        refusal(&[""]),
        "400 InvalidInstanceID.Malformed: Invalid id: \"\" (expecting \"i-...\")"
    );
    assert_eq!(
        refusal(&["ma1"]),
        "400 InvalidInstanceID.Malformed: Invalid id: \"ma1\""
    );
    assert_eq!(
        refusal(&["i-c6464a3f "]),
        "400 InvalidInstanceID.NotFound: The instance ID 'i-c6464a3f ' does not exist"
    );
    assert_eq!(
        refusal(&["i-1", "i-2", "i-1"]),
        "400 InvalidInstanceID.NotFound: The instance IDs 'i-1, i-2' do not exist"
    );
    assert_eq!(
        client.call("TerminateInstances", &[]).refusal(),
        (
            400,
            "InvalidParameterCombination".into(),
            "No instances specified".into()
        )
    );
}

#[test]
fn a_dry_run_says_412_and_changes_nothing() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    assert_eq!(
        stop_with(&client, &[&id], &[("DryRun", "true")]).refusal(),
        (
            412,
            "DryRunOperation".into(),
            "Request would have succeeded, but DryRun flag is set.".into()
        )
    );
    assert_eq!(client.state(&id), "<code>16</code><name>running</name>");
    let reply = stop_with(&client, &[&id], &[("DryRun", "1")]);
    assert_eq!(reply.code(), refused(400, "InvalidParameterValue"));
    assert_eq!(
        change(&stop_with(
            &client,
            &[&id],
            &[("DryRun", "false"), ("Force", "true")]
        )),
        "64/16"
    );
}

#[test]
fn who_may_not_stop_is_told_so_before_anything_about_the_instance() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    client.key = keys::DENIED;
    for more in [&[][..], &[("DryRun", "true")]] {
        let (status, code, message) = stop_with(&client, &[&id], more).refusal();
        assert_eq!((status, code.as_str()), (403, "UnauthorizedOperation"));
        let (words, _) = message.rsplit_once(' ').expect("the encoded message comes last");
        assert_eq!(
            format!("{words} "),
            format!(
                "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/{} is not \
                 authorized to perform: ec2:StopInstances on resource: arn:aws:ec2:us-east-1:111122223333:instance/{id} \
                 because no identity-based policy allows the ec2:StopInstances action. Encoded authorization failure \
                 message: ",
                keys::DENIED.access_key
            )
        );
    }
    assert_eq!(
        stop(&client, &["i-0123"]).code(),
        refused(403, "UnauthorizedOperation")
    );
    assert_eq!(
        stop(&client, &["x"]).code(),
        refused(400, "InvalidInstanceID.Malformed")
    );
    assert_eq!(client.state(&id), "<code>16</code><name>running</name>");
}

#[test]
fn a_clock_that_runs_backwards_undoes_nothing() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    stop(&client, &[&id]);
    client.now_ms += 3_000;
    assert_eq!(client.state(&id), "<code>80</code><name>stopped</name>");
    client.now_ms -= 10_000;
    assert_eq!(client.state(&id), "<code>80</code><name>stopped</name>");
}
