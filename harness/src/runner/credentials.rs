//! The credentials of a run while it goes on: replaces those that are about to expire before a request is signed.
//!
//! Every secret that was ever used stays in the list of texts to remove, since an answer to an earlier request may
//! repeat it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::sign::{Credentials, Keyring, LoadError, Renewal};

/// How long before they expire credentials are replaced, in milliseconds: longer than a request is on its way.
const AHEAD_MS: u64 = 60_000;

/// Credentials expired during the run, and could not be replaced.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}; those that were in use have expired")]
pub struct RefreshError(LoadError);

/// The credentials of a run.
#[derive(Debug)]
pub(super) struct RunCredentials {
    state: RwLock<State>,
    /// When something must be replaced next, in milliseconds since 1970-01-01 UTC.
    due_ms: AtomicU64,
    /// Locked by the request that replaces something; others wait for it.
    renewals: Mutex<Vec<Pending>>,
}

#[derive(Debug)]
struct State {
    keys: Arc<Keyring>,
    secrets: Arc<Vec<String>>,
}

/// The next replacement of the credentials of a caller.
#[derive(Debug)]
struct Pending {
    renewal: Renewal,
    due_ms: u64,
    /// Why the credentials are lost. They stay lost: a source that fails is not called for every request that is left.
    lost: Option<RefreshError>,
}

impl RunCredentials {
    pub(super) fn new(keys: &Keyring, renewals: &[Renewal], now_ms: u64) -> Self {
        let renewals: Vec<Pending> = renewals
            .iter()
            .map(|renewal| Pending {
                due_ms: due_ms(now_ms, renewal.expires_ms),
                renewal: renewal.clone(),
                lost: None,
            })
            .collect();
        RunCredentials {
            due_ms: AtomicU64::new(first_due(&renewals)),
            state: RwLock::new(State {
                secrets: Arc::new(keys.secrets()),
                keys: Arc::new(keys.clone()),
            }),
            renewals: Mutex::new(renewals),
        }
    }

    /// The credentials to sign with now.
    pub(super) async fn current(&self, now_ms: u64) -> Result<Arc<Keyring>, RefreshError> {
        if now_ms >= self.due_ms.load(Ordering::Acquire) {
            self.renew(now_ms).await?;
        }
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(&state.keys))
    }

    /// All texts so far that must never be written to any output.
    pub(super) fn secrets(&self) -> Arc<Vec<String>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state.secrets)
    }

    async fn renew(&self, now_ms: u64) -> Result<(), RefreshError> {
        let mut renewals = self.renewals.lock().await;
        let mut outcome = Ok(());
        for pending in renewals.iter_mut().filter(|pending| pending.due_ms <= now_ms) {
            if let Some(lost) = &pending.lost {
                outcome = Err(lost.clone());
                continue;
            }
            let has_expired = pending.renewal.expires_ms <= now_ms;
            match pending.renewal.source.load().await {
                Ok(loaded) if loaded.expires_ms.is_none_or(|at| at > now_ms) => {
                    self.use_from_now(&pending.renewal, loaded.credentials);
                    pending.renewal.expires_ms = loaded.expires_ms.unwrap_or(u64::MAX);
                    pending.due_ms = due_ms(now_ms, pending.renewal.expires_ms);
                }
                // Those in use are still valid: there is time for another attempt.
                Ok(_) | Err(_) if !has_expired => {
                    pending.due_ms = now_ms + (pending.renewal.expires_ms - now_ms).div_ceil(2);
                }
                Ok(_) => {
                    let lost = RefreshError(LoadError::Expired {
                        source_name: pending.renewal.source.name(),
                    });
                    outcome = Err(pending.lost.insert(lost).clone());
                }
                Err(error) => outcome = Err(pending.lost.insert(RefreshError(error)).clone()),
            }
        }
        self.due_ms.store(first_due(&renewals), Ordering::Release);
        outcome
    }

    /// Puts new credentials in the place of the old ones. Their secrets are known before anything is signed with them.
    fn use_from_now(&self, renewal: &Renewal, credentials: Credentials) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = Keyring::clone(&state.keys);
        keys.replace(renewal.caller, credentials);
        let mut secrets = Vec::clone(&state.secrets);
        for secret in keys.secrets() {
            if !secrets.contains(&secret) {
                secrets.push(secret);
            }
        }
        *state = State {
            keys: Arc::new(keys),
            secrets: Arc::new(secrets),
        };
    }
}

/// When credentials are replaced that expire then: a minute before, and those that are short-lived after three quarters
/// of their time.
fn due_ms(now_ms: u64, expires_ms: u64) -> u64 {
    let left_ms = expires_ms.saturating_sub(now_ms);
    expires_ms.saturating_sub(AHEAD_MS.min(left_ms / 4))
}

fn first_due(renewals: &[Pending]) -> u64 {
    renewals
        .iter()
        .map(|pending| pending.due_ms)
        .min()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
