//! What documents say: state changes, errors, instances, images and the other answers that the harness asks for.
//!
//! Every view is total.

use crate::protocol::xml::Element;

/// The answer of StopInstances, StartInstances or TerminateInstances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// Every `requestId` below the root.
    pub request_ids: Vec<String>,
    /// How many `instancesSet` elements there are.
    pub sets: usize,
    /// All items of all sets, in order.
    pub items: Vec<StateChange>,
}

/// One instance in such an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChange {
    /// `instanceId`.
    pub id: Option<String>,
    /// `currentState`.
    pub current: Option<StateValue>,
    /// `previousState`.
    pub previous: Option<StateValue>,
    /// What is unusual about the item, in words.
    pub oddities: Vec<String>,
}

/// A state as it is written: a code and a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateValue {
    /// The text of `code`.
    pub code: Option<String>,
    /// The text of `name`.
    pub name: Option<String>,
}

impl StateValue {
    /// The code as a number, if it is one in plain decimal digits.
    pub fn code_number(&self) -> Option<u32> {
        let code = self.code.as_deref()?;
        code.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| code.parse().ok())?
    }
}

/// An error envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors {
    /// The errors in order.
    pub errors: Vec<ErrorEntry>,
    /// Every `RequestID` below the root.
    pub request_ids: Vec<String>,
    /// What is unusual about the envelope, in words.
    pub oddities: Vec<String>,
}

/// One error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorEntry {
    /// `Code`.
    pub code: Option<String>,
    /// `Message`.
    pub message: Option<String>,
}

/// An instance as it is described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// `instanceId`.
    pub id: String,
    /// `instanceState`.
    pub state: Option<StateValue>,
    /// `reason`; present and empty is `Some("")`.
    pub reason: Option<String>,
    /// Code and message of `stateReason`.
    pub state_reason: Option<(String, String)>,
    /// `rootDeviceType`.
    pub root_device_type: Option<String>,
    /// `instanceLifecycle`.
    pub instance_lifecycle: Option<String>,
    /// `spotInstanceRequestId`.
    pub spot_request_id: Option<String>,
    /// `ipAddress`.
    pub public_ip: Option<String>,
    /// `privateIpAddress`.
    pub private_ip: Option<String>,
    /// `placement/availabilityZone`.
    pub availability_zone: Option<String>,
    /// `hibernationOptions/configured`.
    pub hibernation_configured: Option<bool>,
    /// The ids of the attached EBS volumes.
    pub volume_ids: Vec<String>,
    /// The tags.
    pub tags: Vec<(String, String)>,
}

/// An image as it is described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// `imageId`.
    pub id: String,
    /// `rootDeviceType`.
    pub root_device_type: Option<String>,
    /// `rootDeviceName`.
    pub root_device_name: Option<String>,
    /// `architecture`.
    pub architecture: Option<String>,
    /// `imageState`.
    pub state: Option<String>,
}

/// A Spot request as it is described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpotRequest {
    /// `spotInstanceRequestId`.
    pub id: String,
    /// `state`.
    pub state: Option<String>,
    /// `status/code`.
    pub status_code: Option<String>,
    /// `type`: `one-time` or `persistent`.
    pub kind: Option<String>,
    /// `instanceId`.
    pub instance_id: Option<String>,
}

/// Reads the answer of an action that changes states.
pub fn state_changes(_root: &Element) -> StateChanges {
    StateChanges::default()
}

/// Reads an error envelope, if the document is recognisably one.
pub fn errors(_root: &Element) -> Option<Errors> {
    None
}

/// All instances of a DescribeInstances or RunInstances answer.
pub fn instances(_root: &Element) -> Vec<Instance> {
    Vec::new()
}

/// The token of the next page.
pub fn next_token(root: &Element) -> Option<String> {
    root.child_text("nextToken")
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
}

/// All images of a DescribeImages answer.
pub fn images(_root: &Element) -> Vec<Image> {
    Vec::new()
}

/// All requests of a DescribeSpotInstanceRequests answer.
pub fn spot_requests(_root: &Element) -> Vec<SpotRequest> {
    Vec::new()
}

/// Ids and states of a DescribeInstanceStatus answer.
pub fn instance_statuses(_root: &Element) -> Vec<(String, StateValue)> {
    Vec::new()
}

/// The value of an attribute of a DescribeInstanceAttribute answer.
pub fn attribute_value(root: &Element, name: &str) -> Option<String> {
    root.path_text(&[name, "value"]).map(str::to_owned)
}

/// The value of `return`, if it is a boolean.
pub fn return_value(root: &Element) -> Option<bool> {
    root.child_text("return")?.parse().ok()
}
