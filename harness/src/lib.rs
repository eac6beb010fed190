//! Does an EC2-compatible endpoint stop instances the way Amazon EC2 does?
//!
//! This is the library of the command `stopcheck`. It judges a server from a test of the server, so that `cargo test`
//! fails when the server deviates from Amazon EC2:
//!
//! ```no_run
//! # fn start_my_server() -> String { String::new() }
//! #[test]
//! fn it_stops_instances_as_ec2_does() {
//!     let url = start_my_server(); // "http://127.0.0.1:…"
//!     let report = stopcheck::Run::against(url).run().expect("the server answers");
//!     assert!(report.is_conformant(), "{report}");
//! }
//! ```
//!
//! The message of the assertion is the report of the command: what is violated, who says so, what was allowed and
//! observed, and a command that repeats it. A program reads the same from [`Report::failures`]:
//!
//! ```
//! let report = stopcheck::Run::reference().case("dry-run/*").run()?;
//! for violation in report.failures() {
//!     println!("{} {}", violation.clause(), violation.observed());
//! }
//! assert!(report.is_conformant() && report.cases() > 0);
//! # Ok::<(), stopcheck::RunError>(())
//! ```
//!
//! `harness/examples/cargo-test` in the repository is a crate with a server and tests of this form.
//!
//! # What is stable
//!
//! The items on this page, the variants of [`Phase`] and [`Edition`], and the ids of clauses follow semantic versioning.
//! A minor release may add clauses, cases and checks, so it may find violations that no release before it found; a
//! clause that is corrected may change its verdict in a patch release. Texts ([`Report`]'s `Display`, statements,
//! expected and observed) may change in any release. The JSON report, the journal and the exit codes are interfaces of
//! the command and are versioned in its changelog.
//!
//! Everything else that this crate exports is internal, hidden here, and may change in any release. Tests that
//! `stopcheck replay --export rust` writes use internal modules: they belong to the version that wrote them.

mod library;

pub use contract::Edition;
pub use journal::Phase;
pub use library::{Report, Run, RunError, Violation};

// The pure half of the program. What follows has sockets, files, a clock and a terminal: input and output (`diff`,
// `sign`, `endpoint`, `golden`, `report`), orchestration (`runner`, `traffic`, `embedded`, `selfcheck`, `fuzzing`, `replay`,
// `compare`, `cli`). `harness/docs/architecture.md` describes each.
#[doc(hidden)]
pub use ec2_reference as reference;
#[doc(hidden)]
pub use stopcheck_core::{call, check, contract, evidence, journal, model, plan, protocol, verdict, words};

#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod compare;
#[doc(hidden)]
pub mod diff;
#[doc(hidden)]
pub mod embedded;
#[doc(hidden)]
pub mod endpoint;
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod golden;
#[doc(hidden)]
pub mod replay;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod runner;
#[doc(hidden)]
pub mod selfcheck;
#[doc(hidden)]
pub mod sign;
#[doc(hidden)]
pub mod traffic;
