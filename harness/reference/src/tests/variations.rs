//! Each group of variations at the level of the reference: the answer to a request differs from the default.

use super::client::{EBS, STORE, TestClient, TestReply, header, refused};
use super::stopping::{change, stop, stop_with};
use crate::{Config, Variation, Variations, keys};

fn with(variation: Variation) -> TestClient {
    TestClient::with(Config {
        variations: Variations::from(variation),
        ..Config::default()
    })
}

const PERSISTENT: &[(&str, &str)] = &[
    ("InstanceMarketOptions.MarketType", "spot"),
    ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent"),
    (
        "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
        "stop",
    ),
];

fn code_of(reply: &TestReply) -> String {
    let (status, code) = reply.code();
    format!("{status} {code}")
}

#[test]
fn stale_descriptions_show_what_was_before_a_change_and_answers_do_not() {
    for (variation, stale_ms) in [
        (Variation::StaleReads300Ms, 300),
        (Variation::StaleReads4S, 4_000),
    ] {
        let mut client = with(variation);
        let id = client.launch(&[]);
        let look = |client: &TestClient| client.call("DescribeInstances", &[("InstanceId.1", &id)]);
        client.now_ms += stale_ms - 1;
        assert_eq!(look(&client).code(), refused(400, "InvalidInstanceID.NotFound"));
        client.ok("CreateTags", &[("ResourceId.1", &id), ("Tag.1.Key", "k")]);
        client.now_ms += 10_000;
        assert_eq!(change(&stop(&client, &[&id])), "64/16");
        client.now_ms += stale_ms - 1;
        assert_eq!(client.state(&id), "<code>16</code><name>running</name>");
        assert!(look(&client).text.contains("<reason/>"));
        assert!(change(&stop(&client, &[&id])).ends_with(if stale_ms > 3_000 { "80" } else { "64" }));
        client.now_ms += 1;
        assert_ne!(client.state(&id), "<code>16</code><name>running</name>");
    }
}

#[test]
fn changes_that_take_effect_late_are_not_there_at_once() {
    let mut client = with(Variation::NewIdNotVisible);
    let id = client.launch(&[]);
    client.now_ms += 999;
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "InvalidInstanceID.NotFound")
    );
    client.now_ms += 1;
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "IncorrectInstanceState")
    );

    let mut client = with(Variation::ProtectionDelayed);
    let id = client.running(&[]);
    client.ok(
        "ModifyInstanceAttribute",
        &[("InstanceId", &id), ("DisableApiStop.Value", "true")],
    );
    let dry = [("DryRun", "true")];
    assert_eq!(change(&stop(&client, &[&id])), "64/16");
    client.now_ms += 1_000;
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "OperationNotPermitted")
    );
    assert_eq!(stop_with(&client, &[&id], &dry).status, 412);

    let mut client = with(Variation::ReasonASecondLater);
    let id = client.running(&[]);
    stop(&client, &[&id]);
    let shown = client.ok("DescribeInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        shown.text_of("reason"),
        "User initiated (2026-01-01 00:00:11 GMT)"
    );
}

#[test]
fn spot_requests_may_lag_behind_their_instances() {
    let spot = |variation| {
        let mut client = with(variation);
        let id = client.running(PERSISTENT);
        let request = client
            .ok("DescribeInstances", &[("InstanceId.1", &id)])
            .text_of("spotInstanceRequestId");
        (client, id, request)
    };
    let state_of = |client: &TestClient, request: &str| {
        client
            .ok(
                "DescribeSpotInstanceRequests",
                &[("SpotInstanceRequestId.1", request)],
            )
            .text_of("state")
    };
    let (mut client, id, request) = spot(Variation::SpotRequestDisabledLate);
    stop(&client, &[&id]);
    client.now_ms += 7_999;
    client.state(&id);
    assert_eq!(state_of(&client, &request), "active");
    client.now_ms += 1;
    assert_eq!(state_of(&client, &request), "disabled");

    let (mut client, id, request) = spot(Variation::SpotCancellationDelayed);
    stop(&client, &[&id]);
    client.now_ms += 3_000;
    client.ok(
        "CancelSpotInstanceRequests",
        &[("SpotInstanceRequestId.1", &request)],
    );
    assert_eq!(state_of(&client, &request), "disabled");
    client.now_ms += 2_000;
    assert_eq!(state_of(&client, &request), "cancelled");
    assert_eq!(client.state(&id), "<code>32</code><name>shutting-down</name>");

    let (mut client, id, _) = spot(Variation::StartSpotRequestNotReady);
    stop(&client, &[&id]);
    client.now_ms += 7_999;
    let start = |client: &TestClient| client.call("StartInstances", &[("InstanceId.1", &id)]);
    assert_eq!(start(&client).code(), refused(400, "IncorrectSpotRequestState"));
    client.now_ms += 1;
    assert_eq!(change(&start(&client)), "0/80");

    let (client, id, request) = spot(Variation::CancelledSpotRequestState);
    client.ok(
        "CancelSpotInstanceRequests",
        &[("SpotInstanceRequestId.1", &request)],
    );
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "IncorrectSpotRequestState")
    );
}

#[test]
fn ids_are_read_in_other_ways() {
    let refusal = |variation, ids: &[&str]| {
        let (status, code, message) = stop(&with(variation), ids).refusal();
        format!("{status} {code}: {message}")
    };
    assert_eq!(
        refusal(Variation::MadeUpIdsMalformed, &["i-00000000000000001"]),
        "400 InvalidInstanceID.Malformed: Invalid id: \"i-00000000000000001\""
    );
    assert_eq!(
        refusal(Variation::MadeUpIdsNotFound, &["i-00000000000000000"]),
        "400 InvalidInstanceID.NotFound: The instance ID 'i-00000000000000000' does not exist"
    );
    assert_eq!(
        refusal(Variation::EmptyIdMissingParameter, &["i-1", ""]),
        "400 MissingParameter: The request must contain the parameter instanceId"
    );
    assert_eq!(
        refusal(Variation::NoIdsCombination, &[]),
        "400 InvalidParameterCombination: No instances specified"
    );
    assert_eq!(
        stop(&with(Variation::NoIdsInstancesSet), &[]).text_of("Message"),
        "The request must contain the parameter instancesSet"
    );
    assert_eq!(
        refusal(Variation::MalformedTextPlain, &["x"]),
        "400 InvalidInstanceID.Malformed: The instance ID 'x' is malformed"
    );
    assert_eq!(
        refusal(Variation::MalformedTextExpected, &["x"]),
        "400 InvalidInstanceID.Malformed: Value (x) for parameter instanceId is invalid. Expected: 'i-...'."
    );
    assert_eq!(
        refusal(Variation::RepeatedUnknownIdPlural, &["i-1", "i-1"]),
        "400 InvalidInstanceID.NotFound: The instance IDs 'i-1, i-1' do not exist"
    );
    assert!(refusal(Variation::RepeatedIdRefused, &["i-1", "i-1"]).starts_with("400 InvalidParameterValue"));

    for variation in [Variation::IdsTrimmed, Variation::EmptyIdIgnored] {
        let mut client = with(variation);
        let id = client.running(&[]);
        let ids = match variation {
            Variation::IdsTrimmed => vec![format!(" {id} ")],
            _ => vec![id.clone(), String::new()],
        };
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(change(&stop(&client, &ids)), "64/16");
    }
    let mut client = with(Variation::RepeatedIdShownEachTime);
    let id = client.running(&[]);
    let reply = stop(&client, &[&id, &id]);
    assert_eq!(reply.text.matches("<code>64</code>").count(), 2);
    assert_eq!(reply.text.matches("<code>16</code>").count(), 2);
}

#[test]
fn the_order_of_checks_decides_which_refusal_is_given() {
    let denied = |variation, ids: &[&str]| {
        let mut client = with(variation);
        client.key = keys::DENIED;
        code_of(&stop(&client, ids))
    };
    let dry = |variation, ids: &[&str]| code_of(&stop_with(&with(variation), ids, &[("DryRun", "true")]));
    assert_eq!(
        denied(Variation::AuthorizationFirst, &["x"]),
        "403 UnauthorizedOperation"
    );
    assert_eq!(
        denied(Variation::DryRunBeforeMissingParameter, &[]),
        "403 UnauthorizedOperation"
    );
    assert_eq!(dry(Variation::DryRunFirst, &["x"]), "412 DryRunOperation");
    assert_eq!(dry(Variation::DryRunFirst, &[]), "400 MissingParameter");
    assert_eq!(
        dry(Variation::DryRunBeforeMissingParameter, &[]),
        "412 DryRunOperation"
    );

    let mixed = |variation| {
        let mut client = with(variation);
        let gone = client.running(&[]);
        client.ok("TerminateInstances", &[("InstanceId.1", &gone)]);
        let dry = [("DryRun", "true")];
        [
            code_of(&stop_with(&client, &[&gone], &dry)),
            code_of(&stop(&client, &[&gone, "i-1"])),
            code_of(&stop(&client, &["x", "i-1"])),
        ]
    };
    let state = "400 IncorrectInstanceState";
    let unknown = "400 InvalidInstanceID.NotFound";
    let malformed = "400 InvalidInstanceID.Malformed";
    assert_eq!(mixed(Variation::StateBeforeDryRun), [state, unknown, malformed]);
    assert_eq!(mixed(Variation::StateBeforeExistence), [state, state, malformed]);
    assert_eq!(
        mixed(Variation::ExistenceBeforeSyntax),
        ["412 DryRunOperation", unknown, unknown]
    );

    let gone = |variation, terms: &[(&str, &str)]| {
        let mut client = with(variation);
        let id = client.running(terms);
        client.ok(
            "ModifyInstanceAttribute",
            &[("InstanceId", &id), ("DisableApiStop.Value", "false")],
        );
        client.ok("TerminateInstances", &[("InstanceId.1", &id)]);
        code_of(&stop_with(&client, &[&id], &[("Hibernate", "true")]))
    };
    assert_eq!(
        gone(Variation::KindBeforeState, &[("ImageId", STORE)]),
        "400 UnsupportedOperation"
    );
    assert_eq!(
        gone(Variation::HibernationBeforeState, &[]),
        "400 UnsupportedHibernationConfiguration"
    );
    let client = with(Variation::ProtectionBeforeState);
    let pending = client.launch(&[("DisableApiStop", "true")]);
    assert_eq!(
        stop(&client, &[&pending]).code(),
        refused(400, "OperationNotPermitted")
    );
}

#[test]
fn stops_take_other_times_and_are_answered_in_other_words() {
    let able = [("HibernationOptions.Configured", "true"), ("ImageId", EBS)];
    let state_after = |variation, more: &[(&str, &str)], ms: u64| {
        let mut client = with(variation);
        let id = client.running(&able);
        assert_eq!(change(&stop_with(&client, &[&id], more)), "64/16");
        client.now_ms += ms;
        client.state(&id).replace("<code>", "").replace("</code>", " ")
    };
    let stopped = "80 <name>stopped</name>";
    let stopping = "64 <name>stopping</name>";
    let skip = [("SkipOsShutdown", "true")];
    let force = [("Force", "true")];
    let hibernate = [("Hibernate", "true")];
    assert_eq!(state_after(Variation::SkipOsShutdownInstant, &skip, 0), stopped);
    assert_eq!(state_after(Variation::SlowStops, &[], 39_999), stopping);
    assert_eq!(state_after(Variation::SlowStops, &[], 40_000), stopped);
    assert_eq!(
        state_after(Variation::HibernationQuick, &hibernate, 1_000),
        stopped
    );
    assert_eq!(state_after(Variation::ForcedStopQuick, &force, 199), stopping);
    assert_eq!(state_after(Variation::ForcedStopQuick, &force, 200), stopped);

    let both = |variation, name| {
        let mut client = with(variation);
        let id = client.running(&able);
        let more = [("Hibernate", "true"), (name, "true"), ("DryRun", "true")];
        assert_eq!(stop_with(&client, &[&id], &more).status, 412);
        code_of(&stop_with(&client, &[&id], &more[..2]))
    };
    let combination = "400 InvalidParameterCombination";
    assert_eq!(both(Variation::ForceHibernateRefused, "Force"), combination);
    assert_eq!(
        both(Variation::SkipHibernateRefused, "SkipOsShutdown"),
        combination
    );

    let mut client = with(Variation::HibernationReadyAfter2Minutes);
    let id = client.running(&able);
    client.now_ms += 109_999;
    assert_eq!(
        stop_with(&client, &[&id], &hibernate).code(),
        refused(400, "UnsupportedOperation")
    );
    client.now_ms += 1;
    assert_eq!(change(&stop_with(&client, &[&id], &hibernate)), "64/16");

    let mut client = with(Variation::ForceEndsAStop);
    let id = client.running(&[]);
    stop(&client, &[&id]);
    assert_eq!(change(&stop_with(&client, &[&id], &force)), "64/64");
    assert_eq!(client.state(&id), "<code>80</code><name>stopped</name>");

    let mut client = with(Variation::StoppingAnsweredAsStopped);
    let id = client.running(&[]);
    stop(&client, &[&id]);
    assert_eq!(change(&stop(&client, &[&id])), "80/64");
    assert_eq!(client.state(&id), "<code>80</code><name>stopped</name>");
}

#[test]
fn pending_ended_and_restarted_instances_are_treated_in_other_ways() {
    let client = with(Variation::ForcedStopOfPending);
    let id = client.launch(&[]);
    assert_eq!(stop(&client, &[&id]).status, 400);
    assert_eq!(change(&stop_with(&client, &[&id], &[("Force", "true")])), "64/0");

    let mut client = with(Variation::RestartPendingStopRefused);
    let id = client.running(&[]);
    stop(&client, &[&id]);
    client.now_ms += 3_000;
    client.ok("StartInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "IncorrectInstanceState")
    );

    let mut client = with(Variation::StartWithoutCapacity);
    let id = client.running(&[]);
    for _ in 0..2 {
        stop(&client, &[&id]);
        client.now_ms += 3_000;
        let start = |client: &TestClient| client.call("StartInstances", &[("InstanceId.1", &id)]);
        assert_eq!(
            start(&client).code(),
            refused(500, "InsufficientInstanceCapacity")
        );
        assert_eq!(change(&start(&client)), "0/80");
        client.now_ms += 2_000;
        client.state(&id);
    }

    let mut client = with(Variation::TerminatedAsShuttingDown);
    let id = client.running(&[]);
    stop(&client, &[&id]);
    client.now_ms += 3_000;
    assert_eq!(
        change(&client.ok("TerminateInstances", &[("InstanceId.1", &id)])),
        "32/80"
    );

    let mut client = with(Variation::PurgeSoon);
    let id = client.running(&[]);
    client.ok("TerminateInstances", &[("InstanceId.1", &id)]);
    client.now_ms += 2_000;
    assert_eq!(client.state(&id), "<code>48</code><name>terminated</name>");
    client.now_ms += 2_000;
    assert_eq!(
        stop(&client, &[&id]).code(),
        refused(400, "InvalidInstanceID.NotFound")
    );
}

#[test]
fn answers_are_written_in_other_ways() {
    let described = |variation| {
        let client = with(variation);
        client.ok(
            "RunInstances",
            &[("ImageId", EBS), ("MinCount", "2"), ("MaxCount", "2")],
        );
        client.ok("DescribeInstances", &[])
    };
    let plain = TestClient::new();
    plain.ok(
        "RunInstances",
        &[("ImageId", EBS), ("MinCount", "2"), ("MaxCount", "2")],
    );
    let plain = plain.ok("DescribeInstances", &[]);
    assert_ne!(
        described(Variation::ItemsReversed).text_of("instanceId"),
        plain.text_of("instanceId")
    );
    assert!(
        described(Variation::StateCodesHighByte)
            .text
            .contains("<code>256</code><name>pending</name>")
    );
    assert!(
        described(Variation::IndentedLayout)
            .text
            .contains("\n    <requestId>")
    );
    assert!(
        described(Variation::ExtraElements)
            .text
            .contains("</elementOfTomorrow></item>")
    );
    let client = with(Variation::ConnectionsClosedAfterErrors);
    let connection = |reply: &TestReply| header(reply.response.headers(), "connection").map(str::to_owned);
    assert_eq!(connection(&stop(&client, &[])), Some("close".to_owned()));
    assert_eq!(connection(&client.call("DescribeInstances", &[])), None);
    let mut client = with(Variation::AuthorizationTextFresh);
    client.key = keys::DENIED;
    let first = stop(&client, &["i-1"]).refusal();
    client.now_ms += 1;
    assert_ne!(stop(&client, &["i-1"]).refusal(), first);
    let mut client = with(Variation::AuthorizationTextShort);
    client.key = keys::DENIED;
    assert!(
        stop(&client, &["i-1"])
            .refusal()
            .2
            .ends_with("allows the ec2:StopInstances action")
    );
}

#[test]
fn requests_are_read_and_refused_in_other_ways() {
    let send = |variation, body: &str| {
        let client = with(variation);
        client.send(&client.post(body))
    };
    let html = send(Variation::MissingAction500Html, "Version=2016-11-15");
    assert_eq!((html.status, html.text.starts_with("<html>")), (500, true));
    assert_eq!(header(html.response.headers(), "content-type"), Some("text/html"));
    assert_eq!(
        send(Variation::MissingVersion500, "Action=StopInstances").code(),
        refused(500, "InternalError")
    );
    assert_eq!(
        send(
            Variation::UnknownVersion404,
            "Action=StopInstances&Version=1999-01-01"
        )
        .code(),
        refused(404, "NoSuchVersion")
    );
    let dry = |variation, text: &str| {
        let mut client = with(variation);
        let id = client.running(&[]);
        code_of(&stop_with(&client, &[&id], &[("DryRun", text)]))
    };
    assert_eq!(
        dry(Variation::BooleansCaseSensitive, "TRUE"),
        "400 InvalidParameterValue"
    );
    assert_eq!(
        dry(Variation::BooleansCaseSensitive, "true"),
        "412 DryRunOperation"
    );
    assert_eq!(dry(Variation::BooleansLiberal, "1"), "412 DryRunOperation");
    assert_eq!(dry(Variation::BooleansLiberal, "no"), "200 ");
    let named = |variation, name: &str| {
        let mut client = with(variation);
        let id = client.running(&[]);
        code_of(&client.call("StopInstances", &[(name, &id)]))
    };
    assert_eq!(named(Variation::OddIndicesAccepted, "InstanceId.01"), "200 ");
    assert_eq!(named(Variation::OddIndicesAccepted, "InstanceId.0"), "200 ");
    for name in ["InstanceId.01", "InstanceId.0", "InstanceId", "InstanceId.x"] {
        assert_eq!(
            named(Variation::OddIndicesIgnored, name),
            "400 MissingParameter",
            "{name}"
        );
    }
    assert_eq!(
        named(Variation::OddIndicesIgnored, "Bogus"),
        "400 UnknownParameter"
    );
}

#[test]
fn a_few_calls_are_turned_away_without_effect() {
    let codes = |variation, calls: usize| {
        let client = with(variation);
        let codes = (0..calls).map(|_| code_of(&client.call("DescribeInstances", &[])));
        codes.filter(|code| code != "200 ").collect::<Vec<_>>()
    };
    assert_eq!(
        codes(Variation::Throttled, 100),
        ["503 RequestLimitExceeded", "503 RequestLimitExceeded"]
    );
    assert_eq!(
        codes(Variation::ServerFaultOnce, 200),
        ["500 InternalError", "503 Unavailable"]
    );
}

#[test]
fn callers_who_are_not_believed_are_refused_with_other_codes() {
    let plain = "Action=DescribeInstances&Version=2016-11-15";
    let client = with(Variation::WrongSignatureAuthFailure);
    let mut request = client.post(plain);
    *request.body_mut() = [request.body(), &b"&MaxResults=5"[..]].concat().into();
    assert_eq!(client.send(&request).code(), refused(401, "AuthFailure"));

    let mut client = with(Variation::UnknownKeyInvalidClientTokenId);
    client.key.access_key = "AKIAUNKNOWNUNKNOWN00";
    assert_eq!(
        client.send(&client.post(plain)).code(),
        refused(403, "InvalidClientTokenId")
    );

    for (variation, wanted) in [
        (
            Variation::UnsignedMissingAuthenticationToken,
            refused(403, "MissingAuthenticationToken"),
        ),
        (Variation::UnsignedAuthFailure, refused(401, "AuthFailure")),
    ] {
        let client = with(variation);
        let mut request = client.post(plain);
        request.headers_mut().remove("authorization");
        assert_eq!(client.send(&request).code(), wanted);
    }

    let mut client = with(Variation::StaleSignatureAuthFailure);
    let request = client.post(plain);
    client.now_ms += 16 * 60 * 1000;
    assert_eq!(client.send(&request).code(), refused(401, "AuthFailure"));
}
