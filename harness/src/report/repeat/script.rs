//! The commands of a reproduction as one line, or as a script that leaves nothing behind.
//!
//! ```text
//! #!/usr/bin/env bash
//! # DRY-04: A dry run changes nothing: the instance stays running.
//!
//! clean_up() {
//!   [ -z "${a:-}" ] || curl -sS … --data-raw 'Version=…&Action=TerminateInstances&InstanceId.1='"$a" … >/dev/null
//! }
//! trap clean_up EXIT
//! trap 'exit 130' INT TERM HUP
//!
//! a=$(curl -sS … | grep -o 'instanceId>i-[0-9a-f]\{8,17\}' | head -n1 | cut -d'>' -f2); : "${a:?has no value}"
//! until curl -s … | grep -q '<name>running</name>'; do sleep 1; done
//! curl -i -sS … --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='"$a"'&DryRun=true' …
//! ```

use std::fmt::Write as _;

use super::Repeat;

/// The longest line in bytes; a longer one is of no use in a shell.
const LONGEST_LINE: usize = 100_000;

/// The commands of one tool that reproduce a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// What to do, one command or list of commands each.
    steps: Vec<String>,
    /// Removes what the steps launched, as far as they came.
    clean_up: Vec<String>,
}

impl Commands {
    /// All steps as one line to paste.
    pub fn line(&self) -> String {
        self.steps.join("; ")
    }

    /// A `bash` script that plays the steps and removes what they launched, also if it is interrupted. `about` are its
    /// first lines of comment.
    pub fn script(&self, about: &[String]) -> String {
        let mut out = script_head(about);
        if !self.clean_up.is_empty() {
            out.push_str("clean_up() {\n");
            for command in &self.clean_up {
                let _ = writeln!(out, "  {command}");
            }
            out.push_str("}\ntrap clean_up EXIT\ntrap 'exit 130' INT TERM HUP\n\n");
        }
        for step in &self.steps {
            let _ = writeln!(out, "{step}");
        }
        out
    }
}

/// The first lines of a script.
fn script_head(about: &[String]) -> String {
    let mut out = "#!/usr/bin/env bash\n".to_owned();
    for line in about {
        let _ = writeln!(out, "{}", format!("# {line}").trim_end());
    }
    out.push('\n');
    out
}

impl Repeat {
    /// A `bash` script that reproduces the finding and leaves nothing behind: with `curl`, which shows the bytes, with
    /// `aws`, or with `stopcheck run`, which removes what it launched.
    pub fn script(&self, about: &[String]) -> String {
        match self.curl.as_ref().or(self.aws.as_ref()) {
            Ok(commands) => commands.script(about),
            Err(_) => run_script(&self.run, about),
        }
    }
}

/// A `bash` script with one command that runs a case again.
pub fn run_script(command: &str, about: &[String]) -> String {
    format!("{}exec {command}\n", script_head(about))
}

/// The commands, unless they are too long for a shell.
pub(super) fn bounded(steps: Vec<String>, clean_up: Vec<String>) -> Result<Commands, String> {
    let commands = Commands { steps, clean_up };
    if commands.line().len() > LONGEST_LINE {
        return Err("the request is too long for a command line".to_owned());
    }
    Ok(commands)
}

/// A command that runs only if the variable has a value.
pub(super) fn if_present(name: &str, command: &str) -> String {
    format!("[ -z \"${{{name}:-}}\" ] || {command} >/dev/null")
}
