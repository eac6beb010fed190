//! Launching: images, client tokens, Spot options, and the limits of an account.

use super::client::{EBS, STORE, TestClient, refused};

#[test]
fn a_client_token_launches_once() {
    let client = TestClient::new();
    let launch = |token: &str, kind: &str| {
        client.call(
            "RunInstances",
            &[
                ("ImageId", EBS),
                ("InstanceType", kind),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("ClientToken", token),
            ],
        )
    };
    let first = launch("a", "t3.nano");
    assert_eq!(
        launch("a", "t3.nano").text_of("instanceId"),
        first.text_of("instanceId")
    );
    assert_ne!(
        launch("b", "t3.nano").text_of("instanceId"),
        first.text_of("instanceId")
    );
    assert_eq!(
        launch("a", "t3.micro").code(),
        refused(400, "IdempotentParameterMismatch")
    );
}

#[test]
fn the_account_holds_a_thousand_live_instances() {
    let mut client = TestClient::new();
    let launch = |client: &TestClient, count: &str| {
        client.call(
            "RunInstances",
            &[("ImageId", EBS), ("MinCount", count), ("MaxCount", count)],
        )
    };
    assert_eq!(
        launch(&client, "1001").code(),
        refused(400, "InstanceLimitExceeded")
    );
    let first = launch(&client, "1000").text_of("instanceId");
    assert_eq!(launch(&client, "1").code(), refused(400, "InstanceLimitExceeded"));
    client.now_ms += 10_000;
    client.ok("TerminateInstances", &[("InstanceId.1", &first)]);
    assert_eq!(launch(&client, "1").status, 200);
}

#[test]
fn the_longest_terminated_are_forgotten_when_they_are_too_many() {
    let mut client = TestClient::new();
    let first = client.running(&[]);
    let mut last = first.clone();
    client.ok("TerminateInstances", &[("InstanceId.1", &first)]);
    for _ in 0..4_200 {
        last = client.launch(&[]);
        client.ok("TerminateInstances", &[("InstanceId.1", &last)]);
    }
    client.launch(&[]);
    assert_eq!(
        client
            .call("DescribeInstances", &[("InstanceId.1", &first)])
            .code(),
        refused(400, "InvalidInstanceID.NotFound")
    );
    assert_eq!(client.state(&last), "<code>32</code><name>shutting-down</name>");
}

#[test]
fn persistent_spot_requests_do_not_end_by_interruption() {
    let client = TestClient::new();
    let reply = client.call(
        "RunInstances",
        &[
            ("ImageId", EBS),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("InstanceMarketOptions.MarketType", "spot"),
            ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent"),
        ],
    );
    assert_eq!(reply.code(), refused(400, "InvalidParameterCombination"));
}

#[test]
fn images_are_listed_and_registered() {
    let client = TestClient::new();
    let stores = client.ok(
        "DescribeImages",
        &[
            ("Filter.1.Name", "root-device-type"),
            ("Filter.1.Value.1", "instance-store"),
        ],
    );
    assert_eq!(stores.text_of("imageId"), STORE);
    let id = client
        .ok(
            "RegisterImage",
            &[("Name", "mine"), ("ImageLocation", "bucket/manifest.xml")],
        )
        .text_of("imageId");
    let mine = client.ok("DescribeImages", &[("ImageId.1", &id)]);
    assert_eq!(mine.text_of("rootDeviceType"), "instance-store");
    assert_eq!(
        client
            .call("DescribeImages", &[("ImageId.1", "ami-fake123")])
            .refusal(),
        (
            400,
            "InvalidAMIID.NotFound".into(),
            "The image id '[ami-fake123]' does not exist".into()
        )
    );
}

#[test]
fn what_is_kept_is_short() {
    let client = TestClient::new();
    let launch = |name: &str, value: &str| {
        let all = [
            ("ImageId", EBS),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            (name, value),
        ];
        client.call("RunInstances", &all).status
    };
    for (name, good) in [
        ("KeyName", "k".repeat(255)),
        ("InstanceType", format!("t.{}", "x".repeat(253))),
    ] {
        assert_eq!(launch(name, &good), 200, "{name}");
        assert_eq!(launch(name, &format!("{good}x")), 400, "{name}");
    }
    assert_eq!(launch("ClientToken", &"c".repeat(64)), 200);
    assert_eq!(launch("ClientToken", &"c".repeat(65)), 400);
}

#[test]
fn options_sent_as_empty_are_not_set() {
    let client = TestClient::new();
    client.launch(&[
        ("Placement.AvailabilityZone", ""),
        ("SubnetId", ""),
        ("KeyName", ""),
    ]);
}

#[test]
fn a_thing_has_fifty_tags_and_a_search_two_hundred_values() {
    let client = TestClient::new();
    let id = client.launch(&[]);
    let tag = |count: usize| {
        let names: Vec<String> = (1..=count).map(|n| format!("Tag.{n}.Key")).collect();
        let mut all = vec![("ResourceId.1", id.as_str())];
        all.extend(names.iter().map(|name| (name.as_str(), name.as_str())));
        client.call("CreateTags", &all).code()
    };
    assert_eq!(tag(51), refused(400, "TagLimitExceeded"));
    assert_eq!(tag(50), refused(200, ""));
    let find = |count: usize| {
        let names: Vec<String> = (1..=count).map(|n| format!("Filter.1.Value.{n}")).collect();
        let mut all = vec![("Filter.1.Name", "instance-id")];
        all.extend(names.iter().map(|name| (name.as_str(), id.as_str())));
        client.call("DescribeInstances", &all).status
    };
    assert_eq!((find(200), find(201)), (200, 400));
}

#[test]
fn what_surrounds_an_instance_can_be_seen() {
    let mut client = TestClient::new();
    let id = client.running(&[
        ("InstanceType", "t3.nano"),
        ("Placement.AvailabilityZone", "us-east-1b"),
    ]);
    let shown = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    let volume = shown.text_of("volumeId");
    assert_eq!(
        client
            .ok("DescribeVolumes", &[("VolumeId.1", &volume)])
            .text_of("instanceId"),
        id
    );
    assert_eq!(
        client.call("DescribeVolumes", &[("VolumeId.1", "vol-1")]).code(),
        refused(400, "InvalidVolume.NotFound")
    );
    let subnet = shown.text_of("subnetId");
    let seen = client.ok("DescribeSubnets", &[("SubnetId.1", &subnet)]);
    assert_eq!(seen.text_of("availabilityZone"), "us-east-1b");
    assert_eq!(
        client.ok("DescribeVpcs", &[]).text_of("vpcId"),
        shown.text_of("vpcId")
    );
    let types = client.ok("DescribeInstanceTypes", &[("InstanceType.1", "t3.nano")]);
    assert_eq!(types.text_of("burstablePerformanceSupported"), "true");
    let credits = client.ok("DescribeInstanceCreditSpecifications", &[("InstanceId.1", &id)]);
    assert_eq!(credits.text_of("cpuCredits"), "standard");
}
