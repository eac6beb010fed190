//! The strict judge: checks that a text is a well-formed XML document.
//!
//! The fast reader in `xml` accepts documents that are not XML, so its result counts only if this check passes. The
//! text must already be within the [limits](crate::protocol::limits). This is the only file that uses roxmltree.

use roxmltree::{Document, Node, ParsingOptions};

/// An element as the strict judge reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrictElement {
    /// The number of elements that contain it.
    pub depth: usize,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The local name.
    pub name: String,
    /// Its own text, with all pieces joined.
    pub text: String,
    /// The local names and values of its attributes, without namespace declarations.
    pub attributes: Vec<(String, String)>,
}

/// Checks that a text is a well-formed document with namespaces; the error is the reason why not.
pub fn judge(text: &str) -> Result<(), String> {
    parse(text).map(|_| ())
}

/// Reads all elements of a document in the order of their start tags, for comparison with the fast reader.
pub fn read_again(text: &str) -> Result<Vec<StrictElement>, String> {
    let document = parse(text)?;
    let elements = document.descendants().filter(Node::is_element);
    Ok(elements.map(again).collect())
}

fn parse(text: &str) -> Result<Document<'_>, String> {
    // A document type could declare entities, and no answer of EC2 has one.
    let options = ParsingOptions {
        allow_dtd: false,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| error.to_string())
}

fn again(element: Node<'_, '_>) -> StrictElement {
    let name = element.tag_name();
    let pieces = element.children().filter(Node::is_text);
    let attributes = element.attributes();
    StrictElement {
        depth: element.ancestors().skip(1).filter(Node::is_element).count(),
        // An empty default namespace means no namespace.
        namespace: name
            .namespace()
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        name: name.name().to_owned(),
        text: pieces.filter_map(|piece| piece.text()).collect(),
        attributes: attributes
            .map(|attribute| (attribute.name().to_owned(), attribute.value().to_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_again_with_everything_it_says() {
        let read = read_again("<a xmlns:p='u' p:k='1'> x<p:b/>y<![CDATA[<]]>&amp;</a>").expect("it is XML");
        let element = |depth, namespace: Option<&str>, name: &str, text: &str| StrictElement {
            depth,
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            text: text.to_owned(),
            attributes: Vec::new(),
        };
        let root = StrictElement {
            attributes: vec![("k".to_owned(), "1".to_owned())],
            ..element(0, None, "a", " xy<&")
        };
        assert_eq!(read, [root, element(1, Some("u"), "b", "")]);
        assert!(read_again("<a><!DOCTYPE a></a>").is_err());
        assert_eq!(judge("<a>"), read_again("<a>").map(|_| ()));
    }
}
