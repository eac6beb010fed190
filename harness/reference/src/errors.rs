//! Errors: status, code and message, in the wording of the real service where a recording exists.

use std::borrow::Cow;

use super::config::Config;
use super::names::Action;
use super::variation::Variation;

/// The reason why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    pub(super) body: ErrorBody,
}

/// The body format of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorBody {
    /// The XML envelope of the service.
    Xml,
    /// An HTML page of a server in front of the service.
    Html,
}

/// The result of one step of the pipeline.
pub(super) type ApiResult<T = ()> = Result<T, ApiError>;

impl ApiError {
    /// Any error; nearly all of them have status 400.
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            body: ErrorBody::Xml,
        }
    }

    pub(super) fn dry_run() -> Self {
        Self::new(
            412,
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        )
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(
            400,
            "MissingParameter",
            format!("The request must contain the parameter {parameter}"),
        )
    }

    pub(super) fn unknown_parameter(name: &str) -> Self {
        Self::new(
            400,
            "UnknownParameter",
            format!("The parameter {name} is not recognized"),
        )
    }

    pub(super) fn invalid_value(value: &str, parameter: &str, hint: &str) -> Self {
        Self::new(
            400,
            "InvalidParameterValue",
            format!("Value ({value}) for parameter {parameter} is invalid. {hint}"),
        )
    }

    pub(super) fn combination(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "InvalidParameterCombination", message)
    }

    pub(super) fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "UnsupportedOperation", message)
    }

    pub(super) fn incorrect_state(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "IncorrectInstanceState", message)
    }

    pub(super) fn not_permitted(id: &str, verb: &str, attribute: &str) -> Self {
        Self::new(
            400,
            "OperationNotPermitted",
            format!(
                "The instance '{id}' may not be {verb}. Modify its '{attribute}' instance attribute and try again."
            ),
        )
    }

    pub(super) fn malformed_instance(id: &str, config: &Config) -> Self {
        let message = if config.varies(Variation::MalformedTextPlain) {
            format!("The instance ID '{id}' is malformed")
        } else if config.varies(Variation::MalformedTextExpected) {
            format!("Value ({id}) for parameter instanceId is invalid. Expected: 'i-...'.")
        } else if id.is_empty() {
            "Invalid id: \"\" (expecting \"i-...\")".to_owned()
        } else {
            format!("Invalid id: \"{id}\"")
        };
        Self::new(400, "InvalidInstanceID.Malformed", message)
    }

    /// The error for a call without ids that needs one.
    pub(super) fn no_instances(action: Action, config: &Config) -> Self {
        if config.varies(Variation::NoIdsInstancesSet) {
            Self::missing("instancesSet")
        } else if action == Action::TerminateInstances || config.varies(Variation::NoIdsCombination) {
            // Recorded in 2024 for TerminateInstances.
            Self::combination("No instances specified")
        } else {
            Self::missing("InstanceId")
        }
    }

    pub(super) fn spot_request_state(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "IncorrectSpotRequestState", message)
    }

    /// Names every missing id; the message is singular or plural.
    pub(super) fn instances_not_found(ids: &[&str]) -> Self {
        let message = match ids {
            [id] => format!("The instance ID '{id}' does not exist"),
            ids => format!("The instance IDs '{}' do not exist", ids.join(", ")),
        };
        Self::new(400, "InvalidInstanceID.NotFound", message)
    }

    pub(super) fn auth_failure() -> Self {
        Self::new(
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        )
    }

    pub(super) fn signature_mismatch() -> Self {
        Self::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS \
             Secret Access Key and signing method. Consult the service documentation for details.",
        )
    }

    pub(super) fn scope(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(403, "SignatureDoesNotMatch", message)
    }

    pub(super) fn incomplete_signature(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "IncompleteSignature", message)
    }

    pub(super) fn expired() -> Self {
        Self::new(400, "RequestExpired", "Request has expired.")
    }
}
