//! `DescribeInstanceStatus`: of running instances, or of all with `IncludeAllInstances`.

use super::call::AdmittedCall;
use super::describe::named_or_all;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::instance::{PowerState, SimulatedInstance};
use super::power::write_state;
use super::world::World;
use super::xml::Xml;

/// The largest number of ids in one call.
const ID_CAP: usize = 100;

/// Shows the health of instances. A dry run ends before any instance is looked up, as captured.
pub(super) fn describe(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    call.dry_run()?;
    let all = call.flag("IncludeAllInstances")?;
    call.flag("IncludeManagedResources")?;
    let filters = Filters::read(
        call.form,
        &[
            "availability-zone",
            "instance-state-code",
            "instance-state-name",
            "instance-status.status",
            "system-status.status",
        ],
    )?;
    let count = call.form.list("InstanceId").len();
    if count > ID_CAP {
        return Err(ApiError::new(
            400,
            "InvalidRequest",
            // This is the spelling of the real service.
            format!(
                "{count} exceeds the maximum number of instance IDs that can be specificied (100). Please specify \
                 fewer than 100 instance IDs."
            ),
        ));
    }
    let page = call.page()?;
    let numbers = named_or_all(call, world)?;
    let shown = |instance: &SimulatedInstance| {
        let health = health(instance);
        (all || instance.state() == PowerState::Running)
            && filters.accept(&instance.launch.tags, |name| match name {
                "availability-zone" => vec![instance.launch.zone.as_str()],
                "instance-state-name" => vec![instance.state().name()],
                "instance-status.status" | "system-status.status" => vec![health],
                "instance-state-code" => vec![instance.state().code()],
                _ => Vec::new(),
            })
    };
    let accepted: Vec<u64> = numbers
        .into_iter()
        .filter(|number| world.shown(*number).is_some_and(shown))
        .collect();
    let (shown, next) = page.cut(accepted);
    xml.node("instanceStatusSet", |xml| {
        for instance in shown.iter().filter_map(|number| world.shown(*number)) {
            xml.node("item", |xml| write(instance, xml));
        }
    });
    xml.leaf_if("nextToken", next.as_deref());
    Ok(())
}

fn health(instance: &SimulatedInstance) -> &'static str {
    if instance.state() == PowerState::Running {
        "ok"
    } else {
        "not-applicable"
    }
}

fn write(instance: &SimulatedInstance, xml: &mut Xml) {
    xml.leaf("instanceId", &instance.id);
    xml.leaf("availabilityZone", &instance.launch.zone);
    write_state("instanceState", instance.state(), xml);
    for name in ["systemStatus", "instanceStatus"] {
        xml.node(name, |xml| {
            xml.leaf("status", health(instance));
            if instance.state() == PowerState::Running {
                xml.node("details", |xml| {
                    xml.node("item", |xml| {
                        xml.leaf("name", "reachability");
                        xml.leaf("status", "passed");
                    });
                });
            }
        });
    }
}
