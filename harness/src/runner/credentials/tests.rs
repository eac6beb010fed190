use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;

use tokio::sync::watch;

use super::*;
use crate::call::Caller;
use crate::contract::{self, Edition};
use crate::embedded;
use crate::journal::Event;
use crate::plan::{self, Selection};
use crate::reference::keys::{self, WellKnown};
use crate::runner;
use crate::sign::{CredentialSource, Credentials, LoadFuture, TimedCredentials};

/// Gives these credentials, one after the other. After the last it fails.
#[derive(Debug)]
struct Queue(StdMutex<VecDeque<TimedCredentials>>);

impl CredentialSource for Queue {
    fn name(&self) -> String {
        "the queue".to_owned()
    }

    fn load(&self) -> LoadFuture<'_> {
        let next = self.0.lock().expect("no test panics with it").pop_front();
        let loaded = next.ok_or_else(|| LoadError::Process {
            profile: "queue".to_owned(),
            printed: "the secret of another program".to_owned(),
        });
        Box::pin(std::future::ready(loaded))
    }
}

fn numbered(number: u32) -> Credentials {
    Credentials {
        access_key: format!("key-{number}"),
        secret: format!("secret-{number}"),
        session_token: Some(format!("token-{number}")),
    }
}

/// Credentials number 0, which expire at `expires_ms`, and a queue of others; it is the time 0.
fn begun(expires_ms: u64, next: &[(u32, u64)]) -> RunCredentials {
    let keys = Keyring {
        main: numbered(0),
        denied: None,
        session: Some(numbered(0)),
        expired: None,
    };
    let next = next.iter().map(|(number, expires_ms)| TimedCredentials {
        credentials: numbered(*number),
        expires_ms: Some(*expires_ms),
    });
    let renewal = Renewal {
        caller: Caller::Main,
        source: Arc::new(Queue(StdMutex::new(next.collect()))),
        expires_ms,
    };
    RunCredentials::new(&keys, &[renewal], 0)
}

async fn key_at(credentials: &RunCredentials, now_ms: u64) -> String {
    let keys = credentials.current(now_ms).await.expect("they are there");
    keys.main.access_key.clone()
}

#[tokio::test]
async fn credentials_are_replaced_a_minute_before_they_expire_and_not_earlier() {
    let credentials = begun(3_600_000, &[(1, 7_200_000), (2, 10_800_000)]);
    assert_eq!(key_at(&credentials, 3_539_999).await, "key-0");
    assert_eq!(key_at(&credentials, 3_540_000).await, "key-1");
    assert_eq!(key_at(&credentials, 7_139_999).await, "key-1");
    assert_eq!(key_at(&credentials, 7_140_000).await, "key-2");
}

#[tokio::test]
async fn short_lived_credentials_are_used_for_three_quarters_of_their_time() {
    let credentials = begun(4_000, &[(1, 8_000)]);
    assert_eq!(key_at(&credentials, 2_999).await, "key-0");
    assert_eq!(key_at(&credentials, 3_000).await, "key-1");
}

#[tokio::test]
async fn the_session_of_the_main_caller_is_replaced_with_it_and_old_secrets_stay_known() {
    let credentials = begun(4_000, &[(1, u64::MAX)]);
    let keys = credentials.current(4_000).await.expect("they are there");
    assert_eq!(keys.session, Some(numbered(1)));
    let secrets = credentials.secrets();
    for number in [0, 1] {
        for kind in ["key", "secret", "token"] {
            assert!(secrets.contains(&format!("{kind}-{number}")), "{secrets:?}");
        }
    }
}

#[tokio::test]
async fn a_failure_is_tried_again_while_the_old_ones_are_valid_and_final_after_that() {
    let credentials = begun(4_000, &[]);
    for valid in [3_000, 3_500, 3_999] {
        assert_eq!(key_at(&credentials, valid).await, "key-0");
    }
    for late in [4_000, 9_000] {
        let error = credentials.current(late).await.expect_err("nothing is left");
        assert_eq!(
            error.to_string(),
            "load the credentials of the profile \"queue\": its credential_process failed; those that were in use have \
             expired"
        );
    }
}

#[tokio::test]
async fn credentials_that_have_expired_already_are_not_used() {
    let credentials = begun(4_000, &[(1, 4_000)]);
    let error = credentials.current(4_000).await.expect_err("they are no better");
    assert!(error.to_string().contains("they have expired already"), "{error}");
    assert!(!credentials.secrets().contains(&"key-1".to_owned()));
}

/// Plays two cases on the reference with its main key, which expires after a millisecond, and replacements. Returns the
/// events as a journal has them.
async fn journal_of(next: &[(WellKnown, u64)]) -> String {
    let next = next.iter().map(|(known, expires_ms)| TimedCredentials {
        credentials: of(*known),
        expires_ms: Some(*expires_ms),
    });
    let mut options = embedded::options(Edition::Current);
    options.record = true;
    options.renewals = vec![Renewal {
        caller: Caller::Main,
        source: Arc::new(Queue(StdMutex::new(next.collect()))),
        expires_ms: options.endpoint.now_ms() + 1,
    }];
    let contract = Arc::new(contract::embedded(Edition::Current));
    let selection = Selection::named(&["stop/running".to_owned(), "auth/wrong-*".to_owned()]);
    let plan = plan::generate(&contract, &selection);
    let (_stop, interrupted) = watch::channel(false);
    let mut lines = String::new();
    let take = |event: Event| lines += &serde_json::to_string(&event).expect("it is data");
    runner::run_with(&contract, plan, options, interrupted, take)
        .await
        .expect("the first credentials are valid");
    lines
}

#[tokio::test]
async fn a_run_goes_on_with_new_credentials_and_its_journal_has_no_secret_of_any() {
    let lines = journal_of(&[(keys::SESSION, u64::MAX)]).await;
    assert!(
        lines.contains(r#""verdict":"pass""#) && !lines.contains(r#""verdict":"fail""#),
        "{lines}"
    );
    for known in [keys::MAIN, keys::SESSION] {
        for secret in [Some(known.access_key), Some(known.secret), known.session_token] {
            assert!(secret.is_none_or(|secret| !lines.contains(secret)), "{secret:?}");
        }
    }
}

#[tokio::test]
async fn lost_credentials_are_our_error_and_no_finding() {
    let lines = journal_of(&[]).await;
    assert!(
        lines.contains(
            r#"could not load the credentials of the profile \"queue\": its credential_process failed"#
        ),
        "{lines}"
    );
    assert!(!lines.contains(r#""verdict":"#), "{lines}");
    assert!(!lines.contains("the secret of another program"), "{lines}");
}

fn of(known: WellKnown) -> Credentials {
    Credentials {
        access_key: known.access_key.to_owned(),
        secret: known.secret.to_owned(),
        session_token: known.session_token.map(str::to_owned),
    }
}
