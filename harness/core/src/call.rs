//! A call of the Query API before it becomes bytes.
//!
//! The parameters are literal names and values, with references already resolved to real instance ids. The oracle can
//! therefore read a call from any source: a scenario, a random script, a recording. The [`Form`] says how it is sent.

use serde::{Deserialize, Serialize};

/// One request of the EC2 Query API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Call {
    /// The value of `Action`; `None` leaves the parameter out.
    pub action: Option<String>,
    /// All other parameters except `Version`, in order, literal and not encoded.
    pub params: Vec<(String, String)>,
    /// How the call is sent.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
}

/// The API version of today's service, which plain calls use.
pub const API_VERSION: &str = "2016-11-15";

/// How a call is sent. The default is what SDKs send: a signed POST with a form body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Form {
    /// GET with a query string or POST with a body.
    pub method: Method,
    /// The value of `Version`; `None` leaves the parameter out.
    pub version: Option<String>,
    /// The value of the `Content-Type` header of a POST; `None` leaves the header out.
    pub content_type: Option<String>,
    /// The order of all parameters.
    pub order: Order,
    /// How names and values are percent-encoded.
    pub encoding: Encoding,
    /// How the call is authenticated.
    pub auth: Auth,
}

/// The HTTP method of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Method {
    /// Parameters in the body.
    #[default]
    #[serde(rename = "POST")]
    Post,
    /// Parameters in the query string.
    #[serde(rename = "GET")]
    Get,
}

/// The order in which parameters are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Action, Version, then the parameters as given.
    #[default]
    ActionFirst,
    /// The parameters as given, then Version, then Action.
    ActionLast,
    /// All names in alphabetical order.
    Sorted,
    /// The exact reverse of `ActionFirst`.
    Reversed,
}

/// How names and values are percent-encoded. All encodings represent the same text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Escape everything but unreserved characters, with space as `%20`.
    #[default]
    Standard,
    /// Like `Standard`, with space as `+`.
    PlusForSpace,
    /// Escape every byte of every value, even unreserved characters.
    EveryByte,
    /// Like `EveryByte`, with lower-case digits in the escapes.
    LowerCase,
    /// Escape every byte of every name as well.
    NamesToo,
    /// Like `Standard`, with an empty pair before, between and after the parameters.
    EmptyPairs,
}

/// How a call is authenticated: correctly, wrongly in one way, or not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// SigV4 in the `Authorization` header, with the run's credentials.
    #[default]
    Header,
    /// SigV4 in the query string, with the run's credentials.
    Query,
    /// No signature.
    Unsigned,
    /// Signed, then one digit of the signature changed.
    WrongSignature,
    /// Signed with an access key that was never issued.
    UnknownKey,
    /// Signed correctly with a time stamp one hour old.
    Stale,
    /// An `Authorization` header that is not a signature.
    Garbage,
    /// Signed with the temporary credentials of a session, token included.
    Session,
    /// Signed with temporary credentials that have expired.
    ExpiredSession,
    /// Signed by a caller who may describe but not stop instances.
    Denied,
    /// Signed correctly with a time stamp five minutes old.
    Recent,
    /// Signed correctly with a time stamp five minutes ahead.
    Early,
    /// Signed correctly with a time stamp one hour ahead.
    Future,
    /// Signed in the query string an hour ago, and valid for one minute.
    PresignedExpired,
    /// Signed in the query string, and valid for no time at all.
    PresignedForNoTime,
    /// Signed in the query string, and valid for more than a week.
    PresignedTooLong,
    /// The signature covers one parameter more than is sent.
    AlteredParameters,
    /// The signature covers another path than the one that is sent.
    AlteredPath,
    /// The signature covers another method than the one that is sent.
    AlteredMethod,
    /// The signature covers another body, whose hash the request claims to have.
    OtherPayloadHash,
    /// Signed, then the first digit of the year in the credential scope changed.
    AlteredScope,
    /// Signed with yesterday in the credential scope, and a time stamp of today.
    OtherDate,
    /// Signed with the credential scope of another Region.
    OtherRegion,
    /// Signed with the credential scope of another service.
    OtherService,
    /// Signed with a credential scope that does not end in `aws4_request`.
    OtherTerminator,
    /// The signature does not cover the `Host` header.
    UnsignedHost,
    /// The signature does not name `X-Amz-Date` among the headers that it covers.
    UnsignedDate,
    /// The first half of a signature.
    ShortSignature,
    /// A signature with two more digits.
    LongSignature,
    /// A signature in upper-case digits.
    UpperCaseSignature,
    /// Signed with the temporary credentials of a session, without its token.
    MissingToken,
    /// Signed with the temporary credentials of a session, with one character of its token changed.
    WrongToken,
    /// Two `Authorization` headers: a right signature, then one with one digit changed.
    RightThenWrong,
    /// Two `Authorization` headers: a signature with one digit changed, then the right one.
    WrongThenRight,
}

/// Whose credentials a call is signed with, rightly or wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// The run's own, or nobody's.
    Main,
    /// The temporary credentials of a session.
    Session,
    /// Temporary credentials that have expired.
    ExpiredSession,
    /// Those of a caller who may describe but not stop instances.
    Denied,
}

impl Auth {
    /// Whose credentials it needs.
    pub fn caller(self) -> Caller {
        match self {
            Auth::Session | Auth::MissingToken | Auth::WrongToken => Caller::Session,
            Auth::ExpiredSession => Caller::ExpiredSession,
            Auth::Denied => Caller::Denied,
            Auth::Header
            | Auth::Query
            | Auth::Unsigned
            | Auth::WrongSignature
            | Auth::UnknownKey
            | Auth::Stale
            | Auth::Garbage
            | Auth::Recent
            | Auth::Early
            | Auth::Future
            | Auth::PresignedExpired
            | Auth::PresignedForNoTime
            | Auth::PresignedTooLong
            | Auth::AlteredParameters
            | Auth::AlteredPath
            | Auth::AlteredMethod
            | Auth::OtherPayloadHash
            | Auth::AlteredScope
            | Auth::OtherDate
            | Auth::OtherRegion
            | Auth::OtherService
            | Auth::OtherTerminator
            | Auth::UnsignedHost
            | Auth::UnsignedDate
            | Auth::ShortSignature
            | Auth::LongSignature
            | Auth::UpperCaseSignature
            | Auth::RightThenWrong
            | Auth::WrongThenRight => Caller::Main,
        }
    }
}

impl Call {
    /// Creates a plain call of this action with these parameters.
    pub fn new<N: Into<String>, V: Into<String>>(
        action: &str,
        params: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Call {
            action: Some(action.to_owned()),
            params: params
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            form: Form::default(),
        }
    }

    /// Returns the value of the first parameter with exactly this name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Default for Form {
    fn default() -> Self {
        Form {
            method: Method::default(),
            version: Some(API_VERSION.to_owned()),
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8".to_owned()),
            order: Order::default(),
            encoding: Encoding::default(),
            auth: Auth::default(),
        }
    }
}

impl Form {
    /// Whether this is the default form, which SDKs use.
    pub fn is_plain(&self) -> bool {
        *self == Form::default()
    }
}
