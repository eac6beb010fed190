//! The cost of one judged step, part by part: encode and sign, answer, decode, judge, and all of them together.
//!
//! Everything runs in this process, without a request sender, a socket or a journal. The step stops an instance that is
//! already stopped, so it can be repeated any number of times.

use std::sync::Arc;

use bytes::Bytes;
use divan::{Bencher, black_box};
use http::{Request, Response};
use stopcheck::call::{Auth, Call};
use stopcheck::check::{CaseJudge, Judge, Observation};
use stopcheck::contract::{self, Confidence, Edition, FixtureKind, Market, Root, State};
use stopcheck::journal::{
    self, Ending, Exchange, FixtureReady, Intent, Judged, Role, SentRecord, StepStarted,
};
use stopcheck::protocol::{self, Reply, RequestTarget};
use stopcheck::reference::{Config, Reference, keys};
use stopcheck::sign::{self, Credentials, Keyring};

/// The time of the bench; the reference accepts any time.
const NOW_MS: u64 = 1_767_225_600_000;

/// Late enough for every state change to be complete.
const LATER_MS: u64 = NOW_MS + 60_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn encode_and_sign(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    bencher.bench_local(|| bench.signed(black_box(&bench.call)));
}

#[divan::bench]
fn reference_stop(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let request = bench.signed(&bench.call);
    bencher.bench_local(|| bench.reference.handle(black_box(&request), LATER_MS));
}

/// Each case creates its own service.
#[divan::bench]
fn reference_new(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Reference::new(black_box(Config::default())));
}

#[divan::bench]
fn reference_describe(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let describe = Call::new("DescribeInstances", [("InstanceId.1", bench.id.as_str())]);
    let request = bench.signed(&describe);
    bencher.bench_local(|| bench.reference.handle(black_box(&request), LATER_MS));
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let response = bench.answer();
    bencher
        .with_inputs(|| response.clone())
        .bench_local_values(protocol::decode);
}

#[divan::bench]
fn capture(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let (request, response) = (bench.signed(&bench.call), bench.answer());
    bencher.bench_local(|| bench.record(black_box(&request), black_box(&response)));
}

#[divan::bench]
fn judge(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let exchanged = bench.record(&bench.signed(&bench.call), &bench.answer());
    let observation = Observation::of(&exchanged);
    // A judge that receives the same answer twice reports it, since its request id is not new.
    bencher
        .with_inputs(|| bench.judge())
        .bench_local_refs(|judge| bench.judged(judge, black_box(&observation).clone()));
}

/// A dry run, a stop of an unknown id, and the verification that neither changed anything.
#[divan::bench]
fn judge_refusals(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let stop = |id: &str, dry: &str| Call::new("StopInstances", [("InstanceId.1", id), ("DryRun", dry)]);
    let describe = Call::new("DescribeInstances", [("InstanceId.1", bench.id.as_str())]);
    let observed = |call: Call| {
        let request = bench.signed(&call);
        let response = bench.reference.handle(&request, LATER_MS);
        Observation::of(&bench.record_of(&call, &request, &response))
    };
    let refused = [
        observed(stop(&bench.id, "true")),
        observed(stop("i-0123456789abcdef0", "false")),
    ];
    let proof = observed(describe);
    bencher.with_inputs(|| bench.judge()).bench_local_refs(|judge| {
        for one in &refused {
            let proof = Observation {
                role: Role::Look,
                ..proof.clone()
            };
            judge.begin(step());
            judge.observe(one.clone());
            judge.observe(proof);
            let judged = judge.conclude().expect("the step has begun").judged;
            assert!(
                judged.findings.is_empty(),
                "the reference is faithful: {judged:?}"
            );
        }
    });
}

#[divan::bench]
fn whole_step(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let mut judge = bench.judge();
    bencher.bench_local(|| {
        let request = bench.signed(black_box(&bench.call));
        let response = bench.reference.handle(&request, LATER_MS);
        let exchanged = bench.record(&request, &response);
        bench.judged(&mut judge, Observation::of(&exchanged))
    });
}

/// One stopped instance of the reference, and a stop of it.
struct Bench {
    reference: Reference,
    keyring: Keyring,
    secrets: Vec<String>,
    target: RequestTarget,
    judge: Arc<Judge>,
    id: String,
    call: Call,
}

impl Bench {
    fn new() -> Self {
        let contract = Arc::new(contract::embedded(Edition::Current));
        let keyring = Keyring {
            main: Credentials {
                access_key: keys::MAIN.access_key.to_owned(),
                secret: keys::MAIN.secret.to_owned(),
                session_token: None,
            },
            denied: None,
            session: None,
            expired: None,
        };
        let mut bench = Bench {
            reference: Reference::new(Config::default()),
            secrets: keyring.secrets(),
            keyring,
            target: RequestTarget {
                host: "localhost".to_owned(),
                path: "/".to_owned(),
                region: "us-east-1".to_owned(),
            },
            judge: Arc::new(Judge::new(contract, Confidence::default())),
            id: String::new(),
            call: Call::new("DescribeImages", Vec::<(String, String)>::new()),
        };
        let images = bench.asked(&bench.call, NOW_MS);
        let image = images
            .root()
            .and_then(|root| {
                protocol::images(root)
                    .into_iter()
                    .find(|image| image.root_device_type.as_deref() == Some("ebs"))
            })
            .expect("the reference has an EBS image");
        let launch = Call::new(
            "RunInstances",
            [
                ("ImageId", image.id.as_str()),
                ("MinCount", "1"),
                ("MaxCount", "1"),
            ],
        );
        let launched = bench.asked(&launch, NOW_MS);
        let instance = launched
            .root()
            .and_then(|root| protocol::instances(root).into_iter().next());
        bench.id = instance.expect("an instance was launched").id;
        bench.call = Call::new("StopInstances", [("InstanceId.1", bench.id.as_str())]);
        // Running at this time; stopped when the bench begins.
        bench.asked(&bench.call, NOW_MS + 30_000);
        bench
    }

    fn asked(&self, call: &Call, now_ms: u64) -> Reply {
        protocol::decode(self.reference.handle(&self.signed(call), now_ms))
    }

    fn signed(&self, call: &Call) -> Request<Bytes> {
        let request = protocol::encode(call, &self.target).expect("a short call");
        sign::sign(request, Auth::Header, &self.keyring, "us-east-1", "ec2", NOW_MS)
            .expect("the keys can sign")
    }

    fn answer(&self) -> Response<Bytes> {
        let response = self.reference.handle(&self.signed(&self.call), LATER_MS);
        assert_eq!(response.status(), 200, "the stop is accepted");
        response
    }

    fn record(&self, request: &Request<Bytes>, response: &Response<Bytes>) -> Exchange {
        self.record_of(&self.call, request, response)
    }

    fn record_of(&self, call: &Call, request: &Request<Bytes>, response: &Response<Bytes>) -> Exchange {
        let (request, answer) = protocol::capture(request, Ok(response), &self.secrets);
        Exchange {
            case: "bench".to_owned(),
            step: 1,
            role: Role::Act,
            call: call.clone(),
            sent: SentRecord::Request(request),
            answers: answer.into_iter().collect(),
            rest: journal::Bytes::default(),
            ending: Ending::Answered,
            at_ms: LATER_MS,
            took_ms: 0,
            interval: None,
        }
    }

    fn judge(&self) -> CaseJudge {
        let mut judge = CaseJudge::new(Arc::clone(&self.judge), "bench");
        judge.fixture(&FixtureReady {
            arranged_by: Vec::new(),
            case: "bench".to_owned(),
            name: "a".to_owned(),
            id: self.id.clone(),
            kind: FixtureKind {
                state: State::Stopped,
                market: Market::OnDemand,
                root: Root::Ebs,
                stop_protected: false,
                termination_protected: false,
                hibernation: false,
            },
            spot_request: None,
            at_ms: 0,
        });
        judge
    }

    fn judged(&self, judge: &mut CaseJudge, observation: Observation) -> Judged {
        judge.begin(step());
        judge.observe(observation);
        let judged = judge.conclude().expect("the step has begun").judged;
        assert!(
            judged.findings.is_empty(),
            "the reference is faithful: {judged:?}"
        );
        judged
    }
}

fn step() -> StepStarted {
    StepStarted {
        case: "bench".to_owned(),
        step: 1,
        intent: Intent::Call,
        witness: Vec::new(),
        control: false,
        label: None,
        same_as: None,
    }
}
