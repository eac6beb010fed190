//! The oracle: what an endpoint may answer, given the beliefs about its instances.
//!
//! For each instance the model keeps the *set* of states it may be in; time may move it on between any two steps.
//! [`expect()`] turns a fleet and a call into the set of allowed answers, each with the clauses that allow it. The
//! module is pure: no clock, no sockets, no replies. `check` reads the replies and narrows the beliefs by what they
//! show.

pub mod belief;
mod conditions;
pub mod expect;
pub mod orders;
pub mod read;
mod read_lag;

pub use belief::{Belief, Fleet, Id, States, Unknown, Unseen};
pub use expect::{Acceptance, Active, Expectation, ItemRule, expect};
pub use orders::{CallSpan, Orders};
pub use read::{IdShape, Reading, Switch, read};
pub use read_lag::{Past, ReadLag};
