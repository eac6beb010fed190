//! Runs the binary under test as a child process: with a clean environment, monitored, and always killed in the end.
//!
//! Nothing here limits how long a process runs: on a busy machine any limit is too short at some time. A test that must
//! show that the command gives up counts what the command sent or read.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stopcheck::reference::keys;

/// The endpoint of a test answers or closes the connection. However busy the machine is, the command waits for that,
/// unless the test sets the option itself because its endpoint does neither.
const REQUEST_TIMEOUT: [&str; 2] = ["--request-timeout", "3600"];

/// The commands that send requests.
const SENDERS: [&str; 5] = ["run", "record", "replay", "compare", "sweep"];

/// How often the memory of a process is sampled.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The result of a process.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The highest memory use that was sampled.
    pub(crate) peak_kib: u64,
}

impl CommandOutput {
    /// Asserts the exit code; on failure prints the complete output.
    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Asserts that standard error contains all of these.
    #[track_caller]
    pub(crate) fn complains_of(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "{text:?} is missing in:\n{}",
                self.stderr
            );
        }
        self
    }

    /// Asserts that standard output contains all of these.
    #[track_caller]
    pub(crate) fn says_nothing(self) -> Self {
        assert_eq!(self.stdout, "", "{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stdout.contains(text),
                "{text:?} is missing in:\n{}",
                self.stdout
            );
        }
        self
    }
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

/// The command with these arguments, without the caller's environment.
pub(crate) fn command<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let sends = args
        .first()
        .is_some_and(|first| SENDERS.iter().any(|name| first == name));
    if sends && !args.iter().any(|arg| arg == REQUEST_TIMEOUT[0]) {
        args.splice(1..1, REQUEST_TIMEOUT.map(OsString::from));
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_stopcheck"));
    command
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The command with these space-separated arguments, in which `@` stands for the scratch folder, and the reference's
/// main key.
pub(crate) fn within(words: &str, scratch: &Path) -> Command {
    let scratch = scratch.to_str().expect("scratch folders have plain names");
    let mut command = command(words.split(' ').map(|word| word.replace('@', scratch)));
    command
        .env("AWS_ACCESS_KEY_ID", keys::MAIN.access_key)
        .env("AWS_SECRET_ACCESS_KEY", keys::MAIN.secret);
    command
}

/// The command with these space-separated arguments, and arbitrary credentials.
pub(crate) fn with_keys(words: &str) -> Command {
    let mut command = command(words.split(' '));
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEANYKEY000")
        .env("AWS_SECRET_ACCESS_KEY", "any-secret-will-do");
    command
}

/// Runs the command with these space-separated arguments until it exits.
#[track_caller]
pub(crate) fn stopcheck(words: &str) -> CommandOutput {
    start(command(words.split(' '))).finish()
}

/// Runs a command until it exits.
#[track_caller]
pub(crate) fn finish(command: Command) -> CommandOutput {
    start(command).finish()
}

pub(crate) fn start(mut command: Command) -> Running {
    let mut child = command.spawn().expect("the binary under test starts");
    let stdout = child.stdout.take().map(read_all);
    let stderr = child.stderr.take().map(read_all);
    Running {
        child,
        stdout,
        stderr,
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Running {
    /// Waits until it exits.
    #[track_caller]
    pub(crate) fn finish(mut self) -> CommandOutput {
        let (mut peak_kib, mut has_begun) = (0, false);
        let status = loop {
            if let Some((name, kib)) = name_and_peak_of(self.child.id()) {
                // Between vfork and the end of exec, a child still has the memory and the name of this process.
                if has_begun {
                    peak_kib = peak_kib.max(kib);
                }
                has_begun |= name == "stopcheck";
            }
            match self.ended() {
                Some(status) => break status,
                None => thread::sleep(LOOK_EVERY),
            }
        };
        let text = |reader: Option<JoinHandle<String>>| {
            reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
        };
        CommandOutput {
            code: status.code(),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            peak_kib,
        }
    }

    /// The exit status, if the process has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends it a signal, for instance `INT`, as Ctrl-C does, or `HUP`, as a terminal does that is closed.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill is there");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `Name` and `VmHWM` in KiB of a process, while it exists.
fn name_and_peak_of(pid: u32) -> Option<(String, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().next().map(str::to_owned)
    };
    Some((value("Name:")?, value("VmHWM:")?.parse().ok()?))
}

/// `stopcheck serve` on a free port, with the variables that it prints for a shell to export.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    exports: Vec<(String, String)>,
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The server with more options.
    pub(crate) fn with(options: &[&str]) -> Self {
        let mut child = command(["serve", "--port", "0"].iter().chain(options))
            .spawn()
            .expect("the binary under test starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut exports = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("it speaks UTF-8");
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                exports.push((name.to_owned(), value.to_owned()));
                if name == "STOPCHECK_DENIED_SECRET_ACCESS_KEY" {
                    break;
                }
            }
        }
        Served { child, exports }
    }

    /// A command with the environment that the server prints for a shell.
    pub(crate) fn command<S: Into<OsString>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = command(args);
        command.envs(self.exports.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.exports.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .expect("the server tells it")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The contents of a text file; a missing file fails the test and is named.
#[track_caller]
pub(crate) fn text_of(path: &Path) -> String {
    let bytes = std::fs::read(path);
    let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}
