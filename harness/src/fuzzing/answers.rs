//! Fuzz targets for the bodies of answers: any bytes, read in every way.

use bytes::Bytes;
use http::Response;

use super::tree::{Texts, TreeLayout, TreePart};
use crate::protocol::wellformed::{self, StrictElement};
use crate::protocol::xml::{self, Document, Element};
use crate::protocol::{self, Body, Limits, limits};

/// Reads the bytes as the body of an answer, reads it with every view, and reads it again in other layouts.
pub fn reply(data: &[u8]) {
    let response = Response::new(Bytes::copy_from_slice(data));
    let own = protocol::decode_own(response.clone());
    let reply = protocol::decode(response);
    assert_eq!(reply.body, protocol::reply::read_body(data));
    let Body::Document(document) = &reply.body else {
        return;
    };
    // A service in this process is read without limits, but otherwise in the same way.
    assert_eq!(own.body, reply.body);
    views(document.root());
    let tree = TreePart::of(document);
    // White space between elements would become part of a text that is there, too.
    let layouts = layouts()
        .into_iter()
        .filter(|layout| !layout.indented || !tree.is_mixed());
    for layout in layouts {
        let text = tree.written(layout);
        assert_eq!(wellformed::judge(&text), Ok(()), "{text}");
        let again = xml::read(&text).map(|document| TreePart::of(&document));
        assert_eq!(again.as_ref(), Ok(&tree), "{text}");
    }
}

/// The two layouts of EC2, and two with everything else.
fn layouts() -> [TreeLayout; 4] {
    [
        TreeLayout::default(),
        TreeLayout {
            indented: true,
            declared: true,
            ..TreeLayout::default()
        },
        TreeLayout {
            comments: true,
            instructions: true,
            long_empty: true,
            declared: true,
            texts: Texts::Data,
            ..TreeLayout::default()
        },
        TreeLayout {
            prefix: true,
            apostrophes: true,
            texts: Texts::References,
            ..TreeLayout::default()
        },
    ]
}

/// Reads a document with every view.
fn views(root: Element<'_>) {
    let changes = protocol::state_changes(root);
    for state in changes
        .items
        .iter()
        .flat_map(|item| [&item.current, &item.previous])
        .flatten()
    {
        let _ = state.code_number();
    }
    let errors = protocol::errors(root);
    let first = errors.as_ref().and_then(|errors| errors.errors.first());
    let alone = protocol::first_error(root);
    // Both views of an error return the same one.
    assert_eq!(
        first.map(|error| (error.code, error.message)),
        alone.as_ref().map(|error| (error.code, error.message))
    );
    let instances = protocol::instances(root);
    let sighted = protocol::sightings(root);
    let named = |id: &str| sighted.iter().any(|(seen, _)| *seen == id);
    assert!(instances.iter().all(|instance| named(&instance.id)));
    let _ = protocol::images(root);
    let _ = protocol::spot_requests(root);
    let _ = protocol::instance_statuses(root);
    let _ = protocol::next_token(root);
    let _ = protocol::return_value(root);
    let _ = protocol::attribute_value(root, "disableApiStop");
}

/// Reads the bytes as a document with both readers, and compares the results with each other and with the limits.
pub fn xml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if limits::within(text, &Limits::default()).is_err() {
        return;
    }
    let strict = wellformed::read_again(text);
    let ours = xml::read(text);
    // A document that is read without the strict judge must be one that it accepts, with the same content.
    let plain = xml::read_plain(text);
    if let Some(plain) = &plain {
        assert_eq!(ours.as_ref(), Ok(plain));
        assert!(strict.is_ok(), "{strict:?}");
    }
    assert_eq!(
        xml::read_plain_owned(text.to_owned()).ok().as_ref(),
        plain.as_ref()
    );
    let (strict, ours) = match (strict, ours) {
        (Ok(strict), Ok(ours)) => (strict, ours),
        (Ok(_), Err(why)) => {
            // XML 1.0 lets no prefix be undeclared (Namespaces in XML 1.0, 6); the strict judge does.
            let undeclares = why.contains("unknown namespace prefix") && undeclares_a_prefix(text);
            assert!(
                undeclares || is_ours_to_refuse(&why),
                "only our reader refuses it: {why}"
            );
            return;
        }
        (Err(_), Ok(_) | Err(_)) => return,
    };
    // The strict judge takes `p:xmlns` for a declaration of the default namespace, and does not check what `p` is. No
    // document with namespaces has an attribute with this name.
    if has_odd_declaration(&ours) {
        return;
    }
    // Beside a reference, the strict judge may keep a carriage return that ends a line. XML makes it a line feed
    // (XML 1.0, 2.11), and so do we.
    if text.contains('\r') && text.contains('&') {
        return;
    }
    assert_eq!(seen(&ours), without_blanks(strict));
    limited(text, &ours);
}

/// Whether our reader refuses a document on purpose: names of namespaces that are too long, and invalid XML that the
/// strict judge accepts.
fn is_ours_to_refuse(why: &str) -> bool {
    let reasons = [
        "namespace name is longer",
        "reserved name of the declaration",
        "invalid XML declaration",
        "unknown namespace prefix \"\"",
        "`</:",
        // Half of a surrogate pair is not a character.
        "is not a valid codepoint",
        // Duplicates are not allowed; the judge reports all but declarations behind a prefix.
        "duplicated attribute",
        "cannot be bound to",
    ];
    reasons.iter().any(|reason| why.contains(reason))
}

/// Whether a document may bind a prefix to no namespace.
fn undeclares_a_prefix(text: &str) -> bool {
    text.contains("xmlns:") && (text.contains("''") || text.contains("\"\""))
}

/// The document that our reader has read, in the types of the strict judge.
fn seen(document: &Document) -> Vec<StrictElement> {
    let mut all = Vec::new();
    let mut left = vec![(0, document.root())];
    while let Some((depth, element)) = left.pop() {
        let is_declaration = |name: &str| name.starts_with("xmlns:") || name == "xmlns";
        all.push(StrictElement {
            depth,
            namespace: element.namespace().map(str::to_owned),
            name: element.name().to_owned(),
            text: element.text().to_owned(),
            attributes: element
                .attributes()
                .filter(|(name, _)| !is_declaration(name))
                .map(|(name, value)| (local(name).to_owned(), value.to_owned()))
                .collect(),
        });
        let children: Vec<Element<'_>> = element.children().collect();
        left.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
    }
    all
}

/// Whether an attribute with a prefix has the local name `xmlns`.
fn has_odd_declaration(document: &Document) -> bool {
    let mut left = vec![document.root()];
    while let Some(element) = left.pop() {
        if element
            .attributes()
            .any(|(name, _)| name != "xmlns" && local(name) == "xmlns")
        {
            return true;
        }
        left.extend(element.children());
    }
    false
}

/// The name of an attribute without its prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or_default()
}

/// Removes white space that only separates elements; it is not text.
fn without_blanks(mut elements: Vec<StrictElement>) -> Vec<StrictElement> {
    let depths: Vec<usize> = elements.iter().map(|element| element.depth).collect();
    for (element, next) in elements.iter_mut().zip(depths.iter().skip(1)) {
        if *next > element.depth && element.text.trim().is_empty() {
            element.text.clear();
        }
    }
    elements
}

/// Checks that each limit refuses a document with one more than it allows.
fn limited(text: &str, document: &Document) {
    let size = Size::of(document);
    let least = Limits {
        bytes: text.len(),
        depth: size.depth,
        attributes: size.attributes,
        namespaces: size.namespaces,
        elements: size.elements,
    };
    let tighter = [
        Limits {
            bytes: least.bytes.saturating_sub(1),
            ..Limits::default()
        },
        Limits {
            depth: least.depth.saturating_sub(1),
            ..Limits::default()
        },
        Limits {
            elements: least.elements.saturating_sub(1),
            ..Limits::default()
        },
    ];
    for limits in tighter {
        assert!(limits::within(text, &limits).is_err(), "{limits:?}");
    }
    let if_any = [
        (
            least.attributes,
            Limits {
                attributes: least.attributes.saturating_sub(1),
                ..Limits::default()
            },
        ),
        (
            least.namespaces,
            Limits {
                namespaces: least.namespaces.saturating_sub(1),
                ..Limits::default()
            },
        ),
    ];
    for (count, limits) in if_any {
        assert!(count == 0 || limits::within(text, &limits).is_err(), "{limits:?}");
    }
}

/// The size of a document, in the quantities that have a limit.
#[derive(Default)]
struct Size {
    depth: usize,
    attributes: usize,
    namespaces: usize,
    elements: usize,
}

impl Size {
    fn of(document: &Document) -> Size {
        let mut size = Size::default();
        let mut left = vec![(1, 0, document.root())];
        while let Some((depth, outer, element)) = left.pop() {
            let names = || element.attributes().map(|(name, _)| name);
            let declared = names().filter(|name| *name == "xmlns" || name.starts_with("xmlns:"));
            let namespaces = outer + declared.count();
            size.elements += 1;
            size.depth = size.depth.max(depth);
            size.attributes = size.attributes.max(names().count());
            size.namespaces = size.namespaces.max(namespaces);
            left.extend(element.children().map(|child| (depth + 1, namespaces, child)));
        }
        size
    }
}
