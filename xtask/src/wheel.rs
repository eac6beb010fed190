//! Builds the wheel, installs it where there is no Rust, and does from there what a user does first: version,
//! completions, manual pages, a run on the reference, and a gate on a real mock.
//!
//! The wheel has the release build, so nothing is compiled again. What is shipped is built with the profile `dist`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::endpoints;
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

/// The most that a wheel may have: what a package index and a CI cache take without a second thought.
const WHEEL_LIMIT: u64 = 12 << 20;

#[derive(clap::Args, Default)]
pub(crate) struct WheelArgs {
    /// Leaves out the gates on a real mock, which need the network and a minute.
    #[arg(long)]
    no_gates: bool,
}

pub(crate) fn run(args: &WheelArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let wheel = build(workspace)?;
    let installed = Installed::of(&wheel, workspace)?;
    installed.check_first_steps()?;
    check_archive(&wheel, workspace)?;
    if !args.no_gates {
        installed.check_gates(workspace)?;
    }
    Ok(TaskOutcome::Good)
}

/// Builds the wheel and verifies its size. What the release build has compiled is not compiled again.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let maturin = tools::maturin(workspace)?;
    let out = fresh_folder(workspace, "wheel/dist")?;
    // The same arguments of the compiler as `cargo build --release`: with others, it would compile again.
    let mut pack = workspace.command(maturin);
    pack.args([
        "build",
        "--quiet",
        "--locked",
        "--manifest-path",
        "harness/Cargo.toml",
    ])
    .args(["--profile", "release", "--strip", "false", "--out"])
    .arg(&out);
    shell::run(&mut pack)?;
    let wheels: Vec<PathBuf> = fs::read_dir(&out)
        .with_context(|| format!("could not read {}", out.display()))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let [wheel] = wheels.as_slice() else {
        bail!(
            "{} has {} files instead of one wheel",
            out.display(),
            wheels.len()
        );
    };
    let size = fs::metadata(wheel)
        .with_context(|| format!("could not read {}", wheel.display()))?
        .len();
    println!("{}: {:.1} MiB", wheel.display(), size as f64 / f64::from(1 << 20));
    if size > WHEEL_LIMIT {
        bail!("the wheel has more than {} MiB", WHEEL_LIMIT >> 20);
    }
    Ok(wheel.clone())
}

/// An environment in which the wheel is installed: nothing else is on its path.
struct Installed {
    bin: PathBuf,
    folder: PathBuf,
}

impl Installed {
    fn of(wheel: &Path, workspace: &Workspace) -> Result<Self> {
        let venv = fresh_folder(workspace, "wheel/venv")?;
        let mut make = workspace.command(tools::python(workspace)?);
        shell::run(make.args(["-m", "venv"]).arg(&venv))?;
        let mut pip = workspace.command(venv.join("bin/pip"));
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--no-index",
        ])
        .arg(wheel);
        shell::run(&mut pip)?;
        Ok(Installed {
            bin: venv.join("bin"),
            folder: fresh_folder(workspace, "wheel/empty-folder")?,
        })
    }

    /// The command as a user has it who has no Rust: in an empty folder, with these folders in the path as well.
    fn stopcheck(&self, more: &[&Path]) -> Result<Command> {
        let folders: Vec<&Path> = [self.bin.as_path()]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        for tool in ["cargo", "rustc"] {
            if let Some(found) = folders
                .iter()
                .map(|folder| folder.join(tool))
                .find(|path| path.exists())
            {
                bail!(
                    "{} must not be there: the wheel is tried without Rust",
                    found.display()
                );
            }
        }
        let path: OsString = std::env::join_paths(folders).context("could not make a path of the folders")?;
        let mut command = Command::new(self.bin.join("stopcheck"));
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.folder);
        Ok(command)
    }

    fn check_first_steps(&self) -> Result<()> {
        let version = shell::capture(self.stopcheck(&[])?.arg("--version"))?;
        if version.trim() != concat!("stopcheck ", env!("CARGO_PKG_VERSION")) {
            bail!("`stopcheck --version` prints {version:?}");
        }
        let script = shell::capture(self.stopcheck(&[])?.args(["completions", "bash"]))?;
        if !script.contains("--endpoint-url") {
            bail!("the completions for bash do not have --endpoint-url");
        }
        shell::run(self.stopcheck(&[])?.args(["man", "--dir", "man1"]))?;
        let page = self.folder.join("man1/stopcheck-run.1");
        if !page.is_file() {
            bail!("{} was not written", page.display());
        }
        shell::run(self.stopcheck(&[])?.args(["run", "--quiet"]))
    }

    /// Judges a mock, as a gate does: with a server that is started for it, from the empty folder.
    fn check_gates(&self, workspace: &Workspace) -> Result<()> {
        for gate in GATES {
            let venv = endpoints::install(endpoints::Kind::Moto, gate.version, workspace)?;
            let page = self.folder.join(format!("moto-{}.txt", gate.version));
            let mut run = self.stopcheck(&[&venv.join("bin")])?;
            run.args([
                "run",
                "--quiet",
                "--phase",
                "scenarios",
                "--server-log",
                "moto.log",
            ])
            .args(gate.options)
            .args(["--", "moto_server", "-H", "127.0.0.1", "-p", "{port}"]);
            println!("moto {}: {}", gate.version, shell::line(&run));
            let file = File::create(&page).with_context(|| format!("could not create {}", page.display()))?;
            let status = shell::status(run.stdout(file))?;
            let text =
                fs::read_to_string(&page).with_context(|| format!("could not read {}", page.display()))?;
            let shows = |clause: &&&str| text.contains(&format!("FAIL  {clause}"));
            let missing: Vec<_> = gate.shows.iter().filter(|clause| !shows(clause)).collect();
            let shown: Vec<_> = gate.hides.iter().filter(shows).collect();
            if status.code() != Some(gate.code) || !missing.is_empty() || !shown.is_empty() {
                bail!(
                    "{status}, expected {}; not reported: {missing:?}; reported although known: {shown:?}; see {}",
                    gate.code,
                    page.display()
                );
            }
        }
        Ok(())
    }
}

/// A gate on a version of moto.
struct Gate {
    version: &'static str,
    /// More options of `stopcheck run`.
    options: &'static [&'static str],
    code: i32,
    /// Clauses that the report must show as violated.
    shows: &'static [&'static str],
    /// Clauses that are violated, but known.
    hides: &'static [&'static str],
}

/// The moto whose deviations are known, and an older one that ignores stop protection.
const GATES: &[Gate] = &[
    Gate {
        version: "5.2.5",
        options: &["--known", "moto@5.2.5"],
        code: 0,
        shows: &[],
        hides: &["ERR-09"],
    },
    Gate {
        version: "5.0.28",
        options: &["--known", "moto@5.2.5"],
        code: 1,
        shows: &["PRO-01"],
        hides: &["ERR-09"],
    },
];

/// Packs the archive of a release, and verifies that it has what `cargo binstall` looks for, and packagers.
fn check_archive(wheel: &Path, workspace: &Workspace) -> Result<()> {
    let out = fresh_folder(workspace, "wheel/archive")?;
    let mut pack = workspace.command(tools::python(workspace)?);
    pack.arg("harness/packaging/archive.py")
        .arg(wheel)
        .arg(TARGET)
        .arg(&out);
    let archive = shell::capture(&mut pack)?;
    let mut unpack = workspace.command("tar");
    shell::run(unpack.arg("-xzf").arg(archive.trim()).arg("-C").arg(&out))?;
    // As `bin-dir` in the manifest says.
    let folder = out.join(format!("stopcheck-{}-{TARGET}", env!("CARGO_PKG_VERSION")));
    for file in [
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "completions/_stopcheck",
        "man1/stopcheck-run.1",
    ] {
        if !folder.join(file).is_file() {
            bail!("the archive {} has no file {file}", archive.trim());
        }
    }
    let version = shell::capture(Command::new(folder.join("stopcheck")).arg("--version"))?;
    println!("{}: {}", archive.trim(), version.trim());
    Ok(())
}

/// The name of a platform in the name of an archive; here it is only a name.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// An empty folder below the target folder.
fn fresh_folder(workspace: &Workspace, below: &str) -> Result<PathBuf> {
    let folder = workspace.target(below);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    Ok(folder)
}
