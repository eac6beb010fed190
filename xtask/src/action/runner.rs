//! A small part of a runner: plays the steps of a composite action with the files and variables that GitHub documents.
//!
//! Expressions are `inputs.NAME` and `steps.ID.outputs.NAME`; others are errors. After a step that failed, only steps
//! with a condition are considered, and those are the ones that use another action: what they are given is recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::Workspace;
use crate::{shell, tools};

/// An action, as far as it is played here.
#[derive(Debug, Deserialize)]
pub(super) struct Action {
    #[serde(default)]
    inputs: BTreeMap<String, Input>,
    #[serde(default)]
    outputs: BTreeMap<String, Output>,
    runs: Runs,
}

#[derive(Debug, Deserialize)]
struct Input {
    #[serde(default)]
    default: String,
}

#[derive(Debug, Deserialize)]
struct Output {
    value: String,
}

#[derive(Debug, Deserialize)]
struct Runs {
    using: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    id: Option<String>,
    #[serde(rename = "if")]
    condition: Option<String>,
    shell: Option<String>,
    run: Option<String>,
    uses: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    with: BTreeMap<String, String>,
}

/// What a workflow sees of an action that was played.
#[derive(Debug)]
pub(super) struct Job {
    /// The exit code of the first step that failed, or 0.
    pub(super) code: i32,
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) summary: String,
    /// The path that the action uploads.
    pub(super) uploaded: Option<String>,
    /// The working folder.
    pub(super) folder: PathBuf,
}

impl Action {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let action: Action = serde_saphyr::from_str(text)?;
        if action.runs.using != "composite" {
            bail!("it is not a composite action, but `{}`", action.runs.using);
        }
        Ok(action)
    }

    /// Plays all steps in a new folder.
    pub(super) fn play(&self, given: &[(&str, &str)], place: &Path, workspace: &Workspace) -> Result<Job> {
        let folder = workspace.target("action");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
        }
        let mut stage = Stage {
            inputs: self.inputs_of(given)?,
            outputs: BTreeMap::new(),
            path: vec![python_folder(workspace)?, "/usr/bin".into(), "/bin".into()],
            runner: folder.join("runner"),
            folder: folder.join("workspace"),
        };
        for needed in [&stage.runner, &stage.folder] {
            fs::create_dir_all(needed).with_context(|| format!("could not make {}", needed.display()))?;
        }
        let (mut code, mut summary, mut uploaded) = (0, String::new(), None);
        for (index, step) in self.runs.steps.iter().enumerate() {
            if code != 0 && step.condition.is_none() {
                continue;
            }
            match (&step.run, &step.uses) {
                (Some(script), None) => code = stage.run(index, step, script, place, &mut summary)?,
                (None, Some(used)) if used.starts_with("actions/upload-artifact@") => {
                    uploaded = step.with.get("path").map(|path| stage.text(path)).transpose()?;
                }
                (None | Some(_), Some(_)) | (None, None) => {
                    bail!("step {} is not known to this runner", index + 1)
                }
            }
        }
        let outputs = self.outputs.iter();
        Ok(Job {
            code,
            outputs: outputs
                .map(|(name, output)| Ok((name.clone(), stage.text(&output.value)?)))
                .collect::<Result<_>>()?,
            summary,
            uploaded: uploaded.filter(|path| !path.is_empty()),
            folder: stage.folder,
        })
    }

    fn inputs_of(&self, given: &[(&str, &str)]) -> Result<BTreeMap<String, String>> {
        let mut inputs: BTreeMap<String, String> = self
            .inputs
            .iter()
            .map(|(name, input)| (name.clone(), input.default.clone()))
            .collect();
        for (name, value) in given {
            *inputs
                .get_mut(*name)
                .with_context(|| format!("the action has no input `{name}`"))? = (*value).to_owned();
        }
        Ok(inputs)
    }
}

/// What the steps of one job share.
struct Stage {
    inputs: BTreeMap<String, String>,
    /// The outputs of steps with an id, as `ID.NAME`.
    outputs: BTreeMap<String, String>,
    path: Vec<PathBuf>,
    /// The folder of the runner's own files.
    runner: PathBuf,
    folder: PathBuf,
}

impl Stage {
    /// Runs a step with files of its own, and reads what it has written to them.
    fn run(
        &mut self,
        index: usize,
        step: &Step,
        script: &str,
        place: &Path,
        summary: &mut String,
    ) -> Result<i32> {
        if step.shell.as_deref() != Some("bash") {
            bail!("step {} does not name the shell bash", index + 1);
        }
        let file = |name: &str| self.runner.join(format!("{name}-{index}"));
        let files = [
            "GITHUB_OUTPUT",
            "GITHUB_ENV",
            "GITHUB_PATH",
            "GITHUB_STEP_SUMMARY",
            "GITHUB_STATE",
        ];
        let mut command = Command::new("bash");
        // As GitHub documents it for `shell: bash`.
        let program = file("step.sh");
        fs::write(&program, self.text(script)?)
            .with_context(|| format!("could not write {}", program.display()))?;
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(&program);
        command
            .current_dir(&self.folder)
            .env_clear()
            .env(
                "PATH",
                std::env::join_paths(&self.path).context("could not make a path")?,
            )
            .env("HOME", &self.runner)
            .env("CI", "true")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ACTION_PATH", place)
            .env("GITHUB_WORKSPACE", &self.folder)
            .env("RUNNER_TEMP", &self.runner);
        for name in files {
            fs::write(file(name), "").with_context(|| format!("could not write {}", file(name).display()))?;
            command.env(name, file(name));
        }
        for (name, value) in &step.env {
            command.env(name, self.text(value)?);
        }
        let status = shell::status(&mut command)?;
        let read = |name: &str| {
            fs::read_to_string(file(name)).with_context(|| format!("could not read {}", file(name).display()))
        };
        let (outputs, added) = (read("GITHUB_OUTPUT")?, read("GITHUB_PATH")?);
        summary.push_str(&read("GITHUB_STEP_SUMMARY")?);
        for line in outputs.lines() {
            let (name, value) = line
                .split_once('=')
                .with_context(|| format!("the output {line:?} is not NAME=VALUE"))?;
            if let Some(id) = &step.id {
                self.outputs.insert(format!("{id}.{name}"), value.to_owned());
            }
        }
        for line in added.lines() {
            self.path.insert(0, line.into());
        }
        status.code().context("a step was ended by a signal")
    }

    /// A text with its expressions evaluated.
    fn text(&self, template: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once("${{") {
            let (expression, after) = behind
                .split_once("}}")
                .with_context(|| format!("an expression in {template:?} does not end"))?;
            out.push_str(before);
            out.push_str(&self.value(expression.trim())?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, expression: &str) -> Result<String> {
        if let Some(name) = expression.strip_prefix("inputs.") {
            let value = self.inputs.get(name).cloned();
            return value.with_context(|| format!("the action has no input `{name}`"));
        }
        let output = expression
            .strip_prefix("steps.")
            .and_then(|rest| rest.split_once(".outputs."))
            .with_context(|| format!("this runner does not know the expression `{expression}`"))?;
        // An output that was not set is empty.
        Ok(self
            .outputs
            .get(&format!("{}.{}", output.0, output.1))
            .cloned()
            .unwrap_or_default())
    }
}

/// The folder of the Python that runs here; a runner has one, too.
fn python_folder(workspace: &Workspace) -> Result<PathBuf> {
    let mut probe = workspace.command(tools::python(workspace)?);
    let path = shell::capture(probe.args(["-c", "import sys; print(sys.executable)"]))?;
    let folder = Path::new(path.trim()).parent();
    Ok(folder.context("Python does not say where it is")?.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = r#"
inputs:
  word: {default: "usual"}
outputs:
  said: {value: "${{ steps.say.outputs.said }}!"}
  missing: {value: "${{ steps.none.outputs.said }}"}
runs:
  using: composite
  steps:
    - shell: bash
      run: mkdir bin; printf '#!/bin/sh\necho tool' > bin/tool; chmod +x bin/tool; echo "$PWD/bin" >> "$GITHUB_PATH"
    - id: say
      shell: bash
      env: {WORD: "${{ inputs.word }}"}
      run: echo "said=$WORD $(tool)" >> "$GITHUB_OUTPUT"; echo summary >> "$GITHUB_STEP_SUMMARY"; exit 7
    - shell: bash
      run: echo never >> "$GITHUB_STEP_SUMMARY"
    - if: always()
      uses: actions/upload-artifact@0000
      with: {path: "some ${{ inputs.word }}"}
"#;

    #[test]
    fn steps_are_played_as_a_runner_does() {
        let workspace = Workspace::find().expect("we are in one");
        let action = Action::parse(ACTION).expect("it is an action");
        let job = action
            .play(&[("word", "a word")], Path::new("."), &workspace)
            .expect("it can be played");
        assert_eq!(job.code, 7);
        let output = |name| job.outputs.get(name).map(String::as_str);
        assert_eq!(output("said"), Some("a word tool!"));
        assert_eq!(output("missing"), Some(""));
        assert_eq!(job.summary, "summary\n");
        assert_eq!(job.uploaded.as_deref(), Some("some a word"));
        assert!(action.play(&[("wrod", "")], Path::new("."), &workspace).is_err());
    }

    #[test]
    fn what_this_runner_does_not_know_is_an_error() {
        assert!(Action::parse("runs: {using: node20, steps: []}").is_err());
        let workspace = Workspace::find().expect("we are in one");
        let unknown = "runs: {using: composite, steps: [{shell: bash, run: 'echo ${{ github.token }}'}]}";
        let action = Action::parse(unknown).expect("it is an action");
        assert!(action.play(&[], Path::new("."), &workspace).is_err());
    }
}
