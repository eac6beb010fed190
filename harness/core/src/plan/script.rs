//! A random script: bytes become a sequence of steps.
//!
//! One decoder serves two sources of bytes: a seed and libFuzzer. It accepts any bytes and does not use the contract:
//! it knows what can be sent, not what will be answered. A zero byte is the simplest choice everywhere, and bytes past
//! the end read as zeros. Each step uses the same small number of bytes, so removing bytes removes steps.
//!
//! The first bytes select a mix of features, and the steps use no others: a script that never protects an instance
//! reaches states that a script which does a little of everything never reaches (swarm testing, Groce et al. 2012).
//! Instances are named by their position among those launched so far, so later steps use what earlier steps left
//! behind.

use crate::call::{Auth, Encoding, Form, Method, Order};
use crate::contract::{Act, CallTemplate, FixtureKind, Market, Root, Scenario, Step};
use crate::plan::bytes::{ChoiceBytes, pick};

/// A generated sequence of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    steps: Vec<Act>,
}

/// The features that scripts may use, so that an endpoint without instance-store images does not receive ten thousand
/// requests for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features(u32);

/// One feature that scripts may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Feature {
    /// `Force`.
    Force,
    /// `DryRun`.
    DryRun,
    /// `Hibernate`, and instances set up for it.
    Hibernate,
    /// `SkipOsShutdown`.
    SkipOsShutdown,
    /// `false` where the parameter could be left out.
    ExplicitFalse,
    /// Booleans that are neither `true` nor `false`.
    OddBooleans,
    /// Several instances in one call.
    Batches,
    /// The same instance twice in one call.
    Repeats,
    /// Ids that nobody owns.
    UnknownIds,
    /// Malformed ids.
    MalformedIds,
    /// Ids with white space around them or in upper case.
    BentIds,
    /// Calls of `StartInstances`.
    Start,
    /// Calls of `TerminateInstances`.
    Terminate,
    /// Calls of `RebootInstances`.
    Reboot,
    /// Stop protection, set and lifted.
    Protect,
    /// Spot Instances of a persistent request.
    PersistentSpot,
    /// Spot Instances of a one-time request.
    OneTimeSpot,
    /// Instances with an instance-store root.
    InstanceStore,
    /// Ten instances or more. They are slow to describe, so only few scripts have them.
    Herd,
    /// Wrong names, versions, indices.
    OddParameters,
    /// GET, other orders and encodings.
    Forms,
    /// Missing or invalid signatures, and unknown access keys.
    WrongSignatures,
    /// Temporary credentials.
    Sessions,
    /// A caller that is not allowed to stop instances.
    Denied,
}

/// The version of the decoder, the first of the bytes. It changes when the same bytes get another meaning.
const VERSION: u8 = 2;

/// The bytes before the first step: the version and the mix.
const HEAD: usize = 4;

/// The bytes of one step.
pub const STEP_BYTES: usize = 7;

/// How many steps are decoded at most.
const MOST_STEPS: usize = 128;

/// How many instances a script has at most, and how many a script with a herd launches first.
const MOST_INSTANCES: usize = 3;
const HERD: usize = 11;

/// The features that a script must have for a herd.
const HERD_MIX: [Feature; 5] = [
    Feature::Herd,
    Feature::Batches,
    Feature::Repeats,
    Feature::Force,
    Feature::Start,
];

impl Features {
    /// All features.
    pub const ALL: Features = Features((1 << Feature::ALL.len()) - 1);

    /// These features without one.
    #[must_use]
    pub fn without(self, feature: Feature) -> Features {
        Features(self.0 & !bit(feature))
    }

    /// Whether a feature is among these.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & bit(feature) != 0
    }
}

fn bit(feature: Feature) -> u32 {
    1 << (feature as u32)
}

impl Feature {
    /// Every feature.
    pub const ALL: [Feature; 24] = [
        Feature::Force,
        Feature::DryRun,
        Feature::Hibernate,
        Feature::SkipOsShutdown,
        Feature::ExplicitFalse,
        Feature::OddBooleans,
        Feature::Batches,
        Feature::Repeats,
        Feature::UnknownIds,
        Feature::MalformedIds,
        Feature::BentIds,
        Feature::Start,
        Feature::Terminate,
        Feature::Reboot,
        Feature::Protect,
        Feature::PersistentSpot,
        Feature::OneTimeSpot,
        Feature::InstanceStore,
        Feature::Herd,
        Feature::OddParameters,
        Feature::Forms,
        Feature::WrongSignatures,
        Feature::Sessions,
        Feature::Denied,
    ];
}

impl Script {
    /// Decodes a script, using only the allowed features. Any bytes are a script.
    pub fn decode(bytes: &[u8], allowed: Features) -> Script {
        Script::read(&mut ChoiceBytes::new(bytes), allowed)
    }

    /// The bytes of a script with this many steps, from a source of random bytes.
    pub fn bytes(steps: usize, mut random: impl FnMut() -> u8) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend((1..HEAD + steps * STEP_BYTES).map(|_| random()));
        bytes
    }

    /// Converts the script to a case of this name.
    pub fn into_case(self, name: &str) -> Scenario {
        Scenario {
            name: name.to_owned(),
            purpose: "A random script.".to_owned(),
            clauses: Vec::new(),
            fixtures: Vec::new(),
            steps: self.steps.into_iter().map(Step::from).collect(),
        }
    }

    fn read(bytes: &mut ChoiceBytes<'_>, allowed: Features) -> Script {
        let _version = bytes.byte();
        let mix = [bytes.byte(), bytes.byte(), bytes.byte(), 0];
        let mut features = Features(u32::from_le_bytes(mix) & allowed.0);
        if !HERD_MIX.iter().all(|feature| features.has(*feature)) {
            features = features.without(Feature::Herd);
        }
        let mut writer = Writer {
            features,
            instances: 0,
            steps: Vec::new(),
        };
        let first = if writer.features.has(Feature::Herd) {
            HERD
        } else {
            1
        };
        for _ in 0..first {
            writer.launch(0);
        }
        for _ in 0..MOST_STEPS {
            if bytes.is_empty() {
                break;
            }
            let choices: [u8; STEP_BYTES] = std::array::from_fn(|_| bytes.byte());
            writer.step(choices);
        }
        Script { steps: writer.steps }
    }
}

/// Appends steps and counts the instances launched so far.
struct Writer {
    features: Features,
    instances: usize,
    steps: Vec<Act>,
}

/// What a step can do, the simplest first. An action that is listed twice is chosen twice as often.
const SCRIPT_ACTIONS: [(ScriptAction, Option<Feature>); 24] = [
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Stop, None),
    (ScriptAction::Rest, None),
    (ScriptAction::Pass, None),
    (ScriptAction::Pass, None),
    (ScriptAction::Observe, None),
    (ScriptAction::Launch, None),
    (ScriptAction::Start, Some(Feature::Start)),
    (ScriptAction::Start, Some(Feature::Start)),
    (ScriptAction::Terminate, Some(Feature::Terminate)),
    (ScriptAction::Reboot, Some(Feature::Reboot)),
    (ScriptAction::Protect(true), Some(Feature::Protect)),
    (ScriptAction::Protect(false), Some(Feature::Protect)),
];

#[derive(Clone, Copy)]
enum ScriptAction {
    Stop,
    Rest,
    Pass,
    Observe,
    Launch,
    Start,
    Terminate,
    Reboot,
    Protect(bool),
}

impl Writer {
    fn step(&mut self, choices: [u8; STEP_BYTES]) {
        let [script_action, which, options, list, bad, odd, form] = choices;
        let (script_action, feature) = pick(&SCRIPT_ACTIONS, script_action);
        let script_action = match feature {
            Some(feature) if !self.features.has(feature) => ScriptAction::Stop,
            // There are enough instances; stopping them is what scripts are for.
            None if matches!(script_action, ScriptAction::Launch) && self.instances >= self.most() => {
                ScriptAction::Stop
            }
            Some(_) | None => script_action,
        };
        let act = match script_action {
            ScriptAction::Stop => Act::Call(self.stop(which, options, list, bad, odd, form)),
            ScriptAction::Rest => Act::Rest,
            ScriptAction::Pass => Act::Pass(pick(&[500, 1_000, 2_500, 5_000, 1], options)),
            // `Rest` also describes the instances, and every script ends with a description.
            ScriptAction::Observe if which % 2 == 1 => Act::Observe,
            ScriptAction::Observe => Act::Rest,
            ScriptAction::Launch => return self.launch(options),
            ScriptAction::Start => Act::Call(self.plain("StartInstances", which, list)),
            ScriptAction::Terminate => Act::Call(self.plain("TerminateInstances", which, list)),
            ScriptAction::Reboot => Act::Call(self.plain("RebootInstances", which, list)),
            ScriptAction::Protect(on) => {
                self.protect(which, on);
                // Usually long enough for every call to see the change.
                Act::Pass(pick(&[6_000, 6_000, 6_000, 1], options))
            }
        };
        self.steps.push(act);
    }

    /// Sets or lifts the stop protection of an instance.
    fn protect(&mut self, which: u8, on: bool) {
        let call = Act::Call(CallTemplate {
            action: Some("ModifyInstanceAttribute".to_owned()),
            params: vec![
                ("InstanceId".to_owned(), self.instance(which)),
                ("Attribute".to_owned(), "disableApiStop".to_owned()),
                ("Value".to_owned(), on.to_string()),
            ],
            form: Form::default(),
        });
        self.steps.push(call);
    }

    fn most(&self) -> usize {
        if self.features.has(Feature::Herd) {
            HERD + 1
        } else {
            MOST_INSTANCES
        }
    }

    fn launch(&mut self, choice: u8) {
        let plain = FixtureKind::default();
        let (feature, kind) = pick(
            &[
                (None, plain),
                (None, plain),
                (
                    Some(Feature::PersistentSpot),
                    FixtureKind {
                        market: Market::PersistentSpot,
                        ..plain
                    },
                ),
                (
                    Some(Feature::OneTimeSpot),
                    FixtureKind {
                        market: Market::OneTimeSpot,
                        ..plain
                    },
                ),
                (
                    Some(Feature::InstanceStore),
                    FixtureKind {
                        root: Root::InstanceStore,
                        ..plain
                    },
                ),
                (
                    Some(Feature::Hibernate),
                    FixtureKind {
                        hibernation: true,
                        ..plain
                    },
                ),
            ],
            choice,
        );
        let kind = match feature {
            Some(feature) if !self.features.has(feature) => plain,
            Some(_) | None => kind,
        };
        self.steps.push(Act::Launch(name_of(self.instances), kind));
        self.instances += 1;
    }

    /// A call of a sibling action on one instance or two.
    fn plain(&self, action: &str, which: u8, list: u8) -> CallTemplate {
        let count = if self.features.has(Feature::Batches) && list % 4 == 3 {
            2
        } else {
            1
        };
        CallTemplate {
            action: Some(action.to_owned()),
            params: (0..count)
                .map(|at| {
                    (
                        format!("InstanceId.{}", at + 1),
                        self.instance(which.wrapping_add(at)),
                    )
                })
                .collect(),
            form: Form::default(),
        }
    }

    /// A call of the action under test, with any errors that the features allow.
    fn stop(&self, which: u8, options: u8, list: u8, bad: u8, odd: u8, form: u8) -> CallTemplate {
        let mut params: Vec<(String, String)> = self
            .ids(which, list, bad)
            .into_iter()
            .enumerate()
            .map(|(at, id)| (format!("InstanceId.{}", at + 1), id))
            .collect();
        self.options(options, &mut params);
        let mut call = CallTemplate {
            action: Some("StopInstances".to_owned()),
            params,
            form: Form::default(),
        };
        self.travel(form, &mut call.form);
        self.hook(odd, &mut call);
        call
    }

    /// The ids of a call: launched instances in order, possibly with one repeated and with one bad id.
    fn ids(&self, which: u8, list: u8, bad: u8) -> Vec<String> {
        let herd = self.features.has(Feature::Herd);
        let count = match (self.features.has(Feature::Batches), herd) {
            (true, true) => pick(&[1, 2, 3, 9, 10, 11], list),
            (true, false) => pick(&[1, 1, 1, 2, 2, 3, 4], list),
            (false, _) => 1,
        };
        let distinct = count.min(u8::try_from(self.instances).unwrap_or(u8::MAX));
        let mut ids: Vec<String> = (0..distinct)
            .map(|at| self.instance(which.wrapping_add(at)))
            .collect();
        if self.features.has(Feature::Repeats) && list >= 192 {
            ids.push(self.instance(which));
        }
        let (feature, text) = pick(&BAD_IDS, bad);
        if let Some(feature) = feature
            && self.features.has(feature)
        {
            let own = self.instance(which);
            let text = text
                .replace("{own}", &own)
                .replace("{own.upper}", &own.replace('}', ".upper}"));
            // After the others, before them, or in place of the first.
            match list % 3 {
                0 => ids.push(text),
                1 => ids.insert(0, text),
                _ => {
                    if let Some(first) = ids.first_mut() {
                        *first = text;
                    }
                }
            }
        }
        ids
    }

    fn options(&self, choice: u8, params: &mut Vec<(String, String)>) {
        for (feature, name, value) in pick(&OPTIONS, choice) {
            if self.features.has(*feature) {
                params.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
    }

    fn travel(&self, choice: u8, form: &mut Form) {
        let has = |feature| self.features.has(feature);
        match choice % 32 {
            16 if has(Feature::Forms) => form.method = Method::Get,
            17 if has(Feature::Forms) => form.encoding = Encoding::EveryByte,
            18 if has(Feature::Forms) => form.order = Order::ActionLast,
            19 if has(Feature::Forms) => form.order = Order::Reversed,
            20 if has(Feature::Forms) => form.order = Order::Sorted,
            21 if has(Feature::Forms) => {
                form.content_type = Some("application/x-www-form-urlencoded".to_owned());
            }
            22 if has(Feature::Forms) => (form.method, form.encoding) = (Method::Get, Encoding::EveryByte),
            23 if has(Feature::Forms) => form.auth = Auth::Query,
            24 if has(Feature::WrongSignatures) => form.auth = Auth::Unsigned,
            25 if has(Feature::WrongSignatures) => form.auth = Auth::WrongSignature,
            26 if has(Feature::WrongSignatures) => form.auth = Auth::UnknownKey,
            27 if has(Feature::WrongSignatures) => form.auth = Auth::Stale,
            28 if has(Feature::WrongSignatures) => form.auth = Auth::Garbage,
            29 if has(Feature::Sessions) => form.auth = Auth::Session,
            30 if has(Feature::Sessions) => form.auth = Auth::ExpiredSession,
            31 if has(Feature::Denied) => form.auth = Auth::Denied,
            _ => {}
        }
    }

    fn hook(&self, choice: u8, call: &mut CallTemplate) {
        if !self.features.has(Feature::OddParameters) {
            return;
        }
        let mut add = |name: &str, value: &str| call.params.push((name.to_owned(), value.to_owned()));
        match choice % 32 {
            16 => add("Bogus", "1"),
            17 => add("ClientToken", "stopcheck"),
            18 => add("dryRun", "true"),
            19 => add("instanceId.9", "i-ffffff"),
            20 => {
                add("Force", "true");
                add("Force", "false");
            }
            21 => call.params.retain(|(name, _)| !name.starts_with("InstanceId")),
            22 => rename_ids(call, |at| format!("InstanceId.{}", at + 2)),
            23 => rename_ids(call, |at| format!("InstanceId.{at}")),
            24 => rename_ids(call, |at| format!("InstanceId.{}", at * 2 + 1)),
            25 => rename_ids(call, |_| "InstanceId".to_owned()),
            26 => call.action = None,
            27 => call.action = Some("StopInstance".to_owned()),
            28 => call.action = Some("stopinstances".to_owned()),
            29 => call.form.version = None,
            30 => call.form.version = Some("1999-01-01".to_owned()),
            31 => add("InstanceType", "t3.micro"),
            _ => {}
        }
    }

    /// The placeholder of the instance that this byte selects.
    fn instance(&self, which: u8) -> String {
        format!("{{{}}}", name_of(usize::from(which) % self.instances.max(1)))
    }
}

/// Options of a stop, mostly none.
const OPTIONS: [&[(Feature, &str, &str)]; 16] = [
    &[],
    &[],
    &[],
    &[],
    &[(Feature::Force, "Force", "true")],
    &[(Feature::DryRun, "DryRun", "true")],
    &[(Feature::Hibernate, "Hibernate", "true")],
    &[(Feature::SkipOsShutdown, "SkipOsShutdown", "true")],
    &[(Feature::ExplicitFalse, "DryRun", "false")],
    &[(Feature::ExplicitFalse, "Force", "false")],
    &[(Feature::ExplicitFalse, "Hibernate", "false")],
    &[
        (Feature::Force, "Force", "true"),
        (Feature::DryRun, "DryRun", "true"),
    ],
    &[
        (Feature::Hibernate, "Hibernate", "true"),
        (Feature::DryRun, "DryRun", "true"),
    ],
    &[
        (Feature::Hibernate, "Hibernate", "true"),
        (Feature::Force, "Force", "true"),
    ],
    &[(Feature::OddBooleans, "DryRun", "True")],
    &[(Feature::OddBooleans, "Force", "1")],
];

/// Ids that do not exactly match a launched instance, mostly none.
const BAD_IDS: [(Option<Feature>, &str); 20] = [
    (None, ""),
    (None, ""),
    (None, ""),
    (None, ""),
    (None, ""),
    (None, ""),
    (None, ""),
    (None, ""),
    (None, ""),
    (None, ""),
    (Some(Feature::UnknownIds), "{unknown}"),
    (Some(Feature::UnknownIds), "{unknown2}"),
    (Some(Feature::UnknownIds), "{long}"),
    (Some(Feature::MalformedIds), "ma1"),
    (Some(Feature::MalformedIds), "10.10.1.202"),
    (Some(Feature::MalformedIds), ""),
    (Some(Feature::MalformedIds), "i-ffffff"),
    (Some(Feature::BentIds), "{own} "),
    (Some(Feature::BentIds), " {own}"),
    (Some(Feature::BentIds), "{own.upper}"),
];

fn rename_ids(call: &mut CallTemplate, name: impl Fn(usize) -> String) {
    let ids = call
        .params
        .iter_mut()
        .filter(|(name, _)| name.starts_with("InstanceId."));
    for (at, (old, _)) in ids.enumerate() {
        *old = name(at);
    }
}

/// `a`, `b`, …; a script has fewer instances than there are letters.
fn name_of(instance: usize) -> String {
    char::from(b'a' + u8::try_from(instance % 26).unwrap_or_default()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts(bytes: &[u8]) -> Vec<Act> {
        Script::decode(bytes, Features::ALL).steps
    }

    #[test]
    fn no_bytes_are_the_simplest_script_and_zeros_are_plain_stops() {
        let launch = Act::Launch("a".to_owned(), FixtureKind::default());
        assert_eq!(acts(&[]), std::slice::from_ref(&launch));
        let stop = Act::Call(CallTemplate {
            action: Some("StopInstances".to_owned()),
            params: vec![("InstanceId.1".to_owned(), "{a}".to_owned())],
            form: Form::default(),
        });
        assert_eq!(acts(&[0; HEAD + 1]), [launch.clone(), stop.clone()]);
        assert_eq!(acts(&[0; HEAD + STEP_BYTES + 1]), [launch, stop.clone(), stop]);
    }

    #[test]
    fn cutting_a_step_out_of_the_bytes_cuts_it_out_of_the_script() {
        let mut random = (1..=u8::MAX).cycle().map(|byte| byte.wrapping_mul(151));
        let bytes = Script::bytes(6, || random.next().unwrap_or_default() & !3);
        let whole = acts(&bytes);
        let mut cut = bytes.clone();
        cut.drain(HEAD + 4 * STEP_BYTES..HEAD + 5 * STEP_BYTES);
        let mut expected = whole.clone();
        expected.remove(whole.len() - 2);
        assert_eq!(acts(&cut), expected);
    }

    #[test]
    fn what_is_not_allowed_does_not_occur() {
        let none = Feature::ALL.into_iter().fold(Features::ALL, Features::without);
        assert!(
            Feature::ALL
                .into_iter()
                .all(|feature| Features::ALL.has(feature) && !none.has(feature))
        );
        let mut random = 0_u8;
        let bytes = Script::bytes(60, || {
            random = random.wrapping_mul(77).wrapping_add(91);
            random
        });
        for act in Script::decode(&bytes, none).steps {
            match act {
                Act::Launch(_, kind) => assert_eq!(kind, FixtureKind::default()),
                Act::Call(call) => {
                    assert_eq!(call.action.as_deref(), Some("StopInstances"));
                    assert!(call.form.is_plain() && call.params.len() == 1, "{call:?}");
                }
                Act::Rest | Act::Pass(_) | Act::Observe => {}
                Act::Overlap(_) | Act::Pages(..) | Act::Settle(..) => unreachable!("no script has {act:?}"),
            }
        }
    }

    #[test]
    fn every_hole_is_an_instance_launched_before_or_a_decoy() {
        for seed in 0..=u8::MAX {
            let mut state = u32::from(seed);
            let bytes = Script::bytes(40, || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            });
            let mut known: Vec<String> = Vec::new();
            for act in acts(&bytes) {
                if let Act::Launch(name, _) = &act {
                    assert!(!known.contains(name), "{name} twice");
                    known.push(name.clone());
                }
                let values = act.calls().flat_map(|call| &call.params);
                for (_, value) in values {
                    let Some((_, rest)) = value.split_once('{') else {
                        continue;
                    };
                    let name = rest.split(['}', '.']).next().unwrap_or_default();
                    let decoy = ["unknown", "unknown2", "long"].contains(&name);
                    assert!(decoy || known.iter().any(|one| one == name), "{value}");
                }
            }
        }
    }
}
