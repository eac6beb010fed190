//! How soon each planted fault is found: requests and time until the first failure that is told, by phase, over five
//! seeds.
//!
//! ```text
//! cargo bench -p stopcheck --bench kills
//! ```

use std::time::Duration;

use stopcheck::selfcheck::{self, Effort, Fault, Row};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a phase needed for one fault, with one seed.
type Need = (usize, Duration);

fn main() {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let seeds: &[u64] = if is_bench { &[1, 2, 3, 4, 5] } else { &[1] };
    // Whoever only tries whether benches run is content with a few.
    let most = if is_bench { usize::MAX } else { 3 };
    let faults: Vec<&Fault> = selfcheck::all()
        .filter(|fault| !fault.is_concurrent)
        .take(most)
        .collect();
    let mut rows: Vec<Row> = Vec::new();
    for seed in seeds {
        let effort = Effort {
            scripts: 30,
            seed: *seed,
            until_found: true,
        };
        let proof = selfcheck::prove(&faults, effort, 1, false).expect("a runtime of one thread can be had");
        rows.extend(proof.matrix);
    }
    println!(
        "{} faults, {} seeds; requests and time until the first failure",
        faults.len(),
        seeds.len()
    );
    println!("| phase | found | median | nine of ten | worst | worst fault |");
    println!("|---|---|---|---|---|---|");
    for phase in 0..3 {
        tell(&rows, phase);
    }
}

fn tell(rows: &[Row], phase: usize) {
    let trial_of = |row: &Row| row.trials.get(phase).cloned();
    let mut needs: Vec<(Need, &str)> = rows
        .iter()
        .filter_map(|row| {
            let trial = trial_of(row)?;
            Some(((trial.requests_to_find?, trial.time_to_find?), row.fault))
        })
        .collect();
    needs.sort_unstable();
    let at = |part: usize| needs.get((needs.len() * part / 100).min(needs.len().saturating_sub(1)));
    let word = |need: Option<&(Need, &str)>| match need {
        Some(((requests, time), _)) => format!("{requests} requests, {time:.1?}"),
        None => "-".to_owned(),
    };
    let name = rows
        .first()
        .and_then(trial_of)
        .map_or("", |trial| trial.phase.name());
    println!(
        "| {name} | {} of {} | {} | {} | {} | {} |",
        needs.len(),
        rows.len(),
        word(at(50)),
        word(at(90)),
        word(needs.last()),
        needs.last().map_or("", |(_, fault)| fault)
    );
}
