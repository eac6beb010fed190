//! Which callers are authenticated, and how the others are refused.

use bytes::Bytes;
use http::{Method, Request};

use super::client::{START_MS, TestClient, TestReply, header, refused, set_header};
use crate::keys;

const DESCRIBE: &str = "Action=DescribeInstances&Version=2016-11-15";

fn with_header(client: &TestClient, name: &'static str, value: &str) -> TestReply {
    let mut request = client.post(DESCRIBE);
    set_header(&mut request, name, value);
    client.send(&request)
}

#[test]
fn a_signed_request_is_let_in_by_post_and_by_get() {
    let client = TestClient::new();
    assert_eq!(client.send(&client.post(DESCRIBE)).status, 200);
    let mut get = Request::get(format!(
        "/?{DESCRIBE}&Filter.1.Name=tag:a+b&Filter.1.Value.1=%c3%bc~*"
    ))
    .body(Bytes::new())
    .expect("the request is valid");
    client.sign(&mut get);
    assert_eq!(client.send(&get).status, 200);
}

#[test]
fn a_plain_date_header_serves_as_the_date_of_signing() {
    let client = TestClient::new();
    let mut request = client.post(DESCRIBE);
    let authorization = header(request.headers(), "authorization")
        .unwrap_or_default()
        .replace("x-amz-date", "date");
    request.headers_mut().remove("x-amz-date");
    set_header(&mut request, "date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let signature = client.signature(&request, "host;date");
    let unsigned = authorization
        .split("Signature=")
        .next()
        .unwrap_or_default()
        .to_owned();
    let signed = format!("{unsigned}Signature={signature}");
    set_header(&mut request, "authorization", &signed);
    assert_eq!(client.send(&request).status, 200);
    set_header(&mut request, "date", "Thu, 01 Jan 2026 00:00:01 GMT");
    assert_eq!(
        client.send(&request).code(),
        refused(403, "SignatureDoesNotMatch")
    );
}

#[test]
fn of_two_authorization_headers_none_counts() {
    let client = TestClient::new();
    let mut request = client.post(DESCRIBE);
    let right = request.headers().get("authorization").cloned();
    request
        .headers_mut()
        .append("authorization", right.expect("the request is signed"));
    assert_eq!(client.send(&request).code(), refused(400, "IncompleteSignature"));
}

#[test]
fn a_body_may_be_left_unsigned_if_the_client_says_so() {
    let client = TestClient::new();
    let mut request = client.post(DESCRIBE);
    set_header(&mut request, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(
        client.send(&request).code(),
        refused(403, "SignatureDoesNotMatch"),
        "it was signed"
    );
    client.sign(&mut request);
    assert_eq!(client.send(&request).status, 200);
    *request.body_mut() = format!("{DESCRIBE}&MaxResults=5").into();
    assert_eq!(client.send(&request).status, 200);
}

#[test]
fn the_headers_of_the_service_are_signed_and_signatures_are_in_lower_case() {
    let client = TestClient::new();
    let mut request = client.post(DESCRIBE);
    assert_eq!(client.send(&request).status, 200);
    let proof = header(request.headers(), "authorization")
        .unwrap_or_default()
        .to_owned();
    let (fields, digits) = proof.rsplit_once('=').expect("it has a signature");
    let upper = format!("{fields}={}", digits.to_uppercase());
    set_header(&mut request, "authorization", &upper);
    let mismatch = refused(403, "SignatureDoesNotMatch");
    assert_eq!(client.send(&request).code(), mismatch);
    set_header(&mut request, "authorization", &proof);
    set_header(&mut request, "x-amz-more", "1");
    assert_eq!(client.send(&request).code(), mismatch);
}

#[test]
fn a_presigned_request_holds_for_as_long_as_it_says() {
    let mut client = TestClient::new();
    let request = client.presigned(DESCRIBE, 60);
    client.now_ms += 60_000;
    assert_eq!(client.send(&request).status, 200);
    client.now_ms += 1;
    assert_eq!(client.send(&request).code(), refused(400, "RequestExpired"));
}

#[test]
fn an_unsigned_request_misses_an_access_key() {
    let client = TestClient::new();
    for method in ["GET", "POST"] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/?{DESCRIBE}&MaxResults=1"))
            .body(Bytes::new())
            .expect("the request is valid");
        assert_eq!(
            client.send(&request).refusal(),
            (
                400,
                "MissingParameter".into(),
                "The request must contain the parameter AWSAccessKeyId".into()
            )
        );
    }
}

#[test]
fn a_garbled_authorization_is_incomplete() {
    let client = TestClient::new();
    for value in [
        "",
        "Basic dTpw",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=a/1/2/3/4, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=, Signature=0",
    ] {
        let reply = with_header(&client, "authorization", value);
        assert_eq!(reply.code(), refused(400, "IncompleteSignature"), "{value}");
    }
    assert_eq!(
        with_header(&client, "x-amz-date", "yesterday").code(),
        refused(400, "IncompleteSignature")
    );
}

#[test]
fn an_unknown_key_is_not_validated() {
    let mut client = TestClient::new();
    client.key.access_key = "AKIAEXAMPLENOBODY000";
    assert_eq!(
        client.call("DescribeInstances", &[]).refusal(),
        (
            401,
            "AuthFailure".into(),
            "AWS was not able to validate the provided access credentials".into()
        )
    );
}

#[test]
fn whatever_is_changed_after_signing_breaks_the_signature() {
    let client = TestClient::new();
    let good = client.post(DESCRIBE);
    let wanted = refused(403, "SignatureDoesNotMatch");
    let mut body = good.clone();
    *body.body_mut() = format!("{DESCRIBE}&").into();
    assert_eq!(client.send(&body).code(), wanted);
    let mut target = good.clone();
    *target.uri_mut() = "/?DryRun=true".parse().expect("the target is valid");
    assert_eq!(client.send(&target).code(), wanted);
    let mut method = good.clone();
    *method.method_mut() = Method::GET;
    assert_eq!(client.send(&method).code(), wanted);
    let mut host = good.clone();
    set_header(&mut host, "host", "elsewhere");
    assert_eq!(client.send(&host).code(), wanted);
    let mut claimed = good;
    set_header(&mut claimed, "x-amz-content-sha256", "00");
    assert_eq!(client.send(&claimed).code(), wanted);
    let mut wrong = TestClient::new();
    wrong.key.secret = "another";
    assert_eq!(wrong.call("DescribeInstances", &[]).code(), wanted);
}

#[test]
fn a_foreign_scope_is_refused() {
    let client = TestClient::new();
    let good = client.post(DESCRIBE);
    let header = header(good.headers(), "authorization")
        .unwrap_or_default()
        .to_owned();
    for (from, to) in [
        ("us-east-1", "eu-west-1"),
        ("/ec2/", "/s3/"),
        ("/20260101/", "/20251231/"),
    ] {
        let reply = with_header(&client, "authorization", &header.replace(from, to));
        assert_eq!(reply.code(), refused(403, "SignatureDoesNotMatch"), "{to}");
    }
}

#[test]
fn a_clock_may_be_off_by_a_quarter_of_an_hour() {
    let mut client = TestClient::new();
    let request = client.post(DESCRIBE);
    for (offset, status) in [(900_000, 200), (900_001, 400)] {
        client.now_ms = START_MS + offset;
        assert_eq!(client.send(&request).status, status);
        client.now_ms = START_MS - offset;
        assert_eq!(client.send(&request).status, status);
    }
    assert_eq!(
        client.send(&request).refusal(),
        (400, "RequestExpired".into(), "Request has expired.".into())
    );
}

#[test]
fn temporary_credentials_need_their_token_and_their_time() {
    let mut client = TestClient::new();
    client.key = keys::SESSION;
    assert_eq!(client.call("DescribeInstances", &[]).status, 200);
    assert_eq!(client.send(&client.presigned(DESCRIBE, 60)).status, 200);
    client.key.session_token = None;
    assert_eq!(
        client.call("DescribeInstances", &[]).code(),
        refused(401, "AuthFailure")
    );
    client.key.session_token = Some("wrong");
    assert_eq!(
        client.call("DescribeInstances", &[]).code(),
        refused(401, "AuthFailure")
    );
    client.key = keys::MAIN;
    client.key.session_token = Some("superfluous");
    assert_eq!(
        client.call("DescribeInstances", &[]).code(),
        refused(401, "AuthFailure")
    );
    client.key = keys::EXPIRED;
    assert_eq!(
        client.call("DescribeInstances", &[]).code(),
        refused(400, "RequestExpired")
    );
}

#[test]
fn the_caller_is_told_who_it_is() {
    let mut client = TestClient::new();
    client.service = "sts";
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let reply = client.send(&client.post(body));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text_of("Account"), "111122223333");
    assert_eq!(
        reply.text_of("Arn"),
        "arn:aws:iam::111122223333:user/AKIAEXAMPLESTOPCHECK"
    );
    assert!(
        reply
            .text
            .contains("xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"")
    );
    let reply = client.send(&client.post(DESCRIBE));
    assert_eq!(
        reply.code(),
        refused(403, "SignatureDoesNotMatch"),
        "sts does not sign for ec2"
    );
    let reply = client.send(&client.post("Action=AssumeRole&Version=2011-06-15"));
    assert!(reply.text.contains("<ErrorResponse") && reply.text.contains("<Code>InvalidAction</Code>"));
}
