//! Prints the proof for people, and the matrix as text that is reviewed line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::ablation;
use super::faults;
use super::matrix::MatrixRow;
use super::proof::{Baseline, Proof};
use super::slow::{SlowEffort, SlowRun};
use super::trial::Trial;
use super::variations::VariedRow;
use crate::journal::Phase;
use crate::reference::Variation;
use crate::report::text::{fold, some_of};

/// Writes the results of all parts of the proof.
pub fn write(proof: &Proof, out: &mut dyn Write) -> io::Result<()> {
    baseline(proof, out)?;
    matrix(proof, out)?;
    variations(proof, out)?;
    if proof.baseline.is_empty() {
        writeln!(out, "vacuity    left out: a few faults say nothing about it")?;
    } else if proof.vacuous.is_empty() {
        writeln!(
            out,
            "vacuity    each of {} clauses that decide is tripped by a fault",
            proof.deciding
        )?;
    } else {
        writeln!(
            out,
            "vacuity    {} of {} clauses that decide are tripped by no fault: {}",
            proof.vacuous.len(),
            proof.deciding,
            proof.vacuous.join(", ")
        )?;
    }
    cuts(proof, out)?;
    let verdict = if proof.holds() {
        "PROVEN: the reference is innocent, every fault is found, and no variation is."
    } else {
        "NOT PROVEN: see above."
    };
    writeln!(out, "\n{verdict}")
}

/// Writes the runs on the slow reference, one line for each and more for one that does not hold.
pub fn write_slow(runs: &[SlowRun], effort: SlowEffort, out: &mut dyn Write) -> io::Result<()> {
    let wide = runs
        .iter()
        .map(|run| run.variation.len())
        .max()
        .unwrap_or_default();
    for run in runs {
        let (minutes, seconds) = (run.took_ms / 60_000, run.took_ms / 1_000 % 60);
        writeln!(
            out,
            "{:wide$}  {minutes:2} min {seconds:02} s  {:5} requests  {:2} at once  {} cases",
            run.variation, run.requests, run.most_instances, run.judged
        )?;
        for (clause, cases) in &run.failed {
            let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
            writeln!(out, "    FAILS {clause} in {}", cases.join(", "))?;
        }
        for (case, why) in &run.errors {
            writeln!(out, "    ERROR {case}: {why}")?;
        }
        for case in &run.inconclusive {
            writeln!(out, "    inconclusive {case}")?;
        }
        for (case, why) in &run.unsupported {
            writeln!(out, "    not judged {case}: {why}")?;
        }
    }
    let holding = runs.iter().filter(|run| run.holds(effort)).count();
    writeln!(
        out,
        "\n{holding} of {} runs without a failure, with at most {} instances at once, within 15 minutes.",
        runs.len(),
        effort.max_instances
    )
}

fn baseline(proof: &Proof, out: &mut dyn Write) -> io::Result<()> {
    if proof.baseline.is_empty() {
        return writeln!(out, "baseline   left out");
    }
    let innocent = proof.baseline.iter().filter(|one| one.is_innocent()).count();
    let cases: usize = all_trials(&proof.baseline).map(|trial| trial.cases).sum();
    writeln!(
        out,
        "baseline   {innocent} of {} references (edition × layout) without a finding, in {cases} cases and scripts",
        proof.baseline.len()
    )?;
    for one in proof.baseline.iter().filter(|one| !one.is_innocent()) {
        let layout = if one.indented { "indented" } else { "compact" };
        writeln!(out, "           {} {layout}:", one.edition.name())?;
        for trial in &one.trials {
            let failed: Vec<&str> = trial.failed.keys().map(String::as_str).collect();
            let warned: Vec<&str> = trial.warned.iter().map(String::as_str).collect();
            writeln!(
                out,
                "             {}: {} cases; failed [{}], warned [{}] {}",
                trial.phase.name(),
                trial.cases,
                failed.join(" "),
                warned.join(" "),
                trial.trouble.as_deref().unwrap_or_default()
            )?;
        }
    }
    Ok(())
}

fn all_trials(baseline: &[Baseline]) -> impl Iterator<Item = &Trial> {
    baseline.iter().flat_map(|one| &one.trials)
}

fn matrix(proof: &Proof, out: &mut dyn Write) -> io::Result<()> {
    if proof.matrix.is_empty() {
        return writeln!(out, "faults     left out");
    }
    let killed = proof.matrix.iter().filter(|row| row.is_killed()).count();
    writeln!(out, "faults     {killed} of {} killed", proof.matrix.len())?;
    let mut by_phase: BTreeMap<Phase, usize> = BTreeMap::new();
    for row in &proof.matrix {
        for trial in &row.trials {
            *by_phase.entry(trial.phase).or_default() += usize::from(row.is_killed_in(trial));
        }
    }
    let by_phase: Vec<String> = by_phase
        .iter()
        .map(|(phase, killed)| format!("{killed} by {}", phase.name()))
        .collect();
    writeln!(out, "           {}", by_phase.join(", "))?;
    let mut collateral: Vec<(usize, &str)> = proof
        .matrix
        .iter()
        .map(|row| (row.collateral().len(), row.fault))
        .collect();
    collateral.sort_unstable();
    if let (Some((middle, _)), Some((most, fault))) =
        (collateral.get(collateral.len() / 2), collateral.last())
    {
        writeln!(
            out,
            "           clauses that failed besides: median {middle}, most {most} ({fault})"
        )?;
    }
    for row in proof.survivors() {
        let what = faults::named(row.fault).map_or("", |fault| fault.what);
        writeln!(out, "           SURVIVES {}: {what}", row.fault)?;
    }
    for row in &proof.matrix {
        for trial in &row.trials {
            // For an emulator that cannot even launch an instance, that failure is the finding.
            if let (Some(trouble), false) = (&trial.trouble, row.is_killed()) {
                writeln!(out, "           {} {}: {trouble}", row.fault, trial.phase.name())?;
            }
        }
    }
    Ok(())
}

/// Faults show that the checks can fail; variations show that they do not fail without cause.
fn variations(proof: &Proof, out: &mut dyn Write) -> io::Result<()> {
    let names = |rows: &mut dyn Iterator<Item = &VariedRow>| -> BTreeSet<&'static str> {
        rows.map(|row| row.variation).collect()
    };
    let all = names(&mut proof.variations.iter());
    if all.is_empty() {
        return writeln!(out, "variations left out");
    }
    let found = names(&mut proof.variations.iter().filter(|row| !row.is_tolerated()));
    let seen = names(&mut proof.variations.iter().filter(|row| row.differs));
    let unseen: Vec<&str> = all.difference(&seen).copied().collect();
    let each = if unseen.is_empty() {
        "each seen to change an answer"
    } else {
        "not each seen to change an answer"
    };
    writeln!(
        out,
        "variations {} of {} without a failure, {each}",
        all.len() - found.len(),
        all.len()
    )?;
    for name in unseen {
        writeln!(out, "           CHANGES NO ANSWER {name}")?;
    }
    for row in proof.variations.iter().filter(|row| !row.is_tolerated()) {
        writeln!(
            out,
            "           FAILS {} in {}",
            row.variation,
            row.edition.name()
        )?;
        for trial in &row.trials {
            for (clause, cases) in &trial.failed_in {
                let count = trial.failed.get(clause).copied().unwrap_or_default();
                writeln!(
                    out,
                    "             {}: {clause} in {}",
                    trial.phase.name(),
                    some_of(cases.iter().map(String::as_str), cases.len(), count)
                )?;
            }
            if let Some(error) = &trial.error {
                writeln!(out, "             {}: error in {error}", trial.phase.name())?;
            }
        }
    }
    Ok(())
}

fn cuts(proof: &Proof, out: &mut dyn Write) -> io::Result<()> {
    if proof.ablation.is_empty() {
        return writeln!(out, "ablation   left out");
    }
    let noticed = proof
        .ablation
        .iter()
        .filter(|cut| cut.noticed_by.is_some())
        .count();
    let by_scripts = proof
        .ablation
        .iter()
        .filter(|cut| cut.noticed_by == Some(Phase::Random))
        .count();
    let warned = proof
        .ablation
        .iter()
        .filter(|cut| cut.noticed_by.is_some() && cut.only_warned)
        .count();
    writeln!(
        out,
        "ablation   {noticed} of {} cuts in the contract noticed, {by_scripts} of them by random scripts; {warned} by a \
         warning only",
        proof.ablation.len()
    )?;
    for cut in proof.ablation.iter().filter(|cut| cut.noticed_by.is_none()) {
        match ablation::idle(&cut.what) {
            None => writeln!(out, "           NOT NOTICED {}", cut.what)?,
            Some(why) => writeln!(out, "           idle        {}: {why}", cut.what)?,
        }
    }
    Ok(())
}

/// Writes every fault: its name, what is wrong, where it was observed, which clauses it violates.
pub fn write_catalogue(out: &mut dyn Write) -> io::Result<()> {
    for chapter in faults::CHAPTERS {
        writeln!(out, "{}", chapter.about)?;
        for fault in chapter.faults {
            let clauses: Vec<&str> = fault.violates().collect();
            writeln!(out, "  {}", fault.name)?;
            writeln!(out, "      {} ({})", fault.what, clauses.join(" "))?;
            if let Some(seen) = fault.seen {
                writeln!(out, "      seen in {seen}")?;
            }
        }
    }
    Ok(())
}

/// Writes every variation: its name, the difference, the source, and the variations it cannot be combined with.
pub fn write_variations(width: usize, out: &mut dyn Write) -> io::Result<()> {
    for variation in Variation::ALL {
        writeln!(out, "{}", variation.name())?;
        let others: Vec<&str> = Variation::ALL
            .iter()
            .filter(|other| other.excludes(*variation))
            .map(|other| other.name())
            .collect();
        let mut paragraphs = vec![
            variation.what().to_owned(),
            format!("source: {}", variation.source()),
        ];
        if !others.is_empty() {
            paragraphs.push(format!("not with: {}", others.join(", ")));
        }
        for line in paragraphs
            .iter()
            .flat_map(|text| fold(text, width.saturating_sub(4)))
        {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// The matrix, one line per fault: the clauses it violates, and what found it. Numbers that change with every change of
/// a generator are left out, so that a lost kill shows as one changed line.
pub fn matrix_as_text(proof: &Proof) -> String {
    let mut text = String::from(
        "# Each planted fault: the clauses that failed in each phase, those it violates first; after a bar, collateral.\n\
         # `-` is a phase that did not find it. Written by `stopcheck selfcheck --golden FILE --bless`.\n",
    );
    for chapter in faults::CHAPTERS {
        let rows = proof
            .matrix
            .iter()
            .filter(|row| chapter.faults.iter().any(|fault| fault.name == row.fault));
        text.push_str(&format!("\n## {}\n", chapter.about));
        for row in rows {
            text.push_str(row.fault);
            text.push(':');
            for trial in &row.trials {
                text.push_str(&format!(" {} {};", trial.phase.name(), found_by(row, trial)));
            }
            text.push('\n');
        }
    }
    text
}

fn found_by(row: &MatrixRow, trial: &Trial) -> String {
    if row.is_concurrent {
        // Which clauses overlapping calls violate differs from play to play.
        return if row.is_killed() { "found" } else { "-" }.to_owned();
    }
    let failed = |own: bool| {
        trial
            .failed
            .keys()
            .map(String::as_str)
            .filter(move |clause| row.violates.contains(clause) == own)
    };
    let warned = trial
        .warned
        .iter()
        .filter(|clause| row.violates.contains(&clause.as_str()))
        .filter(|clause| !trial.failed.contains_key(*clause))
        .map(|clause| format!("{clause}?"));
    let own: Vec<String> = failed(true).map(str::to_owned).chain(warned).collect();
    let own = if own.is_empty() {
        "-".to_owned()
    } else {
        own.join(" ")
    };
    let besides: Vec<&str> = failed(false).collect();
    if besides.is_empty() {
        own
    } else {
        format!("{own} | {}", besides.join(" "))
    }
}
