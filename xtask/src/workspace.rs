//! Locations: the root of the work tree and the target folder. Only paths; nothing is read except git's list of files.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// The work tree in which the task was started.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the work tree that contains this package.
    pub(crate) fn find() -> Result<Workspace> {
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package)
            .parent()
            .context("the package xtask has no folder above it")?
            .to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Workspace { root, target })
    }

    /// A path below the root.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// A path below the target folder, where tasks install and write files.
    pub(crate) fn target(&self, below: &str) -> PathBuf {
        self.target.join(below)
    }

    /// A command that runs in the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        // Cargo describes this package in variables that build scripts watch. Passed on, they would cause a rebuild of
        // ring and everything above it each time a task follows a manual build.
        for (name, _) in env::vars_os() {
            if is_about_this_package(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
    }

    /// `cargo` with these arguments, run in the root.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(args);
        command
    }

    /// All files that git tracks or would track, as paths below the root.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut list = self.command("git");
        list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let text = shell::capture(&mut list).context("could not list the files of the work tree")?;
        let mut files: Vec<String> = text
            .lines()
            .filter(|file| self.root.join(file).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }
}

fn is_about_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || [
            "CARGO",
            "CARGO_BIN_NAME",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_PACKAGE",
            "OUT_DIR",
        ]
        .contains(&variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_reader_are_passed_on_and_facts_of_this_package_are_not() {
        assert!(is_about_this_package("CARGO_PKG_NAME") && is_about_this_package("CARGO_MANIFEST_DIR"));
        assert!(!is_about_this_package("CARGO_TARGET_DIR") && !is_about_this_package("CARGO_NET_OFFLINE"));
    }
}
