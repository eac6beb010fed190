//! The credentials of a run: from options, from environment variables, or from a profile.
//!
//! Input: the options of the endpoint. Output: the keys to begin with, how they are replaced before they expire, and the
//! Region of the profile. What is given wins over what is found: options, then variables, then `AWS_PROFILE`. The rest of
//! the SDKs' chain (the default profile, containers, instances) is searched for real AWS only: nobody means a mock to get
//! the credentials of a machine, or to wait for them.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;

use super::args::CredentialArgs;
use super::error::CliError;
use crate::call::Caller;
use crate::endpoint::{Endpoint, HttpOptions};
use crate::report::list::close;
use crate::report::repeat::quote;
use crate::sign::profiles::{self, Profiles};
use crate::sign::{
    CredentialSource, Credentials, Fetch, FetchFuture, Keyring, LoadError, Renewal, TimedCredentials,
};

/// The most bytes of an answer with credentials.
const LARGEST_ANSWER: usize = 1 << 20;

/// The variable of the SDKs that names a profile.
const AWS_PROFILE: &str = "AWS_PROFILE";

/// Where the credentials of a run come from.
#[derive(Debug)]
pub(super) struct KeyChoice<'a> {
    args: &'a CredentialArgs,
    main: MainKeys,
    /// The files with profiles, if a profile is named.
    profiles: Option<Profiles>,
}

/// Where the credentials of ordinary requests come from.
#[derive(Debug)]
enum MainKeys {
    Given(Credentials),
    Profile(String),
    /// The default chain of the SDKs.
    Chain,
}

/// The keys of a run.
#[derive(Debug)]
pub(super) struct RunKeys {
    pub(super) keyring: Keyring,
    pub(super) renewals: Vec<Renewal>,
}

impl KeyChoice<'_> {
    /// Chooses the credentials for a server. `is_aws` says whether it looks like real AWS.
    pub(super) async fn of(args: &CredentialArgs, is_aws: bool) -> Result<KeyChoice<'_>, CliError> {
        let main = MainKeys::choose(args, is_aws)?;
        let named = [&args.denied_profile, &args.session_profile, &args.expired_profile];
        let needs_files = matches!(main, MainKeys::Profile(_)) || named.iter().any(|name| name.is_some());
        let profiles = match needs_files {
            true => Some(Profiles::read().await.map_err(|error| failed(args, &error))?),
            false => None,
        };
        Ok(KeyChoice { args, main, profiles })
    }

    /// The Region that the profile names.
    pub(super) fn region(&self) -> Option<String> {
        match (&self.main, &self.profiles) {
            (MainKeys::Profile(name), Some(profiles)) => profiles.region(name).map(str::to_owned),
            _ => None,
        }
    }

    /// Loads the credentials. Roles are assumed in this Region.
    pub(super) async fn load(self, region: &str) -> Result<RunKeys, CliError> {
        let args = self.args;
        let mut renewals = Vec::new();
        let main = match &self.main {
            MainKeys::Given(credentials) => credentials.clone(),
            MainKeys::Profile(name) => self.profile(Caller::Main, name, region, &mut renewals).await?,
            MainKeys::Chain => {
                let source = profiles::default_chain(region, Arc::new(OwnClient)).await;
                let loaded = match source {
                    Ok(source) => load(Caller::Main, source, &mut renewals).await,
                    Err(error) => Err(error),
                };
                loaded.map_err(|error| match error {
                    LoadError::NotBuiltIn | LoadError::NoCredentials { .. } => no_credentials(args),
                    error => failed(args, &error),
                })?
            }
        };
        let session = match (&main.session_token, &args.session_profile) {
            (Some(_), None) => Some(main.clone()),
            (_, Some(name)) => Some(self.profile(Caller::Session, name, region, &mut renewals).await?),
            (None, None) => named("STOPCHECK_SESSION"),
        };
        let denied = match &args.denied_profile {
            Some(name) => Some(self.profile(Caller::Denied, name, region, &mut renewals).await?),
            None => named("STOPCHECK_DENIED"),
        };
        let expired = match &args.expired_profile {
            Some(name) => Some(self.expired_profile(name, region).await?),
            None => named("STOPCHECK_EXPIRED").filter(|keys| keys.session_token.is_some()),
        };
        let keyring = Keyring {
            main,
            denied,
            session,
            expired,
        };
        Ok(RunKeys { keyring, renewals })
    }

    fn source(&self, profile: &str, region: &str) -> Result<Arc<dyn CredentialSource>, LoadError> {
        let profiles = self.profiles.as_ref().ok_or(LoadError::NotBuiltIn)?;
        profiles.source(profile, region, Arc::new(OwnClient))
    }

    async fn profile(
        &self,
        caller: Caller,
        name: &str,
        region: &str,
        renewals: &mut Vec<Renewal>,
    ) -> Result<Credentials, CliError> {
        let source = self.source(name, region);
        let loaded = match source {
            Ok(source) => load(caller, source, renewals).await,
            Err(error) => Err(error),
        };
        loaded.map_err(|error| failed(self.args, &error))
    }

    /// The credentials of a profile, which must have expired.
    async fn expired_profile(&self, name: &str, region: &str) -> Result<Credentials, CliError> {
        let explained = |error: LoadError| failed(self.args, &error);
        let source = self.source(name, region).map_err(explained)?;
        let TimedCredentials {
            credentials,
            expires_ms,
        } = source.load().await.map_err(explained)?;
        let why = match (&credentials.session_token, expires_ms) {
            (None, _) => "has no session token, and so cannot expire",
            (Some(_), Some(at)) if at > now_ms() => "has credentials that are still valid",
            (Some(_), _) => return Ok(credentials),
        };
        Err(CliError::Usage(format!(
            "the profile {name:?} {why}\n  hint: --expired-profile needs keys and a session token that have expired"
        )))
    }
}

impl MainKeys {
    fn choose(args: &CredentialArgs, is_aws: bool) -> Result<MainKeys, CliError> {
        let token = variable(&args.session_token_env.0);
        if let (Some(access_key), Some(secret)) = (&args.access_key_id, &args.secret_access_key) {
            return Ok(MainKeys::Given(Credentials {
                access_key: access_key.clone(),
                secret: secret.clone(),
                session_token: token,
            }));
        }
        if let Some(profile) = &args.profile {
            return Ok(MainKeys::Profile(profile.clone()));
        }
        let names = (&args.access_key_id_env.0, &args.secret_access_key_env.0);
        if let Some(given) = credentials(names.0, names.1, token) {
            return Ok(MainKeys::Given(given));
        }
        // Who names variables means no other credentials.
        let names_others = names.0 != "AWS_ACCESS_KEY_ID" || names.1 != "AWS_SECRET_ACCESS_KEY";
        match variable(AWS_PROFILE) {
            _ if names_others => Err(no_credentials(args)),
            Some(profile) => Ok(MainKeys::Profile(profile)),
            None if is_aws => Ok(MainKeys::Chain),
            None => Err(no_credentials(args)),
        }
    }
}

/// Loads the credentials of a caller, and remembers how to replace them if they expire.
async fn load(
    caller: Caller,
    source: Arc<dyn CredentialSource>,
    renewals: &mut Vec<Renewal>,
) -> Result<Credentials, LoadError> {
    let TimedCredentials {
        credentials,
        expires_ms,
    } = source.load().await?;
    if let Some(expires_ms) = expires_ms {
        if expires_ms <= now_ms() {
            return Err(LoadError::Expired {
                source_name: source.name(),
            });
        }
        renewals.push(Renewal {
            caller,
            source,
            expires_ms,
        });
    }
    Ok(credentials)
}

/// Whether credentials of a caller are named. Nothing is loaded, so a profile may turn out to have none.
pub(super) fn are_named(args: &CredentialArgs, caller: Caller) -> bool {
    match caller {
        Caller::Main => true,
        Caller::Denied => args.denied_profile.is_some() || named("STOPCHECK_DENIED").is_some(),
        Caller::Session => {
            let token = variable(&args.session_token_env.0);
            args.session_profile.is_some() || token.is_some() || named("STOPCHECK_SESSION").is_some()
        }
        Caller::ExpiredSession => {
            let keys = named("STOPCHECK_EXPIRED");
            args.expired_profile.is_some() || keys.is_some_and(|keys| keys.session_token.is_some())
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

fn no_credentials(args: &CredentialArgs) -> CliError {
    let (id, secret) = (&args.access_key_id_env.0, &args.secret_access_key_env.0);
    CliError::Usage(format!(
        "no credentials: set {id} and {secret}, or name a profile with --profile\n  \
         hint: a mock takes any, for instance {id}=test {secret}=test"
    ))
}

/// The error for credentials that could not be loaded, with what to do about it.
fn failed(args: &CredentialArgs, error: &LoadError) -> CliError {
    let advice = match error {
        LoadError::Files { .. } => {
            "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files".to_owned()
        }
        LoadError::NoSuchProfile { profile, known } => {
            let near = close(known.iter().map(String::as_str), profile);
            match (near.is_empty(), known.is_empty()) {
                (false, _) => format!("perhaps one of: {}", near.join(", ")),
                (true, false) => format!("there are: {}", known.join(", ")),
                (true, true) => {
                    "there are none: AWS_CONFIG_FILE names another file than ~/.aws/config".to_owned()
                }
            }
        }
        LoadError::SignIn { profile, .. } => {
            format!("sign in with: aws sso login --profile {}", quote(profile))
        }
        LoadError::Process { printed, .. } => printed.clone(),
        LoadError::NoCredentials { .. }
        | LoadError::Refused { .. }
        | LoadError::TimedOut { .. }
        | LoadError::Expired { .. } => {
            "aws sts get-caller-identity shows whether the AWS command can use them".to_owned()
        }
        LoadError::NotBuiltIn => format!(
            "or set {} and {}",
            args.access_key_id_env.0, args.secret_access_key_env.0
        ),
    };
    CliError::Usage(format!("could not {error}\n  hint: {advice}"))
}

/// Sends the requests of the SDK as all others are sent.
#[derive(Debug)]
struct OwnClient;

impl Fetch for OwnClient {
    fn fetch(&self, origin: String, request: Request<Bytes>, limit: Duration) -> FetchFuture {
        Box::pin(async move {
            let endpoint = Endpoint::http(HttpOptions {
                url: origin,
                request_timeout: limit,
                max_body: LARGEST_ANSWER,
                connections: 1,
            })?;
            Ok(endpoint.send(&request).await?)
        })
    }
}

/// The credentials in the variables that begin so.
fn named(prefix: &str) -> Option<Credentials> {
    credentials(
        &format!("{prefix}_ACCESS_KEY_ID"),
        &format!("{prefix}_SECRET_ACCESS_KEY"),
        variable(&format!("{prefix}_SESSION_TOKEN")),
    )
}

/// The credentials in these variables.
fn credentials(access_key: &str, secret: &str, session_token: Option<String>) -> Option<Credentials> {
    Some(Credentials {
        access_key: variable(access_key)?,
        secret: variable(secret)?,
        session_token,
    })
}

/// A variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    variable_os(name)?.into_string().ok()
}

/// A variable that is set and not empty, as bytes.
pub(super) fn variable_os(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
