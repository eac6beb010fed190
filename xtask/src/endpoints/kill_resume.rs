//! Kills runs at random moments, and verifies what is left: the journal can be read, `stopcheck sweep` removes the
//! instances of the run and no other, and `stopcheck run --resume` ends with the verdicts of a run that was not killed.
//!
//! The endpoint is real, and has instances of others whose tags resemble those of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::play::{self, Installed, Kind};
use super::slices::statements;
use crate::clients::{self, serve};
use crate::shell::{self, Server, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

/// The cases by default: short, with several instances, protections and Spot requests.
const CASES: [&str; 6] = ["--phase", "scenarios", "--case", "stop/*", "--case", "spot/stop*"];

#[derive(clap::Args)]
pub(crate) struct KillResumeArgs {
    /// What the runs are played at.
    #[arg(long, value_enum, default_value = "moto")]
    at: At,
    /// How many runs are killed.
    #[arg(long, default_value_t = 4)]
    kills: u32,
    /// The seed of the moments.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// More arguments for `stopcheck serve`, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    serve: String,
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    stopcheck: Option<PathBuf>,
    /// More arguments for `stopcheck run`, instead of a few named cases.
    #[arg(last = true)]
    run_args: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum At {
    Moto,
    Serve,
}

impl Default for KillResumeArgs {
    fn default() -> Self {
        KillResumeArgs {
            at: At::Moto,
            kills: 4,
            seed: 0,
            serve: String::new(),
            stopcheck: None,
            run_args: Vec::new(),
        }
    }
}

/// An instance that the endpoint has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Listed {
    id: String,
    state: String,
    tags: BTreeMap<String, String>,
}

/// The endpoint with the instances of others.
struct Scene<'a> {
    workspace: &'a Workspace,
    stopcheck: PathBuf,
    settings: Vec<(String, String)>,
    run_args: Vec<String>,
    folder: PathBuf,
    bystanders: Vec<Listed>,
}

/// What the kills have shown.
#[derive(Debug, Default)]
struct Counts {
    kills: u32,
    before_the_first_event: u32,
    left: usize,
    swept: u32,
    resumed: u32,
    problems: Vec<String>,
}

pub(super) fn run(args: &KillResumeArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let folder = workspace.target("endpoints/kill-resume");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let (_server, settings) = start(args, &stopcheck, workspace)?;
    let mut scene = Scene {
        workspace,
        stopcheck,
        settings,
        run_args: match args.run_args.as_slice() {
            [] => CASES.map(str::to_owned).to_vec(),
            more => more.to_vec(),
        },
        folder,
        bystanders: Vec::new(),
    };
    scene.launch_bystanders()?;

    let begun = Instant::now();
    let whole = scene.file("whole.json");
    let code = scene.run(
        &[format!("--report=json={whole}"), scene.journal("whole")],
        "whole",
    )?;
    let length = begun.elapsed();
    ensure!(
        matches!(code, Some(0 | 1)),
        "a run without kills ended with {code:?}: no verdicts"
    );
    let expected = (code, statements(Path::new(&whole))?);
    println!("a whole run takes {:.1} s", length.as_secs_f64());

    let mut random = fastrand::Rng::with_seed(args.seed);
    let mut counts = Counts::default();
    while counts.kills < args.kills {
        let moment = length.mul_f64(random.f64());
        scene.kill_once(moment, &expected, &mut counts)?;
    }
    for problem in &counts.problems {
        println!("FAIL {problem}");
    }
    println!(
        "{} kills: {} before the first event; {} instances were left; {} sweeps, {} resumed runs; {} problems",
        counts.kills,
        counts.before_the_first_event,
        counts.left,
        counts.swept,
        counts.resumed,
        counts.problems.len()
    );
    if counts.left == 0 {
        println!("FAIL no kill left an instance: nothing was shown about sweeps");
    }
    Ok(TaskOutcome::bad_if(
        !counts.problems.is_empty() || counts.left == 0,
    ))
}

/// Starts the endpoint, and returns the settings of its clients.
fn start(
    args: &KillResumeArgs,
    stopcheck: &Path,
    workspace: &Workspace,
) -> Result<(Server, Vec<(String, String)>)> {
    match args.at {
        At::Moto => {
            let (server, port) = Installed::of(workspace, Kind::Moto, Kind::Moto.version())?.start(None)?;
            let settings = [
                ("AWS_ENDPOINT_URL_EC2", format!("http://127.0.0.1:{port}")),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
            ];
            let settings = settings.map(|(name, value)| (name.to_owned(), value));
            Ok((server, settings.to_vec()))
        }
        At::Serve => {
            let options: Vec<&str> = args.serve.split_whitespace().collect();
            let (server, exports) = serve::start(workspace, stopcheck, &options)?;
            let settings = exports.iter().map(|(name, value)| (name.clone(), value.clone()));
            Ok((server, settings.collect()))
        }
    }
}

impl Scene<'_> {
    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn journal(&self, name: &str) -> String {
        format!("--journal={}", self.file(&format!("{name}.ndjson")))
    }

    /// Kills a run at a moment, and verifies what follows.
    fn kill_once(
        &self,
        moment: Duration,
        expected: &(Option<i32>, BTreeSet<String>),
        counts: &mut Counts,
    ) -> Result<()> {
        let name = format!("{:03}", counts.kills);
        let path = PathBuf::from(self.file(&format!("{name}.ndjson")));
        let mut child = self.started(&[self.journal(&name)], &name)?.spawn()?;
        thread::sleep(moment);
        if child.try_wait()?.is_some() {
            // The run was quicker than the one that was measured.
            fs::remove_file(&path).ok();
            return Ok(());
        }
        child.kill()?;
        child.wait()?;
        counts.kills += 1;
        let mut fail = |what: String| {
            let at = moment.as_secs_f64();
            counts
                .problems
                .push(format!("{name}, killed after {at:.2} s: {what}"));
        };
        counts.left += self.listed()?.iter().filter(|one| is_left(one)).count();

        let is_empty = fs::metadata(&path).map_or(true, |about| about.len() == 0);
        if is_empty {
            counts.before_the_first_event += 1;
        } else {
            let code = self.stopcheck(&["judge", &path.display().to_string()], "judge")?;
            // A verdict on what was played, or that nothing was.
            if !matches!(code, Some(0 | 1 | 4 | 130)) {
                fail(format!("the journal cannot be judged: {code:?}"));
            }
        }
        // Every second run is resumed as it was left, and has to remove that itself.
        if counts.kills.is_multiple_of(2) || is_empty {
            let code = self.stopcheck(&["sweep", "--older-than=0s", "--region=us-east-1"], "sweep")?;
            if code != Some(0) {
                fail(format!("the sweep ended with {code:?}"));
            }
            self.verify("the sweep", &mut fail)?;
            counts.swept += 1;
        }
        if path.exists() {
            let report = self.file(&format!("{name}.json"));
            let options = [
                format!("--resume={}", path.display()),
                format!("--report=json={report}"),
            ];
            let code = self.run(&options, &format!("{name}-resumed"))?;
            if code != expected.0 {
                fail(format!(
                    "the resumed run ended with {code:?}, and not with {:?}",
                    expected.0
                ));
            } else {
                let said = statements(Path::new(&report))?;
                for lost in expected.1.difference(&said) {
                    fail(format!("only the whole run says: {lost}"));
                }
                for new in said.difference(&expected.1) {
                    fail(format!("only the resumed run says: {new}"));
                }
            }
            self.verify("the resumed run", &mut fail)?;
            counts.resumed += 1;
        }
        Ok(())
    }

    /// Verifies that nothing of a run is left, and that the instances of others are as they were.
    fn verify(&self, after: &str, fail: &mut dyn FnMut(String)) -> Result<()> {
        let listed = self.listed()?;
        for one in listed.iter().filter(|one| is_left(one)) {
            fail(format!("{after} left {} ({})", one.id, one.state));
        }
        for bystander in &self.bystanders {
            if !listed.contains(bystander) {
                let now = listed.iter().find(|one| one.id == bystander.id);
                fail(format!(
                    "{after} changed an instance of others: {bystander:?} is {now:?}"
                ));
            }
        }
        Ok(())
    }

    fn launch_bystanders(&mut self) -> Result<()> {
        let ids: Vec<String> = serde_json::from_str(&self.bystanders("launch")?)?;
        self.bystanders = self.listed()?;
        self.bystanders.retain(|one| ids.contains(&one.id));
        ensure!(
            self.bystanders.len() == ids.len(),
            "not every bystander was launched"
        );
        ensure!(
            self.bystanders.iter().any(|one| one.state == "stopped"),
            "no bystander is stopped"
        );
        Ok(())
    }

    fn listed(&self) -> Result<Vec<Listed>> {
        let text = self.bystanders("list")?;
        serde_json::from_str(&text).with_context(|| format!("could not read {text}"))
    }

    fn bystanders(&self, action: &str) -> Result<String> {
        let mut command = clients::python_script(self.workspace, "bystanders.py")?;
        self.set(&mut command);
        shell::capture(command.arg(action))
    }

    fn set(&self, command: &mut Command) {
        play::dummy_credentials(command);
        for (name, value) in &self.settings {
            command.env(name, value);
        }
        if let Some((_, region)) = self.settings.iter().find(|(name, _)| name == "AWS_REGION") {
            command.env("AWS_DEFAULT_REGION", region);
        }
    }

    /// A run with the cases of this task, its output in files of this name.
    fn started(&self, options: &[String], name: &str) -> Result<Command> {
        let mut command = self.workspace.command(&self.stopcheck);
        command
            .args(["run", "--region=us-east-1", "--time-limit=none", "--quiet"])
            .args(options)
            .args(&self.run_args);
        self.quietly(&mut command, name)?;
        Ok(command)
    }

    fn run(&self, options: &[String], name: &str) -> Result<Option<i32>> {
        Ok(shell::status(&mut self.started(options, name)?)?.code())
    }

    fn stopcheck(&self, args: &[&str], name: &str) -> Result<Option<i32>> {
        let mut command = self.workspace.command(&self.stopcheck);
        command.args(args);
        self.quietly(&mut command, name)?;
        let status = shell::status(&mut command)?;
        if status.code() == Some(2) {
            bail!(
                "`{}` ended with {status}; see {}",
                shell::line(&command),
                self.file(name)
            );
        }
        Ok(status.code())
    }

    fn quietly(&self, command: &mut Command, name: &str) -> Result<()> {
        let path = self.folder.join(format!("{name}.txt"));
        let file = fs::File::create(&path).with_context(|| format!("could not create {}", path.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        self.set(command);
        Ok(())
    }
}

/// Whether an instance is one that a run launched and did not terminate.
fn is_left(one: &Listed) -> bool {
    let keys = ["stopcheck", "stopcheck:created", "stopcheck:expires"];
    let run = one.tags.get("stopcheck").and_then(|run| run.strip_prefix("run-"));
    let is_ours =
        run.is_some_and(|digits| digits.len() == 16) && keys.iter().all(|key| one.tags.contains_key(*key));
    is_ours && !matches!(one.state.as_str(), "shutting-down" | "terminated")
}
