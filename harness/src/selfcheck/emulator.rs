//! A faulty emulator: the reference with one fault hook.
//!
//! A request comes in; the hook decides what the reference receives, what else happens, and how it alters the
//! answer. Hidden requests come from the holder of the reference's first key, and nobody outside sees them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::Call;
use crate::contract::Edition;
use crate::embedded;
use crate::endpoint::{Endpoint, Handler};
use crate::protocol::{self, Body, RequestTarget, form};
use crate::reference::{Config, Reference, XmlLayout, keys};
use crate::runner;
use crate::wire::{Request, Response};

/// What an emulator does with a request.
pub type FaultHook = fn(&EmulatedRequest<'_>) -> Response;

/// The region of every emulator.
pub const REGION: &str = "us-east-1";

/// An emulator: the reference and a memory of its own.
pub struct Emulator {
    reference: Reference,
    memory: Mutex<BTreeMap<String, String>>,
    /// Stops that have come and are not answered yet.
    under_way: AtomicUsize,
    /// Requests that were answered.
    served: AtomicUsize,
}

/// A request at the door of an emulator.
pub struct EmulatedRequest<'a> {
    emulator: &'a Emulator,
    /// The request as it came.
    pub request: &'a Request,
    /// The moment, in Unix milliseconds.
    pub now_ms: u64,
    /// The parameters but for those that sign, Action and Version included.
    pub params: Vec<(String, String)>,
}

/// The endpoint of an emulator, a fresh one for each case.
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

/// The reference itself, a fresh one for each case.
pub fn pristine(edition: Edition, layout: XmlLayout) -> Endpoint {
    embedded::endpoint_in(REGION, edition, layout)
}

/// One emulator, which answers for as long as it is kept.
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
        let stops = usize::from(asked.stops());
        emulator.under_way.fetch_add(stops, Ordering::SeqCst);
        let answer = hook(&asked);
        emulator.under_way.fetch_sub(stops, Ordering::SeqCst);
        emulator.served.fetch_add(1, Ordering::Relaxed);
        answer
    })
}

/// The reference as it is.
pub fn straight(asked: &EmulatedRequest<'_>) -> Response {
    asked.pass()
}

impl EmulatedRequest<'_> {
    /// The action, empty if there is none.
    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// Whether it is a call of the action under test.
    pub fn stops(&self) -> bool {
        self.action() == "StopInstances"
    }

    /// How many stops are under way, this one included.
    pub fn under_way(&self) -> usize {
        self.emulator.under_way.load(Ordering::SeqCst)
    }

    /// How many requests were answered so far.
    pub fn served(&self) -> usize {
        self.emulator.served.load(Ordering::Relaxed)
    }

    /// The first value under this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is `true`.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// The instance ids named, in the order written.
    pub fn ids(&self) -> Vec<String> {
        self.params
            .iter()
            .filter(|(name, _)| name.starts_with("InstanceId"))
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// The reference's answer to the request as it came.
    pub fn pass(&self) -> Response {
        self.emulator.reference.handle(self.request, self.now_ms)
    }

    /// The reference's answer to the same request with other parameters, from a caller it trusts.
    pub fn pass_as(&self, params: Vec<(String, String)>) -> Response {
        let mut call = Call::new("", params);
        call.action = None;
        call.form.version = None;
        self.emulator.trusted(&call, self.now_ms)
    }

    /// The same, if the change changes anything; otherwise the request goes as it came.
    pub fn pass_changed(&self, change: impl FnOnce(&mut Vec<(String, String)>)) -> Response {
        let mut params = self.params.clone();
        change(&mut params);
        if params == self.params {
            self.pass()
        } else {
            self.pass_as(params)
        }
    }

    /// The status of the same request as a dry run.
    pub fn status_as_dry_run(&self) -> u16 {
        let mut params = self.params.clone();
        drop_param(&mut params, "DryRun");
        params.push(("DryRun".to_owned(), "true".to_owned()));
        self.pass_as(params).status
    }

    /// The answer to a stop with other parameters; all else goes as it came.
    pub fn stop_changed(&self, change: impl FnOnce(&mut Vec<(String, String)>)) -> Response {
        if self.stops() {
            self.pass_changed(change)
        } else {
            self.pass()
        }
    }

    /// The answer, with its text changed.
    pub fn pass_text(&self, change: impl FnOnce(String) -> String) -> Response {
        with_text(self.pass(), change)
    }

    /// The answer to a stop, changed if it is a success.
    pub fn success(&self, change: impl FnOnce(&mut Response)) -> Response {
        let mut response = self.pass();
        if self.stops() && response.status == 200 {
            change(&mut response);
        }
        response
    }

    /// The text of the answer to a stop, changed if it is a success.
    pub fn success_text(&self, change: impl FnOnce(String) -> String) -> Response {
        self.success(|response| *response = with_text(response.clone(), change))
    }

    /// The answer to a stop, changed if it is a refusal.
    pub fn refusal(&self, change: impl FnOnce(&mut Response)) -> Response {
        let mut response = self.pass();
        if self.stops() && response.status != 200 {
            change(&mut response);
        }
        response
    }

    /// The answer to a stop, changed if it is a refusal with this code.
    pub fn refusal_as(&self, code: &str, change: impl FnOnce(&mut Response)) -> Response {
        self.refusal(|response| {
            if code_of(response).as_deref() == Some(code) {
                change(response);
            }
        })
    }

    /// Whether it is a stop that is carried out, if the caller may.
    pub fn would_stop(&self) -> bool {
        self.stops() && !self.is_set("DryRun") && self.status_as_dry_run() == 412
    }

    /// Whether the description of one of the instances named holds this text.
    pub fn is_described_with(&self, part: &str) -> bool {
        self.ids().iter().any(|id| {
            let answer = self.secretly("DescribeInstances", [("InstanceId.1", id.as_str())]);
            String::from_utf8_lossy(&answer.body).contains(part)
        })
    }

    /// Whether one of the instances named has this protection: `disableApiStop`, `disableApiTermination`.
    pub fn is_protected_by(&self, attribute: &str) -> bool {
        self.ids().iter().any(|id| {
            let params = [("InstanceId", id.as_str()), ("Attribute", attribute)];
            let answer = self.secretly("DescribeInstanceAttribute", params);
            String::from_utf8_lossy(&answer.body).contains("<value>true</value>")
        })
    }

    /// Sets the stop protection of the instances named, without anybody being told.
    pub fn protect_secretly(&self, on: bool) {
        for id in self.ids() {
            let params = [("InstanceId", id), ("DisableApiStop.Value", on.to_string())];
            self.secretly("ModifyInstanceAttribute", params);
        }
    }

    /// The text of the answer to a stop, changed if it is a refusal.
    pub fn refusal_text(&self, change: impl FnOnce(String) -> String) -> Response {
        self.refusal(|response| *response = with_text(response.clone(), change))
    }

    /// The answer, or another one to a stop that is refused with this code.
    pub fn instead(&self, code: &str, answer: impl FnOnce() -> Response) -> Response {
        self.refusal_as(code, |response| *response = answer())
    }

    /// The text of a description of instances, changed.
    pub fn described(&self, change: impl FnOnce(String) -> String) -> Response {
        let response = self.pass();
        if self.action() == "DescribeInstances" {
            with_text(response, change)
        } else {
            response
        }
    }

    /// Something the emulator asks of itself.
    pub fn secretly<N: Into<String>, V: Into<String>>(
        &self,
        action: &str,
        params: impl IntoIterator<Item = (N, V)>,
    ) -> Response {
        self.emulator.trusted(&Call::new(action, params), self.now_ms)
    }

    /// Stops these instances, each by itself, without anybody being told.
    pub fn stop_secretly(&self, ids: &[String]) {
        for id in ids {
            self.secretly("StopInstances", [("InstanceId.1", id.as_str())]);
        }
    }

    /// The state that an instance is in, empty if there is none.
    pub fn state_of(&self, id: &str) -> String {
        let answer = self.secretly("DescribeInstances", [("InstanceId.1", id)]);
        document(&answer)
            .map(|document| protocol::instances(document.root()))
            .and_then(|instances| instances.into_iter().next()?.state?.name)
            .unwrap_or_default()
    }

    /// An error in the service's envelope.
    pub fn refuse(&self, status: u16, code: &str, message: &str) -> Response {
        self.written(status, |id| {
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>{id}</RequestID></Response>"
            )
        })
    }

    /// A success of a stop with these items: id, previous state, current state.
    pub fn stopped(&self, items: &[(String, &str, &str)]) -> Response {
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

    /// A success of a stop in which every instance named was in one state and is in another.
    pub fn all_stopped(&self, previous: &str, current: &str) -> Response {
        let ids = self.ids().into_iter();
        self.stopped(&ids.map(|id| (id, previous, current)).collect::<Vec<_>>())
    }

    /// That a dry run would have succeeded.
    pub fn would_have_succeeded(&self) -> Response {
        let message = "Request would have succeeded, but DryRun flag is set.";
        self.refuse(412, "DryRunOperation", message)
    }

    /// What the emulator remembers under this name.
    pub fn recall(&self, name: &str) -> Option<String> {
        self.emulator.memory().get(name).cloned()
    }

    /// Remembers something from one request to the next.
    pub fn remember(&self, name: &str, value: &str) {
        self.emulator.memory().insert(name.to_owned(), value.to_owned());
    }

    /// A document with a request id and headers of its own.
    fn written(&self, status: u16, body: impl FnOnce(&str) -> String) -> Response {
        let mut response = self.secretly("DescribeVpcs", [("MaxResults", "5")]);
        let id = response.headers.get("x-amzn-requestid").unwrap_or_default();
        response.body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", body(id)).into_bytes();
        response.status = status;
        response
    }
}

impl Emulator {
    fn trusted(&self, call: &Call, now_ms: u64) -> Response {
        let target = RequestTarget {
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            region: REGION.to_owned(),
        };
        let request = protocol::encode(call, &target);
        self.reference
            .handle_vouched(&request, keys::MAIN.access_key, now_ms)
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The code of a refusal.
pub fn code_of(response: &Response) -> Option<String> {
    let document = document(response)?;
    Some(protocol::first_error(document.root())?.code?.to_owned())
}

/// A response with another text.
pub fn with_text(mut response: Response, change: impl FnOnce(String) -> String) -> Response {
    let text = String::from_utf8_lossy(&response.body).into_owned();
    response.body = change(text).into_bytes();
    response
}

/// Drops every parameter of this name.
pub fn drop_param(params: &mut Vec<(String, String)>, name: &str) {
    params.retain(|(key, _)| key != name);
}

/// Gives the first parameter of this name another value, if there is one.
pub fn set_param(params: &mut [(String, String)], name: &str, value: &str) {
    if let Some((_, old)) = params.iter_mut().find(|(key, _)| key == name) {
        value.clone_into(old);
    }
}

/// Text with everything from one mark to the next, both included, replaced wherever it stands.
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

/// A state as it is written.
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

fn document(response: &Response) -> Option<protocol::Document> {
    match protocol::decode(response.clone()).body {
        Body::Document(document) => Some(document),
        Body::Empty | Body::Unreadable { .. } => None,
    }
}

fn params_of(request: &Request) -> Vec<(String, String)> {
    let mut params = form::read(request.query());
    params.extend(form::read(&String::from_utf8_lossy(&request.body)));
    params.retain(|(name, _)| !name.starts_with("X-Amz-"));
    params
}
