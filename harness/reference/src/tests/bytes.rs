//! The bytes of answers: equal to the recorded bytes where there are any, and well-formed for every request.

use bytes::Bytes;
use http::{HeaderValue, Request};

use super::client::{START_MS, TestClient, header, refused};
use crate::{Config, XmlLayout};

const COMPACT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>REQUEST</requestId><instancesSet>\
<item><instanceId>INSTANCE</instanceId><currentState><code>64</code><name>stopping</name></currentState><previousState>\
<code>16</code><name>running</name></previousState></item></instancesSet></StopInstancesResponse>";

const INDENTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<StopInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>REQUEST</requestId>
    <instancesSet>
        <item>
            <instanceId>INSTANCE</instanceId>
            <currentState>
                <code>64</code>
                <name>stopping</name>
            </currentState>
            <previousState>
                <code>16</code>
                <name>running</name>
            </previousState>
        </item>
    </instancesSet>
</StopInstancesResponse>
"#;

fn stopped(layout: XmlLayout) -> (String, String) {
    let mut client = TestClient::with(Config {
        layout,
        ..Config::default()
    });
    let id = client.running(&[]);
    let id = id.trim();
    let reply = client.ok("StopInstances", &[("InstanceId.1", id)]);
    let request = reply.text_of("requestId");
    (
        reply.text.clone(),
        reply.text.replace(id, "INSTANCE").replace(&request, "REQUEST"),
    )
}

#[test]
fn a_compact_stop_is_byte_for_byte_as_in_2025() {
    let (raw, plain) = stopped(XmlLayout::Compact);
    assert_eq!(plain, COMPACT);
    assert_eq!(raw.len(), 411, "the content length on record");
}

#[test]
fn an_indented_stop_is_byte_for_byte_as_in_2017() {
    let (raw, plain) = stopped(XmlLayout::Indented);
    assert_eq!(plain, INDENTED);
    assert_eq!(raw.len(), 579, "the content length on record");
}

#[test]
fn text_from_the_caller_stays_text() {
    let client = TestClient::new();
    let reply = client.call(
        "StopInstances",
        &[("InstanceId.1", "]]><x a='\"&\u{0}\u{8}\r\n\u{ffff}")],
    );
    assert_eq!(reply.code(), refused(400, "InvalidInstanceID.Malformed"));
    assert_well_formed(&reply.text);
    let reply = client.call("<Stop&Instances>", &[]);
    assert_eq!(
        reply.text_of("Message"),
        "The action &lt;Stop&amp;Instances&gt; is not valid for this web service."
    );
}

#[test]
fn methods_without_a_form_are_refused() {
    let client = TestClient::new();
    for method in ["HEAD", "OPTIONS", "PUT", "DELETE", "get", "!"] {
        let mut request = client.post("Action=DescribeInstances&Version=2016-11-15");
        *request.method_mut() = method.parse().expect("the method is valid");
        client.sign(&mut request);
        let reply = client.send(&request);
        assert_eq!(reply.code(), refused(405, "MethodNotAllowed"), "{method}");
        assert_eq!(header(reply.response.headers(), "allow"), Some("GET, POST"));
    }
}

#[test]
fn any_bytes_get_a_well_formed_answer_and_never_a_fault_of_the_server() {
    let client = TestClient::new();
    let mut dice = Dice(2026);
    let words = [
        "Action=",
        "StopInstances",
        "RunInstances",
        "DescribeInstances",
        "&",
        "=",
        "%",
        "%zz",
        "%00",
        "%ff",
        "+",
        ".",
        "1",
        "InstanceId",
        "Version=2016-11-15",
        "Version=2011-06-15",
        "Filter.1.Name=tag:",
        "X-Amz-Signature=",
        "<",
        "\u{0}",
        "é",
        "MaxCount=18446744073709551615",
        "MinCount=1",
        "ImageId=ami-0eb50000000000001",
        "NextToken=page-",
        "DryRun=",
        "TagSpecification.4294967295.Tag.1.Key=",
        "i-",
        "Tag.1.Key=",
        "ResourceId.1=",
        "//",
        "?",
        "::",
        ";",
    ];
    for round in 0..5_000 {
        let mut text = String::new();
        for _ in 0..dice.below(12) {
            text.push_str(dice.choice(&words));
        }
        let method = dice.choice(&["GET", "POST", "POST", "POST", "TRACE", "odd"]);
        let target = if dice.below(2) == 0 {
            format!("/?{text}")
        } else {
            text.clone()
        };
        let body: Vec<u8> = if dice.below(2) == 0 {
            text.clone().into()
        } else {
            (0..64).map(|_| dice.roll().to_le_bytes()[7]).collect()
        };
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = method.parse().expect("the method is valid");
        // No server accepts a target that is not one.
        *request.uri_mut() = target.parse().unwrap_or_default();
        if dice.below(256) < 200 {
            client.sign(&mut request);
        }
        if dice.below(256) < 20
            && let Ok(value) = HeaderValue::from_bytes(text.as_bytes())
        {
            request.headers_mut().insert("authorization", value);
        }
        let now_ms = if dice.below(256) < 5 {
            dice.roll()
        } else {
            START_MS
        };
        let response = client.reference.handle(&request, now_ms);
        assert!(
            (200..500).contains(&response.status().as_u16()),
            "round {round}: {request:?}"
        );
        assert_well_formed(&String::from_utf8(response.into_body().into()).expect("answers are UTF-8"));
    }
}

fn assert_well_formed(text: &str) {
    if let Err(error) = roxmltree::Document::parse(text) {
        unreachable!("{error}: {text}");
    }
}

/// A small generator, independent of the one that generates the ids.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 29)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.roll() >> 33) % end
    }

    fn choice<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let n = self.below(words.len() as u64);
        words
            .iter()
            .zip(0..)
            .find(|(_, at)| *at == n)
            .map_or("", |(word, _)| word)
    }
}
