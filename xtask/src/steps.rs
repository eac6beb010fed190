//! Steps of a longer task: each with its name, its duration and, when it fails, what to do.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::shell::Outcome;
use crate::workspace::Workspace;

/// One of several tasks in a row; all of them are told the same.
pub(crate) struct Step<T: 'static> {
    pub(crate) name: &'static str,
    /// What to do when it fails.
    pub(crate) hint: &'static str,
    pub(crate) run: fn(&Workspace, &T) -> Result<Outcome>,
}

/// Runs one after the other and stops at the first that fails: each leans on those before it.
pub(crate) fn until_one_fails<T>(steps: &[&Step<T>], workspace: &Workspace, told: &T) -> Outcome {
    let begin = Instant::now();
    for (index, step) in steps.iter().enumerate() {
        if run(step, index + 1, steps.len(), workspace, told) == Outcome::Bad {
            return Outcome::Bad;
        }
    }
    println!("==> green, {}", seconds(begin.elapsed()));
    Outcome::Good
}

/// Runs all of them, whatever comes of each, and tells at the end which failed.
pub(crate) fn each<T>(steps: &[&Step<T>], workspace: &Workspace, told: &T) -> Outcome {
    let begin = Instant::now();
    let mut failed = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if run(step, index + 1, steps.len(), workspace, told) == Outcome::Bad {
            failed.push(step.name);
        }
    }
    let took = seconds(begin.elapsed());
    if failed.is_empty() {
        println!("==> green, {took}");
        return Outcome::Good;
    }
    println!(
        "==> {} of {} FAILED, {took}: {}",
        failed.len(),
        steps.len(),
        failed.join(", ")
    );
    Outcome::Bad
}

fn run<T>(step: &Step<T>, number: usize, of: usize, workspace: &Workspace, told: &T) -> Outcome {
    println!("==> {number}/{of} {}", step.name);
    let start = Instant::now();
    let outcome = (step.run)(workspace, told).unwrap_or_else(|error| {
        println!("{error:#}");
        Outcome::Bad
    });
    let took = seconds(start.elapsed());
    match outcome {
        Outcome::Good => println!("==> {} ok, {took}", step.name),
        Outcome::Bad => {
            println!("==> {} FAILED, {took}", step.name);
            println!("    {}", step.hint);
        }
    }
    outcome
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::bail;

    use super::*;

    const STEPS: [&Step<Cell<u8>>; 3] = [
        &Step {
            name: "first",
            hint: "",
            run: |_, ran| {
                ran.set(ran.get() + 1);
                Ok(Outcome::Good)
            },
        },
        &Step {
            name: "second",
            hint: "",
            run: |_, ran| {
                ran.set(ran.get() + 10);
                bail!("it cannot even begin")
            },
        },
        &Step {
            name: "third",
            hint: "",
            run: |_, ran| {
                ran.set(ran.get() + 100);
                Ok(Outcome::Good)
            },
        },
    ];

    #[test]
    fn one_that_fails_ends_a_row_or_does_not() {
        let workspace = Workspace::find().expect("we are in one");
        let ran = Cell::new(0);
        assert_eq!(until_one_fails(&STEPS, &workspace, &ran), Outcome::Bad);
        assert_eq!(ran.replace(0), 11);
        assert_eq!(each(&STEPS, &workspace, &ran), Outcome::Bad);
        assert_eq!(ran.replace(0), 111);
        let [good, _, as_good] = STEPS;
        assert_eq!(each(&[good, as_good], &workspace, &ran), Outcome::Good);
        assert_eq!(until_one_fails(&[good, as_good], &workspace, &ran), Outcome::Good);
    }
}
