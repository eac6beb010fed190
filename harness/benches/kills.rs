//! How soon each planted fault is found: requests and time until the first reported failure, by phase, over five seeds.
//! The results are in `harness/docs/time-to-kill.md`.
//!
//! ```text
//! cargo bench -p stopcheck --bench kills
//! ```

use std::time::Duration;

use stopcheck::selfcheck::{self, Effort, Fault, MatrixRow, Scope};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a phase needed for one fault, with one seed.
type Need = (usize, Duration);

fn main() {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let seeds: &[u64] = if is_bench { &[1, 2, 3, 4, 5] } else { &[1] };
    // Without `--bench`, a few faults are enough to show that the bench works.
    let most = if is_bench { usize::MAX } else { 3 };
    let faults: Vec<&Fault> = selfcheck::all()
        .filter(|fault| !fault.is_concurrent)
        .take(most)
        .collect();
    let mut rows: Vec<MatrixRow> = Vec::new();
    for seed in seeds {
        let effort = Effort {
            scripts: 30,
            overlaps: 25,
            seed: *seed,
            until_found: true,
        };
        let scope = Scope {
            faults: &faults,
            variations: &[],
            together: false,
            whole: false,
        };
        let proof = selfcheck::prove(scope, effort, 1, &|_| ()).expect("a runtime of one thread can be had");
        rows.extend(proof.matrix);
    }
    println!(
        "{} faults, {} seeds; requests and time until the first failure",
        faults.len(),
        seeds.len()
    );
    println!();
    println!("| phase | found | median | nine of ten | worst | worst fault |");
    println!("|---|---|---|---|---|---|");
    for phase in PHASES {
        tell(&rows, phase);
    }
    println!();
    println!(
        "Each fault: median and worst of the seeds; a dash where the phase alone does not find it every time."
    );
    println!();
    println!("| fault | scenarios | coverage | random: median | random: worst |");
    println!("|---|---|---|---|---|");
    for fault in &faults {
        tell_fault(&rows, fault.name, seeds.len());
    }
    tell_overlaps(is_bench);
}

/// Each fault of overlapping calls: with how many of twenty seeds it is found, and after how many requests.
fn tell_overlaps(is_bench: bool) {
    let seeds = if is_bench { 20 } else { 1 };
    let faults = selfcheck::all().filter(|fault| fault.is_concurrent);
    println!();
    println!(
        "Faults of overlapping calls, {seeds} seeds: requests until a clause that they violate is reported."
    );
    println!();
    println!("| fault | found | median | worst |");
    println!("|---|---|---|---|");
    for fault in faults.take(if is_bench { usize::MAX } else { 1 }) {
        let mut needs: Vec<Need> = (0..seeds)
            .flat_map(|seed| {
                let effort = Effort {
                    scripts: 0,
                    overlaps: 25,
                    seed,
                    until_found: true,
                };
                let scope = Scope {
                    faults: &[fault],
                    variations: &[],
                    together: false,
                    whole: false,
                };
                let proof = selfcheck::prove(scope, effort, 1, &|_| ()).expect("a runtime can be had");
                proof
                    .matrix
                    .iter()
                    .filter_map(|row| need(row, 0))
                    .collect::<Vec<_>>()
            })
            .collect();
        needs.sort_unstable();
        let found = needs.len();
        let median = word(needs.get(found / 2));
        println!(
            "| {} | {found} of {seeds} | {median} | {} |",
            fault.name,
            word(needs.last())
        );
    }
}

/// The phases of a trial, by index. Only the last one depends on the seed.
const PHASES: std::ops::Range<usize> = 0..3;

fn tell_fault(rows: &[MatrixRow], fault: &str, seeds: usize) {
    let needs = |phase: usize| {
        let of_fault = rows.iter().filter(|row| row.fault == fault);
        let mut needs: Vec<Need> = of_fault.filter_map(|row| need(row, phase)).collect();
        needs.sort_unstable();
        needs
    };
    let [scenarios, coverage, random] = [0, 1, 2].map(needs);
    let median = |needs: &[Need]| {
        word(
            (needs.len() == seeds)
                .then(|| needs.get(needs.len() / 2))
                .flatten(),
        )
    };
    let worst = word(random.last().filter(|_| random.len() == seeds));
    println!(
        "| {fault} | {} | {} | {} | {worst} |",
        median(&scenarios),
        median(&coverage),
        median(&random)
    );
}

fn need(row: &MatrixRow, phase: usize) -> Option<Need> {
    let trial = row.trials.get(phase)?;
    Some((trial.requests_to_find?, trial.time_to_find?))
}

fn word(need: Option<&Need>) -> String {
    match need {
        Some((requests, time)) => format!("{requests} requests, {time:.1?}"),
        None => "-".to_owned(),
    }
}

fn tell(rows: &[MatrixRow], phase: usize) {
    let mut needs: Vec<(Need, &str)> = rows
        .iter()
        .filter_map(|row| Some((need(row, phase)?, row.fault)))
        .collect();
    needs.sort_unstable();
    let at = |part: usize| needs.get((needs.len() * part / 100).min(needs.len().saturating_sub(1)));
    let name = rows
        .first()
        .and_then(|row| row.trials.get(phase))
        .map_or("", |trial| trial.phase.name());
    println!(
        "| {name} | {} of {} | {} | {} | {} | {} |",
        needs.len(),
        rows.len(),
        word(at(50).map(|(need, _)| need)),
        word(at(90).map(|(need, _)| need)),
        word(needs.last().map(|(need, _)| need)),
        needs.last().map_or("", |(_, fault)| fault)
    );
}
