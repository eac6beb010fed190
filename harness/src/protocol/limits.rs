//! How much of a document we are willing to read.

/// The limits of a readable document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest document.
    pub bytes: usize,
    /// The deepest nesting of elements.
    pub depth: usize,
    /// The most attributes of one element.
    pub attributes: usize,
    /// The most namespace declarations in force at one place.
    pub namespaces: usize,
    /// The most elements in all.
    pub elements: usize,
}
impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 16 * 1024 * 1024,
            depth: 64,
            attributes: 64,
            namespaces: 64,
            elements: 1_000_000,
        }
    }
}
