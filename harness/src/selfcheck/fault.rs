//! A planted fault: what an author of an emulator gets wrong, and what it violates.

use crate::contract::Edition;
use crate::selfcheck::emulator::FaultHook;

/// One thing that an emulator's author got wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its name on the command line and in the matrix.
    pub name: &'static str,
    /// What is wrong, in a sentence.
    pub what: &'static str,
    /// A program and a version in which it was seen, if it was.
    pub seen: Option<&'static str>,
    /// The edition it is planted in.
    pub edition: Edition,
    /// The named cases that show it, as patterns; none where only generated calls do.
    pub cases: &'static [&'static str],
    /// Every clause that fails in these cases, and no other.
    pub fails: &'static [&'static str],
    /// Clauses that warn, among others.
    pub warns: &'static [&'static str],
    /// Whether it shows only under calls that overlap.
    pub is_concurrent: bool,
    /// What the emulator does with a request.
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
    /// The same fault, warned of under these clauses besides.
    #[must_use]
    pub const fn warns(mut self, clauses: &'static [&'static str]) -> Self {
        self.warns = clauses;
        self
    }

    /// The same fault, in the service as it was in 2017.
    #[must_use]
    pub const fn in_2017(mut self) -> Self {
        self.edition = Edition::October2017;
        self
    }

    /// The same fault, seen in the wild.
    #[must_use]
    pub const fn seen(mut self, program: &'static str) -> Self {
        self.seen = Some(program);
        self
    }

    /// The same fault, which needs calls that overlap.
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
