//! Credentials from options and environment variables.

use std::ffi::OsString;

use super::args::EndpointArgs;
use super::error::CliError;
use crate::sign::{Credentials, Keyring};

/// The keys for a run against a server.
pub(super) fn from_environment(args: &EndpointArgs) -> Result<Keyring, CliError> {
    let names = (&args.access_key_id_env.0, &args.secret_access_key_env.0);
    let token = variable(&args.session_token_env.0);
    let main = match (&args.access_key_id, &args.secret_access_key) {
        (Some(access_key), Some(secret)) => Some(Credentials {
            access_key: access_key.clone(),
            secret: secret.clone(),
            session_token: token,
        }),
        _ => credentials(names.0, names.1, token),
    };
    let Some(main) = main else {
        return Err(CliError::Usage(format!(
            "no credentials: set {} and {}\n  hint: a mock takes any, for instance {}=test {}=test",
            names.0, names.1, names.0, names.1
        )));
    };
    let session = main.session_token.is_some().then(|| main.clone());
    Ok(Keyring {
        session: session.or_else(|| named("STOPCHECK_SESSION", variable("STOPCHECK_SESSION_SESSION_TOKEN"))),
        denied: named("STOPCHECK_DENIED", variable("STOPCHECK_DENIED_SESSION_TOKEN")),
        expired: named("STOPCHECK_EXPIRED", variable("STOPCHECK_EXPIRED_SESSION_TOKEN"))
            .filter(|keys| keys.session_token.is_some()),
        main,
    })
}

fn named(prefix: &str, session_token: Option<String>) -> Option<Credentials> {
    credentials(
        &format!("{prefix}_ACCESS_KEY_ID"),
        &format!("{prefix}_SECRET_ACCESS_KEY"),
        session_token,
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
