//! Machine images: three built-in ones, registered ones, and the two actions on them.

use std::collections::BTreeMap;

use super::call::AdmittedCall;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::instance::RootDevice;
use super::tags;
use super::world::World;
use super::xml::Xml;

/// The largest number of images.
const CAP: usize = 1_000;

/// A machine image.
#[derive(Debug, Clone)]
pub(super) struct SimulatedImage {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) location: String,
    pub(super) owner: String,
    pub(super) architecture: String,
    pub(super) root: RootDevice,
    pub(super) root_name: String,
    pub(super) virtualization: String,
    pub(super) public: bool,
    pub(super) tags: BTreeMap<String, String>,
}

/// The built-in images: two with an EBS root, one with an instance-store root.
pub(super) fn ready_made(account: &str) -> Vec<SimulatedImage> {
    let image = |id: &str, name: &str, architecture: &str, root: RootDevice| SimulatedImage {
        id: id.to_owned(),
        name: name.to_owned(),
        location: format!("{account}/{name}"),
        owner: account.to_owned(),
        architecture: architecture.to_owned(),
        root,
        root_name: match root {
            RootDevice::Ebs => "/dev/xvda",
            RootDevice::InstanceStore => "/dev/sda1",
        }
        .to_owned(),
        virtualization: "hvm".to_owned(),
        public: true,
        tags: BTreeMap::new(),
    };
    vec![
        image(
            "ami-0eb50000000000001",
            "reference-ebs-x86_64",
            "x86_64",
            RootDevice::Ebs,
        ),
        image(
            "ami-0eb50000000000002",
            "reference-ebs-arm64",
            "arm64",
            RootDevice::Ebs,
        ),
        image(
            "ami-015d0000000000003",
            "reference-instance-store-x86_64",
            "x86_64",
            RootDevice::InstanceStore,
        ),
    ]
}

/// The image with this id.
pub(super) fn find<'w>(id: &str, world: &'w World) -> ApiResult<&'w SimulatedImage> {
    if !id.starts_with("ami-") {
        return Err(ApiError::new(
            400,
            "InvalidAMIID.Malformed",
            format!("Invalid id: \"{id}\" (expecting \"ami-...\")"),
        ));
    }
    world.images.iter().find(|image| image.id == id).ok_or_else(|| {
        ApiError::new(
            400,
            "InvalidAMIID.NotFound",
            format!("The image id '[{id}]' does not exist"),
        )
    })
}

/// `DescribeImages`.
pub(super) fn describe(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    for name in ["IncludeDeprecated", "IncludeDisabled"] {
        call.flag(name)?;
    }
    let filters = Filters::read(
        call.form,
        &[
            "architecture",
            "creation-date",
            "hypervisor",
            "image-id",
            "image-type",
            "is-public",
            "name",
            "owner-alias",
            "owner-id",
            "root-device-name",
            "root-device-type",
            "state",
            "virtualization-type",
        ],
    )?;
    let wanted = call.form.list("ImageId");
    if !wanted.is_empty() && call.form.given("MaxResults").is_some() {
        return Err(ApiError::combination(
            "The parameter imageIdsSet cannot be used with the parameter maxResults",
        ));
    }
    for id in &wanted {
        find(id, world)?;
    }
    call.dry_run()?;
    let owners = call.form.list("Owner");
    let is_wanted = |image: &&SimulatedImage| {
        let owned = owners.is_empty()
            || owners.iter().any(|owner| match *owner {
                "self" => image.owner == call.config.account,
                // The built-in images stand for those that Amazon publishes.
                "amazon" => image.public,
                owner => image.owner == owner,
            });
        owned && (wanted.is_empty() || wanted.contains(&image.id.as_str()))
    };
    let fits = |image: &&SimulatedImage| {
        filters.accept(&image.tags, |name| match name {
            "architecture" => vec![image.architecture.as_str()],
            "creation-date" => vec![CREATION_DATE],
            "hypervisor" => vec!["xen"],
            "image-id" => vec![image.id.as_str()],
            "image-type" => vec!["machine"],
            "is-public" => vec![if image.public { "true" } else { "false" }],
            "name" => vec![image.name.as_str()],
            "owner-id" => vec![image.owner.as_str()],
            "owner-alias" => Vec::from_iter(image.public.then_some("amazon")),
            "root-device-name" => vec![image.root_name.as_str()],
            "root-device-type" => vec![image.root.name()],
            "state" => vec!["available"],
            "virtualization-type" => vec![image.virtualization.as_str()],
            _ => Vec::new(),
        })
    };
    let images: Vec<&SimulatedImage> = world.images.iter().filter(is_wanted).filter(fits).collect();
    let numbers = (1..).zip(&images).map(|(number, _)| number).collect();
    let (shown, next) = call.page()?.cut(numbers);
    xml.node("imagesSet", |xml| {
        for (number, image) in (1_u64..).zip(&images) {
            if shown.binary_search(&number).is_ok() {
                write(image, xml);
            }
        }
    });
    xml.leaf_if("nextToken", next.as_deref());
    Ok(())
}

/// `RegisterImage`: `ImageLocation` gives an instance-store root, a block device gives an EBS root.
pub(super) fn register(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let form = call.form;
    form.flag("EnaSupport")?;
    let name = form.short("Name")?.ok_or_else(|| ApiError::missing("Name"))?;
    let location = form.short("ImageLocation")?;
    if location.is_none() && form.groups("BlockDeviceMapping").is_empty() {
        return Err(ApiError::missing("ImageLocation"));
    }
    let tags = tags::read_specifications(form, "image")?;
    call.authorize("image/*")?;
    if world.images.iter().any(|image| image.name == name) {
        return Err(ApiError::new(
            400,
            "InvalidAMIName.Duplicate",
            format!("AMI name {name} is already in use"),
        ));
    }
    if world.images.len() >= CAP {
        return Err(ApiError::new(400, "ResourceLimitExceeded", "Too many images."));
    }
    call.dry_run()?;
    let (root, root_name) = match location {
        Some(_) => (RootDevice::InstanceStore, "/dev/sda1"),
        None => (RootDevice::Ebs, "/dev/xvda"),
    };
    let image = SimulatedImage {
        id: world.ids.next("ami"),
        name: name.to_owned(),
        location: location.map_or_else(|| format!("{}/{name}", call.config.account), str::to_owned),
        owner: call.config.account.clone(),
        architecture: form.short("Architecture")?.unwrap_or("x86_64").to_owned(),
        root,
        root_name: form.short("RootDeviceName")?.unwrap_or(root_name).to_owned(),
        virtualization: form.short("VirtualizationType")?.unwrap_or("hvm").to_owned(),
        public: false,
        tags,
    };
    xml.leaf("imageId", &image.id);
    world.images.push(image);
    Ok(())
}

const CREATION_DATE: &str = "2017-10-03T00:00:00.000Z";

fn write(image: &SimulatedImage, xml: &mut Xml) {
    xml.node("item", |xml| {
        xml.leaf("imageId", &image.id);
        xml.leaf("imageLocation", &image.location);
        xml.leaf("imageState", "available");
        xml.leaf("imageOwnerId", &image.owner);
        xml.leaf("creationDate", CREATION_DATE);
        xml.flag("isPublic", image.public);
        xml.leaf("architecture", &image.architecture);
        xml.leaf("imageType", "machine");
        if image.public {
            xml.leaf("imageOwnerAlias", "amazon");
        }
        xml.leaf("name", &image.name);
        xml.leaf("rootDeviceType", image.root.name());
        xml.leaf("rootDeviceName", &image.root_name);
        xml.node("blockDeviceMapping", |xml| {
            if image.root == RootDevice::Ebs {
                xml.node("item", |xml| {
                    xml.leaf("deviceName", &image.root_name);
                    xml.node("ebs", |xml| {
                        xml.leaf("snapshotId", "snap-0eb50000000000001");
                        xml.number("volumeSize", 8);
                        xml.flag("deleteOnTermination", true);
                        xml.leaf("volumeType", "gp2");
                        xml.flag("encrypted", false);
                    });
                });
            }
        });
        xml.leaf("virtualizationType", &image.virtualization);
        tags::write_set(&image.tags, xml);
        xml.leaf("hypervisor", "xen");
        xml.flag("enaSupport", true);
        xml.leaf("platformDetails", "Linux/UNIX");
        xml.leaf("usageOperation", "RunInstances");
    });
}
