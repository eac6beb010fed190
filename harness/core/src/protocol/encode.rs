//! Encodes a call as an unsigned request.
//!
//! Input: a [`Call`] and a [`RequestTarget`]. Output: a [`Request`]. Signing comes next; it adds headers or query
//! parameters and changes nothing else.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use crate::call::{Auth, Call, Method, Order};
use crate::protocol::form;

/// Where a call is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTarget {
    /// The value of the `Host` header: `host` or `host:port`.
    pub host: String,
    /// The path of the endpoint: `/`, or its base path.
    pub path: String,
    /// The region that requests are signed for.
    pub region: String,
}

/// Why a call cannot be written as a request.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The request target is too long, or has bytes that a target cannot have.
    #[error("encode the call: invalid request target of {length} bytes: {source}")]
    Target {
        /// The length of the target in bytes.
        length: usize,
        /// The reason.
        source: InvalidUri,
    },
    /// A header value has bytes that a header cannot have.
    #[error("encode the call: {value:?} is not a value of the header {name}")]
    Header {
        /// The name of the header.
        name: HeaderName,
        /// The value.
        value: String,
    },
}

/// The value of the `User-Agent` header of every request.
const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("stopcheck/", env!("CARGO_PKG_VERSION")));

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Why a request could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The run has no credentials for this way of signing.
    #[error("sign as {auth:?}: no such credentials were given")]
    NoSuchCredentials {
        /// The way of signing.
        auth: Auth,
    },
    /// The signer rejected the request.
    #[error("sign the request: {why}")]
    Refused {
        /// The message of the signer.
        why: String,
    },
    /// The call cannot be encoded, so there is nothing to sign; or not with the query that signs it.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Encodes a call as an unsigned request.
pub fn encode(call: &Call, target: &RequestTarget) -> Result<Request<Bytes>, EncodeError> {
    let form = form::write(ordered(call), call.form.encoding);
    // Leave room for the headers of a signature.
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(HOST, header_value(HOST, &target.host)?);
    if let (Method::Post, Some(content_type)) = (call.form.method, &call.form.content_type) {
        headers.insert(CONTENT_TYPE, header_value(CONTENT_TYPE, content_type)?);
    }
    // Offer no compression, so that the bytes received are the bytes that the endpoint produced.
    headers.insert(ACCEPT_ENCODING, IDENTITY);
    headers.insert(USER_AGENT, OUR_NAME);
    let (method, uri, body) = match call.form.method {
        Method::Post => (http::Method::POST, uri(&target.path)?, Bytes::from(form)),
        Method::Get if form.is_empty() => (http::Method::GET, uri(&target.path)?, Bytes::new()),
        Method::Get => {
            let target = format!("{}?{form}", target.path);
            (http::Method::GET, uri(&target)?, Bytes::new())
        }
    };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Returns the usual spelling of a header name, for instance `Content-Type`. A [`HeaderName`] is in lower case.
pub fn title_case(name: &HeaderName) -> String {
    let mut starts_word = true;
    let spelled = name.as_str().chars().map(|character| {
        let capital = std::mem::replace(&mut starts_word, character == '-');
        if capital {
            character.to_ascii_uppercase()
        } else {
            character
        }
    });
    spelled.collect()
}

/// The request target of a path and a query.
pub fn uri(target: &str) -> Result<Uri, EncodeError> {
    if target == "/" {
        return Ok(Uri::default());
    }
    match PathAndQuery::try_from(target) {
        Ok(path_and_query) => Ok(path_and_query.into()),
        Err(source) => Err(EncodeError::Target {
            length: target.len(),
            source,
        }),
    }
}

fn header_value(name: HeaderName, value: &str) -> Result<HeaderValue, EncodeError> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| EncodeError::Header {
        name,
        value: value.to_owned(),
    })
}

/// All parameters of a call, in the order in which they are written.
fn ordered(call: &Call) -> Vec<(&str, &str)> {
    let action = call.action.as_deref().map(|action| ("Action", action));
    let version = call.form.version.as_deref().map(|version| ("Version", version));
    let given = call
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    match call.form.order {
        Order::ActionFirst => action.into_iter().chain(version).chain(given).collect(),
        Order::ActionLast => given.chain(version).chain(action).collect(),
        Order::Sorted => {
            let mut pairs: Vec<_> = action.into_iter().chain(version).chain(given).collect();
            // The sort is stable and by name only: parameters of the same name keep their order, which may matter.
            pairs.sort_by_key(|(name, _)| *name);
            pairs
        }
        Order::Reversed => {
            let mut pairs: Vec<_> = action.into_iter().chain(version).chain(given).collect();
            pairs.reverse();
            pairs
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Form;

    fn target() -> RequestTarget {
        RequestTarget {
            host: "127.0.0.1:5000".into(),
            path: "/".into(),
            region: "us-east-1".into(),
        }
    }

    fn encoded(call: &Call, target: &RequestTarget) -> Request<Bytes> {
        encode(call, target).expect("a short call")
    }

    fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
        request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    fn call(form: Form) -> Call {
        Call {
            form,
            ..Call::new("StopInstances", [("InstanceId.1", "i-0a"), ("DryRun", "true")])
        }
    }

    #[test]
    fn a_plain_call_is_a_post_as_sdks_send_it() {
        let request = encoded(&call(Form::default()), &target());
        assert_eq!(request.method(), http::Method::POST);
        assert_eq!(request.uri(), "/");
        assert_eq!(
            String::from_utf8_lossy(request.body()),
            "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a&DryRun=true"
        );
        assert_eq!(header(&request, "host"), Some("127.0.0.1:5000"));
        assert_eq!(header(&request, "accept-encoding"), Some("identity"));
        assert_eq!(
            header(&request, "content-type"),
            Some("application/x-www-form-urlencoded; charset=utf-8")
        );
    }

    #[test]
    fn a_get_carries_its_parameters_in_the_query_and_no_content_type() {
        let mut base = target();
        base.path = "/ec2/".into();
        let request = encoded(
            &call(Form {
                method: Method::Get,
                ..Form::default()
            }),
            &base,
        );
        assert_eq!(
            request.uri(),
            "/ec2/?Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a&DryRun=true"
        );
        assert!(request.body().is_empty());
        assert_eq!(header(&request, "content-type"), None);
    }

    #[test]
    fn each_order_writes_the_same_parameters_in_its_own_way() {
        let body = |order| {
            let request = encoded(
                &call(Form {
                    order,
                    ..Form::default()
                }),
                &target(),
            );
            String::from_utf8_lossy(request.body()).into_owned()
        };
        assert_eq!(
            body(Order::ActionLast),
            "InstanceId.1=i-0a&DryRun=true&Version=2016-11-15&Action=StopInstances"
        );
        assert_eq!(
            body(Order::Sorted),
            "Action=StopInstances&DryRun=true&InstanceId.1=i-0a&Version=2016-11-15"
        );
        assert_eq!(
            body(Order::Reversed),
            "DryRun=true&InstanceId.1=i-0a&Version=2016-11-15&Action=StopInstances"
        );
    }

    #[test]
    fn what_a_form_leaves_out_is_not_sent() {
        let mut bare = call(Form {
            version: None,
            content_type: None,
            ..Form::default()
        });
        bare.action = None;
        bare.params.clear();
        let request = encoded(&bare, &target());
        assert!(request.body().is_empty());
        assert_eq!(header(&request, "content-type"), None);
        bare.form.method = Method::Get;
        assert_eq!(encoded(&bare, &target()).uri(), "/");
    }

    #[test]
    fn what_no_request_can_hold_is_an_error() {
        let mut long = call(Form {
            method: Method::Get,
            ..Form::default()
        });
        long.params.push(("Filler".into(), "a".repeat(65_536)));
        assert!(matches!(
            encode(&long, &target()),
            Err(EncodeError::Target { .. })
        ));
        let control = call(Form {
            content_type: Some("text/\u{1}".into()),
            ..Form::default()
        });
        assert_eq!(
            encode(&control, &target())
                .map_err(|error| error.to_string())
                .err(),
            Some("encode the call: \"text/\\u{1}\" is not a value of the header content-type".to_owned())
        );
    }

    #[test]
    fn a_name_in_title_case_is_as_people_write_it() {
        assert_eq!(title_case(&CONTENT_TYPE), "Content-Type");
        assert_eq!(title_case(&HeaderName::from_static("x-amz-date")), "X-Amz-Date");
    }
}
