//! A faulty emulator: the reference with one fault hook.
//!
//! For each request, the hook decides what the reference receives, which hidden requests are sent as well, and how the
//! answer is altered. Hidden requests are sent with the first key of the reference and are not visible outside of the
//! emulator.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

use crate::call::Call;
use crate::contract::Edition;
use crate::embedded;
use crate::endpoint::{Endpoint, Handler};
use crate::protocol::{self, Body, RequestTarget, form};
use crate::reference::{Config, Reference, XmlLayout, keys};
use crate::runner;

/// Handles one request in place of the reference.
pub type FaultHook = fn(&EmulatedRequest<'_>) -> Response<Bytes>;

/// The region of every emulator.
pub const REGION: &str = "us-east-1";

/// An emulator: the reference with additional memory.
pub struct Emulator {
    reference: Reference,
    memory: Mutex<BTreeMap<String, String>>,
    /// The number of requests that were received and are not answered yet.
    under_way: AtomicUsize,
    /// The number of requests that were answered.
    served: AtomicUsize,
}

/// A request that an emulator received.
pub struct EmulatedRequest<'a> {
    emulator: &'a Emulator,
    /// The request as received.
    pub request: &'a Request<Bytes>,
    /// The time, in Unix milliseconds.
    pub now_ms: u64,
    /// All parameters except those of the signature; Action and Version are included.
    pub params: Vec<(String, String)>,
}

/// The endpoint of an emulator, started fresh for each case.
pub fn endpoint(edition: Edition, layout: XmlLayout, hook: FaultHook) -> Endpoint {
    Endpoint::in_process(Arc::new(move |case: &str| -> Handler {
        let config = Config {
            seed: runner::seed_of(case),
            region: REGION.to_owned(),
            layout,
            rules: embedded::rules(edition),
            ..Config::default()
        };
        handler(config, hook)
    }))
}

/// The endpoint of one emulator for all cases, so that what it keeps from case to case shows.
pub fn lasting_endpoint(edition: Edition, hook: FaultHook) -> Endpoint {
    let config = Config {
        region: REGION.to_owned(),
        rules: embedded::rules(edition),
        ..Config::default()
    };
    let handler = handler(config, hook);
    Endpoint::in_process(Arc::new(move |_: &str| Arc::clone(&handler)))
}

/// The unmodified reference, started fresh for each case.
pub fn pristine(edition: Edition, layout: XmlLayout) -> Endpoint {
    embedded::endpoint_in(REGION, edition, layout)
}

/// One emulator, which keeps its state for as long as the handler exists.
pub fn handler(config: Config, hook: FaultHook) -> Handler {
    let emulator = Emulator {
        reference: Reference::new(config),
        memory: Mutex::default(),
        under_way: AtomicUsize::default(),
        served: AtomicUsize::default(),
    };
    Arc::new(move |request, now_ms| {
        let asked = EmulatedRequest {
            emulator: &emulator,
            request,
            now_ms,
            params: params_of(request),
        };
        emulator.under_way.fetch_add(1, Ordering::SeqCst);
        let answer = hook(&asked);
        emulator.under_way.fetch_sub(1, Ordering::SeqCst);
        emulator.served.fetch_add(1, Ordering::Relaxed);
        answer
    })
}

/// Passes the request to the reference unchanged.
pub fn straight(asked: &EmulatedRequest<'_>) -> Response<Bytes> {
    asked.pass()
}

impl EmulatedRequest<'_> {
    /// The action, empty if the request has none.
    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// Whether this is a call of StopInstances.
    pub fn stops(&self) -> bool {
        self.action() == "StopInstances"
    }

    /// The number of requests in progress, including this one.
    pub fn under_way(&self) -> usize {
        self.emulator.under_way.load(Ordering::SeqCst)
    }

    /// The number of requests answered so far.
    pub fn served(&self) -> usize {
        self.emulator.served.load(Ordering::Relaxed)
    }

    /// The first value with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    pub fn header(&self, name: HeaderName) -> Option<Cow<'_, str>> {
        let value = self.request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()))
    }

    /// Whether a parameter is `true`.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// The instance ids in the request, in the order written.
    pub fn ids(&self) -> Vec<String> {
        self.params
            .iter()
            .filter(|(name, _)| name.starts_with("InstanceId"))
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// The reference's answer to the request as received.
    pub fn pass(&self) -> Response<Bytes> {
        self.emulator.reference.handle(self.request, self.now_ms)
    }

    /// The reference's answer to a changed request.
    pub fn pass_with(&self, change: impl FnOnce(&mut Request<Bytes>)) -> Response<Bytes> {
        let mut request = self.request.clone();
        change(&mut request);
        self.emulator.reference.handle(&request, self.now_ms)
    }

    /// Whether the reference would accept the caller at another time.
    pub fn is_admitted_at(&self, now_ms: u64) -> bool {
        self.emulator.reference.admits(self.request, now_ms).is_ok()
    }

    /// The reference's answer to the same request with other parameters, from a trusted caller.
    pub fn pass_as(&self, params: Vec<(String, String)>) -> Response<Bytes> {
        let mut call = Call::new("", params);
        call.action = None;
        call.form.version = None;
        self.emulator.trusted(&call, self.now_ms)
    }

    /// Like [`EmulatedRequest::pass_as`], if `change` changes the parameters; otherwise the request is passed as
    /// received.
    pub fn pass_changed(&self, change: impl FnOnce(&mut Vec<(String, String)>)) -> Response<Bytes> {
        let mut params = self.params.clone();
        change(&mut params);
        if params == self.params {
            self.pass()
        } else {
            self.pass_as(params)
        }
    }

    /// The status of the same request, sent as a dry run.
    pub fn status_as_dry_run(&self) -> u16 {
        let mut params = self.params.clone();
        drop_param(&mut params, "DryRun");
        params.push(("DryRun".to_owned(), "true".to_owned()));
        self.pass_as(params).status().as_u16()
    }

    /// The answer to a stop with changed parameters; other requests are passed as received.
    pub fn stop_changed(&self, change: impl FnOnce(&mut Vec<(String, String)>)) -> Response<Bytes> {
        if self.stops() {
            self.pass_changed(change)
        } else {
            self.pass()
        }
    }

    /// The answer, with changed text.
    pub fn pass_text(&self, change: impl FnOnce(String) -> String) -> Response<Bytes> {
        with_text(self.pass(), change)
    }

    /// The answer to a stop, changed if it is a success.
    pub fn success(&self, change: impl FnOnce(&mut Response<Bytes>)) -> Response<Bytes> {
        let mut response = self.pass();
        if self.stops() && response.status() == StatusCode::OK {
            change(&mut response);
        }
        response
    }

    /// The text of the answer to a stop, changed if it is a success.
    pub fn success_text(&self, change: impl FnOnce(String) -> String) -> Response<Bytes> {
        self.success(|response| *response = with_text(response.clone(), change))
    }

    /// The answer to a stop, changed if it is a refusal.
    pub fn refusal(&self, change: impl FnOnce(&mut Response<Bytes>)) -> Response<Bytes> {
        let mut response = self.pass();
        if self.stops() && response.status() != StatusCode::OK {
            change(&mut response);
        }
        response
    }

    /// The answer to a stop, changed if it is a refusal with this code.
    pub fn refusal_as(&self, code: &str, change: impl FnOnce(&mut Response<Bytes>)) -> Response<Bytes> {
        self.refusal(|response| {
            if code_of(response).as_deref() == Some(code) {
                change(response);
            }
        })
    }

    /// Whether this is a stop, not a dry run, that would be performed for a caller with permission.
    pub fn would_stop(&self) -> bool {
        self.stops() && !self.is_set("DryRun") && self.status_as_dry_run() == 412
    }

    /// Whether the description of one of the named instances contains this text.
    pub fn is_described_with(&self, part: &str) -> bool {
        self.ids().iter().any(|id| {
            let answer = self.secretly("DescribeInstances", [("InstanceId.1", id.as_str())]);
            String::from_utf8_lossy(answer.body()).contains(part)
        })
    }

    /// Whether one of the named instances has this protection: `disableApiStop`, `disableApiTermination`.
    pub fn is_protected_by(&self, attribute: &str) -> bool {
        self.ids().iter().any(|id| {
            let params = [("InstanceId", id.as_str()), ("Attribute", attribute)];
            let answer = self.secretly("DescribeInstanceAttribute", params);
            String::from_utf8_lossy(answer.body()).contains("<value>true</value>")
        })
    }

    /// Changes the stop protection of the named instances with a hidden request.
    pub fn protect_secretly(&self, on: bool) {
        for id in self.ids() {
            let params = [("InstanceId", id), ("DisableApiStop.Value", on.to_string())];
            self.secretly("ModifyInstanceAttribute", params);
        }
    }

    /// The text of the answer to a stop, changed if it is a refusal.
    pub fn refusal_text(&self, change: impl FnOnce(String) -> String) -> Response<Bytes> {
        self.refusal(|response| *response = with_text(response.clone(), change))
    }

    /// The answer; a stop that is refused with this code gets another answer instead.
    pub fn instead(&self, code: &str, answer: impl FnOnce() -> Response<Bytes>) -> Response<Bytes> {
        self.refusal_as(code, |response| *response = answer())
    }

    /// The answer, with changed text if it describes instances.
    pub fn described(&self, change: impl FnOnce(String) -> String) -> Response<Bytes> {
        let response = self.pass();
        if self.action() == "DescribeInstances" {
            with_text(response, change)
        } else {
            response
        }
    }

    /// Sends a hidden request to the reference.
    pub fn secretly<N: Into<String>, V: Into<String>>(
        &self,
        action: &str,
        params: impl IntoIterator<Item = (N, V)>,
    ) -> Response<Bytes> {
        self.emulator.trusted(&Call::new(action, params), self.now_ms)
    }

    /// Stops these instances with hidden requests, one for each instance.
    pub fn stop_secretly(&self, ids: &[String]) {
        for id in ids {
            self.secretly("StopInstances", [("InstanceId.1", id.as_str())]);
        }
    }

    /// The state of an instance, empty if it does not exist.
    pub fn state_of(&self, id: &str) -> String {
        let answer = self.secretly("DescribeInstances", [("InstanceId.1", id)]);
        document(&answer)
            .map(|document| protocol::instances(document.root()))
            .and_then(|instances| instances.into_iter().next()?.state?.name)
            .unwrap_or_default()
    }

    /// An error in the XML envelope of the service.
    pub fn refuse(&self, status: u16, code: &str, message: &str) -> Response<Bytes> {
        self.written(status, |id| {
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>{id}</RequestID></Response>"
            )
        })
    }

    /// A success of a stop with these items: id, previous state, current state.
    pub fn stopped(&self, items: &[(String, &str, &str)]) -> Response<Bytes> {
        let items: String = items
            .iter()
            .map(|(id, previous, current)| {
                format!(
                    "<item><instanceId>{id}</instanceId><currentState>{}</currentState><previousState>{}\
                     </previousState></item>",
                    state(current),
                    state(previous)
                )
            })
            .collect();
        self.written(200, |id| {
            format!(
                "<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{id}\
                 </requestId><instancesSet>{items}</instancesSet></StopInstancesResponse>"
            )
        })
    }

    /// A success of a stop with the same previous and current state for every named instance.
    pub fn all_stopped(&self, previous: &str, current: &str) -> Response<Bytes> {
        let ids = self.ids().into_iter();
        self.stopped(&ids.map(|id| (id, previous, current)).collect::<Vec<_>>())
    }

    /// The answer to a dry run that would have succeeded.
    pub fn would_have_succeeded(&self) -> Response<Bytes> {
        let message = "Request would have succeeded, but DryRun flag is set.";
        self.refuse(412, "DryRunOperation", message)
    }

    /// The value that the emulator stored under this name.
    pub fn recall(&self, name: &str) -> Option<String> {
        self.emulator.memory().get(name).cloned()
    }

    /// Stores a value for later requests.
    pub fn remember(&self, name: &str, value: &str) {
        self.emulator.memory().insert(name.to_owned(), value.to_owned());
    }

    /// A response with its own request id and headers.
    fn written(&self, status: u16, body: impl FnOnce(&str) -> String) -> Response<Bytes> {
        let mut response = self.secretly("DescribeVpcs", [("MaxResults", "5")]);
        let id = response.headers().get("x-amzn-requestid");
        let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        *response.body_mut() = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", body(id)).into();
        *response.status_mut() = StatusCode::from_u16(status).expect("faults answer with valid statuses");
        response
    }
}

impl Emulator {
    fn trusted(&self, call: &Call, now_ms: u64) -> Response<Bytes> {
        let target = RequestTarget {
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            region: REGION.to_owned(),
        };
        let request = protocol::encode(call, &target).expect("a POST in the default form");
        self.reference
            .handle_vouched(&request, keys::MAIN.access_key, now_ms)
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The code of an error response.
pub fn code_of(response: &Response<Bytes>) -> Option<String> {
    let document = document(response)?;
    Some(protocol::first_error(document.root())?.code?.to_owned())
}

/// The response with changed text.
pub fn with_text(mut response: Response<Bytes>, change: impl FnOnce(String) -> String) -> Response<Bytes> {
    let text = String::from_utf8_lossy(response.body()).into_owned();
    *response.body_mut() = change(text).into();
    response
}

/// Replaces the content type of a response.
pub fn set_content_type(response: &mut Response<Bytes>, content_type: &'static str) {
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
}

/// Removes every parameter with this name.
pub fn drop_param(params: &mut Vec<(String, String)>, name: &str) {
    params.retain(|(key, _)| key != name);
}

/// Replaces the value of the first parameter with this name, if there is one.
pub fn set_param(params: &mut [(String, String)], name: &str, value: &str) {
    if let Some((_, old)) = params.iter_mut().find(|(key, _)| key == name) {
        value.clone_into(old);
    }
}

/// Replaces each range from one marker to the next, including both markers.
pub fn replace_between(text: &str, from: &str, to: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(from) {
        let Some((_, tail)) = after.split_once(to) else {
            break;
        };
        out.push_str(before);
        out.push_str(by);
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// A state as it is written in XML.
pub fn state(name: &str) -> String {
    let code = match name {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    };
    format!("<code>{code}</code><name>{name}</name>")
}

fn document(response: &Response<Bytes>) -> Option<protocol::Document> {
    match protocol::decode(response.clone()).body {
        Body::Document(document) => Some(document),
        Body::Empty | Body::Unreadable { .. } => None,
    }
}

fn params_of(request: &Request<Bytes>) -> Vec<(String, String)> {
    let mut params = form::read(request.uri().query().unwrap_or_default());
    params.extend(form::read(&String::from_utf8_lossy(request.body())));
    params.retain(|(name, _)| !name.starts_with("X-Amz-"));
    params
}
