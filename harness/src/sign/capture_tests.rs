//! No secret of a signed request reaches a journal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::call::{Auth, Call, Encoding, Form, Method};
use crate::journal::{Answer, Bytes, RequestRecord};
use crate::protocol::capture::{GARBAGE_AUTHORIZATION, capture, capture_raw, carried_secrets, revive};
use crate::protocol::encode::{RequestTarget, encode};
use crate::wire::{Headers, Response};

const TOKEN: &str = "canary//token+with=signs/9Q";

fn keys() -> Keyring {
    let one = |canary: &str, token: Option<&str>| Credentials {
        access_key: format!("AKIACANARY{canary}KEY"),
        secret: format!("canary/{canary}+secret/with/slashes"),
        session_token: token.map(str::to_owned),
    };
    Keyring {
        main: one("MAIN", None),
        denied: Some(one("DENIED", None)),
        session: Some(one("SESSION", Some(TOKEN))),
        expired: Some(one("EXPIRED", Some("canary-expired-token"))),
    }
}

fn signed(method: Method, encoding: Encoding, auth: Auth) -> Request {
    let target = RequestTarget {
        host: "h".into(),
        path: "/".into(),
        region: "us-east-1".into(),
    };
    let mut call = Call::new("StopInstances", [("InstanceId.1", "i-0a")]);
    // The request also carries secrets as values, as a careless scenario might.
    for (i, secret) in keys().secrets().into_iter().enumerate() {
        call.params
            .push((format!("Tag.{i}.Value"), format!("x{secret}y")));
    }
    call.form = Form {
        method,
        encoding,
        auth,
        ..Form::default()
    };
    sign(encode(&call, &target), auth, &keys(), "us-east-1", "ec2", 0).expect("the keys are on the ring")
}

/// Everything that is written, as one text, with base64 decoded.
fn written(record: &RequestRecord, answer: &Answer) -> String {
    let revived = revive(answer).map(|response| String::from_utf8_lossy(&response.body).into_owned());
    format!("{record:?}{answer:?}{revived:?}")
}

#[test]
fn no_canary_is_ever_written_wherever_an_endpoint_repeats_it() {
    let auths = [
        Auth::Header,
        Auth::Query,
        Auth::WrongSignature,
        Auth::Session,
        Auth::Denied,
        Auth::Stale,
    ];
    for auth in auths {
        for (method, encoding) in [
            (Method::Post, Encoding::Standard),
            (Method::Get, Encoding::EveryByte),
        ] {
            let request = signed(method, encoding, auth);
            let secrets = keys().secrets();
            let signature = carried_secrets(&request)
                .into_iter()
                .find(|text| text.len() == 64);
            let signature = signature.expect("the request is signed");
            let mut echo = request.target.clone().into_bytes();
            for (name, value) in &request.headers.0 {
                echo.extend(format!("\n{name}: {value}").into_bytes());
            }
            echo.extend(&request.body);
            let mut headers = request.headers.clone();
            headers.set(&secrets.join("-"), secrets.join(" "));
            let mut broken = echo.clone();
            broken.push(0xff);
            for body in [echo.clone(), broken] {
                let response = Response {
                    status: 400,
                    headers: headers.clone(),
                    body,
                };
                let (record, answer) = capture(&request, Ok(&response), &secrets);
                let text = written(&record, &answer);
                for secret in secrets.iter().chain([&signature]) {
                    let everywhere = form::write([("", secret)], Encoding::EveryByte);
                    assert!(!text.contains(secret), "{auth:?} {secret}\n{text}");
                    assert!(!text.contains(&form::escape(secret)), "{auth:?} {secret}\n{text}");
                    assert!(
                        !text.contains(everywhere.trim_start_matches('=')),
                        "{auth:?} {secret}\n{text}"
                    );
                }
            }
            let (record, answer) = capture(&request, Err(format!("could not {signature}")), &secrets);
            assert!(!written(&record, &answer).contains(&signature));
        }
    }
}

#[test]
fn what_is_no_secret_stays_as_it_was() {
    let request = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
    let response = Response {
        status: 200,
        headers: Headers(vec![("Server".into(), "AmazonEC2".into())]),
        body: b"<a>i-0a \xc3\xa9 &amp; %41</a>".to_vec(),
    };
    let (record, answer) = capture(&request, Ok(&response), &[]);
    assert_eq!(
        record.body,
        Bytes::Text(String::from_utf8_lossy(&request.body).into_owned())
    );
    assert_eq!((record.headers, record.target), (request.headers, request.target));
    assert_eq!(revive(&answer), Some(response));
}

#[test]
fn the_header_keeps_its_shape_and_loses_its_proof() {
    let request = signed(Method::Post, Encoding::Standard, Auth::Session);
    let (record, _) = capture(&request, Err(String::new()), &[]);
    assert_eq!(
        record.headers.get("authorization"),
        Some(
            "AWS4-HMAC-SHA256 Credential=REDACTED, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=REDACTED"
        )
    );
    assert_eq!(record.headers.get("x-amz-security-token"), Some("REDACTED"));
    let garbage = signed(Method::Post, Encoding::Standard, Auth::Garbage);
    let (record, _) = capture(&garbage, Err(String::new()), &[]);
    assert_eq!(record.headers.get("authorization"), Some(GARBAGE_AUTHORIZATION));
    let mut basic = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
    basic.headers.set("Authorization", "Basic YTpi");
    let (record, _) = capture(&basic, Err(String::new()), &[]);
    assert_eq!(record.headers.get("authorization"), Some("REDACTED"));
}

#[test]
fn raw_bytes_keep_no_secret_in_any_dress() {
    let request = signed(Method::Post, Encoding::Standard, Auth::Session);
    let signature = carried_secrets(&request)
        .into_iter()
        .find(|text| text.len() == 64)
        .expect("the request is signed");
    let mut sent = b"POST / HTTP/1.1\r\n".to_vec();
    for (name, value) in &request.headers.0 {
        sent.extend(format!("{}: {value}\r\n", name.to_ascii_uppercase()).into_bytes());
    }
    sent.extend(b"\r\n");
    sent.extend(&request.body);
    sent.extend([0xff; 4]);
    let echo = Response {
        status: 400,
        headers: request.headers.clone(),
        body: sent.clone(),
    };
    let captured = capture_raw(
        &sent,
        &[echo],
        &sent,
        std::slice::from_ref(&request),
        &keys().secrets(),
    );
    let revived = captured.answers.iter().map(revive).collect::<Vec<_>>();
    let text = |bytes: &Bytes| match bytes {
        Bytes::Text(text) => text.clone(),
        Bytes::Base64(text) => String::from_utf8_lossy(&STANDARD.decode(text).expect("our own")).into_owned(),
    };
    let written = format!(
        "{}{}{captured:?}{}",
        text(&captured.sent),
        text(&captured.rest),
        revived
            .iter()
            .flatten()
            .map(|response| String::from_utf8_lossy(&response.body).into_owned())
            .collect::<String>()
    );
    for secret in keys().secrets().iter().chain([&signature]) {
        assert!(!written.contains(secret.as_str()), "{secret}\n{written}");
    }
    let short = capture_raw(
        b"Authorization: AWS4-X Credential=ab/c, Signature=d\r\n\r\nx",
        &[],
        b"",
        &[],
        &[],
    );
    let expected = "Authorization: AWS4-X Credential=REDACTED, Signature=REDACTED\r\n\r\nx";
    assert_eq!(short.sent, Bytes::Text(expected.to_owned()));
}

#[test]
fn a_body_that_is_no_text_survives_the_journal() {
    let response = Response {
        status: 200,
        headers: Headers::default(),
        body: vec![0xff, 0, 1],
    };
    let request = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
    let (_, answer) = capture(&request, Ok(&response), &[]);
    assert_eq!(revive(&answer), Some(response));
    let broken = Answer::Response {
        status: 200,
        headers: Headers::default(),
        body: Bytes::Base64("!".into()),
    };
    assert_eq!(revive(&broken), None);
}
