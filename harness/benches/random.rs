//! How many steps the random phase judges per second, what a step costs without generating scripts, and whether memory
//! use stays flat.
//!
//! ```text
//! cargo bench -p stopcheck --bench random            two hundred thousand steps
//! cargo bench -p stopcheck --bench random -- 1000000 any number of steps
//! ```
//!
//! Everything runs on one core in this process, as in a search, without an event sink.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stopcheck::contract::{self, Edition};
use stopcheck::embedded;
use stopcheck::journal::Event;
use stopcheck::plan::script::{Features, Script};
use stopcheck::plan::{Plan, Random, Selection};
use stopcheck::runner;
use tokio::sync::{mpsc, watch};

/// The default number of steps.
const STEPS: usize = 200_000;

/// The step counts at which the peak memory is reported.
const MARKS: [usize; 2] = [100_000, 1_000_000];

/// A step allocates many small values that live for microseconds.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let wished = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    // Without `--bench`, only show that the bench works.
    let usual = if std::env::args().any(|arg| arg == "--bench") {
        STEPS
    } else {
        1_000
    };
    let (begun, begun_cpu) = (Instant::now(), user_ms());
    let (scripts, steps) = explore(wished.unwrap_or(usual));
    told("the random phase", steps, begun.elapsed(), user_ms() - begun_cpu);
    let (begun, begun_cpu) = (Instant::now(), user_ms());
    let made: usize = (0..scripts).map(make).sum();
    let cpu = user_ms() - begun_cpu;
    println!(
        "of it the making of {scripts} scripts ({made} steps): {:?}, user {cpu} ms",
        begun.elapsed()
    );
}

fn told(what: &str, steps: usize, wall: Duration, user_ms: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |seconds: f64| steps as f64 / seconds;
    println!(
        "{what}: {steps} steps in {wall:.2?}, {:.0} a second by the wall; user {user_ms} ms, {:.0} a second by the CPU; \
         peak {} KiB",
        rate(wall.as_secs_f64()),
        rate(Duration::from_millis(user_ms.max(1)).as_secs_f64()),
        peak_kib(),
    );
}

/// Generates a script of the usual length and discards it; returns its number of steps.
fn make(number: u64) -> usize {
    let mut random = bytes_from(number);
    let steps = 32 + usize::from(random()) % 96;
    Script::decode(&Script::bytes(steps, random), Features::ALL)
        .into_case("bench")
        .steps
        .len()
}

/// An endless stream of bytes from a seed.
fn bytes_from(seed: u64) -> impl FnMut() -> u8 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    }
}

/// Plays scripts until this many steps were judged; returns the number of scripts and of steps.
fn explore(wished: usize) -> (u64, usize) {
    let plan = Plan {
        random: Some(Random {
            scripts: u64::MAX,
            max_time: None,
            max_shrink_requests: 0,
            selection: Selection::default(),
        }),
        ..Plan::default()
    };
    let contract = Arc::new(contract::embedded(Edition::Current));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing but memory");
    runtime.block_on(async {
        let (events, mut inbox) = mpsc::channel(256);
        let (stop, interrupted) = watch::channel(false);
        let runner = tokio::spawn(runner::run(
            contract,
            plan,
            embedded::options(Edition::Current),
            events,
            interrupted,
        ));
        let (mut scripts, mut steps) = (0, 0);
        let begun = Instant::now();
        while let Some(event) = inbox.recv().await {
            match event {
                Event::Explored(sum) => {
                    for mark in MARKS {
                        if (steps + 1..=steps + sum.steps).contains(&mark) {
                            println!(
                                "peak after {mark} steps: {} KiB, {:?}",
                                peak_kib(),
                                begun.elapsed()
                            );
                        }
                    }
                    scripts += sum.scripts;
                    steps += sum.steps;
                    let _ = stop.send(steps >= wished);
                }
                Event::Judged(judged) => assert!(judged.findings.is_empty(), "{judged:?}"),
                _ => {}
            }
        }
        runner
            .await
            .expect("the runner does not panic")
            .expect("the reference passes the preflight");
        (scripts, steps)
    })
}

/// The peak memory of this process, if the system provides it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// The user CPU time of this process, if the system provides it; a tick is ten milliseconds.
fn user_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: Option<u64> = fields
        .split_whitespace()
        .nth(11)
        .and_then(|field| field.parse().ok());
    ticks.unwrap_or_default() * 10
}
