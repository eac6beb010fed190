//! A server that a run starts, judges and stops: its port, its credentials, its log, and what went wrong with it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::sync::watch;

use super::args::{EndpointArgs, ServerArgs};
use super::error::CliError;
use super::keys::variable;
use super::process_group::{GroupId, ProcessGroup};
use crate::endpoint::TransportError;
use crate::report::exit;
use crate::report::text::{one_line, visible};
use crate::runner::PreflightError;

/// What stands for the port in the arguments of a command.
const PORT: &str = "{port}";

/// The variables that have the port. The second also marks the processes of the server.
const PORT_VARIABLES: [&str; 2] = ["PORT", "STOPCHECK_PORT"];

/// How long a server may take to answer, unless `--wait` says otherwise.
const USUAL_WAIT: Duration = Duration::from_secs(30);

/// How often it is checked whether the server still runs.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The access key and the secret of a run that was given none; a mock takes any.
const TEST_KEY: &str = "test";

/// What is shorter is no secret, but a word like `test`, which other words contain.
const SHORTEST_SECRET: usize = 8;

/// How much of the end of a log is shown.
const LINES_SHOWN: usize = 20;
const BYTES_READ: u64 = 64 << 10;
const LINE_WIDTH: usize = 200;

/// What may go wrong with a server.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    #[error("could not find a free port: {0}")]
    NoPort(io::Error),
    #[error("could not create the log of the server {}: {source}", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error(
        "could not start the server {command:?}: {source}\n  \
         hint: is it installed, and is its folder in PATH? A command line is given in words, not as one text"
    )]
    Start { command: OsString, source: io::Error },
    #[error(
        "the server ended before it answered: {how}{log}\n  hint: the command must serve until it is stopped"
    )]
    EndedBefore { how: String, log: LogEnd },
    #[error("the server ended during the run: {how}; what was not played by then was not judged{log}")]
    EndedDuring { how: String, log: LogEnd },
    #[error("the server does not answer: {source}\n  hint: {hint}{log}")]
    Silent {
        source: TransportError,
        hint: &'static str,
        log: LogEnd,
    },
    #[error("{preflight}{log}")]
    Unfit { preflight: PreflightError, log: LogEnd },
}

impl ServerError {
    /// The exit code: a server that cannot be judged is for the caller to fix, a run that was cut short is an error.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            ServerError::NoPort(_)
            | ServerError::Log { .. }
            | ServerError::Start { .. }
            | ServerError::EndedBefore { .. }
            | ServerError::Silent { .. }
            | ServerError::Unfit { .. } => exit::USAGE,
            ServerError::EndedDuring { .. } => exit::INTERNAL,
        }
    }
}

/// The end of a log, and where the rest of it is.
#[derive(Debug)]
pub(super) struct LogEnd {
    path: PathBuf,
    lines: Vec<String>,
}

impl std::fmt::Display for LogEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = visible(&self.path.display().to_string());
        if self.lines.is_empty() {
            return write!(f, "\n  its log {path} is empty");
        }
        write!(f, "\n  its log {path} ends with:")?;
        for line in &self.lines {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// A server that is to be started.
#[derive(Debug)]
pub(super) struct ServerPlan {
    command: Vec<OsString>,
    port: u16,
    log: Option<PathBuf>,
    stop_timeout: Duration,
    /// Whether the run has no credentials but the made-up ones.
    uses_test_key: bool,
}

impl ServerPlan {
    /// The server that the arguments name, if they name one: its endpoint, and credentials if there are none, are put
    /// into the arguments of the endpoint.
    pub(super) fn new(args: &ServerArgs, endpoint: &mut EndpointArgs) -> Result<Option<Self>, CliError> {
        if args.command.is_empty() {
            return Ok(None);
        }
        let port = free_port().map_err(ServerError::NoPort)?;
        endpoint.endpoint_url = Some(format!("http://127.0.0.1:{port}"));
        endpoint.wait.get_or_insert(USUAL_WAIT);
        let credentials = &mut endpoint.credentials;
        let names = [
            &credentials.access_key_id_env,
            &credentials.secret_access_key_env,
            &credentials.session_token_env,
        ];
        let is_any_set = names.iter().any(|name| variable(&name.0).is_some());
        let uses_test_key =
            credentials.access_key_id.is_none() && credentials.profile.is_none() && !is_any_set;
        if uses_test_key {
            credentials.access_key_id = Some(TEST_KEY.to_owned());
            credentials.secret_access_key = Some(TEST_KEY.to_owned());
        }
        Ok(Some(ServerPlan {
            command: args.command.clone(),
            port,
            log: args.server_log.clone(),
            stop_timeout: args.server_stop_timeout,
            uses_test_key,
        }))
    }

    /// The command as it was given, for the journal; a word with one of these secrets is left out.
    pub(super) fn recorded(&self, secrets: &[String]) -> Vec<String> {
        let words = self.command.iter().map(|word| word.to_string_lossy());
        words
            .map(|word| {
                let has_secret =
                    |secret: &String| secret.len() >= SHORTEST_SECRET && word.contains(secret.as_str());
                match secrets.iter().any(has_secret) {
                    true => "REDACTED".to_owned(),
                    false => word.into_owned(),
                }
            })
            .collect()
    }

    /// Starts the server.
    pub(super) fn start(self) -> Result<Server, CliError> {
        let (log, path) = self.create_log()?;
        let port = self.port.to_string();
        let mut words = self.command.iter().map(|word| with_port(word, &port));
        let program = words.next().unwrap_or_default();
        let errors = log.try_clone().map_err(|source| no_log(&path, source))?;
        let mut command = Command::new(&program);
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let [first, mark] = PORT_VARIABLES;
        command.env(first, &port);
        if self.uses_test_key {
            // A server that verifies signatures gets to know the key.
            command
                .env("AWS_ACCESS_KEY_ID", TEST_KEY)
                .env("AWS_SECRET_ACCESS_KEY", TEST_KEY);
        }
        let group = ProcessGroup::start(&mut command, (mark, port), self.stop_timeout).map_err(|source| {
            // Nobody reads a log of nothing.
            if self.log.is_none() {
                let _ = fs::remove_file(&path);
            }
            ServerError::Start {
                command: program.clone(),
                source,
            }
        })?;
        Ok(Server {
            group,
            names_port: self.names_port(),
            log: path,
            is_own_log: self.log.is_none(),
            has_ended: false,
        })
    }

    /// Whether the port is seen in the arguments: in its place, or as one of the variables.
    fn names_port(&self) -> bool {
        self.command.iter().any(|word| {
            let word = word.to_string_lossy();
            [PORT, "$PORT", "${PORT", "STOPCHECK_PORT"]
                .iter()
                .any(|port| word.contains(port))
        })
    }

    fn create_log(&self) -> Result<(File, PathBuf), CliError> {
        if let Some(path) = &self.log {
            let file = File::create(path).map_err(|source| no_log(path, source))?;
            return Ok((file, path.clone()));
        }
        let folder = std::env::temp_dir();
        let mut number = 0_u32;
        loop {
            let name = format!(
                "stopcheck-server-{}-{}-{number}.log",
                std::process::id(),
                self.port
            );
            let path = folder.join(name);
            // Others may write to the folder: a file or a link that is there already is never opened.
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
                Err(error) => return Err(no_log(&path, error)),
            }
        }
    }
}

fn no_log(path: &Path, source: io::Error) -> CliError {
    let path = path.to_owned();
    ServerError::Log { path, source }.into()
}

/// A server that was started. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    group: ProcessGroup,
    names_port: bool,
    log: PathBuf,
    is_own_log: bool,
    /// Whether it had ended before it was stopped.
    has_ended: bool,
}

impl Server {
    /// Ends the run when the server ends by itself.
    pub(super) fn watch(&self, stop: watch::Sender<bool>) -> tokio::task::JoinHandle<()> {
        tokio::spawn(wait_until_it_ends(self.group.id(), stop))
    }

    /// Stops the server with all its children.
    pub(super) fn stop(&mut self) {
        self.has_ended = self.group.id().has_ended();
        self.group.stop();
    }

    /// Whether the server had ended before it was stopped; after [`stop`](Self::stop).
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Why there was no run; after [`stop`](Self::stop).
    pub(super) fn not_judged(&self, preflight: PreflightError) -> ServerError {
        let log = self.log_end();
        match preflight {
            _ if self.has_ended => ServerError::EndedBefore {
                how: self.how_it_ended(),
                log,
            },
            PreflightError::Unreachable { source, .. } => ServerError::Silent {
                source,
                hint: match self.names_port {
                    true => {
                        "it must listen on 127.0.0.1 and the port {port}; --wait gives it more time than 30 s"
                    }
                    false => {
                        "no argument of the command has {port}; the port is only in the variables PORT and \
                         STOPCHECK_PORT"
                    }
                },
                log,
            },
            preflight @ (PreflightError::NotEc2 { .. }
            | PreflightError::Credentials { .. }
            | PreflightError::Region { .. }
            | PreflightError::NoDescribe { .. }
            | PreflightError::Account { .. }
            | PreflightError::Sign(_)
            | PreflightError::Refresh(_)) => ServerError::Unfit { preflight, log },
        }
    }

    /// Verifies that the server served to the end of a run, and removes its log if nobody needs it; after
    /// [`stop`](Self::stop).
    pub(super) fn conclude(self, code: u8) -> Result<u8, CliError> {
        if self.has_ended {
            return Err(ServerError::EndedDuring {
                how: self.how_it_ended(),
                log: self.log_end(),
            }
            .into());
        }
        if code == exit::CONFORMANT {
            self.remove_own_log();
        } else if self.is_own_log {
            eprintln!(
                "the log of the server is {}",
                visible(&self.log.display().to_string())
            );
        }
        Ok(code)
    }

    /// Removes a log that nobody named.
    pub(super) fn remove_own_log(&self) {
        if self.is_own_log {
            // A log that cannot be removed does no harm.
            let _ = fs::remove_file(&self.log);
        }
    }

    fn how_it_ended(&self) -> String {
        self.group
            .status()
            .map_or_else(|| "its status is unknown".to_owned(), |status| status.to_string())
    }

    fn log_end(&self) -> LogEnd {
        LogEnd {
            path: self.log.clone(),
            lines: last_lines(&self.log).unwrap_or_default(),
        }
    }
}

async fn wait_until_it_ends(group: GroupId, stop: watch::Sender<bool>) {
    while !group.has_ended() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let _ = stop.send(true);
}

/// The last lines of a file, each on one line without control characters.
fn last_lines(path: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES_READ)))?;
    let mut bytes = Vec::new();
    file.take(BYTES_READ).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(LINES_SHOWN)
        .map(|line| one_line(line, LINE_WIDTH))
        .collect();
    lines.reverse();
    Ok(lines)
}

/// An argument with the port in its place. An argument that is not UTF-8 stays as it is.
fn with_port(word: &OsStr, port: &str) -> OsString {
    match word.to_str() {
        Some(text) => text.replace(PORT, port).into(),
        None => word.to_owned(),
    }
}

/// A port that nobody listens on at this moment.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(listener.local_addr()?.port())
}
