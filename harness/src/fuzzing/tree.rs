//! A document as a tree that can be changed and written in any layout.
//!
//! Takes a [`Document`] and returns text. In every layout, the text has the content of the tree; the targets check that
//! the readers agree.

use std::fmt::Write as _;

use crate::protocol::xml::{Document, Element};

/// An element with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreePart {
    /// The local name.
    pub(super) name: String,
    /// The namespace of the element.
    pub(super) namespace: Option<String>,
    /// Its own text.
    pub(super) text: String,
    /// Its child elements, in order.
    pub(super) parts: Vec<TreePart>,
}

/// How a tree is written. The default is the current form of EC2: one line, with no more markup than necessary.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TreeLayout {
    /// White space between elements.
    pub(super) indented: bool,
    /// A comment in front of each element.
    pub(super) comments: bool,
    /// A processing instruction in front of each element.
    pub(super) instructions: bool,
    /// `<a></a>` instead of `<a/>`.
    pub(super) long_empty: bool,
    /// Apostrophes instead of quotation marks.
    pub(super) apostrophes: bool,
    /// A prefix for the namespace of the root.
    pub(super) prefix: bool,
    /// An XML declaration at the beginning.
    pub(super) declared: bool,
    /// How texts are written.
    pub(super) texts: Texts,
}

/// How texts are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Texts {
    /// With references where they are necessary.
    #[default]
    Plain,
    /// Every character as a reference.
    References,
    /// As CDATA sections.
    Data,
}

impl TreePart {
    /// The tree of a document.
    pub(super) fn of(document: &Document) -> TreePart {
        TreePart::read(document.root())
    }

    fn read(element: Element<'_>) -> TreePart {
        TreePart {
            name: element.name().to_owned(),
            namespace: element.namespace().map(str::to_owned),
            text: element.text().to_owned(),
            // The recursion is bounded: the reader would have refused a deeper document.
            parts: element.children().map(TreePart::read).collect(),
        }
    }

    /// The document as text.
    pub(super) fn written(&self, layout: TreeLayout) -> String {
        let mut writer = Writer {
            out: String::new(),
            layout,
            root: self.namespace.clone().filter(|_| layout.prefix),
        };
        if layout.declared {
            let version = writer.quoted("1.0");
            let encoding = writer.quoted("UTF-8");
            let _ = writeln!(writer.out, "<?xml version={version} encoding={encoding}?>");
        }
        writer.part(self, None, 0);
        writer.out
    }

    /// Whether an element anywhere has both text and child elements.
    pub(super) fn is_mixed(&self) -> bool {
        (!self.text.is_empty() && !self.parts.is_empty()) || self.parts.iter().any(TreePart::is_mixed)
    }

    /// The path of every element, the root first: which child to take, from the root inwards.
    pub(super) fn places(&self) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new()];
        for (at, part) in self.parts.iter().enumerate() {
            places.extend(part.places().into_iter().map(|mut place| {
                place.insert(0, at);
                place
            }));
        }
        places
    }

    /// The element at a path.
    pub(super) fn at_mut(&mut self, place: &[usize]) -> Option<&mut TreePart> {
        match place {
            [] => Some(self),
            [first, rest @ ..] => self.parts.get_mut(*first)?.at_mut(rest),
        }
    }
}

struct Writer {
    out: String,
    layout: TreeLayout,
    /// The namespace that is written with a prefix.
    root: Option<String>,
}

impl Writer {
    fn part(&mut self, part: &TreePart, default: Option<&str>, depth: usize) {
        if self.layout.comments {
            self.out.push_str("<!-- <item> & -->");
        }
        if self.layout.instructions {
            self.out.push_str("<?then <item>?>");
        }
        let prefixed = self.root.is_some() && self.root == part.namespace;
        let name = if prefixed {
            format!("p:{}", part.name)
        } else {
            part.name.clone()
        };
        let _ = write!(self.out, "<{name}");
        if depth == 0
            && let Some(root) = self.root.clone()
        {
            let root = self.quoted(&root);
            let _ = write!(self.out, " xmlns:p={root}");
        }
        let mut inner = default;
        if !prefixed && part.namespace.as_deref() != default {
            let namespace = self.quoted(part.namespace.as_deref().unwrap_or_default());
            let _ = write!(self.out, " xmlns={namespace}");
            inner = part.namespace.as_deref();
        }
        if part.text.is_empty() && part.parts.is_empty() && !self.layout.long_empty {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        self.text(&part.text);
        for one in &part.parts {
            self.line(depth + 1);
            self.part(one, inner, depth + 1);
        }
        if !part.parts.is_empty() {
            self.line(depth);
        }
        let _ = write!(self.out, "</{name}>");
    }

    fn line(&mut self, depth: usize) {
        if self.layout.indented {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("    ", depth));
        }
    }

    fn text(&mut self, text: &str) {
        match self.layout.texts {
            Texts::Plain => self.out.push_str(&escaped(text)),
            Texts::References => {
                for character in text.chars() {
                    let _ = write!(self.out, "&#{};", u32::from(character));
                }
            }
            // A carriage return would be read as a line end, and a section cannot contain its own end.
            Texts::Data if text.is_empty() || text.contains('\r') || text.contains("]]>") => {
                self.out.push_str(&escaped(text));
            }
            Texts::Data => {
                let _ = write!(self.out, "<![CDATA[{text}]]>");
            }
        }
    }

    fn quoted(&self, text: &str) -> String {
        let quote = if self.layout.apostrophes { '\'' } else { '"' };
        format!("{quote}{}{quote}", escaped(text))
    }
}

/// The text with references for all that could be read as markup, or as different white space.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\r' | '\n' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}
