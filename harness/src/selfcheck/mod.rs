//! The proof that a red run is possible: faults are planted in the reference, and each must be found.

mod ablation;
pub mod emulator;
mod fault;
mod faults;
mod matrix;
mod proof;
mod tell;
mod trial;

pub use ablation::Ablated;
pub use fault::{Fault, fault};
pub use faults::{CHAPTERS, Chapter, all, named};
pub use matrix::Row;
pub use proof::{Baseline, Part, Proof, Stand, prove};
pub use tell::{matrix_as_text, write, write_catalogue};
pub use trial::{Effort, Trial};
