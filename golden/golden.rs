//! Compares the output of the command with reviewed snapshots: help, lists, explanations, reports. Compares the answers
//! of the reference with its goldens, which the command records.
//!
//! The snapshots and goldens are next to this file, and this file is here so that `cargo insta` sees them. A changed
//! snapshot is a changed interface: `cargo insta review` shows it. The output is the same on every machine: the
//! reference has a virtual clock, and there is no terminal.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use stopcheck::call::Auth;
use stopcheck::contract::{self, Contract, Edition};
use stopcheck::embedded;
use stopcheck::endpoint::{Endpoint, Handler};
use stopcheck::golden::{self, Store, TranscriptRecorder};
use stopcheck::journal::Event;
use stopcheck::plan::Selection;
use stopcheck::reference::{Config, Reference};
use stopcheck::report::{Policy, ReportKind, Style, Tally, write_report};
use stopcheck::runner::{self, Options};
use stopcheck::sign;
use tokio::sync::watch;

/// The whole output of the command, which must succeed and print nothing to stderr. A run is quiet: on a busy machine it
/// would print its progress.
fn told(words: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stopcheck"))
        .args(words.split(' '))
        .env_clear()
        .output()
        .expect("the binary under test starts");
    assert!(output.status.success(), "{words}: {}", output.status);
    assert!(output.stderr.is_empty(), "{words} complains");
    String::from_utf8(output.stdout).expect("the command speaks UTF-8")
}

/// Compares a text with the snapshot of this name.
#[track_caller]
fn is_as_reviewed(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn every_command_tells_what_it_takes() {
    is_as_reviewed("help", &told("--help"));
    for command in [
        "run",
        "list",
        "explain",
        "serve",
        "judge",
        "proxy",
        "merge",
        "report",
        "replay",
        "compare",
        "selfcheck",
        "completions",
        "man",
        "init",
        "schema",
        "sweep",
    ] {
        is_as_reviewed(&format!("help_{command}"), &told(&format!("{command} --help")));
    }
}

#[test]
fn cases_and_clauses_are_listed() {
    is_as_reviewed("list", &told("list"));
    is_as_reviewed("list_clauses", &told("list --clauses"));
}

#[test]
fn a_clause_a_source_and_a_case_are_explained() {
    is_as_reviewed("explain_clause", &told("explain DRY-04"));
    is_as_reviewed("explain_source", &told("explain R28"));
    is_as_reviewed("explain_scenarios", &told("explain scenarios"));
    is_as_reviewed("explain_case", &told("explain batch/free-and-protected"));
}

#[test]
fn a_run_on_the_reference_conforms() {
    is_as_reviewed("run", &told("run --quiet --phase scenarios"));
    is_as_reviewed(
        "run_2017_10",
        &told("run --quiet --phase scenarios --edition 2017-10"),
    );
}

#[test]
fn a_reference_that_is_deaf_to_dry_run_is_reported() {
    let report = report_of(Arc::new(|reference, request, now_ms| {
        let answer = reference.handle(request, now_ms);
        if answer.status() != 412 {
            return answer;
        }
        // A call that is refused as a dry run is sent again as a real call, with a new signature.
        let earnest = |text: &str| text.replace("DryRun=true", "DryRun=false");
        let mut request = request.clone();
        let target = earnest(&request.uri().to_string());
        *request.uri_mut() = target.parse().expect("the target stays valid");
        *request.body_mut() = earnest(&String::from_utf8_lossy(request.body())).into();
        for name in ["authorization", "x-amz-date", "x-amz-content-sha256"] {
            request.headers_mut().remove(name);
        }
        let signed = sign::sign(
            request,
            Auth::Header,
            &embedded::keyring(),
            "us-east-1",
            "ec2",
            now_ms,
        );
        reference.handle(&signed.expect("the keys can sign"), now_ms)
    }));
    is_as_reviewed("run_deaf_to_dry_run", &report);
}

#[test]
fn the_reference_answers_as_it_was_reviewed() {
    for (edition, set) in [
        (Edition::Current, "reference"),
        (Edition::October2017, "reference-2017-10"),
    ] {
        let contract = Arc::new(contract::embedded(edition));
        let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden");
        let store = Store::new(&goldens, set).expect("the name is a plain one");
        let mut recorder = TranscriptRecorder::default();
        let mut recordings = Vec::new();
        let options = Options {
            workers: 4,
            record: true,
            ..embedded::options(edition)
        };
        play(&contract, options, |event| {
            recordings.extend(recorder.take(event));
        });
        let mut recorded = BTreeSet::new();
        for recording in recordings {
            let said = recording
                .text
                .expect("every case of the reference is played to its end");
            let golden = store.read(&recording.case).expect("goldens can be read");
            // `stopcheck run --golden record` records a case without a golden.
            let reviewed = golden
                .map(|golden| golden::normal(&golden.text))
                .unwrap_or_default();
            let differs = stopcheck::diff::unified(&reviewed, &said, "reviewed", "now");
            assert_eq!(reviewed, said, "{set}: {}\n{differs}", recording.case);
            recorded.insert(recording.case);
        }
        let reviewed = store.reviewed().expect("the folder can be listed");
        assert_eq!(
            reviewed,
            recorded.into_iter().collect::<Vec<_>>(),
            "{set} has a golden for each case and no other"
        );
    }
}

/// Handles requests with a reference, with something changed about it.
type Changed = Arc<dyn Fn(&Reference, &Request<Bytes>, u64) -> Response<Bytes> + Send + Sync>;

/// The terminal report of a run of all cases.
fn report_of(changed: Changed) -> String {
    let contract = Arc::new(contract::embedded(Edition::Current));
    let mut tally = Tally::new(&contract);
    play(&contract, options(changed), |event| tally.take(event));
    let style = Style {
        color: false,
        width: 120,
        verbose: false,
    };
    let mut out = Vec::new();
    write_report(
        ReportKind::Terminal(style),
        &tally,
        &contract,
        Policy::default(),
        &mut out,
    )
    .expect("a vector takes everything");
    String::from_utf8(out).expect("reports are text")
}

/// Plays all named cases.
fn play(contract: &Arc<Contract>, options: Options, mut take: impl FnMut(&Event)) {
    let plan = stopcheck::plan::generate(contract, &Selection::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let (_stop, interrupted) = watch::channel(false);
        runner::run_with(contract, plan, options, interrupted, |event| take(&event))
            .await
            .expect("the reference answers");
    });
}

fn options(changed: Changed) -> Options {
    let endpoint = Endpoint::in_process(Arc::new(move |case: &str| -> Handler {
        let reference = Reference::new(Config {
            seed: runner::seed_of(case),
            ..Config::default()
        });
        let changed = Arc::clone(&changed);
        Arc::new(move |request, now_ms| changed(&reference, request, now_ms))
    }));
    Options {
        endpoint,
        longest_pass: Duration::from_millis(200),
        record: true,
        max_requests: 100_000,
        ..embedded::options(Edition::Current)
    }
}
