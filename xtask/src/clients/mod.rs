//! Runs real clients against `stopcheck serve`: requests of SDKs must be understood, and SDKs must be able to read the
//! answers.
//!
//! They go through `stopcheck proxy`, which judges what passes: the answers of the reference must have no finding.
//!
//! The scripts are in `xtask/clients`; each asserts everything it does and prints the number of passed checks at the
//! end. They get the endpoint and the credentials from the output of `serve`, and no other setting of the developer's
//! machine.

pub(crate) mod serve;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use self::serve::Exports;
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct ClientsArgs {
    /// Which clients; by default all but terraform.
    #[arg(value_enum)]
    pub(crate) clients: Vec<Client>,
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    pub(crate) stopcheck: Option<PathBuf>,
    /// An endpoint that is served already instead of `stopcheck serve`; any credentials are sent.
    #[arg(long, conflicts_with = "stopcheck")]
    pub(crate) endpoint_url: Option<String>,
    /// The filesystem mirror with terraform's aws provider; by default the usual places are searched.
    #[arg(long)]
    pub(crate) terraform_mirror: Option<PathBuf>,
}

/// The clients we drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Client {
    /// The AWS command line.
    Aws,
    /// AWS's library for Python.
    Boto3,
    /// AWS's library for JavaScript.
    Js,
    /// The example of the crate `ec2-reference`, through AWS's library for Python.
    Reference,
    /// Terraform with its aws provider, where a mirror of it is on the machine.
    Terraform,
}

const DEFAULT: &[Client] = &[Client::Aws, Client::Boto3, Client::Js, Client::Reference];

pub(crate) fn run(args: &ClientsArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let clients = if args.clients.is_empty() {
        DEFAULT
    } else {
        &args.clients
    };
    // Install before serving: a server should not wait for a download.
    let prepared = clients
        .iter()
        .map(|client| Ok((*client, prepare(*client, args, workspace)?)))
        .collect::<Result<Vec<_>>>()?;
    let (server, proxy, exports) = match &args.endpoint_url {
        Some(url) => (None, None, Exports::of(url)),
        None => {
            let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
            let (server, exports) = serve::start(workspace, &stopcheck, &[])?;
            let (proxy, exports) = serve::start_proxy(workspace, &stopcheck, &exports)?;
            (Some(server), Some(proxy), exports)
        }
    };
    let mut failed = Vec::new();
    for (client, mut command) in prepared {
        println!("-- {}", client.name());
        let example = match client {
            Client::Reference => Some(serve::start_example(workspace)?),
            Client::Aws | Client::Boto3 | Client::Js | Client::Terraform => None,
        };
        only_these_settings(
            &mut command,
            example.as_ref().map_or(&exports, |(_, exports)| exports),
        );
        if !shell::status(&mut command)?.success() {
            failed.push(client.name());
        }
    }
    // Clients of the example alone leave the proxy with nothing to judge.
    if let Some(proxy) = proxy
        && clients.iter().any(|client| *client != Client::Reference)
        && !proxy.interrupt()?.success()
    {
        println!("stopcheck proxy found something in their traffic");
        failed.push("proxy");
    }
    drop(server);
    if !failed.is_empty() {
        println!("clients that were not content: {}", failed.join(", "));
    }
    Ok(TaskOutcome::bad_if(!failed.is_empty()))
}

impl Client {
    fn name(self) -> &'static str {
        match self {
            Client::Aws => "aws",
            Client::Boto3 => "boto3",
            Client::Js => "js",
            Client::Reference => "reference",
            Client::Terraform => "terraform",
        }
    }
}

/// Installs what the client needs, and returns the command that runs it.
fn prepare(client: Client, args: &ClientsArgs, workspace: &Workspace) -> Result<Command> {
    match client {
        Client::Aws => python_script(workspace, "aws_cli.py"),
        Client::Boto3 => python_script(workspace, "boto3_client.py"),
        Client::Js => javascript(workspace),
        Client::Reference => python(
            workspace,
            &workspace.path("harness/reference/examples/stop_instance.py"),
        ),
        Client::Terraform => terraform(workspace, args.terraform_mirror.as_deref()),
    }
}

pub(crate) fn python_script(workspace: &Workspace, script: &str) -> Result<Command> {
    python(workspace, &workspace.path("xtask/clients").join(script))
}

/// The command that runs a Python script with AWS's library.
fn python(workspace: &Workspace, script: &Path) -> Result<Command> {
    let pins = workspace.path("xtask/pins/clients.txt");
    let requirement = pins.to_string_lossy().into_owned();
    let venv = tools::venv(
        workspace,
        "clients",
        &["--requirement", &requirement],
        Some(&pins),
    )?;
    let mut command = workspace.command(venv.join("bin/python"));
    command.arg(script);
    // Otherwise Python would write bytecode next to the scripts, into the work tree.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

fn javascript(workspace: &Workspace) -> Result<Command> {
    let to = tools::npm(workspace, "clients/js", "xtask/clients/js", &["client.mjs"])?;
    let mut command = Command::new("node");
    // The library warns about old interpreters; which interpreter to use is the developer's choice.
    command
        .current_dir(&to)
        .arg("client.mjs")
        .env("NODE_NO_WARNINGS", "1");
    Ok(command)
}

fn terraform(workspace: &Workspace, mirror: Option<&Path>) -> Result<Command> {
    if tools::on_path("terraform").is_none() {
        bail!("terraform is not on the path; the other clients do without it");
    }
    let Some(mirror) = mirror.map(Path::to_path_buf).or_else(find_mirror) else {
        bail!(
            "no filesystem mirror with terraform's aws provider was found; name one with --terraform-mirror \
             (the folder that holds HOST/hashicorp/aws)"
        );
    };
    let mut command = python_script(workspace, "terraform_client.py")?;
    command
        .arg("--mirror")
        .arg(mirror)
        .arg("--work")
        .arg(workspace.target("clients/terraform"));
    Ok(command)
}

/// The first folder in the usual places that contains the aws provider.
fn find_mirror() -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = [
        "/usr/local/share/terraform/plugins",
        "/usr/share/terraform/plugins",
    ]
    .map(PathBuf::from)
    .to_vec();
    if let Some(home) = std::env::home_dir() {
        places.push(home.join(".terraform.d/plugins"));
    }
    // Mirrors made by hand are usually below /opt.
    if let Ok(entries) = fs::read_dir("/opt") {
        places.extend(entries.flatten().map(|entry| entry.path()));
    }
    places.into_iter().find(|place| is_mirror(place))
}

/// Whether a folder is a mirror: it contains providers by host, namespace and name.
fn is_mirror(place: &Path) -> bool {
    fs::read_dir(place).is_ok_and(|hosts| {
        hosts
            .flatten()
            .any(|host| host.path().join("hashicorp/aws").is_dir())
    })
}

/// Sets the served endpoint, and removes the developer's own AWS settings.
fn only_these_settings(command: &mut Command, exports: &Exports) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .envs(exports.iter())
        .env("AWS_DEFAULT_REGION", exports.region())
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_PAGER", "")
        // A refusal is an answer; retries would hide how many requests were needed.
        .env("AWS_MAX_ATTEMPTS", "1");
}
