//! Verifies with moto that a run can have the credentials of a profile, of a program and of a role, and that it goes on
//! when they expire. Moto is the identity service too: a role is in the account that its name says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::play::{Installed, Kind};
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args, Default)]
pub(crate) struct CredentialsArgs {
    /// This `stopcheck` instead of a release build of the work tree; it must have profiles.
    #[arg(long)]
    stopcheck: Option<PathBuf>,
}

/// The profiles. `@` stands for the folder.
const CONFIG: &str = "\
[profile keys]
region = eu-west-1
aws_access_key_id = AKIAPROFILEWITHKEYS0
aws_secret_access_key = secret-of-the-profile

[profile program]
credential_process = @/python @/program.py 3600 1000

[profile role]
role_arn = arn:aws:iam::111122223333:role/tester
source_profile = program

[profile short-lived]
credential_process = @/python @/program.py 2 1000

[profile lost]
credential_process = @/python @/program.py 2 1
";

/// Gives out another key at each call: valid for so many seconds, and no more than so many times.
const PROGRAM: &str = r#"
import datetime, json, pathlib, sys
calls = pathlib.Path(__file__).with_name("calls")
number = len(calls.read_text()) if calls.exists() else 0
if number >= int(sys.argv[2]):
    sys.exit("the token card is gone")
calls.write_text("x" * (number + 1))
until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=int(sys.argv[1]))
print(json.dumps({
    "Version": 1,
    "AccessKeyId": f"ASIAPLANTED{number:09}",
    "SecretAccessKey": f"planted-secret-{number}-of-the-program",
    "SessionToken": f"planted-token-{number}-of-the-program",
    "Expiration": until.isoformat(),
}))
"#;

/// What every secret of the program begins with.
const PLANTED: [&str; 3] = ["ASIAPLANTED", "planted-secret", "planted-token"];

/// A case that is short.
const SHORT: &str = "dry-run/valid";
/// Cases that take longer than the credentials are valid.
const LONG: &str = "stop/*";

/// What is read of a report.
#[derive(Deserialize)]
struct Report {
    region: String,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    cases: Cases,
}

#[derive(Deserialize)]
struct Cases {
    pass: u64,
    warn: u64,
    fail: u64,
    error: u64,
}

/// A run that has ended.
struct Ended {
    code: Option<i32>,
    stderr: String,
    report: Option<Report>,
    /// How often the program was called.
    calls: u64,
}

pub(super) fn run(args: &CredentialsArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let moto = Installed::of(workspace, Kind::Moto, Kind::Moto.version())?;
    let folder = workspace.target("endpoints/credentials");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))
    };
    let python = tools::python(workspace)?;
    let config = CONFIG.replace("@/python", &python.to_string_lossy());
    write("config", &config.replace('@', &folder.to_string_lossy()))?;
    write("program.py", PROGRAM)?;

    let (server, port) = moto.start(None)?;
    let play = |words: &[&str]| play(&stopcheck, &folder, port, words, workspace);

    let keys = play(&["--profile=keys", "--account=123456789012", "--case", SHORT])?;
    keys.judged("a profile with keys")?;
    ensure!(
        keys.region() == Some("eu-west-1"),
        "the Region of the profile was not used"
    );

    let program = play(&["--profile=program", "--account=123456789012", "--case", SHORT])?;
    program.judged("a program")?;
    ensure!(
        program.calls == 1,
        "the program was called {} times, not once",
        program.calls
    );

    let role = play(&["--profile=role", "--account=111122223333", "--case", SHORT])?;
    role.judged("a role in another account")?;

    let wrong = play(&["--profile=role", "--account=123456789012", "--case", SHORT])?;
    wrong.refused("the caller is in account 111122223333, not in 123456789012")?;

    let denied = play(&["--profile=keys", "--denied-profile=absent", "--case", SHORT])?;
    denied.refused("could not find the profile \"absent\"")?;

    let short_lived = play(&["--profile=short-lived", "--case", LONG])?;
    short_lived.judged("credentials that expire every two seconds")?;
    ensure!(
        short_lived.calls >= 2,
        "the program was called once: nothing has expired during the run"
    );

    let lost = play(&["--profile=lost", "--case", LONG])?;
    let errors = lost.report.as_ref().map(|report| report.summary.cases.error);
    let errors = errors.unwrap_or_default();
    // What was judged before may have failed.
    if !matches!(lost.code, Some(1 | 3)) || errors == 0 {
        bail!("credentials that are lost must be an error\n{}", lost.stderr);
    }
    println!("credentials that are lost: {errors} cases not judged");
    drop(server);
    Ok(TaskOutcome::Good)
}

/// Judges moto with these arguments, and verifies that no output has a secret.
fn play(stopcheck: &Path, folder: &Path, port: u16, words: &[&str], workspace: &Workspace) -> Result<Ended> {
    let (calls, report) = (folder.join("calls"), folder.join("report.json"));
    let journal = folder.join("run.ndjson");
    for file in [&calls, &report, &journal] {
        if file.exists() {
            fs::remove_file(file).with_context(|| format!("could not remove {}", file.display()))?;
        }
    }
    let url = format!("http://127.0.0.1:{port}");
    let mut command: Command = workspace.command(stopcheck);
    command
        .args([
            "run",
            "--no-config",
            "--quiet",
            "--phase=scenarios",
            "--time-limit=none",
        ])
        .arg(format!("--endpoint-url={url}"))
        .arg(format!("--report=json={}", report.display()))
        .arg(format!("--journal={}", journal.display()))
        .args(words)
        .env("AWS_CONFIG_FILE", folder.join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.join("no-such-file"))
        .env("AWS_ENDPOINT_URL_STS", &url)
        .stdin(Stdio::null());
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
    ] {
        command.env_remove(name);
    }
    let output = command
        .output()
        .with_context(|| format!("could not start `{}`", shell::line(&command)))?;
    let text = |file: &Path| fs::read_to_string(file).unwrap_or_default();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    let outputs = [&stdout, &stderr, &text(&journal), &text(&report)];
    if let Some(planted) = PLANTED
        .iter()
        .find(|planted| outputs.iter().any(|text| text.contains(*planted)))
    {
        bail!("`{}` wrote {planted:?}, a secret", shell::line(&command));
    }
    Ok(Ended {
        code: output.status.code(),
        stderr,
        report: serde_json::from_str(&text(&report)).ok(),
        calls: text(&calls).len() as u64,
    })
}

impl Ended {
    /// Verifies that all cases were judged.
    fn judged(&self, what: &str) -> Result<()> {
        let cases = self.report.as_ref().map(|report| &report.summary.cases);
        match (self.code, cases) {
            (
                Some(0 | 1),
                Some(Cases {
                    pass,
                    warn,
                    fail,
                    error: 0,
                }),
            ) if pass + warn + fail > 0 => {
                println!(
                    "{what}: {} cases judged, {} calls of the program",
                    pass + warn + fail,
                    self.calls
                );
                Ok(())
            }
            (code, _) => bail!("{what}: ended with {code:?}\n{}", self.stderr),
        }
    }

    /// Verifies that nothing was judged, for this reason.
    fn refused(&self, why: &str) -> Result<()> {
        ensure!(
            self.code == Some(2) && self.stderr.contains(why),
            "expected exit 2 and {why:?}, got {:?}\n{}",
            self.code,
            self.stderr
        );
        println!("exit 2: {why}");
        Ok(())
    }

    fn region(&self) -> Option<&str> {
        self.report.as_ref().map(|report| report.region.as_str())
    }
}
