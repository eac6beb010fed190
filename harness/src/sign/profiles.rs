//! Credentials as the AWS SDKs find them: in profiles (keys, roles, SSO, programs), in a container, at an instance.
//!
//! Input: the files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name, and a client for HTTP. Output:
//! credentials that can be loaded again before they expire. The work is done by `aws-config`, which this module alone
//! uses.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use http::{Request, Response, Uri};

use super::{CredentialSource, Credentials, Fetch, FetchError, LoadError, LoadFuture, TimedCredentials};

/// The longest that credentials may take, in seconds: a program may wait for a person who signs in.
const PATIENCE_S: u64 = 60;

/// How long an exchange may take if the SDK sets no limit.
const USUAL_LIMIT: Duration = Duration::from_secs(10);

/// The profiles in the configuration files of the AWS SDKs.
#[derive(Debug)]
pub struct Profiles(ProfileSet);

impl Profiles {
    /// Reads the files. Those that do not exist have no profiles.
    pub async fn read() -> Result<Profiles, LoadError> {
        let (files, environment) = (Default::default(), Default::default());
        let read = aws_config::profile::load(&files, &environment, &Default::default(), None).await;
        read.map(Profiles).map_err(|error| LoadError::Files {
            // The outer error says only that there is an inner one.
            why: in_one_line(
                &error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string),
            ),
        })
    }

    /// The Region of a profile.
    pub fn region(&self, profile: &str) -> Option<&str> {
        self.0.get_profile(profile)?.get("region")
    }

    /// The credentials of a profile. Roles are assumed in this Region.
    pub fn source(
        &self,
        profile: &str,
        region: &str,
        fetch: Arc<dyn Fetch>,
    ) -> Result<Arc<dyn CredentialSource>, LoadError> {
        if self.0.get_profile(profile).is_none() {
            let mut known: Vec<String> = self.0.profiles().map(str::to_owned).collect();
            known.sort_unstable();
            return Err(LoadError::NoSuchProfile {
                profile: profile.to_owned(),
                known,
            });
        }
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&configuration(region, fetch))
            .profile_name(profile)
            .build();
        Ok(Arc::new(SdkSource {
            provider: SharedCredentialsProvider::new(provider),
            origin: match self.origin(profile) {
                Origin::Sso => SourceKind::Sso(profile.to_owned()),
                Origin::Process => SourceKind::Process(profile.to_owned()),
                Origin::Other => SourceKind::Profile(profile.to_owned()),
            },
        }))
    }

    /// Where the first credentials of a profile come from, behind the roles.
    fn origin(&self, profile: &str) -> Origin {
        let mut visited = vec![profile];
        while let Some(found) = visited.last().and_then(|name| self.0.get_profile(name)) {
            match found.get("source_profile") {
                Some(next) if found.get("role_arn").is_some() && !visited.contains(&next) => {
                    visited.push(next);
                }
                _ if ["sso_session", "sso_start_url"]
                    .iter()
                    .any(|key| found.get(key).is_some()) =>
                {
                    return Origin::Sso;
                }
                _ if found.get("credential_process").is_some() => return Origin::Process,
                _ => break,
            }
        }
        Origin::Other
    }
}

/// The default chain of the SDKs: variables, the default profile, a web identity, a container, an instance.
pub async fn default_chain(
    region: &str,
    fetch: Arc<dyn Fetch>,
) -> Result<Arc<dyn CredentialSource>, LoadError> {
    let chain = DefaultCredentialsChain::builder()
        .configure(configuration(region, fetch))
        .region(Region::new(region.to_owned()))
        .build()
        .await;
    Ok(Arc::new(SdkSource {
        provider: SharedCredentialsProvider::new(chain),
        origin: SourceKind::Chain,
    }))
}

enum Origin {
    Sso,
    Process,
    Other,
}

/// A provider of the SDK.
#[derive(Debug)]
struct SdkSource {
    provider: SharedCredentialsProvider,
    origin: SourceKind,
}

/// What a provider loads credentials from.
#[derive(Debug)]
enum SourceKind {
    /// A profile that signs in with SSO.
    Sso(String),
    /// A profile that names a program.
    Process(String),
    /// Any other profile.
    Profile(String),
    /// The default chain.
    Chain,
}

impl CredentialSource for SdkSource {
    fn name(&self) -> String {
        match &self.origin {
            SourceKind::Sso(profile) | SourceKind::Process(profile) | SourceKind::Profile(profile) => {
                format!("the profile {profile:?}")
            }
            SourceKind::Chain => "this machine".to_owned(),
        }
    }

    fn load(&self) -> LoadFuture<'_> {
        Box::pin(async {
            let loading = self.provider.provide_credentials();
            let loaded = tokio::time::timeout(Duration::from_secs(PATIENCE_S), loading).await;
            let loaded = loaded.map_err(|_| LoadError::TimedOut {
                source_name: self.name(),
                seconds: PATIENCE_S,
            })?;
            let loaded = loaded.map_err(|error| self.explain(&error))?;
            Ok(TimedCredentials {
                credentials: Credentials {
                    access_key: loaded.access_key_id().to_owned(),
                    secret: loaded.secret_access_key().to_owned(),
                    session_token: loaded.session_token().map(str::to_owned),
                },
                expires_ms: loaded.expiry().map(ms_of),
            })
        })
    }
}

impl SdkSource {
    fn explain(&self, error: &CredentialsError) -> LoadError {
        match (&self.origin, error) {
            (SourceKind::Sso(profile), _) => LoadError::SignIn {
                profile: profile.clone(),
                why: reasons(error),
            },
            (SourceKind::Process(profile), _) => LoadError::Process {
                profile: profile.clone(),
                printed: reasons(error),
            },
            (SourceKind::Chain, _) | (SourceKind::Profile(_), CredentialsError::CredentialsNotLoaded(_)) => {
                LoadError::NoCredentials {
                    source_name: self.name(),
                }
            }
            (SourceKind::Profile(_), _) => LoadError::Refused {
                source_name: self.name(),
                why: reasons(error),
            },
        }
    }
}

fn configuration(region: &str, fetch: Arc<dyn Fetch>) -> ProviderConfig {
    let client = http_client_fn(move |settings, _| {
        let limits = [settings.connect_timeout(), settings.read_timeout()];
        SharedHttpConnector::new(Connector {
            fetch: Arc::clone(&fetch),
            limit: match limits {
                [None, None] => USUAL_LIMIT,
                [Some(connect), None] => connect + USUAL_LIMIT,
                [connect, Some(read)] => connect.unwrap_or_default() + read,
            },
        })
    });
    ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_region(Some(Region::new(region.to_owned())))
        .with_http_client(client)
}

/// Sends the requests of the SDK with our client.
#[derive(Debug)]
struct Connector {
    fetch: Arc<dyn Fetch>,
    limit: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (fetch, limit) = (Arc::clone(&self.fetch), self.limit);
        HttpConnectorFuture::new(async move {
            let (origin, request) = ours(&request).map_err(ConnectorError::user)?;
            let answer = fetch.fetch(origin, request, limit).await;
            theirs(answer.map_err(ConnectorError::io)?).map_err(ConnectorError::user)
        })
    }
}

/// A request of the SDK, split into the scheme and authority, and the request to send there.
fn ours(request: &HttpRequest) -> Result<(String, Request<Bytes>), FetchError> {
    let uri: Uri = request.uri().parse()?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("the URL has no host".into());
    };
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut sent = Request::builder().method(request.method()).uri(target);
    for (name, value) in request.headers().iter() {
        sent = sent.header(name, value);
    }
    if request.headers().get("host").is_none() {
        sent = sent.header("host", authority.as_str());
    }
    let body = request.body().bytes().ok_or("the body is a stream")?;
    let sent = sent.body(Bytes::copy_from_slice(body))?;
    Ok((format!("{scheme}://{authority}"), sent))
}

/// An answer for the SDK. A header that is not text has nothing that it reads.
fn theirs(answer: Response<Bytes>) -> Result<HttpResponse, FetchError> {
    let status = answer.status().as_u16().try_into()?;
    let (head, body) = answer.into_parts();
    let mut response = HttpResponse::new(status, body.to_vec().into());
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str() {
            response
                .headers_mut()
                .try_append(name.as_str().to_owned(), value.to_owned())?;
        }
    }
    Ok(response)
}

fn ms_of(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An error with its causes, from the general to the special.
fn reasons(error: &dyn Error) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = in_one_line(&cause.to_string());
        if reasons.last() != Some(&text) {
            reasons.push(text);
        }
        next = cause.source();
    }
    match reasons.is_empty() {
        true => error.to_string(),
        false => reasons.join(": "),
    }
}

/// The longest text of another program that is shown, in characters.
const SHOWN: usize = 500;

/// The text without line breaks and other control characters.
fn in_one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|character: char| character.is_control() || character.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(SHOWN).collect()
}
