//! The tags of everything that a run creates: which run it was, when that was, and when others may remove it.
//!
//! In come a run and a time, or the tags of a description. Out go the parameters of a launch, or what the tags say. The
//! tags of a description come from an endpoint that may have lost, changed or made up any of them: only all of them
//! together, each in the form in which a run writes it, show that a run created the resource.

use super::{Shared, ms_of};
use crate::check::time;
use crate::contract::{FixtureKind, Market, Root};
use crate::journal::RunId;

/// The key of the tag that names the run; a policy of least privilege has it as a condition.
pub(super) const RUN: &str = "stopcheck";
const CREATED: &str = "stopcheck:created";
const EXPIRES: &str = "stopcheck:expires";
/// For people who find an instance: the case and the fixture.
const CASE: &str = "stopcheck:case";

/// How long after its time limit a run may still need what it created: the named cases are played in any case, and the
/// clocks of two machines differ.
const MARGIN_MS: u64 = 6 * 60 * 60 * 1000;

/// What the tags of a resource say about its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTags {
    /// The run that created it.
    pub run: RunId,
    /// When it did, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub created_ms: u64,
    /// When the run has certainly ended, in the same form.
    pub expires_ms: u64,
}

impl RunTags {
    /// Reads the tags of a resource; `None` unless a run created it.
    pub(super) fn read(tags: &[(String, String)]) -> Option<RunTags> {
        let value = |key: &str| {
            let mut found = tags.iter().filter(|(name, _)| name == key);
            let value = found.next().map(|(_, value)| value.as_str());
            value.filter(|_| found.next().is_none())
        };
        Some(RunTags {
            run: value(RUN)?.parse().ok()?,
            created_ms: time::moment_ms(value(CREATED)?)?,
            expires_ms: time::moment_ms(value(EXPIRES)?)?,
        })
    }

    fn written(self, case: String) -> Vec<(&'static str, String)> {
        let moment = |ms| time::moment(ms).unwrap_or_default();
        vec![
            (RUN, self.run.to_string()),
            (CREATED, moment(self.created_ms)),
            (EXPIRES, moment(self.expires_ms)),
            (CASE, case),
        ]
    }
}

/// The parameters of a launch that tag the instance and what comes with it. `case` is the case and the name of the
/// instance in it.
pub(super) fn of_launch(
    shared: &Shared,
    now_ms: u64,
    case: String,
    kind: FixtureKind,
) -> Vec<(String, String)> {
    let lasts_ms = shared.options.time_limit.map(ms_of).unwrap_or_default();
    let tags = RunTags {
        run: shared.options.run_id,
        created_ms: now_ms,
        expires_ms: now_ms.saturating_add(lasts_ms).saturating_add(MARGIN_MS),
    };
    parameters(&created(kind), &tags.written(case))
}

/// The parameters of a launch that nobody observes and whose service ends with its case: only the tag that cases may
/// name in a filter.
pub(super) fn of_unobserved_launch(shared: &Shared) -> Vec<(String, String)> {
    parameters(&["instance"], &[(RUN, shared.options.run_id.to_string())])
}

/// The types of the resources that a launch creates. A launch that tags a type which it does not create fails.
fn created(kind: FixtureKind) -> Vec<&'static str> {
    let mut types = vec!["instance", "network-interface"];
    if kind.root == Root::Ebs {
        types.push("volume");
    }
    if kind.market != Market::OnDemand {
        types.push("spot-instances-request");
    }
    types
}

fn parameters(types: &[&str], tags: &[(&str, String)]) -> Vec<(String, String)> {
    let mut params = Vec::with_capacity(types.len() * (1 + 2 * tags.len()));
    for (number, kind) in (1..).zip(types) {
        let name = |rest: &str| format!("TagSpecification.{number}.{rest}");
        params.push((name("ResourceType"), (*kind).to_owned()));
        for (at, (key, value)) in (1..).zip(tags) {
            params.push((name(&format!("Tag.{at}.Key")), (*key).to_owned()));
            params.push((name(&format!("Tag.{at}.Value")), value.clone()));
        }
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: RunTags = RunTags {
        run: RunId::new(0),
        created_ms: 1_500_127_361_000,
        expires_ms: 1_500_148_961_000,
    };

    fn owned(tags: Vec<(&str, String)>) -> Vec<(String, String)> {
        tags.into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }

    #[test]
    fn the_tags_of_a_launch_are_read_again() {
        let mut tags = owned(TAGS.written("stop/running/a".to_owned()));
        tags.push(("Name".to_owned(), "x".to_owned()));
        assert_eq!(RunTags::read(&tags), Some(TAGS));
    }

    #[test]
    fn tags_that_no_run_writes_are_not_ours() {
        let written = owned(TAGS.written("c".to_owned()));
        let with = |at: usize, value: &str| {
            let mut tags = written.clone();
            if let Some(tag) = tags.get_mut(at) {
                value.clone_into(&mut tag.1);
            }
            tags
        };
        let without = |at: usize| {
            let mut tags = written.clone();
            tags.remove(at);
            tags
        };
        let twice = [written.clone(), with(0, "run-1111111111111111")].concat();
        for tags in [
            without(0),
            without(1),
            without(2),
            with(0, "nightly"),
            with(0, "run-000000000000000"),
            with(0, "RUN-0000000000000000"),
            with(1, "yesterday"),
            with(2, ""),
            twice,
            Vec::new(),
        ] {
            assert_eq!(RunTags::read(&tags), None, "{tags:?}");
        }
    }

    #[test]
    fn a_launch_tags_what_it_creates_and_no_more() {
        let plain = FixtureKind::default();
        assert_eq!(created(plain), ["instance", "network-interface", "volume"]);
        let spot = FixtureKind {
            market: Market::OneTimeSpot,
            root: Root::InstanceStore,
            ..plain
        };
        assert_eq!(
            created(spot),
            ["instance", "network-interface", "spot-instances-request"]
        );
        let params = parameters(&["instance", "volume"], &[("k", "v".to_owned())]);
        let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "TagSpecification.1.ResourceType",
                "TagSpecification.1.Tag.1.Key",
                "TagSpecification.1.Tag.1.Value",
                "TagSpecification.2.ResourceType",
                "TagSpecification.2.Tag.1.Key",
                "TagSpecification.2.Tag.1.Value",
            ]
        );
    }
}
