//! The answer of an action that changes states: the previous and current state of each instance.

use crate::journal::Oddity;
use crate::protocol::views::{Members, named, text_of};
use crate::protocol::xml::Element;

/// The answer of StopInstances, StartInstances or TerminateInstances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChanges<'a> {
    /// Every `requestId` child of the root.
    pub request_ids: Vec<&'a str>,
    /// The number of `instancesSet` elements.
    pub sets: usize,
    /// All items of all sets, in order.
    pub items: Vec<StateChange<'a>>,
}

/// One instance in the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChange<'a> {
    /// `instanceId`.
    pub id: Option<&'a str>,
    /// `currentState`.
    pub current: Option<StateValue<&'a str>>,
    /// `previousState`.
    pub previous: Option<StateValue<&'a str>>,
    /// What is missing, repeated or misplaced in the item.
    pub oddities: Vec<Oddity<&'a str>>,
}

impl<'a> StateChange<'a> {
    /// The name in `currentState`.
    pub fn current_name(&self) -> Option<&'a str> {
        self.current.as_ref()?.name
    }

    /// The name in `previousState`.
    pub fn previous_name(&self) -> Option<&'a str> {
        self.previous.as_ref()?.name
    }
}

/// An instance state as written: a code and a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateValue<T = String> {
    /// The text of `code`.
    pub code: Option<T>,
    /// The text of `name`.
    pub name: Option<T>,
}

impl<T: AsRef<str>> StateValue<T> {
    /// Returns the code as a number, if it consists of decimal digits.
    pub fn code_number(&self) -> Option<u32> {
        let code = self.code.as_ref()?.as_ref();
        code.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| code.parse().ok())?
    }
}

/// Reads the answer of an action that changes states.
///
/// It ignores content outside the sets; what is wrong with an item is listed with the item.
pub fn state_changes(root: Element<'_>) -> StateChanges<'_> {
    StateChanges {
        request_ids: root.children_named("requestId").map(text_of).collect(),
        sets: root.children_named("instancesSet").count(),
        items: root
            .children_named("instancesSet")
            .flat_map(Element::children)
            .map(read_item)
            .collect(),
    }
}

fn read_item(item: Element<'_>) -> StateChange<'_> {
    let mut members = Members::of(item, "item");
    if item.name() != "item" {
        members.oddities.push(named(item.name(), "item"));
    }
    let id = members.text("instanceId");
    let current = members.one("currentState");
    let previous = members.one("previousState");
    let mut oddities = members.oddities;
    let mut state = |element| read_state(element, &mut oddities);
    let (current, previous) = (current.map(&mut state), previous.map(&mut state));
    StateChange {
        id,
        current,
        previous,
        oddities,
    }
}

fn read_state<'a>(element: Element<'a>, oddities: &mut Vec<Oddity<&'a str>>) -> StateValue<&'a str> {
    let mut members = Members::of(element, element.name());
    let value = StateValue {
        code: members.text("code"),
        name: members.text("name"),
    };
    oddities.append(&mut members.oddities);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::views::{missing, repeated};
    use crate::protocol::xml::{Document, read};

    const STOPPED: &str = "<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">
        <requestId>8fb2652c-2944-48cd-a035-7580571e5499</requestId>
        <instancesSet><item><instanceId>i-03fe236b187a898b6</instanceId>
            <currentState><code>64</code><name>stopping</name></currentState>
            <previousState><code>16</code><name>running</name></previousState></item></instancesSet>
        </StopInstancesResponse>";

    fn document(text: &str) -> Document {
        read(text).expect("the document is well-formed")
    }

    fn state(code: &'static str, name: &'static str) -> Option<StateValue<&'static str>> {
        Some(StateValue {
            code: Some(code),
            name: Some(name),
        })
    }

    #[test]
    fn a_recorded_answer_is_read_without_oddities() {
        let document = document(STOPPED);
        let read = state_changes(document.root());
        assert_eq!((read.sets, read.request_ids.len()), (1, 1));
        let expected = StateChange {
            id: Some("i-03fe236b187a898b6"),
            current: state("64", "stopping"),
            previous: state("16", "running"),
            oddities: Vec::new(),
        };
        assert_eq!(read.items, [expected]);
    }

    #[test]
    fn everything_wrong_with_an_item_is_listed_and_additions_are_not() {
        let document = document(
            "<r><instancesSet><member x='1'><instanceId>i-1</instanceId><instanceId>i-2</instanceId>\
             <currentState><code/><name> stopped </name><x/></currentState><more/>!</member></instancesSet></r>",
        );
        let read = state_changes(document.root());
        let oddities = read.items.first().map(|item| item.oddities.as_slice());
        assert_eq!(
            oddities,
            Some(
                [
                    named("member", "item"),
                    repeated("item", "instanceId", 2),
                    missing("item", "previousState"),
                ]
                .as_slice()
            )
        );
        assert_eq!(read.items.first().and_then(|item| item.id), Some("i-1"));
    }

    #[test]
    fn sets_and_request_ids_are_counted_and_not_assumed() {
        let two = document("<r><instancesSet/><instancesSet><item/></instancesSet></r>");
        let read = state_changes(two.root());
        assert_eq!((read.sets, read.items.len(), read.request_ids.len()), (2, 1, 0));
        assert_eq!(state_changes(document("<html/>").root()), StateChanges::default());
    }

    #[test]
    fn a_code_is_a_number_only_in_plain_digits() {
        let number = |code: &str| {
            StateValue {
                code: Some(code),
                name: None,
            }
            .code_number()
        };
        assert_eq!((number("16"), number("080")), (Some(16), Some(80)));
        for code in ["", "+16", "-1", "16.0", "1 6", "99999999999", "٨"] {
            assert_eq!(number(code), None, "{code}");
        }
    }
}
