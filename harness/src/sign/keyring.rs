//! The credentials of a run: who signs, and how credentials that expire are replaced.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::call::{Auth, Caller};

/// The credentials of a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(REDACTED)")
    }
}

/// All credentials of a run.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// The credentials of ordinary requests.
    pub main: Credentials,
    /// A caller who may describe but not stop instances.
    pub denied: Option<Credentials>,
    /// Temporary credentials of a session.
    pub session: Option<Credentials>,
    /// Temporary credentials that have expired.
    pub expired: Option<Credentials>,
}

impl Keyring {
    /// Whether requests can be authenticated in this way with these credentials.
    pub fn has(&self, auth: Auth) -> bool {
        self.has_caller(auth.caller())
    }

    /// Whether there are credentials of this caller.
    pub fn has_caller(&self, caller: Caller) -> bool {
        match caller {
            Caller::Main => true,
            Caller::Session => self.session.is_some(),
            Caller::ExpiredSession => self.expired.is_some(),
            Caller::Denied => self.denied.is_some(),
        }
    }

    /// Returns the credentials of a caller with a valid signature in the header; `None` for any other way of signing.
    ///
    /// A service learns nothing from the signature except that it is valid.
    pub fn honest(&self, auth: Auth) -> Option<&Credentials> {
        let is_honest = matches!(auth, Auth::Header | Auth::Session | Auth::Denied);
        match auth.caller() {
            _ if !is_honest => None,
            Caller::Main => Some(&self.main),
            Caller::Session => self.session.as_ref(),
            Caller::Denied => self.denied.as_ref(),
            Caller::ExpiredSession => None,
        }
    }

    /// All texts that must never be written to any output.
    pub fn secrets(&self) -> Vec<String> {
        let all = [
            Some(&self.main),
            self.denied.as_ref(),
            self.session.as_ref(),
            self.expired.as_ref(),
        ];
        all.into_iter()
            .flatten()
            .flat_map(|one| {
                [
                    Some(&one.access_key),
                    Some(&one.secret),
                    one.session_token.as_ref(),
                ]
            })
            .flatten()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect()
    }

    /// Replaces the credentials of a caller. A session that had the main credentials gets the new ones too.
    pub fn replace(&mut self, caller: Caller, with: Credentials) {
        match caller {
            Caller::Main => {
                if self.session.as_ref() == Some(&self.main) {
                    self.session = Some(with.clone());
                }
                self.main = with;
            }
            Caller::Session => self.session = Some(with),
            Caller::ExpiredSession => self.expired = Some(with),
            Caller::Denied => self.denied = Some(with),
        }
    }
}

/// Credentials with the time when they expire.
#[derive(Debug, Clone)]
pub struct TimedCredentials {
    /// The credentials.
    pub credentials: Credentials,
    /// When they expire, in milliseconds since 1970-01-01 UTC; `None` if they do not.
    pub expires_ms: Option<u64>,
}

/// Where credentials come from that can be loaded again.
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// What they are loaded from, for messages: `profile "dev"`.
    fn name(&self) -> String;

    /// Loads credentials.
    fn load(&self) -> LoadFuture<'_>;
}

/// The credentials of a [`CredentialSource`], when they are there.
pub type LoadFuture<'s> = Pin<Box<dyn Future<Output = Result<TimedCredentials, LoadError>> + Send + 's>>;

/// Sends the requests that credentials are loaded with.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// Sends a request to a scheme and authority.
    fn fetch(&self, origin: String, request: Request<Bytes>, limit: Duration) -> FetchFuture;
}

/// An answer, when it is there.
pub type FetchFuture = Pin<Box<dyn Future<Output = Result<Response<Bytes>, FetchError>> + Send>>;

/// Why there is no answer.
pub type FetchError = Box<dyn Error + Send + Sync>;

/// Why credentials could not be loaded. Every message continues "could not …", and has no secrets and nothing that another
/// program printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The command was built without profiles.
    #[error(
        "use profiles: this stopcheck was built without them; the wheel and the archives have them, and so has a build with `--features profiles`"
    )]
    NotBuiltIn,
    /// The files with the profiles are not as they must be.
    #[error("read the profiles: {why}")]
    Files {
        /// The file, the line and the reason.
        why: String,
    },
    /// No file has this profile.
    #[error("find the profile {profile:?}")]
    NoSuchProfile {
        /// Its name.
        profile: String,
        /// The names of those that there are.
        known: Vec<String>,
    },
    /// The profile has settings but no credentials.
    #[error("find credentials in {source_name}")]
    NoCredentials {
        /// What they would be loaded from.
        source_name: String,
    },
    /// The session of a profile that signs in with SSO has ended, or was never begun.
    #[error("use the SSO session of the profile {profile:?}: {why}")]
    SignIn {
        /// Its name.
        profile: String,
        /// The reason.
        why: String,
    },
    /// The program failed that a profile names.
    #[error("load the credentials of the profile {profile:?}: its credential_process failed")]
    Process {
        /// Its name.
        profile: String,
        /// How it ended, and what it wrote to standard error: for the terminal alone, since that may contain secrets.
        printed: String,
    },
    /// The service that gives out the credentials refused them, or did not answer.
    #[error("load the credentials of {source_name}: {why}")]
    Refused {
        /// What they are loaded from.
        source_name: String,
        /// The reason.
        why: String,
    },
    /// They did not come in time.
    #[error("load the credentials of {source_name}: nothing came in {seconds} s")]
    TimedOut {
        /// What they are loaded from.
        source_name: String,
        /// The time limit.
        seconds: u64,
    },
    /// They have expired already.
    #[error("use the credentials of {source_name}: they have expired already")]
    Expired {
        /// What they are loaded from.
        source_name: String,
    },
}

/// How the credentials of a caller are replaced before they expire.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// Whose credentials.
    pub caller: Caller,
    /// Where they come from.
    pub source: Arc<dyn CredentialSource>,
    /// When those that the run begins with expire, in milliseconds since 1970-01-01 UTC.
    pub expires_ms: u64,
}
