//! Examines the reports of a run with other people's programs: schemas for JUnit and SARIF, a browser for the page.
//!
//! The run is one of an emulator with a planted fault; more mistakes are made in its journal. The reports are written
//! from that, and once more from a copy in which texts of the endpoint are hostile: markup, scripts, braces of templates, characters that
//! reorder a line. The scripts are in `xtask/reports`; everything is written below `target/reports`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::clients::serve;
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args, Default)]
pub(crate) struct ReportsArgs {
    /// What to examine; by default everything.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// This `stopcheck` instead of a release build of the work tree.
    #[arg(long)]
    stopcheck: Option<PathBuf>,
    /// Journals of other runs, which are examined as well.
    #[arg(long, value_name = "FILE")]
    journal: Vec<PathBuf>,
    /// Saves pictures of the pages in this folder.
    #[arg(long, value_name = "DIR")]
    screenshots: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// JUnit and SARIF, by schemas.
    Schemas,
    /// The page, in a browser.
    Page,
}

/// A fault that overlapping calls show.
const FAULT: &str = "overlapping-stop-has-an-empty-set";

/// More mistakes of the endpoint: what it says in place of the first text, which occurs in its answers.
const MISTAKES: &[(&str, &str)] = &[
    ("DryRunOperation", "DryRunOperator"),
    ("IncorrectInstanceState", "IncorrectState"),
    ("text/xml;charset=UTF-8", "text/plain"),
];

/// What the endpoint of the second journal says.
const HOSTILE: &[(&str, &str)] = &[
    (
        "http://127.0.0.1",
        "http://x\"'></title></script><script>window.owned=1</script><img src=x onerror=window.owned=1>{{ 7*7 }}{% raw %}",
    ),
    (
        "Request would have succeeded, but DryRun flag is set.",
        "\u{202e}&lt;/pre&gt;&lt;script&gt;window.owned=1&lt;/script&gt;&lt;svg onload=window.owned=1&gt;@everyone `|\\| {{ config }}",
    ),
    (
        "<name>stopping</name>",
        "<name>&lt;marquee&gt;stopping&lt;iframe src=javascript:window.owned=1&gt;\u{2066}</name>",
    ),
    (
        "UserInitiatedShutdown",
        "&lt;a href=\"javascript:window.owned=1\" style=\"position:fixed\"&gt;x&lt;/a&gt;",
    ),
];

pub(crate) fn run(args: &ReportsArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let is_part = |part| args.parts.is_empty() || args.parts.contains(&part);
    let stopcheck = tools::stopcheck(workspace, args.stopcheck.as_deref())?;
    let folder = workspace.target("reports/out");
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let [recorded, plain, hostile] =
        ["recorded", "plain", "hostile"].map(|name| folder.join(name).with_extension("ndjson"));
    record(workspace, &stopcheck, &recorded)?;
    change(&recorded, MISTAKES, &plain)?;
    change(&plain, HOSTILE, &hostile)?;
    let mut reports = Vec::new();
    for journal in [plain, hostile].iter().chain(&args.journal) {
        reports.push(write_reports(workspace, &stopcheck, journal, &folder)?);
    }
    let mut outcome = TaskOutcome::Good;
    if is_part(Part::Schemas) && validate(workspace, &reports)? == TaskOutcome::Bad {
        outcome = TaskOutcome::Bad;
    }
    if is_part(Part::Page) && browse(workspace, &reports, args.screenshots.as_deref())? == TaskOutcome::Bad {
        outcome = TaskOutcome::Bad;
    }
    Ok(outcome)
}

/// Plays named cases at the reference, and overlapping calls at one with a fault; their journals are the parts of one.
fn record(workspace: &Workspace, stopcheck: &Path, journal: &Path) -> Result<()> {
    const NAMED: &str = "--phase scenarios --case dry-run/* --case stop/*";
    const OVERLAPPING: &str = "--phase concurrent --overlaps 3 --max-shrink-requests 100";
    let faulty = ["--instant", "--fault", FAULT];
    let mut whole = String::new();
    for (options, selection) in [(&["--instant"][..], NAMED), (&faulty, OVERLAPPING)] {
        let (_server, exports) = serve::start(workspace, stopcheck, options)?;
        let mut run = workspace.command(stopcheck);
        run.args(["run", "--quiet", "--read-lag", "0.1"])
            .args(selection.split(' '))
            .arg("--journal")
            .arg(journal)
            .envs(exports.iter())
            .stdout(Stdio::null());
        let status = shell::status(&mut run)?;
        if !matches!(status.code(), Some(0 | 1)) {
            bail!("`{}` ended with {status}", shell::line(&run));
        }
        whole +=
            &fs::read_to_string(journal).with_context(|| format!("could not read {}", journal.display()))?;
    }
    fs::write(journal, whole).with_context(|| format!("could not write {}", journal.display()))
}

/// Copies a journal with other texts in the place of the first ones, each of which must occur.
fn change(from: &Path, texts: &[(&str, &str)], to: &Path) -> Result<()> {
    let mut journal =
        fs::read_to_string(from).with_context(|| format!("could not read {}", from.display()))?;
    for (before, after) in texts {
        if !journal.contains(before) {
            bail!(
                "{} has no {before:?}, which should become {after:?}",
                from.display()
            );
        }
        let quoted = serde_json::to_string(after).context("a text is JSON")?;
        journal = journal.replace(before, quoted.trim_matches('"'));
    }
    fs::write(to, journal).with_context(|| format!("could not write {}", to.display()))
}

/// The reports of one journal.
struct Written {
    html: PathBuf,
    junit: PathBuf,
    sarif: PathBuf,
}

fn write_reports(workspace: &Workspace, stopcheck: &Path, journal: &Path, folder: &Path) -> Result<Written> {
    let name = journal.file_stem().unwrap_or_default();
    let path = |ending: &str| folder.join(name).with_extension(ending);
    let written = Written {
        html: path("html"),
        junit: path("xml"),
        sarif: path("sarif"),
    };
    let mut report = workspace.command(stopcheck);
    report.arg("report").arg(journal);
    for (kind, path) in [
        ("html", &written.html),
        ("junit", &written.junit),
        ("sarif", &written.sarif),
        ("markdown", &path("md")),
        ("github", &path("txt")),
    ] {
        report.arg("--report").arg(format!("{kind}={}", path.display()));
    }
    shell::run(&mut report)?;
    Ok(written)
}

fn validate(workspace: &Workspace, reports: &[Written]) -> Result<TaskOutcome> {
    let pins = workspace.path("xtask/pins/reports.txt");
    let requirement = pins.to_string_lossy().into_owned();
    let venv = tools::venv(
        workspace,
        "reports",
        &["--requirement", &requirement],
        Some(&pins),
    )?;
    let mut validate = workspace.command(venv.join("bin/python"));
    validate
        .arg(workspace.path("xtask/reports/validate.py"))
        .args(reports.iter().flat_map(|one| [&one.junit, &one.sarif]))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(TaskOutcome::bad_if(!shell::status(&mut validate)?.success()))
}

fn browse(workspace: &Workspace, reports: &[Written], screenshots: Option<&Path>) -> Result<TaskOutcome> {
    let chromium = tools::chromium(workspace)?;
    let folder = tools::npm(workspace, "reports/page", "xtask/reports", &["page.mjs"])?;
    let mut browse = workspace.command("node");
    browse
        .current_dir(&folder)
        .arg("page.mjs")
        .args(reports.iter().map(|one| &one.html))
        .env("CHROMIUM", chromium);
    if let Some(folder) = screenshots {
        let folder = std::path::absolute(folder).context("could not find the folder for screenshots")?;
        browse.env("SCREENSHOTS", folder);
    }
    Ok(TaskOutcome::bad_if(!shell::status(&mut browse)?.success()))
}
