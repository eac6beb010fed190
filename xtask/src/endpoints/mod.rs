//! Real endpoints that nobody of this project wrote: installed pinned, started on a free port, run against, stopped.
//!
//! `--check` compares what stopcheck finds with the list of known deviations in `xtask/expected`, in both
//! directions: a new deviation may be our false alarm, a vanished one may be a check that went blind.

mod expected;

use std::fs;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::expected::{Difference, Expected};
use crate::shell::{self, Outcome, Server};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which endpoint.
    #[arg(value_enum)]
    pub(crate) endpoint: Kind,
    /// Its version; by default the one whose deviations are known.
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// The port it listens on; by default a free one.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Compares the findings with the known deviations; exit 1 if any is new or has vanished.
    #[arg(long, conflicts_with = "bless")]
    pub(crate) check: bool,
    /// Writes the findings as the known deviations, keeping the reasons.
    #[arg(long)]
    pub(crate) bless: bool,
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    pub(crate) stopcheck: Option<PathBuf>,
    /// More arguments for `stopcheck run`, instead of `--phase scenarios`.
    #[arg(last = true)]
    pub(crate) run_args: Vec<String>,
}

/// The endpoints we know how to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The most used mock.
    Moto,
    /// A faster one; its dry run really stops.
    Ministack,
}

pub(crate) fn run(args: &Args, workspace: &Workspace) -> Result<Outcome> {
    let version = args.version.as_deref().unwrap_or(args.endpoint.version());
    let name = format!("{}-{version}", args.endpoint.name());
    let list = workspace.path(&format!("xtask/expected/{name}.toml"));
    // Read before anything is built: a list that is missing should not be found out after minutes.
    let expected = if args.check {
        Some(read_expected(&list, args.endpoint)?)
    } else {
        None
    };
    let (status, report) = play(args, workspace, version, &name)?;
    let observed =
        expected::observed(&report).with_context(|| format!("could not read the report on {name}"))?;
    if args.bless {
        return bless(&list, &observed);
    }
    let Some(expected) = expected else {
        return Ok(status);
    };
    let difference = expected.compare(&observed);
    print!("{}", difference.describe(&name));
    Ok(Outcome::bad_if(difference.decides()))
}

/// Starts the endpoint, runs stopcheck against it, stops it: whether there were findings, and the JSON report.
fn play(args: &Args, workspace: &Workspace, version: &str, name: &str) -> Result<(Outcome, String)> {
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let venv = install(workspace, args.endpoint, version, name)?;
    let folder = workspace.target("endpoints");
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let report = folder.join(format!("{name}.json"));
    let journal = folder.join(format!("{name}.ndjson"));
    // What an earlier run wrote must not pass for this one's.
    for file in [&report, &journal] {
        if file.exists() {
            fs::remove_file(file).with_context(|| format!("could not remove {}", file.display()))?;
        }
    }
    let log = folder.join(format!("{name}.log"));
    let (server, port) = start(args.endpoint, name, &venv, args.port, &log)?;
    println!(
        "{name} listens on http://127.0.0.1:{port}, log in {}",
        log.display()
    );

    let mut command = workspace.command(&stopcheck);
    command
        .arg("run")
        .arg(format!("--endpoint-url=http://127.0.0.1:{port}"))
        .arg("--region=us-east-1")
        .arg(format!("--report=json={}", report.display()))
        .arg(format!("--journal={}", journal.display()))
        .args(phases(args));
    dummy_credentials(&mut command);
    if args.check || args.bless {
        // What counts is the comparison; the page of findings is there for whoever wants it.
        let page = folder.join(format!("{name}.txt"));
        let file = File::create(&page).with_context(|| format!("could not create {}", page.display()))?;
        println!("the findings go to {}", page.display());
        command.stdout(file);
    }
    let status = shell::status(&mut command)?;
    drop(server);
    let outcome = match status.code() {
        Some(0) => Outcome::Good,
        Some(1) => Outcome::Bad,
        _ => bail!("`{}` ended with {status}: no verdicts", shell::line(&command)),
    };
    let text = fs::read_to_string(&report).with_context(|| format!("could not read {}", report.display()))?;
    Ok((outcome, text))
}

fn read_expected(list: &Path, kind: Kind) -> Result<Expected> {
    let text = fs::read_to_string(list).with_context(|| {
        format!(
            "could not read {}; `cargo xtask endpoints {} --bless` writes it",
            list.display(),
            kind.name()
        )
    })?;
    Expected::parse(&text).with_context(|| format!("could not read {}", list.display()))
}

fn bless(path: &Path, observed: &expected::Observed) -> Result<Outcome> {
    let before = match fs::read_to_string(path) {
        Ok(text) => Expected::parse(&text).with_context(|| format!("could not read {}", path.display()))?,
        Err(_) => Expected::default(),
    };
    let difference: Difference = before.compare(observed);
    print!("{}", difference.describe(&path.display().to_string()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    }
    fs::write(path, before.blessed(observed).render())
        .with_context(|| format!("could not write {}", path.display()))?;
    println!("wrote {}; give every new line its reason", path.display());
    Ok(Outcome::Good)
}

/// What is played. The lists of known deviations are made by the named cases: they take seconds, and each of them is
/// the same every time.
fn phases(args: &Args) -> Vec<String> {
    match args.run_args.as_slice() {
        [] => ["--phase", "scenarios"].map(str::to_owned).to_vec(),
        more => more.to_vec(),
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Moto => "moto",
            Kind::Ministack => "ministack",
        }
    }

    /// The version whose deviations are known.
    fn version(self) -> &'static str {
        match self {
            Kind::Moto => "5.2.5",
            Kind::Ministack => "1.5.33",
        }
    }

    fn requirement(self, version: &str) -> String {
        match self {
            Kind::Moto => format!("moto[server,ec2]=={version}"),
            Kind::Ministack => format!("ministack=={version}"),
        }
    }

    /// The command that serves on this port of the loopback interface.
    fn command(self, venv: &Path, port: u16) -> Command {
        match self {
            Kind::Moto => {
                let mut command = Command::new(venv.join("bin/moto_server"));
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command
            }
            Kind::Ministack => {
                let mut command = Command::new(venv.join("bin/ministack"));
                command
                    .env("BIND_HOST", "127.0.0.1")
                    .env("GATEWAY_PORT", port.to_string());
                command
            }
        }
    }
}

fn install(workspace: &Workspace, kind: Kind, version: &str, name: &str) -> Result<PathBuf> {
    let requirement = kind.requirement(version);
    let pins = workspace.path(&format!("xtask/pins/{name}.txt"));
    if pins.is_file() {
        let constraint = pins.to_string_lossy().into_owned();
        return tools::venv(
            workspace,
            name,
            &[&requirement, "--constraint", &constraint],
            Some(&pins),
        );
    }
    println!("note: {name} has no list of pins; what it brings is whatever is newest today");
    tools::venv(workspace, name, &[&requirement], None)
}

/// Starts the endpoint and waits until it answers. A port found free may be taken a moment later: another is tried.
fn start(kind: Kind, name: &str, venv: &Path, port: Option<u16>, log: &Path) -> Result<(Server, u16)> {
    const ATTEMPTS: usize = 3;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let chosen = port.map_or_else(shell::free_port, Ok)?;
        let out = File::create(log).with_context(|| format!("could not write {}", log.display()))?;
        let err = out
            .try_clone()
            .with_context(|| format!("could not write {}", log.display()))?;
        let mut command = kind.command(venv, chosen);
        command.stdout(Stdio::from(out)).stderr(Stdio::from(err));
        let server = Server::start(name, &mut command)?;
        match server.wait_until_it_answers(
            SocketAddr::from(([127, 0, 0, 1], chosen)),
            Duration::from_secs(60),
        ) {
            Ok(()) => return Ok((server, chosen)),
            Err(error) if port.is_some() => return Err(error.context(format!("see {}", log.display()))),
            Err(error) => last = Some(error),
        }
    }
    let error = last.context("no attempt was made")?;
    Err(error.context(format!("could not start {name}, see {}", log.display())))
}

/// Credentials that mean nothing, and no others.
fn dummy_credentials(command: &mut Command) {
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE");
}
