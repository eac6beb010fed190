//! `RunInstances`: reads and checks all parameters before it launches anything.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::attribute::protectable;
use super::call::AdmittedCall;
use super::describe::write_reservation;
use super::errors::{ApiError, ApiResult};
use super::image;
use super::instance::{Birth, LaunchRequest, RootDevice, SimulatedInstance};
use super::spot::{SimulatedSpotRequest, SpotKind};
use super::surroundings::{default_subnet, is_zone};
use super::tags;
use super::world::{LIVE_CAP, TokenRecord, World};
use super::xml::Xml;

/// The Spot options of a launch.
struct SpotTerms {
    kind: SpotKind,
    interruption: String,
    tags: BTreeMap<String, String>,
}

/// Launches instances, or repeats the answer of an earlier launch with the same client token.
pub(super) fn run(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let form = call.form;
    let image_id = form.required("ImageId")?;
    let count = count(call)?;
    let spot = spot_terms(call)?;
    let mut launch = launch(call, world, image_id)?;
    if launch.disable_api_stop {
        protectable(spot.is_some(), launch.root == RootDevice::InstanceStore)?;
    }
    if launch.hibernation && launch.root == RootDevice::InstanceStore {
        return Err(ApiError::new(
            400,
            "UnsupportedHibernationConfiguration",
            "Hibernation requires an encrypted EBS root volume.",
        ));
    }
    call.authorize("instance/*")?;
    world.forget(call.now_ms);
    let asked = asked(call);
    if let Some(numbers) = launched_before(call, world, asked)? {
        call.dry_run()?;
        write(&numbers, false, call, world, xml);
        return Ok(());
    }
    let room = LIVE_CAP.saturating_sub(world.live());
    if count.least > room {
        return Err(ApiError::new(
            400,
            "InstanceLimitExceeded",
            format!(
                "You have requested more instances ({}) than your current instance limit of {LIVE_CAP} allows for \
                 the specified instance type.",
                count.least
            ),
        ));
    }
    call.dry_run()?;
    launch.reservation = world.ids.next("r");
    let numbers: Vec<u64> = (0..count.most.min(room))
        .map(|n| born(n as u64, &launch, spot.as_ref(), call, world))
        .collect();
    if !launch.client_token.is_empty() {
        let launched = TokenRecord {
            asked,
            numbers: numbers.clone(),
        };
        world.tokens.insert(launch.client_token.clone(), launched);
    }
    write(&numbers, true, call, world, xml);
    Ok(())
}

struct Count {
    least: usize,
    most: usize,
}

fn count(call: &AdmittedCall<'_>) -> ApiResult<Count> {
    let read = |name| {
        let number = call.form.number(name)?.ok_or_else(|| ApiError::missing(name))?;
        usize::try_from(number)
            .map_err(|_| ApiError::invalid_value(&number.to_string(), name, "It is too large."))
    };
    let (least, most) = (read("MinCount")?, read("MaxCount")?);
    if least == 0 {
        return Err(ApiError::invalid_value("0", "MinCount", "It must be at least 1."));
    }
    if most < least {
        return Err(ApiError::invalid_value(
            &most.to_string(),
            "MaxCount",
            "It must not be less than MinCount.",
        ));
    }
    Ok(Count { least, most })
}

fn spot_terms(call: &AdmittedCall<'_>) -> ApiResult<Option<SpotTerms>> {
    let form = call.form;
    match form.given("InstanceMarketOptions.MarketType") {
        None => return Ok(None),
        Some("spot") => {}
        Some(other) => {
            return Err(ApiError::invalid_value(
                other,
                "InstanceMarketOptions.MarketType",
                "Expected 'spot'.",
            ));
        }
    }
    let name = "InstanceMarketOptions.SpotOptions.SpotInstanceType";
    let kind = match form.given(name) {
        None | Some("one-time") => SpotKind::OneTime,
        Some("persistent") => SpotKind::Persistent,
        Some(other) => {
            return Err(ApiError::invalid_value(
                other,
                name,
                "Expected 'one-time' or 'persistent'.",
            ));
        }
    };
    let name = "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior";
    let interruption = form.given(name).unwrap_or("terminate");
    if !matches!(interruption, "terminate" | "stop" | "hibernate") {
        return Err(ApiError::invalid_value(
            interruption,
            name,
            "Expected 'terminate', 'stop' or 'hibernate'.",
        ));
    }
    // "For RunInstances, persistent Spot Instance requests are only supported when the instance interruption
    // behavior is either hibernate or stop", and one-time requests only with terminate.
    if (kind == SpotKind::Persistent) == (interruption == "terminate") {
        return Err(ApiError::combination(format!(
            "The interruption behavior '{interruption}' is not supported for this type of Spot Instance request."
        )));
    }
    Ok(Some(SpotTerms {
        kind,
        interruption: interruption.to_owned(),
        tags: tags::read_specifications(form, "spot-instances-request")?,
    }))
}

/// The common values of all instances of this launch; the reservation does not exist yet.
fn launch(call: &AdmittedCall<'_>, world: &World, image_id: &str) -> ApiResult<LaunchRequest> {
    let form = call.form;
    let instance_type = form.short("InstanceType")?.unwrap_or("m1.small");
    if !instance_type
        .split_once('.')
        .is_some_and(|(family, size)| !family.is_empty() && !size.is_empty())
    {
        return Err(ApiError::invalid_value(
            instance_type,
            "InstanceType",
            "It is not an instance type.",
        ));
    }
    let region = &call.config.region;
    let zone = form
        .given("Placement.AvailabilityZone")
        .map_or_else(|| format!("{region}a"), str::to_owned);
    if !is_zone(&zone, region) {
        return Err(ApiError::invalid_value(
            &zone,
            "Placement.AvailabilityZone",
            "The zone does not exist.",
        ));
    }
    let subnet = match form.short("SubnetId")? {
        None => form.short("NetworkInterface.1.SubnetId")?,
        subnet => subnet,
    };
    if let Some(subnet) = subnet.filter(|it| !it.starts_with("subnet-")) {
        return Err(ApiError::new(
            400,
            "InvalidSubnetID.NotFound",
            format!("The subnet ID '{subnet}' does not exist"),
        ));
    }
    let shutdown_terminates = match form.given("InstanceInitiatedShutdownBehavior") {
        None | Some("stop") => false,
        Some("terminate") => true,
        Some(other) => {
            return Err(ApiError::invalid_value(
                other,
                "InstanceInitiatedShutdownBehavior",
                "Expected 'stop' or 'terminate'.",
            ));
        }
    };
    let (monitoring, ebs_optimized) = (call.flag("Monitoring.Enabled")?, call.flag("EbsOptimized")?);
    let (disable_api_stop, disable_api_termination) =
        (call.flag("DisableApiStop")?, call.flag("DisableApiTermination")?);
    let hibernation = call.flag("HibernationOptions.Configured")?;
    let tags = tags::read_specifications(form, "instance")?;
    let client_token = form.given("ClientToken").unwrap_or_default();
    if client_token.len() > 64 {
        return Err(ApiError::invalid_value(
            client_token,
            "ClientToken",
            "It has more than 64 characters.",
        ));
    }
    let image = image::find(image_id, world)?;
    Ok(LaunchRequest {
        reservation: String::new(),
        image: image.id.clone(),
        architecture: image.architecture.clone(),
        root: image.root,
        root_name: image.root_name.clone(),
        instance_type: instance_type.to_owned(),
        subnet: subnet.map_or_else(|| default_subnet(&zone), str::to_owned),
        zone,
        key_name: form.short("KeyName")?.map(str::to_owned),
        groups: groups(call)?,
        client_token: client_token.to_owned(),
        tags,
        monitoring,
        ebs_optimized,
        hibernation,
        disable_api_stop,
        disable_api_termination,
        shutdown_terminates,
        metadata_tokens: form
            .short("MetadataOptions.HttpTokens")?
            .unwrap_or("optional")
            .to_owned(),
    })
}

/// The requested security groups, including those of a network interface.
fn groups(call: &AdmittedCall<'_>) -> ApiResult<Vec<String>> {
    let mut groups = call.form.list("SecurityGroupId");
    groups.extend(call.form.list("NetworkInterface.1.SecurityGroupId"));
    let is_group = |id: &&str| id.starts_with("sg-") && id.len() <= 32;
    if let Some(bad) = groups.iter().find(|id| !is_group(id)) {
        return Err(ApiError::new(
            400,
            "InvalidGroup.NotFound",
            format!("The security group '{bad}' does not exist"),
        ));
    }
    if groups.len() > 16 {
        return Err(ApiError::new(
            400,
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        ));
    }
    Ok(groups.into_iter().map(str::to_owned).collect())
}

/// A digest of all parameters, which detects a client token that is used again for a different launch.
fn asked(call: &AdmittedCall<'_>) -> u64 {
    let mut pairs: Vec<(&str, &str)> = call
        .form
        .pairs()
        .filter(|(name, _)| !name.starts_with("X-Amz-") && *name != "DryRun")
        .collect();
    pairs.sort_unstable();
    let mut hasher = DefaultHasher::new();
    pairs.hash(&mut hasher);
    hasher.finish()
}

fn launched_before(call: &AdmittedCall<'_>, world: &mut World, asked: u64) -> ApiResult<Option<Vec<u64>>> {
    let token = call.form.given("ClientToken").unwrap_or_default();
    let Some(launched) = world.tokens.get(token) else {
        return Ok(None);
    };
    if launched.asked != asked {
        return Err(ApiError::new(
            400,
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        ));
    }
    let numbers = launched.numbers.clone();
    world.all(call.now_ms);
    Ok(Some(numbers))
}

fn born(
    n: u64,
    launch: &LaunchRequest,
    spot: Option<&SpotTerms>,
    call: &AdmittedCall<'_>,
    world: &mut World,
) -> u64 {
    let id = world.fresh_instance_id();
    let spot_request = spot.map(|terms| {
        let request = SimulatedSpotRequest {
            kind: terms.kind,
            cancelled: None,
            interruption: terms.interruption.clone(),
            instance: id.clone(),
            created_ms: call.now_ms,
            described_ms: call
                .now_ms
                .saturating_add(call.config.stale_descriptions_ms().unwrap_or_default()),
            tags: terms.tags.clone(),
        };
        world.add_spot_request(request)
    });
    let birth = Birth {
        id,
        number_in_launch: n,
        volume: world.ids.next("vol"),
        interface: world.ids.next("eni"),
        private_ip: world.private_ip(),
        public_ip: world.public_ip(),
        spot_request,
        launching_ms: world.draw(world.delays.launching),
        invisible_ms: world.draw(world.delays.invisible),
    };
    world.add(
        SimulatedInstance::new(launch.clone(), birth, call.now_ms),
        call.now_ms,
    )
}

fn write(numbers: &[u64], just_launched: bool, call: &AdmittedCall<'_>, world: &World, xml: &mut Xml) {
    let instances: Vec<&SimulatedInstance> = numbers.iter().filter_map(|number| world.get(*number)).collect();
    write_reservation(&instances, just_launched, call, xml);
}
