//! No secret of a signed request reaches a journal.

use http::header::COOKIE;
use http::{HeaderName, Response};

use super::*;
use crate::call::{Auth, Call, Encoding, Form, Method};
use crate::journal::{self, Answer, HeaderRecords, RequestRecord};
use crate::protocol::capture::{capture, capture_raw, carried_secrets, revive};
use crate::protocol::encode::{RequestTarget, encode};

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

fn signed(method: Method, encoding: Encoding, auth: Auth) -> Request<Bytes> {
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
    let request = encode(&call, &target).expect("a short call");
    sign(request, auth, &keys(), "us-east-1", "ec2", 0).expect("the keys are on the ring")
}

/// Everything that is written, as one text, with base64 decoded.
fn written(record: &RequestRecord, answer: &Result<Answer, String>) -> String {
    let revived = answer.as_ref().ok().and_then(revive);
    let revived = revived.map(|response| String::from_utf8_lossy(response.body()).into_owned());
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
        Auth::RightThenWrong,
        Auth::WrongThenRight,
    ];
    for auth in auths {
        for (method, encoding) in [
            (Method::Post, Encoding::Standard),
            (Method::Get, Encoding::EveryByte),
        ] {
            let request = signed(method, encoding, auth);
            let secrets = keys().secrets();
            let carried = carried_secrets(&request).into_iter();
            let signatures: Vec<String> = carried.filter(|text| text.len() == 64).collect();
            let signature = signatures.first().expect("the request is signed");
            let mut echo = request.uri().to_string().into_bytes();
            for (name, value) in request.headers() {
                echo.extend([b"\n", name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
            }
            echo.extend(request.body());
            let mut headers = request.headers().clone();
            let name = HeaderName::from_bytes(keys().main.access_key.as_bytes()).expect("a name");
            headers.insert(name, HeaderValue::try_from(secrets.join(" ")).expect("a value"));
            let mut broken = echo.clone();
            broken.push(0xff);
            for body in [echo.clone(), broken] {
                let mut response = Response::new(Bytes::from(body));
                *response.headers_mut() = headers.clone();
                let (record, answer) = capture(&request, Ok(&response), &secrets);
                let text = written(&record, &answer);
                for secret in secrets.iter().chain(&signatures) {
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
            assert!(!written(&record, &answer).contains(signature));
        }
    }
}

#[test]
fn what_is_no_secret_stays_as_it_was() {
    let request = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
    let response = Response::builder()
        .status(412)
        .header("Server", "AmazonEC2")
        .body(Bytes::from("<a>i-0a \u{e9} &amp; %41</a>"))
        .expect("the response is valid");
    let (record, answer) = capture(&request, Ok(&response), &[]);
    assert_eq!(
        record.body,
        journal::Bytes::Text(String::from_utf8_lossy(request.body()).into_owned())
    );
    assert_eq!(record.target, "/");
    for (name, value) in request.headers() {
        let recorded = record.headers.get(name.as_str());
        assert_eq!(recorded.map(str::as_bytes), Some(value.as_bytes()), "{name}");
    }
    assert_eq!(record.headers.0.len(), request.headers().len());
    assert_eq!(
        record.headers.0.first(),
        Some(&("Host".to_owned(), "h".to_owned()))
    );
    assert_same(answer.ok().as_ref().and_then(revive), &response);
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
    let value = HeaderValue::from_static("Basic YTpi");
    basic.headers_mut().insert(AUTHORIZATION, value);
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
    for (name, value) in request.headers() {
        let name = name.as_str().to_ascii_uppercase();
        sent.extend([name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    sent.extend(b"\r\n");
    sent.extend(request.body());
    sent.extend([0xff; 4]);
    let mut echo = Response::new(Bytes::from(sent.clone()));
    *echo.headers_mut() = request.headers().clone();
    let captured = capture_raw(
        &sent,
        &[echo],
        &sent,
        std::slice::from_ref(&request),
        &keys().secrets(),
    );
    let revived = captured.answers.iter().map(revive).collect::<Vec<_>>();
    let text = |bytes: &journal::Bytes| {
        let answer = Answer {
            status: 200,
            headers: HeaderRecords::default(),
            body: bytes.clone(),
        };
        let decoded = revive(&answer).expect("our own");
        String::from_utf8_lossy(decoded.body()).into_owned()
    };
    let written = format!(
        "{}{}{captured:?}{}",
        text(&captured.sent.bytes),
        text(&captured.rest),
        revived
            .iter()
            .flatten()
            .map(|response| String::from_utf8_lossy(response.body()).into_owned())
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
    assert_eq!(short.sent.bytes, journal::Bytes::Text(expected.to_owned()));
}

#[test]
fn a_body_that_is_no_text_survives_the_journal() {
    let response = Response::new(Bytes::from_static(&[0xff, 0, 1]));
    let request = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
    let (_, answer) = capture(&request, Ok(&response), &[]);
    assert_same(answer.ok().as_ref().and_then(revive), &response);
}

#[test]
fn a_record_that_is_no_response_is_not_revived() {
    let answer = |status, name: &str, body| Answer {
        status,
        headers: HeaderRecords(vec![
            (name.to_owned(), "a".to_owned()),
            ("B".to_owned(), "\n".to_owned()),
        ]),
        body,
    };
    let text = journal::Bytes::Text(String::new());
    let revived = revive(&answer(200, "A", text.clone())).expect("a response");
    assert_eq!(revived.headers().len(), 1, "a line feed cannot be in a value");
    let revived = revive(&answer(200, "a b", text.clone())).expect("a response");
    assert!(revived.headers().is_empty(), "a space cannot be in a name");
    assert!(revive(&answer(99, "A", text)).is_none());
    assert!(revive(&answer(200, "A", journal::Bytes::Base64("!".into()))).is_none());
}

#[test]
fn a_header_value_that_is_no_text_is_recorded_with_replacements() {
    let mut response = Response::new(Bytes::new());
    let value = HeaderValue::from_bytes(b"a\xff").expect("a header can hold it");
    response.headers_mut().insert(COOKIE, value);
    let request = signed(Method::Post, Encoding::Standard, Auth::Unsigned);
    let (_, answer) = capture(&request, Ok(&response), &[]);
    let revived = answer.ok().as_ref().and_then(revive).expect("a response");
    let value = revived.headers().get(COOKIE).map(HeaderValue::as_bytes);
    assert_eq!(value, Some("a\u{fffd}".as_bytes()));
}

fn assert_same(revived: Option<Response<Bytes>>, response: &Response<Bytes>) {
    let revived = revived.expect("a response was recorded");
    assert_eq!(
        (revived.status(), revived.headers(), revived.body()),
        (response.status(), response.headers(), response.body())
    );
}
