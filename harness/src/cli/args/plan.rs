//! The arguments of the plan that is printed before a run.

use clap::{Args, ValueEnum};

/// What is printed before a run, and whether it needs consent.
#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArgs {
    /// Print what the run would launch, how long it would take, which permissions and quotas it needs, and which cases it
    /// leaves out; send nothing. `--plan=json` is for programs
    #[arg(long, value_name = "FORMAT", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "text", help_heading = "Safety")]
    pub(in crate::cli) plan: Option<PlanFormat>,

    /// Begin on real AWS without a question after the plan
    #[arg(long, help_heading = "Safety")]
    pub(in crate::cli) yes: bool,
}

/// The form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PlanFormat {
    /// For people
    Text,
    /// For programs
    Json,
}
