//! Runs stopcheck once against one version of an endpoint: installs it at a pinned version, starts it on a free port,
//! judges it, stops it.

use std::fs;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::{self, Server, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

/// The endpoints that can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The most used mock.
    Moto,
    /// A faster one; its dry run really stops instances.
    Ministack,
}

/// The parameters of a run.
pub(super) struct Play<'a> {
    pub(super) stopcheck: &'a Path,
    pub(super) kind: Kind,
    pub(super) version: &'a str,
    /// The port to listen on; by default a free one.
    pub(super) port: Option<u16>,
    /// Additional arguments for `stopcheck run`.
    pub(super) run_args: &'a [String],
    pub(super) page: ReportDestination,
}

/// The destination of the terminal report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportDestination {
    Terminal,
    /// A file for later reading, since the comparison decides.
    File,
}

impl Play<'_> {
    /// The name of this version of the endpoint.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.kind.name(), self.version)
    }

    /// Starts the endpoint, runs stopcheck against it and stops it. Returns whether there were findings, and the JSON
    /// report.
    pub(super) fn run(&self, workspace: &Workspace) -> Result<(TaskOutcome, String)> {
        let name = self.name();
        let installed = Installed::of(workspace, self.kind, self.version)?;
        let folder = workspace.target("endpoints");
        let report = folder.join(format!("{name}.json"));
        let journal = folder.join(format!("{name}.ndjson"));
        // The output of an earlier run must not be mistaken for the output of this one.
        for file in [&report, &journal] {
            if file.exists() {
                fs::remove_file(file).with_context(|| format!("could not remove {}", file.display()))?;
            }
        }
        let (server, port) = installed.start(self.port)?;
        let mut command = workspace.command(self.stopcheck);
        command
            .arg("run")
            .arg(format!("--endpoint-url=http://127.0.0.1:{port}"))
            .arg("--region=us-east-1")
            // What is known is compared with all of it.
            .arg("--time-limit=none")
            .arg(format!("--report=json={}", report.display()))
            .arg(format!("--journal={}", journal.display()))
            .args(self.run_args);
        dummy_credentials(&mut command);
        if self.page == ReportDestination::File {
            let page = folder.join(format!("{name}.txt"));
            let file = File::create(&page).with_context(|| format!("could not create {}", page.display()))?;
            println!("the findings go to {}", page.display());
            command.stdout(file);
        }
        let status = shell::status(&mut command)?;
        drop(server);
        let outcome = match status.code() {
            Some(0) => TaskOutcome::Good,
            Some(1) => TaskOutcome::Bad,
            _ => bail!("`{}` ended with {status}: no verdicts", shell::line(&command)),
        };
        let text =
            fs::read_to_string(&report).with_context(|| format!("could not read {}", report.display()))?;
        Ok((outcome, text))
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Moto => "moto",
            Kind::Ministack => "ministack",
        }
    }

    /// The version that the known deviations belong to.
    pub(super) fn version(self) -> &'static str {
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

/// Installs an endpoint with its pins into an environment of its own.
pub(super) fn install(workspace: &Workspace, kind: Kind, version: &str, name: &str) -> Result<PathBuf> {
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

/// An endpoint that is ready to be started.
pub(super) struct Installed {
    kind: Kind,
    name: String,
    venv: PathBuf,
    log: PathBuf,
}

impl Installed {
    /// Installs a version, unless that was done before.
    pub(super) fn of(workspace: &Workspace, kind: Kind, version: &str) -> Result<Installed> {
        let name = format!("{}-{version}", kind.name());
        let venv = install(workspace, kind, version, &name)?;
        let folder = workspace.target("endpoints");
        fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        let log = folder.join(format!("{name}.log"));
        Ok(Installed {
            kind,
            name,
            venv,
            log,
        })
    }

    /// Starts it, by default on a free port, and waits until it answers.
    pub(super) fn start(&self, port: Option<u16>) -> Result<(Server, u16)> {
        let (server, port) = start(self.kind, &self.name, &self.venv, port, &self.log)?;
        println!(
            "{} listens on http://127.0.0.1:{port}, log in {}",
            self.name,
            self.log.display()
        );
        Ok((server, port))
    }
}

/// Starts the endpoint and waits until it answers. A free port may be taken a moment later; then another one is tried.
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

/// Sets dummy credentials, and removes all others.
pub(super) fn dummy_credentials(command: &mut Command) {
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE");
}
