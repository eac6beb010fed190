//! Project tasks: `cargo xtask ci` runs every check that a change must pass; the other tasks are its parts, and tools
//! for occasional use.
//!
//! A task reads the work tree, runs programs and prints. Everything it installs has a pinned version and goes under
//! `target/`. None of this is part of the command that users run.

mod action;
mod ci;
mod clients;
mod drift;
mod endpoints;
mod evidence;
mod fuzz;
mod golden;
mod mutants;
mod nightly;
mod reports;
mod shell;
mod steps;
mod tidy;
mod tools;
mod wheel;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::TaskOutcome;
use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Project tasks of stopcheck",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every check that a change must pass, in order; stops at the first failure.
    Ci(ci::CiArgs),
    /// Checks what the compiler cannot: imports, library boundaries, manifests, text, licences.
    Tidy(tidy::TidyArgs),
    /// Runs stopcheck against a real endpoint, and compares what it finds with the known deviations.
    Endpoints(endpoints::EndpointsArgs),
    /// Runs real clients against `stopcheck serve`.
    Clients(clients::ClientsArgs),
    /// Validates the reports of a run, and opens the page in a browser.
    Reports(reports::ReportsArgs),
    /// Reads recordings of Amazon EC2, and says which clauses they confirm or contradict.
    Evidence(evidence::EvidenceArgs),
    /// Compares the contract with the model that AWS publishes today.
    SpecDrift(drift::DriftArgs),
    /// Lists, builds, runs and replays the fuzz targets.
    Fuzz(fuzz::FuzzArgs),
    /// Reviews, accepts or rejects recorded snapshots with `cargo insta`.
    Golden(golden::GoldenTaskArgs),
    /// Mutates the code that reads and judges answers, and lists the mutants that no test kills.
    Mutants(mutants::MutantsArgs),
    /// Builds the wheel, installs it where there is no Rust, and does the main job from there.
    Wheel(wheel::WheelArgs),
    /// Lints workflows and container files, and executes the steps of the action as a runner does.
    Action(action::ActionArgs),
    /// Runs what takes hours: longer fuzzing, older emulators with known bugs, drift, a part of the mutants.
    Nightly(nightly::NightlyArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match Workspace::find().and_then(|workspace| dispatch(cli.task, &workspace)) {
        Ok(TaskOutcome::Good) => ExitCode::SUCCESS,
        Ok(TaskOutcome::Bad) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn dispatch(task: Task, workspace: &Workspace) -> anyhow::Result<TaskOutcome> {
    shell::end_servers_on_interrupt()?;
    match task {
        Task::Ci(args) => ci::run(&args, workspace),
        Task::Tidy(args) => tidy::run(&args, workspace),
        Task::Endpoints(args) => endpoints::run(&args, workspace),
        Task::Clients(args) => clients::run(&args, workspace),
        Task::Reports(args) => reports::run(&args, workspace),
        Task::Evidence(args) => evidence::run(&args, workspace),
        Task::SpecDrift(args) => drift::run(&args, workspace),
        Task::Fuzz(args) => fuzz::run(&args, workspace),
        Task::Golden(args) => golden::run(&args, workspace),
        Task::Mutants(args) => mutants::run(&args, workspace),
        Task::Wheel(args) => wheel::run(&args, workspace),
        Task::Action(args) => action::run(&args, workspace),
        Task::Nightly(args) => nightly::run(&args, workspace),
    }
}
