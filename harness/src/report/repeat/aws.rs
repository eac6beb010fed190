//! A case as `aws` commands.

use serde_json::{Map, Value};

use super::*;

/// The case as `aws` commands, or the reason why `aws` cannot express it.
pub(super) fn aws_commands(story: &Story<'_>, plan: &Plan<'_>) -> Result<Commands, String> {
    if story.run.endpoint == "reference" {
        return Err("the embedded reference has no address; `stopcheck serve` gives it one".to_owned());
    }
    let names = &plan.names;
    let with = format!(
        " --endpoint-url {} --region {}",
        quote(&story.run.endpoint),
        quote(&story.run.region)
    );
    let wait =
        |waiter: &str, id: &str| format!("aws ec2 wait {waiter} --instance-ids {}{with}", names.word(id));
    let mut parts = Vec::new();
    for action in &plan.actions {
        parts.push(match action {
            PlanAction::Send { sent, answer_use: AnswerUse::Quiet } if !sent.made.is_empty() && sent.role == Role::Arrange => {
                let call = aws_call(sent, names, &with)?;
                let [id] = sent.made.as_slice() else {
                    return Err("one call made several things".to_owned());
                };
                let name = names.of(id).unwrap_or("id").to_owned();
                format!("{name}=$({call} --query 'Instances[0].InstanceId' --output text); {}", present(&name))
            }
            PlanAction::Send { sent, answer_use: AnswerUse::Quiet } => format!("{} >/dev/null", aws_call(sent, names, &with)?),
            PlanAction::Send { sent, answer_use: AnswerUse::Shown } => aws_call(sent, names, &with)?,
            PlanAction::Send { sent, answer_use: AnswerUse::Proof } => {
                let call = aws_call(sent, names, &with)?;
                match sent.action() {
                    "DescribeInstances" => {
                        format!("{call} --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text")
                    }
                    _ => call,
                }
            }
            PlanAction::Overlap(sent) => {
                let calls: Result<Vec<_>, _> = sent.iter().map(|sent| aws_call(sent, names, &with)).collect();
                format!("{} & wait", calls?.join(" & "))
            }
            PlanAction::Wait { id, state } => match *state {
                "running" => wait("instance-running", id),
                "stopped" => wait("instance-stopped", id),
                "terminated" => wait("instance-terminated", id),
                other => return Err(format!("aws has no waiter for {other}")),
            },
            PlanAction::Pause => "sleep 10".to_owned(),
            PlanAction::WaitGone { .. } => return Err("aws has no waiter for a purged instance".to_owned()),
            PlanAction::AskSpot { request, id } => format!(
                "{}=$(aws ec2 describe-instances --instance-ids {}{with} \
                 --query 'Reservations[0].Instances[0].SpotInstanceRequestId' --output text)",
                names.of(request).unwrap_or("spot"),
                names.word(id)
            ),
        });
    }
    bounded(parts, clean_up(plan, &with))
}

/// Cancels the Spot requests and terminates the instances.
fn clean_up(plan: &Plan<'_>, with: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (is_spot, name) in plan.names.to_remove() {
        if is_spot {
            let cancel = "aws ec2 cancel-spot-instance-requests --spot-instance-request-ids";
            out.push(if_present(name, &format!("{cancel} \"${name}\"{with}")));
            continue;
        }
        if plan.protects {
            let unprotect = "aws ec2 modify-instance-attribute --no-disable-api-termination --instance-id";
            out.push(if_present(name, &format!("{unprotect} \"${name}\"{with}")));
        }
        let terminate = "aws ec2 terminate-instances --instance-ids";
        out.push(if_present(name, &format!("{terminate} \"${name}\"{with}")));
    }
    out
}

/// One call as an `aws` command.
fn aws_call(sent: &Sent, names: &ShellVariables, with: &str) -> Result<String, String> {
    let plain = Form::default();
    let form = &sent.call.form;
    let arranging = sent.role != Role::Act;
    if !arranging && *form != plain {
        return Err("the call does not travel the way aws sends it".to_owned());
    }
    let mut params = Params::new(sent)?;
    let (command, options) = match sent.action() {
        "StopInstances" => {
            let ids = params.list("InstanceId", "--instance-ids", names)?;
            let mut out = ids;
            for (name, on, off) in [
                ("Force", "--force", "--no-force"),
                ("Hibernate", "--hibernate", "--no-hibernate"),
                ("SkipOsShutdown", "--skip-os-shutdown", "--no-skip-os-shutdown"),
                ("DryRun", "--dry-run", "--no-dry-run"),
            ] {
                out.push_str(&params.flag(name, on, off)?);
            }
            ("stop-instances", out)
        }
        "StartInstances" => ("start-instances", params.ids_and_dry_run(names)?),
        "RebootInstances" => ("reboot-instances", params.ids_and_dry_run(names)?),
        "TerminateInstances" => ("terminate-instances", params.ids_and_dry_run(names)?),
        "DescribeInstances" => {
            let ids = params
                .list("InstanceId", "--instance-ids", names)
                .unwrap_or_default();
            (
                "describe-instances",
                ids + &params.flag("DryRun", "--dry-run", "--no-dry-run")?,
            )
        }
        "CancelSpotInstanceRequests" => (
            "cancel-spot-instance-requests",
            params.list("SpotInstanceRequestId", "--spot-instance-request-ids", names)?,
        ),
        "ModifyInstanceAttribute" => ("modify-instance-attribute", modify(&mut params, names)?),
        "RunInstances" => ("run-instances", launch(&mut params, names)?),
        "" => return Err("a call without an action".to_owned()),
        other => return Err(format!("the call of {} is not known to this line", quote(other))),
    };
    params.finish()?;
    Ok(format!("aws ec2 {command}{options}{with}"))
}

fn modify(params: &mut Params<'_>, names: &ShellVariables) -> Result<String, String> {
    let mut out = format!(
        " --instance-id {}",
        params.scalar("InstanceId", names)?.ok_or("no instance id")?
    );
    out.push_str(&params.flag(
        "DisableApiStop.Value",
        "--disable-api-stop",
        "--no-disable-api-stop",
    )?);
    out.push_str(&params.flag(
        "DisableApiTermination.Value",
        "--disable-api-termination",
        "--no-disable-api-termination",
    )?);
    for (name, option) in [("Attribute", "--attribute"), ("Value", "--value")] {
        if let Some(value) = params.scalar(name, names)? {
            let _ = write!(out, " {option} {value}");
        }
    }
    Ok(out)
}

fn launch(params: &mut Params<'_>, names: &ShellVariables) -> Result<String, String> {
    let mut out = String::new();
    let (least, most) = (
        params.scalar("MinCount", names)?,
        params.scalar("MaxCount", names)?,
    );
    if let (Some(least), Some(most)) = (least, most) {
        let _ = match least == most {
            true => write!(out, " --count {least}"),
            false => write!(out, " --count {least}:{most}"),
        };
    }
    for (name, option) in [
        ("ImageId", "--image-id"),
        ("InstanceType", "--instance-type"),
        ("SubnetId", "--subnet-id"),
        (
            "InstanceInitiatedShutdownBehavior",
            "--instance-initiated-shutdown-behavior",
        ),
    ] {
        if let Some(value) = params.scalar(name, names)? {
            let _ = write!(out, " {option} {value}");
        }
    }
    out.push_str(&params.flag("DisableApiStop", "--disable-api-stop", "--no-disable-api-stop")?);
    out.push_str(&params.flag(
        "DisableApiTermination",
        "--disable-api-termination",
        "--no-disable-api-termination",
    )?);
    for (prefix, option) in [
        ("HibernationOptions", "--hibernation-options"),
        ("InstanceMarketOptions", "--instance-market-options"),
        ("Placement", "--placement"),
    ] {
        let tree = params.tree(&format!("{prefix}."));
        if !tree.is_empty() {
            let _ = write!(out, " {option} {}", quoted(&Value::Object(tree).to_string()));
        }
    }
    let mut volumes = Vec::new();
    for number in 1..=16 {
        let tree = params.tree(&format!("BlockDeviceMapping.{number}."));
        if !tree.is_empty() {
            volumes.push(Value::Object(tree));
        }
    }
    if !volumes.is_empty() {
        let _ = write!(
            out,
            " --block-device-mappings {}",
            quoted(&Value::Array(volumes).to_string())
        );
    }
    // Tags are for our own clean-up; with a token, a second paste would get the first instance again.
    params
        .left
        .retain(|(name, _)| !name.starts_with("TagSpecification.") && *name != "ClientToken");
    Ok(out)
}

/// The parameters of a call that no option expresses yet.
struct Params<'a> {
    left: Vec<(&'a str, &'a str)>,
}

impl<'a> Params<'a> {
    fn new(sent: &'a Sent) -> Result<Self, String> {
        let left: Vec<(&str, &str)> = sent
            .call
            .params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        for (at, (name, value)) in left.iter().enumerate() {
            if left.iter().skip(at + 1).any(|(other, _)| other == name) {
                return Err(format!("aws sends the parameter {} once only", quote(name)));
            }
            // `aws` does not read these values as plain text.
            let special = ["-", "[", "{", "file://", "fileb://", "http://", "https://"];
            if value.contains('\0') || special.iter().any(|start| value.starts_with(start)) {
                return Err(format!("aws would not send the value {} as it is", quote(value)));
            }
        }
        Ok(Params { left })
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.left.iter().position(|(known, _)| *known == name)?;
        Some(self.left.remove(at).1)
    }

    fn scalar(&mut self, name: &str, names: &ShellVariables) -> Result<Option<String>, String> {
        Ok(self.take(name).map(|value| names.word(value)))
    }

    /// Takes a list `Name.1`, `Name.2`, … in order. An empty one is an error: `aws` requires at least one item.
    fn list(&mut self, name: &str, option: &str, names: &ShellVariables) -> Result<String, String> {
        let mut out = String::new();
        let in_order: Vec<&str> = self
            .left
            .iter()
            .filter(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
            .map(|(known, _)| *known)
            .collect();
        for (at, known) in in_order.iter().enumerate() {
            if *known != format!("{name}.{}", at + 1) {
                return Err(format!("aws numbers {name} itself: 1, 2, 3"));
            }
            let value = self.take(known).unwrap_or_default();
            let _ = write!(out, " {}", names.word(value));
        }
        if out.is_empty() {
            return Err(format!("aws does not send a call without {name}"));
        }
        Ok(format!(" {option}{out}"))
    }

    fn flag(&mut self, name: &str, on: &str, off: &str) -> Result<String, String> {
        match self.take(name) {
            None => Ok(String::new()),
            Some("true") => Ok(format!(" {on}")),
            Some("false") => Ok(format!(" {off}")),
            Some(_) => Err(format!("aws sends only true and false for {name}")),
        }
    }

    fn ids_and_dry_run(&mut self, names: &ShellVariables) -> Result<String, String> {
        let ids = self.list("InstanceId", "--instance-ids", names)?;
        Ok(ids + &self.flag("DryRun", "--dry-run", "--no-dry-run")?)
    }

    /// Takes all parameters with a prefix, as the structure that `aws` reads as JSON.
    fn tree(&mut self, prefix: &str) -> Map<String, Value> {
        let mut root = Map::new();
        self.left.retain(|(name, value)| {
            let Some(path) = name.strip_prefix(prefix) else {
                return true;
            };
            let mut at = &mut root;
            let mut parts = path.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    at.insert(part.to_owned(), typed(part, value));
                    return false;
                }
                let child = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
                match child {
                    Value::Object(map) => at = map,
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                        return true;
                    }
                }
            }
            true
        });
        root
    }

    fn finish(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("aws has no option for the parameter {}", quote(name))),
        }
    }
}

/// A value in the JSON type that `aws` requires.
fn typed(name: &str, value: &str) -> Value {
    match (name, value) {
        (_, "true") => Value::Bool(true),
        (_, "false") => Value::Bool(false),
        ("VolumeSize" | "Iops" | "Throughput", number) => {
            number.parse::<u64>().map_or_else(|_| value.into(), Value::from)
        }
        _ => value.into(),
    }
}
