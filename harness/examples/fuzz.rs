//! Runs the fuzz targets without a fuzzer, on any toolchain. `list` prints the targets, `replay TARGET FILE…` runs
//! inputs through one.
//!
//! Use it through `cargo xtask fuzz`. Each printed line is a target: its name, whether a dictionary helps, and the
//! property that holds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use stopcheck::fuzzing::{self, FuzzTarget, TARGETS};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => {
            for target in TARGETS {
                let dictionary = if target.dictionary { "words" } else { "bytes" };
                println!("{}\t{dictionary}\t{}", target.name, target.holds);
            }
            ExitCode::SUCCESS
        }
        ["replay", name, files @ ..] => match fuzzing::target(name) {
            Some(target) => replay(target, files),
            None => {
                eprintln!("there is no target {name:?}");
                ExitCode::from(2)
            }
        },
        _ => {
            eprintln!("usage: fuzz list | fuzz replay TARGET FILE…");
            ExitCode::from(2)
        }
    }
}

/// Runs each file through a target, and continues after a failure.
fn replay(target: &FuzzTarget, files: &[&str]) -> ExitCode {
    let mut failed = 0;
    for file in files {
        match std::fs::read(Path::new(file)) {
            Ok(data) => {
                if catch_unwind(AssertUnwindSafe(|| (target.body)(&data))).is_err() {
                    println!("{}: {file} FAILS", target.name);
                    failed += 1;
                }
            }
            Err(error) => {
                println!("could not read {file}: {error}");
                failed += 1;
            }
        }
    }
    println!("{}: {} inputs, {failed} failed", target.name, files.len());
    ExitCode::from(u8::from(failed > 0))
}
