//! Probes: find out what an endpoint supports, so that random scripts omit the rest.

use super::{Care, Explorer};
use crate::call::Auth;
use crate::contract::{Act, CallTemplate, FixtureKind, Market, Root, Scenario, Step};
use crate::journal::{Event, Noted, Outcome};
use crate::plan::script::Feature;
use crate::words::{English, Words as _};

impl Explorer<'_> {
    /// Finds out what the endpoint supports, so that scripts omit the rest. Returns whether anything can be played.
    pub(super) async fn probe(&mut self) -> bool {
        let plain = FixtureKind::default();
        let kinds = [
            ("plain", None, plain),
            (
                "persistent-spot",
                Some(Feature::PersistentSpot),
                FixtureKind {
                    market: Market::PersistentSpot,
                    ..plain
                },
            ),
            (
                "one-time-spot",
                Some(Feature::OneTimeSpot),
                FixtureKind {
                    market: Market::OneTimeSpot,
                    ..plain
                },
            ),
            (
                "instance-store",
                Some(Feature::InstanceStore),
                FixtureKind {
                    root: Root::InstanceStore,
                    ..plain
                },
            ),
            (
                "hibernation",
                Some(Feature::Hibernate),
                FixtureKind {
                    hibernation: true,
                    ..plain
                },
            ),
        ];
        let mut proven = Vec::new();
        for (name, feature, kind) in kinds {
            let case = probe_case(name, kind, Vec::new());
            match (self.try_out(&case).await, feature) {
                (Ok(()), _) => proven.push(kind),
                (Err(why), Some(feature)) => self.leave_out(feature, name, &why).await,
                (Err(_), None) => return false,
            }
        }
        let protect = Act::Call(CallTemplate {
            action: Some("ModifyInstanceAttribute".to_owned()),
            params: [
                ("InstanceId", "{a}"),
                ("Attribute", "disableApiStop"),
                ("Value", "false"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            form: crate::call::Form::default(),
        });
        let reboot = Act::Call(CallTemplate {
            action: Some("RebootInstances".to_owned()),
            params: vec![("InstanceId.1".to_owned(), "{a}".to_owned())],
            form: crate::call::Form::default(),
        });
        for (name, feature, act) in [
            ("stop-protection", Feature::Protect, protect),
            ("reboot", Feature::Reboot, reboot),
        ] {
            let case = probe_case(name, plain, vec![act]);
            if let Err(why) = self.try_out(&case).await {
                self.leave_out(feature, name, &why).await;
            }
        }
        for (feature, ways) in [
            (
                Feature::Sessions,
                [Auth::Session, Auth::ExpiredSession].as_slice(),
            ),
            (Feature::Denied, [Auth::Denied].as_slice()),
        ] {
            if !ways.iter().all(|auth| self.shared.options.keys.has(*auth)) {
                self.features = self.features.without(feature);
            }
        }
        // Set once in a run: the phase is played once.
        let _ = self.shared.proven.set(proven);
        true
    }

    async fn leave_out(&mut self, feature: Feature, name: &str, why: &str) {
        self.features = self.features.without(feature);
        let text = format!("random scripts do without {name}: {why}");
        let case = String::new();
        self.shared.emit(Event::Noted(Noted { case, text })).await;
    }

    /// Plays a probe. It is a draft, unless it ended in an error or nothing can be played: the run must report that.
    async fn try_out(&mut self, case: &Scenario) -> Result<(), String> {
        let (played, events) = self.play(case, Care::Verdict).await;
        match played.outcome {
            Outcome::Judged { .. } => {
                self.emit(events, true).await;
                Ok(())
            }
            Outcome::Unsupported { obstacle } => {
                self.emit(events, case.name != PLAIN).await;
                Err(English.obstacle(&obstacle))
            }
            Outcome::Error { what } => {
                self.emit(events, false).await;
                Err(what)
            }
        }
    }
}

/// The name of the probe that must succeed before anything else is played.
const PLAIN: &str = "random/probe/plain";

fn probe_case(name: &str, kind: FixtureKind, acts: Vec<Act>) -> Scenario {
    Scenario {
        name: format!("random/probe/{name}"),
        purpose: format!("Is there {name} to play with?"),
        clauses: Vec::new(),
        fixtures: vec![("a".to_owned(), kind)],
        steps: acts.into_iter().map(Step::from).collect(),
    }
}
