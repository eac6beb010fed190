//! Lays out a document in one canonical form: documents with the same content give the same lines.
//!
//! Each element is on its own line, two spaces deeper than its parent; small elements are whole on one line. Attributes
//! and members are sorted by name, since a reader must not depend on another order; items of lists are sorted by the
//! instances they name; each described instance has a reservation of its own, since how instances were launched together
//! says nothing about a stop. Runs of white space are one space, comments are dropped, prefixes are resolved. Of a described
//! instance only the members are kept that a stop may change or that the contract mentions: the rest belongs to other
//! features, and would hide the few that matter here.

use std::cmp::Ordering;

use super::names::{self, CLOSING, NameAllocator, OPENING};
use crate::protocol::{Document, Element};

/// The members of a described instance that are kept, in addition to the ids of its volumes.
const OF_AN_INSTANCE: &[&str] = &[
    "dnsName",
    "hibernationOptions",
    "instanceId",
    "instanceLifecycle",
    "instanceState",
    "ipAddress",
    "privateDnsName",
    "privateIpAddress",
    "reason",
    "rootDeviceType",
    "spotInstanceRequestId",
    "stateReason",
];

/// The element name of list items.
const ITEM: &str = "item";

/// The list of tags, and what the keys of the tags of a run begin with. They differ from run to run.
const TAGS: &str = "tagSet";
const OWN_TAG: &str = "stopcheck";

/// Of how many instances a reservation may consist to be laid out as several; no case has so many.
const MOST_IN_A_RESERVATION: usize = 64;

/// How many members without children may stand on the line of their parent.
const LEAVES_ON_A_LINE: usize = 2;

/// Where a document comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// An endpoint, whose text contains no names.
    Endpoint,
    /// A transcript, in which names are enclosed in [`OPENING`] and [`CLOSING`].
    Transcript,
}

/// The lines of a document, with names in the place of what varies.
pub(super) fn lay(document: &Document, origin: Origin, names: &mut NameAllocator) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(declaration) = &document.declaration {
        let encoding = declaration.encoding.as_deref();
        let encoding = encoding.map_or(String::new(), |encoding| format!(" encoding=\"{encoding}\""));
        lines.push(format!("<?xml version=\"{}\"{encoding}?>", declaration.version));
    }
    let mut page = Page {
        origin,
        naming: Naming::Numbered(names),
    };
    let root = document.root();
    let place = match root.name() {
        "DescribeInstancesResponse" => NamePlace::Description,
        _ => NamePlace::Anywhere,
    };
    lines.extend(page.element(root, None, place));
    lines
}

/// How many characters of a document mark the beginning of a name.
pub(super) fn openings(document: &Document) -> usize {
    fn of(element: Element<'_>) -> usize {
        let texts = std::iter::once(element.text()).chain(element.attributes().map(|(_, value)| value));
        let own: usize = texts.map(|text| text.matches(OPENING).count()).sum();
        own + element.children().map(of).sum::<usize>()
    }
    of(document.root())
}

struct Page<'n> {
    origin: Origin,
    naming: Naming<'n>,
}

enum Naming<'n> {
    /// Every name has a number.
    Numbered(&'n mut NameAllocator),
    /// Names are reduced to their kind, for comparisons.
    Masked,
}

/// The place of an element, as far as it decides which members are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamePlace {
    Anywhere,
    Description,
    Reservations,
    /// A reservation; of several instances, only the one at this index is kept.
    Reservation(Option<usize>),
    /// The same for the list of instances in it.
    Instances(Option<usize>),
    Instance,
    Devices,
    Device,
    Volume,
}

impl NamePlace {
    /// The place of a member; `None` if it is not kept.
    fn of(self, member: &str) -> Option<NamePlace> {
        match (self, member) {
            (NamePlace::Description, "reservationSet") => Some(NamePlace::Reservations),
            (NamePlace::Reservations, "item") => Some(NamePlace::Reservation(None)),
            (NamePlace::Reservation(only), "instancesSet") => Some(NamePlace::Instances(only)),
            (NamePlace::Instances(_), "item") => Some(NamePlace::Instance),
            (NamePlace::Instance, "blockDeviceMapping") => Some(NamePlace::Devices),
            (NamePlace::Devices, "item") => Some(NamePlace::Device),
            (NamePlace::Device, "ebs") => Some(NamePlace::Volume),
            (NamePlace::Volume, "volumeId") => Some(NamePlace::Anywhere),
            (NamePlace::Instance, member) => OF_AN_INSTANCE.contains(&member).then_some(NamePlace::Anywhere),
            (
                NamePlace::Description | NamePlace::Reservation(_) | NamePlace::Device | NamePlace::Volume,
                _,
            ) => None,
            (
                NamePlace::Anywhere | NamePlace::Reservations | NamePlace::Instances(_) | NamePlace::Devices,
                _,
            ) => Some(NamePlace::Anywhere),
        }
    }
}

impl Page<'_> {
    /// The lines of an element.
    fn element(&mut self, element: Element<'_>, around: Option<&str>, place: NamePlace) -> Vec<String> {
        let name = element.name();
        let tag = self.open_tag(element, around);
        let members = members(element, place);
        let text = self.text(element.text());
        let text = match is_request_id(name) && members.is_empty() {
            true => self.request_id(&text),
            false => self.named(&text),
        };
        if members.is_empty() {
            return vec![match text.as_str() {
                "" => format!("<{tag}/>"),
                text => format!("<{tag}>{text}</{name}>"),
            }];
        }
        let leaves = members
            .iter()
            .filter(|(member, _)| member.children().next().is_none())
            .count();
        let is_small = leaves == members.len() && leaves <= LEAVES_ON_A_LINE || members.len() == 1;
        let laid = self.laid(members, element.namespace());
        if is_small && laid.iter().all(|lines| lines.len() == 1) {
            let inside: String = laid.into_iter().flatten().collect();
            return vec![format!("<{tag}>{text}{inside}</{name}>")];
        }
        let mut lines = vec![format!("<{tag}>{text}")];
        lines.extend(laid.into_iter().flatten().map(|line| format!("  {line}")));
        lines.push(format!("</{name}>"));
        lines
    }

    /// The content of a start tag, without the brackets.
    fn open_tag(&mut self, element: Element<'_>, around: Option<&str>) -> String {
        let mut tag = element.name().to_owned();
        if element.namespace() != around {
            let namespace = self.text(element.namespace().unwrap_or_default());
            tag.push_str(&format!(" xmlns=\"{namespace}\""));
        }
        let mut attributes: Vec<(&str, &str)> = element
            .attributes()
            .filter(|(name, _)| *name != "xmlns")
            .collect();
        attributes.sort_unstable();
        for (name, value) in attributes {
            let value = self.text(value);
            let value = self.named(&value);
            tag.push_str(&format!(" {name}=\"{value}\""));
        }
        tag
    }

    /// The lines of members, in order: by name; items by the instances they name and then by their content without ids.
    fn laid(&mut self, mut members: Vec<(Element<'_>, NamePlace)>, around: Option<&str>) -> Vec<Vec<String>> {
        if let Naming::Masked = self.naming {
            // Each member is laid out once and then sorted; otherwise an item would be laid out again for each list
            // around it.
            let mut laid: Vec<(&str, Vec<String>)> = members
                .into_iter()
                .map(|(member, place)| (member.name(), self.element(member, around, place)))
                .collect();
            laid.sort_by(|one, other| {
                let by_name = one.0.cmp(other.0);
                by_name.then_with(|| match one.0 {
                    ITEM => one.1.cmp(&other.1),
                    _ => Ordering::Equal,
                })
            });
            return laid.into_iter().map(|(_, lines)| lines).collect();
        }
        members.sort_by_cached_key(|(member, place)| {
            let is_item = member.name() == ITEM;
            let first = is_item.then(|| self.first_instance(*member, *place)).flatten();
            let said = is_item.then(|| self.masked(*member, *place));
            (member.name(), first.unwrap_or(usize::MAX), said)
        });
        let members = members.into_iter();
        members
            .map(|(member, place)| self.element(member, around, place))
            .collect()
    }

    /// An element without its ids.
    fn masked(&self, element: Element<'_>, place: NamePlace) -> Vec<String> {
        let mut page = Page {
            origin: self.origin,
            naming: Naming::Masked,
        };
        page.element(element, element.namespace(), place)
    }

    /// The lowest number among the instances that an element names.
    fn first_instance(&self, element: Element<'_>, place: NamePlace) -> Option<usize> {
        let Naming::Numbered(names) = &self.naming else {
            return None;
        };
        let own = names.first_instance(&self.text(element.text()));
        let below = match place {
            NamePlace::Reservation(Some(_)) | NamePlace::Instances(Some(_)) => members(element, place),
            _ => element
                .children()
                .map(|member| (member, NamePlace::Anywhere))
                .collect(),
        };
        let below = below
            .into_iter()
            .filter_map(|(member, place)| self.first_instance(member, place));
        own.into_iter().chain(below).min()
    }

    /// A text as it is written: runs of white space are one space, and nothing in it reads as a tag or controls a
    /// terminal.
    fn text(&self, text: &str) -> String {
        let words = text
            .split([' ', '\t', '\n', '\r'])
            .filter(|word| !word.is_empty());
        let mut out = String::with_capacity(text.len());
        for (at, word) in words.enumerate() {
            if at > 0 {
                out.push(' ');
            }
            for c in word.chars() {
                match c {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    OPENING | CLOSING if self.origin == Origin::Endpoint => out.push('\u{fffd}'),
                    c if names::is_unseen(c) => out.push_str(&format!("&#x{:x};", u32::from(c))),
                    c => out.push(c),
                }
            }
        }
        out
    }

    fn named(&mut self, text: &str) -> String {
        match &mut self.naming {
            Naming::Numbered(names) => names.named(text).into_owned(),
            Naming::Masked => names::masked(text).into_owned(),
        }
    }

    fn request_id(&mut self, text: &str) -> String {
        match &mut self.naming {
            Naming::Numbered(names) => names.request(text).into_owned(),
            Naming::Masked => names::masked_request(text).to_owned(),
        }
    }
}

/// The members that are kept.
fn members(element: Element<'_>, place: NamePlace) -> Vec<(Element<'_>, NamePlace)> {
    let is_own_tag = |member: Element<'_>| {
        let key = member.child_text("key");
        element.name() == TAGS && key.is_some_and(|key| key.starts_with(OWN_TAG))
    };
    let kept = element
        .children()
        .filter(|member| !is_own_tag(*member))
        .filter_map(|member| Some((member, place.of(member.name())?)));
    match place {
        NamePlace::Reservations => kept
            .flat_map(|(member, place)| {
                let instances = instances_in(member);
                // One after the other, with its own place.
                let places = match (place, instances) {
                    (NamePlace::Reservation(_), 2..=MOST_IN_A_RESERVATION) => (0..instances)
                        .map(|at| NamePlace::Reservation(Some(at)))
                        .collect(),
                    _ => vec![place],
                };
                places.into_iter().map(move |place| (member, place))
            })
            .collect(),
        NamePlace::Instances(Some(only)) => kept.skip(only).take(1).collect(),
        _ => kept.collect(),
    }
}

/// The number of instances of a reservation.
fn instances_in(reservation: Element<'_>) -> usize {
    let sets = reservation
        .children()
        .filter(|member| member.name() == "instancesSet");
    sets.map(|set| set.children().count()).sum()
}

/// The element has several spellings.
fn is_request_id(name: &str) -> bool {
    name.eq_ignore_ascii_case("requestid")
}
