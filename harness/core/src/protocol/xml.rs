//! An XML document as a tree of elements: names, namespaces, attributes, texts.
//!
//! Input: a text within the [limits](crate::protocol::limits). Output: a tree of bounded depth. This is the only file
//! that uses quick-xml. It is fast and does not check everything: [`wellformed`](crate::protocol::wellformed) must
//! first check that the text is XML, except for the small subset that [`read_plain`] accepts.

use std::borrow::Cow;
use std::cmp::Ordering;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, NamespaceResolver, ResolveResult};
use quick_xml::reader::Reader;

mod plain;

/// A whole document.
///
/// All its words are in one string and all its elements in one list, so that an answer needs only a few allocations, no
/// matter how many elements it has.
#[derive(Debug, Clone)]
pub struct Document {
    /// The XML declaration, if there is one.
    pub declaration: Option<Declaration>,
    /// The elements in the order of their start tags. The first is the root.
    nodes: Vec<Node>,
    /// Names and values of the attributes of all elements, in order.
    attributes: Vec<(Span, Span)>,
    /// All names, texts and values.
    words: String,
}

/// An XML declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Declaration {
    /// The version, `1.0` in practice.
    pub version: Cow<'static, str>,
    /// The encoding, as spelled in the declaration.
    pub encoding: Option<Cow<'static, str>>,
}

/// One element of a document.
#[derive(Debug, Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document,
    node: &'d Node,
    /// The index of the node in its document.
    at: usize,
}

#[derive(Debug, Clone)]
struct Node {
    name: Span,
    namespace: Option<Span>,
    text: Span,
    attributes: Span,
    /// The index after its last descendant.
    end: u32,
}

/// A range of offsets or indices. The limits keep documents far below 4 GiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    start: u32,
    end: u32,
}

impl Document {
    /// Returns the root element.
    pub fn root(&self) -> Element<'_> {
        self.element(0).expect("a document has a root")
    }

    fn element(&self, at: usize) -> Option<Element<'_>> {
        let node = self.nodes.get(at)?;
        Some(Element {
            document: self,
            node,
            at,
        })
    }

    fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        (0..self.nodes.len()).filter_map(|at| self.element(at))
    }

    fn word(&self, span: Span) -> &str {
        self.words.get(span.range()).unwrap_or_default()
    }
}

/// Documents are equal if their contents are equal, no matter how their words are stored.
impl Ord for Document {
    fn cmp(&self, other: &Self) -> Ordering {
        let declarations = self.declaration.cmp(&other.declaration);
        declarations.then_with(|| self.elements().cmp(other.elements()))
    }
}

impl PartialOrd for Document {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Document {}

/// Elements are equal if their contents and their positions in the document are equal.
impl Ord for Element<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let said = |element: &Self| {
            (
                (element.at, element.node.end),
                (element.namespace(), element.name(), element.text()),
            )
        };
        let attributes = || self.attributes().cmp(other.attributes());
        said(self).cmp(&said(other)).then_with(attributes)
    }
}

impl PartialOrd for Element<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Element<'_> {}

impl<'d> Element<'d> {
    /// Returns the local name, without a prefix.
    pub fn name(self) -> &'d str {
        self.document.word(self.node.name)
    }

    /// Returns the namespace.
    pub fn namespace(self) -> Option<&'d str> {
        self.node.namespace.map(|span| self.document.word(span))
    }

    /// Returns the element's own text, with all pieces joined, not trimmed. White space that only separates child
    /// elements is omitted.
    pub fn text(self) -> &'d str {
        self.document.word(self.node.text)
    }

    /// The attributes, including namespace declarations, with their names as spelled.
    pub fn attributes(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let own = self.document.attributes.get(self.node.attributes.range());
        own.unwrap_or_default()
            .iter()
            .map(move |(name, value)| (self.document.word(*name), self.document.word(*value)))
    }

    /// The child elements, in order.
    pub fn children(self) -> impl Iterator<Item = Element<'d>> {
        let (mut next, end) = (self.at + 1, self.node.end as usize);
        std::iter::from_fn(move || {
            let child = self.document.element(next).filter(|_| next < end)?;
            next = child.node.end as usize;
            Some(child)
        })
    }

    /// Returns the first child with this local name.
    pub fn child(self, name: &str) -> Option<Element<'d>> {
        self.children().find(|child| child.name() == name)
    }

    /// All children with this local name.
    pub fn children_named(self, name: &str) -> impl Iterator<Item = Element<'d>> {
        self.children().filter(move |child| child.name() == name)
    }

    /// Returns the trimmed text of the first child with this local name.
    pub fn child_text(self, name: &str) -> Option<&'d str> {
        self.child(name).map(|child| child.text().trim())
    }

    /// Returns the trimmed text of the element at the end of a path of first children; an empty path means this
    /// element.
    pub fn path_text(self, path: &[&str]) -> Option<&'d str> {
        let mut element = self;
        for name in path {
            element = element.child(name)?;
        }
        Some(element.text().trim())
    }
}

impl Span {
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Reads a document into a tree; the error is the reason why it cannot be read.
pub fn read(text: &str) -> Result<Document, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let mut tree = Tree::new(text.len());
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) => tree.open(&start)?,
            Event::Empty(start) => {
                tree.open(&start)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(data) => tree.text(&data.xml10_content())?,
            Event::GeneralRef(reference) => {
                let mut buffer = [0; 4];
                tree.text(character(&reference)?.encode_utf8(&mut buffer))?;
            }
            Event::Decl(decl) => {
                let declaration = read_declaration(&decl);
                let declaration = declaration.map_err(|why| format!("invalid XML declaration: {why}"))?;
                tree.document.declaration = Some(declaration);
            }
            Event::DocType(_) => return Err("it has a document type declaration".to_owned()),
            // Neither quick-xml nor the strict judge rejects this.
            Event::PI(instruction) if instruction.target().eq_ignore_ascii_case("xml") => {
                return Err(
                    "it has a processing instruction with the reserved name of the declaration".to_owned(),
                );
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    tree.whole()
}

/// Reads a document that is written as EC2 writes its answers; returns `None` for any other text, XML or not.
///
/// The accepted subset has elements, texts without references, and default namespace declarations, all in ASCII. It is
/// so small that the strict judge is not needed: quick-xml matches the tags, and this code checks names, attributes and
/// characters. Tests and the fuzzer verify that the strict judge accepts every such text.
pub fn read_plain(text: &str) -> Option<Document> {
    Some(grow_plain(text)?.into_document(text.to_owned()))
}

/// Like [`read_plain`], but takes ownership of the text; returns the text if it is not plain.
pub fn read_plain_owned(text: String) -> Result<Document, String> {
    match grow_plain(&text) {
        Some(grown) => Ok(grown.into_document(text)),
        None => Err(text),
    }
}

fn grow_plain(text: &str) -> Option<plain::Grown> {
    let declared = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let body = declared.unwrap_or(text);
    // Without an early exit, the loop can be vectorised.
    let fits = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if !body.bytes().fold(true, |all, byte| all & fits(byte)) {
        return None;
    }
    // Text must not contain the end of a CDATA section. Few texts contain a bracket, so the first test is a fast path.
    if body.contains(']') && body.contains("]]>") {
        return None;
    }
    let mut reader = Reader::from_str(body);
    reader.config_mut().enable_all_checks(true);
    let mut tree = plain::Tree::new(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => tree.open(start.name().0, start.attributes_raw())?,
            Event::Empty(start) => {
                tree.open(start.name().0, start.attributes_raw())?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text)?,
            Event::Eof => break,
            Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Decl(_)
            | Event::DocType(_)
            | Event::PI(_)
            | Event::Comment(_) => return None,
        }
    }
    tree.whole(declared.map(|_| Declaration {
        version: "1.0".into(),
        encoding: Some("UTF-8".into()),
    }))
}

/// The maximum length of a namespace name in bytes. Names are compared for each element.
const LONGEST_NAMESPACE: usize = 1024;

/// A tree under construction.
struct Tree {
    document: Document,
    resolver: NamespaceResolver,
    /// The indices of the open elements, from the root inwards.
    open: Vec<usize>,
    /// The texts of the open elements so far, followed by buffers of closed elements for reuse.
    texts: Vec<String>,
    /// Recent namespace names. An answer of thousands of elements has one namespace, which is stored once.
    namespaces: Vec<Span>,
}

impl Tree {
    fn new(bytes: usize) -> Self {
        Tree {
            document: Document {
                declaration: None,
                // Enough for the answers of EC2, which have a few words for each element.
                nodes: Vec::with_capacity(bytes / 40),
                attributes: Vec::new(),
                words: String::with_capacity(bytes / 2),
            },
            resolver: NamespaceResolver::default(),
            open: Vec::with_capacity(8),
            texts: Vec::with_capacity(8),
            namespaces: Vec::new(),
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.open.is_empty() && !self.document.nodes.is_empty() {
            return Err("it has more than one root element".to_owned());
        }
        let attributes = self.attributes(start)?;
        let (local, prefix) = start.name().decompose();
        let space = self.resolver.resolve_prefix(prefix, true);
        let namespace = match space {
            ResolveResult::Bound(Namespace(name)) => {
                Some(share(&mut self.document, &mut self.namespaces, name)?)
            }
            ResolveResult::Unbound => None,
            ResolveResult::Unknown(prefix) => return Err(format!("unknown namespace prefix {prefix:?}")),
        };
        let name = self.document.add(local.as_ref());
        let at = self.document.nodes.len();
        self.document.nodes.push(Node {
            name,
            namespace,
            text: Span::default(),
            attributes,
            end: place(at + 1),
        });
        self.open.push(at);
        match self.texts.get_mut(self.open.len() - 1) {
            Some(text) => text.clear(),
            None => self.texts.push(String::with_capacity(64)),
        }
        Ok(())
    }

    /// Adds the attributes of a start tag, and the namespaces that it declares.
    fn attributes(&mut self, start: &BytesStart<'_>) -> Result<Span, String> {
        let document = &mut self.document;
        let first = document.attributes.len();
        let level = self.resolver.level().checked_add(1);
        self.resolver.set_level(level.ok_or("it is nested too deeply")?);
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            // References in a namespace name are resolved before the name is declared.
            if let Some(prefix) = attribute.key.as_namespace_binding() {
                let declared = self.resolver.add(prefix, Namespace(&value));
                declared.map_err(|error| error.to_string())?;
            }
            let pair = (document.add(attribute.key.0), document.add(&value));
            document.attributes.push(pair);
        }
        Ok(span(first, document.attributes.len()))
    }

    fn close(&mut self) -> Result<(), String> {
        let at = self.open.pop().ok_or("a closing tag that closes nothing")?;
        self.resolver.pop();
        let text = self.texts.get(self.open.len()).map_or("", String::as_str);
        let end = self.document.nodes.len();
        let text = if end > at + 1 && text.trim().is_empty() {
            Span::default()
        } else {
            self.document.add(text)
        };
        if let Some(node) = self.document.nodes.get_mut(at) {
            node.text = text;
            node.end = place(end);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self
            .open
            .len()
            .checked_sub(1)
            .and_then(|last| self.texts.get_mut(last))
        {
            Some(own) => own.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("it has text outside its root element".to_owned()),
        }
        Ok(())
    }

    fn whole(self) -> Result<Document, String> {
        if !self.open.is_empty() {
            return Err("an element is not closed".to_owned());
        }
        if self.document.nodes.is_empty() {
            return Err("it has no element".to_owned());
        }
        Ok(self.document)
    }
}

impl Document {
    /// Stores a word and returns its position.
    fn add(&mut self, word: &str) -> Span {
        let start = self.words.len();
        self.words.push_str(word);
        span(start, self.words.len())
    }
}

/// Stores a namespace name and returns its position. A name may be stored more than once, but not for each element.
fn share(document: &mut Document, seen: &mut Vec<Span>, name: &str) -> Result<Span, String> {
    if name.len() > LONGEST_NAMESPACE {
        return Err(format!(
            "a namespace name is longer than {LONGEST_NAMESPACE} bytes"
        ));
    }
    // The search is bounded, so that a document with a great many namespaces does not take quadratic time.
    let last = seen.iter().rev().take(16);
    if let Some(known) = last.copied().find(|known| document.word(*known) == name) {
        return Ok(known);
    }
    let new = document.add(name);
    seen.push(new);
    Ok(new)
}

fn span(start: usize, end: usize) -> Span {
    Span {
        start: place(start),
        end: place(end),
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("documents are limited to far less")
}

/// Returns the character of a reference. Without a document type, there are only character references and five
/// entities.
fn character(reference: &BytesRef<'_>) -> Result<char, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character);
    }
    match reference.as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        other => Err(format!("unknown entity {other:?}")),
    }
}

fn read_declaration(decl: &BytesDecl<'_>) -> Result<Declaration, String> {
    let version = decl
        .version()
        .map_err(|error| error.to_string())?
        .into_owned()
        .into();
    let encoding = match decl.encoding() {
        Some(Ok(encoding)) => Some(encoding.into_owned().into()),
        Some(Err(error)) => return Err(error.to_string()),
        None => None,
    };
    match decl.standalone() {
        None => {}
        Some(Ok(answer)) if answer == "yes" || answer == "no" => {}
        Some(Ok(answer)) => return Err(format!("it says standalone={answer:?}")),
        Some(Err(error)) => return Err(error.to_string()),
    }
    Ok(Declaration { version, encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        read(text).expect("the document is well-formed")
    }

    #[test]
    fn a_document_becomes_a_tree_with_names_namespaces_and_texts() {
        let document =
            read("<?xml version='1.0' encoding='UTF-8'?>\n<a xmlns='urn:x' k='1&amp;2'><b> x<c/>y </b></a>")
                .expect("the document is well-formed");
        let declaration = Declaration {
            version: "1.0".into(),
            encoding: Some("UTF-8".into()),
        };
        assert_eq!(document.declaration, Some(declaration));
        let root = document.root();
        assert_eq!(root.namespace(), Some("urn:x"));
        let attributes: Vec<_> = root.attributes().collect();
        assert_eq!(attributes, [("xmlns", "urn:x"), ("k", "1&2")]);
        let b = root.child("b").expect("there is a b");
        assert_eq!((b.text(), b.namespace()), (" xy ", Some("urn:x")));
        assert_eq!(root.child_text("b"), Some("xy"));
        assert_eq!(root.path_text(&["b", "c"]), Some(""));
        assert_eq!(root.path_text(&["b", "d"]), None);
    }

    #[test]
    fn references_and_cdata_join_the_text_around_them() {
        let joined = document("<a>x&lt;&#x41;<!-- no -->&amp;<![CDATA[<&]]>\r\nz</a>");
        assert_eq!(joined.root().text(), "x<A&<&\nz");
        // The end of a line, also directly before a reference, which is an event of its own.
        assert_eq!(document("<a>\r&amp;</a>").root().text(), "\n&");
    }

    #[test]
    fn prefixes_are_resolved_and_left_out_of_names() {
        let document = document("<p:a xmlns:p='urn:p'><b/><p:b/></p:a>");
        let element = document.root();
        assert_eq!((element.name(), element.namespace()), ("a", Some("urn:p")));
        let spaces: Vec<_> = element.children_named("b").map(Element::namespace).collect();
        assert_eq!(spaces, [None, Some("urn:p")]);
    }

    #[test]
    fn a_reference_in_the_name_of_a_namespace_stands_for_its_character() {
        let document = document("<a xmlns='u&#58;x&amp;y' xmlns:p='u&#x3a;p'><p:b/></a>");
        let root = document.root();
        assert_eq!(root.namespace(), Some("u:x&y"));
        assert_eq!(root.child("b").and_then(Element::namespace), Some("u:p"));
    }

    #[test]
    fn children_are_those_of_the_element_and_of_no_other() {
        let document = document("<a>1<b><c>2</c><c/></b>3<c>4</c><d/>5</a>");
        let root = document.root();
        let names = |element: Element<'_>| element.children().map(Element::name).collect::<String>();
        assert_eq!((names(root).as_str(), root.text()), ("bcd", "135"));
        let b = root.child("b").expect("there is a b");
        assert_eq!((names(b).as_str(), b.child_text("c")), ("cc", Some("2")));
        assert_eq!(root.child_text("c"), Some("4"));
        assert_eq!(
            root.child("d").map(|d| (names(d), d.text())),
            Some((String::new(), ""))
        );
    }

    #[test]
    fn a_default_namespace_ends_with_its_element() {
        let document = document("<a><b xmlns='urn:b'><c/><d xmlns=''/></b><e/><f xmlns='urn:f'/><g/></a>");
        let mut seen = Vec::new();
        let mut left = vec![document.root()];
        while let Some(element) = left.pop() {
            seen.push((element.name(), element.namespace()));
            left.extend(element.children());
        }
        seen.sort_unstable();
        let expected = [
            ("a", None),
            ("b", Some("urn:b")),
            ("c", Some("urn:b")),
            ("d", None),
            ("e", None),
            ("f", Some("urn:f")),
            ("g", None),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_namespace_name_is_no_longer_than_it_may_be() {
        let named = |length: usize| format!("<a xmlns='{}'/>", "u".repeat(length));
        assert!(read(&named(LONGEST_NAMESPACE)).is_ok());
        assert!(read(&named(LONGEST_NAMESPACE + 1)).is_err());
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "&lt;<a/>",
            "<a>&nbsp;</a>",
            "<p:a/>",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
