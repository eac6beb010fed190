//! Verifies the verdicts of the harness. Faults are planted in the reference, and each must be found, which shows that
//! the checks can fail. Variations that genuine EC2 may show are switched on, and none may be reported, which shows
//! that the checks do not fail without cause.

mod ablation;
pub mod emulator;
mod fault;
mod faults;
mod matrix;
mod print;
mod proof;
mod slow;
mod trial;
mod variations;

pub use ablation::Ablated;
pub use fault::{Fault, fault};
pub use faults::{CHAPTERS, Chapter, all, named};
pub use matrix::MatrixRow;
pub use print::{matrix_as_text, write, write_catalogue, write_slow, write_variations};
pub use proof::{Baseline, Proof, ProofPart, Scope, Stand, prove, prove_slowly};
pub use slow::{SlowEffort, SlowRow, SlowRun, play_slowly};
pub use trial::{Effort, Trial};
pub use variations::{ALL as ALL_VARIATIONS, VariedRow};
