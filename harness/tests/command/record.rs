//! `stopcheck record`: a bundle of the wanted cases, without anything that identifies the account, or nothing at all.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use stopcheck::endpoint::Handler;
use stopcheck::reference::keys;
use tokio::sync::Notify;

use crate::child::{finish, stopcheck, text_of, within};
use crate::servers::{quick_reference, serving};

/// Texts that identify the account of an endpoint or open it.
const PLANTED: [&str; 5] = [
    "210987654321",
    "54.93.17.201",
    "ip-172-31-44-7.corp.acme.net",
    "alice.b",
    keys::MAIN.secret,
];

/// A message that has all of them, once plain, once percent-encoded, once in entities.
fn planted_message() -> String {
    let text = format!(
        "arn:aws:iam::{}:user/{} at {} ({}) with {}",
        PLANTED[0], PLANTED[3], PLANTED[1], PLANTED[2], PLANTED[4]
    );
    let percent: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let entities: String = text.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    format!("{text} {percent} {entities}")
}

/// The reference, whose refusals have a planted message.
fn talkative() -> Handler {
    let inner = quick_reference(None);
    Arc::new(move |request, now_ms| {
        let response = inner(request, now_ms);
        let (head, body) = response.into_parts();
        let text = String::from_utf8_lossy(&body);
        let text = text.replace("</Message>", &format!(" {}</Message>", planted_message()));
        let mut response = Response::from_parts(head, Bytes::from(text));
        response.headers_mut().remove("content-length");
        response
    })
}

#[test]
fn a_bundle_has_the_wanted_cases_and_nothing_of_the_account() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let url = serving(talkative(), Arc::new(Notify::new()));
    let line = format!("record @/bundle --question OQ-18 --question oq-01 --quiet --endpoint-url {url}");
    finish(within(&line, scratch.path())).ended_with(0).says(&[
        "of 2 cases",
        "answers     OQ-01 by id/none",
        "            OQ-18 by request/unknown-version",
        "not Amazon EC2",
    ]);
    let folder = scratch.path().join("bundle");
    let (manifest, events) = (
        text_of(&folder.join("manifest.json")),
        text_of(&folder.join("events.ndjson")),
    );
    for text in PLANTED
        .iter()
        .chain([&"172-31-44-7", &"127.0.0.1", &keys::MAIN.access_key])
    {
        let percent: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for file in [&manifest, &events] {
            assert!(
                !file.contains(text) && !file.contains(&percent),
                "{text} is in {file}"
            );
        }
    }
    assert!(events.contains("NoSuchVersion"), "{events}");
    let files = std::fs::read_dir(&folder).expect("it is there").count();
    assert_eq!(files, 2);
    // A bundle is a journal.
    finish(within("judge @/bundle/events.ndjson", scratch.path()));
    finish(within(&line, scratch.path()))
        .ended_with(2)
        .complains_of(&["it exists", "name a new folder"]);
}

#[test]
fn a_bundle_is_made_of_a_journal_without_a_request() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    finish(within(
        "run --case id/* --case dry-run/* --golden off --quiet --journal @/run.ndjson",
        scratch.path(),
    ))
    .ended_with(0);
    finish(within(
        "record @/bundle --from @/run.ndjson --question OQ-05",
        scratch.path(),
    ))
    .ended_with(0)
    .says(&["of 4 cases", "answers     OQ-05 by id/malformed-and-unknown"]);
    finish(within(
        "record @/none --from @/run.ndjson --case stop/running",
        scratch.path(),
    ))
    .ended_with(4)
    .complains_of(&["nothing was recorded"]);
    assert!(!scratch.path().join("none").exists());
}

#[test]
fn what_cannot_be_recorded_is_a_mistake_with_a_hint() {
    stopcheck("record x --question OQ-77")
        .ended_with(2)
        .complains_of(&["OQ-77", "stopcheck list --questions"]);
    stopcheck("record x --question OQ-19")
        .ended_with(2)
        .complains_of(&["no case settles OQ-19: only a managed service"]);
    stopcheck("record x --clause XXX-*")
        .ended_with(2)
        .complains_of(&["\"XXX-*\"", "stopcheck list --clauses"]);
    stopcheck("record x --endpoint-url https://ec2.us-east-1.amazonaws.com")
        .ended_with(2)
        .complains_of(&["--allow-real-aws --account"]);
}
