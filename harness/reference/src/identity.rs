//! `GetCallerIdentity` of the token service, so that a client can verify its account before it acts.

use super::call::AdmittedCall;
use super::xml::Xml;

/// Writes the identity of the caller. This service wraps its results and puts the request id last.
pub(super) fn caller(call: &AdmittedCall<'_>, request_id: &str, xml: &mut Xml) {
    xml.node("GetCallerIdentityResult", |xml| {
        xml.leaf("Arn", &call.caller_arn());
        xml.leaf("UserId", &call.caller.access_key);
        xml.leaf("Account", &call.config.account);
    });
    xml.node("ResponseMetadata", |xml| xml.leaf("RequestId", request_id));
}
