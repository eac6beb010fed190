//! Stopping instances of special kinds: Spot, instance store, protected, hibernating.

use super::client::{EBS, STORE, TestClient, refused};
use super::stopping::{change, stop, stop_with};
use crate::{Config, Delays, Rules};

const PERSISTENT: &[(&str, &str)] = &[
    ("InstanceMarketOptions.MarketType", "spot"),
    ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent"),
    (
        "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
        "stop",
    ),
];

#[test]
fn an_instance_store_root_cannot_be_stopped() {
    let mut client = TestClient::new();
    let id = client.running(&[("ImageId", STORE)]);
    assert_eq!(
        stop_with(&client, &[&id], &[("Force", "true")]).refusal(),
        (
            400,
            "UnsupportedOperation".into(),
            format!("The instance '{id}' does not have an 'ebs' root device type and cannot be stopped.")
        )
    );
}

#[test]
fn a_one_time_spot_instance_cannot_be_stopped() {
    let mut client = TestClient::new();
    let id = client.running(&[("InstanceMarketOptions.MarketType", "spot")]);
    let (status, code, message) = stop(&client, &[&id]).refusal();
    assert_eq!((status, code.as_str()), (400, "UnsupportedOperation"));
    assert!(message.starts_with(&format!(
        "You can't stop the Spot Instance '{id}' because it is associated with a one-time"
    )));
}

#[test]
fn a_persistent_spot_instance_stops_and_its_request_is_disabled() {
    let mut client = TestClient::new();
    let id = client.running(PERSISTENT);
    let request = |client: &TestClient| {
        let reply = client.ok(
            "DescribeSpotInstanceRequests",
            &[("Filter.1.Name", "instance-id"), ("Filter.1.Value.1", &id)],
        );
        (reply.text_of("state"), reply.text_of("code"))
    };
    assert_eq!(request(&client), ("active".into(), "fulfilled".into()));
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
    assert_eq!(request(&client), ("disabled".into(), "marked-for-stop".into()));
    client.now_ms += 3_000;
    assert_eq!(
        request(&client),
        ("disabled".into(), "instance-stopped-by-user".into())
    );
    client.ok("StartInstances", &[("InstanceId.1", &id)]);
    assert_eq!(request(&client), ("active".into(), "fulfilled".into()));
    client.now_ms += 3_000;
    let spot = client
        .ok("DescribeInstances", &[("InstanceId.1", &id)])
        .text_of("spotInstanceRequestId");
    client.ok(
        "CancelSpotInstanceRequests",
        &[("SpotInstanceRequestId.1", &spot)],
    );
    assert_eq!(stop(&client, &[&id]).code(), refused(400, "UnsupportedOperation"));
}

#[test]
fn cancelling_the_request_of_a_stopped_spot_instance_terminates_it() {
    let mut client = TestClient::new();
    let id = client.running(PERSISTENT);
    let request = client
        .ok("DescribeInstances", &[("InstanceId.1", &id)])
        .text_of("spotInstanceRequestId");
    stop(&client, &[&id]);
    client.now_ms += 3_000;
    client.ok(
        "CancelSpotInstanceRequests",
        &[("SpotInstanceRequestId.1", &request)],
    );
    assert_eq!(client.state(&id), "<code>32</code><name>shutting-down</name>");
    client.now_ms += 2_000;
    assert_eq!(client.state(&id), "<code>48</code><name>terminated</name>");
}

#[test]
fn a_spot_instance_hibernates_and_a_plain_stop_leaves_it_hibernated() {
    let mut client = TestClient::new();
    let mut terms = PERSISTENT.to_vec();
    terms.push(("HibernationOptions.Configured", "true"));
    let id = client.running(&terms);
    assert_eq!(
        change(&stop_with(&client, &[&id], &[("Hibernate", "true")])),
        "64/16"
    );
    client.now_ms += 5_000;
    assert_eq!(change(&stop(&client, &[&id])), "80/80");
    let shown = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        shown.between("<stateReason><code>", "<"),
        "Client.UserInitiatedHibernate"
    );
    let reply = client.call(
        "ModifyInstanceAttribute",
        &[("InstanceId", &id), ("InstanceType.Value", "t3.micro")],
    );
    assert_eq!(
        reply.refusal(),
        (
            400,
            "IncorrectInstanceState".into(),
            format!("The instance '{id}' is not in the 'stopped' state.")
        )
    );
}

#[test]
fn in_2017_no_spot_instance_stops_and_hibernation_is_unknown() {
    let mut client = TestClient::with(Config {
        rules: Rules::October2017,
        ..Config::default()
    });
    let spot = client.running(PERSISTENT);
    assert_eq!(
        stop(&client, &[&spot]).refusal(),
        (
            400,
            "UnsupportedOperation".into(),
            format!("The instance '{spot}' is a spot instance and may not be stopped.")
        )
    );
    let id = client.running(&[]);
    let reply = stop_with(&client, &[&id], &[("Hibernate", "true")]);
    assert_eq!(reply.refusal().2, "The parameter Hibernate is not recognized");
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
}

#[test]
fn a_protected_instance_is_neither_stopped_nor_terminated_until_freed() {
    let mut client = TestClient::new();
    let id = client.running(&[("DisableApiStop", "true")]);
    assert_eq!(
        stop(&client, &[&id]).refusal(),
        (
            400,
            "OperationNotPermitted".into(),
            format!(
                "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
            )
        )
    );
    assert_eq!(
        client
            .call("TerminateInstances", &[("InstanceId.1", &id)])
            .refusal()
            .2,
        format!(
            "The instance '{id}' may not be terminated. Modify its 'disableApiStop' instance attribute and try again."
        )
    );
    client.ok(
        "ModifyInstanceAttribute",
        &[("InstanceId", &id), ("DisableApiStop.Value", "false")],
    );
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
}

#[test]
fn protection_against_termination_does_not_protect_from_stopping() {
    let mut client = TestClient::new();
    let id = client.running(&[("DisableApiTermination", "true")]);
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
    assert_eq!(
        client.call("TerminateInstances", &[("InstanceId.1", &id)]).code(),
        refused(400, "OperationNotPermitted")
    );
}

#[test]
fn hibernation_needs_an_instance_that_was_launched_for_it() {
    let mut client = TestClient::new();
    let plain = client.running(&[]);
    assert_eq!(
        stop_with(&client, &[&plain], &[("Hibernate", "true")]).refusal(),
        (
            400,
            "UnsupportedHibernationConfiguration".into(),
            format!(
                "The instance can't be hibernated because it was not configured at launch for hibernation: {plain}"
            )
        )
    );
    assert_eq!(client.state(&plain), "<code>16</code><name>running</name>");
    let able = client.running(&[("HibernationOptions.Configured", "true")]);
    assert_eq!(
        change(&stop_with(&client, &[&able], &[("Hibernate", "true")])),
        "64/16"
    );
    let shown = client.ok("DescribeInstances", &[("InstanceId.1", &able)]);
    assert_eq!(
        shown.between("<stateReason><code>", "<"),
        "Client.UserInitiatedHibernate"
    );
    client.now_ms += 4_999;
    assert_eq!(client.state(&able), "<code>64</code><name>stopping</name>");
    client.now_ms += 1;
    assert_eq!(client.state(&able), "<code>80</code><name>stopped</name>");
}

#[test]
fn hibernating_too_soon_is_refused() {
    let delays = Delays {
        hibernate_ready_ms: 60_000,
        ..Delays::default()
    };
    let mut client = TestClient::with(Config {
        delays,
        ..Config::default()
    });
    let id = client.running(&[("HibernationOptions.Configured", "true"), ("ImageId", EBS)]);
    client.now_ms += 49_999;
    assert_eq!(
        stop_with(&client, &[&id], &[("Hibernate", "true")]).refusal(),
        (
            400,
            "UnsupportedOperation".into(),
            format!("Instance {id} is not ready to hibernate yet, retry in a few minutes")
        )
    );
    client.now_ms += 1;
    assert_eq!(
        change(&stop_with(&client, &[&id], &[("Hibernate", "true")])),
        "64/16"
    );
}
