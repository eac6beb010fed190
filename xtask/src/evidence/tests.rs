//! Tests of the import: a bundle and recordings of other tools, right and wrong.

use serde_json::json;
use stopcheck_core::evidence::{Recording, bundle as make_bundle};

use super::*;

/// The files of a bundle of one recorded answer, in which a text is replaced.
fn files(name: &str, from: &str, to: &str) -> (String, String) {
    let contract = embedded(Edition::Current);
    let mut recorded = contract
        .recorded
        .iter()
        .find(|one| one.name == name)
        .cloned()
        .expect("it is recorded");
    assert!(recorded.body.contains(from), "{name} has {from:?}");
    recorded.body = recorded.body.replace(from, to);
    let recording = Recording {
        events: &foreign::events(&recorded),
        secrets: &[],
        is_amazon: true,
        digest: &sha256_hex,
    };
    let bundle = make_bundle(&contract, recording).expect("nothing leaks");
    (bundle.manifest_text, bundle.events_text)
}

#[test]
fn a_bundle_confirms_clauses_and_becomes_recorded_answers() {
    let (manifest, events) = files("c10", "", "");
    let imported = bundle_of(&manifest, &events, "c177").expect("it is whole");
    assert_eq!(imported.review.contradictions, []);
    let gain = imported
        .review
        .gains
        .iter()
        .find(|gain| gain.clause.as_str() == "RSP-17");
    assert!(
        gain.is_some() || !imported.review.gains.is_empty(),
        "{:?}",
        imported.review.gains
    );
    let text = file(&imported, "C177").expect("the loader of the contract reads it");
    assert!(
        text.contains("name = \"c177-1\"") && text.contains("fixtures = { a = \"stopped\" }"),
        "{text}"
    );
    assert!(!text.contains("i-02cf94755c7c86a99"), "ids are replaced: {text}");
    let contract = embedded(Edition::Current);
    assert!(report(&imported, &contract).contains("contradicts nothing"));
    assert_eq!(file(&imported, "C177").expect("again"), text);
}

#[test]
fn an_answer_that_the_contract_does_not_expect_is_a_contradiction() {
    let (manifest, events) = files("c10", "<name>stopped</name>", "<name>running</name>");
    let imported = bundle_of(&manifest, &events, "c177").expect("it is whole");
    let clauses: Vec<&str> = imported
        .review
        .contradictions
        .iter()
        .map(|one| one.clause.as_str())
        .collect();
    assert!(clauses.contains(&"STT-05"), "{clauses:?}");
    assert!(
        !imported
            .review
            .gains
            .iter()
            .any(|gain| gain.clause.as_str() == "STT-05")
    );
    let contract = embedded(Edition::Current);
    assert!(report(&imported, &contract).contains("contradicts: STT-05 (fails)"));
}

#[test]
fn a_bundle_that_was_changed_is_refused() {
    let (manifest, events) = files("c10", "", "");
    let changed = events.replacen("stopped", "stoppet", 1);
    let error = bundle_of(&manifest, &changed, "c177")
        .err()
        .expect("a byte differs");
    assert!(error.to_string().contains("events.ndjson"), "{error}");
    let error = bundle_of("{}", &events, "c177").err().expect("not a manifest");
    assert!(error.to_string().contains("manifest.json"), "{error}");
}

#[test]
fn other_formats_show_states_codes_and_messages() {
    let running = json!({"InstanceId": "i-0c28137fce7e9f44b", "CurrentState": {"Code": 64, "Name": "stopping"},
        "PreviousState": {"Code": 16, "Name": "running"}});
    let stubs = json!([
        {"method": "stop_instances", "expected_params": {"InstanceIds": ["i-0c28137fce7e9f44b"], "Force": true},
         "response": {"StoppingInstances": [running]}},
        {"method": "stop_instances", "service_error_code": "UnsupportedOperation", "service_message": "a <b>",
         "http_status_code": 400},
        {"method": "start_instances", "response": {}},
    ]);
    let har = json!({"log": {"entries": [{
        "request": {"url": "https://ec2.us-east-1.amazonaws.com/",
            "postData": {"text": "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-1"}},
        "response": {"status": 400, "headers": [{"name": "Server", "value": "AmazonEC2"}], "content": {"text":
            "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>x</Message></Error></Errors>\
             <RequestID>1</RequestID></Response>"}}}]}});
    let cassette = "\
interactions:
- request:
    body: Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0c28137fce7e9f44b
    method: POST
    uri: https://ec2.us-east-1.amazonaws.com/
  response:
    body: {string: '<StopInstancesResponse><requestId>1</requestId><instancesSet><item><instanceId>i-0c28137fce7e9f44b</instanceId><currentState><code>64</code><name>stopping</name></currentState><previousState><code>16</code><name>running</name></previousState></item></instancesSet></StopInstancesResponse>'}
    headers: {Server: [AmazonEC2]}
    status: {code: 200, message: OK}
";
    let contract = Arc::new(embedded(Edition::Current));
    for (format, text, expected) in [
        (
            Format::BotocoreStub,
            stubs.to_string(),
            &["force = \"true\"", "UnsupportedOperation", "a &lt;b&gt;"][..],
        ),
        (
            Format::Har,
            har.to_string(),
            &["framing = \"captured\"", "InvalidInstanceID.NotFound"],
        ),
        (
            Format::Vcr,
            cassette.to_owned(),
            &["grade = \"A\"", "fixtures = { i1 = \"running\" }"],
        ),
    ] {
        let answers = foreign::answers(format, &text, "StopInstances").expect("it is read");
        let review = foreign::reviewed(format, &answers, &contract, "c177");
        // The bytes of the cassette are not those of Amazon; what an SDK has parsed is complete once it is rebuilt.
        let has_own_bytes = format == Format::Vcr;
        let found = &review.review.contradictions;
        assert_eq!(!found.is_empty(), has_own_bytes, "{found:?}");
        let text = file(&review, "C177").expect("the loader of the contract reads it");
        for part in expected {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        let nothing = foreign::answers(format, "{}", "StopInstances").expect("it is JSON, and YAML as well");
        assert!(nothing.is_empty());
        foreign::answers(format, "{", "StopInstances").expect_err("neither JSON nor YAML");
    }
}
