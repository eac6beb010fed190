//! One admitted call, and the checks that all actions share: permission, ids, existence, dry run, pages.

use std::collections::BTreeSet;

use super::config::{Config, Key};
use super::errors::{Answer, Refusal};
use super::form::Form;
use super::names::Action;
use super::world::World;

/// An admitted call on its way through an action.
pub(super) struct Call<'a> {
    pub(super) action: Action,
    pub(super) form: &'a Form<'a>,
    pub(super) config: &'a Config,
    pub(super) caller: &'a Key,
    pub(super) now_ms: u64,
    pub(super) dry: bool,
}

impl Call<'_> {
    /// A boolean parameter that is false unless it is set.
    pub(super) fn flag(&self, name: &str) -> Answer<bool> {
        Ok(self.form.flag(name)?.unwrap_or(false))
    }

    /// Where a dry run ends: everything that can be known without acting has been found good.
    pub(super) fn dry_run(&self) -> Answer {
        if self.dry { Err(Refusal::dry_run()) } else { Ok(()) }
    }

    /// Refuses a mutating action to a caller who may only read. The resource is the end of its ARN, or `*`.
    pub(super) fn authorize(&self, resource: &str) -> Answer {
        if self.caller.may_stop || !self.action.mutates() {
            return Ok(());
        }
        let Config { region, account, .. } = self.config;
        let action = self.action.name();
        let resource = if resource == "*" {
            "*".to_owned()
        } else {
            format!("arn:aws:ec2:{region}:{account}:{resource}")
        };
        Err(Refusal::new(
            403,
            "UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. User: {} is not authorized to perform: \
                 ec2:{action} on resource: {resource} because no identity-based policy allows the ec2:{action} action",
                self.caller_arn()
            ),
        ))
    }

    /// Who the caller is, as an ARN.
    pub(super) fn caller_arn(&self) -> String {
        let account = &self.config.account;
        let name = &self.caller.access_key;
        match self.caller.session_token {
            None => format!("arn:aws:iam::{account}:user/{name}"),
            Some(_) => format!("arn:aws:sts::{account}:assumed-role/stopcheck/{name}"),
        }
    }

    /// The instances named by `InstanceId.N`, each once, in the order named. They are well-formed, the caller may
    /// act on them, and they exist; the numbers are those of the world.
    pub(super) fn targets(&self, world: &mut World) -> Answer<Vec<u64>> {
        let ids = self.form.list("InstanceId");
        self.check_ids(&ids)?;
        self.existing(&ids, world)
    }

    /// The one instance named by `InstanceId`.
    pub(super) fn target(&self, world: &mut World) -> Answer<u64> {
        let id = self.form.required("InstanceId")?;
        self.check_ids(&[id])?;
        self.existing(&[id], world)?
            .first()
            .copied()
            .ok_or_else(|| Refusal::instances_not_found(&[id]))
    }

    fn check_ids(&self, ids: &[&str]) -> Answer {
        let Some(first) = ids.first() else {
            return Err(match self.action {
                // Recorded in 2024 for this action alone.
                Action::TerminateInstances => Refusal::combination("No instances specified"),
                _ => Refusal::missing("InstanceId"),
            });
        };
        if let Some(bad) = ids.iter().find(|id| !is_instance_id(id)) {
            return Err(Refusal::malformed_instance(bad));
        }
        self.authorize(&format!("instance/{first}"))
    }

    /// The instances of these ids, or the refusal that names all that are unknown.
    pub(super) fn existing(&self, ids: &[&str], world: &mut World) -> Answer<Vec<u64>> {
        let mut numbers = Vec::with_capacity(ids.len());
        let mut missing: Vec<&str> = Vec::new();
        let mut seen = BTreeSet::new();
        for id in ids.iter().filter(|id| seen.insert(**id)) {
            match world.find(id, self.now_ms) {
                Some(number) => numbers.push(number),
                None => missing.push(id),
            }
        }
        if missing.is_empty() {
            Ok(numbers)
        } else {
            Err(Refusal::instances_not_found(&missing))
        }
    }

    /// What part of a list is asked for, by `MaxResults` and `NextToken`.
    pub(super) fn page(&self) -> Answer<Page> {
        let size = match self.form.number("MaxResults")? {
            None => usize::MAX,
            Some(size @ 5..=1000) => usize::try_from(size).unwrap_or(usize::MAX),
            Some(size) => {
                return Err(Refusal::invalid_value(
                    &size.to_string(),
                    "MaxResults",
                    "Expecting a value between 5 and 1000.",
                ));
            }
        };
        let after = match self.form.get("NextToken") {
            None | Some("") => 0,
            Some(token) => token
                .strip_prefix("page-")
                .and_then(|token| u64::from_str_radix(token, 16).ok())
                .ok_or_else(|| {
                    Refusal::new(400, "InvalidParameterValue", "Unable to parse pagination token")
                })?,
        };
        Ok(Page { size, after })
    }
}

/// A part of a list.
pub(super) struct Page {
    size: usize,
    after: u64,
}

impl Page {
    /// Cuts the part out of an ascending list, and says how to ask for the next.
    pub(super) fn cut(&self, mut numbers: Vec<u64>) -> (Vec<u64>, Option<String>) {
        numbers.retain(|number| *number > self.after);
        let more = numbers.len() > self.size;
        numbers.truncate(self.size);
        let next = numbers
            .last()
            .filter(|_| more)
            .map(|last| format!("page-{last:016x}"));
        (numbers, next)
    }
}

/// Whether this could be the id of an instance: `i-` and up to seventeen hexadecimal digits.
///
/// Short ids were recorded as unknown rather than malformed, and so was an id with a space at its end.
pub(super) fn is_instance_id(id: &str) -> bool {
    id.trim_end_matches(' ').strip_prefix("i-").is_some_and(|digits| {
        (1..=17).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_judged_by_its_form() {
        for id in [
            "i-1",
            "i-ffffff",
            "i-c6464a3f ",
            "i-0cfb1e75e74229968",
            "i-0CFB1E75E74229968",
        ] {
            assert!(is_instance_id(id), "{id}");
        }
        for id in [
            "",
            " ",
            "i",
            "i-",
            "i2",
            "ma1",
            "10.10.1.202",
            " i-1",
            "i-0224e66eafc2asdfs",
            "i-0cfb1e75e742299680",
            "I-0cfb1e75e74229968",
            "i-1\u{0}",
            "ami-1",
        ] {
            assert!(!is_instance_id(id), "{id}");
        }
    }

    #[test]
    fn a_page_ends_with_the_place_to_go_on() {
        let first = Page { size: 2, after: 0 };
        assert_eq!(
            first.cut(vec![3, 5, 9]),
            (vec![3, 5], Some("page-0000000000000005".to_owned()))
        );
        assert_eq!(Page { size: 2, after: 5 }.cut(vec![3, 5, 9]), (vec![9], None));
    }
}
