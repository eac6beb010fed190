//! Credentials from options and environment variables.

use super::args::EndpointArgs;
use super::error::CliError;
use crate::sign::{Credentials, Keyring};

/// The keys for a run against a server.
pub(super) fn from_environment(args: &EndpointArgs) -> Result<Keyring, CliError> {
    let token = variable("AWS_SESSION_TOKEN");
    let main = match (&args.access_key_id, &args.secret_access_key) {
        (Some(access_key), Some(secret)) => Some(Credentials {
            access_key: access_key.clone(),
            secret: secret.clone(),
            session_token: token,
        }),
        _ => named("AWS", token),
    };
    let Some(main) = main else {
        return Err(CliError::Usage(
            "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n  \
             hint: a mock takes any, for instance AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
                .to_owned(),
        ));
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
    Some(Credentials {
        access_key: variable(&format!("{prefix}_ACCESS_KEY_ID"))?,
        secret: variable(&format!("{prefix}_SECRET_ACCESS_KEY"))?,
        session_token,
    })
}

/// A variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
