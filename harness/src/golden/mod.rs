//! Goldens: reviewed transcripts of an endpoint, and how its answers differ from them today.
//!
//! The oracle decides whether an endpoint conforms; goldens detect every other change. A [`TranscriptRecorder`]
//! receives the events of a run and makes a [`Recording`] of each named case. The store compares it with the reviewed
//! text below `golden/`, in the format of insta, so that `cargo insta review` shows and accepts what the runner
//! recorded. Secrets cannot occur: they are removed before an event exists.

pub mod causes;
pub mod changelog;
mod lay;
mod names;
pub mod print;
pub mod review;
pub mod store;
pub mod transcript;
mod transcript_recorder;

pub use review::{Review, Reviewer, Settings};
pub use store::{Store, StoreError};
pub use transcript::normal;
pub use transcript_recorder::{Recording, TranscriptRecorder};

/// What to do with the goldens of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoldenMode {
    /// Compare recordings with what was reviewed; a difference decides the run.
    Check,
    /// Write what differs or has no golden as pending files next to the goldens, for review.
    Record,
    /// Do nothing.
    Off,
}
