//! Tests of reproductions. Those about quoting run a real `bash`.

use std::process::Command;

use super::*;
use crate::call::Method;
use crate::report::sample::{self, A, B};

fn story<'a>(
    run: &'a RunStarted,
    fixtures: &'a [FixtureReady],
    steps: &'a [(usize, Intent)],
    sent: &'a [Sent],
) -> Story<'a> {
    Story {
        run,
        case: "dry-run/valid",
        fixtures,
        steps,
        sent,
    }
}

fn bash(script: &str) -> String {
    let output = Command::new("bash")
        .args(["-c", script])
        .output()
        .expect("bash is there");
    assert!(
        output.status.success(),
        "{script}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the tests print text")
}

/// Runs a line with a fake `curl` that prints its arguments and answers with fresh ids.
fn played(line: &str) -> String {
    let fake = r#"
            curl() {
                printf '%s\n' "curl:" "${@:2}" | grep -v -e '^-[osH]' >>"$log"
                echo '<r><x>ami-0123456789abcdef0</x><instanceId>i-0fresh</instanceId>'
                echo '<instanceId>i-00000000000000001</instanceId><instanceId>i-00000000000000002</instanceId>'
                echo '<spotInstanceRequestId>sir-abcd1234</spotInstanceRequestId>'
                echo '<name>running</name><name>stopped</name></r>'
            }
            sleep() { :; }
            AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret
            log=$(mktemp)
        "#;
    bash(&format!(
        "{fake}\n{{ {line}; }} >/dev/null\ncat \"$log\"; rm \"$log\""
    ))
}

#[test]
fn a_quoted_text_is_one_word_that_means_itself() {
    for text in [
        "plain",
        "",
        "it's",
        "'; touch /tmp/owned; echo '",
        "$(id) `id` ${HOME} \\ \" ! * ~ #",
        "-n",
        "line\nbreak\tand \x1b[31m escape ' \\",
        "right\u{202e}to left",
        "ü 日本",
    ] {
        assert_eq!(bash(&format!("printf %s {}", quote(text))), text);
        assert_eq!(bash(&format!("printf %s {}", quoted(text))), text);
    }
    assert!(!quote("a\x1b[31m").contains('\x1b'));
    assert!(!quote("a\nb").contains('\n'), "a line to paste is one line");
}

#[test]
fn the_command_names_what_is_not_default() {
    let mut run = sample::run();
    assert_eq!(
        run_command(&run, "dry-run/valid"),
        "stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid"
    );
    run.server = ["moto_server", "-p", "{port}", "--", "--name=a b", ""]
        .map(String::from)
        .to_vec();
    assert_eq!(
        run_command(&run, "dry-run/valid"),
        "stopcheck run --case dry-run/valid -- moto_server -p '{port}' -- --'name=a b' ''"
    );
    run.server.clear();
    run.endpoint = "reference".into();
    run.region = "eu-west-1".into();
    run.edition = crate::contract::Edition::October2017;
    run.seed = 7;
    assert_eq!(
        run_command(&run, "odd 'name'"),
        r"stopcheck run --region eu-west-1 --edition 2017-10 --seed 7 --case 'odd '\''name'\'''"
    );
}

#[test]
fn a_dry_run_is_repeated_from_launch_to_proof() {
    let run = sample::run();
    let (fixtures, steps, sent) = sample::dry_run_story();
    let repeat = repeat(&story(&run, &fixtures, &steps, &sent), 1);
    let curl = repeat.curl.expect("curl can say it").line();
    insta::assert_snapshot!(curl.replace("; ", ";\n"), @r#"
        a=$(curl -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\{8,17\}' | head -n1 | cut -d'>' -f2);
        : "${a:?has no value}";
        until curl -s --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='"$a" http://127.0.0.1:5000/ | grep -q '<name>running</name>';
        do sleep 1;
        done;
        curl -i -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} -H 'content-type: application/x-www-form-urlencoded;
        charset=utf-8' --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='"$a"'&DryRun=true' http://127.0.0.1:5000/;
        echo;
        curl -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='"$a" http://127.0.0.1:5000/ | grep -o '<name>[^<]*</name>'
        "#);
    insta::assert_snapshot!(played(&curl), @r#"
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        content-type: application/x-www-form-urlencoded; charset=utf-8
        --data-raw
        Action=StopInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001&DryRun=true
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        "#);
    insta::assert_snapshot!(repeat.aws.expect("aws can say it").line().replace("; ", ";\n"), @r#"
        a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${a:?has no value}";
        aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 stop-instances --instance-ids "$a" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 describe-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text
        "#);
}

#[test]
fn a_fixture_that_is_stopped_first_is_waited_for_twice() {
    let run = sample::run();
    let fixtures = [
        sample::fixture("a", A, State::Stopping),
        sample::fixture("b", B, State::Stopped),
    ];
    let sent = [
        sample::sent(0, Role::Arrange, sample::launch("a"), 200, &sample::launched(A)),
        sample::sent(0, Role::Arrange, sample::launch("b"), 200, &sample::launched(B)),
        sample::sent(0, Role::Arrange, sample::stop(&[B]), 200, ""),
        sample::sent(0, Role::Arrange, sample::stop(&[A]), 200, ""),
        sample::sent(1, Role::Act, sample::stop(&[A, B]), 200, ""),
    ];
    let repeat = repeat(&story(&run, &fixtures, &[], &sent), 1);
    insta::assert_snapshot!(repeat.aws.expect("aws can say it").line().replace("; ", ";\n"), @r#"
        a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${a:?has no value}";
        aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        b=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${b:?has no value}";
        aws ec2 wait instance-running --instance-ids "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 stop-instances --instance-ids "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 wait instance-stopped --instance-ids "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 stop-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 stop-instances --instance-ids "$a" "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1
        "#);
}

#[test]
fn a_protected_fixture_and_a_spot_fixture_are_arranged_alike() {
    let run = sample::run();
    let mut fixture = sample::fixture("a", A, State::Running);
    fixture.spot_request = Some("sir-0000abcd".into());
    let mut launch = sample::launch("a");
    launch
        .params
        .push(("InstanceMarketOptions.MarketType".into(), "spot".into()));
    launch.params.push((
        "InstanceMarketOptions.SpotOptions.SpotInstanceType".into(),
        "persistent".into(),
    ));
    let sent = [
        sample::sent(0, Role::Arrange, launch, 200, &sample::launched(A)),
        sample::sent(
            0,
            Role::Arrange,
            Call::new(
                "ModifyInstanceAttribute",
                [("InstanceId", A), ("DisableApiStop.Value", "true")],
            ),
            200,
            "",
        ),
        sample::sent(
            0,
            Role::Arrange,
            Call::new(
                "CancelSpotInstanceRequests",
                [("SpotInstanceRequestId.1", "sir-0000abcd")],
            ),
            200,
            "",
        ),
        sample::sent(1, Role::Act, sample::stop(&[A]), 200, ""),
    ];
    let repeat = repeat(&story(&run, &[fixture], &[], &sent), 1);
    insta::assert_snapshot!(repeat.aws.expect("aws can say it").line().replace("; ", ";\n"), @r#"
        a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --instance-market-options '{"MarketType":"spot","SpotOptions":{"SpotInstanceType":"persistent"}}' --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${a:?has no value}";
        aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        spot_2=$(aws ec2 describe-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[0].Instances[0].SpotInstanceRequestId' --output text);
        aws ec2 modify-instance-attribute --instance-id "$a" --disable-api-stop --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 cancel-spot-instance-requests --spot-instance-request-ids "$spot_2" --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 stop-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1
        "#);
    insta::assert_snapshot!(played(&repeat.curl.expect("curl can say it").line()), @r#"
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=persistent
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        curl:
        /dev/null
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=ModifyInstanceAttribute&Version=2016-11-15&InstanceId=i-00000000000000001&DisableApiStop.Value=true
        http://127.0.0.1:5000/
        curl:
        /dev/null
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=CancelSpotInstanceRequests&Version=2016-11-15&SpotInstanceRequestId.1=sir-abcd1234
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        content-type: application/x-www-form-urlencoded; charset=utf-8
        --data-raw
        Action=StopInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        "#);
}

#[test]
fn two_instances_of_one_launch_get_two_variables() {
    let run = sample::run();
    let fixtures = [
        sample::fixture("a", A, State::Pending),
        sample::fixture("PATH", B, State::Pending),
    ];
    let sent = [
        sample::sent(
            0,
            Role::Arrange,
            sample::launch("a"),
            200,
            &(sample::launched(A) + &sample::launched(B)),
        ),
        sample::sent(1, Role::Act, sample::stop(&[A, B]), 200, ""),
    ];
    let steps = [(1, Intent::Overlap)];
    let repeat = repeat(&story(&run, &fixtures, &steps, &sent), 1);
    let played = played(&repeat.curl.expect("curl can say it").line());
    assert!(
        played.contains("InstanceId.1=i-00000000000000001&InstanceId.2=i-00000000000000002"),
        "{played}"
    );
    assert_eq!(repeat.aws, Err("one call made several things".into()));
}

#[test]
fn an_id_in_percent_encoding_stays_encoded() {
    let run = sample::run();
    let mut act = sample::sent(1, Role::Act, sample::stop(&[A]), 200, "");
    act.body = Bytes::Text(format!("Action=StopInstances&InstanceId.1={}", percent(A)));
    let sent = [
        sample::sent(0, Role::Arrange, sample::launch("a"), 200, &sample::launched(A)),
        act,
    ];
    let fixtures = [sample::fixture("a", A, State::Running)];
    let repeat = repeat(&story(&run, &fixtures, &[], &sent), 1);
    let played = played(&repeat.curl.expect("curl can say it").line());
    assert!(played.contains(&percent("i-00000000000000001")), "{played}");
}

#[test]
fn a_hostile_request_stays_in_its_quotes() {
    let run = sample::run();
    let evil = "'; touch /tmp/stopcheck-owned; echo '$(touch /tmp/stopcheck-owned)\x1b]0;x\x07";
    let mut act = sample::sent(1, Role::Act, sample::stop(&[evil]), 400, "");
    act.body = Bytes::Text(format!("InstanceId.1={evil}"));
    act.headers.0.push(("X-Odd".into(), evil.into()));
    let sent = [act];
    let repeat = repeat(&story(&run, &[], &[], &sent), 1);
    let curl = repeat.curl.expect("curl can say it").line();
    assert!(!curl.contains('\x1b'), "{curl}");
    let played = played(&curl);
    assert!(played.contains(&format!("InstanceId.1={evil}")), "{played}");
    assert!(!std::path::Path::new("/tmp/stopcheck-owned").exists());
}

#[test]
fn what_a_tool_cannot_say_has_a_reason_instead() {
    let run = sample::run();
    let reasons = |act: Sent| {
        let sent = [act];
        let repeat = repeat(&story(&run, &[], &[], &sent), 1);
        (
            repeat.curl.err().unwrap_or_default(),
            repeat.aws.err().unwrap_or_default(),
        )
    };
    let act = |call| sample::sent(1, Role::Act, call, 200, "");
    let with_auth = |auth| {
        let mut call = sample::stop(&[A]);
        call.form.auth = auth;
        reasons(act(call))
    };
    let not_plain = "the call does not travel the way aws sends it".to_owned();
    assert_eq!(
        with_auth(Auth::WrongSignature),
        ("the signature is wrong on purpose".into(), not_plain.clone())
    );
    assert_eq!(with_auth(Auth::Unsigned), (String::new(), not_plain));
    assert_eq!(
        reasons(act(sample::stop(&[]))).1,
        "aws does not send a call without InstanceId"
    );
    let call = |name: &str, value: &str| {
        let mut call = sample::stop(&[A]);
        call.params.push((name.into(), value.into()));
        reasons(act(call)).1
    };
    assert_eq!(call("Force", "yes"), "aws sends only true and false for Force");
    assert_eq!(call("Foo", "bar"), "aws has no option for the parameter Foo");
    assert_eq!(
        call("InstanceId.1", B),
        "aws sends the parameter InstanceId.1 once only"
    );
    assert_eq!(call("InstanceId.3", B), "aws numbers InstanceId itself: 1, 2, 3");
    assert_eq!(
        call("InstanceId.2", "-x"),
        "aws would not send the value '-x' as it is"
    );
    let mut binary = act(sample::stop(&[A]));
    binary.body = Bytes::Base64("/w==".into());
    assert_eq!(reasons(binary).0, "the body is not text that a shell can hold");
}

#[test]
fn a_get_is_repeated_as_a_get() {
    let run = sample::run();
    let mut call = sample::stop(&[A]);
    call.form.method = Method::Get;
    let mut act = sample::sent(1, Role::Act, call, 200, "");
    act.method = "GET".into();
    act.target = format!("/?Action=StopInstances&InstanceId.1={A}");
    act.headers.0.clear();
    act.body = Bytes::Text(String::new());
    let sent = [act];
    let curl = repeat(&story(&run, &[], &[], &sent), 1)
        .curl
        .expect("curl can say it")
        .line();
    assert!(
        curl.ends_with(&format!(
            "'http://127.0.0.1:5000/?Action=StopInstances&InstanceId.1={A}'"
        )),
        "{curl}"
    );
    assert!(!curl.contains("content-type"), "{curl}");
}

#[test]
fn an_arranging_call_that_answers_with_the_id_it_names_makes_nothing() {
    let run = sample::run();
    let fixtures = [sample::fixture("a", A, State::Terminated)];
    let answer = format!(
        "<TerminateInstancesResponse><instancesSet><item><instanceId>{A}</instanceId></item></instancesSet>\
         </TerminateInstancesResponse>"
    );
    let terminate = Call::new("TerminateInstances", [("InstanceId.1", A)]);
    let sent = [
        sample::sent(0, Role::Arrange, sample::launch("a"), 200, &sample::launched(A)),
        sample::sent(0, Role::Arrange, terminate, 200, &answer),
        sample::sent(1, Role::Act, sample::stop(&[A]), 200, ""),
    ];
    let repeat = repeat(&story(&run, &fixtures, &[], &sent), 1);
    let aws = repeat
        .aws
        .expect("every call is one that the aws command has")
        .line();
    assert_eq!(aws.matches("Instances[0].InstanceId").count(), 1, "{aws}");
    assert!(aws.contains("; aws ec2 terminate-instances"), "{aws}");
}

#[test]
fn a_script_plays_the_steps_and_removes_what_they_launched() {
    let run = sample::run();
    let (fixtures, steps, sent) = sample::dry_run_story();
    let mut repeat = repeat(&story(&run, &fixtures, &steps, &sent), 1);
    let about = ["DRY-04: a dry run".to_owned()];
    let script = repeat.script(&about);
    assert_eq!(syntax_error(&script), "");
    assert!(
        script.contains(r#"'Version=2016-11-15&Action=TerminateInstances&InstanceId.1='"$a" http"#),
        "{script}"
    );
    repeat.curl = Err("curl cannot say it".into());
    let script = repeat.script(&about);
    insta::assert_snapshot!(script, @r#"
    #!/usr/bin/env bash
    # DRY-04: a dry run

    clean_up() {
      [ -z "${a:-}" ] || aws ec2 terminate-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null
    }
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP

    a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text); : "${a:?has no value}"
    aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1
    aws ec2 stop-instances --instance-ids "$a" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1
    aws ec2 describe-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text
    "#);
    assert_eq!(syntax_error(&script), "");
    repeat.aws = Err("aws cannot say it".into());
    let script = repeat.script(&about);
    let run = "exec stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid\n";
    assert!(script.ends_with(run), "{script}");
    assert_ne!(syntax_error("trap 'a EXIT"), "", "a broken script is noticed");
}

#[test]
fn a_script_removes_what_it_launched_if_a_step_fails() {
    let own = |commands: &[&str]| commands.iter().map(|command| (*command).to_owned()).collect();
    let steps = own(&["a=i-1", "b=", ": \"${b:?has no value}\"", "echo not reached"]);
    let clean_up = own(&[
        "[ -z \"${a:-}\" ] || echo \"removed $a\"",
        "[ -z \"${b:-}\" ] || echo \"removed $b\"",
    ]);
    let commands = bounded(steps, clean_up).expect("they are short");
    let output = Command::new("bash")
        .args(["-c", &commands.script(&[])])
        .output()
        .expect("bash is there");
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "removed i-1\n");
}

#[test]
fn an_instance_that_may_be_protected_is_unprotected_before_it_is_terminated() {
    let run = sample::run();
    let fixtures = [sample::fixture("a", A, State::Running)];
    let mut launch = sample::launch("a");
    launch
        .params
        .push(("DisableApiTermination".into(), "true".into()));
    let sent = [
        sample::sent(0, Role::Arrange, launch, 200, &sample::launched(A)),
        sample::sent(1, Role::Act, sample::stop(&[A]), 200, ""),
    ];
    let repeat = repeat(&story(&run, &fixtures, &[], &sent), 1);
    let curl = repeat.script(&[]);
    assert!(
        curl.contains("DisableApiTermination.Value=false&InstanceId='"),
        "{curl}"
    );
    let script = repeat.aws.expect("aws can say it").script(&[]);
    let at = |text: &str| script.find(text);
    let unprotected = at("--no-disable-api-termination --instance-id \"$a\"");
    assert!(
        unprotected.is_some() && unprotected < at("terminate-instances"),
        "{script}"
    );
}

/// What bash says about the syntax of a script; nothing is executed.
fn syntax_error(script: &str) -> String {
    let output = Command::new("bash")
        .args(["-n", "-c", script])
        .output()
        .expect("bash is there");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
