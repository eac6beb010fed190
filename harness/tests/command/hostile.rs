//! Secrets stay secret, even if an endpoint repeats them in its answers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use stopcheck::endpoint::Handler;
use stopcheck::reference::AccessKey;
use tokio::sync::Notify;

use crate::child::{CommandOutput, finish, text_of};
use crate::servers::{action, against, quick_reference, serving, xml};

const ACCESS_KEY: &str = "AKIACANARYOFTHEMAIN0";
const SECRET: &str = "canary/secret+of=the&main<key>00";
const TOKEN: &str = "canary//token+of/the=session&x<y>\"z==";

/// The signatures observed in requests, in the header or in the query string.
type Seen = Arc<Mutex<BTreeSet<String>>>;

/// The number of hexadecimal digits of a signature.
const SIGNATURE_DIGITS: usize = 64;

fn canary() -> AccessKey {
    AccessKey {
        access_key: ACCESS_KEY.to_owned(),
        secret: SECRET.to_owned(),
        session_token: Some(TOKEN.to_owned()),
        expires_at_ms: None,
        may_stop: true,
    }
}

/// The complete request as one text.
fn all_of(request: &Request<Bytes>) -> String {
    let headers = request.headers().iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let body = String::from_utf8_lossy(request.body());
    format!("{} {}\n{headers}\n{body}", request.method(), request.uri())
}

fn escaped(text: &str) -> String {
    let escape = |c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        c if c < ' ' && c != '\n' => "?".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

fn remember(seen: &Seen, request: &Request<Bytes>) {
    let text = all_of(request);
    for mark in ["Signature=", "X-Amz-Signature="] {
        for part in text.split(mark).skip(1) {
            let signature: String = part.chars().take_while(char::is_ascii_hexdigit).collect();
            if signature.len() == SIGNATURE_DIGITS {
                seen.lock()
                    .expect("no test holds it and panics")
                    .insert(signature);
            }
        }
    }
}

/// The answer, with the complete request copied into its headers and its body.
fn mirrored(request: &Request<Bytes>, mut answer: Response<Bytes>) -> Response<Bytes> {
    let all = all_of(request);
    for (name, value) in request.headers() {
        let name = HeaderName::try_from(format!("x-was-{name}")).expect("the name is valid");
        answer.headers_mut().append(name, value.clone());
    }
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    *answer.body_mut() = match body.rfind("</") {
        Some(end) => {
            let (before, after) = body.split_at(end);
            format!("{before}<mirror>{}</mirror>{after}", escaped(&all)).into()
        }
        None => body.into(),
    };
    answer
}

/// Refuses a request, with the complete request as code and message.
fn refused_with(request: &Request<Bytes>) -> Response<Bytes> {
    let all = escaped(&all_of(request));
    let header = |name| {
        let value: Option<&HeaderValue> = request.headers().get(name);
        escaped(value.and_then(|value| value.to_str().ok()).unwrap_or_default())
    };
    let signature = header("authorization");
    let token = header("x-amz-security-token");
    let code = format!("{token}{signature}");
    xml(
        400,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{signature} {token} {SECRET_ESCAPED} {all}</Message>\
             </Error></Errors><RequestID>{token}</RequestID></Response>"
        ),
    )
}

/// The secret is never sent, but the endpoint knows it.
const SECRET_ESCAPED: &str = "canary/secret+of=the&amp;main&lt;key&gt;00";

/// Runs against the handler with canary credentials, and searches all output for them.
#[track_caller]
fn keeps_its_secrets(handler: Handler, words: &str) -> CommandOutput {
    let seen = Seen::default();
    let watching = Arc::clone(&seen);
    let url = serving(
        Arc::new(move |request, now_ms| {
            remember(&watching, request);
            handler(request, now_ms)
        }),
        Arc::new(Notify::new()),
    );
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let folder = scratch.path().to_str().expect("scratch folders have plain names");
    let words = format!(
        "--verbose --workers 16 --journal {folder}/run.ndjson --report json={folder}/run.json \
         --report junit={folder}/run.xml {words}"
    );
    let mut run = against(&url, words.trim_end());
    run.env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", TOKEN);
    let run = finish(run);
    let signatures = seen.lock().expect("no test holds it and panics").clone();
    assert!(!signatures.is_empty(), "signatures were seen");
    let mut canaries = Vec::new();
    for secret in [ACCESS_KEY, SECRET, TOKEN] {
        canaries.push(secret.to_owned());
        canaries.push(escaped(secret));
        let in_json = serde_json::to_string(secret).expect("text is JSON");
        canaries.push(in_json.trim_matches('"').to_owned());
        canaries.push(percent(secret));
    }
    let mut texts = vec![
        ("stdout".to_owned(), run.stdout.clone()),
        ("stderr".to_owned(), run.stderr.clone()),
    ];
    for name in ["run.ndjson", "run.json", "run.xml"] {
        let path = Path::new(folder).join(name);
        if path.exists() {
            texts.push((name.to_owned(), text_of(&path)));
        }
    }
    for (name, text) in texts {
        assert_eq!(signature_in(&text, &signatures), None, "a signature is in {name}");
        for canary in &canaries {
            let found = text.find(canary.as_str()).map(|at| {
                let around = at.saturating_sub(200)..(at + canary.len() + 40).min(text.len());
                String::from_utf8_lossy(text.as_bytes().get(around).unwrap_or_default()).into_owned()
            });
            assert_eq!(found, None, "{canary} is in {name}");
        }
    }
    run
}

/// The first of these signatures in a text. There are too many to search one by one, but each is a run of digits.
fn signature_in<'t>(text: &'t str, signatures: &BTreeSet<String>) -> Option<&'t str> {
    text.split(|character: char| !character.is_ascii_hexdigit())
        .filter(|digits| digits.len() >= SIGNATURE_DIGITS)
        .flat_map(|digits| {
            let last = digits.len() - SIGNATURE_DIGITS;
            (0..=last).filter_map(move |at| digits.get(at..at + SIGNATURE_DIGITS))
        })
        .find(|digits| signatures.contains(*digits))
}

#[test]
fn a_signature_is_found_between_and_beside_other_digits() {
    let signature = "0123456789abcdef".repeat(4);
    let signatures = BTreeSet::from([signature.clone()]);
    for text in [format!("x{signature}"), format!("ff{signature}0 y")] {
        assert_eq!(signature_in(&text, &signatures), Some(signature.as_str()));
    }
    assert_eq!(signature_in(signature.trim_end_matches('f'), &signatures), None);
}

fn percent(text: &str) -> String {
    let spell = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(spell).collect()
}

#[test]
fn an_endpoint_that_repeats_everything_repeats_no_secret() {
    let reference = quick_reference(Some(canary()));
    let handler: Handler = Arc::new(move |request, now_ms| mirrored(request, reference(request, now_ms)));
    keeps_its_secrets(handler, "--phase scenarios");
}

#[test]
fn an_endpoint_that_repeats_raw_bytes_repeats_no_secret() {
    let reference = quick_reference(Some(canary()));
    let handler: Handler = Arc::new(move |request, now_ms| mirrored(request, reference(request, now_ms)));
    keeps_its_secrets(handler, "--phase wire");
}

#[test]
fn a_refusal_that_repeats_everything_repeats_no_secret() {
    let reference = quick_reference(Some(canary()));
    let handler: Handler = Arc::new(move |request, now_ms| {
        let answer = reference(request, now_ms);
        if action(request) == "StopInstances" {
            refused_with(request)
        } else {
            answer
        }
    });
    keeps_its_secrets(handler, "--phase random --cases 1 --max-shrink-requests 0").ended_with(1);
}

#[test]
fn a_fixture_that_fails_for_a_reason_with_secrets_tells_none() {
    let reference = quick_reference(Some(canary()));
    let handler: Handler = Arc::new(move |request, now_ms| {
        if action(request) == "RunInstances" {
            refused_with(request)
        } else {
            reference(request, now_ms)
        }
    });
    keeps_its_secrets(handler, "");
}

#[test]
fn a_run_that_cannot_begin_tells_no_secret() {
    keeps_its_secrets(Arc::new(|request, _| refused_with(request)), "").ended_with(2);
    let plain: Handler = Arc::new(|request, _| xml(200, all_of(request)));
    keeps_its_secrets(plain, "").ended_with(2);
    keeps_its_secrets(
        Arc::new(|request, _| refused_with(request)),
        "--account 111122223333",
    )
    .ended_with(2);
}
