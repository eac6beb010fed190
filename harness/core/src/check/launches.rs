//! Judges whether an instance has the options that its launch was accepted with.
//!
//! The runner describes what it has launched. It reports an option that is not there; an instance that is ready without
//! such a report has all of them.

use std::collections::BTreeSet;

use super::facts::Mismatch;
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, rule};
use crate::contract::{FixtureKind, Market};
use crate::journal::{Excerpt, FixtureReady, Judged, LaunchDeviated, LaunchProperty, Observed};

/// What is known of the launches of a case.
#[derive(Debug, Default)]
pub(super) struct Launches {
    /// The instances that lack an option.
    deviated: BTreeSet<String>,
    /// Whether an instance that was launched with options has them, and no judgement says so yet.
    held: bool,
}

impl Launches {
    /// Records that an instance was described as requested, perhaps only after another call.
    pub(super) fn ready(&mut self, ready: &FixtureReady) {
        self.held |= has_options(ready.kind) && !self.deviated.contains(&ready.id);
    }

    /// Whether there is something new that held.
    pub(super) fn have_held(&mut self) -> bool {
        std::mem::take(&mut self.held)
    }
}

impl CaseJudge {
    /// Judges an instance that is described without an option that its launch was accepted with. A description cannot
    /// show an instance as it was before its launch, so the first one decides.
    pub fn launched_otherwise(&mut self, deviated: &LaunchDeviated) -> Judged {
        self.launches.deviated.insert(deviated.id.clone());
        let mut judgement = StepJudgement::new(&self.judge.clause_table);
        if is_option(deviated.property) {
            let observed = Observed::LaunchOption {
                id: Excerpt::word(&deviated.id),
                property: deviated.property,
                described: deviated.described.clone(),
            };
            let mismatch = Mismatch::rule(rule::LAUNCH_OPTIONS, observed);
            judgement.deviates(self.judge.of(rule::LAUNCH_OPTIONS), Weight::Full, &mismatch);
        }
        judgement.close(&self.case, deviated.step)
    }
}

fn has_options(kind: FixtureKind) -> bool {
    kind.stop_protected || kind.termination_protected || kind.hibernation || kind.market != Market::OnDemand
}

/// Whether a property is one that the call asks for. The root device is that of the image.
fn is_option(property: LaunchProperty) -> bool {
    match property {
        LaunchProperty::Spot
        | LaunchProperty::Hibernation
        | LaunchProperty::StopProtection
        | LaunchProperty::TerminationProtection => true,
        LaunchProperty::Ebs | LaunchProperty::InstanceStore | LaunchProperty::OnDemand => false,
    }
}
