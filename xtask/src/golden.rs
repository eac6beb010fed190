//! Reviews goldens and snapshots: runs `cargo insta` at the version of the library, and passes the arguments on.

use anyhow::{Context, Result};

use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct GoldenTaskArgs {
    /// What cargo insta is told: review, accept, reject, pending-snapshots …
    #[arg(
        value_name = "ARGUMENT",
        default_value = "review",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &GoldenTaskArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let mut insta = workspace.command(tools::cargo_insta(workspace)?);
    // The review is interactive, so the terminal is passed on.
    let status = insta
        .args(&args.arguments)
        .status()
        .with_context(|| format!("could not start `{}`", shell::line(&insta)))?;
    Ok(TaskOutcome::bad_if(!status.success()))
}
