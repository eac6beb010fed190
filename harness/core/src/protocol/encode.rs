//! Encodes a call as an unsigned request.
//!
//! Input: a [`Call`] and a [`RequestTarget`]. Output: a [`Request`]. Signing comes next; it adds headers or query
//! parameters and changes nothing else.

use crate::call::{Auth, Call, Method, Order};
use crate::protocol::form;
use crate::wire::{HeaderText, Headers, Request};

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

/// The `User-Agent` header of every request.
pub const USER_AGENT: &str = concat!("stopcheck/", env!("CARGO_PKG_VERSION"));

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
}

/// Encodes a call as an unsigned request.
pub fn encode(call: &Call, target: &RequestTarget) -> Request {
    let form = form::write(ordered(call), call.form.encoding);
    // Leave room for the headers of a signature.
    let mut headers: Vec<(HeaderText, HeaderText)> = Vec::with_capacity(8);
    headers.push(("Host".into(), target.host.clone().into()));
    if let (Method::Post, Some(content_type)) = (call.form.method, &call.form.content_type) {
        headers.push(("Content-Type".into(), content_type.clone().into()));
    }
    // Offer no compression, so that the bytes received are the bytes that the endpoint produced.
    headers.push(("Accept-Encoding".into(), "identity".into()));
    headers.push(("User-Agent".into(), USER_AGENT.into()));
    let (method, target, body) = match call.form.method {
        Method::Post => ("POST", target.path.clone(), form.into_bytes()),
        Method::Get if form.is_empty() => ("GET", target.path.clone(), Vec::new()),
        Method::Get => ("GET", format!("{}?{form}", target.path), Vec::new()),
    };
    Request {
        method: method.to_owned(),
        target,
        headers: Headers(headers),
        body,
    }
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

    fn call(form: Form) -> Call {
        Call {
            form,
            ..Call::new("StopInstances", [("InstanceId.1", "i-0a"), ("DryRun", "true")])
        }
    }

    #[test]
    fn a_plain_call_is_a_post_as_sdks_send_it() {
        let request = encode(&call(Form::default()), &target());
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a&DryRun=true"
        );
        assert_eq!(request.headers.get("host"), Some("127.0.0.1:5000"));
        assert_eq!(request.headers.get("accept-encoding"), Some("identity"));
        assert_eq!(
            request.headers.get("content-type"),
            Some("application/x-www-form-urlencoded; charset=utf-8")
        );
    }

    #[test]
    fn a_get_carries_its_parameters_in_the_query_and_no_content_type() {
        let mut base = target();
        base.path = "/ec2/".into();
        let request = encode(
            &call(Form {
                method: Method::Get,
                ..Form::default()
            }),
            &base,
        );
        assert_eq!(
            request.target,
            "/ec2/?Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a&DryRun=true"
        );
        assert!(request.body.is_empty());
        assert_eq!(request.headers.get("content-type"), None);
    }

    #[test]
    fn each_order_writes_the_same_parameters_in_its_own_way() {
        let body = |order| {
            let request = encode(
                &call(Form {
                    order,
                    ..Form::default()
                }),
                &target(),
            );
            String::from_utf8_lossy(&request.body).into_owned()
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
        let request = encode(&bare, &target());
        assert!(request.body.is_empty());
        assert_eq!(request.headers.get("content-type"), None);
        bare.form.method = Method::Get;
        assert_eq!(encode(&bare, &target()).target, "/");
    }
}
