//! `DescribeInstances`, and the XML form of an instance, which RunInstances shares.

use super::call::AdmittedCall;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::instance::{PowerState, RootDevice, SimulatedInstance};
use super::power::write_state;
use super::tags;
use super::world::World;
use super::xml::Xml;

/// The name of the only security group that exists by default.
const DEFAULT_GROUP: &str = "sg-0defa0170000000ff";

/// The only network.
pub(super) const VPC: &str = "vpc-0defa0170000000ff";

const FILTERS: &[&str] = &[
    "architecture",
    "availability-zone",
    "client-token",
    "image-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "key-name",
    "private-ip-address",
    "reservation-id",
    "root-device-type",
    "spot-instance-request-id",
    "subnet-id",
    "vpc-id",
];

/// Shows the instances that the call names or that the filters accept, one page at a time.
pub(super) fn describe(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    call.flag("IncludeManagedResources")?;
    let filters = Filters::read(call.form, FILTERS)?;
    let page = call.page()?;
    let numbers = named_or_all(call, world)?;
    let accepted: Vec<u64> = numbers
        .into_iter()
        .filter(|number| world.shown(*number).is_some_and(|it| accepts(&filters, it)))
        .collect();
    let (shown, next) = page.cut(accepted);
    let instances = shown.iter().filter_map(|number| world.shown(*number)).collect();
    let instances: Vec<&SimulatedInstance> = call.config.in_shown_order(instances);
    xml.node("reservationSet", |xml| {
        // Instances of one launch are grouped, in the order of launch.
        for reservation in instances.chunk_by(|a, b| a.launch.reservation == b.launch.reservation) {
            xml.node("item", |xml| write_reservation(reservation, false, call, xml));
        }
    });
    xml.leaf_if("nextToken", next.as_deref());
    Ok(())
}

/// The instances in `InstanceId.N`, ascending, or all instances if the call names none.
pub(super) fn named_or_all(call: &AdmittedCall<'_>, world: &mut World) -> ApiResult<Vec<u64>> {
    let named = call.form.list("InstanceId");
    if named.is_empty() {
        let all = world.all(call.now_ms);
        return call.dry_run().map(|()| all);
    }
    if call.form.get("MaxResults").is_some() {
        return Err(ApiError::combination(
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    // Recorded from 2013 to 2022 for DescribeInstances; StopInstances answers an empty id differently.
    if named.contains(&"") {
        return Err(ApiError::missing("InstanceId"));
    }
    let mut numbers = call.targets(world, |_, _| Ok(()))?;
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether the filters accept an instance.
pub(super) fn accepts(filters: &Filters<'_>, instance: &SimulatedInstance) -> bool {
    let launch = &instance.launch;
    filters.accept(&launch.tags, |name| match name {
        "architecture" => vec![launch.architecture.as_str()],
        "availability-zone" => vec![launch.zone.as_str()],
        "client-token" => vec![launch.client_token.as_str()],
        "image-id" => vec![launch.image.as_str()],
        "instance-id" => vec![instance.id.as_str()],
        "instance-lifecycle" => Vec::from_iter(instance.spot_request.as_ref().map(|_| "spot")),
        "instance-state-code" => vec![instance.state().code()],
        "instance-state-name" => vec![instance.state().name()],
        "instance-type" => vec![launch.instance_type.as_str()],
        "key-name" => Vec::from_iter(launch.key_name.as_deref()),
        "private-ip-address" => vec![instance.private_ip.as_str()],
        "reservation-id" => vec![launch.reservation.as_str()],
        "root-device-type" => vec![launch.root.name()],
        "spot-instance-request-id" => Vec::from_iter(instance.spot_request.as_deref()),
        "subnet-id" => vec![launch.subnet.as_str()],
        "vpc-id" => vec![VPC],
        _ => Vec::new(),
    })
}

/// Writes the common part of instances that were launched together, and then each of them. A launch answer shows a
/// state reason that no later description repeats.
pub(super) fn write_reservation(
    instances: &[&SimulatedInstance],
    just_launched: bool,
    call: &AdmittedCall<'_>,
    xml: &mut Xml,
) {
    if let Some(first) = instances.first() {
        xml.leaf("reservationId", &first.launch.reservation);
    }
    xml.leaf("ownerId", &call.config.account);
    xml.empty("groupSet");
    xml.node("instancesSet", |xml| {
        for instance in instances {
            xml.node("item", |xml| {
                write(instance, just_launched, &call.config.region, xml);
            });
        }
    });
}

fn write(instance: &SimulatedInstance, just_launched: bool, region: &str, xml: &mut Xml) {
    let launch = &instance.launch;
    let gone = instance.state() == PowerState::Terminated;
    xml.leaf("instanceId", &instance.id);
    xml.leaf("imageId", &launch.image);
    write_state("instanceState", instance.state(), xml);
    xml.leaf(
        "privateDnsName",
        &if gone {
            String::new()
        } else {
            private_dns(instance, region)
        },
    );
    xml.leaf(
        "dnsName",
        &instance
            .public_ip()
            .map_or_else(String::new, |ip| public_dns(ip, region)),
    );
    xml.leaf("reason", &instance.reason);
    xml.leaf_if("keyName", launch.key_name.as_deref());
    xml.number("amiLaunchIndex", instance.number_in_launch);
    xml.empty("productCodes");
    xml.leaf("instanceType", &launch.instance_type);
    xml.leaf("launchTime", &instance.launch_time);
    xml.node("placement", |xml| {
        xml.leaf("availabilityZone", &launch.zone);
        xml.empty("groupName");
        xml.leaf("tenancy", "default");
    });
    xml.node("monitoring", |xml| {
        xml.leaf("state", if launch.monitoring { "enabled" } else { "disabled" });
    });
    if !gone {
        xml.leaf("subnetId", &launch.subnet);
        xml.leaf("vpcId", VPC);
        xml.leaf("privateIpAddress", &instance.private_ip);
        xml.leaf_if("ipAddress", instance.public_ip());
        xml.flag("sourceDestCheck", true);
    }
    write_groups(instance, xml);
    let reason = instance.state_reason.map(|why| (why.code(), why.message()));
    if let Some((code, message)) = reason.or(just_launched.then_some(("pending", "pending"))) {
        xml.node("stateReason", |xml| {
            xml.leaf("code", code);
            xml.leaf("message", message);
        });
    }
    xml.leaf("architecture", &launch.architecture);
    xml.leaf("rootDeviceType", launch.root.name());
    xml.leaf("rootDeviceName", &launch.root_name);
    write_devices(instance, xml);
    xml.leaf("virtualizationType", "hvm");
    if let Some(request) = &instance.spot_request {
        xml.leaf("instanceLifecycle", "spot");
        xml.leaf("spotInstanceRequestId", request);
    }
    xml.leaf("clientToken", &launch.client_token);
    tags::write_set(&launch.tags, xml);
    xml.leaf("hypervisor", "xen");
    write_interfaces(instance, region, xml);
    write_options(instance, xml);
}

fn write_groups(instance: &SimulatedInstance, xml: &mut Xml) {
    xml.node("groupSet", |xml| {
        if instance.state() == PowerState::Terminated {
            return;
        }
        let named = instance.launch.groups.iter().map(|id| (id.as_str(), id.as_str()));
        let default = instance
            .launch
            .groups
            .is_empty()
            .then_some((DEFAULT_GROUP, "default"));
        for (id, name) in named.chain(default) {
            xml.node("item", |xml| {
                xml.leaf("groupId", id);
                xml.leaf("groupName", name);
            });
        }
    });
}

/// An EBS root is a volume that survives every stop.
pub(super) fn write_devices(instance: &SimulatedInstance, xml: &mut Xml) {
    xml.node("blockDeviceMapping", |xml| {
        if instance.launch.root == RootDevice::InstanceStore || instance.state() == PowerState::Terminated {
            return;
        }
        xml.node("item", |xml| {
            xml.leaf("deviceName", &instance.launch.root_name);
            xml.node("ebs", |xml| {
                xml.leaf("volumeId", &instance.volume);
                xml.leaf("status", "attached");
                xml.leaf("attachTime", &instance.attach_time);
                xml.flag("deleteOnTermination", true);
            });
        });
    });
}

fn write_interfaces(instance: &SimulatedInstance, region: &str, xml: &mut Xml) {
    xml.node("networkInterfaceSet", |xml| {
        if instance.state() == PowerState::Terminated {
            return;
        }
        xml.node("item", |xml| {
            xml.leaf("networkInterfaceId", &instance.interface);
            xml.leaf("subnetId", &instance.launch.subnet);
            xml.leaf("vpcId", VPC);
            xml.leaf("status", "in-use");
            xml.leaf("privateIpAddress", &instance.private_ip);
            xml.leaf("privateDnsName", &private_dns(instance, region));
            xml.flag("sourceDestCheck", true);
            write_groups(instance, xml);
            xml.node("attachment", |xml| {
                xml.leaf(
                    "attachmentId",
                    &instance.interface.replacen("eni-", "eni-attach-", 1),
                );
                xml.number("deviceIndex", 0);
                xml.leaf("status", "attached");
                xml.leaf("attachTime", &instance.attach_time);
                xml.flag("deleteOnTermination", true);
            });
            xml.leaf("interfaceType", "interface");
        });
    });
}

fn write_options(instance: &SimulatedInstance, xml: &mut Xml) {
    let launch = &instance.launch;
    xml.flag("ebsOptimized", launch.ebs_optimized);
    xml.flag("enaSupport", true);
    xml.node("cpuOptions", |xml| {
        xml.number("coreCount", 1);
        xml.number("threadsPerCore", 1);
    });
    xml.node("capacityReservationSpecification", |xml| {
        xml.leaf("capacityReservationPreference", "open");
    });
    xml.node("hibernationOptions", |xml| {
        xml.flag("configured", launch.hibernation);
    });
    xml.node("metadataOptions", |xml| {
        xml.leaf("state", "applied");
        xml.leaf("httpTokens", &launch.metadata_tokens);
        xml.number("httpPutResponseHopLimit", 1);
        xml.leaf("httpEndpoint", "enabled");
        xml.leaf("httpProtocolIpv6", "disabled");
        xml.leaf("instanceMetadataTags", "disabled");
    });
    xml.node("enclaveOptions", |xml| xml.flag("enabled", false));
    xml.leaf("platformDetails", "Linux/UNIX");
    xml.leaf("usageOperation", "RunInstances");
    xml.node("maintenanceOptions", |xml| xml.leaf("autoRecovery", "default"));
}

fn private_dns(instance: &SimulatedInstance, region: &str) -> String {
    let host = instance.private_ip.replace('.', "-");
    match region {
        "us-east-1" => format!("ip-{host}.ec2.internal"),
        region => format!("ip-{host}.{region}.compute.internal"),
    }
}

fn public_dns(ip: &str, region: &str) -> String {
    let host = ip.replace('.', "-");
    match region {
        "us-east-1" => format!("ec2-{host}.compute-1.amazonaws.com"),
        region => format!("ec2-{host}.{region}.compute.amazonaws.com"),
    }
}
