//! Compares the contract with what AWS publishes: `specs/stop_instances.toml` with the service model in botocore.
//! Compared are parameters, their types, which are required, state names and codes.
//!
//! The model is taken from the published package, the newest version by default. The comparison is pure and collects
//! all differences.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

const SPEC: &str = "specs/stop_instances.toml";

#[derive(Default, clap::Args)]
pub(crate) struct DriftArgs {
    /// The version of botocore; by default the newest.
    #[arg(long)]
    botocore: Option<String>,
}

pub(crate) fn run(args: &DriftArgs, workspace: &Workspace) -> Result<TaskOutcome> {
    let spec = fs::read_to_string(workspace.path(SPEC)).with_context(|| format!("could not read {SPEC}"))?;
    let spec: Spec = toml::from_str(&spec).with_context(|| format!("could not read {SPEC}"))?;
    let (version, path) = fetch(workspace, args.botocore.as_deref())?;
    let model = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let model: Model = serde_json::from_str(&model).context("could not read the service model")?;
    let published = Published::read(&model, &spec.action.name)
        .with_context(|| format!("could not understand the service model of botocore {version}"))?;
    let differences = compare(&spec, &published);
    for difference in &differences {
        println!("{difference}");
    }
    if differences.is_empty() {
        println!("no drift, botocore {version}");
    } else {
        println!("drift from botocore {version}: {} to settle", differences.len());
    }
    Ok(TaskOutcome::bad_if(!differences.is_empty()))
}

/// The parts of the contract that are compared.
#[derive(Debug, Deserialize)]
struct Spec {
    action: SpecAction,
    #[serde(default)]
    parameter: Vec<SpecParameter>,
    #[serde(default)]
    state: Vec<SpecState>,
}

#[derive(Debug, Deserialize)]
struct SpecAction {
    name: String,
}

#[derive(Debug, Deserialize)]
struct SpecParameter {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
}

#[derive(Debug, Deserialize)]
struct SpecState {
    code: u32,
    name: String,
}

/// The same facts as published by AWS.
#[derive(Debug, Default, PartialEq, Eq)]
struct Published {
    /// Type and whether it is required, by the name in requests.
    parameters: BTreeMap<String, (String, bool)>,
    /// The names that the model lists.
    states: Vec<String>,
    /// The codes in the documentation.
    codes: BTreeMap<String, u32>,
}

/// One line for each difference; empty if there is none.
fn compare(spec: &Spec, published: &Published) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, (kind, required)) in &published.parameters {
        let Some(ours) = spec.parameter.iter().find(|ours| ours.name == *name) else {
            differences.push(format!(
                "parameter {name} ({kind}) is published and not in the contract"
            ));
            continue;
        };
        if ours.kind != *kind {
            differences.push(format!(
                "parameter {name} is a {kind}, the contract says {}",
                ours.kind
            ));
        }
        if ours.required != *required {
            let word = |required| if required { "required" } else { "optional" };
            differences.push(format!(
                "parameter {name} is {}, the contract says {}",
                word(*required),
                word(ours.required)
            ));
        }
    }
    for ours in &spec.parameter {
        if !published.parameters.contains_key(&ours.name) {
            differences.push(format!(
                "parameter {} is in the contract and not published",
                ours.name
            ));
        }
    }
    for name in &published.states {
        if !spec.state.iter().any(|ours| ours.name == *name) {
            differences.push(format!("state {name} is published and not in the contract"));
        }
    }
    for ours in &spec.state {
        if !published.states.contains(&ours.name) {
            differences.push(format!(
                "state {} is in the contract and not published",
                ours.name
            ));
        }
        match published.codes.get(&ours.name) {
            Some(code) if *code != ours.code => differences.push(format!(
                "state {} has the code {code}, the contract says {}",
                ours.name, ours.code
            )),
            Some(_) => {}
            None => differences.push(format!("state {} has no published code", ours.name)),
        }
    }
    differences
}

impl Published {
    fn read(model: &Model, action: &str) -> Result<Published> {
        let operation = model
            .operations
            .get(action)
            .with_context(|| format!("it has no operation {action}"))?;
        let input = &operation
            .input
            .as_ref()
            .with_context(|| format!("{action} has no input"))?
            .shape;
        let input = model.shape(input)?;
        let mut parameters = BTreeMap::new();
        for (member, reference) in &input.members {
            let shape = model.shape(&reference.shape)?;
            let wire = capitalised(reference.location_name.as_deref().unwrap_or(member));
            let (name, kind) = match &shape.member {
                Some(item) => (
                    format!("{wire}.N"),
                    format!("{}-list", model.shape(&item.shape)?.kind),
                ),
                None => (wire, shape.kind.clone()),
            };
            parameters.insert(name, (kind, input.required.contains(member)));
        }
        let code = model
            .shape("InstanceState")?
            .members
            .get("Code")
            .and_then(|code| code.documentation.as_deref())
            .context("InstanceState.Code is not documented")?;
        let codes = codes(code);
        if codes.is_empty() {
            bail!("the documentation of InstanceState.Code lists no codes");
        }
        Ok(Published {
            parameters,
            states: model.shape("InstanceStateName")?.values.clone(),
            codes,
        })
    }
}

/// The EC2 protocol capitalises the first letter of names in requests.
fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// The pairs `<code>16</code> : <code>running</code>` in a documentation text.
fn codes(documentation: &str) -> BTreeMap<String, u32> {
    let words: Vec<(&str, &str)> = documentation
        .split("<code>")
        .skip(1)
        .filter_map(|piece| piece.split_once("</code>"))
        .collect();
    words
        .windows(2)
        .filter_map(|pair| match pair {
            [(code, between), (name, _)] if between.trim() == ":" => {
                Some(((*name).to_owned(), code.parse().ok()?))
            }
            _ => None,
        })
        .collect()
}

/// Downloads botocore and extracts the service model; returns the version and the path of the model.
fn fetch(workspace: &Workspace, version: Option<&str>) -> Result<(String, PathBuf)> {
    let python = tools::python(workspace)?;
    let folder = workspace.target("drift");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    let requirement = version.map_or_else(|| "botocore".to_owned(), |version| format!("botocore=={version}"));
    let mut pip = workspace.command(&python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ])
    .args(["--no-deps", "--only-binary=:all:", "--dest"])
    .arg(&folder)
    .arg(&requirement);
    shell::run(&mut pip).context("could not download botocore from PyPI")?;
    let mut unpack = workspace.command(&python);
    unpack.arg("-c").arg(UNPACK).arg(&folder);
    let version = shell::capture(&mut unpack).context("could not unpack botocore")?;
    Ok((version.trim().to_owned(), folder.join("service-2.json")))
}

/// Extracts the service model from the only wheel in a folder, compressed or not, and prints the version.
const UNPACK: &str = r#"
import glob, gzip, os, sys, zipfile
folder = sys.argv[1]
(wheel,) = glob.glob(os.path.join(folder, "botocore-*.whl"))
with zipfile.ZipFile(wheel) as archive:
    (name,) = [n for n in archive.namelist() if n.startswith("botocore/data/ec2/2016-11-15/service-2.json")]
    data = archive.read(name)
if name.endswith(".gz"):
    data = gzip.decompress(data)
with open(os.path.join(folder, "service-2.json"), "wb") as out:
    out.write(data)
print(os.path.basename(wheel).split("-")[1])
"#;

/// The parts of the service model that are used.
#[derive(Debug, Deserialize)]
struct Model {
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

impl Model {
    fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("it has no shape {name}"))
    }
}

#[derive(Debug, Deserialize)]
struct Operation {
    input: Option<Reference>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    shape: String,
    #[serde(rename = "locationName")]
    location_name: Option<String>,
    documentation: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    members: BTreeMap<String, Reference>,
    member: Option<Reference>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = r#"{
        "operations": {"StopInstances": {"input": {"shape": "StopInstancesRequest"}}},
        "shapes": {
            "StopInstancesRequest": {"type": "structure", "required": ["InstanceIds"], "members": {
                "InstanceIds": {"shape": "InstanceIdStringList", "locationName": "InstanceId"},
                "DryRun": {"shape": "Boolean", "locationName": "dryRun"},
                "Hibernate": {"shape": "Boolean"}}},
            "InstanceIdStringList": {"type": "list", "member": {"shape": "InstanceId", "locationName": "InstanceId"}},
            "InstanceId": {"type": "string"},
            "Boolean": {"type": "boolean"},
            "Integer": {"type": "integer"},
            "InstanceState": {"type": "structure", "members": {"Code": {"shape": "Integer",
                "documentation": "<p>Values:</p> <ul> <li> <p> <code>0</code> : <code>pending</code> </p> </li> <li> <p> <code>16</code> : <code>running</code> </p> </li> </ul>"}}},
            "InstanceStateName": {"type": "string", "enum": ["pending", "running"]}
        }}"#;

    const SPEC: &str = r#"
        [action]
        name = "StopInstances"
        [[parameter]]
        name = "InstanceId.N"
        type = "string-list"
        required = true
        since = "always"
        [[parameter]]
        name = "DryRun"
        type = "boolean"
        [[parameter]]
        name = "Hibernate"
        type = "boolean"
        required = false
        [[state]]
        code = 0
        name = "pending"
        [[state]]
        code = 16
        name = "running"
        [[clause]]
        id = "X-01"
    "#;

    fn differences(spec: &str) -> Vec<String> {
        let model: Model = serde_json::from_str(MODEL).expect("it is JSON");
        let published = Published::read(&model, "StopInstances").expect("it is a model");
        compare(&toml::from_str(spec).expect("it is TOML"), &published)
    }

    #[test]
    fn a_contract_that_says_the_same_has_not_drifted() {
        assert_eq!(differences(SPEC), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_told() {
        let spec = SPEC
            .replace("name = \"Hibernate\"", "name = \"Force\"")
            .replace("string-list", "string")
            .replace("code = 16", "code = 17")
            .replace("name = \"pending\"", "name = \"asleep\"");
        assert_eq!(
            differences(&spec),
            [
                "parameter Hibernate (boolean) is published and not in the contract",
                "parameter InstanceId.N is a string-list, the contract says string",
                "parameter Force is in the contract and not published",
                "state pending is published and not in the contract",
                "state asleep is in the contract and not published",
                "state asleep has no published code",
                "state running has the code 16, the contract says 17",
            ]
        );
    }

    #[test]
    fn a_parameter_that_became_required_is_told() {
        let spec = SPEC.replace("required = true", "required = false");
        assert_eq!(
            differences(&spec),
            ["parameter InstanceId.N is required, the contract says optional"]
        );
    }

    #[test]
    fn an_action_that_is_not_published_is_an_error() {
        let model: Model = serde_json::from_str(MODEL).expect("it is JSON");
        assert!(Published::read(&model, "StopEverything").is_err());
    }
}
