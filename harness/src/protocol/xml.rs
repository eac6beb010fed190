//! A document as a tree of elements: names, namespaces, texts.
//!
//! A text that passed the [limits](crate::protocol::limits) comes in, a tree of bounded depth goes out. This is the
//! one file that speaks to quick-xml. It reads fast and trusts; whether the text is XML at all is for
//! [`wellformed`](crate::protocol::wellformed) to say first.

use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// A whole document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// The root element.
    pub root: Element,
    /// The XML declaration, if there is one.
    pub declaration: Option<Declaration>,
}

/// An XML declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Declaration {
    /// The version, `1.0` in practice.
    pub version: String,
    /// The encoding as it is spelled.
    pub encoding: Option<String>,
}

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// The local name, without a prefix.
    pub name: String,
    /// The namespace it is in.
    pub namespace: Option<Arc<str>>,
    /// The attributes, namespace declarations included, as they are spelled.
    pub attributes: Vec<(String, String)>,
    /// Its own text, all pieces joined, not trimmed.
    pub text: String,
    /// The child elements in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The first child of this local name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this local name.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The trimmed text of the first child of this local name.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }

    /// The trimmed text at the end of a path of first children; of the element itself for an empty path.
    pub fn path_text(&self, path: &[&str]) -> Option<&str> {
        let mut element = self;
        for name in path {
            element = element.child(name)?;
        }
        Some(element.text.trim())
    }
}

/// Reads a document into a tree, or says why it is none.
pub fn read(text: &str) -> Result<Document, String> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let mut tree = Tree {
        spaces: Spaces::default(),
        open: Vec::new(),
        root: None,
    };
    let mut declaration = None;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) => {
                let element = tree.element(&start, reader.resolver().resolve_element(start.name()).0)?;
                tree.open.push(element);
            }
            Event::Empty(start) => {
                let element = tree.element(&start, reader.resolver().resolve_element(start.name()).0)?;
                tree.close(element)?;
            }
            Event::End(_) => {
                let element = tree.open.pop().ok_or("a closing tag that closes nothing")?;
                tree.close(element)?;
            }
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(data) => tree.text(&data.xml10_content())?,
            Event::GeneralRef(reference) => {
                let mut buffer = [0; 4];
                tree.text(character(&reference)?.encode_utf8(&mut buffer))?;
            }
            Event::Decl(decl) => declaration = Some(read_declaration(&decl)?),
            Event::DocType(_) => return Err("it has a document type declaration".to_owned()),
            // Neither quick-xml nor the strict judge minds this one.
            Event::PI(instruction) if instruction.target().eq_ignore_ascii_case("xml") => {
                return Err(
                    "it has a processing instruction with the reserved name of the declaration".to_owned(),
                );
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (tree.open.is_empty(), tree.root) {
        (true, Some(root)) => Ok(Document { root, declaration }),
        (true, None) => Err("it has no element".to_owned()),
        (false, _) => Err("an element is not closed".to_owned()),
    }
}

/// A tree while it grows: the open elements from the root inwards, and the root once it is closed.
struct Tree {
    spaces: Spaces,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn element(&mut self, start: &BytesStart<'_>, space: ResolveResult<'_>) -> Result<Element, String> {
        let namespace = match space {
            ResolveResult::Bound(name) => Some(self.spaces.share(name.0)),
            ResolveResult::Unbound => None,
            ResolveResult::Unknown(prefix) => return Err(format!("unknown namespace prefix {prefix:?}")),
        };
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            attributes.push((attribute.key.0.to_owned(), value.into_owned()));
        }
        let name = start.local_name().as_ref().to_owned();
        Ok(Element {
            name,
            namespace,
            attributes,
            text: String::new(),
            children: Vec::new(),
        })
    }

    fn close(&mut self, element: Element) -> Result<(), String> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err("it has more than one root element".to_owned()),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("it has text outside its root element".to_owned()),
        }
        Ok(())
    }
}

/// The namespace names seen so far: an answer of thousands of elements has one, and it is stored once.
#[derive(Default)]
struct Spaces(Vec<Arc<str>>);

impl Spaces {
    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| known.as_ref() == name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(name);
        // Bounded, so that a document of nothing but namespaces is not searched again for each of them.
        if self.0.len() < 16 {
            self.0.push(Arc::clone(&new));
        }
        new
    }
}

/// What a reference stands for. Without a document type there are character references and five entities.
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
    let version = decl.version().map_err(|error| error.to_string())?.into_owned();
    let encoding = match decl.encoding() {
        Some(Ok(encoding)) => Some(encoding.into_owned()),
        Some(Err(error)) => return Err(error.to_string()),
        None => None,
    };
    match decl.standalone() {
        None => {}
        Some(Ok(answer)) if answer == "yes" || answer == "no" => {}
        Some(Ok(answer)) => return Err(format!("its declaration says standalone={answer:?}")),
        Some(Err(error)) => return Err(error.to_string()),
    }
    Ok(Declaration { version, encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Element {
        read(text).expect("the document is well-formed").root
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
        assert_eq!(document.root.namespace.as_deref(), Some("urn:x"));
        assert_eq!(
            document.root.attributes.last(),
            Some(&("k".to_owned(), "1&2".to_owned()))
        );
        let b = document.root.child("b").expect("there is a b");
        assert_eq!((b.text.as_str(), b.namespace.as_deref()), (" xy ", Some("urn:x")));
        assert_eq!(document.root.child_text("b"), Some("xy"));
        assert_eq!(document.root.path_text(&["b", "c"]), Some(""));
        assert_eq!(document.root.path_text(&["b", "d"]), None);
    }

    #[test]
    fn references_and_cdata_join_the_text_around_them() {
        assert_eq!(
            root("<a>x&lt;&#x41;<!-- no -->&amp;<![CDATA[<&]]>\r\nz</a>").text,
            "x<A&<&\nz"
        );
    }

    #[test]
    fn prefixes_are_resolved_and_left_out_of_names() {
        let element = root("<p:a xmlns:p='urn:p'><b/><p:b/></p:a>");
        assert_eq!(
            (element.name.as_str(), element.namespace.as_deref()),
            ("a", Some("urn:p"))
        );
        let spaces: Vec<_> = element
            .children_named("b")
            .map(|b| b.namespace.as_deref())
            .collect();
        assert_eq!(spaces, [None, Some("urn:p")]);
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
