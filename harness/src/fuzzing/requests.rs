//! Fuzz targets for requests: what the client writes, what the reference reads, and which signatures it accepts.

use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{AUTHORIZATION, AsHeaderName};
use http::{HeaderName, HeaderValue, Method as HttpMethod, Request, Response, StatusCode, Uri};

use crate::call::{Auth, Call, Encoding, Form, Method, Order};
use crate::embedded;
use crate::plan::bytes::ChoiceBytes;
use crate::protocol::form::{read, write};
use crate::protocol::{self, RequestTarget, wellformed};
use crate::reference::{self, Config, Reference, keys};
use crate::sign::{self, Keyring};

/// The time at which every input begins: 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

const ENCODINGS: [Encoding; 6] = [
    Encoding::Standard,
    Encoding::PlusForSpace,
    Encoding::EveryByte,
    Encoding::LowerCase,
    Encoding::NamesToo,
    Encoding::EmptyPairs,
];

/// Reads the bytes as a form with both readers; then writes the result in every encoding, and reads that.
pub fn form(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        // No client writes a form like this, but the reference must answer it.
        let _ = reference::parameters(&post(data.to_vec()));
        return;
    };
    let ours = read(text);
    let theirs = reference::parameters(&post(data.to_vec()));
    assert_eq!(theirs, ours, "both read the same form");
    for encoding in ENCODINGS {
        let written = write(pairs(&ours), encoding);
        assert_eq!(read(&written), ours, "{written}");
        let read = reference::parameters(&post(written.clone().into_bytes()));
        assert_eq!(read, ours, "{written}");
    }
    sent_as_calls(ours);
}

/// Sends the parameters as calls: in every form of a call, the reference reads each of its parameters.
fn sent_as_calls(params: Vec<(String, String)>) {
    let mut call = Call {
        action: Some("StopInstances".to_owned()),
        params,
        form: Form::default(),
    };
    let plain = protocol::encode(&call, &target("/")).expect("a POST of any length");
    let expected = sorted(reference::parameters(&plain));
    assert_eq!(expected.len(), call.params.len() + 2);
    for order in [Order::ActionLast, Order::Sorted, Order::Reversed] {
        call.form.order = order;
        for method in [Method::Post, Method::Get] {
            call.form.method = method;
            let Ok(request) = protocol::encode(&call, &target("/some/path")) else {
                assert_eq!(method, Method::Get, "only a target can be too long");
                continue;
            };
            assert_eq!(sorted(reference::parameters(&request)), expected, "{request:?}");
        }
    }
}

fn pairs(owned: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    owned.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn sorted(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.sort();
    pairs
}

fn post(body: Vec<u8>) -> Request<Bytes> {
    let mut request = Request::new(body.into());
    *request.method_mut() = HttpMethod::POST;
    request
}

fn target(path: &str) -> RequestTarget {
    RequestTarget {
        host: "localhost:5000".to_owned(),
        path: path.to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// The most requests of one input that are sent.
const MOST_REQUESTS: usize = 16;

/// Sends the bytes to the reference: one or several requests as text, separated by lines of `%`. A second passes
/// between two of them.
pub fn request(data: &[u8]) {
    let reference = Reference::new(Config::default());
    let mut now_ms = START_MS;
    let launched = reference.handle_vouched(&launch(), keys::MAIN.access_key, now_ms);
    assert_eq!(launched.status(), StatusCode::OK);
    let known = ids(&launched);
    // The instances are running by then.
    now_ms += 10_000;
    for message in messages(data).take(MOST_REQUESTS) {
        now_ms += 1_000;
        let Some(request) = parsed(message, &known) else {
            continue;
        };
        // First unchanged, which the reference mostly refuses to authenticate; then as if the owner of a key had sent
        // it.
        let unbelieved = answered(&reference, &request, None, now_ms);
        let key = match header(&request, "x-caller") {
            Some("denied") => keys::DENIED,
            Some(_) | None => keys::MAIN,
        };
        let believed = answered(&reference, &request, Some(key.access_key), now_ms);
        for answer in [unbelieved, believed] {
            assert_ne!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}

/// Launches the three instances that are there from the beginning.
fn launch() -> Request<Bytes> {
    post(
        b"Action=RunInstances&Version=2016-11-15&ImageId=ami-0eb50000000000001&MinCount=3&MaxCount=3\
          &InstanceType=t3.micro&HibernationOptions.Configured=true"
            .to_vec(),
    )
}

fn ids(launched: &Response<Bytes>) -> Vec<String> {
    let reply = protocol::decode(launched.clone());
    let instances = reply.root().map(protocol::instances).unwrap_or_default();
    instances.into_iter().map(|instance| instance.id).collect()
}

/// Sends a request, and checks what all answers have in common.
fn answered(
    reference: &Reference,
    request: &Request<Bytes>,
    key: Option<&str>,
    now_ms: u64,
) -> Response<Bytes> {
    let before = reference.state(now_ms);
    let response = match key {
        Some(key) => reference.handle_vouched(request, key, now_ms),
        None => reference.handle(request, now_ms),
    };
    let text = std::str::from_utf8(response.body()).expect("answers are UTF-8");
    assert_eq!(wellformed::judge(text), Ok(()), "{text}");
    if response.status() != StatusCode::OK {
        assert_eq!(
            reference.state(now_ms),
            before,
            "a refusal changes nothing: {text}"
        );
        let reply = protocol::decode(response.clone());
        let told = reply.error().expect("a refusal is an error");
        assert!(told.code.is_some_and(|code| !code.is_empty()), "{text}");
    }
    response
}

/// The messages of an input.
fn messages(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let whole = rest.take()?;
        let end = whole.windows(3).position(|window| window == b"\n%\n");
        let Some(end) = end else {
            return Some(whole);
        };
        rest = whole.get(end + 3..);
        whole.get(..end)
    })
}

/// Parses a request: a request line, headers, an empty line, the body. `{0}`, `{1}` and `{2}` stand for the instances
/// that are there from the beginning, and `X-Caller: denied` sends it as a caller who may only read. What is missing is
/// as in a plain POST. `None` if the request line is not one of HTTP; fields that are none are left out.
fn parsed(message: &[u8], known: &[String]) -> Option<Request<Bytes>> {
    let end = message.windows(2).position(|window| window == b"\n\n");
    let (head, body) = match end {
        Some(end) => (
            message.get(..end).unwrap_or_default(),
            message.get(end + 2..).unwrap_or_default(),
        ),
        None => (message, &[][..]),
    };
    let head = with_ids(&String::from_utf8_lossy(head), known);
    let body = match std::str::from_utf8(body) {
        Ok(text) => with_ids(text, known).into_bytes(),
        Err(_) => body.to_vec(),
    };
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default();
    let (method, target) = line.split_once(' ').unwrap_or((line, "/"));
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method.parse().ok()?;
    *request.uri_mut() = target.parse().ok()?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            // A map that is full takes no more fields.
            let _ = request.headers_mut().try_append(name, value);
        }
    }
    Some(request)
}

/// The first value of a header, if it is text.
fn header(request: &Request<Bytes>, name: impl AsHeaderName) -> Option<&str> {
    let value = request.headers().get(name)?;
    std::str::from_utf8(value.as_bytes()).ok()
}

fn with_ids(text: &str, known: &[String]) -> String {
    let mut out = text.to_owned();
    for (at, id) in known.iter().enumerate() {
        out = out.replace(&format!("{{{at}}}"), id);
    }
    out
}

/// Signs a request as the client does and passes it to the reference, unchanged and with one thing changed. A request
/// that only claims to be signed is never authenticated.
pub fn signature(data: &[u8]) {
    static PLACE: OnceLock<(Reference, Keyring)> = OnceLock::new();
    let (reference, keyring) = PLACE.get_or_init(|| (Reference::new(Config::default()), embedded::keyring()));
    let mut bytes = ChoiceBytes::new(data);
    let auth = bytes.pick(&AUTHS);
    // From one day to thousands of years after the epoch, always before years have five digits.
    let now_ms = 86_400_000 + u64::from(bytes.number()) * 3_000_000_007;
    let call = drawn_call(&mut bytes);
    let path = bytes.pick(&["/", "/ec2/", "/a%20b/", "//a/../b", "/~x_y.z-"]);
    let plain = protocol::encode(&call, &target(path)).expect("a short call");
    let signed = sign::sign(plain.clone(), auth, keyring, "us-east-1", "ec2", now_ms);
    let Ok(signed) = signed else {
        // The signer reads the target as a URI, and some targets are not valid ones.
        return;
    };
    let expected = match auth {
        Auth::Header | Auth::Query | Auth::Recent | Auth::Early => Ok(keys::MAIN.access_key),
        Auth::Session => Ok(keys::SESSION.access_key),
        Auth::Denied => Ok(keys::DENIED.access_key),
        Auth::ExpiredSession | Auth::Stale | Auth::Future | Auth::PresignedExpired => Err("RequestExpired"),
        Auth::Unsigned => Err("MissingParameter"),
        Auth::WrongSignature
        | Auth::AlteredParameters
        | Auth::AlteredPath
        | Auth::AlteredMethod
        | Auth::OtherPayloadHash
        | Auth::AlteredScope
        | Auth::OtherDate
        | Auth::OtherRegion
        | Auth::OtherService
        | Auth::UnsignedHost
        | Auth::UnsignedDate
        | Auth::ShortSignature
        | Auth::LongSignature
        | Auth::UpperCaseSignature => Err("SignatureDoesNotMatch"),
        Auth::RightThenWrong | Auth::WrongThenRight => Err("IncompleteSignature"),
        Auth::UnknownKey | Auth::MissingToken | Auth::WrongToken => Err("AuthFailure"),
        Auth::Garbage | Auth::OtherTerminator | Auth::PresignedForNoTime | Auth::PresignedTooLong => {
            Err("IncompleteSignature")
        }
    };
    let admitted = reference.admits(&signed, now_ms);
    if auth == Auth::Unsigned {
        // This holds even if the parameters of the call claim to be a signature.
        assert!(admitted.is_err(), "{signed:?}");
        return;
    }
    assert_eq!(admitted, expected, "{signed:?}");
    recorded(&signed, keyring);
    let changed = changed(&signed, &mut bytes);
    if means_the_same(&signed, &changed) {
        return;
    }
    assert!(reference.admits(&changed, now_ms).is_err(), "{changed:?}");
    claimed(reference, &plain, bytes.rest(), now_ms);
}

/// Records the exchange with an endpoint that repeats all it received, in several spellings: no secret is written.
fn recorded(signed: &Request<Bytes>, keyring: &Keyring) {
    let secrets = keyring.secrets();
    let mut body = signed.body().to_vec();
    for (name, value) in signed.headers() {
        body.extend([b"\n", name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
    }
    let echoed = secrets.join(" ") + &signed.uri().to_string();
    body.extend(write([("all", &echoed)], Encoding::EveryByte).into_bytes());
    body.extend(format!("{echoed:?}").into_bytes());
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    *response.headers_mut() = signed.headers().clone();
    let echoed = HeaderValue::try_from(echoed).expect("a target and secrets are visible ASCII");
    response.headers_mut().insert("x-echo", echoed);
    let (record, answer) = protocol::capture(signed, Ok(&response), &secrets);
    let raw = protocol::capture_raw(
        response.body(),
        std::slice::from_ref(&response),
        response.body(),
        std::slice::from_ref(signed),
        &secrets,
    );
    let revived = answer.as_ref().ok().and_then(protocol::revive);
    assert_eq!(
        revived.as_ref().map(Response::status),
        Some(StatusCode::BAD_REQUEST)
    );
    let revived = revived.map(|response| String::from_utf8_lossy(response.body()).into_owned());
    let written = format!("{record:?}{answer:?}{raw:?}{revived:?}");
    for secret in &secrets {
        assert!(!written.contains(secret), "{secret} is in {written}");
    }
}

/// Sends a request whose Authorization header has the remaining bytes.
fn claimed(reference: &Reference, plain: &Request<Bytes>, claim: &[u8], now_ms: u64) {
    let Ok(claim) = HeaderValue::from_bytes(claim) else {
        return;
    };
    let mut request = plain.clone();
    let date = HeaderValue::from_static("20260101T000000Z");
    request.headers_mut().insert("x-amz-date", date);
    request.headers_mut().insert(AUTHORIZATION, claim);
    assert!(reference.admits(&request, now_ms).is_err(), "{request:?}");
}

const AUTHS: [Auth; 32] = [
    Auth::Header,
    Auth::Query,
    Auth::Session,
    Auth::Denied,
    Auth::Unsigned,
    Auth::WrongSignature,
    Auth::UnknownKey,
    Auth::Stale,
    Auth::Garbage,
    Auth::ExpiredSession,
    Auth::Recent,
    Auth::Early,
    Auth::Future,
    Auth::PresignedExpired,
    Auth::PresignedForNoTime,
    Auth::PresignedTooLong,
    Auth::AlteredParameters,
    Auth::AlteredPath,
    Auth::AlteredMethod,
    Auth::OtherPayloadHash,
    Auth::AlteredScope,
    Auth::OtherDate,
    Auth::OtherRegion,
    Auth::OtherService,
    Auth::OtherTerminator,
    Auth::UnsignedHost,
    Auth::UnsignedDate,
    Auth::ShortSignature,
    Auth::LongSignature,
    Auth::UpperCaseSignature,
    Auth::MissingToken,
    Auth::WrongToken,
];

fn drawn_call(bytes: &mut ChoiceBytes<'_>) -> Call {
    let form = Form {
        method: bytes.pick(&[Method::Post, Method::Get]),
        order: bytes.pick(&[
            Order::ActionFirst,
            Order::ActionLast,
            Order::Sorted,
            Order::Reversed,
        ]),
        encoding: bytes.pick(&ENCODINGS),
        content_type: bytes
            .pick(&[
                Some("application/x-www-form-urlencoded; charset=utf-8"),
                Some("application/x-www-form-urlencoded"),
                Some("  text/plain ;  a=b "),
                None,
            ])
            .map(str::to_owned),
        ..Form::default()
    };
    let count = bytes.byte() % 4;
    let params = (0..count)
        .map(|_| {
            let name = bytes.pick(&[
                "InstanceId.1",
                "InstanceId.2",
                "DryRun",
                "Tag.1.Value",
                "a b",
                "~",
            ]);
            (name.to_owned(), bytes.text(24))
        })
        .collect();
    Call {
        action: Some("StopInstances".to_owned()),
        params,
        form,
    }
}

/// The headers that a signature may cover, and the one that holds it.
const SIGNED_HEADERS: [&str; 5] = [
    "host",
    "authorization",
    "x-amz-date",
    "content-type",
    "x-amz-security-token",
];

/// The request with one signed byte replaced, or with something added; unchanged if no request can have the change.
fn changed(signed: &Request<Bytes>, bytes: &mut ChoiceBytes<'_>) -> Request<Bytes> {
    let mut changed = signed.clone();
    let (what, at, by) = (bytes.byte() % 6, bytes.number(), bytes.byte().max(1));
    match what {
        0 if !changed.body().is_empty() => {
            let mut body = changed.body().to_vec();
            let at = usize::from(at) % body.len();
            if let Some(byte) = body.get_mut(at) {
                *byte ^= by;
            }
            *changed.body_mut() = body.into();
        }
        1 => *changed.body_mut() = [changed.body(), &[by][..]].concat().into(),
        2 => {
            let target = with_other_character(&changed.uri().to_string(), at, by);
            set_target(&mut changed, &target);
        }
        3 => {
            *changed.method_mut() = match *signed.method() {
                HttpMethod::GET => HttpMethod::POST,
                _ => HttpMethod::GET,
            };
        }
        4 => {
            let separator = if changed.uri().query().is_some() { '&' } else { '?' };
            let target = format!("{}{separator}Force=true", changed.uri());
            set_target(&mut changed, &target);
        }
        _ => {
            let name = bytes.pick(&SIGNED_HEADERS);
            if let Some(value) = header(signed, name)
                && let Ok(value) = HeaderValue::from_bytes(with_other_character(value, at, by).as_bytes())
            {
                changed.headers_mut().insert(name, value);
            }
        }
    }
    changed
}

fn set_target(request: &mut Request<Bytes>, target: &str) {
    if let Ok(uri) = target.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
}

/// The text with one letter or digit replaced.
fn with_other_character(text: &str, at: u16, by: u8) -> String {
    let places: Vec<usize> = text
        .char_indices()
        .filter(|(_, character)| character.is_ascii_alphanumeric())
        .map(|(place, _)| place)
        .collect();
    let Some(place) = places.get(usize::from(at) % places.len().max(1)) else {
        return text.to_owned();
    };
    let other = char::from(b'a' + by % 26);
    let mut changed = text.to_owned();
    changed.replace_range(place..&(place + 1), &other.to_string());
    changed
}

/// Whether two requests are equal in everything that a signature covers.
fn means_the_same(one: &Request<Bytes>, other: &Request<Bytes>) -> bool {
    let said = |request: &Request<Bytes>| {
        let headers = SIGNED_HEADERS.map(|name| header(request, name).map(str::to_owned));
        let query = sorted(read(request.uri().query().unwrap_or_default()));
        let (path, is_folder) = tidied(request.uri().path());
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        (
            (request.method().clone(), path, is_folder),
            (query, headers, request.body().clone()),
        )
    };
    said(one) == said(other)
}

/// A path without empty, `.` and `..` segments, since it is signed without them.
fn tidied(path: &str) -> (Vec<&str>, bool) {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    (parts, path.ends_with('/'))
}
