//! The supported API versions, and the XML namespace of their answers.

use super::config::Config;
use super::errors::{ApiError, ApiResult};
use super::form::FormParameters;
use super::variation::Variation;

/// The only version of the token service.
pub(super) const STS_VERSION: &str = "2011-06-15";

/// The namespace of the token service.
pub(super) const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Published versions of the EC2 API, the current one first. A request with an old version gets a current answer in the
/// old namespace.
const EC2_VERSIONS: &[&str] = &[
    "2016-11-15",
    "2016-09-15",
    "2016-04-01",
    "2015-10-01",
    "2015-04-15",
    "2015-03-01",
    "2014-10-01",
    "2014-09-01",
    "2014-06-15",
    "2014-05-01",
    "2014-02-01",
    "2013-10-15",
    "2013-10-01",
    "2013-08-15",
    "2013-07-15",
    "2013-06-15",
    "2013-02-01",
    "2012-12-01",
    "2012-08-15",
    "2012-06-01",
    "2011-12-15",
    "2010-08-31",
];

/// The service a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignedService {
    Ec2,
    Sts,
}

impl SignedService {
    /// The version alone selects the service, since both may share one address.
    pub(super) fn of(form: &FormParameters<'_>) -> Self {
        if form.get("Version") == Some(STS_VERSION) {
            Self::Sts
        } else {
            Self::Ec2
        }
    }
}

/// The namespace of the answer, if the version is supported.
pub(super) fn namespace(form: &FormParameters<'_>, config: &Config) -> ApiResult<String> {
    let version = form.given("Version").ok_or_else(|| {
        if config.varies(Variation::MissingVersion500) {
            ApiError::new(500, "InternalError", "An internal error has occurred")
        } else {
            ApiError::missing("Version")
        }
    })?;
    if version == STS_VERSION {
        return Ok(STS_NAMESPACE.to_owned());
    }
    if !EC2_VERSIONS.contains(&version) {
        let status = if config.varies(Variation::UnknownVersion404) {
            404
        } else {
            400
        };
        return Err(ApiError::new(
            status,
            "NoSuchVersion",
            format!("The requested version ({version}) of service AmazonEC2 does not exist"),
        ));
    }
    Ok(format!("http://ec2.amazonaws.com/doc/{version}/"))
}
