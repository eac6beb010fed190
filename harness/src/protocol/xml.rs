//! A document as a tree of elements: names, namespaces, texts.

use std::sync::Arc;

/// A whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The root element.
    pub root: Element,
    /// The XML declaration, if there is one.
    pub declaration: Option<Declaration>,
}

/// An XML declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The version, `1.0` in practice.
    pub version: String,
    /// The encoding as it is spelled.
    pub encoding: Option<String>,
}

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
