//! The import rule: a module of the harness may import only modules on lower steps of the staircase.
//!
//! The staircase is defined here and in `harness/docs/architecture.md`. A module without a step is reported, so that
//! each new one is placed on purpose. Tests may import anything.

use super::tokens::ImportTarget;
use super::{Complaint, Source};

/// The steps from lowest to highest.
const STAIRCASE: &[LayerStep] = &[
    LayerStep::Apart(&["wire"]),
    LayerStep::Apart(&["verdict"]),
    // The vocabulary of the contract refers to calls, and calls are built from that vocabulary.
    LayerStep::Together(&["contract", "call"]),
    LayerStep::Apart(&["journal"]),
    LayerStep::Apart(&["protocol"]),
    LayerStep::Apart(&["plan"]),
    LayerStep::Apart(&["model"]),
    LayerStep::Apart(&["check"]),
    LayerStep::Apart(&["sign", "endpoint", "golden", "report"]),
    LayerStep::Apart(&["runner"]),
    LayerStep::Apart(&["embedded"]),
    LayerStep::Apart(&["selfcheck", "fuzzing"]),
    LayerStep::Apart(&["replay", "compare"]),
    LayerStep::Apart(&["cli"]),
];

/// The second witness. It must not read the contract, so it is outside of the staircase and may import only this.
const WITNESS: &str = "reference";
const WITNESS_SEES: &str = "wire";

/// The modules that may import the second witness: those that connect the modules, and one file of the endpoints.
const WITNESS_SEEN_BY: &[&str] = &["runner", "selfcheck", "fuzzing", "embedded", "cli"];
const WITNESS_DOOR: &str = "endpoint";

/// The modules on one step.
enum LayerStep {
    /// They may not import each other.
    Apart(&'static [&'static str]),
    /// They may import each other.
    Together(&'static [&'static str]),
}

pub(super) fn check(sources: &[Source]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut doors: Vec<&str> = Vec::new();
    for source in sources {
        let Some(from) = source.module.first() else {
            // Crate roots only declare the modules.
            continue;
        };
        if from != WITNESS && height(from).is_none() {
            complaints.push(Complaint::new(
                &source.path,
                format!("`{from}` stands on no step; place it on the staircase in xtask/src/tidy/floors.rs"),
            ));
            continue;
        }
        for used in &source.uses {
            let ImportTarget::Ours(to) = &used.to else {
                continue;
            };
            if to == WITNESS && from == WITNESS_DOOR {
                doors.push(&source.path);
            } else if !may_see(from, to) {
                complaints.push(Complaint::new(
                    format!("{}:{}", source.path, used.line),
                    format!("`{from}` must not use `{to}`: imports go down only"),
                ));
            }
        }
    }
    doors.dedup();
    if let [_, more @ ..] = doors.as_slice() {
        complaints.extend(more.iter().map(|path| {
            Complaint::new(
                *path,
                format!("a second door to `{WITNESS}`; one file of `{WITNESS_DOOR}` is enough"),
            )
        }));
    }
    complaints
}

fn may_see(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    if from == WITNESS {
        return to == WITNESS_SEES;
    }
    if to == WITNESS {
        return WITNESS_SEEN_BY.contains(&from);
    }
    let (Some((own, step)), Some((other, _))) = (height(from), height(to)) else {
        // Not a module of the staircase: a macro or an item at the crate root.
        return height(to).is_none();
    };
    other < own || other == own && matches!(step, LayerStep::Together(_))
}

fn height(module: &str) -> Option<(usize, &'static LayerStep)> {
    STAIRCASE.iter().enumerate().find(|(_, step)| match step {
        LayerStep::Apart(modules) | LayerStep::Together(modules) => modules.contains(&module),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let source = Source::new(path, text).expect("it is Rust");
        check(&[source]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_module_uses_those_before_it() {
        assert!(
            complaints(
                "harness/core/src/model/step.rs",
                "use crate::{contract::Clause, wire::Request};"
            )
            .is_empty()
        );
        assert_eq!(
            complaints("harness/core/src/model/step.rs", "use crate::check::judge;"),
            ["harness/core/src/model/step.rs:1: `model` must not use `check`: imports go down only"]
        );
    }

    #[test]
    fn contract_and_call_see_each_other_and_endpoint_and_report_do_not() {
        assert!(complaints("harness/core/src/contract/mod.rs", "use crate::call::Call;").is_empty());
        assert!(complaints("harness/core/src/call.rs", "use crate::contract::Clause;").is_empty());
        assert_eq!(
            complaints("harness/src/report/html.rs", "use crate::endpoint::Endpoint;").len(),
            1
        );
    }

    #[test]
    fn the_second_witness_sees_the_wire_and_nothing_else() {
        assert!(complaints("harness/src/reference/state.rs", "use crate::wire::Request;").is_empty());
        assert!(complaints("harness/src/reference/state.rs", "use crate::reference::Fault;").is_empty());
        assert_eq!(
            complaints("harness/src/reference/state.rs", "use crate::call::Call;").len(),
            1
        );
    }

    #[test]
    fn the_second_witness_is_seen_by_the_conduct_and_one_door() {
        let reference = "use crate::reference::Reference;";
        assert!(complaints("harness/src/cli/serve.rs", reference).is_empty());
        assert_eq!(complaints("harness/core/src/check/mod.rs", reference).len(), 1);
        let source = |path| Source::new(path, reference).expect("it is Rust");
        let one = source("harness/src/endpoint/embedded.rs");
        let two = source("harness/src/endpoint/http.rs");
        assert!(check(std::slice::from_ref(&one)).is_empty());
        assert_eq!(check(&[one, two]).len(), 1);
    }

    #[test]
    fn a_module_on_no_step_is_a_complaint() {
        assert_eq!(complaints("harness/src/util.rs", "").len(), 1);
    }
}
