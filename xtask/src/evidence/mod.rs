//! `cargo xtask evidence import`: reads what somebody has recorded, and says what it means for the contract.
//!
//! In come a bundle of `stopcheck record` or a recording of other tools. Out go a report and a file of recorded answers in
//! the format of `specs/recorded/`, for a person to review. The contract itself is not changed.

mod foreign;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use stopcheck_core::contract::{Contract, EMBEDDED, Edition, embedded, load, quoted, written};
use stopcheck_core::evidence::{EVENTS_FILE, MANIFEST_FILE, Manifest, Review, review};
use stopcheck_core::journal::Event;
use stopcheck_core::verdict::Verdict;

use crate::shell::TaskOutcome;
use crate::workspace::Workspace;

/// The most bytes of a file that are read.
const MOST_BYTES: u64 = 512 << 20;

#[derive(clap::Args)]
pub(crate) struct EvidenceArgs {
    #[command(subcommand)]
    task: EvidenceTask,
}

#[derive(clap::Subcommand)]
enum EvidenceTask {
    /// Validates and judges a recording, and writes its answers in the format of specs/recorded.
    Import(ImportArgs),
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// The folder of a bundle, or a file or folder of another format.
    recording: PathBuf,
    /// What wrote the recording.
    #[arg(long, value_enum, default_value_t = Format::Bundle)]
    format: Format,
    /// The key of the source under which the answers are kept; by default the next free one, for instance C177.
    #[arg(long)]
    source: Option<String>,
    /// The file to write; by default target/evidence/SOURCE.toml.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// `stopcheck record`: whole exchanges, with ids and names replaced.
    Bundle,
    /// The Stubber of botocore: expected parameters and parsed answers, as JSON.
    BotocoreStub,
    /// placebo: a folder of parsed answers, as JSON.
    Placebo,
    /// VCR and its relatives: requests and answers, as YAML.
    Vcr,
    /// HTTP Archive: requests and answers of a browser or proxy, as JSON.
    Har,
}

/// What was read.
struct Imported {
    /// A line about it.
    summary: String,
    /// What the format cannot show.
    limits: Option<&'static str>,
    /// Whether the answers are Amazon's. Of other formats only the person knows who imports them.
    is_amazon: bool,
    review: Review,
}

pub(crate) fn run(args: &EvidenceArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let EvidenceTask::Import(args) = &args.task;
    import(args, workspace)
}

fn import(args: &ImportArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let contract = Arc::new(embedded(Edition::Current));
    let source = match &args.source {
        Some(source) => source.clone(),
        None => next_source(&contract),
    };
    let default = workspace.target(&format!("evidence/{source}.toml"));
    let out = args.out.clone().unwrap_or(default);
    if out.exists() && !args.force {
        bail!(
            "{} exists: name another file with --out, or replace it with --force",
            out.display()
        );
    }
    let prefix = source.to_ascii_lowercase();
    let imported = match args.format {
        Format::Bundle => bundle(&args.recording, &prefix)?,
        format => foreign::import(format, &args.recording, &contract, &prefix)?,
    };
    print!("{}", report(&imported, &contract));
    let text = file(&imported, &source)?;
    if imported.review.recorded.is_empty() {
        println!("no answer to {} in it: nothing is written", contract.action);
        return Ok(TaskOutcome::bad_if(!imported.review.contradictions.is_empty()));
    }
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    }
    let replaced = if out.exists() { " (replaced)" } else { "" };
    fs::write(&out, text).with_context(|| format!("could not write {}", out.display()))?;
    let count = imported.review.recorded.len();
    println!(
        "wrote {}{replaced}: {count} recorded answers, for review",
        out.display()
    );
    Ok(TaskOutcome::bad_if(!imported.review.contradictions.is_empty()))
}

/// The key after the last capture.
fn next_source(contract: &Contract) -> String {
    let numbers = contract.sources.iter().filter_map(|source| {
        let digits = source.key.strip_prefix('C')?;
        digits.parse::<u32>().ok()
    });
    format!("C{}", numbers.max().unwrap_or(0) + 1)
}

/// Reads and judges a bundle.
fn bundle(folder: &Path, prefix: &str) -> Result<Imported> {
    let (manifest, events) = (
        read(&folder.join(MANIFEST_FILE))?,
        read(&folder.join(EVENTS_FILE))?,
    );
    bundle_of(&manifest, &events, prefix)
}

/// Judges the files of a bundle.
fn bundle_of(manifest: &str, events: &str, prefix: &str) -> Result<Imported> {
    let manifest = Manifest::from_text(manifest).map_err(|error| anyhow::anyhow!("could not {error}"))?;
    manifest
        .verify(EVENTS_FILE, events.as_bytes(), &sha256_hex)
        .map_err(|error| anyhow::anyhow!("could not {error}"))?;
    let events: Vec<Event> = events
        .lines()
        .enumerate()
        .map(|(at, line)| {
            Event::from_line(line).with_context(|| format!("could not read {EVENTS_FILE}: line {}", at + 1))
        })
        .collect::<Result<_>>()?;
    let contract = Arc::new(embedded(manifest.edition));
    let place = match manifest.is_amazon {
        true => format!("Amazon EC2 ({})", manifest.partition),
        false => "an endpoint that is not Amazon EC2".to_owned(),
    };
    Ok(Imported {
        summary: format!(
            "{} exchanges of {} cases, recorded at {place} on {} by stopcheck {}; the digests match",
            manifest.exchanges,
            manifest.cases.len(),
            manifest.recorded,
            manifest.stopcheck
        ),
        limits: None,
        is_amazon: manifest.is_amazon,
        review: review(&contract, &events, prefix),
    })
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads a text file that is not too long.
fn read(path: &Path) -> Result<String> {
    let could_not = || format!("could not read {}", path.display());
    let length = fs::metadata(path).with_context(could_not)?.len();
    if length > MOST_BYTES {
        bail!(
            "could not read {}: it is longer than {} MiB",
            path.display(),
            MOST_BYTES >> 20
        );
    }
    fs::read_to_string(path).with_context(could_not)
}

/// What the recording says, for people.
fn report(imported: &Imported, contract: &Contract) -> String {
    let review = &imported.review;
    let mut lines = vec![imported.summary.clone()];
    lines.extend(
        imported
            .limits
            .map(|limits| format!("not in this format: {limits}")),
    );
    if !imported.is_amazon {
        lines.push("not Amazon EC2, or not known to be: what follows would hold if it were".to_owned());
    }
    let mut questions = BTreeSet::new();
    for answer in &review.answers {
        if questions.insert(&answer.question) {
            let asks = contract
                .question(&answer.question)
                .map_or("", |one| one.asks.as_str());
            lines.push(format!("answer to {}: {asks}", answer.question));
        }
        lines.push(format!(
            "  {}, step {}: {}",
            answer.case, answer.step, answer.text
        ));
    }
    for gain in &review.gains {
        let cases: Vec<&str> = gain.cases.iter().map(String::as_str).take(3).collect();
        lines.push(format!(
            "gains: {} {} → {} ({})",
            gain.clause,
            gain.from.word(),
            gain.to.word(),
            cases.join(", ")
        ));
    }
    for one in &review.contradictions {
        let word = if one.verdict == Verdict::Fail {
            "fails"
        } else {
            "warns"
        };
        lines.push(format!(
            "contradicts: {} ({word}) in {}, step {}: expected {}; observed {}",
            one.clause, one.case, one.step, one.expected, one.observed
        ));
    }
    if review.contradictions.is_empty() {
        lines.push("contradicts nothing".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The recorded answers in the format of the specs. What is written is read back by the loader of the contract.
fn file(imported: &Imported, source: &str) -> Result<String> {
    let mut text = format!(
        "# {}.\n# Review each answer before it moves to specs/recorded, and its source to specs/captures.toml.\n\n",
        imported.summary
    );
    text.push_str(&format!(
        "[[source]]\nkey = {}\ntitle = {}\n",
        quoted(source),
        quoted(&imported.summary)
    ));
    for recorded in &imported.review.recorded {
        text.push('\n');
        text.push_str(&written::recorded(recorded));
    }
    let own = EMBEDDED.iter().copied();
    let files: Vec<(&str, &str)> = own.chain([("import.toml", text.as_str())]).collect();
    load(&files, Edition::Current)
        .map_err(|errors| anyhow::anyhow!("could not write the answers: {errors}"))?;
    Ok(text)
}

#[cfg(test)]
mod tests;
