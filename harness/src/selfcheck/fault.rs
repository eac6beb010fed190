//! A planted fault: a mistake that an author of an emulator makes, and the clauses that it violates.

use crate::contract::Edition;
use crate::selfcheck::emulator::FaultHook;

/// One mistake of an emulator.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its name on the command line and in the matrix.
    pub name: &'static str,
    /// What is wrong, in one sentence.
    pub what: &'static str,
    /// The program and version in which it was observed, if it was.
    pub seen: Option<&'static str>,
    /// The edition in which it is planted.
    pub edition: Edition,
    /// Patterns of the named cases that show it; empty if only generated calls do.
    pub cases: &'static [&'static str],
    /// Every clause that fails in these cases; no other clause may fail.
    pub fails: &'static [&'static str],
    /// Clauses that warn; other clauses may warn as well.
    pub warns: &'static [&'static str],
    /// Whether it shows only when calls overlap.
    pub is_concurrent: bool,
    /// The hook that makes the emulator faulty.
    pub hook: FaultHook,
}

/// A fault that fails these clauses in these cases.
pub const fn fault(
    name: &'static str,
    what: &'static str,
    cases: &'static [&'static str],
    fails: &'static [&'static str],
    hook: FaultHook,
) -> Fault {
    Fault {
        name,
        what,
        seen: None,
        edition: Edition::Current,
        cases,
        fails,
        warns: &[],
        is_concurrent: false,
        hook,
    }
}

impl Fault {
    /// The same fault, which also causes warnings under these clauses.
    #[must_use]
    pub const fn warns(mut self, clauses: &'static [&'static str]) -> Self {
        self.warns = clauses;
        self
    }

    /// The same fault, planted in the service as it was in 2017.
    #[must_use]
    pub const fn in_2017(mut self) -> Self {
        self.edition = Edition::October2017;
        self
    }

    /// The same fault, observed in a real program.
    #[must_use]
    pub const fn seen(mut self, program: &'static str) -> Self {
        self.seen = Some(program);
        self
    }

    /// The same fault, which shows only when calls overlap.
    #[must_use]
    pub const fn concurrent(mut self) -> Self {
        self.is_concurrent = true;
        self
    }

    /// The clauses it violates: those that fail, and those that warn.
    pub fn violates(&self) -> impl Iterator<Item = &'static str> {
        self.fails.iter().chain(self.warns).copied()
    }
}
