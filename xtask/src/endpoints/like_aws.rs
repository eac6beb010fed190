//! Judges the reference with the timing of the real service, in real time: `stopcheck serve --like-aws`, one server for
//! each variation that is named, all of them at once.
//!
//! The named cases must pass in a quarter of an hour, with at most twenty instances at once: the defaults of a run on
//! real AWS, forced here by options. `stopcheck selfcheck --like-aws` plays every variation by a simulated clock.

use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::clients::serve;
use crate::shell::{self, Server, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

/// The time in which the named cases must be over.
const TARGET: Duration = Duration::from_secs(15 * 60);

#[derive(clap::Args, Default)]
pub(crate) struct LikeAwsArgs {
    /// Also a server with this variation; may be given several times.
    #[arg(long = "variation", value_name = "NAME")]
    variations: Vec<String>,
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    stopcheck: Option<std::path::PathBuf>,
    /// More arguments for `stopcheck run`.
    #[arg(last = true)]
    run_args: Vec<String>,
}

/// A run at a server of its own.
struct Run {
    name: String,
    command: Command,
    _server: Server,
}

/// What a run has shown.
struct Played {
    name: String,
    status: ExitStatus,
    report: String,
    took: Duration,
}

pub(crate) fn run(args: &LikeAwsArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let none = [None].into_iter();
    let names = none.chain(args.variations.iter().map(Some));
    let mut runs = Vec::new();
    for variation in names {
        let mut options = vec!["--like-aws"];
        options.extend(variation.iter().flat_map(|name| ["--variation", name.as_str()]));
        let (server, exports) = serve::start(workspace, &stopcheck, &options)?;
        let mut command = workspace.command(&stopcheck);
        command.args(["run", "--no-config", "--phase", "scenarios", "-v", "--quiet"]);
        command.args(["--max-instances", "20", "--settle-timeout", "300"]);
        command.args(&args.run_args);
        command.envs(exports.iter());
        runs.push(Run {
            name: variation.cloned().unwrap_or_else(|| "no variation".to_owned()),
            command,
            _server: server,
        });
    }
    let begun = Instant::now();
    let play = move |mut run: Run| -> Result<Played> {
        let output = run.command.output();
        let output = output.with_context(|| format!("could not run {}", shell::line(&run.command)))?;
        Ok(Played {
            name: run.name,
            status: output.status,
            report: String::from_utf8_lossy(&output.stdout).into_owned(),
            took: begun.elapsed(),
        })
    };
    let threads: Vec<_> = runs
        .into_iter()
        .map(|run| thread::spawn(move || play(run)))
        .collect();
    let mut is_bad = false;
    for thread in threads {
        let Played {
            name,
            status,
            report,
            took,
        } = thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        let holds = status.success() && took <= TARGET;
        println!("{name}: {status} after {:.0} s", took.as_secs_f64());
        // The last lines have the counts and the verdict.
        let lines: Vec<&str> = report.lines().collect();
        let shown = if holds { lines.len().saturating_sub(6) } else { 0 };
        for line in lines.iter().skip(shown) {
            println!("    {line}");
        }
        is_bad |= !holds;
    }
    Ok(TaskOutcome::bad_if(is_bad))
}
