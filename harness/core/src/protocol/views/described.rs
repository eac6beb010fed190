//! The answers of the Describe actions and of RunInstances, as far as the harness reads them.
//!
//! These answers show the state of the instances and are not judged themselves: unknown members are ignored, and an
//! empty element counts as absent, except for an instance's `reason`.

use crate::protocol::views::{StateValue, text_of};
use crate::protocol::xml::Element;

/// An instance in a description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// `instanceId`.
    pub id: String,
    /// `instanceState`.
    pub state: Option<StateValue>,
    /// `reason`; `Some("")` if it is present and empty.
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
    /// `vpcId`.
    pub vpc_id: Option<String>,
    /// The ids of the attached EBS volumes.
    pub volume_ids: Vec<String>,
    /// The ids of the network interfaces.
    pub interface_ids: Vec<String>,
    /// The tags.
    pub tags: Vec<(String, String)>,
}

/// An image in a description.
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

/// A Spot request in a description.
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
    /// The tags.
    pub tags: Vec<(String, String)>,
}

/// Returns all instances of a DescribeInstances or RunInstances answer. Items without an id are skipped.
pub fn instances(root: Element<'_>) -> Vec<Instance> {
    listed(root).filter_map(read_instance).collect()
}

/// The items of all instances in all reservations.
fn listed(root: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    let reservations =
        items(root, "reservationSet").flat_map(|reservation| items(reservation, "instancesSet"));
    reservations.chain(items(root, "instancesSet"))
}

/// Returns only the ids and state names of the same instances.
///
/// An instance has dozens of members, and most descriptions need only these two. A missing state name is returned as an
/// empty one.
pub fn sightings<'a>(root: Element<'a>) -> Vec<(&'a str, &'a str)> {
    let read = |item: Element<'a>| {
        let id = item.child_text("instanceId").filter(|id| !id.is_empty())?;
        let state = item.path_text(&["instanceState", "name"]);
        Some((id, state.unwrap_or_default()))
    };
    listed(root).filter_map(read).collect()
}

/// Returns the token of the next page.
pub fn next_token(root: Element<'_>) -> Option<String> {
    filled(root, &["nextToken"])
}

/// Returns all images of a DescribeImages answer.
pub fn images(root: Element<'_>) -> Vec<Image> {
    let read = |item: Element<'_>| {
        Some(Image {
            id: filled(item, &["imageId"])?,
            root_device_type: filled(item, &["rootDeviceType"]),
            root_device_name: filled(item, &["rootDeviceName"]),
            architecture: filled(item, &["architecture"]),
            state: filled(item, &["imageState"]),
        })
    };
    items(root, "imagesSet").filter_map(read).collect()
}

/// Returns all requests of a DescribeSpotInstanceRequests answer.
pub fn spot_requests(root: Element<'_>) -> Vec<SpotRequest> {
    let read = |item: Element<'_>| {
        Some(SpotRequest {
            id: filled(item, &["spotInstanceRequestId"])?,
            state: filled(item, &["state"]),
            status_code: filled(item, &["status", "code"]),
            kind: filled(item, &["type"]),
            instance_id: filled(item, &["instanceId"]),
            tags: item.children_named("tagSet").flat_map(tags).collect(),
        })
    };
    items(root, "spotInstanceRequestSet").filter_map(read).collect()
}

/// Returns the ids and states of a DescribeInstanceStatus answer.
pub fn instance_statuses(root: Element<'_>) -> Vec<(String, StateValue)> {
    items(root, "instanceStatusSet")
        .filter_map(|item| {
            let state = item.child("instanceState").map(read_state).unwrap_or_default();
            Some((filled(item, &["instanceId"])?, state))
        })
        .collect()
}

/// Returns the value of an attribute in a DescribeInstanceAttribute answer, for instance of `disableApiStop`.
pub fn attribute_value(root: Element<'_>, name: &str) -> Option<String> {
    root.path_text(&[name, "value"]).map(str::to_owned)
}

/// Returns the value of `return`, if it is a boolean.
pub fn return_value(root: Element<'_>) -> Option<bool> {
    root.child_text("return")?.parse().ok()
}

/// Reads an instance in one pass over its many members. If a member is repeated, the first counts; if a list is
/// repeated, all of them count.
fn read_instance(item: Element<'_>) -> Option<Instance> {
    let mut instance = Instance::default();
    let mut met: Vec<&str> = Vec::with_capacity(16);
    for member in item.children() {
        let name = member.name();
        let mut is_first = || {
            let is_first = !met.contains(&name);
            if is_first {
                met.push(name);
            }
            is_first
        };
        match name {
            "blockDeviceMapping" => {
                let devices = member.children_named("item");
                let volumes = devices.filter_map(|device| filled(device, &["ebs", "volumeId"]));
                instance.volume_ids.extend(volumes);
            }
            "networkInterfaceSet" => {
                let interfaces = member.children_named("item");
                let ids = interfaces.filter_map(|item| filled(item, &["networkInterfaceId"]));
                instance.interface_ids.extend(ids);
            }
            "tagSet" => instance.tags.extend(tags(member)),
            "instanceId" if is_first() => instance.id = text_of(member).to_owned(),
            "instanceState" if is_first() => instance.state = Some(read_state(member)),
            "reason" if is_first() => instance.reason = Some(text_of(member).to_owned()),
            "stateReason" if is_first() => instance.state_reason = read_state_reason(member),
            "rootDeviceType" if is_first() => instance.root_device_type = filled(member, &[]),
            "instanceLifecycle" if is_first() => instance.instance_lifecycle = filled(member, &[]),
            "spotInstanceRequestId" if is_first() => instance.spot_request_id = filled(member, &[]),
            "ipAddress" if is_first() => instance.public_ip = filled(member, &[]),
            "vpcId" if is_first() => instance.vpc_id = filled(member, &[]),
            "privateIpAddress" if is_first() => instance.private_ip = filled(member, &[]),
            "placement" if is_first() => instance.availability_zone = filled(member, &["availabilityZone"]),
            "hibernationOptions" if is_first() => {
                let configured = member.child_text("configured");
                instance.hibernation_configured = configured.and_then(|text| text.parse().ok());
            }
            _ => {}
        }
    }
    (!instance.id.is_empty()).then_some(instance)
}

/// The keys and values of a list of tags.
fn tags(set: Element<'_>) -> impl Iterator<Item = (String, String)> {
    let text = |tag: Element<'_>, name| tag.child_text(name).unwrap_or_default().to_owned();
    set.children_named("item")
        .map(move |tag| (text(tag, "key"), text(tag, "value")))
}

/// Returns `None` for an element without code and message, because clients see none either.
fn read_state_reason(reason: Element<'_>) -> Option<(String, String)> {
    let text = |name| reason.child_text(name).unwrap_or_default().to_owned();
    let (code, message) = (text("code"), text("message"));
    (!code.is_empty() || !message.is_empty()).then_some((code, message))
}

fn read_state(element: Element<'_>) -> StateValue {
    StateValue {
        code: filled(element, &["code"]),
        name: filled(element, &["name"]),
    }
}

/// The items of all lists of this name.
fn items<'a>(element: Element<'a>, list: &'a str) -> impl Iterator<Item = Element<'a>> {
    element
        .children_named(list)
        .flat_map(|list| list.children_named("item"))
}

/// Returns the text at the end of a path, unless it is empty.
fn filled(element: Element<'_>, path: &[&str]) -> Option<String> {
    element
        .path_text(path)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::xml::{Document, read};

    fn document(text: &str) -> Document {
        read(text).expect("the document is well-formed")
    }

    const INSTANCE: &str = "<item><instanceId>i-0a</instanceId><instanceState><code>80</code><name>stopped</name>\
        </instanceState><reason>User initiated (2020-02-14 22:03:45 GMT)</reason><stateReason>\
        <code>Client.UserInitiatedShutdown</code><message>m</message></stateReason><ipAddress/>\
        <placement><availabilityZone>us-east-1a</availabilityZone></placement>\
        <rootDeviceType>ebs</rootDeviceType><blockDeviceMapping><item><ebs><volumeId>vol-1</volumeId></ebs></item>\
        </blockDeviceMapping><vpcId>vpc-1</vpcId><networkInterfaceSet><item><networkInterfaceId>eni-1\
        </networkInterfaceId></item></networkInterfaceSet><tagSet><item><key>k</key><value/></item></tagSet>\
        <hibernationOptions><configured>true</configured></hibernationOptions></item>";

    #[test]
    fn an_instance_is_read_from_a_description_and_from_a_launch() {
        let described = document(&format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{INSTANCE}</instancesSet></item>\
             </reservationSet><nextToken>t</nextToken></DescribeInstancesResponse>"
        ));
        let launched = document(&format!(
            "<r><instancesSet>{INSTANCE}<item/></instancesSet><nextToken/></r>"
        ));
        assert_eq!(instances(described.root()), instances(launched.root()));
        let expected = Instance {
            id: "i-0a".into(),
            state: Some(StateValue {
                code: Some("80".into()),
                name: Some("stopped".into()),
            }),
            reason: Some("User initiated (2020-02-14 22:03:45 GMT)".into()),
            state_reason: Some(("Client.UserInitiatedShutdown".into(), "m".into())),
            root_device_type: Some("ebs".into()),
            availability_zone: Some("us-east-1a".into()),
            hibernation_configured: Some(true),
            vpc_id: Some("vpc-1".into()),
            volume_ids: vec!["vol-1".into()],
            interface_ids: vec!["eni-1".into()],
            tags: vec![("k".into(), String::new())],
            ..Instance::default()
        };
        assert_eq!(instances(described.root()), [expected]);
        for document in [&described, &launched] {
            assert_eq!(sightings(document.root()), [("i-0a", "stopped")]);
        }
        assert_eq!(
            (
                next_token(described.root()).as_deref(),
                next_token(launched.root())
            ),
            (Some("t"), None)
        );
    }

    #[test]
    fn of_repeated_members_the_first_counts_and_of_lists_every_one() {
        let document = document(
            "<r><instancesSet><item><instanceId>i-1</instanceId><instanceId>i-2</instanceId><reason/>\
             <reason>x</reason><placement/><placement><availabilityZone>z</availabilityZone></placement>\
             <tagSet><item><key>a</key></item></tagSet><tagSet><item><key>b</key></item></tagSet></item>\
             <item><instanceId/><instanceId>i-3</instanceId></item></instancesSet></r>",
        );
        let expected = Instance {
            id: "i-1".into(),
            reason: Some(String::new()),
            tags: vec![("a".into(), String::new()), ("b".into(), String::new())],
            ..Instance::default()
        };
        assert_eq!(instances(document.root()), [expected]);
        assert_eq!(sightings(document.root()), [("i-1", "")]);
    }

    #[test]
    fn an_empty_reason_is_told_from_a_missing_one() {
        let read = |body: &str| {
            instances(
                document(&format!(
                    "<r><instancesSet><item><instanceId>i</instanceId>{body}</item></instancesSet></r>"
                ))
                .root(),
            )
            .pop()
            .map(|instance| (instance.reason, instance.state_reason))
        };
        assert_eq!(read("<reason/><stateReason/>"), Some((Some(String::new()), None)));
        assert_eq!(read(""), Some((None, None)));
    }

    #[test]
    fn the_other_lists_are_read() {
        let image = images(
            document(
                "<r><imagesSet><item><imageId>ami-1</imageId><rootDeviceType>ebs</rootDeviceType>\
             <imageState>available</imageState></item><item/></imagesSet></r>",
            )
            .root(),
        );
        assert_eq!(
            image.first().and_then(|image| image.state.as_deref()),
            Some("available")
        );
        assert_eq!(image.len(), 1);
        let spot = spot_requests(
            document(
                "<r><spotInstanceRequestSet><item><spotInstanceRequestId>sir-1</spotInstanceRequestId>\
             <state>disabled</state><status><code>instance-stopped-by-user</code></status>\
             <type>persistent</type></item></spotInstanceRequestSet></r>",
            )
            .root(),
        );
        let spot = spot.first().expect("there is one request");
        assert_eq!(spot.status_code.as_deref(), Some("instance-stopped-by-user"));
        assert_eq!(spot.kind.as_deref(), Some("persistent"));
        let statuses = instance_statuses(
            document(
                "<r><instanceStatusSet><item><instanceId>i-1</instanceId><instanceState><code>16</code>\
             <name>running</name></instanceState></item></instanceStatusSet></r>",
            )
            .root(),
        );
        assert_eq!(
            statuses.first().and_then(|(_, state)| state.code_number()),
            Some(16)
        );
    }

    #[test]
    fn attributes_and_returns_are_read() {
        let element =
            document("<r><disableApiStop><value>true</value></disableApiStop><return>true</return></r>");
        assert_eq!(
            attribute_value(element.root(), "disableApiStop").as_deref(),
            Some("true")
        );
        assert_eq!(attribute_value(element.root(), "disableApiTermination"), None);
        assert_eq!(return_value(element.root()), Some(true));
        assert_eq!(return_value(document("<r><return>yes</return></r>").root()), None);
    }
}
