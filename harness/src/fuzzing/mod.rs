//! The bodies of the fuzz targets: functions that take bytes and panic if something does not hold.
//!
//! They are in the library so that the tests replay every seed, and every input that once found a bug, without a
//! fuzzer. [`TARGETS`] is the only list of them: the fuzz crate, the tests, `cargo xtask fuzz` and the replay on stable
//! use it. A target that reads text takes the bytes unchanged; one that needs choices draws them from
//! [`ChoiceBytes`](crate::plan::bytes::ChoiceBytes).

pub mod answers;
pub mod damage;
pub mod files;
pub mod goldens;
pub mod judging;
pub mod requests;
mod tree;

#[cfg(test)]
mod tests;

/// One fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct FuzzTarget {
    /// Its name, also that of its folder of seeds and of its program.
    pub name: &'static str,
    /// The function that runs one input. It panics if something does not hold.
    pub body: fn(&[u8]),
    /// What holds for every input.
    pub holds: &'static str,
    /// Whether its input is text in which the fuzzer should try the words of EC2.
    pub dictionary: bool,
}

/// Every target.
pub const TARGETS: &[FuzzTarget] = &[
    FuzzTarget {
        name: "reply",
        body: answers::reply,
        holds: "any body of an answer ends in a value, and says the same in another layout",
        dictionary: true,
    },
    FuzzTarget {
        name: "xml",
        body: answers::xml,
        holds: "our reader and the strict judge read the same document, and no limit is passed",
        dictionary: true,
    },
    FuzzTarget {
        name: "form",
        body: requests::form,
        holds: "the client and the reference read exactly what the other wrote",
        dictionary: true,
    },
    FuzzTarget {
        name: "request",
        body: requests::request,
        holds: "the reference answers any request in well-formed XML, and a refusal changes nothing",
        dictionary: true,
    },
    FuzzTarget {
        name: "signature",
        body: requests::signature,
        holds: "what the client signs the reference believes, and nothing that was changed since",
        dictionary: false,
    },
    FuzzTarget {
        name: "contract",
        body: files::contract,
        holds: "a file of a contract or of scenarios is read, or every mistake has a place in it",
        dictionary: true,
    },
    FuzzTarget {
        name: "journal",
        body: files::journal,
        holds: "a line of a journal reads back as it was, and a recording is judged the same as often as one likes",
        dictionary: true,
    },
    FuzzTarget {
        name: "report",
        body: files::report,
        holds: "whatever a journal says, every report of it keeps its form and holds nothing that a terminal obeys",
        dictionary: true,
    },
    FuzzTarget {
        name: "script",
        body: judging::script,
        holds: "whatever script is played against the reference, nothing is found",
        dictionary: false,
    },
    FuzzTarget {
        name: "judge",
        body: judging::judge,
        holds: "any exchange is judged, twice the same",
        dictionary: false,
    },
    FuzzTarget {
        name: "damage",
        body: damage::damage,
        holds: "a right answer that was damaged is still right, or something is found",
        dictionary: false,
    },
    FuzzTarget {
        name: "golden",
        body: goldens::golden,
        holds: "a transcript stays as it is, whoever wrote it and whatever an endpoint answered",
        dictionary: true,
    },
];

/// The target with this name.
pub fn target(name: &str) -> Option<&'static FuzzTarget> {
    TARGETS.iter().find(|target| target.name == name)
}
