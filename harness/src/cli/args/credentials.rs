//! The options that name credentials.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::values::{VariableName, variable_name};

/// Who signs the requests.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct CredentialArgs {
    /// The access key id, instead of AWS_ACCESS_KEY_ID
    #[arg(long, value_name = "ID", requires = "secret_access_key")]
    pub(in crate::cli) access_key_id: Option<String>,

    /// The secret access key, instead of AWS_SECRET_ACCESS_KEY; others on this machine may see it
    #[arg(long, value_name = "KEY", requires = "access_key_id")]
    pub(in crate::cli) secret_access_key: Option<String>,

    /// The environment variable with the access key id
    #[arg(long, value_name = "NAME", default_value = "AWS_ACCESS_KEY_ID", value_parser = variable_name)]
    pub(in crate::cli) access_key_id_env: VariableName,

    /// The environment variable with the secret access key
    #[arg(long, value_name = "NAME", default_value = "AWS_SECRET_ACCESS_KEY", value_parser = variable_name)]
    pub(in crate::cli) secret_access_key_env: VariableName,

    /// The environment variable with the session token of temporary credentials
    #[arg(long, value_name = "NAME", default_value = "AWS_SESSION_TOKEN", value_parser = variable_name)]
    pub(in crate::cli) session_token_env: VariableName,

    /// The profile in ~/.aws/config or AWS_CONFIG_FILE that has the credentials and the region; SSO, roles and programs
    /// that give out credentials work too [default: AWS_PROFILE, if no variable has credentials]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["access_key_id", "access_key_id_env", "secret_access_key_env", "session_token_env"])]
    pub(in crate::cli) profile: Option<String>,

    /// The profile of a caller who may describe but not stop instances
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(in crate::cli) denied_profile: Option<String>,

    /// The profile of a caller with temporary credentials [default: the caller of all requests, if they are temporary]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(in crate::cli) session_profile: Option<String>,

    /// The profile with temporary credentials that have expired
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(in crate::cli) expired_profile: Option<String>,
}
