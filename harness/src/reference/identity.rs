//! `GetCallerIdentity` of the token service: who is asking, so that a client can make sure before it acts.

use super::call::AdmittedCall;
use super::xml::Xml;

/// Writes who the caller is. This service wraps its results and puts the request id last.
pub(super) fn caller(call: &AdmittedCall<'_>, request_id: &str, xml: &mut Xml) {
    xml.node("GetCallerIdentityResult", |xml| {
        xml.leaf("Arn", &call.caller_arn());
        xml.leaf("UserId", &call.caller.access_key);
        xml.leaf("Account", &call.config.account);
    });
    xml.node("ResponseMetadata", |xml| xml.leaf("RequestId", request_id));
}
