//! Sends one request over HTTP and returns one response: no redirects, no retries, no decompression, nothing dropped.
//!
//! A URL comes in; requests go out with exactly the target, headers and body that they were signed with. An exchange
//! ends within its limits of time and memory, no matter what the other side does. Over plain HTTP the bytes that come
//! back are kept ([`plain_http`](super::plain_http)); over TLS or a proxy reqwest sends. This is the only file that uses
//! reqwest and rustls, and the only one that reads the environment for proxies and certificate authorities, as AWS's
//! tools do.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

use bytes::Bytes;
use http::{Method, Request, Response};
use reqwest::{Certificate, Client, Url, redirect, retry};

use super::aws_hosts::{is_aws_host, sts_host};
use super::plain_http::{IdleConnections, RecordingClient};
use crate::endpoint::{EndpointError, TransportError};

/// How to reach an endpoint.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The URL, including the base path. User information in it is dropped: signed requests have no place for it.
    pub url: String,
    /// The time limit of one exchange, including connecting and reading the body.
    pub request_timeout: Duration,
    /// The largest response body, in bytes.
    pub max_body: usize,
    /// How many idle connections are kept.
    pub connections: usize,
}

/// An endpoint behind a URL. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Http {
    transport: Transport,
    /// Scheme and authority, without a slash at the end.
    origin: String,
    /// The authority alone, the value of the `Host` header.
    host: String,
    path: String,
    name: String,
    request_timeout: Duration,
    max_body: usize,
}

/// What sends the requests.
#[derive(Debug, Clone)]
enum Transport {
    /// Plain HTTP, without a proxy.
    Recording(RecordingClient),
    /// HTTP over TLS, or through a proxy.
    Library(Client),
}

/// How long an idle connection is kept. Many servers close idle connections after five seconds; a request sent on a
/// connection that is being closed would fail through no fault of the server.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// For a body larger than this, in bytes, the buffer is reserved up to the limit.
pub(super) const ROOM: usize = 1 << 20;

impl Http {
    pub(super) fn new(options: HttpOptions) -> Result<Self, EndpointError> {
        let HttpOptions {
            url: text,
            request_timeout,
            max_body,
            connections,
        } = options;
        let url = parse(&text)?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => {
                return Err(EndpointError::NotHttp {
                    url: without_user(&text),
                });
            }
        };
        let transport = if url.scheme() == "http" && !has_proxy(|_| true) {
            Transport::Recording(RecordingClient {
                host: host.clone(),
                port: url.port_or_known_default().unwrap_or(80),
                request_timeout,
                max_body,
                max_idle: connections,
                idle: IdleConnections::default(),
            })
        } else {
            Transport::Library(client(&url, request_timeout, connections)?)
        };
        let origin = format!("{}://{host}", url.scheme());
        let path = url.path().to_owned();
        let name = if path == "/" {
            origin.clone()
        } else {
            format!("{origin}{path}")
        };
        Ok(Http {
            transport,
            origin,
            host,
            path,
            name,
            request_timeout,
            max_body,
        })
    }

    pub(super) async fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        match &self.transport {
            Transport::Recording(client) => client.send(request).await,
            Transport::Library(client) => self.send_by_library(client, request).await,
        }
    }

    async fn send_by_library(
        &self,
        client: &Client,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let mut message = reqwest::Request::new(request.method().clone(), self.url_of(request)?);
        message.headers_mut().clone_from(request.headers());
        if !request.body().is_empty() || request.method() == Method::POST {
            *message.body_mut() = Some(request.body().clone().into());
        }
        let mut answer = client
            .execute(message)
            .await
            .map_err(|error| self.explain(&error))?;

        let too_large = || TransportError::TooLarge {
            host: self.host.clone(),
            limit: self.max_body,
        };
        let announced = answer
            .content_length()
            .and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > self.max_body) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.explain_in_body(&error))?
        {
            if chunk.len() > self.max_body - body.len() {
                return Err(too_large());
            }
            if body.len() + chunk.len() > ROOM {
                // A growing buffer exists twice while it is moved. Memory that is reserved and never written costs
                // nothing.
                body.reserve_exact(self.max_body - body.len());
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        std::mem::swap(response.headers_mut(), answer.headers_mut());
        Ok(response)
    }

    /// The value of the `Host` header, and the base path.
    pub(super) fn address(&self) -> (&str, &str) {
        (&self.host, &self.path)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The URL of a request. A URL library may normalise a target; one that would not arrive as it was signed is not
    /// sent.
    fn url_of(&self, request: &Request<Bytes>) -> Result<Url, TransportError> {
        let target = request.uri().to_string();
        let changed = || unsendable(format!("no HTTP library sends the target {target:?} unchanged"));
        if !target.starts_with('/') {
            return Err(changed());
        }
        let url = Url::parse(&format!("{}{target}", self.origin)).map_err(|_| changed())?;
        let same = match url.query() {
            Some(query) => target.split_once('?') == Some((url.path(), query)),
            None => url.path() == target,
        };
        if same && url.fragment().is_none() {
            Ok(url)
        } else {
            Err(changed())
        }
    }

    fn explain(&self, error: &reqwest::Error) -> TransportError {
        let host = self.host.clone();
        let why = deepest(error).to_string();
        if error.is_timeout() {
            return TransportError::TimedOut {
                host,
                after: self.request_timeout,
            };
        }
        if let Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) =
            find::<rustls::Error>(error)
        {
            return TransportError::PlainHttp { host };
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return TransportError::Tls {
                host,
                why: tls.to_string(),
            };
        }
        if error.is_dns() {
            return TransportError::NotResolved { host, why };
        }
        match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => TransportError::Refused { host },
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::NotConnected) => {
                TransportError::Closed { host }
            }
            Some(kind) if is_reset(kind) => TransportError::Closed { host },
            // The HTTP library distinguishes these errors by their text only.
            _ if why.contains("connection closed before message completed") => {
                TransportError::Closed { host }
            }
            _ if error.is_connect() => TransportError::Unreachable { host, why },
            _ if why.contains("invalid") || why.contains("message head") => TransportError::InvalidHttp {
                host,
                why,
                received: Vec::new(),
            },
            _ => TransportError::Other { host, why },
        }
    }

    fn explain_in_body(&self, error: &reqwest::Error) -> TransportError {
        let host = self.host.clone();
        let why = deepest(error).to_string();
        if error.is_timeout() {
            TransportError::TimedOut {
                host,
                after: self.request_timeout,
            }
        } else if find::<io::Error>(error).is_some_and(|error| is_reset(error.kind())) {
            TransportError::Reset {
                host,
                received: Vec::new(),
            }
        } else if why.to_ascii_lowercase().contains("invalid") {
            TransportError::InvalidHttp {
                host,
                why,
                received: Vec::new(),
            }
        } else {
            TransportError::CutShort {
                host,
                why,
                received: Vec::new(),
            }
        }
    }
}

/// Whether the other side, or something on the way, has given the connection up.
pub(super) fn is_reset(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

/// Whether a URL points at Amazon's own service, where a mistake costs money or machines.
pub fn looks_like_aws(url: &str) -> bool {
    host_of(url).is_some_and(|host| is_aws_host(&host))
}

/// The URL of Amazon's STS for a Region, in the partition of this URL of EC2.
pub fn sts_url(url: &str, region: &str) -> String {
    format!("https://{}", sts_host(&host_of(url).unwrap_or_default(), region))
}

/// The host of a URL, in lower case. Text without a scheme has one as well: the caller may add the scheme later.
fn host_of(url: &str) -> Option<String> {
    let host_of = |text: &str| {
        let url = Url::parse(text).ok()?;
        url.host_str().map(str::to_lowercase)
    };
    host_of(url.trim()).or_else(|| host_of(&format!("https://{}", url.trim())))
}

/// Whether a URL points at this machine.
pub fn is_loopback(url: &str) -> bool {
    let url = Url::parse(url.trim()).ok();
    let Some(host) = url.as_ref().and_then(Url::host_str) else {
        return false;
    };
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Milliseconds since 1970-01-01 UTC, by the system's clock.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn parse(text: &str) -> Result<Url, EndpointError> {
    let not_http = || EndpointError::NotHttp {
        url: without_user(text),
    };
    let url = Url::parse(text.trim()).map_err(|_| not_http())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(not_http());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(EndpointError::Query {
            url: without_user(text),
        });
    }
    Ok(url)
}

/// A URL, valid or not, without what may be a password.
fn without_user(text: &str) -> String {
    let (scheme, rest) = text
        .split_once("://")
        .map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() {
        rest.to_owned()
    } else {
        format!("{scheme}://{rest}")
    }
}

fn client(url: &Url, request_timeout: Duration, connections: usize) -> Result<Client, EndpointError> {
    // An error means that a provider is installed already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .timeout(request_timeout)
        .connect_timeout(request_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(connections);
    let builder = if url.scheme() == "https" || has_proxy(|value| value.starts_with("https")) {
        builder.tls_certs_merge(ca_bundle(env::var_os)?)
    } else {
        // No certificate will be verified, so a machine without certificate authorities can send requests, too.
        builder.tls_certs_only(Vec::<Certificate>::new())
    };
    builder.build().map_err(|error| EndpointError::Client {
        why: deepest(&error).to_string(),
    })
}

/// Whether the environment names a proxy for plain HTTP of which this holds.
fn has_proxy(is_meant: impl Fn(&str) -> bool) -> bool {
    let is_set = |name| env::var(name).is_ok_and(|value: String| !value.is_empty() && is_meant(&value));
    ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .any(is_set)
}

/// The certificates that the environment adds to those of the system.
fn ca_bundle(variable: impl Fn(&'static str) -> Option<OsString>) -> Result<Vec<Certificate>, EndpointError> {
    let named = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"].into_iter().find_map(|name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(|value| (name, PathBuf::from(value)))
    });
    let Some((variable, path)) = named else {
        return Ok(Vec::new());
    };
    let failed = |why: String| EndpointError::CaBundle {
        variable,
        path: path.clone(),
        why,
    };
    let pem = fs::read(&path).map_err(|error| failed(error.to_string()))?;
    let certificates =
        Certificate::from_pem_bundle(&pem).map_err(|error| failed(deepest(&error).to_string()))?;
    if certificates.is_empty() {
        Err(failed("it holds no PEM certificate".to_owned()))
    } else {
        Ok(certificates)
    }
}

fn unsendable(why: String) -> TransportError {
    TransportError::Unsendable { why }
}

/// An error and all its causes, the outermost first.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| cause(error)).take(16)
}

/// The cause of an error. An I/O error returns the error that it wraps from `get_ref` only, not from `source`.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

pub(super) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

pub(super) fn deepest<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    chain(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests;
