//! `stopcheck selfcheck`: do the checks detect injected faults, and only faults?

use std::fs;
use std::path::Path;

use super::args::SelfcheckArgs;
use super::error::CliError;
use super::reports::to_file;
use super::variations;
use crate::diff;
use crate::reference::Variation;
use crate::report::exit;
use crate::report::progress::Count;
use crate::selfcheck::{self, ALL_VARIATIONS, Effort, Fault, Scope, SlowEffort};

pub(super) fn selfcheck(args: &SelfcheckArgs) -> Result<u8, CliError> {
    if args.like_aws {
        return like_aws(args);
    }
    let whole = args.faults.is_empty() && args.variations.is_empty();
    let faults = if whole {
        selfcheck::all().collect()
    } else {
        let faults: Result<Vec<_>, _> = args.faults.iter().map(|name| named(name)).collect();
        faults?
    };
    let (together, variations) = chosen(&args.variations, whole)?;
    let effort = Effort {
        scripts: args.scripts,
        overlaps: args.overlaps,
        seed: args.seed,
        until_found: false,
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let proof = {
        let count = Count::stderr(!args.quiet);
        let watch = |stand: selfcheck::Stand| count.show(&stand.part.to_string(), stand.done, stand.of);
        let scope = Scope {
            faults: &faults,
            variations: &variations,
            together,
            whole,
        };
        selfcheck::prove(scope, effort, at_once, &watch)?
    };
    let mut out = std::io::stdout().lock();
    selfcheck::write(&proof, &mut out)?;
    if let Some(path) = &args.json {
        to_file(path, |out| Ok(serde_json::to_writer_pretty(out, &proof)?))?;
    }
    let mut holds = proof.holds();
    if let Some(path) = &args.golden {
        holds &= is_as_reviewed(path, &selfcheck::matrix_as_text(&proof), args.bless, &mut out)?;
    }
    Ok(if holds { exit::CONFORMANT } else { exit::FINDINGS })
}

/// Plays the named cases at the slow reference.
fn like_aws(args: &SelfcheckArgs) -> Result<u8, CliError> {
    let (together, variations) = chosen(&args.variations, args.variations.is_empty())?;
    let effort = SlowEffort {
        max_instances: usize::from(args.max_instances),
        seed: args.seed,
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let runs = {
        let count = Count::stderr(!args.quiet);
        let watch = |stand: selfcheck::Stand| count.show(&stand.part.to_string(), stand.done, stand.of);
        selfcheck::prove_slowly(&variations, together, effort, at_once, &watch)?
    };
    selfcheck::write_slow(&runs, effort, &mut std::io::stdout().lock())?;
    if let Some(path) = &args.json {
        to_file(path, |out| Ok(serde_json::to_writer_pretty(out, &runs)?))?;
    }
    Ok(match runs.iter().all(|run| run.holds(effort)) {
        true => exit::CONFORMANT,
        false => exit::FINDINGS,
    })
}

/// Whether all variations are played together, and which are played alone: the named ones, or all of them.
fn chosen(names: &[String], whole: bool) -> Result<(bool, Vec<Variation>), CliError> {
    if whole {
        return Ok((true, Variation::ALL.to_vec()));
    }
    let is_all = |name: &&String| *name == ALL_VARIATIONS;
    let alone: Result<Vec<_>, _> = names
        .iter()
        .filter(|name| !is_all(name))
        .map(|name| variations::named(name))
        .collect();
    Ok((names.iter().any(|name| is_all(&name)), alone?))
}

/// The fault of this name.
pub(super) fn named(name: &str) -> Result<&'static Fault, CliError> {
    selfcheck::named(name).ok_or_else(|| {
        let shared = |known: &str| {
            let words = known.split('-');
            words
                .filter(|word| name.split('-').any(|one| one == *word))
                .count()
        };
        let mut near: Vec<&str> = selfcheck::all().map(|fault| fault.name).collect();
        near.retain(|known| shared(known) > 0);
        near.sort_by_key(|known| std::cmp::Reverse((shared(known), known.starts_with(name))));
        near.truncate(6);
        CliError::unknown_name("fault", name, &near)
    })
}

/// Compares the matrix with the reviewed one, or with `bless` replaces it.
fn is_as_reviewed(
    path: &Path,
    matrix: &str,
    bless: bool,
    out: &mut dyn std::io::Write,
) -> Result<bool, CliError> {
    if bless {
        to_file(path, |file| file.write_all(matrix.as_bytes()))?;
        writeln!(out, "wrote {}", path.display())?;
        return Ok(true);
    }
    let reviewed = fs::read_to_string(path).map_err(|source| CliError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    if reviewed == matrix {
        writeln!(out, "The matrix is as in {}.", path.display())?;
        return Ok(true);
    }
    let name = path.display().to_string();
    writeln!(out, "\nThe matrix is not as it was reviewed:")?;
    write!(out, "{}", diff::unified(&reviewed, matrix, &name, "this build"))?;
    writeln!(
        out,
        "\nIf that is meant, write it with --bless and review the change."
    )?;
    Ok(false)
}
