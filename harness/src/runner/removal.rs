//! Removes what was launched.

use std::time::Duration;

use super::arrange::{Arranger, Launched, success};
use super::request_sender::{AnsweredCall, SendError};
use crate::call::Call;
use crate::journal::Role;

impl Arranger {
    /// Removes what was launched: lifts protections, cancels Spot requests, terminates. Returns the ids that remain.
    /// Protection from being stopped is lifted only if it turns out to be in the way.
    pub(super) async fn remove(&self, launched: &[Launched], protected: bool) -> Vec<String> {
        let clean = |call: Call| async move { self.sender.ask(0, Role::Clean, &call).await };
        let lift = |id: &str, name: &str| {
            let value = format!("{name}.Value");
            Call::new(
                "ModifyInstanceAttribute",
                [("InstanceId", id), (value.as_str(), "false")],
            )
        };
        for one in launched {
            if one.kind.termination_protected {
                let _ = clean(lift(&one.id, "DisableApiTermination")).await;
            }
            if let Some(request) = &one.spot_request {
                let _ = clean(Call::new(
                    "CancelSpotInstanceRequests",
                    [("SpotInstanceRequestId.1", request.as_str())],
                ))
                .await;
            }
        }
        let all = launched
            .iter()
            .enumerate()
            .map(|(at, one)| (format!("InstanceId.{}", at + 1), one.id.clone()));
        if !launched.is_empty() {
            let outcome = clean(Call::new("TerminateInstances", all)).await;
            // A batch with one purged instance is refused as a whole, and the others go on.
            let accepted = matches!(&outcome, Ok(AnsweredCall { reply, .. }) if success(reply).is_some());
            if accepted || (launched.len() == 1 && gone(&outcome)) {
                return Vec::new();
            }
        }
        let mut left = Vec::new();
        for (at, one) in launched.iter().enumerate() {
            if self.shared.is_reachable().is_err() {
                // Nothing answers any more: to try each instance several times would only take long.
                left.extend(launched.iter().skip(at).map(|one| one.id.clone()));
                return left;
            }
            if protected || one.kind.stop_protected {
                let _ = clean(lift(&one.id, "DisableApiStop")).await;
            }
            let mut wait = Duration::from_millis(200);
            for attempt in 0..4 {
                if gone(
                    &clean(Call::new(
                        "TerminateInstances",
                        [("InstanceId.1", one.id.as_str())],
                    ))
                    .await,
                ) {
                    break;
                }
                if attempt == 3 {
                    left.push(one.id.clone());
                }
                self.sender.pause(wait).await;
                wait *= 2;
            }
        }
        left
    }
}

/// Whether the termination was accepted, or there is no such instance any more.
fn gone(outcome: &Result<AnsweredCall, SendError>) -> bool {
    match outcome {
        Ok(AnsweredCall { reply, .. }) => {
            let code = reply.error().and_then(|error| error.code);
            // Some endpoints put the side at fault before a code.
            success(reply).is_some() || code.is_some_and(|code| code.ends_with("InvalidInstanceID.NotFound"))
        }
        Err(_) => false,
    }
}
