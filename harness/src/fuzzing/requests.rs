//! Fuzz targets for requests: what the client writes, what the reference reads, and which signatures it accepts.

use std::sync::OnceLock;

use crate::call::{Auth, Call, Encoding, Form, Method, Order};
use crate::embedded;
use crate::plan::bytes::ChoiceBytes;
use crate::protocol::form::{read, write};
use crate::protocol::{self, RequestTarget, wellformed};
use crate::reference::{self, Config, Reference, keys};
use crate::sign::{self, Keyring};
use crate::wire::{Headers, Request, Response};

/// The time at which every input begins: 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

const ENCODINGS: [Encoding; 3] = [Encoding::Standard, Encoding::PlusForSpace, Encoding::EveryByte];

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
    let expected = sorted(reference::parameters(&protocol::encode(&call, &target("/"))));
    assert_eq!(expected.len(), call.params.len() + 2);
    for order in [Order::ActionLast, Order::Sorted, Order::Reversed] {
        call.form.order = order;
        for method in [Method::Post, Method::Get] {
            call.form.method = method;
            let request = protocol::encode(&call, &target("/some/path"));
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

fn post(body: Vec<u8>) -> Request {
    Request {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: Headers::default(),
        body,
    }
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
    assert_eq!(launched.status, 200);
    let known = ids(&launched);
    // The instances are running by then.
    now_ms += 10_000;
    for message in messages(data).take(MOST_REQUESTS) {
        now_ms += 1_000;
        let request = parsed(message, &known);
        // First unchanged, which the reference mostly refuses to authenticate; then as if the owner of a key had sent
        // it.
        let unbelieved = answered(&reference, &request, None, now_ms);
        let key = match request.headers.get("X-Caller") {
            Some("denied") => keys::DENIED,
            Some(_) | None => keys::MAIN,
        };
        let believed = answered(&reference, &request, Some(key.access_key), now_ms);
        assert!(unbelieved.status != 500 && believed.status != 500);
    }
}

/// Launches the three instances that are there from the beginning.
fn launch() -> Request {
    post(
        b"Action=RunInstances&Version=2016-11-15&ImageId=ami-0eb50000000000001&MinCount=3&MaxCount=3\
          &InstanceType=t3.micro&HibernationOptions.Configured=true"
            .to_vec(),
    )
}

fn ids(launched: &Response) -> Vec<String> {
    let reply = protocol::decode(launched.clone());
    let instances = reply.root().map(protocol::instances).unwrap_or_default();
    instances.into_iter().map(|instance| instance.id).collect()
}

/// Sends a request, and checks what all answers have in common.
fn answered(reference: &Reference, request: &Request, key: Option<&str>, now_ms: u64) -> Response {
    let before = reference.state(now_ms);
    let response = match key {
        Some(key) => reference.handle_vouched(request, key, now_ms),
        None => reference.handle(request, now_ms),
    };
    let text = std::str::from_utf8(&response.body).expect("answers are UTF-8");
    assert_eq!(wellformed::judge(text), Ok(()), "{text}");
    if response.status != 200 {
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
/// as in a plain POST.
fn parsed(message: &[u8], known: &[String]) -> Request {
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
    let headers = lines.filter_map(|line| line.split_once(':'));
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body,
    }
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
    let plain = protocol::encode(&call, &target(path));
    let signed = sign::sign(plain.clone(), auth, keyring, "us-east-1", "ec2", now_ms);
    let Ok(signed) = signed else {
        // The signer reads the target as a URI, and some targets are not valid ones.
        return;
    };
    let expected = match auth {
        Auth::Header | Auth::Query => Ok(keys::MAIN.access_key),
        Auth::Session => Ok(keys::SESSION.access_key),
        Auth::Denied => Ok(keys::DENIED.access_key),
        Auth::ExpiredSession | Auth::Stale => Err("RequestExpired"),
        Auth::Unsigned => Err("MissingParameter"),
        Auth::WrongSignature => Err("SignatureDoesNotMatch"),
        Auth::UnknownKey => Err("AuthFailure"),
        Auth::Garbage => Err("IncompleteSignature"),
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
fn recorded(signed: &Request, keyring: &Keyring) {
    let secrets = keyring.secrets();
    let mut body = signed.body.clone();
    let mut headers = signed.headers.clone();
    for (name, value) in &signed.headers.0 {
        body.extend(format!("\n{name}: {value}\n").into_bytes());
    }
    let echoed = secrets.join(" ") + &signed.target;
    body.extend(write([("all", &echoed)], Encoding::EveryByte).into_bytes());
    body.extend(format!("{echoed:?}").into_bytes());
    headers.set("x-echo", echoed);
    let response = Response {
        status: 400,
        headers,
        body,
    };
    let (record, answer) = protocol::capture(signed, Ok(&response), &secrets);
    let raw = protocol::capture_raw(
        &response.body,
        std::slice::from_ref(&response),
        &response.body,
        std::slice::from_ref(signed),
        &secrets,
    );
    let revived = protocol::revive(&answer);
    assert_eq!(revived.as_ref().map(|revived| revived.status), Some(400));
    let revived = revived.map(|response| String::from_utf8_lossy(&response.body).into_owned());
    let written = format!("{record:?}{answer:?}{raw:?}{revived:?}");
    for secret in &secrets {
        assert!(!written.contains(secret), "{secret} is in {written}");
    }
}

/// Sends a request whose Authorization header has the remaining bytes.
fn claimed(reference: &Reference, plain: &Request, claim: &[u8], now_ms: u64) {
    let mut request = plain.clone();
    let claim = String::from_utf8_lossy(claim);
    request.headers.set("X-Amz-Date", "20260101T000000Z");
    request.headers.set("Authorization", claim.as_ref());
    assert!(reference.admits(&request, now_ms).is_err(), "{request:?}");
}

const AUTHS: [Auth; 10] = [
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

/// The request with one signed byte replaced, or with something added.
fn changed(signed: &Request, bytes: &mut ChoiceBytes<'_>) -> Request {
    let mut changed = signed.clone();
    let (what, at, by) = (bytes.byte() % 6, bytes.number(), bytes.byte().max(1));
    match what {
        0 if !changed.body.is_empty() => {
            let at = usize::from(at) % changed.body.len();
            if let Some(byte) = changed.body.get_mut(at) {
                *byte ^= by;
            }
        }
        1 => changed.body.push(by),
        2 => changed.target = with_other_character(&changed.target, at, by),
        3 => {
            let method = if changed.method == "GET" { "POST" } else { "GET" };
            changed.method = method.to_owned();
        }
        4 => {
            let separator = if changed.target.contains('?') { '&' } else { '?' };
            changed.target.push_str(&format!("{separator}Force=true"));
        }
        _ => {
            let name = bytes.pick(&[
                "host",
                "authorization",
                "x-amz-date",
                "content-type",
                "x-amz-security-token",
            ]);
            if let Some(value) = changed.headers.get(name) {
                let value = with_other_character(value, at, by);
                changed.headers.set(name, value);
            }
        }
    }
    changed
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
fn means_the_same(one: &Request, other: &Request) -> bool {
    let said = |request: &Request| {
        let fields = [
            "host",
            "authorization",
            "x-amz-date",
            "content-type",
            "x-amz-security-token",
        ];
        let headers = fields.map(|name| request.headers.get(name).map(str::to_owned));
        let query = sorted(read(request.query()));
        let (path, is_folder) = tidied(request.path());
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        (
            (request.method.clone(), path, is_folder),
            (query, headers, request.body.clone()),
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
