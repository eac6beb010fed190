//! `ModifyInstanceAttribute` and `DescribeInstanceAttribute`: one attribute of one instance at a time.

use super::call::AdmittedCall;
use super::config::Rules;
use super::describe::write_devices;
use super::errors::{ApiError, ApiResult};
use super::instance::{PowerState, Protection, RootDevice, SimulatedInstance};
use super::variation::Variation;
use super::world::World;
use super::xml::Xml;

/// The attributes that can be set: the value of `Attribute=`, and the parameter that sets the same attribute directly.
const SETTABLE: &[(&str, &str)] = &[
    ("disableApiStop", "DisableApiStop.Value"),
    ("disableApiTermination", "DisableApiTermination.Value"),
    (
        "instanceInitiatedShutdownBehavior",
        "InstanceInitiatedShutdownBehavior.Value",
    ),
    ("instanceType", "InstanceType.Value"),
    ("ebsOptimized", "EbsOptimized.Value"),
    ("enaSupport", "EnaSupport.Value"),
    ("kernel", "Kernel.Value"),
    ("ramdisk", "Ramdisk.Value"),
    ("sourceDestCheck", "SourceDestCheck.Value"),
    ("sriovNetSupport", "SriovNetSupport.Value"),
    ("userData", "UserData.Value"),
];

/// A change that the reference performs; the others are accepted without effect.
enum Setting {
    ApiStop(bool),
    ApiTermination(bool),
    ShutdownTerminates(bool),
    InstanceType(String),
    EbsOptimized(bool),
    Other,
}

/// `ModifyInstanceAttribute`, in both of its forms.
pub(super) fn modify(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let setting = setting(call)?;
    let number = call.target(world, |instance, _| check(instance, &setting))?;
    let protected_from_ms = call
        .config
        .delayed(Variation::ProtectionDelayed, 1_000, call.now_ms);
    if let Some(instance) = world.change(number, call.now_ms) {
        apply(instance, setting, protected_from_ms);
        instance.settle(call.now_ms);
    }
    xml.flag("return", true);
    Ok(())
}

/// `DescribeInstanceAttribute`.
pub(super) fn describe(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let id = call.form.required("InstanceId")?;
    let attribute = call.form.required("Attribute")?;
    if !is_known(attribute, call.config.rules) {
        return Err(unknown_attribute(attribute));
    }
    let number = call.target(world, |_, _| Ok(()))?;
    xml.leaf("instanceId", id);
    if let Some(instance) = world.shown(number) {
        write(attribute, instance, xml);
    }
    Ok(())
}

fn setting(call: &AdmittedCall<'_>) -> ApiResult<Setting> {
    let form = call.form;
    let mut named = SETTABLE
        .iter()
        .filter(|(_, parameter)| form.get(parameter).is_some());
    let (attribute, parameter) = match (form.get("Attribute"), named.next()) {
        (Some(attribute), None) => {
            if !is_known(attribute, call.config.rules) {
                return Err(unknown_attribute(attribute));
            }
            (attribute, "Value")
        }
        (None, Some((attribute, parameter))) if named.next().is_none() => (*attribute, *parameter),
        (None, None) => {
            let other = ["GroupId", "BlockDeviceMapping"]
                .iter()
                .any(|it| !form.groups(it).is_empty());
            let other = other || form.get("EnclaveOptions.Enabled").is_some();
            return if other {
                Ok(Setting::Other)
            } else {
                Err(ApiError::combination("No attributes specified."))
            };
        }
        (Some(_) | None, Some(_)) => {
            return Err(ApiError::combination(
                "Fields for multiple attribute types specified.",
            ));
        }
    };
    let flag = || form.flag(parameter)?.ok_or_else(|| ApiError::missing(parameter));
    Ok(match attribute {
        "disableApiStop" => Setting::ApiStop(flag()?),
        "disableApiTermination" => Setting::ApiTermination(flag()?),
        "ebsOptimized" => Setting::EbsOptimized(flag()?),
        "instanceInitiatedShutdownBehavior" => {
            Setting::ShutdownTerminates(match form.required(parameter)? {
                "terminate" => true,
                "stop" => false,
                other => {
                    return Err(ApiError::invalid_value(
                        other,
                        parameter,
                        "Expected 'stop' or 'terminate'.",
                    ));
                }
            })
        }
        "instanceType" => Setting::InstanceType(form.required(parameter)?.to_owned()),
        _ => Setting::Other,
    })
}

fn check(instance: &SimulatedInstance, setting: &Setting) -> ApiResult {
    let id = &instance.id;
    if matches!(
        instance.state(),
        PowerState::ShuttingDown | PowerState::Terminated
    ) {
        return Err(ApiError::incorrect_state(format!(
            "The instance '{id}' must be in a 'running', 'pending', 'stopping' or 'stopped' state for this operation"
        )));
    }
    match setting {
        Setting::ApiStop(true) => protectable(
            instance.spot_request.is_some(),
            instance.launch.root == RootDevice::InstanceStore,
        ),
        // The same error refuses a hibernated instance, although it is described as stopped.
        Setting::InstanceType(_) if instance.state() != PowerState::Stopped || instance.is_hibernated() => {
            Err(ApiError::incorrect_state(format!(
                "The instance '{id}' is not in the 'stopped' state."
            )))
        }
        Setting::ApiStop(false)
        | Setting::ApiTermination(_)
        | Setting::ShutdownTerminates(_)
        | Setting::InstanceType(_)
        | Setting::EbsOptimized(_)
        | Setting::Other => Ok(()),
    }
}

/// Refuses stop protection for instances that cannot be stopped at any time: Spot Instances and instance-store roots.
pub(super) fn protectable(spot: bool, instance_store: bool) -> ApiResult {
    if spot {
        return Err(ApiError::unsupported(
            "Stop protection is not supported for Spot Instances.",
        ));
    }
    if instance_store {
        return Err(ApiError::unsupported(
            "Stop protection is not supported for instances with an instance store root volume.",
        ));
    }
    Ok(())
}

fn apply(instance: &mut SimulatedInstance, setting: Setting, protected_from_ms: u64) {
    let launch = &mut instance.launch;
    match setting {
        Setting::ApiStop(on) => instance.protect(Protection::Stop, on, protected_from_ms),
        Setting::ApiTermination(on) => instance.protect(Protection::Termination, on, protected_from_ms),
        Setting::ShutdownTerminates(on) => launch.shutdown_terminates = on,
        Setting::InstanceType(name) => launch.instance_type = name,
        Setting::EbsOptimized(on) => launch.ebs_optimized = on,
        Setting::Other => {}
    }
}

fn is_known(attribute: &str, rules: Rules) -> bool {
    let settable = SETTABLE.iter().any(|(name, _)| *name == attribute);
    let readable = matches!(
        attribute,
        "blockDeviceMapping" | "enclaveOptions" | "groupSet" | "productCodes" | "rootDeviceName"
    );
    (settable || readable) && !(rules == Rules::October2017 && attribute == "disableApiStop")
}

fn unknown_attribute(attribute: &str) -> ApiError {
    ApiError::invalid_value(attribute, "attribute", "Unknown attribute.")
}

fn write(attribute: &str, instance: &SimulatedInstance, xml: &mut Xml) {
    let launch = &instance.launch;
    let flag = |xml: &mut Xml, value: bool| xml.node(attribute, |xml| xml.flag("value", value));
    let text = |xml: &mut Xml, value: &str| xml.node(attribute, |xml| xml.leaf("value", value));
    match attribute {
        "disableApiStop" => flag(xml, launch.disable_api_stop),
        "disableApiTermination" => flag(xml, launch.disable_api_termination),
        "ebsOptimized" => flag(xml, launch.ebs_optimized),
        "enaSupport" | "sourceDestCheck" => flag(xml, true),
        "enclaveOptions" => xml.node(attribute, |xml| xml.flag("enabled", false)),
        "instanceInitiatedShutdownBehavior" => {
            text(
                xml,
                if launch.shutdown_terminates {
                    "terminate"
                } else {
                    "stop"
                },
            );
        }
        "instanceType" => text(xml, &launch.instance_type),
        "rootDeviceName" => text(xml, &launch.root_name),
        "blockDeviceMapping" => write_devices(instance, xml),
        _ => xml.empty(attribute),
    }
}
