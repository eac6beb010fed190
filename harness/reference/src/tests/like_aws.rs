//! The timing, the throttle and the framing of the captures.

use super::client::{TestClient, header, refused};
use super::stopping::{change, stop, stop_with};
use crate::{Config, Variation, Variations};

fn like_aws(seed: u64) -> TestClient {
    TestClient::with(Config {
        seed,
        ..Config::like_aws()
    })
}

/// A client of an instance that has been running for a minute.
fn running(seed: u64, parameters: &[(&str, &str)]) -> (TestClient, String) {
    let mut client = like_aws(seed);
    let id = client.launch(parameters);
    client.now_ms += 60_000;
    (client, id)
}

/// After how many milliseconds, in tenths of seconds, the instance is described in this state.
fn time_until(client: &mut TestClient, id: &str, state: &str) -> u64 {
    let begun_ms = client.now_ms;
    while !client.state(id).contains(&format!("<name>{state}</name>")) {
        client.now_ms += 100;
        assert!(client.now_ms - begun_ms < 120_000, "{state} is never reached");
    }
    client.now_ms - begun_ms
}

#[test]
fn changes_take_as_long_as_captured_and_not_always_the_same() {
    let mut longest: Vec<u64> = vec![0; 4];
    let mut shortest: Vec<u64> = vec![u64::MAX; 4];
    for seed in 0..30 {
        let (mut client, id) = running(seed, &[]);
        assert_eq!(change(&stop(&client, &[&id])), "64/16");
        let mut times = vec![time_until(&mut client, &id, "stopped")];
        client.now_ms += 5_000;
        client.ok("StartInstances", &[("InstanceId.1", &id)]);
        times.push(time_until(&mut client, &id, "running"));
        let skipping = [("SkipOsShutdown", "true")];
        assert_eq!(change(&stop_with(&client, &[&id], &skipping)), "64/16");
        times.push(time_until(&mut client, &id, "stopped"));
        client.now_ms += 5_000;
        client.ok("TerminateInstances", &[("InstanceId.1", &id)]);
        times.push(time_until(&mut client, &id, "terminated"));
        for ((time, longest), shortest) in times.iter().zip(&mut longest).zip(&mut shortest) {
            *longest = (*longest).max(*time);
            *shortest = (*shortest).min(*time);
        }
    }
    let borders = [(5_200, 37_500), (4_500, 11_100), (200, 5_500), (5_000, 11_100)];
    for ((least, most), (shortest, longest)) in borders.into_iter().zip(shortest.iter().zip(&longest)) {
        assert!(least <= *shortest && *longest <= most, "{shortest} {longest}");
        assert!(longest - shortest > (most - least) / 2, "{shortest} {longest}");
    }
}

#[test]
fn the_first_look_is_stale_in_most_cases_and_never_after_four_seconds() {
    let mut stale = 0;
    for seed in 0..100 {
        let (mut client, id) = running(seed, &[]);
        assert_eq!(change(&stop(&client, &[&id])), "64/16");
        client.now_ms += 200;
        stale += usize::from(client.state(&id).contains("running"));
        client.now_ms += 3_800;
        assert!(!client.state(&id).contains("running"));
    }
    assert!((80..100).contains(&stale), "{stale}");
}

#[test]
fn a_new_id_is_unknown_for_a_moment_and_an_instance_hibernates_after_two_minutes() {
    let mut unknown = 0;
    for seed in 0..20 {
        let mut client = like_aws(seed);
        let id = client.launch(&[]);
        client.now_ms += 50;
        let look = |client: &TestClient| client.call("DescribeInstances", &[("InstanceId.1", &id)]);
        match look(&client).status {
            200 => {}
            _ => {
                unknown += 1;
                assert_eq!(look(&client).code(), refused(400, "InvalidInstanceID.NotFound"));
            }
        }
        client.now_ms += 150;
        assert_eq!(look(&client).status, 200);
    }
    assert!((1..20).contains(&unknown), "{unknown}");

    let mut client = like_aws(0);
    let id = client.launch(&[("HibernationOptions.Configured", "true")]);
    let hibernate = [("Hibernate", "true")];
    client.now_ms += 118_999;
    assert_eq!(
        stop_with(&client, &[&id], &hibernate).code(),
        refused(400, "UnsupportedOperation")
    );
    client.now_ms += 1;
    assert_eq!(change(&stop_with(&client, &[&id], &hibernate)), "64/16");
}

#[test]
fn variations_replace_what_they_are_about() {
    let mut client = TestClient::with(Config {
        variations: Variations::from(Variation::SlowStops).with(Variation::StaleReads300Ms),
        ..Config::like_aws()
    });
    let id = client.launch(&[]);
    client.now_ms += 60_000;
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
    client.now_ms += 299;
    assert!(client.state(&id).contains("running"));
    client.now_ms += 1;
    assert!(client.state(&id).contains("stopping"));
    assert_eq!(time_until(&mut client, &id, "stopped"), 39_700);
}

#[test]
fn calls_are_throttled_by_token_buckets() {
    let client = like_aws(0);
    let launch = || {
        client.call(
            "RunInstances",
            &[
                ("ImageId", super::client::EBS),
                ("MinCount", "1"),
                ("MaxCount", "1"),
            ],
        )
    };
    for _ in 0..5 {
        assert_eq!(launch().status, 200);
    }
    assert_eq!(launch().code(), refused(503, "RequestLimitExceeded"));
    assert_eq!(client.call("DescribeInstances", &[]).status, 200);
}

#[test]
fn answers_are_framed_as_captured() {
    let (client, id) = running(0, &[]);
    let framing = |action: &str, parameters: &[(&str, &str)]| {
        let reply = client.call(action, parameters);
        let headers = reply.response.headers();
        let of = |name| header(headers, name).unwrap_or("-").to_owned();
        (reply.status, of("connection"), of("transfer-encoding"))
    };
    let expected =
        |status, connection: &str, coding: &str| (status, connection.to_owned(), coding.to_owned());
    let dry = [("InstanceId.1", id.as_str()), ("DryRun", "true")];
    assert_eq!(framing("StopInstances", &dry), expected(412, "-", "chunked"));
    assert_eq!(
        framing("StopInstances", &[("InstanceId.1", "x")]),
        expected(400, "close", "chunked")
    );
    assert_eq!(framing("DescribeInstances", &[]), expected(200, "-", "chunked"));
    assert_eq!(
        framing("StopInstances", &[("InstanceId.1", &id)]),
        expected(200, "-", "-")
    );
}
