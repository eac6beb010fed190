//! Views of documents: state changes, errors, instances, images and the other answers that the harness reads.
//!
//! A view accepts any tree. It reads what is there and lists what is unusual, but does not decide whether that is
//! allowed. Names are compared without namespaces; a check judges the namespace of the root.

mod changes;
mod described;
mod errors;

pub use changes::{StateChange, StateChanges, StateValue, state_changes};
pub use described::{
    Image, Instance, SpotRequest, attribute_value, images, instance_statuses, instances, next_token,
    return_value, sightings, spot_requests,
};
pub use errors::{ErrorEntry, Errors, errors, first_error};

use crate::protocol::xml::Element;

/// An element whose members have known names and are expected once, with everything unusual about it.
struct Members<'a> {
    element: Element<'a>,
    called: &'a str,
    /// Members that are missing, repeated or misplaced.
    oddities: Vec<String>,
    /// Differences that readers ignore: additions, white space, stray text.
    remarks: Vec<String>,
}

impl<'a> Members<'a> {
    fn of(element: Element<'a>, called: &'a str) -> Self {
        let mut remarks = Vec::new();
        if !element.text().trim().is_empty() {
            remarks.push(format!("{called} has text of its own"));
        }
        if element.children().any(|child| !child.is_beside(element)) {
            remarks.push(format!("{called} has members in another namespace than its own"));
        }
        Members {
            element,
            called,
            oddities: Vec::new(),
            remarks,
        }
    }

    /// Returns the first member with this name.
    fn one(&mut self, name: &'a str) -> Option<Element<'a>> {
        let mut found = self.element.children_named(name);
        let first = found.next();
        let more = found.count();
        if first.is_none() {
            self.oddities.push(format!("{} has no {name}", self.called));
        } else if more > 0 {
            self.oddities
                .push(format!("{} has {} {name}", self.called, more + 1));
        }
        first
    }

    /// Returns the trimmed text of the first member with this name. Clients do not trim, so white space is a remark.
    fn text(&mut self, name: &'a str) -> Option<&'a str> {
        let member = self.one(name)?;
        if member.text().trim() != member.text() {
            self.remarks
                .push(format!("{name} has white space around its value"));
        }
        if member.children().next().is_some() {
            self.oddities
                .push(format!("{name} has elements where its value should be"));
        }
        Some(text_of(member))
    }

    fn no_others(&mut self, known: &[&str]) {
        unknown(self.element, self.called, known, &mut self.remarks);
    }
}

/// Adds remarks for up to four children with unknown names; more examples would not help.
fn unknown(element: Element<'_>, called: &str, known: &[&str], remarks: &mut Vec<String>) {
    let strangers = element.children().filter(|child| !known.contains(&child.name()));
    remarks.extend(
        strangers
            .take(4)
            .map(|child| format!("{called} has an unknown {}", child.name())),
    );
}

fn text_of(element: Element<'_>) -> &str {
    element.text().trim()
}
