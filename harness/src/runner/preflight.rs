//! Checks the endpoint before the first case: does it answer, as an EC2 endpoint, and does it accept our credentials?
//!
//! If not, that is a mistake of the caller and not a finding: the run does not begin.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use super::sweep::{self, LeftInstance};
use super::{RefreshError, Shared, ms_of, request_sender, tags};
use crate::call::Call;
use crate::endpoint::TransportError;
use crate::protocol::{self, Body, Reply, SignError};
use crate::sign;

/// Why a run does not begin.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// Nothing answers.
    #[error("could not {source}\n  endpoint: {endpoint}\n  hint: {}", hint(source))]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// What happened.
        source: TransportError,
    },
    /// Something answers, but it is not an EC2 endpoint.
    #[error(
        "{endpoint} does not answer as an EC2 endpoint: DescribeInstances got {answer}\n  hint: is --endpoint-url right, path included?"
    )]
    NotEc2 {
        /// The endpoint.
        endpoint: String,
        /// The status code of the answer.
        status: u16,
        /// The answer as text.
        answer: String,
    },
    /// The credentials are refused.
    #[error(
        "{endpoint} refuses the credentials: {answer}\n  hint: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and --region (requests are signed for {region})"
    )]
    Credentials {
        /// The endpoint.
        endpoint: String,
        /// The answer as text.
        answer: String,
        /// The region.
        region: String,
    },
    /// The requests are signed for another Region.
    #[error(
        "{endpoint} is in another Region: {answer}\n  hint: requests are signed for {region}; name the Region with --region"
    )]
    Region {
        /// The endpoint.
        endpoint: String,
        /// The answer as text.
        answer: String,
        /// The Region that requests are signed for.
        region: String,
    },
    /// The caller may not describe instances, or the endpoint cannot describe them.
    #[error(
        "{endpoint} refuses to describe instances: {answer}\n  hint: stopcheck verifies every answer by describing its own instances"
    )]
    NoDescribe {
        /// The endpoint.
        endpoint: String,
        /// The answer as text.
        answer: String,
    },
    /// The caller is in another account.
    #[error("the caller is in account {seen}, not in {wished}: nothing was sent but this question")]
    Account {
        /// The account that the caller must be in.
        wished: String,
        /// The account in the answer, or what was answered instead.
        seen: String,
    },
    /// The request could not be signed.
    #[error("could not {0}")]
    Sign(#[from] SignError),
    /// The credentials expired before the first case.
    #[error("could not {0}")]
    Refresh(#[from] RefreshError),
}

/// The pause between two attempts to reach a server that is starting.
const PAUSE: Duration = Duration::from_millis(250);

/// Checks the endpoint, and returns what earlier runs have left there. A server that does not answer yet, or fails, is tried again until [`Options::wait`] has passed.
///
/// [`Options::wait`]: super::Options::wait
pub(super) async fn check(shared: &Arc<Shared>) -> Result<Vec<LeftInstance>, PreflightError> {
    let endpoint = &shared.options.endpoint;
    let until_ms = endpoint.now_ms().saturating_add(ms_of(shared.options.wait));
    loop {
        let outcome = check_once(shared).await;
        let may_be_starting = match &outcome {
            Ok(_) => false,
            Err(error) => error.may_pass(),
        };
        if !may_be_starting || endpoint.now_ms() >= until_ms || *shared.interrupted.borrow() {
            return outcome;
        }
        endpoint.pause(PAUSE).await;
    }
}

impl PreflightError {
    /// Whether a server that is still starting may answer so.
    fn may_pass(&self) -> bool {
        match self {
            PreflightError::Unreachable { source, .. } => match source {
                TransportError::Refused { .. }
                | TransportError::Unreachable { .. }
                | TransportError::TimedOut { .. }
                | TransportError::NotResolved { .. }
                | TransportError::Closed { .. }
                | TransportError::CutShort { .. }
                | TransportError::Reset { .. }
                | TransportError::Other { .. } => true,
                TransportError::Tls { .. }
                | TransportError::PlainHttp { .. }
                | TransportError::TooLarge { .. }
                | TransportError::InvalidHttp { .. }
                | TransportError::Unsendable { .. } => false,
            },
            PreflightError::NotEc2 { status, .. } => *status >= 500,
            PreflightError::Credentials { .. }
            | PreflightError::Region { .. }
            | PreflightError::NoDescribe { .. }
            | PreflightError::Account { .. }
            | PreflightError::Sign(_)
            | PreflightError::Refresh(_) => false,
        }
    }
}

async fn check_once(shared: &Arc<Shared>) -> Result<Vec<LeftInstance>, PreflightError> {
    let options = &shared.options;
    let endpoint = options.endpoint.for_case("preflight");
    let unreachable = |source| PreflightError::Unreachable {
        endpoint: options.endpoint.name(),
        source,
    };
    if let Some(wished) = &options.account {
        account(shared, &endpoint, wished).await?;
    }
    // Only instances with our tag, so the answer is short on every endpoint.
    let call = Call::new(
        "DescribeInstances",
        [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", tags::RUN)],
    );
    let request = protocol::encode(&call, &endpoint.target(&options.region)).map_err(SignError::from)?;
    let now_ms = endpoint.now_ms();
    let keys = shared.credentials.current(now_ms).await?;
    let request = sign::sign(request, call.form.auth, &keys, &options.region, "ec2", now_ms)?;
    shared.pace.wait().await;
    let response = match endpoint.send(&request).await {
        Ok(response) => response,
        // A server that speaks HTTP badly is judged.
        Err(TransportError::CutShort { .. }) => return Ok(Vec::new()),
        Err(error) if error.received().starts_with(b"HTTP/") => return Ok(Vec::new()),
        Err(error) => return Err(unreachable(error)),
    };
    let reply = without_secrets(shared, &request, &response);
    let name = options.endpoint.name();
    let answer = answer_in_words(&reply);
    let Body::Document(document) = &reply.body else {
        return Err(PreflightError::NotEc2 {
            endpoint: name,
            status: reply.status,
            answer,
        });
    };
    if reply.status == 200 && document.root().name() == "DescribeInstancesResponse" {
        return Ok(sweep::left_in(document.root()));
    }
    let error = reply.error();
    // AWS: "Credential should be scoped to a valid region."
    let names_region = error
        .as_ref()
        .and_then(|error| error.message)
        .is_some_and(|message| message.to_lowercase().contains("region"));
    let region = || options.region.clone();
    Err(match error.and_then(|error| error.code) {
        None => PreflightError::NotEc2 {
            endpoint: name,
            status: reply.status,
            answer,
        },
        Some(code) if !AUTHENTICATION_ERRORS.contains(&code) => PreflightError::NoDescribe {
            endpoint: name,
            answer,
        },
        Some(_) if names_region => PreflightError::Region {
            endpoint: name,
            answer,
            region: region(),
        },
        Some(_) => PreflightError::Credentials {
            endpoint: name,
            answer,
            region: region(),
        },
    })
}

/// Codes of refused credentials and signatures.
const AUTHENTICATION_ERRORS: [&str; 8] = [
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "IncompleteSignature",
    "RequestExpired",
    "OptInRequired",
    "UnrecognizedClientException",
];

/// What to do about an endpoint that cannot be reached.
fn hint(source: &TransportError) -> &'static str {
    match source {
        TransportError::PlainHttp { .. } => "the port answers in plain HTTP: use http:// in --endpoint-url",
        TransportError::Closed { .. } | TransportError::InvalidHttp { .. } => {
            "is --endpoint-url right, or does the port expect https?"
        }
        TransportError::Refused { .. } => {
            "is the server running there, and is --endpoint-url right? --wait 30 waits for one that is starting"
        }
        TransportError::Unreachable { .. }
        | TransportError::TimedOut { .. }
        | TransportError::NotResolved { .. }
        | TransportError::Tls { .. }
        | TransportError::CutShort { .. }
        | TransportError::Reset { .. }
        | TransportError::TooLarge { .. }
        | TransportError::Unsendable { .. }
        | TransportError::Other { .. } => "is the server running there, and is --endpoint-url right?",
    }
}

/// An answer as text, for the message of a [`PreflightError`].
pub(super) fn answer_in_words(reply: &Reply) -> String {
    let what = match &reply.body {
        Body::Document(document) => reply.error().map_or_else(
            || format!("a document <{}>", document.root().name()),
            |error| {
                format!(
                    "{} \"{}\"",
                    error.code.unwrap_or_default(),
                    error.message.unwrap_or_default()
                )
            },
        ),
        Body::Empty => "an empty body".to_owned(),
        Body::Unreadable { why } => format!("a body that is not XML: {why}"),
    };
    let what: String = what
        .chars()
        .filter(|character| !character.is_control())
        .take(240)
        .collect();
    format!("{} {what}", reply.status)
}

/// An answer that may be printed: messages repeat it, and it may repeat our credentials.
fn without_secrets(shared: &Shared, request: &Request<Bytes>, response: &Response<Bytes>) -> Reply {
    let (_, answer) = protocol::capture(request, Ok(response), &shared.credentials.secrets());
    request_sender::read(&answer.expect("a response was captured"))
}

/// Verifies the caller's account before anything else is sent.
async fn account(
    shared: &Arc<Shared>,
    endpoint: &crate::endpoint::Endpoint,
    wished: &str,
) -> Result<(), PreflightError> {
    let options = &shared.options;
    let mut call = Call::new("GetCallerIdentity", Vec::<(String, String)>::new());
    call.form.version = Some("2011-06-15".to_owned());
    let identity = options.identity.as_ref().unwrap_or(endpoint);
    let request = protocol::encode(&call, &identity.target(&options.region)).map_err(SignError::from)?;
    let now_ms = identity.now_ms();
    let keys = shared.credentials.current(now_ms).await?;
    let request = sign::sign(request, call.form.auth, &keys, &options.region, "sts", now_ms)?;
    let response = identity
        .send(&request)
        .await
        .map_err(|source| PreflightError::Unreachable {
            endpoint: identity.name(),
            source,
        })?;
    let reply = without_secrets(shared, &request, &response);
    let seen = match &reply.body {
        Body::Document(document) => document.root().path_text(&["GetCallerIdentityResult", "Account"]),
        Body::Empty | Body::Unreadable { .. } => None,
    };
    if seen == Some(wished) {
        return Ok(());
    }
    let seen = seen.map_or_else(
        || format!("one that was not told ({})", answer_in_words(&reply)),
        str::to_owned,
    );
    Err(PreflightError::Account {
        wished: wished.to_owned(),
        seen,
    })
}
