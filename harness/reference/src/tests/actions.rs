//! Tests of the protocol around the actions, and of the actions other than StopInstances.

use super::client::{EBS, START_MS, STORE, TestClient, header, refused};
use crate::{Config, Throttle};

#[test]
fn actions_versions_and_names_are_checked_in_this_order() {
    let client = TestClient::new();
    let refusal = |body: &str| {
        let (status, code, message) = client.send(&client.post(body)).refusal();
        format!("{status} {code}: {message}")
    };
    assert_eq!(
        refusal("Bogus=1"),
        "400 MissingAction: The request must contain the parameter Action"
    );
    assert_eq!(
        refusal("Action=StopInstances&Bogus=1"),
        "400 MissingParameter: The request must contain the parameter Version"
    );
    assert_eq!(
        refusal("Action=Bogus&Version=1999-01-01"),
        "400 NoSuchVersion: The requested version (1999-01-01) of service AmazonEC2 does not exist"
    );
    assert_eq!(
        refusal("Action=stopinstances&Version=2016-11-15&Bogus=1"),
        "400 InvalidAction: The action stopinstances is not valid for this web service."
    );
    assert_eq!(
        refusal("Action=StopInstances&Version=2016-11-15&DryRun=maybe&instanceId.1=i-1"),
        "400 UnknownParameter: The parameter instanceId.1 is not recognized"
    );
}

#[test]
fn an_old_version_answers_in_its_own_namespace() {
    let client = TestClient::new();
    let reply = client.send(&client.post("Action=DescribeInstances&Version=2014-10-01"));
    assert!(
        reply
            .text
            .contains("xmlns=\"http://ec2.amazonaws.com/doc/2014-10-01/\"")
    );
}

#[test]
fn every_answer_carries_its_own_id_in_header_and_body() {
    let client = TestClient::new();
    let good = client.call("DescribeInstances", &[]);
    let bad = client.call("Bogus", &[]);
    let request_id = |reply: &super::client::TestReply| {
        header(reply.response.headers(), "x-amzn-requestid").map(str::to_owned)
    };
    assert_eq!(request_id(&good), Some(good.text_of("requestId")));
    assert_eq!(request_id(&bad), Some(bad.text_of("RequestID")));
    assert_ne!(request_id(&good), request_id(&bad));
    assert_eq!(
        header(good.response.headers(), "date"),
        Some("Thu, 01 Jan 2026 00:00:00 GMT")
    );
    assert_eq!(
        header(good.response.headers(), "content-type"),
        Some("text/xml;charset=UTF-8")
    );
}

#[test]
fn starting_is_the_way_back() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    let named = [("InstanceId.1", id.as_str())];
    assert!(
        client
            .ok("StartInstances", &named)
            .text
            .contains("<code>16</code><name>running</name></previousState>")
    );
    client.ok("StopInstances", &named);
    assert_eq!(
        client.call("StartInstances", &named).code(),
        refused(400, "IncorrectInstanceState")
    );
    client.now_ms += 3_000;
    assert_eq!(
        client.call("RebootInstances", &named).refusal(),
        (
            400,
            "IncorrectState".into(),
            format!("Cannot reboot instance {id} that is currently in stopped state.")
        )
    );
    let reply = client.ok("StartInstances", &named);
    assert!(reply.text.contains(
        "<currentState><code>0</code><name>pending</name></currentState><previousState><code>80</code>"
    ));
    client.now_ms += 2_000;
    let shown = client.ok("DescribeInstances", &named);
    assert!(
        shown.text.contains("<reason/>")
            && !shown.text.contains("stateReason")
            && shown.text.contains("<ipAddress>")
    );
    assert!(
        client
            .ok("RebootInstances", &named)
            .text
            .contains("<return>true</return>")
    );
}

#[test]
fn every_action_knows_the_dry_run() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    let spot = client.running(&[("InstanceMarketOptions.MarketType", "spot")]);
    let spot = client
        .ok("DescribeInstances", &[("InstanceId.1", &spot)])
        .text_of("spotInstanceRequestId");
    let one = ("InstanceId.1", id.as_str());
    let dry = ("DryRun", "true");
    for (action, parameters) in [
        (
            "CancelSpotInstanceRequests",
            vec![("SpotInstanceRequestId.1", spot.as_str()), dry],
        ),
        ("CreateTags", vec![("ResourceId.1", &id), ("Tag.1.Key", "k"), dry]),
        ("DescribeImages", vec![dry]),
        (
            "DescribeInstanceAttribute",
            vec![("InstanceId", &id), ("Attribute", "disableApiStop"), dry],
        ),
        ("DescribeInstanceStatus", vec![dry]),
        ("DescribeInstances", vec![dry]),
        ("DescribeSpotInstanceRequests", vec![dry]),
        ("DescribeTags", vec![dry]),
        (
            "ModifyInstanceAttribute",
            vec![("InstanceId", &id), ("DisableApiStop.Value", "true"), dry],
        ),
        ("RebootInstances", vec![one, dry]),
        (
            "RegisterImage",
            vec![("Name", "n"), ("ImageLocation", "bucket/manifest"), dry],
        ),
        (
            "RunInstances",
            vec![("ImageId", EBS), ("MinCount", "1"), ("MaxCount", "1"), dry],
        ),
        ("StartInstances", vec![one, dry]),
        ("StopInstances", vec![one, dry]),
        ("TerminateInstances", vec![one, dry]),
    ] {
        assert_eq!(
            client.call(action, &parameters).code(),
            refused(412, "DryRunOperation"),
            "{action}"
        );
    }
    assert_eq!(client.state(&id), "<code>16</code><name>running</name>");
    assert_eq!(
        client.ok("DescribeImages", &[]).text.matches("<imageId>").count(),
        3
    );
}

#[test]
fn protection_can_be_set_in_two_ways_and_read_back() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    let read = |client: &TestClient| {
        let reply = client.ok(
            "DescribeInstanceAttribute",
            &[("InstanceId", &id), ("Attribute", "disableApiStop")],
        );
        reply.text_of("disableApiStop")
    };
    assert_eq!(read(&client), "<value>false</value>");
    client.ok(
        "ModifyInstanceAttribute",
        &[("InstanceId", &id), ("DisableApiStop.Value", "true")],
    );
    assert_eq!(read(&client), "<value>true</value>");
    client.ok(
        "ModifyInstanceAttribute",
        &[
            ("InstanceId", &id),
            ("Attribute", "disableApiStop"),
            ("Value", "false"),
        ],
    );
    assert_eq!(read(&client), "<value>false</value>");
    let refusal = client.call("ModifyInstanceAttribute", &[("InstanceId", &id)]);
    assert_eq!(refusal.code(), refused(400, "InvalidParameterCombination"));
    let spot = client.running(&[("InstanceMarketOptions.MarketType", "spot")]);
    let store = client.running(&[("ImageId", STORE)]);
    for id in [spot, store] {
        let reply = client.call(
            "ModifyInstanceAttribute",
            &[("InstanceId", &id), ("DisableApiStop.Value", "true")],
        );
        assert_eq!(reply.code(), refused(400, "UnsupportedOperation"));
    }
}

#[test]
fn instances_are_found_by_filters_and_in_pages() {
    let client = TestClient::new();
    let tagged = client.launch(&[
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "<a&b>"),
    ]);
    client.ok(
        "RunInstances",
        &[("ImageId", EBS), ("MinCount", "6"), ("MaxCount", "6")],
    );
    let count = |parameters: &[(&str, &str)]| {
        client
            .ok("DescribeInstances", parameters)
            .text
            .matches("<instanceId>")
            .count()
    };
    assert_eq!(count(&[]), 7);
    assert_eq!(
        count(&[("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "<a*")]),
        1
    );
    assert_eq!(
        count(&[("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "Nam")]),
        0
    );
    assert_eq!(
        count(&[
            ("Filter.1.Name", "instance-state-name"),
            ("Filter.1.Value.1", "running"),
            ("Filter.1.Value.2", "pending"),
            ("Filter.2.Name", "instance-id"),
            ("Filter.2.Value.1", &tagged),
        ]),
        1
    );
    let first = client.ok("DescribeInstances", &[("MaxResults", "5")]);
    let token = first.text_of("nextToken");
    assert_eq!(
        (
            first.text.matches("<instanceId>").count(),
            count(&[("MaxResults", "5"), ("NextToken", &token)])
        ),
        (5, 2)
    );
    let both = client.call(
        "DescribeInstances",
        &[("MaxResults", "5"), ("InstanceId.1", &tagged)],
    );
    assert_eq!(both.code(), refused(400, "InvalidParameterCombination"));
    let reply = client.call(
        "DescribeInstances",
        &[("Filter.1.Name", "bogus"), ("Filter.1.Value.1", "x")],
    );
    assert_eq!(reply.code(), refused(400, "InvalidParameterValue"));
    assert_eq!(
        client.call("DescribeInstances", &[("InstanceId.1", "")]).code(),
        refused(400, "MissingParameter")
    );
}

#[test]
fn status_is_shown_of_the_running_unless_all_are_asked_for() {
    let mut client = TestClient::new();
    let id = client.running(&[]);
    client.ok("StopInstances", &[("InstanceId.1", &id)]);
    assert!(
        client
            .ok("DescribeInstanceStatus", &[])
            .text
            .contains("<instanceStatusSet/>")
    );
    let all = client.ok("DescribeInstanceStatus", &[("IncludeAllInstances", "true")]);
    assert_eq!(all.text_of("instanceId"), id);
    let names: Vec<String> = (1..=101).map(|n| format!("InstanceId.{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), id.as_str())).collect();
    let reply = client.call("DescribeInstanceStatus", &many);
    assert!(
        reply
            .refusal()
            .2
            .starts_with("101 exceeds the maximum number of instance IDs")
    );
}

#[test]
fn tags_are_created_and_listed() {
    let client = TestClient::new();
    let id = client.launch(&[]);
    client.ok(
        "CreateTags",
        &[("ResourceId.1", &id), ("Tag.1.Key", "k"), ("Tag.1.Value", "v")],
    );
    let reply = client.ok(
        "DescribeTags",
        &[("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", &id)],
    );
    assert_eq!(
        (reply.text_of("key"), reply.text_of("value")),
        ("k".into(), "v".into())
    );
    assert_eq!(
        client
            .call("CreateTags", &[("ResourceId.1", "i-123"), ("Tag.1.Key", "k")])
            .code(),
        refused(400, "InvalidInstanceID.NotFound")
    );
}

#[test]
fn every_third_mutating_call_is_throttled_and_has_no_effect() {
    let mut client = TestClient::with(Config {
        throttle: Some(Throttle::Every(3)),
        ..Config::default()
    });
    let id = client.running(&[]);
    assert_eq!(client.now_ms, START_MS + 10_000);
    let stop =
        |client: &TestClient| client.call("StopInstances", &[("InstanceId.1", &id), ("DryRun", "true")]);
    assert_eq!(stop(&client).status, 412);
    assert_eq!(
        stop(&client).refusal(),
        (
            503,
            "RequestLimitExceeded".into(),
            "Request limit exceeded. Account 111122223333 has been throttled on ec2:StopInstances because it exceeded its request rate limit.".into()
        )
    );
    assert_eq!(stop(&client).status, 412);
}
