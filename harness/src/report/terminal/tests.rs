use super::*;
use crate::contract::Clause;
use crate::journal::{
    AnswerSummary, BodySummary, CallInterval, Event, Excerpt, Few, Noted, Observed, OverlappingCall,
    Reproduced, StateChanged, StatePair,
};
use crate::report::sample;

const PLAIN: Style = Style {
    color: false,
    width: 100,
    verbose: false,
};

fn report(events: &[Event], style: Style) -> String {
    let contract = sample::contract();
    let mut tally = Tally::new(&contract);
    events.iter().for_each(|event| tally.take(event));
    let mut out = Vec::new();
    write(&tally, &contract, style, Policy::default(), &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("reports are text")
}

#[test]
fn a_run_without_findings_is_a_few_lines() {
    let events = sample::stream(vec![
        sample::good_case("dry-run/valid", 0, &["DRY-01", "DRY-04"]),
        sample::good_case("refuse/unknown", 1, &["ERR-02", "RSP-07"]),
    ]);
    insta::assert_snapshot!(report(&events, PLAIN), @r#"
    7 clauses: 4 held · 1 not reached · 1 untested · 1 not in this edition
    2 cases: 2 passed
    0 requests in 3.2 s to http://127.0.0.1:5000 (edition current, region us-east-1, seed 0)

    CONFORMS: everything observed is allowed.
    "#);
}

#[test]
fn overlapping_calls_are_a_timeline_with_the_number_of_plays() {
    let call = |caller, began, ended| OverlappingCall {
        interval: CallInterval {
            caller,
            began,
            ended: Some(ended),
        },
        action: Excerpt::name("StopInstances"),
        ids: Few::from_iter([Excerpt::word("i-0a1b2c3d4e5f60718")]),
        answer: Some(AnswerSummary {
            status: 200,
            body: BodySummary::Items {
                items: Few::from_iter([StateChanged {
                    id: Excerpt::word("i-0a1b2c3d4e5f60718"),
                    states: StatePair {
                        previous: Excerpt::word("running"),
                        current: Excerpt::word("stopping"),
                    },
                }]),
            },
        }),
    };
    let history = Observed::History {
        calls: [call(1, 0, 3), call(2, 1, 2)].into_iter().collect(),
    };
    let case = "concurrent/1";
    let bad = sample::SampleCase {
        findings: vec![sample::finding(
            case,
            "RSP-07",
            Verdict::Warn,
            sample::stays_running("i-0a1b"),
            history,
        )],
        outcome: sample::judged(Verdict::Warn),
        ..sample::good_case(case, 0, &["RSP-07"])
    };
    let mut events = sample::stream(vec![bad]);
    let reproduced = Reproduced {
        case: case.to_owned(),
        clause: "RSP-07".into(),
        times: 3,
        of: 5,
    };
    events.insert(events.len() - 1, Event::Reproduced(reproduced));
    let text = report(&events, Style { width: 80, ..PLAIN });
    let page = text.split("\n\n").find(|part| part.starts_with("WARN "));
    insta::assert_snapshot!(page.expect("there is a warning"), @r"
    WARN  RSP-07  The answer begins with an XML declaration. (SHOULD)
      observed  2 overlapping calls: StopInstances: 200 [i-0a1b…:… (in 3 of 5 plays)
      timeline   1 |--------------| StopInstances: 200 [i-0a1b…: running → stopping]
                 2      |----|      StopInstances: 200 [i-0a1b…: running → stopping]
    ");
}

#[test]
fn a_run_with_findings_shows_the_wire() {
    insta::assert_snapshot!(report(&sample::mixed(), PLAIN), @r#"
    FAILS THE RUN: requirements that Amazon documents, or that its recorded answers show.

    FAIL  DRY-04  A dry run changes nothing: the instance stays running.
      source    API https://docs.example/API_StopInstances.html
      expected  i-0a1b… stays running
      observed  i-0a1b…: stopping (in 2 cases)
      repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid

    WARNINGS do not fail the run. Each says why it only warns: SHOULD or MAY; inferred or contradicted,
    as the sources leave it open; sibling, known of another action only; minor, for instance another
    wording.

    WARN  RSP-07  The answer begins with an XML declaration. (SHOULD)
      observed  Server "\u{1b}]0;owned\u{7}<not-xml>\u{202e}]]>&" (in 1 case)

    NOT JUDGED: an answer that can be explained either way (INCONCLUSIVE), or cases that need what this
    endpoint or this run does not have.

      1 case: RunInstances is answered by 400 InvalidParameter "no Spot"

    ERROR        1 case: could not connect: refused
      cases     concurrent/two

    FAIL         DRY-04
    WARN         RSP-07

    7 clauses: 2 held · 1 failed · 1 warned · 1 not reached · 1 untested · 1 not in this edition
    5 cases: 2 failed · 1 warned · 1 unsupported · 1 errored
    10 requests in 3.2 s to http://127.0.0.1:5000 (edition current, region us-east-1, seed 0)

    DEVIATES: 1 clause is violated in 2 cases.
    -v shows requests, answers, curl and aws lines; --artifacts DIR writes a script for each cause.
    "#);
}

#[test]
fn a_verbose_report_names_sources_and_what_was_not_judged() {
    let events = sample::stream(vec![sample::bad_case("dry-run/valid", 0, sample::A)]);
    insta::assert_snapshot!(report(&events, Style { verbose: true, width: 80, ..PLAIN }), @r#"
    FAILS THE RUN: requirements that Amazon documents, or that its recorded answers
    show.

    FAIL  DRY-04  A dry run changes nothing: the instance stays running.
      source    MUST · documented+recorded · API (Amazon EC2 API Reference,
                StopInstances), R14 (a recorded answer)
      expected  i-0a1b2c3d4e5f60718 stays running
      observed  i-0a1b2c3d4e5f60718: stopping
      case      dry-run/valid, step 1
      purpose   What dry-run/valid shows.
      request   POST / Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a1b2c
                3d4e5f60718&DryRun=true
      answer    200 <StopInstancesResponse>
                <instanceId>i-0a1b2c3d4e5f60718</instanceId>
                </StopInstancesResponse>
      repeat    stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid
      curl      a=$(curl -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\{8,17\}' | head -n1 | cut -d'>' -f2); : "${a:?has no value}"; until curl -s --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='"$a" http://127.0.0.1:5000/ | grep -q '<name>running</name>'; do sleep 1; done; curl -i -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} -H 'content-type: application/x-www-form-urlencoded; charset=utf-8' --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='"$a"'&DryRun=true' http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='"$a" http://127.0.0.1:5000/ | grep -o '<name>[^<]*</name>'
      aws       a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text); : "${a:?has no value}"; aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids "$a" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text

    answered     unissued-id: InvalidInstanceID.NotFound (1 call)

    not reached  RSP-07: no case of the run came to it
    not reached  ERR-02: left out: refuse/unknown
    not reached  SPT-01: left out: refuse/spot
    untested     LIM-02: needs a thousand instances

    FAIL         DRY-04

    7 clauses: 1 held · 1 failed · 3 not reached · 1 untested
      · 1 not in this edition
    1 case: 1 failed
    5 requests in 3.2 s to http://127.0.0.1:5000 (edition current, region us-east-1,
    seed 0)

    DEVIATES: 1 clause is violated in 1 case.
    "#);
}

#[test]
fn colours_are_there_only_on_request_and_nothing_else_acts_on_the_terminal() {
    let mut events = sample::mixed();
    events.insert(
        1,
        Event::Noted(Noted {
            case: "a\x1b[2J".into(),
            text: "left \x1b[31m\nbehind".into(),
        }),
    );
    assert!(!report(&events, PLAIN).contains('\x1b'));
    let coloured = report(&events, Style { color: true, ..PLAIN });
    let mut rest = coloured.as_str();
    while let Some((_, after)) = rest.split_once('\x1b') {
        let code = after.split('m').next().unwrap_or_default();
        assert!(["[0", "[1;31", "[33", "[32", "[2"].contains(&code), "{code:?}");
        rest = after;
    }
    assert!(!coloured.contains('\u{202e}'));
}

#[test]
fn many_kinds_of_one_violation_are_counted_not_listed() {
    let cases = ["a", "b", "c", "d", "e", "f"]
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let mut case = sample::bad_case(name, index, sample::A);
            case.findings = vec![sample::finding(
                name,
                "DRY-04",
                Verdict::Fail,
                sample::stays_running(sample::A),
                sample::seen(sample::A, &format!("{name}-state")),
            )];
            case
        });
    let text = report(&sample::stream(cases.collect()), PLAIN);
    assert_eq!(text.matches("FAIL  DRY-04").count(), 1);
    assert!(text.contains("a-state (in 6 cases)"), "{text}");
    assert!(
        text.contains("DEVIATES: 1 clause is violated in 6 cases.\n"),
        "{text}"
    );
}

#[test]
fn what_follows_from_a_cause_is_one_line_below_it() {
    let answer = || sample::seen(sample::A, "stopping");
    let fails = |case: &str, clause: &str| {
        sample::finding(
            case,
            clause,
            Verdict::Fail,
            sample::stays_running(sample::A),
            answer(),
        )
    };
    let mut alone = sample::bad_case("dry-run/valid", 0, sample::A);
    alone.findings = vec![fails("dry-run/valid", "DRY-04")];
    let mut both = sample::bad_case("dry-run/unknown", 2, sample::A);
    both.findings = vec![
        fails("dry-run/unknown", "DRY-04"),
        fails("dry-run/unknown", "ERR-02"),
    ];
    let holds = sample::good_case("refuse/unknown", 1, &["ERR-02"]);
    let text = report(&sample::stream(vec![alone, holds, both]), PLAIN);
    assert_eq!(text.matches("\nFAIL  DRY-04").count(), 1, "{text}");
    assert!(
        text.contains("\n  explains  ERR-02 in dry-run/unknown, step 1: An unknown id is refused.\n"),
        "{text}"
    );
    assert!(
        text.contains("DEVIATES: 2 clauses are violated in 2 cases, for 1 cause.\n"),
        "{text}"
    );
}

/// A run with one finding of each clause of the contract: the first ones fail, the others warn.
fn deviates_everywhere(contract: &Contract, failing: usize, warning: usize) -> Vec<Event> {
    let clauses = contract.clauses.iter().take(failing + warning).enumerate();
    let finding = |(at, clause): (usize, &Clause)| {
        let verdict = if at < failing {
            Verdict::Fail
        } else {
            Verdict::Warn
        };
        let text = format!("{at} {}", "a long and unusual value of a header ".repeat(5));
        sample::finding(
            "dry-run/valid",
            clause.id.as_str(),
            verdict,
            sample::stays_running(sample::A),
            sample::said(&text),
        )
    };
    sample::stream(vec![sample::SampleCase {
        findings: clauses.map(finding).collect(),
        ..sample::bad_case("dry-run/valid", 0, sample::A)
    }])
}

/// The page of such a run at 80 columns. Only lines to paste are longer.
fn narrow_page(failing: usize, warning: usize) -> String {
    let contract = crate::contract::embedded(crate::contract::Edition::Current);
    let mut tally = Tally::new(&contract);
    deviates_everywhere(&contract, failing, warning)
        .iter()
        .for_each(|event| tally.take(event));
    let style = Style { width: 80, ..PLAIN };
    let mut out = Vec::new();
    write(&tally, &contract, style, Policy::default(), &mut out).expect("a vector takes everything");
    let text = String::from_utf8(out).expect("reports are text");
    for line in text
        .lines()
        .filter(|line| !line.starts_with("  repeat    stopcheck run "))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
    text
}

#[test]
fn a_long_page_shows_the_first_causes_in_full_and_the_rest_in_short() {
    let text = narrow_page(30, 40);
    // The run has printed 21 lines when clauses failed, and has room for six of progress.
    assert!((115..=123).contains(&text.lines().count()), "{text}");
    let (failing, rest) = text
        .split_once("Those with two lines")
        .expect("some are in short");
    let findings: Vec<&str> = failing.split("FAIL  ").skip(1).collect();
    let lines: Vec<usize> = findings
        .iter()
        .map(|finding| finding.trim_end().lines().count())
        .collect();
    assert_eq!(lines.first(), Some(&5), "{failing}");
    assert!(lines.is_sorted_by(|one, next| one >= next), "{lines:?}");
    assert_eq!(
        rest.lines().filter(|line| line.starts_with("WARN  ")).count(),
        12 + 1,
        "{rest}"
    );
}

#[test]
fn a_short_page_has_six_lines_at_most_for_a_cause_and_two_for_a_warning() {
    let text = narrow_page(5, 6);
    let (failing, rest) = text.split_once("WARNINGS").expect("there are warnings");
    let findings = failing.split("\n\n").filter(|part| part.starts_with("FAIL  "));
    let findings: Vec<usize> = findings.map(|finding| finding.lines().count()).collect();
    assert_eq!(findings.len(), 5);
    assert!(
        findings.iter().all(|lines| (5..=6).contains(lines)),
        "{findings:?}"
    );
    let warnings = rest
        .split("\n\n")
        .find(|part| part.starts_with("WARN "))
        .unwrap_or_default();
    assert_eq!(warnings.lines().count(), 2 * 6, "{warnings}");
}
