use bytes::Bytes;
use http::Response;

use super::*;
use crate::protocol::{Body, Reply};

const OURS: &str = "<item><key>stopcheck</key><value>run-0000000000000007</value></item>\
    <item><key>stopcheck:created</key><value>2026-01-01T00:00:00Z</value></item>\
    <item><key>stopcheck:expires</key><value>2026-01-01T06:00:00Z</value></item>";

fn read(xml: String) -> Reply {
    protocol::decode(Response::new(Bytes::from(xml)))
}

fn root(reply: &Reply) -> Element<'_> {
    match &reply.body {
        Body::Document(document) => document.root(),
        Body::Empty | Body::Unreadable { .. } => unreachable!("the document is well-formed"),
    }
}

fn instance(id: &str, state: &str, tags: &str) -> String {
    format!(
        "<item><instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState>\
         <spotInstanceRequestId>sir-12345678</spotInstanceRequestId><tagSet>{tags}</tagSet></item>"
    )
}

fn left(instances: &[String]) -> Vec<LeftInstance> {
    let items = instances.concat();
    let reply = read(format!(
        "<r><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet></r>"
    ));
    left_in(root(&reply))
}

#[test]
fn an_endpoint_that_ignores_filters_gives_us_no_instance_of_others() {
    let other = OURS.replace("run-0000000000000007", "nightly");
    let described = [
        instance("i-0123456789abcdef0", "running", OURS),
        instance("i-0123456789abcdef1", "running", ""),
        instance("i-0123456789abcdef2", "running", &other),
        instance("i-0123456789abcdef3", "terminated", OURS),
        instance("i-0123456789abcdef4", "shutting-down", OURS),
        // What is not an id might be read as several.
        instance("i-0123456789abcdef5,i-0123456789abcdef6", "running", OURS),
        instance("i-*", "running", OURS),
        instance("vol-0123456789abcdef0", "running", OURS),
        instance("i-01234567", "stopped", OURS),
    ];
    let ids: Vec<String> = left(&described).into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["i-0123456789abcdef0", "i-01234567"]);
}

#[test]
fn a_spot_request_is_ours_by_its_tags_or_by_an_instance_that_names_it() {
    let ours = left(&[instance("i-01234567", "running", OURS)]);
    let ours: BTreeMap<&str, &LeftInstance> = ours.iter().map(|one| (one.id.as_str(), one)).collect();
    let request = |id: &str, state: &str, of: &str, tags: &str| {
        let reply = read(format!(
            "<r><spotInstanceRequestSet><item><spotInstanceRequestId>{id}</spotInstanceRequestId>\
             <state>{state}</state><instanceId>{of}</instanceId><tagSet>{tags}</tagSet></item>\
             </spotInstanceRequestSet></r>"
        ));
        let requests = protocol::spot_requests(root(&reply));
        requests.iter().any(|one| spot_request(one, &ours).is_some())
    };
    assert!(request("sir-aaaaaaaa", "open", "", OURS));
    assert!(request("sir-12345678", "active", "i-01234567", ""));
    for (id, state, of, tags) in [
        ("sir-aaaaaaaa", "cancelled", "", OURS),
        ("sir-aaaaaaaa", "open", "", ""),
        ("sir-12345678", "active", "i-76543210", ""),
        // The instance names another request.
        ("sir-aaaaaaaa", "active", "i-01234567", ""),
        ("sir-aaaaaaaa sir-b", "open", "", OURS),
    ] {
        assert!(!request(id, state, of, tags), "{id} {state} {of}");
    }
}

#[test]
fn a_scope_has_what_has_expired_or_is_old_or_of_one_run() {
    const HOUR_MS: u64 = 3_600_000;
    let tags = RunTags {
        run: RunId::new(7),
        created_ms: 10 * HOUR_MS,
        expires_ms: 16 * HOUR_MS,
    };
    let older = |hours: u64| SweepScope::OlderThan(Duration::from_secs(hours * 3_600));
    for (scope, now_h, is_in) in [
        (SweepScope::Expired, 15, false),
        (SweepScope::Expired, 16, true),
        (older(0), 10, true),
        (older(2), 11, false),
        (older(2), 12, true),
        (SweepScope::Run(RunId::new(7)), 0, true),
        (SweepScope::Run(RunId::new(8)), 99, false),
    ] {
        assert_eq!(scope.has(tags, now_h * HOUR_MS), is_in, "{scope:?} at {now_h}");
    }
}

#[test]
fn a_note_says_how_many_instances_of_which_runs_are_left() {
    let instances = |runs: &[u64]| -> Vec<LeftInstance> {
        let one = |run: &u64| LeftInstance {
            id: "i-01234567".to_owned(),
            state: "running".to_owned(),
            tags: RunTags {
                run: RunId::new(*run),
                created_ms: 0,
                expires_ms: 10,
            },
            spot_request: None,
        };
        runs.iter().map(one).collect()
    };
    let note = |runs: &[u64], now_ms| note_on(instances(runs).iter(), now_ms);
    assert_eq!(note(&[], 0), None);
    assert_eq!(
        note(&[7], 10).as_deref(),
        Some("1 instance of an earlier run is left (run-0000000000000007): `stopcheck sweep` removes it")
    );
    assert_eq!(
        note(&[7, 7, 8], 9).as_deref(),
        Some(
            "3 instances of earlier runs are left (run-0000000000000007, run-0000000000000008): unless those runs go on, \
             `stopcheck sweep --older-than 0s` removes them"
        )
    );
    assert!(note(&[1, 2, 3, 4], 0).is_some_and(|note| note.contains("run-0000000000000003, …)")));
}
