//! Wrong usage exits with code 2 and a hint; commands that send nothing need no endpoint.

use std::net::TcpListener;
use std::process::Command;

use crate::child::{Served, command, finish, stopcheck, with_keys};

#[test]
fn a_case_that_nothing_matches_is_a_mistake_with_a_hint() {
    stopcheck("run --case nothing").ended_with(2).complains_of(&[
        "no case of the chosen phases matches --case nothing",
        "stopcheck list",
    ]);
}

#[test]
fn cases_are_selected_by_clause_and_left_out_by_name() {
    let whole = stopcheck("run --phase scenarios --clause DRY-* --golden off").ended_with(0);
    let less = stopcheck("run --phase scenarios --clause DRY-* --skip dry-run/* --golden off").ended_with(0);
    let played = |run: &crate::child::CommandOutput| {
        let line = run.stdout.lines().find(|line| line.contains(" passed"));
        let (before, _) = line
            .and_then(|line| line.split_once(" passed"))
            .expect("the summary counts");
        let number = before.split_whitespace().last().map(str::parse::<usize>);
        number.expect("it is there").expect("it is a number")
    };
    let (whole, less) = (played(&whole), played(&less));
    assert!(0 < less && less < whole, "{less} of {whole}");
    stopcheck("run --clause DRX-*")
        .ended_with(2)
        .complains_of(&["there is no clause called \"DRX-*\""]);
    stopcheck("run --phase random --clause DRY-*")
        .ended_with(2)
        .complains_of(&["no case of the chosen phases matches --clause"]);
}

#[test]
fn phases_are_separated_by_commas() {
    stopcheck("run --phase scenarios,coverage --case stop/* --golden off").ended_with(0);
    stopcheck("run --phase scenarios,coverag")
        .ended_with(2)
        .complains_of(&["coverage"]);
}

#[test]
fn a_report_on_standard_output_has_it_to_itself() {
    let run = stopcheck("run --case dry-run/* --report json=-").ended_with(0);
    assert!(
        run.stdout.starts_with('{') && run.stdout.trim_end().ends_with('}'),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("passed"), "{}", run.stderr);
    stopcheck("run --case dry-run/* --report json=- --report junit=-")
        .ended_with(2)
        .complains_of(&["only one report"]);
}

#[test]
fn a_slip_in_a_flag_is_answered_by_the_flag_that_was_meant() {
    stopcheck("run --endpont-url http://127.0.0.1:1")
        .ended_with(2)
        .complains_of(&["--endpont-url", "--endpoint-url"]);
    stopcheck("explan DRY-04")
        .ended_with(2)
        .complains_of(&["'explain'"]);
}

#[test]
fn open_questions_are_listed_and_explained() {
    stopcheck("list --questions")
        .ended_with(0)
        .says(&["OQ-05  open", "OQ-06  closed", "settled by id/none"]);
    stopcheck("explain oq-05").ended_with(0).says(&[
        "OQ-05: Which of two faults",
        "ERR-14",
        "dry-run/unknown",
        "unknown-id",
    ]);
    stopcheck("explain ERR-14")
        .ended_with(0)
        .says(&["open        OQ-05"]);
    stopcheck("explain OQ-5").ended_with(2).complains_of(&["OQ-05"]);
}

#[test]
fn a_list_names_cases_and_all_clauses() {
    stopcheck("list")
        .ended_with(0)
        .says(&["stop/running", "batch/ten", "wire/chunks/bytes"]);
    let clauses = stopcheck("list --clauses").ended_with(0).stdout;
    let is_id = |word: &str| {
        word.split_once('-').is_some_and(|(letters, digits)| {
            letters.len() == 3
                && letters.bytes().all(|byte| byte.is_ascii_uppercase())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let ids = clauses
        .lines()
        .filter(|line| line.split(' ').next().is_some_and(is_id));
    let contract = stopcheck::contract::embedded(stopcheck::contract::Edition::Current);
    assert_eq!(ids.count(), contract.clauses.len(), "{clauses}");
    assert!(!clauses.contains("unbound"), "{clauses}");
}

#[test]
fn the_cases_of_a_clause_are_listed() {
    let listed = stopcheck("list --clause DRY-01")
        .ended_with(0)
        .says(&["dry-run/valid"]);
    assert!(!listed.stdout.contains("stop/running"), "{}", listed.stdout);
    stopcheck("list --clause NO-*")
        .ended_with(2)
        .complains_of(&["no case covers a clause like NO-*"]);
}

#[test]
fn a_clause_and_a_case_are_explained_and_anything_else_is_a_mistake() {
    stopcheck("explain DRY-04").ended_with(0).says(&[
        "DRY-04",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html",
    ]);
    stopcheck("explain dry-run/valid")
        .ended_with(0)
        .says(&["dry-run/valid", "DRY-01"]);
    stopcheck("explain nonsense")
        .ended_with(2)
        .complains_of(&["error: could not ", "nonsense"]);
}

#[test]
fn a_recorded_answer_is_explained_with_where_it_can_be_read() {
    stopcheck("explain R14").ended_with(0).says(&[
        "https://github.com/cloudlibz/nodecloud/",
        "HTTP 412",
        "2017-07-15",
    ]);
    stopcheck("explain C10").ended_with(0).says(&[
        "https://github.com/radkawar/stackd/blob/9dc356f5/testdata/aws/ec2/instances_lifecycle.json",
        "(Apache-2.0)",
        "2026-09-25T20:59:26.874Z",
        "<name>stopped</name>",
    ]);
}

#[test]
fn a_server_needs_credentials() {
    stopcheck("run --endpoint-url http://127.0.0.1:1")
        .ended_with(2)
        .complains_of(&["no credentials", "hint:", "AWS_ACCESS_KEY_ID"]);
}

#[test]
fn real_aws_is_refused_and_nothing_is_sent() {
    // If anything had been sent, it would have gone through this proxy.
    let proxy = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    proxy.set_nonblocking(true).expect("a socket can");
    let address = format!("http://{}", proxy.local_addr().expect("it is bound"));
    for url in [
        "https://ec2.us-east-1.amazonaws.com",
        "http://EC2.eu-west-1.amazonaws.com./",
    ] {
        let mut run = with_keys(&format!("run --endpoint-url {url}"));
        run.envs(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, &address)));
        let refused = finish(run)
            .ended_with(2)
            .complains_of(&["looks like real AWS", "--account"]);
        assert_eq!(refused.stdout, "");
    }
    // A connection of the command would be ready to accept by now, since the command has ended.
    assert!(proxy.accept().is_err(), "something was sent");
}

#[test]
fn permission_for_real_aws_needs_an_account() {
    let run = with_keys("run --endpoint-url https://ec2.us-east-1.amazonaws.com --allow-real-aws");
    finish(run).ended_with(2).complains_of(&["--account"]);
}

#[test]
fn real_aws_needs_the_image_to_launch_from() {
    let run = with_keys(
        "run --endpoint-url https://ec2.us-east-1.amazonaws.com --allow-real-aws --account 111122223333",
    );
    finish(run).ended_with(2).complains_of(&["--ebs-image"]);
}

/// A run that would play one case on real AWS, if it were allowed to. Whatever it sends goes to a proxy that nobody has.
fn on_real_aws(consent: Option<&str>) -> Command {
    let mut run = with_keys(
        "run --endpoint-url https://ec2.us-east-1.amazonaws.com --allow-real-aws --account 111122223333 --ebs-image ami-1 \
         --case stop/running",
    );
    run.args(consent);
    run.envs(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")));
    run.env("NO_PROXY", "").env("no_proxy", "");
    run
}

#[test]
fn a_run_on_real_aws_prints_its_plan_and_needs_consent() {
    let refused = finish(on_real_aws(None))
        .ended_with(2)
        .complains_of(&["nothing was sent", "--yes"]);
    for part in ["PLAN: 1 case", "instance-hours", "aws:ResourceTag/stopcheck"] {
        assert!(refused.stdout.contains(part), "{}", refused.stdout);
    }
    // With consent it goes on, to where nothing answers.
    let begun = finish(on_real_aws(Some("--yes")))
        .ended_with(2)
        .complains_of(&["sts.us-east-1.amazonaws.com"]);
    assert!(begun.stdout.contains("PLAN: 1 case"), "{}", begun.stdout);
}

#[test]
fn a_plan_needs_no_credentials_and_no_consent() {
    let plan = stopcheck("run --endpoint-url https://ec2.us-east-1.amazonaws.com --plan").ended_with(0);
    for part in [
        "PLAN: ",
        "credentials of a caller that may describe but not stop",
        "L-1216C47A",
        "the phases coverage, wire, concurrent, random",
    ] {
        assert!(
            plan.stdout.replace("\n               ", " ").contains(part),
            "{part}: {}",
            plan.stdout
        );
    }
    let plan = stopcheck("run --endpoint-url http://127.0.0.1:1 --plan --case stop/running").ended_with(0);
    assert!(plan.stdout.contains(": 2 On-Demand"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("policy"), "{}", plan.stdout);
}

#[test]
#[expect(clippy::indexing_slicing, reason = "what a JSON value lacks is null")]
fn a_plan_for_programs_is_json() {
    let plan = stopcheck("run --endpoint-url https://ec2.us-east-1.amazonaws.com --plan=json").ended_with(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("it is JSON");
    assert_eq!(plan["aws"]["policy"]["Version"], "2012-10-17");
    assert!(
        plan["estimate"]["at_most"]["instances_ms"].as_u64()
            > plan["estimate"]["usual"]["instances_ms"].as_u64()
    );
    stopcheck("run --plan=yaml")
        .ended_with(2)
        .complains_of(&["yaml", "json"]);
}

#[test]
fn real_aws_is_sent_no_malformed_requests() {
    let run = with_keys(
        "run --endpoint-url https://ec2.us-east-1.amazonaws.com --allow-real-aws --account 111122223333 \
         --ebs-image ami-1 --phase wire",
    );
    finish(run)
        .ended_with(2)
        .complains_of(&["looks like real AWS", "--phase wire"]);
}

#[test]
fn what_is_no_url_is_refused() {
    for url in ["127.0.0.1:5000", "not a url", "ftp://127.0.0.1", "", "http://"] {
        let mut run = command(["run", "--endpoint-url", url]);
        run.env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b");
        finish(run).ended_with(2).complains_of(&["error: could not use"]);
    }
}

#[test]
fn a_journal_that_cannot_be_written_stops_the_run_before_it_begins() {
    let refused = stopcheck("run --journal /nowhere/at/all.ndjson")
        .ended_with(2)
        .complains_of(&["could not create /nowhere/at/all.ndjson"]);
    assert_eq!(refused.stdout, "");
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run_before_it_begins() {
    stopcheck("run --case dry-run/* --report json=/nowhere/at/all.json")
        .ended_with(2)
        .complains_of(&["could not write /nowhere/at/all.json"])
        .says_nothing();
}

#[test]
fn another_region_than_the_servers_is_hinted_at() {
    let server = Served::start();
    let run = server.command(["run", "--region", "eu-west-1"]);
    finish(run)
        .ended_with(2)
        .complains_of(&["is in another Region", "--region", "eu-west-1"]);
}

#[test]
fn an_unknown_key_is_no_finding() {
    let server = Served::start();
    let mut run = server.command(["run"]);
    run.env("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN00");
    finish(run)
        .ended_with(2)
        .complains_of(&["refuses the credentials", "AWS_ACCESS_KEY_ID"]);
}
