//! Endpoints for the command to connect to: modified references, and servers that are not an endpoint at all.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use stopcheck::call::{Auth, Call};
use stopcheck::endpoint::{self, Endpoint, Handler, HttpOptions};
use stopcheck::protocol::{self, Body};
use stopcheck::reference::{Config, Delays, Reference, Span, keys};
use stopcheck::sign::{self, Credentials, Keyring};
use tokio::sync::Notify;

use crate::child::command;

/// The reference with faster state changes than Amazon's. It accepts `key` in addition to its own keys.
pub(crate) fn quick_reference(key: Option<stopcheck::reference::AccessKey>) -> Handler {
    let reference = quick(key);
    Arc::new(move |request, now_ms| reference.handle(request, now_ms))
}

/// The same, with the most instances that existed at once and were not terminated.
pub(crate) fn counting_reference() -> (Handler, Arc<AtomicUsize>) {
    let (reference, most) = (quick(None), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let handler: Handler = Arc::new(move |request, now_ms| {
        let answer = reference.handle(request, now_ms);
        let state = reference.state(now_ms);
        let (all, over) = (
            state.matches("SimulatedInstance {").count(),
            state.matches("phase: Terminated").count(),
        );
        seen.fetch_max(all - over, Ordering::SeqCst);
        answer
    });
    (handler, most)
}

fn quick(key: Option<stopcheck::reference::AccessKey>) -> Reference {
    let mut config = Config {
        delays: Delays {
            launching: Span::exactly(150),
            starting: Span::exactly(150),
            stopping: Span::exactly(150),
            skipping_shutdown: Span::exactly(150),
            hibernating: Span::exactly(150),
            shutting_down: Span::exactly(150),
            removing_stopped: Span::exactly(150),
            ..Delays::default()
        },
        ..Config::default()
    };
    config.keys.extend(key);
    Reference::new(config)
}

/// Serves a handler until `end` is notified, or until the tests end. Returns the URL.
pub(crate) fn serving(handler: Handler, end: Arc<Notify>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    listener.set_nonblocking(true).expect("a socket can");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it is a socket");
            endpoint::serve(listener, handler, end.notified()).await
        })
    });
    url
}

/// Answers every connection with this function until the tests end. Returns the URL.
pub(crate) fn answering(answer: impl Fn(&mut TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || answer(&mut stream));
        }
    });
    url
}

/// Reads part of a request, and answers with these bytes.
pub(crate) fn say(stream: &mut TcpStream, bytes: &[u8]) {
    let mut request = [0; 64 << 10];
    let _ = stream.read(&mut request);
    let _ = stream.write_all(bytes);
}

/// Never answers: holds the connection until the other side closes it.
pub(crate) fn until_closed(stream: &mut impl Read) {
    while stream.read(&mut [0; 1 << 10]).is_ok_and(|read| read > 0) {}
}

/// A port that refuses connections while this value exists: it is bound, but not listening.
pub(crate) fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket can be made");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("loopback can be bound");
    let url = format!("http://{}", socket.local_addr().expect("it is bound"));
    (socket, url)
}

/// The action of a request, from its query string or form body; empty if there is none.
pub(crate) fn action(request: &Request<Bytes>) -> String {
    let body = String::from_utf8_lossy(request.body()).into_owned();
    let text = format!("{}&{body}", request.uri().query().unwrap_or_default());
    let found = text.split('&').find_map(|pair| pair.strip_prefix("Action="));
    found.unwrap_or_default().to_owned()
}

pub(crate) fn xml(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("Content-Type", "text/xml;charset=UTF-8")
        .body(body.into())
        .expect("the response is valid")
}

/// The read lag of test runs. The descriptions of our servers are up to date, so waiting changes nothing, and a busy
/// machine does not make them stale.
const READ_LAG: &str = "--read-lag 0.5";

/// A run against a server, with the reference's main key.
pub(crate) fn against(url: &str, words: &str) -> std::process::Command {
    let words = format!("run {READ_LAG} {words}");
    let mut command = command(words.trim_end().split(' '));
    command
        .env("AWS_ENDPOINT_URL_EC2", url)
        .env("AWS_ACCESS_KEY_ID", keys::MAIN.access_key)
        .env("AWS_SECRET_ACCESS_KEY", keys::MAIN.secret);
    command
}

/// The states of all instances that a server of the reference has.
pub(crate) fn states_at(url: &str) -> Vec<String> {
    instances_at(url).into_iter().map(|(_, state)| state).collect()
}

/// The ids and states of all instances that a server of the reference has.
pub(crate) fn instances_at(url: &str) -> Vec<(String, String)> {
    let call = Call::new("DescribeInstances", Vec::<(String, String)>::new());
    let instances = asked(url, &call).into_iter();
    let state = |instance: &protocol::Instance| instance.state.clone().and_then(|state| state.name);
    instances
        .map(|instance| (instance.id.clone(), state(&instance).unwrap_or_default()))
        .collect()
}

/// Launches an instance with these tags, and returns its id.
pub(crate) fn launched_at(url: &str, tags: &[(&str, &str)]) -> String {
    let images = Call::new(
        "DescribeImages",
        [("Filter.1.Name", "root-device-type"), ("Filter.1.Value.1", "ebs")],
    );
    let Body::Document(images) = sent(url, &images).body else {
        panic!("images are described in XML")
    };
    let image = protocol::images(images.root())
        .into_iter()
        .next()
        .expect("there is one");
    let mut call = Call::new(
        "RunInstances",
        [
            ("ImageId", image.id.as_str()),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ],
    );
    if !tags.is_empty() {
        let kind = (
            "TagSpecification.1.ResourceType".to_owned(),
            "instance".to_owned(),
        );
        call.params.push(kind);
    }
    for (number, (key, value)) in (1..).zip(tags) {
        let name = |part: &str| format!("TagSpecification.1.Tag.{number}.{part}");
        call.params.push((name("Key"), (*key).to_owned()));
        call.params.push((name("Value"), (*value).to_owned()));
    }
    let launched = asked(url, &call).into_iter().next();
    launched.expect("an instance was launched").id
}

/// The instances in the answer of a server of the reference to a call.
fn asked(url: &str, call: &Call) -> Vec<protocol::Instance> {
    let reply = sent(url, call);
    let Body::Document(document) = &reply.body else {
        panic!("no document: {reply:?}")
    };
    protocol::instances(document.root())
}

/// The answer of a server of the reference to a call.
fn sent(url: &str, call: &Call) -> protocol::Reply {
    let keyring = Keyring {
        main: Credentials {
            access_key: keys::MAIN.access_key.to_owned(),
            secret: keys::MAIN.secret.to_owned(),
            session_token: None,
        },
        denied: None,
        session: None,
        expired: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let endpoint = Endpoint::http(HttpOptions {
            url: url.to_owned(),
            request_timeout: Duration::from_secs(3600),
            max_body: 1 << 20,
            connections: 1,
        })
        .expect("the URL is good");
        let request = protocol::encode(call, &endpoint.target("us-east-1")).expect("a short call");
        let now_ms = endpoint.now_ms();
        let request = sign::sign(request, Auth::Header, &keyring, "us-east-1", "ec2", now_ms)
            .expect("the keys can sign");
        protocol::decode(endpoint.send(&request).await.expect("the server answers"))
    })
}
