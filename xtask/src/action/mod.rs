//! Checks what others run in their CI: lints workflows, actions and container files, and executes the steps of the
//! action as a runner does, with a wheel of this work tree.

mod runner;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use self::runner::{Action, Job};
use crate::shell::{self, TaskOutcome};
use crate::workspace::Workspace;
use crate::{tools, wheel};

/// The folder of the action.
const ACTION: &str = ".github/actions/stopcheck";

/// Workflows that are examples: the linter does not find them by itself.
const EXAMPLES: &[&str] = &["harness/docs/ci/github.yml", "harness/docs/ci/github-slices.yml"];

const CONTAINER_FILES: &[&str] = &["harness/Containerfile"];

#[derive(clap::Args, Default)]
pub(crate) struct ActionArgs {
    /// Only lints; nothing is built or run.
    #[arg(long)]
    lint: bool,
}

pub(crate) fn run(args: &ActionArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    lint(workspace)?;
    if !args.lint {
        execute(workspace)?;
    }
    Ok(TaskOutcome::Good)
}

fn lint(workspace: &Workspace) -> Result<()> {
    // Without files it checks all workflows and actions of the work tree.
    shell::run(&mut tools::jactionlint(workspace)?)?;
    // Examples name actions by a version, as users write them, and have less around them.
    let mut examples = tools::jactionlint(workspace)?;
    shell::run(examples.args(["--profile", "correctness"]).args(EXAMPLES))?;
    let mut containers = workspace.command(tools::hadolint(workspace)?);
    shell::run(containers.args(CONTAINER_FILES))
}

/// Executes the action on a server that conforms, on one that does not, and with a mistake in its inputs.
fn execute(workspace: &Workspace) -> Result<()> {
    let text = fs::read_to_string(workspace.path(ACTION).join("action.yml"))
        .with_context(|| format!("could not read {ACTION}/action.yml"))?;
    let action = Action::parse(&text).with_context(|| format!("could not read {ACTION}/action.yml"))?;
    let wheel = wheel::build(workspace)?;
    let wheel = wheel.to_string_lossy();
    let serve = "stopcheck serve --instant --port {port}";
    let serve_wrongly = "stopcheck serve --instant --port {port} --fault dry-run-ignored";
    let scenarios = [
        Expectation {
            name: "a server that conforms",
            inputs: &[
                ("version", &wheel),
                ("command", serve),
                ("args", "--phase scenarios"),
            ],
            code: 0,
            outputs: &[
                ("exit-code", "0"),
                ("findings-fail", "0"),
                ("reports", "stopcheck-reports"),
            ],
            summary: "stopcheck",
        },
        Expectation {
            name: "a server with a fault",
            inputs: &[
                ("version", &wheel),
                ("command", serve_wrongly),
                ("args", "--case 'dry-run/*'"),
                ("reports", "some reports"),
            ],
            code: 1,
            outputs: &[("exit-code", "1"), ("reports", "some reports")],
            summary: "fail",
        },
        Expectation {
            name: "two endpoints",
            inputs: &[
                ("version", &wheel),
                ("command", serve),
                ("endpoint-url", "http://127.0.0.1:1"),
            ],
            code: 2,
            outputs: &[("exit-code", "")],
            summary: "",
        },
        Expectation {
            name: "a wheel that is not there",
            inputs: &[("version", "no/such.whl"), ("command", serve)],
            code: 2,
            outputs: &[("exit-code", "")],
            summary: "",
        },
    ];
    for scenario in &scenarios {
        println!("-- {}", scenario.name);
        let job = action.play(scenario.inputs, &workspace.path(ACTION), workspace)?;
        scenario
            .compare(&job)
            .with_context(|| format!("the action did not do what it should with {}", scenario.name))?;
    }
    Ok(())
}

/// What the action must do with some inputs.
struct Expectation<'a> {
    name: &'a str,
    inputs: &'a [(&'a str, &'a str)],
    code: i32,
    outputs: &'a [(&'a str, &'a str)],
    /// A text in the step summary; without one, there is no summary.
    summary: &'a str,
}

impl Expectation<'_> {
    fn compare(&self, job: &Job) -> Result<()> {
        if job.code != self.code {
            bail!("exit code {} instead of {}", job.code, self.code);
        }
        for (name, value) in self.outputs {
            let observed = job.outputs.get(*name).map(String::as_str);
            if observed != Some(value) {
                bail!("the output {name} is {observed:?} instead of {value:?}");
            }
        }
        if self.summary.is_empty() != job.summary.is_empty() || !job.summary.contains(self.summary) {
            bail!("the summary is {:?}", job.summary);
        }
        if self.summary.is_empty() {
            return Ok(());
        }
        // Every report that an output names is a file, and all are below the folder that is uploaded.
        let uploaded = job.uploaded.as_deref().context("nothing is uploaded")?;
        let reports: Vec<(&String, &String)> = job
            .outputs
            .iter()
            .filter(|(name, _)| name.starts_with("report-"))
            .collect();
        if reports.is_empty() {
            bail!("no output names a report");
        }
        for (name, path) in reports {
            if !job.folder.join(path).is_file() || !Path::new(path).starts_with(uploaded) {
                bail!("the output {name} is {path:?}: no file in the folder {uploaded:?}");
            }
        }
        Ok(())
    }
}
