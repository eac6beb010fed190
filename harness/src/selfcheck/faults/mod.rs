//! The catalogue of planted faults, grouped by topic.

use crate::selfcheck::fault::Fault;

mod decoding;
mod dry_runs;
mod kinds;
mod lists;
mod lives;
mod overlaps;
mod relations;
mod requests;
mod sequences;
mod shapes;
mod signatures;
mod states;
mod visibility;

/// A chapter of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// The topic of its faults.
    pub about: &'static str,
    /// The faults.
    pub faults: &'static [Fault],
}

/// The catalogue.
pub const CHAPTERS: &[Chapter] = &[
    Chapter {
        about: "answers in the wrong form",
        faults: shapes::FAULTS,
    },
    Chapter {
        about: "requests read wrongly",
        faults: requests::FAULTS,
    },
    Chapter {
        about: "forms taken apart wrongly",
        faults: decoding::FAULTS,
    },
    Chapter {
        about: "callers judged wrongly",
        faults: signatures::FAULTS,
    },
    Chapter {
        about: "states handled wrongly",
        faults: states::FAULTS,
    },
    Chapter {
        about: "dry runs and forced stops",
        faults: dry_runs::FAULTS,
    },
    Chapter {
        about: "instances of other kinds",
        faults: kinds::FAULTS,
    },
    Chapter {
        about: "descriptions that do not fit",
        faults: visibility::FAULTS,
    },
    Chapter {
        about: "lists and launches that do not fit",
        faults: lists::FAULTS,
    },
    Chapter {
        about: "calls that mean the same, answered differently",
        faults: relations::FAULTS,
    },
    Chapter {
        about: "sequences and sizes",
        faults: sequences::FAULTS,
    },
    Chapter {
        about: "long lives and large calls",
        faults: lives::FAULTS,
    },
    Chapter {
        about: "calls that overlap, and very many of them",
        faults: overlaps::FAULTS,
    },
];

/// Every fault, in chapter order.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    CHAPTERS.iter().flat_map(|chapter| chapter.faults)
}

/// The fault with this name.
pub fn named(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}
