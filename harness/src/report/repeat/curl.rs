//! A case as `curl` commands, signed by curl itself.

use std::fmt::Write as _;

use super::*;

/// Writes `curl` commands.
pub(super) struct Curl<'a> {
    origin: &'a str,
    region: &'a str,
    path: &'a str,
}

impl<'a> Curl<'a> {
    pub(super) fn new(story: &Story<'a>) -> Result<Self, String> {
        let endpoint = story.run.endpoint.as_str();
        if endpoint == "reference" {
            return Err("the embedded reference has no address; `stopcheck serve` gives it one".to_owned());
        }
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Err(format!("the endpoint {} is not a URL", quote(endpoint)));
        };
        let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let origin = endpoint.get(..scheme.len() + 3 + authority).unwrap_or(endpoint);
        let target = story
            .sent
            .iter()
            .find(|sent| sent.role == Role::Arrange || sent.role == Role::Look);
        let path = target.map_or("/", |sent| sent.target.split('?').next().unwrap_or("/"));
        Ok(Curl {
            origin,
            region: &story.run.region,
            path,
        })
    }

    pub(super) fn commands(&self, plan: &Plan<'_>) -> Result<Commands, String> {
        let names = &plan.names;
        let mut parts = Vec::new();
        for action in &plan.actions {
            parts.push(match action {
                PlanAction::Send {
                    sent,
                    answer_use: AnswerUse::Quiet,
                } => self.taking(sent, names)?,
                PlanAction::Send {
                    sent,
                    answer_use: AnswerUse::Shown,
                } => self.call(sent, names, "curl -i -sS")?,
                PlanAction::Send {
                    sent,
                    answer_use: AnswerUse::Proof,
                } => {
                    format!(
                        "echo; {} | grep -o '<name>[^<]*</name>'",
                        self.call(sent, names, "curl -sS")?
                    )
                }
                PlanAction::Overlap(sent) => {
                    let calls: Result<Vec<_>, _> = sent
                        .iter()
                        .map(|sent| self.call(sent, names, "curl -i -sS"))
                        .collect();
                    format!("{} & wait", calls?.join(" & "))
                }
                PlanAction::Wait { id, state } => format!(
                    "until {} | grep -q {}; do sleep 1; done",
                    self.describe(id, names),
                    quoted(&format!("<name>{state}</name>"))
                ),
                PlanAction::WaitGone { id } => {
                    format!(
                        "while {} | grep -q 'instanceId>'; do sleep 5; done",
                        self.describe(id, names)
                    )
                }
                PlanAction::Pause => "sleep 10".to_owned(),
                PlanAction::AskSpot { request, id } => format!(
                    "{}=$({} | {})",
                    names.of(request).unwrap_or("spot"),
                    self.describe(id, names),
                    first_of("potInstanceRequestId>sir-[0-9a-z]\\{1,20\\}", 1)
                ),
            });
        }
        bounded(parts, self.clean_up(plan))
    }

    /// Cancels the Spot requests and terminates the instances.
    fn clean_up(&self, plan: &Plan<'_>) -> Vec<String> {
        let mut out = Vec::new();
        let mut send = |name: &str, body: &str| {
            let body = format!("'Version={API_VERSION}&{body}='\"${name}\"");
            let url = quote(&format!("{}{}", self.origin, self.path));
            let call = format!("curl -sS{} --data-raw {body} {url}", self.signing());
            out.push(if_present(name, &call));
        };
        for (is_spot, name) in plan.names.to_remove() {
            if is_spot {
                send(name, "Action=CancelSpotInstanceRequests&SpotInstanceRequestId.1");
                continue;
            }
            if plan.protects {
                send(
                    name,
                    "Action=ModifyInstanceAttribute&DisableApiTermination.Value=false&InstanceId",
                );
            }
            send(name, "Action=TerminateInstances&InstanceId.1");
        }
        out
    }

    /// A call whose answer is not shown; the ids it creates are stored in their variables.
    fn taking(&self, sent: &Sent, names: &ShellVariables) -> Result<String, String> {
        if sent.made.is_empty() || sent.role != Role::Arrange {
            return self.call(sent, names, "curl -sS -o /dev/null");
        }
        let call = self.call(sent, names, "curl -sS")?;
        let instance = |nth| first_of("instanceId>i-[0-9a-f]\\{8,17\\}", nth);
        let variable = |id: &String| names.of(id).unwrap_or("id").to_owned();
        if let [id] = sent.made.as_slice() {
            let name = variable(id);
            return Ok(format!("{name}=$({call} | {}); {}", instance(1), present(&name)));
        }
        let takes: Vec<String> = sent
            .made
            .iter()
            .enumerate()
            .map(|(at, id)| {
                let name = variable(id);
                let take = instance(at + 1);
                format!("{name}=$(printf %s \"$answer\" | {take}); {}", present(&name))
            })
            .collect();
        Ok(format!("answer=$({call}); {}", takes.join("; ")))
    }

    /// One call exactly as it was sent, with ids from variables.
    fn call(&self, sent: &Sent, names: &ShellVariables, curl: &str) -> Result<String, String> {
        let mut out = String::from(curl);
        match sent.call.form.auth {
            Auth::Header => out.push_str(&self.signing()),
            Auth::Unsigned => {}
            Auth::Query => return Err("signed in the query string, which curl does not do".to_owned()),
            Auth::Session => return Err("signed with temporary credentials of its own".to_owned()),
            Auth::ExpiredSession => return Err("signed with credentials that have expired".to_owned()),
            Auth::WrongSignature => return Err("the signature is wrong on purpose".to_owned()),
            Auth::UnknownKey => return Err("signed with a key that nobody issued".to_owned()),
            Auth::Stale => return Err("signed with an old time, which curl does not do".to_owned()),
            Auth::Garbage => {
                return Err("the Authorization header is intentionally not a signature".to_owned());
            }
            Auth::Denied => return Err("signed by a caller with fewer rights".to_owned()),
            Auth::Recent
            | Auth::Early
            | Auth::Future
            | Auth::PresignedExpired
            | Auth::PresignedForNoTime
            | Auth::PresignedTooLong
            | Auth::AlteredParameters
            | Auth::AlteredPath
            | Auth::AlteredMethod
            | Auth::OtherPayloadHash
            | Auth::AlteredScope
            | Auth::OtherDate
            | Auth::OtherRegion
            | Auth::OtherService
            | Auth::OtherTerminator
            | Auth::UnsignedHost
            | Auth::UnsignedDate
            | Auth::ShortSignature
            | Auth::LongSignature
            | Auth::UpperCaseSignature
            | Auth::MissingToken
            | Auth::WrongToken
            | Auth::RightThenWrong
            | Auth::WrongThenRight => {
                return Err("signed in a way that curl does not offer".to_owned());
            }
        }
        let Some(body) = text_of(&sent.body).filter(|body| !body.contains('\0')) else {
            return Err("the body is not text that a shell can hold".to_owned());
        };
        let posts = sent.method == "POST" || (sent.method != "GET" && !body.is_empty());
        match sent.method.as_str() {
            "GET" if !body.is_empty() => return Err("a GET with a body".to_owned()),
            "GET" | "POST" => {}
            "HEAD" => out.push_str(" --head"),
            other => {
                let _ = write!(out, " -X {}", quote(other));
            }
        }
        out.push_str(&content_type(sent, posts)?);
        if posts {
            let _ = write!(out, " --data-raw {}", names.word(&for_another_launch(sent, body)));
        } else if sent.target.contains(['[', ']', '{', '}']) {
            out.push_str(" -g");
        }
        let _ = write!(out, " {}", names.word(&format!("{}{}", self.origin, sent.target)));
        Ok(out)
    }

    fn signing(&self) -> String {
        format!(
            " --aws-sigv4 {} --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" \
             ${{AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"}}",
            double_quoted(&format!("aws:amz:{}:ec2", self.region))
        )
    }

    fn describe(&self, id: &str, names: &ShellVariables) -> String {
        format!(
            "curl -s{} --data-raw {} {}",
            self.signing(),
            names.word(&format!(
                "Action=DescribeInstances&Version={API_VERSION}&InstanceId.1={id}"
            )),
            quote(&format!("{}{}", self.origin, self.path)),
        )
    }
}

/// The header options needed to send the same request, or the reason why curl cannot send it.
fn content_type(sent: &Sent, posts: bool) -> Result<String, String> {
    // The default of `--data-raw`.
    const OF_CURL: &str = "application/x-www-form-urlencoded";
    let mut out = String::new();
    let mut told = None;
    for (name, value) in &sent.headers.0 {
        match name.to_ascii_lowercase().as_str() {
            "content-type" => told = Some(value.as_str()),
            "host"
            | "content-length"
            | "authorization"
            | "user-agent"
            | "accept"
            | "accept-encoding"
            | "connection"
            | "x-amz-date"
            | "x-amz-content-sha256"
            | "x-amz-security-token" => {}
            "transfer-encoding" | "expect" => {
                return Err(format!("framed with {name}, which curl decides itself"));
            }
            _ if value.contains('\0') || name.contains('\0') => {
                return Err("a header that a shell cannot hold".to_owned());
            }
            _ => {
                let _ = write!(out, " -H {}", quoted(&format!("{name}: {value}")));
            }
        }
    }
    match told {
        None if posts => out.push_str(" -H 'content-type:'"),
        Some(told) if told == OF_CURL && posts => {}
        // The media type of a call that is not judged does not matter.
        Some(_) if sent.role != Role::Act && posts => {}
        Some(told) => {
            let _ = write!(out, " -H {}", quoted(&format!("content-type: {told}")));
        }
        None => {}
    }
    Ok(out)
}

/// The body; that of an arranging call without what belongs to the instance that it launched: with `ClientToken`, a
/// second paste would get that instance again, and with the times in the tags, a sweep would remove the new one at once.
/// One tag is kept, since a policy may demand it.
fn for_another_launch(sent: &Sent, body: &str) -> String {
    if sent.role != Role::Arrange {
        return body.to_owned();
    }
    let is_kept = |pair: &&str| match pair.strip_prefix("TagSpecification.1.") {
        Some(rest) => rest.starts_with("ResourceType=") || rest.starts_with("Tag.1."),
        None => !pair.starts_with("ClientToken=") && !pair.starts_with("TagSpecification."),
    };
    let kept: Vec<&str> = body.split('&').filter(is_kept).collect();
    kept.join("&")
}

fn double_quoted(text: &str) -> String {
    let safe = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '_' | '.'));
    if safe { format!("\"{text}\"") } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::journal::FixtureReady;

    #[test]
    fn another_launch_has_no_token_and_of_the_tags_only_the_run() {
        let launch = Call::new(
            "RunInstances",
            [
                ("ImageId", "ami-1"),
                ("ClientToken", "t"),
                ("TagSpecification.1.ResourceType", "instance"),
                ("TagSpecification.1.Tag.1.Key", "stopcheck"),
                ("TagSpecification.1.Tag.1.Value", "run-0000000000000007"),
                ("TagSpecification.1.Tag.2.Key", "stopcheck:expires"),
                ("TagSpecification.1.Tag.2.Value", "2026-01-01T00:00:00Z"),
                ("TagSpecification.2.ResourceType", "volume"),
                ("TagSpecification.2.Tag.1.Key", "stopcheck"),
                ("TagSpecification.2.Tag.1.Value", "run-0000000000000007"),
            ],
        );
        let fixture = FixtureReady {
            case: "a/b".to_owned(),
            name: "a".to_owned(),
            id: "i-01234567".to_owned(),
            kind: Default::default(),
            spot_request: None,
            arranged_by: vec![launch],
            at_ms: 0,
        };
        let sent = Sent::arranging(&fixture).next().expect("there is a launch");
        let body = text_of(&sent.body).expect("a form is text");
        assert_eq!(
            for_another_launch(&sent, body),
            "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&TagSpecification.1.ResourceType=instance\
             &TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run-0000000000000007"
        );
    }
}
