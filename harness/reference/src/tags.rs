//! Tags: `CreateTags`, `DescribeTags`, and the tag lists that other actions read and show.

use std::collections::BTreeMap;

use super::call::AdmittedCall;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::form::FormParameters;
use super::world::World;
use super::xml::Xml;

/// The largest number of tags of a resource.
const CAP: usize = 50;

/// `CreateTags`.
pub(super) fn create(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let resources = call.form.list("ResourceId");
    if resources.is_empty() {
        return Err(ApiError::missing("ResourceId"));
    }
    let tags = read(call.form, "Tag")?;
    if tags.is_empty() {
        return Err(ApiError::missing("Tag"));
    }
    call.authorize("*")?;
    for id in &resources {
        let set = tags_of(id, call, world)?;
        let new = tags.keys().filter(|key| !set.contains_key(*key)).count();
        if set.len() + new > CAP {
            return Err(too_many());
        }
    }
    call.dry_run()?;
    for id in &resources {
        tags_of(id, call, world)?.extend(tags.clone());
    }
    xml.flag("return", true);
    Ok(())
}

/// `DescribeTags`.
pub(super) fn describe(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let filters = Filters::read(call.form, &["key", "resource-id", "resource-type", "value"])?;
    call.dry_run()?;
    let numbers = world.all(call.now_ms);
    let instances = numbers
        .iter()
        .filter_map(|number| world.shown(*number))
        .map(|it| (it.id.as_str(), "instance", &it.launch.tags));
    let images = world.images.iter().map(|it| (it.id.as_str(), "image", &it.tags));
    let requests = world
        .spot_requests
        .iter()
        .map(|(id, it)| (id.as_str(), "spot-instances-request", &it.tags));
    xml.node("tagSet", |xml| {
        for (id, kind, tags) in instances.chain(images).chain(requests) {
            for (key, value) in tags {
                let fits = filters.accept(tags, |name| match name {
                    "key" => vec![key.as_str()],
                    "value" => vec![value.as_str()],
                    "resource-id" => vec![id],
                    "resource-type" => vec![kind],
                    _ => Vec::new(),
                });
                if fits {
                    xml.node("item", |xml| {
                        xml.leaf("resourceId", id);
                        xml.leaf("resourceType", kind);
                        xml.leaf("key", key);
                        xml.leaf("value", value);
                    });
                }
            }
        }
    });
    Ok(())
}

/// Reads `prefix.N.AccessKey` and `prefix.N.Value`.
pub(super) fn read(form: &FormParameters<'_>, prefix: &str) -> ApiResult<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    let groups = form.groups(prefix);
    // Counted before the lookup, so that a long list costs little.
    if groups.len() > CAP {
        return Err(too_many());
    }
    for n in groups {
        let name = format!("{prefix}.{n}.Key");
        let key = form.required(&name)?;
        if key.starts_with("aws:") || key.chars().count() > 128 {
            return Err(ApiError::invalid_value(
                key,
                &name,
                "Tag keys are short and do not begin with 'aws:'.",
            ));
        }
        let value = form.get(&format!("{prefix}.{n}.Value")).unwrap_or_default();
        if value.chars().count() > 256 {
            return Err(ApiError::invalid_value(
                value,
                &name,
                "Tag values have at most 256 characters.",
            ));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > CAP {
        Err(too_many())
    } else {
        Ok(tags)
    }
}

/// Reads the tags of `TagSpecification.N` for this resource type.
pub(super) fn read_specifications(
    form: &FormParameters<'_>,
    resource: &str,
) -> ApiResult<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    let groups = form.groups("TagSpecification");
    if groups.len() > CAP {
        return Err(too_many());
    }
    for n in groups {
        let of_kind = read(form, &format!("TagSpecification.{n}.Tag"))?;
        if form.get(&format!("TagSpecification.{n}.ResourceType")) == Some(resource) {
            tags.extend(of_kind);
        }
    }
    Ok(tags)
}

/// Writes a `tagSet`.
pub(super) fn write_set(tags: &BTreeMap<String, String>, xml: &mut Xml) {
    xml.node("tagSet", |xml| {
        for (key, value) in tags {
            xml.node("item", |xml| {
                xml.leaf("key", key);
                xml.leaf("value", value);
            });
        }
    });
}

fn tags_of<'w>(
    id: &str,
    call: &AdmittedCall<'_>,
    world: &'w mut World,
) -> ApiResult<&'w mut BTreeMap<String, String>> {
    let unknown = || ApiError::new(400, "InvalidID", format!("The ID '{id}' is not valid"));
    if id.starts_with("i-") {
        let missing = || ApiError::instances_not_found(&[id]);
        let number = call.find(id, world).ok_or_else(missing)?;
        let instance = world.change(number, call.now_ms).ok_or_else(missing)?;
        return Ok(&mut instance.launch.tags);
    }
    if id.starts_with("sir-") {
        let request = world.spot_requests.get_mut(id).ok_or_else(unknown)?;
        return Ok(&mut request.tags);
    }
    let image = world.images.iter_mut().find(|image| image.id == id);
    Ok(&mut image.ok_or_else(unknown)?.tags)
}

fn too_many() -> ApiError {
    ApiError::new(
        400,
        "TagLimitExceeded",
        "The maximum number of Tags for a resource has been reached.",
    )
}
