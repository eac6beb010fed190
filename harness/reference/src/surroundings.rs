//! Read-only resources around an instance: types, volumes, networks. Only the fields that clients read.
//!
//! There is one network with a subnet in each zone, and a volume for each EBS root.

use super::call::AdmittedCall;
use super::describe::VPC;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::instance::{PowerState, RootDevice, SimulatedInstance};
use super::tags;
use super::world::World;
use super::xml::Xml;

const ZONES: [&str; 3] = ["a", "b", "c"];

/// The default subnet of a zone.
pub(super) fn default_subnet(zone: &str) -> String {
    format!("subnet-0defa017000000{}ff", zone.chars().last().unwrap_or('a'))
}

/// Whether the Region has a zone with this name.
pub(super) fn is_zone(zone: &str, region: &str) -> bool {
    zone.strip_prefix(region)
        .is_some_and(|letter| ZONES.contains(&letter))
}

/// `DescribeInstanceTypes`: every requested type exists.
pub(super) fn instance_types(call: &AdmittedCall<'_>, xml: &mut Xml) -> ApiResult {
    call.dry_run()?;
    let named = call.form.list("InstanceType");
    xml.node("instanceTypeSet", |xml| {
        for name in named {
            xml.node("item", |xml| {
                xml.leaf("instanceType", name);
                xml.flag("currentGeneration", true);
                xml.flag("burstablePerformanceSupported", is_burstable(name));
                xml.flag("hibernationSupported", true);
                xml.flag("instanceStorageSupported", false);
            });
        }
    });
    Ok(())
}

/// `DescribeInstanceCreditSpecifications`: burstable instances use standard credits.
pub(super) fn credits(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let numbers = call.targets(world, |_, _| Ok(()))?;
    xml.node("instanceCreditSpecificationSet", |xml| {
        let instances = numbers.iter().filter_map(|number| world.shown(*number));
        for instance in instances.filter(|it| is_burstable(&it.launch.instance_type)) {
            xml.node("item", |xml| {
                xml.leaf("instanceId", &instance.id);
                xml.leaf("cpuCredits", "standard");
            });
        }
    });
    Ok(())
}

/// `DescribeVolumes`: the EBS roots of instances that are not terminated.
pub(super) fn volumes(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let filters = Filters::read(call.form, &["attachment.instance-id", "status", "volume-id"])?;
    let wanted = call.form.list("VolumeId");
    let numbers = world.all(call.now_ms);
    let attached: Vec<&SimulatedInstance> = numbers
        .iter()
        .filter_map(|number| world.shown(*number))
        .filter(|it| it.launch.root == RootDevice::Ebs && it.state() != PowerState::Terminated)
        .collect();
    if let Some(missing) = wanted
        .iter()
        .find(|id| !attached.iter().any(|it| it.volume == **id))
    {
        return Err(ApiError::new(
            400,
            "InvalidVolume.NotFound",
            format!("The volume '{missing}' does not exist."),
        ));
    }
    call.dry_run()?;
    xml.node("volumeSet", |xml| {
        for instance in attached {
            let fits = filters.accept(&instance.launch.tags, |name| match name {
                "attachment.instance-id" => vec![instance.id.as_str()],
                "status" => vec!["in-use"],
                "volume-id" => vec![instance.volume.as_str()],
                _ => Vec::new(),
            });
            if fits && (wanted.is_empty() || wanted.contains(&instance.volume.as_str())) {
                xml.node("item", |xml| write_volume(instance, xml));
            }
        }
    });
    Ok(())
}

/// `DescribeVpcs`: the only network.
pub(super) fn vpcs(call: &AdmittedCall<'_>, xml: &mut Xml) -> ApiResult {
    call.dry_run()?;
    xml.node("vpcSet", |xml| {
        xml.node("item", |xml| {
            xml.leaf("vpcId", VPC);
            xml.leaf("ownerId", &call.config.account);
            xml.leaf("state", "available");
            xml.leaf("cidrBlock", "172.31.0.0/16");
            xml.leaf("instanceTenancy", "default");
            xml.flag("isDefault", true);
            xml.empty("tagSet");
        });
    });
    Ok(())
}

/// `DescribeSubnets`: one in each zone.
pub(super) fn subnets(call: &AdmittedCall<'_>, xml: &mut Xml) -> ApiResult {
    call.dry_run()?;
    let wanted = call.form.list("SubnetId");
    xml.node("subnetSet", |xml| {
        for letter in ZONES {
            let zone = format!("{}{letter}", call.config.region);
            let subnet = default_subnet(&zone);
            if wanted.is_empty() || wanted.contains(&subnet.as_str()) {
                xml.node("item", |xml| {
                    xml.leaf("subnetId", &subnet);
                    xml.leaf("state", "available");
                    xml.leaf("vpcId", VPC);
                    xml.leaf("availabilityZone", &zone);
                    xml.flag("defaultForAz", true);
                    xml.flag("mapPublicIpOnLaunch", true);
                });
            }
        }
    });
    Ok(())
}

fn write_volume(instance: &SimulatedInstance, xml: &mut Xml) {
    xml.leaf("volumeId", &instance.volume);
    xml.number("size", 8);
    xml.empty("snapshotId");
    xml.leaf("availabilityZone", &instance.launch.zone);
    xml.leaf("status", "in-use");
    xml.leaf("createTime", &instance.attach_time);
    xml.node("attachmentSet", |xml| {
        xml.node("item", |xml| {
            xml.leaf("volumeId", &instance.volume);
            xml.leaf("instanceId", &instance.id);
            xml.leaf("device", &instance.launch.root_name);
            xml.leaf("status", "attached");
            xml.leaf("attachTime", &instance.attach_time);
            xml.flag("deleteOnTermination", true);
        });
    });
    tags::write_set(&std::collections::BTreeMap::new(), xml);
    xml.leaf("volumeType", "gp2");
    xml.flag("encrypted", instance.launch.hibernation);
}

fn is_burstable(instance_type: &str) -> bool {
    instance_type.starts_with('t')
}
