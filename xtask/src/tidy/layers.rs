//! The import rule: a module of the harness may import only modules on lower steps of the staircase.
//!
//! The staircase is defined here and in `harness/docs/architecture.md`. A module without a step is reported, so that
//! each new one is placed on purpose. Tests may import anything.

use super::tokens::ImportTarget;
use super::{Complaint, Source};

/// The steps from lowest to highest.
const STAIRCASE: &[LayerStep] = &[
    LayerStep::Apart(&["verdict"]),
    // The vocabulary of the contract refers to calls, and calls are built from that vocabulary.
    LayerStep::Together(&["contract", "call"]),
    LayerStep::Apart(&["journal"]),
    LayerStep::Apart(&["protocol"]),
    LayerStep::Apart(&["plan"]),
    LayerStep::Apart(&["model"]),
    LayerStep::Apart(&["check"]),
    LayerStep::Apart(&["words", "diff"]),
    LayerStep::Apart(&["evidence", "sign", "endpoint", "golden", "report"]),
    LayerStep::Apart(&["runner", "traffic"]),
    LayerStep::Apart(&["embedded"]),
    LayerStep::Apart(&["selfcheck", "fuzzing"]),
    LayerStep::Apart(&["replay", "compare", "library"]),
    LayerStep::Apart(&["cli"]),
];

/// The modules on one step.
enum LayerStep {
    /// They may not import each other.
    Apart(&'static [&'static str]),
    /// They may import each other.
    Together(&'static [&'static str]),
}

pub(super) fn check(sources: &[Source]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in sources {
        let Some(from) = source.module.first() else {
            // Crate roots only declare the modules.
            continue;
        };
        if height(from).is_none() {
            complaints.push(Complaint::new(
                &source.path,
                format!("`{from}` stands on no step; place it on the staircase in xtask/src/tidy/layers.rs"),
            ));
            continue;
        }
        for used in &source.uses {
            if let ImportTarget::Ours(to) = &used.to
                && !may_import(from, to)
            {
                complaints.push(Complaint::new(
                    format!("{}:{}", source.path, used.line),
                    format!("`{from}` must not use `{to}`: imports go down only"),
                ));
            }
        }
    }
    complaints
}

fn may_import(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    let (Some((own, step)), Some((other, _))) = (height(from), height(to)) else {
        // Not a module of the staircase: another crate, a macro, or an item at the crate root.
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
                "use crate::{contract::Clause, verdict::Verdict};"
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
    fn a_module_on_no_step_is_a_complaint() {
        assert_eq!(complaints("harness/src/util.rs", "").len(), 1);
    }
}
