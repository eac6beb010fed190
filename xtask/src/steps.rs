//! Steps of a longer task: prints the name and duration of each and, on failure, a hint.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::shell::TaskOutcome;
use crate::workspace::Workspace;

/// One step of a task; all steps get the same argument.
pub(crate) struct TaskStep<T: 'static> {
    pub(crate) name: &'static str,
    /// The hint that is printed if it fails.
    pub(crate) hint: &'static str,
    pub(crate) run: fn(&Workspace, &T) -> Result<TaskOutcome>,
}

/// Runs the steps in order and stops at the first failure, since each step depends on those before it.
pub(crate) fn until_one_fails<T>(steps: &[&TaskStep<T>], workspace: &Workspace, told: &T) -> TaskOutcome {
    let begin = Instant::now();
    for (index, step) in steps.iter().enumerate() {
        if run(step, index + 1, steps.len(), workspace, told) == TaskOutcome::Bad {
            return TaskOutcome::Bad;
        }
    }
    println!("==> green, {}", seconds(begin.elapsed()));
    TaskOutcome::Good
}

/// Runs all steps, even if one fails, and prints at the end which failed.
pub(crate) fn each<T>(steps: &[&TaskStep<T>], workspace: &Workspace, told: &T) -> TaskOutcome {
    let begin = Instant::now();
    let mut failed = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if run(step, index + 1, steps.len(), workspace, told) == TaskOutcome::Bad {
            failed.push(step.name);
        }
    }
    let took = seconds(begin.elapsed());
    if failed.is_empty() {
        println!("==> green, {took}");
        return TaskOutcome::Good;
    }
    println!(
        "==> {} of {} FAILED, {took}: {}",
        failed.len(),
        steps.len(),
        failed.join(", ")
    );
    TaskOutcome::Bad
}

fn run<T>(step: &TaskStep<T>, number: usize, of: usize, workspace: &Workspace, told: &T) -> TaskOutcome {
    println!("==> {number}/{of} {}", step.name);
    let start = Instant::now();
    let outcome = (step.run)(workspace, told).unwrap_or_else(|error| {
        println!("{error:#}");
        TaskOutcome::Bad
    });
    let took = seconds(start.elapsed());
    match outcome {
        TaskOutcome::Good => println!("==> {} ok, {took}", step.name),
        TaskOutcome::Bad => {
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

    const STEPS: [&TaskStep<Cell<u8>>; 3] = [
        &TaskStep {
            name: "first",
            hint: "",
            run: |_, ran| {
                ran.set(ran.get() + 1);
                Ok(TaskOutcome::Good)
            },
        },
        &TaskStep {
            name: "second",
            hint: "",
            run: |_, ran| {
                ran.set(ran.get() + 10);
                bail!("it cannot even begin")
            },
        },
        &TaskStep {
            name: "third",
            hint: "",
            run: |_, ran| {
                ran.set(ran.get() + 100);
                Ok(TaskOutcome::Good)
            },
        },
    ];

    #[test]
    fn one_that_fails_ends_a_row_or_does_not() {
        let workspace = Workspace::find().expect("we are in one");
        let ran = Cell::new(0);
        assert_eq!(until_one_fails(&STEPS, &workspace, &ran), TaskOutcome::Bad);
        assert_eq!(ran.replace(0), 11);
        assert_eq!(each(&STEPS, &workspace, &ran), TaskOutcome::Bad);
        assert_eq!(ran.replace(0), 111);
        let [good, _, as_good] = STEPS;
        assert_eq!(each(&[good, as_good], &workspace, &ran), TaskOutcome::Good);
        assert_eq!(
            until_one_fails(&[good, as_good], &workspace, &ran),
            TaskOutcome::Good
        );
    }
}
