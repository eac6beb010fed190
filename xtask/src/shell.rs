//! Runs other programs: to completion, for their output, or as servers that end with this process.
//!
//! Standard input is never read here, so that a task behaves the same in CI and locally. An error shows the command
//! line in a form that can be pasted into a shell.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The result of a task: `Bad` concerns the work tree or an endpoint, an error concerns the task itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskOutcome {
    /// Nothing to report.
    Good,
    /// Something was found, and has been printed.
    Bad,
}

impl TaskOutcome {
    /// `Bad` if there is something to report.
    pub(crate) fn bad_if(found: bool) -> TaskOutcome {
        if found {
            TaskOutcome::Bad
        } else {
            TaskOutcome::Good
        }
    }
}

/// Runs a command to completion and passes its output through; returns an error unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs a command to completion and passes its output through.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start `{}`", line(command)))
}

/// The output of a command; an error with its standard error output unless it succeeds.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start `{}`", line(command)))?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}\n{}",
            line(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command line as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        let plain = !arg.is_empty()
            && arg
                .chars()
                .all(|c| c.is_alphanumeric() || "-_=./:,@+%^".contains(c));
        if plain {
            let _ = write!(text, " {arg}");
        } else {
            let _ = write!(text, " '{}'", arg.replace('\'', r"'\''"));
        }
    }
    text
}

/// A server program that is ended on drop.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    child: Arc<Mutex<Child>>,
}

// `Drop` does not run when a signal ends this process, so the signal handler needs a list of the children.
static SERVERS: Mutex<Vec<Arc<Mutex<Child>>>> = Mutex::new(Vec::new());

/// Makes Ctrl-C and SIGTERM end the servers of a task before the task itself ends.
pub(crate) fn end_servers_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        for child in SERVERS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            end(child);
        }
        std::process::exit(130);
    })
    .context("could not watch for interruptions")
}

impl Server {
    /// Starts a server; its output goes where the command sends it.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Server> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start `{}`", line(command)))?;
        let child = Arc::new(Mutex::new(child));
        SERVERS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&child));
        Ok(Server {
            name: name.to_owned(),
            child,
        })
    }

    /// Waits until the address accepts connections.
    pub(crate) fn wait_until_it_answers(&self, address: SocketAddr, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                bail!("{} ended with {status} before it answered", self.name);
            }
            if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "{} did not answer on {address} within {} s",
                    self.name,
                    limit.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The output lines of the server, read for as long as it runs. The output must be piped.
    pub(crate) fn lines(&self) -> Result<Lines> {
        let stdout = self
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stdout
            .take()
            .with_context(|| format!("the output of {} is not piped", self.name))?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Reading continues without a receiver: a full pipe would block the server.
                let _ = sender.send(line);
            }
        });
        Ok(Lines(receiver))
    }

    /// Interrupts the server as Ctrl-C does, and returns how it ended.
    pub(crate) fn interrupt(self) -> Result<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        run(Command::new("kill").arg("-INT").arg(child.id().to_string()))?;
        child
            .wait()
            .with_context(|| format!("could not wait for {}", self.name))
    }

    fn ended(&self) -> Result<Option<ExitStatus>> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child
            .try_wait()
            .with_context(|| format!("could not ask after {}", self.name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&self.child);
        SERVERS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|other| !Arc::ptr_eq(other, &self.child));
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // An error means that the child has already ended.
    let _ = child.kill();
    let _ = child.wait();
}

/// The output lines of a server.
#[derive(Debug)]
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    /// The next line; `None` if the output has ended or the deadline has passed.
    pub(crate) fn next_before(&self, deadline: Instant) -> Option<String> {
        self.0
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .ok()
    }
}

/// A port of the loopback interface that is not in use at this moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("could not find a free port")?;
    Ok(listener
        .local_addr()
        .context("could not find a free port")?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted() {
        let mut command = Command::new("sh");
        command.args(["-c", "it's", ""]);
        assert_eq!(line(&command), r"sh -c 'it'\''s' ''");
    }

    #[test]
    fn a_command_that_fails_is_an_error_with_its_complaint() {
        let error = capture(Command::new("sh").args(["-c", "echo no >&2; exit 3"])).expect_err("exit 3");
        let text = format!("{error:#}");
        assert!(text.contains("exit status: 3") && text.ends_with("no"), "{text}");
    }

    #[test]
    fn a_server_ends_when_it_is_dropped() {
        let server = Server::start("sleep", Command::new("sleep").arg("600")).expect("sleep is everywhere");
        let child = Arc::clone(&server.child);
        drop(server);
        let status = child
            .lock()
            .expect("nobody panicked")
            .try_wait()
            .expect("it was ours");
        assert!(status.is_some(), "it has ended");
    }

    #[test]
    fn a_server_that_ends_early_is_said_so() {
        let server = Server::start("true", &mut Command::new("true")).expect("true is everywhere");
        // Port 0 cannot have a listener.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let error = server
            .wait_until_it_answers(nowhere, Duration::from_secs(3600))
            .expect_err("it never listens");
        assert!(error.to_string().contains("before it answered"), "{error}");
    }
}
