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

use crate::journal::Oddity;
use crate::protocol::xml::Element;

/// An element whose members have known names and are expected once, with everything that is wrong with them.
struct Members<'a> {
    element: Element<'a>,
    called: &'a str,
    /// Members that are missing, repeated or misplaced.
    oddities: Vec<Oddity<&'a str>>,
}

impl<'a> Members<'a> {
    fn of(element: Element<'a>, called: &'a str) -> Self {
        Members {
            element,
            called,
            oddities: Vec::new(),
        }
    }

    /// Returns the first member with this name.
    fn one(&mut self, name: &'a str) -> Option<Element<'a>> {
        let mut found = self.element.children_named(name);
        let first = found.next();
        let more = found.count();
        if first.is_none() {
            self.oddities.push(missing(self.called, name));
        } else if more > 0 {
            self.oddities.push(repeated(self.called, name, more + 1));
        }
        first
    }

    /// Returns the trimmed text of the first member with this name.
    fn text(&mut self, name: &'a str) -> Option<&'a str> {
        let member = self.one(name)?;
        if member.children().next().is_some() {
            self.oddities.push(Oddity::NotText { element: name });
        }
        Some(text_of(member))
    }
}

fn missing<'a>(element: &'a str, member: &'a str) -> Oddity<&'a str> {
    Oddity::Missing { element, member }
}

fn repeated<'a>(element: &'a str, member: &'a str, count: usize) -> Oddity<&'a str> {
    Oddity::Repeated {
        element,
        member,
        count,
    }
}

fn named<'a>(name: &'a str, instead_of: &'a str) -> Oddity<&'a str> {
    Oddity::Named { name, instead_of }
}

fn text_of(element: Element<'_>) -> &str {
    element.text().trim()
}
