//! An authenticated call, and the checks that all actions share: permission, ids, existence, dry run, pages.

use std::collections::BTreeSet;

use super::config::{AccessKey, Config};
use super::digest::sha256_hex;
use super::errors::{ApiError, ApiResult};
use super::form::FormParameters;
use super::ids::is_instance_id;
use super::instance::SimulatedInstance;
use super::names::Action;
use super::variation::Variation;
use super::world::World;

/// An authenticated call while an action processes it.
pub(super) struct AdmittedCall<'a> {
    pub(super) action: Action,
    pub(super) form: &'a FormParameters<'a>,
    pub(super) config: &'a Config,
    pub(super) caller: &'a AccessKey,
    pub(super) now_ms: u64,
    pub(super) dry: bool,
}

impl AdmittedCall<'_> {
    /// A boolean parameter that defaults to false.
    pub(super) fn flag(&self, name: &str) -> ApiResult<bool> {
        Ok(self.form.flag(name)?.unwrap_or(false))
    }

    /// Ends a dry run, after every check that needs no change has passed.
    pub(super) fn dry_run(&self) -> ApiResult {
        if self.dry {
            Err(ApiError::dry_run())
        } else {
            Ok(())
        }
    }

    /// Refuses a mutating action if the caller may only read. The resource is the end of its ARN, or `*`.
    pub(super) fn authorize(&self, resource: &str) -> ApiResult {
        if self.caller.may_stop || !self.action.mutates() {
            return Ok(());
        }
        let Config { region, account, .. } = self.config;
        let action = self.action.name();
        let resource = if resource == "*" {
            "*".to_owned()
        } else {
            format!("arn:aws:ec2:{region}:{account}:{resource}")
        };
        let tail = if self.config.varies(Variation::AuthorizationTextShort) {
            String::new()
        } else {
            let call = if self.config.varies(Variation::AuthorizationTextFresh) {
                self.now_ms
            } else {
                0
            };
            // Only the service can decode the encoded part.
            let encoded = sha256_hex(format!("{action} {resource} {call}").as_bytes());
            format!(". Encoded authorization failure message: {encoded}")
        };
        Err(ApiError::new(
            403,
            "UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. User: {} is not authorized to perform: \
                 ec2:{action} on resource: {resource} because no identity-based policy allows the ec2:{action} \
                 action{tail}",
                self.caller_arn()
            ),
        ))
    }

    /// The ARN of the caller.
    pub(super) fn caller_arn(&self) -> String {
        let account = &self.config.account;
        let name = &self.caller.access_key;
        match self.caller.session_token {
            None => format!("arn:aws:iam::{account}:user/{name}"),
            Some(_) => format!("arn:aws:sts::{account}:assumed-role/stopcheck/{name}"),
        }
    }

    /// The internal numbers of the instances in `InstanceId.N`, in the order of the request, if every check of the call
    /// passes. The last check is the action's own check of each instance's state.
    pub(super) fn targets(
        &self,
        world: &mut World,
        state: impl Fn(&SimulatedInstance, &World) -> ApiResult,
    ) -> ApiResult<Vec<u64>> {
        let mut ids = self.form.list("InstanceId");
        if self.config.varies(Variation::EmptyIdIgnored) && ids.iter().any(|id| !id.is_empty()) {
            ids.retain(|id| !id.is_empty());
        }
        self.checked(&ids, world, state)
    }

    /// Like [`AdmittedCall::targets`], for the single instance in `InstanceId`.
    pub(super) fn target(
        &self,
        world: &mut World,
        state: impl Fn(&SimulatedInstance, &World) -> ApiResult,
    ) -> ApiResult<u64> {
        let id = self.form.required("InstanceId")?;
        self.checked(&[id], world, state)?
            .first()
            .copied()
            .ok_or_else(|| ApiError::instances_not_found(&[id]))
    }

    fn checked(
        &self,
        ids: &[&str],
        world: &mut World,
        state: impl Fn(&SimulatedInstance, &World) -> ApiResult,
    ) -> ApiResult<Vec<u64>> {
        let varies = |variation| self.config.varies(variation);
        let mut ids = ids.to_vec();
        if varies(Variation::IdsTrimmed) {
            ids.iter_mut().for_each(|id| *id = id.trim());
        }
        let malformed = |id: &&&str| !is_instance_id(id, self.config.variations);
        let (mut found, mut missing, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut repeated = None;
        for id in &ids {
            let first = seen.insert(*id);
            if !first {
                repeated = Some(*id);
            }
            match self.find(id, world) {
                Some(number) if first || varies(Variation::RepeatedIdShownEachTime) => found.push(number),
                None if first || varies(Variation::RepeatedUnknownIdPlural) => missing.push(*id),
                Some(_) | None => {}
            }
        }
        missing.retain(|id| !malformed(&id));
        for check in order(self.config) {
            match check {
                Check::Named if ids.is_empty() => {
                    return Err(ApiError::no_instances(self.action, self.config));
                }
                Check::Named if varies(Variation::EmptyIdMissingParameter) && ids.contains(&"") => {
                    return Err(ApiError::missing("instanceId"));
                }
                Check::Named => {}
                Check::Syntax => {
                    if let Some(bad) = ids.iter().find(malformed) {
                        return Err(ApiError::malformed_instance(bad, self.config));
                    }
                    if let Some(id) = repeated.filter(|_| varies(Variation::RepeatedIdRefused)) {
                        return Err(ApiError::invalid_value(id, "InstanceId", "It is given twice."));
                    }
                }
                Check::Permission => self.authorize(&match ids.first() {
                    Some(id) if self.find(id, world).is_some() => format!("instance/{id}"),
                    Some(_) | None => "instance/*".to_owned(),
                })?,
                Check::Existence if missing.is_empty() => {}
                Check::Existence => return Err(ApiError::instances_not_found(&missing)),
                Check::DryRun => self.dry_run()?,
                Check::PowerState => {
                    for instance in found.iter().filter_map(|number| world.get(*number)) {
                        state(instance, world)?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// The number of an instance that the call names, if this call can see it.
    pub(super) fn find(&self, id: &str, world: &mut World) -> Option<u64> {
        let number = world.find(id, self.now_ms)?;
        let instance = world.get(number)?;
        let (launched_ms, visible_ms) = (instance.launched_ms, instance.visible_ms);
        let visible_ms = self
            .config
            .delayed(Variation::NewIdNotVisible, 1_000, launched_ms)
            .max(visible_ms);
        let is_shown = self.action.mutates() || world.shown(number).is_some();
        (is_shown && self.now_ms >= visible_ms).then_some(number)
    }

    /// The page of a list that `MaxResults` and `NextToken` select.
    pub(super) fn page(&self) -> ApiResult<ListPage> {
        let size = match self.form.number("MaxResults")? {
            None => usize::MAX,
            Some(size @ 5..=1000) => usize::try_from(size).unwrap_or(usize::MAX),
            Some(size) => {
                return Err(ApiError::invalid_value(
                    &size.to_string(),
                    "MaxResults",
                    "Expecting a value between 5 and 1000.",
                ));
            }
        };
        let after = match self.form.get("NextToken") {
            None | Some("") => 0,
            Some(token) => token
                .strip_prefix("page-")
                .and_then(|token| u64::from_str_radix(token, 16).ok())
                .ok_or_else(|| {
                    ApiError::new(400, "InvalidParameterValue", "Unable to parse pagination token")
                })?,
        };
        Ok(ListPage { size, after })
    }
}

/// A page of a list.
pub(super) struct ListPage {
    size: usize,
    after: u64,
}

impl ListPage {
    /// Returns this page of an ascending list, and the token of the next page.
    pub(super) fn cut(&self, mut numbers: Vec<u64>) -> (Vec<u64>, Option<String>) {
        numbers.retain(|number| *number > self.after);
        let more = numbers.len() > self.size;
        numbers.truncate(self.size);
        let next = numbers
            .last()
            .filter(|_| more)
            .map(|last| format!("page-{last:016x}"));
        (numbers, next)
    }
}

/// A check of the instances that a call names.
#[derive(Clone, Copy)]
enum Check {
    Named,
    Syntax,
    Permission,
    Existence,
    DryRun,
    PowerState,
}

/// The order of the checks. It is not recorded for StopInstances; sibling actions differ.
fn order(config: &Config) -> [Check; 6] {
    use Check::{DryRun, Existence, Named, Permission, PowerState, Syntax};
    let other = [
        (
            Variation::DryRunFirst,
            [Named, Permission, DryRun, Syntax, Existence, PowerState],
        ),
        (
            Variation::DryRunBeforeMissingParameter,
            [Permission, DryRun, Named, Syntax, Existence, PowerState],
        ),
        (
            Variation::AuthorizationFirst,
            [Named, Permission, Syntax, Existence, DryRun, PowerState],
        ),
        (
            Variation::StateBeforeDryRun,
            [Named, Syntax, Permission, Existence, PowerState, DryRun],
        ),
        (
            Variation::StateBeforeExistence,
            [Named, Syntax, Permission, PowerState, Existence, DryRun],
        ),
        (
            Variation::ExistenceBeforeSyntax,
            [Named, Permission, Existence, Syntax, DryRun, PowerState],
        ),
    ];
    other
        .into_iter()
        .find(|(variation, _)| config.varies(*variation))
        .map_or(
            [Named, Syntax, Permission, Existence, DryRun, PowerState],
            |(_, order)| order,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_with_the_place_to_go_on() {
        let first = ListPage { size: 2, after: 0 };
        assert_eq!(
            first.cut(vec![3, 5, 9]),
            (vec![3, 5], Some("page-0000000000000005".to_owned()))
        );
        assert_eq!(ListPage { size: 2, after: 5 }.cut(vec![3, 5, 9]), (vec![9], None));
    }
}
