//! Instances with special rules for stopping: Spot, instance store, hibernation, stop protection.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::selfcheck::emulator::{EmulatedRequest, code_of, drop_param, set_param};
use crate::selfcheck::fault::{Fault, fault};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "one-time-spot-stops",
        "a one-time Spot Instance is stopped",
        &["spot/one-time"],
        &["SPT-01"],
        pretends_to_stop,
    )
    .seen("moto 5.2.5"),
    fault(
        "one-time-spot-wrong-state",
        "a one-time Spot Instance has the wrong state",
        &["spot/one-time"],
        &["SPT-01"],
        |asked| {
            asked.instead("UnsupportedOperation", || {
                asked.refuse(400, "IncorrectInstanceState", "It is Spot.")
            })
        },
    ),
    fault(
        "one-time-spot-conflict",
        "a one-time Spot Instance is a conflict",
        &["spot/one-time"],
        &["SPT-01", "ERR-13"],
        |asked| {
            asked.refusal_as("UnsupportedOperation", |response| {
                *response.status_mut() = StatusCode::CONFLICT;
            })
        },
    ),
    fault(
        "no-spot-stops",
        "no Spot Instance is stopped",
        &["spot/persistent"],
        &["STT-01", "SPT-02"],
        |asked| {
            if asked.would_stop() && asked.is_described_with("<instanceLifecycle>spot</instanceLifecycle>") {
                return asked.refuse(400, "UnsupportedOperation", "Spot Instances cannot be stopped.");
            }
            asked.pass()
        },
    ),
    fault(
        "spot-request-stays-active",
        "the Spot request stays active",
        &["spot/request-disabled"],
        &[],
        |asked| {
            asked.pass_text(|text| {
                text.replace("<state>disabled</state>", "<state>active</state>")
                    .replace("instance-stopped-by-user", "fulfilled")
            })
        },
    )
    .warns(&["SPT-05"]),
    fault(
        "cancelled-spot-stops",
        "a Spot Instance whose request is cancelled is stopped",
        &["spot/cancelled"],
        &["SPT-06"],
        |asked| {
            asked.instead("UnsupportedOperation", || {
                asked.all_stopped("running", "stopping")
            })
        },
    ),
    fault(
        "hibernated-is-resumed",
        "a plain stop of a hibernated instance resumes it first",
        &["hibernate/then-plain-stop"],
        &["STT-05", "STT-13", "HIB-07"],
        |asked| {
            let hibernated = asked.stops() && asked.is_described_with("UserInitiatedHibernate");
            if hibernated && !asked.is_set("Hibernate") {
                return asked.all_stopped("running", "stopping");
            }
            asked.pass()
        },
    ),
    fault(
        "not-ready-in-other-words",
        "an instance is never ready to hibernate, and the message has another text",
        &["hibernate/configured"],
        &[],
        |asked| {
            if asked.stops() && asked.is_set("Hibernate") {
                return asked.refuse(400, "UnsupportedOperation", "Please try again later.");
            }
            asked.pass()
        },
    )
    .warns(&["HIB-04"]),
    fault(
        "no-hibernation-of-spot",
        "a Spot Instance is not hibernated",
        &["hibernate/spot"],
        &[],
        |asked| {
            let spot = asked.stops() && asked.is_described_with("<instanceLifecycle>spot");
            if spot && asked.is_set("Hibernate") {
                return asked.refuse(
                    400,
                    "UnsupportedHibernationConfiguration",
                    "It is a Spot Instance.",
                );
            }
            asked.pass()
        },
    )
    .warns(&["HIB-08"]),
    fault(
        "spot-stops-in-2017",
        "a Spot Instance is stopped in 2017",
        &["spot/none-in-2017"],
        &["SPT-04"],
        pretends_to_stop,
    )
    .in_2017(),
    fault(
        "instance-store-stops",
        "an instance-store instance is stopped",
        &["instance-store/running"],
        &["IST-01", "STT-02", "VIS-01", "VIS-07"],
        pretends_to_stop,
    )
    .seen("moto 5.2.5"),
    fault(
        "instance-store-wrong-state",
        "an instance-store instance is in the wrong state",
        &["instance-store/running"],
        &["IST-02"],
        |asked| {
            asked.instead("UnsupportedOperation", || {
                asked.refuse(400, "IncorrectInstanceState", "It has no EBS.")
            })
        },
    ),
    fault(
        "instance-store-forbidden",
        "an instance-store instance is forbidden",
        &["instance-store/running"],
        &["IST-02", "ERR-13"],
        |asked| asked.refusal(|response| *response.status_mut() = StatusCode::FORBIDDEN),
    ),
    fault(
        "instance-store-refused-and-gone",
        "a refused instance-store instance is gone",
        &["instance-store/running"],
        &["IST-04"],
        |asked| {
            asked.instead("UnsupportedOperation", || {
                let refusal = asked.pass();
                let id = asked.ids().pop().unwrap_or_default();
                asked.secretly("TerminateInstances", [("InstanceId.1", id)]);
                refusal
            })
        },
    ),
    fault(
        "no-hibernation",
        "hibernation is not there",
        &["hibernate/configured"],
        &["HIB-01", "REQ-16"],
        |asked| {
            if asked.stops() && asked.is_set("Hibernate") {
                return asked.refuse(400, "UnsupportedHibernationConfiguration", "No.");
            }
            asked.pass()
        },
    ),
    fault(
        "hibernation-fallback-told-as-hibernation",
        "a hibernation that fell back to a shutdown is told of as one",
        &["hibernate/configured"],
        &[],
        |asked| {
            asked.described(|text| {
                text.replace("UserInitiatedHibernate", "UserInitiatedShutdown")
                    .replace("initiated hibernate", "initiated shutdown")
            })
        },
    )
    .warns(&["HIB-02"]),
    fault(
        "hibernation-with-reason-from-within",
        "a hibernation has the reason of a shutdown from within",
        &["hibernate/configured"],
        &["HIB-02"],
        |asked| {
            asked.described(|text| {
                text.replace(
                    "Client.UserInitiatedHibernate",
                    "Client.InstanceInitiatedShutdown",
                )
            })
        },
    ),
    fault(
        "unhibernatable-stops",
        "what cannot hibernate is stopped instead",
        &["hibernate/not-configured"],
        &["HIB-03"],
        |asked| asked.stop_changed(|params| drop_param(params, "Hibernate")),
    )
    .seen("moto 5.2.5"),
    fault(
        "unhibernatable-refused-and-stops",
        "what cannot hibernate is refused and stopped",
        &["hibernate/not-configured"],
        &["HIB-03"],
        |asked| {
            asked.refusal_as("UnsupportedHibernationConfiguration", |_| {
                asked.stop_secretly(&asked.ids());
            })
        },
    ),
    fault(
        "unhibernatable-as-unsupported",
        "what cannot hibernate is unsupported",
        &["hibernate/not-configured"],
        &["HIB-03"],
        |asked| {
            asked.instead("UnsupportedHibernationConfiguration", || {
                asked.refuse(400, "UnsupportedOperation", "It cannot hibernate.")
            })
        },
    ),
    fault(
        "hibernate-true-by-presence",
        "Hibernate is true because it is there",
        &["hibernate/false"],
        &["HIB-06", "REQ-16", "STT-01"],
        |asked| asked.stop_changed(|params| set_param(params, "Hibernate", "true")),
    ),
    fault(
        "protection-ignored",
        "stop protection is not looked at",
        &["protect/protected"],
        &["PRO-01"],
        |asked| {
            asked.instead("OperationNotPermitted", || {
                asked.protect_secretly(false);
                let answer = asked.pass();
                asked.protect_secretly(true);
                answer
            })
        },
    )
    .seen("moto 5.0.28"),
    fault(
        "protected-refused-and-stops",
        "a protected instance is refused and stopped",
        &["protect/protected"],
        &["PRO-01"],
        |asked| {
            asked.refusal_as("OperationNotPermitted", |_| {
                asked.protect_secretly(false);
                asked.stop_secretly(&asked.ids());
                asked.protect_secretly(true);
            })
        },
    ),
    fault(
        "protected-as-unauthorized",
        "a protected instance is unauthorized",
        &["protect/protected"],
        &["PRO-01"],
        |asked| {
            asked.instead("OperationNotPermitted", || {
                asked.refuse(
                    400,
                    "UnauthorizedOperation",
                    "You are not authorized to perform this operation.",
                )
            })
        },
    ),
    fault(
        "protected-as-forbidden",
        "a protected instance is forbidden",
        &["protect/protected"],
        &["PRO-01", "ERR-13"],
        |asked| asked.refusal(|response| *response.status_mut() = StatusCode::FORBIDDEN),
    ),
    fault(
        "protection-for-ever",
        "stop protection is for ever",
        &["protect/then-unprotect"],
        &["STT-01", "PRO-03"],
        |asked| {
            let was_protected =
                asked.action() == "ModifyInstanceAttribute" && asked.is_protected_by("disableApiStop");
            let answer = asked.pass();
            if was_protected {
                asked.protect_secretly(true);
            }
            answer
        },
    ),
    fault(
        "termination-protection-refuses-stop",
        "termination protection stands in the way of a stop",
        &["protect/termination-only"],
        &["STT-01", "PRO-04"],
        |asked| {
            if asked.would_stop() && asked.is_protected_by("disableApiTermination") {
                return asked.refuse(
                    400,
                    "OperationNotPermitted",
                    "The instance may not be stopped. Modify its 'disableApiTermination' instance attribute and try again.",
                );
            }
            asked.pass()
        },
    ),
    fault(
        "protection-of-the-first-counts",
        "of a batch, stop protection is looked up for the first instance",
        &["batch/free-and-protected"],
        &["PRO-01"],
        |asked| {
            let ids = asked.ids();
            let [first, ..] = ids.as_slice() else {
                return asked.pass();
            };
            let attribute = [("InstanceId", first.as_str()), ("Attribute", "disableApiStop")];
            let answer = asked.secretly("DescribeInstanceAttribute", attribute);
            let free = String::from_utf8_lossy(answer.body()).contains("<value>false</value>");
            asked.instead("OperationNotPermitted", || {
                if !free {
                    return asked.pass();
                }
                asked.protect_secretly(false);
                asked.pass()
            })
        },
    ),
    fault(
        "refusal-lifts-protection",
        "stop protection is used up by the first attempt to stop the instance",
        &["protect/set-again"],
        &["PRO-01"],
        |asked| {
            let answer = asked.pass();
            if asked.stops() && code_of(&answer).as_deref() == Some("OperationNotPermitted") {
                asked.protect_secretly(false);
            }
            answer
        },
    )
    .warns(&["FRC-05"]),
    fault(
        "one-time-spot-left-out-of-a-batch",
        "a one-time Spot Instance is filtered out of a batch, and the others are stopped",
        &["spot/one-time-in-a-batch"],
        &["IDM-03", "SPT-01"],
        |asked| {
            let ids = asked.ids();
            asked.instead("UnsupportedOperation", || {
                let others: Vec<String> = ids.iter().filter(|id| !is_spot(asked, id)).cloned().collect();
                asked.stop_secretly(&others);
                let items = others.into_iter().map(|id| (id, "running", "stopping"));
                asked.stopped(&items.collect::<Vec<_>>())
            })
        },
    ),
    fault(
        "batch-stops-all-but-the-instance-store",
        "a batch is refused for its instance-store instance after the others were stopped",
        &["instance-store/in-a-batch"],
        &[],
        |asked| {
            let ids = asked.ids();
            asked.refusal_as("UnsupportedOperation", |_| {
                if let [_, _, ..] = ids.as_slice() {
                    asked.stop_secretly(&ids);
                }
            })
        },
    )
    .warns(&["IDM-13"]),
    fault(
        "spot-request-closed-by-stop",
        "a stop closes the Spot request of the instance, as a termination does",
        &["spot/request-disabled"],
        &[],
        |asked| {
            asked.pass_text(|text| {
                text.replace("<state>disabled</state>", "<state>closed</state>")
                    .replace("instance-stopped-by-user", "instance-terminated-by-user")
            })
        },
    )
    .warns(&["SPT-05"]),
    fault(
        "spot-stops-once",
        "a start opens a new Spot request, which is taken for a one-time one: the second stop is refused",
        &["life/cycles-of-spot"],
        &["STT-01"],
        |asked| {
            let started = asked.recall("started").is_some();
            if asked.action() == "StartInstances" {
                asked.remember("started", "once");
            }
            match asked.would_stop() && started {
                true => asked.refuse(
                    400,
                    "UnsupportedOperation",
                    "You can't stop the Spot Instance because it is associated with a one-time Spot Instance request.",
                ),
                false => asked.pass(),
            }
        },
    ),
    fault(
        "plain-stop-forgets-hibernation",
        "a plain stop of a hibernated instance writes its stateReason anew, as that of a shutdown",
        &["hibernate/then-plain-stop"],
        &[],
        |asked| {
            if asked.stops() && !asked.is_set("Hibernate") {
                asked.remember("plain", "stop");
            }
            asked.described(|text| match asked.recall("plain") {
                Some(_) => text
                    .replace("UserInitiatedHibernate", "UserInitiatedShutdown")
                    .replace("User initiated hibernate", "User initiated shutdown"),
                None => text,
            })
        },
    )
    .warns(&["IDM-02"]),
];

/// Answers with a success for instances that cannot be stopped.
fn pretends_to_stop(asked: &EmulatedRequest<'_>) -> Response<Bytes> {
    asked.instead("UnsupportedOperation", || {
        if asked.is_set("DryRun") {
            return asked.would_have_succeeded();
        }
        asked.all_stopped("running", "stopping")
    })
}

fn is_spot(asked: &EmulatedRequest<'_>, id: &str) -> bool {
    let answer = asked.secretly("DescribeInstances", [("InstanceId.1", id)]);
    String::from_utf8_lossy(answer.body()).contains("<instanceLifecycle>spot")
}
