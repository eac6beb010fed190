//! What the head of a journal records about the setup of its run, so that `stopcheck merge` and `stopcheck run --resume`
//! can refuse what does not belong together.
//!
//! Options that change neither what is played nor how it is judged may differ between slices: the endpoint, credentials,
//! images, workers, reports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::args::RunArgs;
use super::error::CliError;
use crate::contract::Contract;
use crate::journal::{Partition, Phase, RunSetup, RunStarted};
use crate::plan::Plan;
use crate::runner::{self, Options};

/// What the runner does not know about a run: where cases come from, who started the endpoint, and by which options.
#[derive(Debug, Default)]
pub(super) struct RunFacts {
    pub(super) scenarios: Vec<String>,
    pub(super) server: Vec<String>,
    pub(super) partition: Option<Partition>,
    pub(super) setup: Option<RunSetup>,
}

impl RunFacts {
    /// The facts of a run; the setup only if it is recorded.
    pub(super) fn of(
        args: &RunArgs,
        contract: &Contract,
        plan: &Plan,
        options: &Options,
    ) -> Result<RunFacts, CliError> {
        let setup = |build: String| RunSetup {
            build,
            contract: runner::digest_of(format!("{contract:?}").as_bytes()),
            options: options_of(args, plan, options),
        };
        let scenarios = args.scenarios.iter().map(|path| path.display().to_string());
        let facts = RunFacts {
            scenarios: scenarios.collect(),
            ..RunFacts::default()
        };
        match args.partition {
            Some(slice) => Ok(RunFacts {
                partition: Some(Partition {
                    slice,
                    setup: setup(build()?),
                }),
                ..facts
            }),
            None if args.journal.is_some() => Ok(RunFacts {
                setup: Some(setup(build_here()?)),
                ..facts
            }),
            None => Ok(facts),
        }
    }

    /// Adds the facts to the head of a journal.
    pub(super) fn complete(&self, head: &mut RunStarted) {
        head.scenarios.clone_from(&self.scenarios);
        head.server.clone_from(&self.server);
        head.partition.clone_from(&self.partition);
        head.setup.clone_from(&self.setup);
    }
}

/// A digest of this program. Two builds of one version may judge differently.
fn build() -> Result<String, CliError> {
    let program = program()?;
    let bytes = std::fs::read(&program).map_err(unread(program))?;
    Ok(runner::digest_of(&bytes))
}

/// A digest that distinguishes this program from others on this machine, where a run is resumed: to read the whole
/// program would cost more than to write a short journal.
fn build_here() -> Result<String, CliError> {
    let program = program()?;
    let about = std::fs::metadata(&program).and_then(|about| Ok((about.len(), about.modified()?)));
    let about = about.map_err(unread(program))?;
    Ok(runner::digest_of(format!("{about:?}").as_bytes()))
}

fn program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(unread("the program file".into()))
}

fn unread(path: PathBuf) -> impl FnOnce(std::io::Error) -> CliError {
    move |source| CliError::File {
        doing: "read",
        path,
        source,
    }
}

/// The options that all slices have in common, with the values in effect; what is off is left out.
fn options_of(args: &RunArgs, plan: &Plan, options: &Options) -> BTreeMap<String, String> {
    let planned = plan.cases.iter().map(|planned| planned.phase);
    let wire = plan.wire.iter().map(|_| Phase::Wire);
    let random = plan.random.iter().map(|_| Phase::Random);
    let phases: BTreeSet<Phase> = planned.chain(wire).chain(random).collect();
    let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
    let random = plan.random.as_ref();
    let texts = [
        (
            "phase",
            phases.into_iter().map(Phase::name).collect::<Vec<_>>().join(","),
        ),
        ("case", args.case.join(" ")),
        ("skip", args.skip.join(" ")),
        ("clause", args.clause.join(" ")),
        // Strength, overlaps and defaults that depend on the endpoint show in it.
        ("number of cases", plan.planned().to_string()),
        ("callers", args.callers.to_string()),
        ("max-requests", options.max_requests.to_string()),
        ("settle-timeout", seconds(options.settle_timeout)),
        ("request-timeout", seconds(args.endpoint.request_timeout)),
        ("instance-type", options.launch.instance_type.clone()),
    ];
    let optional = [
        ("cases", random.map(|random| random.scripts.to_string())),
        ("max-time", random.and_then(|random| random.max_time).map(seconds)),
        (
            "max-shrink-requests",
            random.map(|random| random.max_shrink_requests.to_string()),
        ),
        (
            "max-instances",
            options.max_instances.map(|most| most.to_string()),
        ),
        ("time-limit", options.time_limit.map(seconds)),
        ("fail-fast", options.fail_fast.then(|| "on".to_owned())),
    ];
    let texts = texts.into_iter().filter(|(_, value)| !value.is_empty());
    let optional = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    texts
        .chain(optional)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Prints, after the report of a slice, where the verdict comes from.
pub(super) fn tell(partition: &Partition, args: &RunArgs) {
    let slice = partition.slice;
    match &args.journal {
        Some(journal) => eprintln!(
            "note: this was slice {slice}: stopcheck merge puts {} and the journals of the other slices together",
            journal.display()
        ),
        None => eprintln!(
            "note: this was slice {slice}, without a journal; stopcheck merge needs one (--journal) of each slice"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Edition, embedded};
    use crate::journal::Slice;
    use crate::plan::{PlannedCase, Random, Selection, coverage};

    /// All phases, with so many scripts.
    fn plan(scripts: u64) -> Plan {
        let contract = embedded(Edition::Current);
        let all = Selection::default();
        let mut plan = Plan::default();
        plan.add(Phase::Scenarios, contract.scenarios.iter().cloned(), &all);
        plan.add(Phase::Coverage, coverage::cases(&contract, coverage::LEAST), &all);
        plan.add_wire(&contract, &all);
        plan.add(
            Phase::Concurrent,
            runner::concurrent_cases(&contract, 7, 0..25, 8),
            &all,
        );
        plan.random = Some(Random {
            scripts,
            ..Random::default()
        });
        plan
    }

    /// The names of what a slice of the plan plays, by phase, in order.
    fn played(mut plan: Plan) -> BTreeMap<Phase, Vec<String>> {
        let (slice, planned, sizes) = (plan.slice, plan.planned(), plan.sizes());
        let mut names: BTreeMap<Phase, Vec<String>> = BTreeMap::new();
        let random = plan.random.take().unwrap_or_default();
        let scripts = random
            .numbers_in(slice, planned)
            .map(|number| format!("random/{number}"));
        let scripts: Vec<String> = scripts.collect();
        for placed in plan.take_cases() {
            let name = match placed.case {
                PlannedCase::Calls(case) => case.name,
                PlannedCase::Bytes(case) => case.name.to_owned(),
            };
            names.entry(placed.phase).or_default().push(name);
        }
        let counted = names.iter().map(|(phase, names)| (*phase, names.len()));
        assert_eq!(
            counted.collect::<BTreeMap<_, _>>(),
            sizes,
            "the head says what is played"
        );
        names.insert(Phase::Random, scripts);
        names
    }

    #[test]
    fn slices_are_disjoint_complete_and_balanced_in_every_phase() {
        for scripts in [0, 20, 23] {
            let whole = plan(scripts);
            let all = played(whole.clone());
            assert_eq!(all.len(), 5, "every phase has cases");
            for of in 1..=9 {
                let slices: Vec<BTreeMap<Phase, Vec<String>>> = (1..=of)
                    .filter_map(|number| Slice::new(number, of))
                    .map(|slice| {
                        played(Plan {
                            slice,
                            ..whole.clone()
                        })
                    })
                    .collect();
                for (phase, names) in &all {
                    let parts: Vec<&[String]> = slices
                        .iter()
                        .map(|slice| slice.get(phase).map_or(&[][..], Vec::as_slice))
                        .collect();
                    let mut together: Vec<&String> = parts.iter().copied().flatten().collect();
                    let mut names: Vec<&String> = names.iter().collect();
                    together.sort_unstable();
                    names.sort_unstable();
                    assert_eq!(together, names, "{phase:?} in {of} slices");
                    is_balanced(parts.iter().map(|part| part.len()));
                }
                // What is left over in one phase is not always left to the same slices.
                is_balanced(slices.iter().map(|slice| slice.values().map(Vec::len).sum()));
            }
        }
    }

    #[track_caller]
    fn is_balanced(sizes: impl Iterator<Item = usize> + Clone) {
        let (least, most) = (sizes.clone().min(), sizes.max());
        let spread = most.zip(least).map(|(most, least)| most - least);
        assert!(
            spread.is_some_and(|spread| spread <= 1),
            "from {least:?} to {most:?}"
        );
    }
}
