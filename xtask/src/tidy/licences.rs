//! Licences, banned crates, sources and advisories of all dependencies: `cargo-deny` checks them by `deny.toml`.
//!
//! What was not checked, because cargo-deny or the database of advisories is absent, is printed.

use std::path::Path;

use anyhow::Result;

use super::Complaint;
use crate::shell;
use crate::tools::{self, Install};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, install: Install) -> Result<Vec<Complaint>> {
    match tools::cargo_deny(workspace, install)? {
        Some(deny) => Ok(by_cargo_deny(workspace, &deny, install)),
        None => {
            println!("note: licences, bans, sources and advisories not checked: cargo-deny is absent");
            Ok(Vec::new())
        }
    }
}

fn by_cargo_deny(workspace: &Workspace, deny: &Path, install: Install) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut fetch = workspace.command(deny);
    fetch.args(["fetch", "db"]);
    let has_advisories = install == Install::Allowed && shell::capture(&mut fetch).is_ok();
    if !has_advisories {
        println!("note: advisories not checked: database unreachable (versions banned in deny.toml were)");
    }
    for manifest in manifests(workspace) {
        let mut check = |what: &[&str]| {
            let mut command = workspace.command(deny);
            command.args(["--manifest-path", manifest, "--config", "deny.toml", "check"]);
            command.arg("--hide-inclusion-graph").args(what);
            if let Err(error) = shell::capture(&mut command) {
                complaints.push(Complaint::new("deny.toml", format!("{error:#}")));
            }
        };
        check(&["licenses", "bans", "sources"]);
        if has_advisories {
            check(&["--disable-fetch", "advisories"]);
        }
    }
    complaints
}

/// The manifests of the two workspaces: the main one and the fuzz crate.
fn manifests(workspace: &Workspace) -> impl Iterator<Item = &'static str> {
    ["Cargo.toml", "fuzz/Cargo.toml"]
        .into_iter()
        .filter(|manifest| workspace.path(manifest).is_file())
}
