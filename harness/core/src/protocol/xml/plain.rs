//! The tree of a plain document; its words are ranges of the original text.

use super::{Declaration, Document, LONGEST_NAMESPACE, Node, Span, place, span};

/// A tree under construction. Its methods return `None` if the document is not plain.
pub(super) struct Tree<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    attributes: Vec<(Span, Span)>,
    /// The open elements, from the root inwards.
    open: Vec<Open>,
    /// The pieces of the texts of the open elements, in the same order.
    pieces: Vec<Span>,
    /// Joined texts of elements whose text is in several pieces; appended to the original text at the end.
    joined: String,
}

/// A complete tree, without the text that it was read from.
pub(super) struct Grown {
    declaration: Option<Declaration>,
    nodes: Vec<Node>,
    attributes: Vec<(Span, Span)>,
    joined: String,
}

impl Grown {
    /// Returns the document; takes the text that the tree was read from.
    pub(super) fn into_document(self, mut text: String) -> Document {
        text.push_str(&self.joined);
        Document {
            declaration: self.declaration,
            nodes: self.nodes,
            attributes: self.attributes,
            words: text,
        }
    }
}

struct Open {
    at: usize,
    namespace: Option<Span>,
    first_piece: usize,
    is_blank: bool,
}

impl<'t> Tree<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Tree {
            text,
            // Enough for the answers of EC2, which have a few words for each element.
            nodes: Vec::with_capacity(text.len() / 32),
            attributes: Vec::new(),
            open: Vec::with_capacity(8),
            pieces: Vec::with_capacity(64),
            joined: String::new(),
        }
    }

    /// Opens an element. Its name must have no prefix, and its only attribute may be a default namespace.
    pub(super) fn open(&mut self, name: &str, attributes: &str) -> Option<()> {
        if !is_name(name) || self.open.is_empty() && !self.nodes.is_empty() {
            return None;
        }
        let name = self.place_of(name)?;
        let first = self.attributes.len();
        let namespace = if attributes.is_empty() {
            self.open.last().and_then(|parent| parent.namespace)
        } else {
            let (key, value) = default_namespace(attributes)?;
            let value = self.place_of(value)?;
            self.attributes.push((self.place_of(key)?, value));
            Some(value)
        };
        let at = self.nodes.len();
        self.nodes.push(Node {
            name,
            namespace,
            text: Span::default(),
            attributes: span(first, self.attributes.len()),
            end: place(at + 1),
        });
        self.open.push(Open {
            at,
            namespace,
            first_piece: self.pieces.len(),
            is_blank: true,
        });
        Some(())
    }

    /// Adds text without references to the innermost open element.
    pub(super) fn text(&mut self, text: &str) -> Option<()> {
        let is_blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
        let Some(open) = self.open.last_mut() else {
            return is_blank.then_some(());
        };
        open.is_blank &= is_blank;
        let piece = self.place_of(text)?;
        self.pieces.push(piece);
        Some(())
    }

    /// Closes the innermost open element.
    pub(super) fn close(&mut self) -> Option<()> {
        let open = self.open.pop()?;
        let end = self.nodes.len();
        let has_children = end > open.at + 1;
        let text = match self.pieces.get(open.first_piece..)? {
            _ if open.is_blank && has_children => Span::default(),
            [] => Span::default(),
            [piece] => *piece,
            pieces => {
                let start = self.text.len() + self.joined.len();
                for piece in pieces {
                    self.joined.push_str(self.text.get(piece.range())?);
                }
                span(start, self.text.len() + self.joined.len())
            }
        };
        self.pieces.truncate(open.first_piece);
        let node = self.nodes.get_mut(open.at)?;
        (node.text, node.end) = (text, place(end));
        Some(())
    }

    /// Returns the complete tree, if all elements are closed and there is at least one.
    pub(super) fn whole(self, declaration: Option<Declaration>) -> Option<Grown> {
        let is_whole = self.open.is_empty() && !self.nodes.is_empty();
        is_whole.then_some(Grown {
            declaration,
            nodes: self.nodes,
            attributes: self.attributes,
            joined: self.joined,
        })
    }

    /// Returns the range of a part of the text.
    fn place_of(&self, part: &str) -> Option<Span> {
        let start = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let end = start + part.len();
        (end <= self.text.len()).then(|| span(start, end))
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let in_name = |byte: u8| is_letter(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(in_name)
}

/// Returns the name and the value of an attribute that declares the default namespace, if it is the only attribute.
fn default_namespace(attributes: &str) -> Option<(&str, &str)> {
    let (key, rest) = attributes.strip_prefix(' ')?.split_once("=\"")?;
    let name = rest.strip_suffix('"')?;
    // Namespace names that are reserved for XML itself belong to the W3C.
    let is_plain = key == "xmlns"
        && (1..=LONGEST_NAMESPACE).contains(&name.len())
        && !name.contains("w3.org")
        && name.bytes().all(in_address);
    is_plain.then_some((key, name))
}

fn in_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'.' | b'-' | b'_')
}
