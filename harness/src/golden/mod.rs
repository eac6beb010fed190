//! Goldens: what an endpoint answered when somebody last looked, and what it answers otherwise today.
//!
//! The oracle decides whether an endpoint conforms; goldens notice change. The events of a run enter a [`TranscriptRecorder`], which
//! makes a [`Recording`] of each named case; the store compares it with the reviewed text below `golden/`, in the format
//! of insta, so that `cargo insta review` shows and accepts what the runner recorded. Secrets cannot occur: they are
//! removed before there are events.

pub mod causes;
pub mod changelog;
pub mod diff;
mod lay;
mod names;
pub mod review;
pub mod store;
pub mod tell;
pub mod transcript;
mod transcript_recorder;

pub use review::{Review, Reviewer, Settings};
pub use store::{Store, StoreError};
pub use transcript::normal;
pub use transcript_recorder::{Recording, TranscriptRecorder};

/// What is done with the goldens of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoldenMode {
    /// What is recorded is compared with what was reviewed, and a difference decides the run.
    Check,
    /// What differs, or was never seen, is written beside the goldens, to be reviewed.
    Record,
    /// Nothing.
    Off,
}
