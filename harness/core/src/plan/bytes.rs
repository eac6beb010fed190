//! A source of choices: bytes from any origin, followed by endless zeros.
//!
//! The bytes come from a seed, a corpus or libFuzzer; scripts and the bodies of the fuzz targets draw from them. A zero
//! byte is the simplest choice everywhere, and bytes past the end read as zeros, so less input always means a simpler
//! value. Only this file uses `arbitrary`.

use arbitrary::Unstructured;

/// Bytes to draw choices from.
#[derive(Debug)]
pub struct ChoiceBytes<'a>(Unstructured<'a>);

impl<'a> ChoiceBytes<'a> {
    /// A source of these bytes, followed by zeros.
    pub fn new(bytes: &'a [u8]) -> Self {
        ChoiceBytes(Unstructured::new(bytes))
    }

    /// Whether only the zeros after the end are left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// The next byte as a boolean; zero is `false`.
    pub fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// The next two bytes as a big-endian number.
    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// One of these choices, selected by the next byte.
    ///
    /// # Panics
    ///
    /// If there is nothing to choose from.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        pick(choices, self.byte())
    }

    /// Text of at most `most` bytes, preceded by its length. Invalid UTF-8 is replaced.
    pub fn text(&mut self, most: u8) -> String {
        let length = usize::from(self.byte().min(most)).min(self.0.len());
        String::from_utf8_lossy(self.0.bytes(length).unwrap_or_default()).into_owned()
    }

    /// All bytes that are left.
    pub fn rest(mut self) -> &'a [u8] {
        let left = self.0.len();
        self.0.bytes(left).unwrap_or_default()
    }
}

/// One of these choices, selected by `choice`.
///
/// # Panics
///
/// If there is nothing to choose from.
pub(super) fn pick<T: Copy>(choices: &[T], choice: u8) -> T {
    let at = usize::from(choice) % choices.len();
    *choices
        .get(at)
        .expect("a remainder is a place, and no list of choices is empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_have_run_out_are_zeros_and_the_first_choice() {
        let mut bytes = ChoiceBytes::new(&[5, 0, 1, 2, b'x', b'y']);
        assert_eq!((bytes.pick(&['a', 'b', 'c']), bytes.number()), ('c', 1));
        assert_eq!(bytes.text(9), "xy");
        assert!(bytes.is_empty());
        assert_eq!(
            (bytes.byte(), bytes.flag(), bytes.pick(&['a', 'b'])),
            (0, false, 'a')
        );
        assert_eq!((bytes.text(9).as_str(), bytes.rest()), ("", &[][..]));
    }

    #[test]
    fn text_is_no_longer_than_it_may_be_and_the_rest_follows_it() {
        let mut bytes = ChoiceBytes::new(&[200, b'a', 0xff, b'c', b'd']);
        assert_eq!(bytes.text(2), "a\u{fffd}");
        assert_eq!(bytes.rest(), b"cd");
    }
}
