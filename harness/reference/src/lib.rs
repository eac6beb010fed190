//! The second witness: an in-process EC2 that implements StopInstances and the actions that a test of it needs.
//!
//! It takes a [`Request`] and a time and returns a [`Response`]. It uses no socket, disk or clock, and it does not read
//! the contract: its behaviour was implemented a second time from the recordings and the documentation, so that two
//! independent implementations must agree. It verifies real signatures and writes real bytes, so that real clients can
//! use it.
//!
//! A request is checked in this order: method, signature, action and version, parameter names, throttle; then, within
//! the action: values, ids, permission, existence, dry run, state. Nothing changes before all checks have passed.
//! Behaviour in which genuine EC2 differs, or may differ, is a [`Variation`].

mod attribute;
mod auth;
mod call;
mod canonical;
mod config;
mod describe;
mod digest;
mod errors;
mod filter;
mod form;
mod identity;
mod ids;
mod image;
mod instance;
pub mod keys;
mod names;
mod power;
mod run;
mod run_names;
mod spot;
mod status;
mod stop;
mod surroundings;
mod tags;
mod throttle;
mod time;
mod variation;
mod version;
mod world;
mod xml;

#[cfg(test)]
mod tests;

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, DATE, SERVER, STRICT_TRANSPORT_SECURITY,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

pub use self::config::{AccessKey, Config, Delays, Framing, Rules, Span, Throttle, XmlLayout};
pub use self::variation::{Variation, Variations};

use self::auth::Authenticator;
use self::call::AdmittedCall;
use self::errors::{ApiError, ApiResult, ErrorBody};
use self::form::{FormParameters, FormReading};
use self::ids::RequestIds;
use self::names::Action;
use self::version::SignedService;
use self::world::World;
use self::xml::Xml;

/// An in-process EC2. It can be shared between threads; calls take effect one after another.
pub struct Reference {
    config: Config,
    authenticator: Authenticator,
    request_ids: RequestIds,
    world: Mutex<World>,
}

impl Reference {
    /// A new account with three images and no instances.
    pub fn new(config: Config) -> Self {
        Self {
            authenticator: Authenticator::default(),
            request_ids: RequestIds::new(config.seed),
            world: Mutex::new(World::new(&config)),
            config,
        }
    }

    /// Answers a request at a given time in Unix milliseconds. Any bytes get an answer.
    pub fn handle(&self, request: &Request<Bytes>, now_ms: u64) -> Response<Bytes> {
        self.respond(request, None, now_ms)
    }

    /// Like [`Reference::handle`], for a request without a signature: the process that owns the reference vouches that
    /// the holder of this key sent it. For an unknown or expired key, the request needs a valid signature.
    pub fn handle_vouched(&self, request: &Request<Bytes>, access_key: &str, now_ms: u64) -> Response<Bytes> {
        let is_named = |key: &&AccessKey| {
            key.access_key == access_key && key.expires_at_ms.is_none_or(|expires| now_ms < expires)
        };
        self.respond(request, self.config.keys.iter().find(is_named), now_ms)
    }

    /// Returns the access key that signed this request, or the error code if the signature is not accepted.
    pub fn admits(&self, request: &Request<Bytes>, now_ms: u64) -> Result<&str, &'static str> {
        let form = FormParameters::read(request, self.config.variations);
        match self.authenticator.admit(request, &form, &self.config, now_ms) {
            Ok(key) => Ok(&key.access_key),
            Err(refusal) => Err(refusal.code),
        }
    }

    /// Describes everything that exists in the account at this time. The text stays the same as long as nothing
    /// changes.
    pub fn state(&self, now_ms: u64) -> String {
        self.world
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .told(now_ms)
    }

    fn respond(&self, request: &Request<Bytes>, caller: Option<&AccessKey>, now_ms: u64) -> Response<Bytes> {
        let request_id = self.request_ids.next();
        let form = FormParameters::read(request, self.config.variations);
        let (status, body) = match self.answer(request, &form, caller, &request_id, now_ms) {
            Ok(body) => (200, body),
            Err(ApiError {
                status,
                code,
                message,
                body,
            }) => {
                let body = match (body, SignedService::of(&form)) {
                    (ErrorBody::Html, _) => format!("<html><body>{message}</body></html>\n").into_bytes(),
                    (ErrorBody::Xml, SignedService::Ec2) => xml::ec2_error(code, &message, &request_id),
                    (ErrorBody::Xml, SignedService::Sts) => xml::sts_error(code, &message, &request_id),
                };
                (status, body)
            }
        };
        let headers = self.headers(status, &body, request_id, now_ms);
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = StatusCode::from_u16(status).expect("every status in this module is valid");
        *response.headers_mut() = headers;
        response
    }

    fn answer(
        &self,
        request: &Request<Bytes>,
        form: &FormParameters<'_>,
        caller: Option<&AccessKey>,
        request_id: &str,
        now_ms: u64,
    ) -> ApiResult<Vec<u8>> {
        if !matches!(*request.method(), Method::GET | Method::POST) {
            return Err(ApiError::new(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            ));
        }
        let caller = match caller {
            Some(caller) => caller,
            None => self.authenticator.admit(request, form, &self.config, now_ms)?,
        };
        let (action, namespace) = self.action(form)?;
        self.check_names(action, form)?;
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        self.turn_away(&mut world)?;
        self.throttle(action, &mut world, now_ms)?;
        let call = AdmittedCall {
            action,
            form,
            config: &self.config,
            caller,
            now_ms,
            dry: form.flag("DryRun")?.unwrap_or(false),
        };
        let mut xml =
            Xml::open(self.config.layout(), action.root(), &namespace).varied(self.config.variations);
        perform(&call, request_id, &mut world, &mut xml)?;
        Ok(xml.close(action.root()))
    }

    fn check_names(&self, action: Action, form: &FormParameters<'_>) -> ApiResult {
        let config = &self.config;
        let is_unknown = |name: &str| {
            let ignored = config.varies(Variation::OddIndicesIgnored) && names::has_odd_index(action, name);
            !action.takes(name, config.rules, config.variations.into()) && !names::signs(name) && !ignored
        };
        match form.pairs().find(|(name, _)| is_unknown(name)) {
            Some((name, _)) => Err(ApiError::unknown_parameter(name)),
            None => Ok(()),
        }
    }

    /// Refuses some calls regardless of their content, if a variation asks for it.
    fn turn_away(&self, world: &mut World) -> ApiResult {
        world.calls = world.calls.wrapping_add(1);
        let is_every =
            |count: u64, variation| world.calls.is_multiple_of(count) && self.config.varies(variation);
        if is_every(50, Variation::Throttled) {
            return Err(ApiError::new(
                503,
                "RequestLimitExceeded",
                "Request limit exceeded.",
            ));
        }
        if is_every(200, Variation::ServerFaultOnce) {
            return Err(ApiError::new(503, "Unavailable", "The server is overloaded."));
        }
        if is_every(100, Variation::ServerFaultOnce) {
            return Err(ApiError::new(
                500,
                "InternalError",
                "An internal error has occurred",
            ));
        }
        Ok(())
    }

    fn throttle(&self, action: Action, world: &mut World, now_ms: u64) -> ApiResult {
        let is_refused = match self.config.throttle {
            None => false,
            Some(Throttle::Every(every)) => {
                let counts = u64::from(action.mutates());
                world.mutating_calls = world.mutating_calls.wrapping_add(counts);
                counts > 0 && every > 0 && world.mutating_calls.is_multiple_of(every)
            }
            Some(Throttle::TokenBuckets) => !world.buckets.take(action, now_ms),
        };
        if !is_refused {
            return Ok(());
        }
        Err(ApiError::new(
            503,
            "RequestLimitExceeded",
            format!(
                "Request limit exceeded. Account {} has been throttled on ec2:{} because it exceeded its request rate \
                 limit.",
                self.config.account,
                action.name()
            ),
        ))
    }

    /// The requested action, and the XML namespace of the answer.
    fn action(&self, form: &FormParameters<'_>) -> ApiResult<(Action, String)> {
        let name = form.given("Action").ok_or_else(|| self.no_action())?;
        let namespace = version::namespace(form, &self.config)?;
        let action = match SignedService::of(form) {
            SignedService::Ec2 => Action::of_ec2(name),
            SignedService::Sts => Action::of_sts(name),
        };
        let action = action.ok_or_else(|| {
            ApiError::new(
                400,
                "InvalidAction",
                format!("The action {name} is not valid for this web service."),
            )
        })?;
        Ok((action, namespace))
    }

    fn no_action(&self) -> ApiError {
        if self.config.varies(Variation::MissingAction500Html) {
            return ApiError {
                body: ErrorBody::Html,
                ..ApiError::new(500, "", "Internal Server Error")
            };
        }
        ApiError::new(
            400,
            "MissingAction",
            "The request must contain the parameter Action",
        )
    }

    /// The headers of every answer. The server adds length and connection, unless the connection is to be closed or the
    /// answer is to be sent in chunks.
    fn headers(&self, status: u16, body: &[u8], request_id: String, now_ms: u64) -> HeaderMap {
        const HTML: HeaderValue = HeaderValue::from_static("text/html");
        const XML: HeaderValue = HeaderValue::from_static("text/xml;charset=UTF-8");
        const NOT_CACHED: HeaderValue = HeaderValue::from_static("no-cache, no-store");
        const SECURE: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        const EC2: HeaderValue = HeaderValue::from_static("AmazonEC2");
        let media = if body.starts_with(b"<html>") { HTML } else { XML };
        let written =
            |text: String| HeaderValue::try_from(text).expect("request ids and dates are visible ASCII");
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(REQUEST_ID, written(request_id));
        headers.insert(CACHE_CONTROL, NOT_CACHED);
        headers.insert(STRICT_TRANSPORT_SECURITY, SECURE);
        headers.insert(CONTENT_TYPE, media);
        headers.insert(DATE, written(time::http_date(now_ms)));
        headers.insert(SERVER, EC2);
        if status == 405 {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        let is_as_captured = self.config.framing == Framing::AsCaptured;
        let closes = is_as_captured || self.config.varies(Variation::ConnectionsClosedAfterErrors);
        if closes && matches!(status, 400 | 403) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if is_as_captured && (status != 200 || body.len() > LONGEST_WITH_LENGTH) {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        headers
    }
}

/// The longest success, in bytes, whose length is announced if answers are framed as captured: both forms were seen.
const LONGEST_WITH_LENGTH: usize = 2_048;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A header value as text. Bytes that are not UTF-8 are replaced.
fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// The parameters of a request as the reference reads them: decoded, in the order in which they were sent.
pub fn parameters(request: &Request<Bytes>) -> Vec<(String, String)> {
    let form = FormParameters::read(request, FormReading::default());
    let pairs = form.pairs();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Performs one action and writes the content of its root element.
fn perform(call: &AdmittedCall<'_>, request_id: &str, world: &mut World, xml: &mut Xml) -> ApiResult {
    if call.action == Action::GetCallerIdentity {
        identity::caller(call, request_id, xml);
        return Ok(());
    }
    xml.leaf("requestId", request_id);
    match call.action {
        Action::CancelSpotInstanceRequests => spot::cancel(call, world, xml),
        Action::CreateTags => tags::create(call, world, xml),
        Action::DescribeImages => image::describe(call, world, xml),
        Action::DescribeInstanceAttribute => attribute::describe(call, world, xml),
        Action::DescribeInstanceStatus => status::describe(call, world, xml),
        Action::DescribeInstances => describe::describe(call, world, xml),
        Action::DescribeSpotInstanceRequests => spot::describe(call, world, xml),
        Action::DescribeInstanceCreditSpecifications => surroundings::credits(call, world, xml),
        Action::DescribeInstanceTypes => surroundings::instance_types(call, xml),
        Action::DescribeSubnets => surroundings::subnets(call, xml),
        Action::DescribeVolumes => surroundings::volumes(call, world, xml),
        Action::DescribeVpcs => surroundings::vpcs(call, xml),
        Action::DescribeTags => tags::describe(call, world, xml),
        Action::GetCallerIdentity => Ok(()),
        Action::ModifyInstanceAttribute => attribute::modify(call, world, xml),
        Action::RebootInstances => power::reboot(call, world, xml),
        Action::RegisterImage => image::register(call, world, xml),
        Action::RunInstances => run::run(call, world, xml),
        Action::StartInstances => power::start(call, world, xml),
        Action::StopInstances => stop::stop(call, world, xml),
        Action::TerminateInstances => power::terminate(call, world, xml),
    }
}
