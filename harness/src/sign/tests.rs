use super::*;
use crate::call::{Call, Form, Method};
use crate::protocol::encode::{RequestTarget, encode};

const NOW_MS: u64 = 1_767_225_600_000;

fn keys() -> Keyring {
    let one = |name: &str, token: Option<&str>| Credentials {
        access_key: format!("AKIA{name}"),
        secret: format!("secret-{name}"),
        session_token: token.map(str::to_owned),
    };
    Keyring {
        main: one("MAIN", None),
        denied: None,
        session: Some(one("SESSION", Some("token+/="))),
        expired: None,
    }
}

fn request(method: Method) -> Request<Bytes> {
    let target = RequestTarget {
        host: "127.0.0.1:5000".into(),
        path: "/".into(),
        region: "us-east-1".into(),
    };
    let form = Form {
        method,
        ..Form::default()
    };
    encode(
        &Call {
            form,
            ..Call::new("StopInstances", [("InstanceId.1", "i-0a")])
        },
        &target,
    )
    .expect("a short call")
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

fn signed(method: Method, auth: Auth, now_ms: u64) -> Request<Bytes> {
    sign(request(method), auth, &keys(), "us-east-1", "ec2", now_ms).expect("these keys are on the ring")
}

fn authorization(auth: Auth, now_ms: u64) -> String {
    let request = signed(Method::Post, auth, now_ms);
    header(&request, "authorization").unwrap_or_default().to_owned()
}

#[test]
fn a_header_signs_what_the_command_line_tool_signs() {
    let request = signed(Method::Post, Auth::Header, NOW_MS);
    let authorization = header(&request, "authorization").unwrap_or_default();
    assert!(
        authorization.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIAMAIN/20260101/us-east-1/ec2/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature="
        ),
        "{authorization}"
    );
    assert_eq!(header(&request, "x-amz-date"), Some("20260101T000000Z"));
}

#[test]
fn a_signature_covers_the_published_example_of_the_documentation() {
    // "Signature Version 4 signing process", the worked example of a GET to IAM.
    let keys = Keyring {
        main: Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        },
        denied: None,
        session: None,
        expired: None,
    };
    let request = Request::get("/?Action=ListUsers&Version=2010-05-08")
        .header(HOST, "iam.amazonaws.com")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
        .body(Bytes::new())
        .expect("the request is valid");
    let at_ms = 1_440_938_160_000;
    let signed = sign(request, Auth::Header, &keys, "us-east-1", "iam", at_ms).expect("it can be signed");
    assert_eq!(
        header(&signed, "authorization"),
        Some(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        )
    );
}

#[test]
fn a_wrong_signature_differs_from_the_right_one_by_one_digit() {
    let (right, wrong) = (
        authorization(Auth::Header, NOW_MS),
        authorization(Auth::WrongSignature, NOW_MS),
    );
    assert_eq!(right.len(), wrong.len());
    assert_eq!(
        right.bytes().zip(wrong.bytes()).filter(|(a, b)| a != b).count(),
        1
    );
    let digits = wrong.rsplit('=').next().unwrap_or_default();
    assert!(
        digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{wrong}"
    );
}

#[test]
fn a_query_signature_goes_to_the_query_and_leaves_the_body_alone() {
    let post = signed(Method::Post, Auth::Query, NOW_MS);
    assert_eq!(post.body(), request(Method::Post).body());
    let target = post.uri().to_string();
    assert!(
        target.starts_with("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&"),
        "{target}"
    );
    assert!(
        target.contains("&X-Amz-SignedHeaders=content-type%3Bhost&"),
        "{target}"
    );
    assert_eq!(header(&post, "authorization"), None);
    let target = signed(Method::Get, Auth::Query, NOW_MS).uri().to_string();
    assert!(target.starts_with("/?Action=StopInstances&"), "{target}");
    assert!(target.contains("&X-Amz-Signature="), "{target}");
}

#[test]
fn a_session_sends_its_token_and_signs_it() {
    let request = signed(Method::Post, Auth::Session, NOW_MS);
    assert_eq!(header(&request, "x-amz-security-token"), Some("token+/="));
    let authorization = header(&request, "authorization").unwrap_or_default();
    assert!(
        authorization.contains("host;x-amz-date;x-amz-security-token"),
        "{authorization}"
    );
}

#[test]
fn a_stale_signature_is_a_right_one_of_an_hour_ago() {
    assert_eq!(
        authorization(Auth::Stale, NOW_MS),
        authorization(Auth::Header, NOW_MS - HOUR_MS)
    );
}

#[test]
fn the_ways_without_credentials_need_none() {
    let unsigned = signed(Method::Post, Auth::Unsigned, NOW_MS);
    assert_eq!(unsigned.headers(), request(Method::Post).headers());
    assert_eq!(authorization(Auth::Garbage, NOW_MS), "not a signature");
    assert!(authorization(Auth::UnknownKey, NOW_MS).contains("AKIASTOPCHECKNOSUCH7"));
}

#[test]
fn credentials_that_were_not_given_are_an_error_of_ours() {
    for auth in [Auth::Denied, Auth::ExpiredSession] {
        assert!(!keys().has(auth));
        let error = sign(request(Method::Post), auth, &keys(), "us-east-1", "ec2", NOW_MS);
        assert!(matches!(error, Err(SignError::NoSuchCredentials { .. })));
    }
    assert!(keys().has(Auth::Session) && keys().has(Auth::Header));
}

#[test]
fn no_clock_and_no_host_can_make_signing_panic() {
    for now_ms in [0, u64::MAX] {
        assert!(sign(request(Method::Post), Auth::Header, &keys(), "r", "ec2", now_ms).is_ok());
    }
    for host in [
        &b""[..],
        b" ",
        b"a b",
        b"[::1",
        b"\xff",
        "ü".as_bytes(),
        b"h:99999999",
    ] {
        let mut odd = request(Method::Post);
        let value = HeaderValue::from_bytes(host).expect("a header can hold it");
        odd.headers_mut().insert(HOST, value);
        let _ = sign(odd, Auth::Header, &keys(), "us-east-1", "ec2", NOW_MS);
    }
}

#[test]
fn secrets_do_not_show_when_a_keyring_is_printed() {
    let printed = format!("{:?}", keys());
    for secret in keys().secrets() {
        assert!(!printed.contains(&secret), "{printed}");
    }
    assert_eq!(keys().secrets().len(), 5);
}

/// Every way of signing that deviates from a right signature, with what it changes of one.
#[test]
fn a_deviating_signature_deviates_in_one_thing() {
    let right = authorization(Auth::Header, NOW_MS);
    let scope = |auth| {
        let proof = authorization(auth, NOW_MS);
        let (_, credential) = proof.split_once('/').unwrap_or_default();
        credential.split(',').next().unwrap_or_default().to_owned()
    };
    let signature = |auth| {
        let proof = authorization(auth, NOW_MS);
        proof.rsplit('=').next().unwrap_or_default().to_owned()
    };
    assert_eq!(scope(Auth::Header), "20260101/us-east-1/ec2/aws4_request");
    assert_eq!(scope(Auth::OtherDate), "20251231/us-east-1/ec2/aws4_request");
    assert_eq!(scope(Auth::OtherRegion), "20260101/eu-west-1/ec2/aws4_request");
    assert_eq!(scope(Auth::OtherService), "20260101/us-east-1/s3/aws4_request");
    assert_eq!(
        scope(Auth::OtherTerminator),
        "20260101/us-east-1/ec2/aws5_request"
    );
    assert_eq!(scope(Auth::AlteredScope), "10260101/us-east-1/ec2/aws4_request");
    assert_eq!(signature(Auth::AlteredScope), signature(Auth::Header));
    for auth in [
        Auth::AlteredParameters,
        Auth::AlteredPath,
        Auth::AlteredMethod,
        Auth::OtherPayloadHash,
        Auth::OtherDate,
        Auth::OtherRegion,
        Auth::OtherService,
        Auth::OtherTerminator,
        Auth::UnsignedHost,
        Auth::UnsignedDate,
    ] {
        assert_eq!(signature(auth).len(), 64, "{auth:?}");
        assert_ne!(signature(auth), signature(Auth::Header), "{auth:?}");
        let sent = signed(Method::Post, auth, NOW_MS);
        assert_eq!(sent.body(), request(Method::Post).body(), "{auth:?}");
        assert_eq!(sent.uri(), request(Method::Post).uri(), "{auth:?}");
        assert_eq!(sent.method(), "POST", "{auth:?}");
    }
    // Another body than none is not none.
    let hash = |method, auth| {
        signed(method, auth, NOW_MS)
            .headers()
            .get("x-amz-content-sha256")
            .cloned()
    };
    let none = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        hash(Method::Post, Auth::OtherPayloadHash).expect("it is claimed"),
        none
    );
    assert_ne!(
        hash(Method::Get, Auth::OtherPayloadHash).expect("it is claimed"),
        none
    );
    assert_eq!(signature(Auth::ShortSignature).len(), 32);
    assert_eq!(signature(Auth::LongSignature).len(), 66);
    assert!(right.starts_with(&authorization(Auth::ShortSignature, NOW_MS)));
    assert_eq!(
        signature(Auth::UpperCaseSignature),
        signature(Auth::Header).to_uppercase()
    );
    assert!(authorization(Auth::UnsignedHost, NOW_MS).contains("SignedHeaders=content-type;x-amz-date,"));
    assert!(authorization(Auth::UnsignedDate, NOW_MS).contains("SignedHeaders=content-type;host,"));
}

#[test]
fn of_two_signatures_one_is_right_and_the_other_differs_in_one_digit() {
    let texts = |auth| {
        let sent = signed(Method::Post, auth, NOW_MS);
        let values = sent.headers().get_all("authorization").iter();
        let texts = values.map(|value| value.to_str().expect("ASCII").to_owned());
        texts.collect::<Vec<_>>()
    };
    let right = authorization(Auth::Header, NOW_MS);
    let wrong = authorization(Auth::WrongSignature, NOW_MS);
    assert_eq!(texts(Auth::RightThenWrong), [right.clone(), wrong.clone()]);
    assert_eq!(texts(Auth::WrongThenRight), [wrong, right]);
}

#[test]
fn a_scope_of_ones_own_is_signed_as_the_signer_signs() {
    // With the day and the end that the signer uses, the two agree.
    let keys = keys();
    let main = Signing::new(&keys.main, "us-east-1", "ec2", NOW_MS);
    let own = main.rescoped(request(Method::Post), NOW_MS, TERMINATOR);
    let own = own.expect("a POST can be signed");
    let usual = signed(Method::Post, Auth::Header, NOW_MS);
    assert_eq!(header(&own, "authorization"), header(&usual, "authorization"));
    assert!(main.rescoped(request(Method::Get), NOW_MS, TERMINATOR).is_err());
}

#[test]
fn a_token_is_missing_or_differs_in_its_last_character() {
    let sent = |auth| signed(Method::Post, auth, NOW_MS);
    assert_eq!(header(&sent(Auth::MissingToken), "x-amz-security-token"), None);
    assert_eq!(
        header(&sent(Auth::WrongToken), "x-amz-security-token"),
        Some("token+/0")
    );
}
