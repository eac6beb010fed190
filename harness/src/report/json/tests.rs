use super::*;
use crate::report::sample;

#[test]
fn the_report_is_one_object_with_everything_in_order() {
    let contract = sample::contract();
    let mut tally = Tally::new(&contract);
    sample::mixed().iter().for_each(|event| tally.take(event));
    let mut out = Vec::new();
    write(&tally, &contract, Policy::default(), &mut out).expect("a vector takes everything");
    let text = String::from_utf8(out).expect("JSON is text");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON is JSON");
    assert_eq!(report.pointer("/summary/exit_code"), Some(&1.into()));
    insta::assert_snapshot!(text.replace('\u{202e}', "<U+202E>"), @r#"
    {
      "schema": 2,
      "stopcheck": "0.1.0",
      "endpoint": "http://127.0.0.1:5000",
      "region": "us-east-1",
      "edition": "current",
      "seed": 0,
      "summary": {
        "clauses": {
          "all": 7,
          "held": 2,
          "failed": 1,
          "warned": 1,
          "known": 0,
          "inconclusive": 0,
          "unreached": 1,
          "untested": 1,
          "not_in_edition": 1
        },
        "cases": {
          "pass": 0,
          "warn": 1,
          "inconclusive": 0,
          "fail": 2,
          "known": 0,
          "unsupported": 1,
          "error": 1,
          "unfinished": 0,
          "not_begun": 0,
          "left_out": 0
        },
        "findings": {
          "warn": 1,
          "inconclusive": 0,
          "fail": 2
        },
        "requests": 10,
        "took_ms": 3250,
        "interrupted": false,
        "strict": false,
        "exit_code": 1
      },
      "clauses": [
        {
          "id": "DRY-01",
          "level": "MUST",
          "confidence": "documented",
          "decides": true,
          "statement": "A dry run answers `DryRunOperation`.",
          "sources": [
            "API"
          ],
          "status": "held",
          "case_count": 2,
          "cases": [
            "dry-run/valid",
            "dry-run/again"
          ]
        },
        {
          "id": "DRY-04",
          "level": "MUST",
          "confidence": "documented+recorded",
          "decides": true,
          "statement": "A dry run changes nothing: the instance stays running.",
          "sources": [
            "API",
            "R14"
          ],
          "status": "found",
          "verdict": "fail",
          "findings": 2,
          "case_count": 2,
          "cases": [
            "dry-run/valid",
            "dry-run/again"
          ]
        },
        {
          "id": "RSP-07",
          "level": "SHOULD",
          "confidence": "recorded",
          "decides": false,
          "statement": "The answer begins with an XML declaration.",
          "sources": [
            "R01"
          ],
          "status": "found",
          "verdict": "warn",
          "findings": 1,
          "case_count": 1,
          "cases": [
            "refuse/unknown"
          ]
        },
        {
          "id": "ERR-02",
          "level": "MUST",
          "confidence": "recorded",
          "decides": true,
          "statement": "An unknown id is refused.",
          "sources": [
            "R02"
          ],
          "status": "held",
          "case_count": 1,
          "cases": [
            "refuse/unknown"
          ]
        },
        {
          "id": "SPT-01",
          "level": "MUST",
          "confidence": "documented",
          "decides": true,
          "statement": "A one-time Spot Instance cannot be stopped.",
          "sources": [
            "API"
          ],
          "status": "unreached",
          "reason": "unsupported: RunInstances is answered by 400 InvalidParameter \"no Spot\"",
          "case_count": 0,
          "cases": []
        },
        {
          "id": "LIM-02",
          "level": "SHOULD",
          "confidence": "inferred",
          "decides": false,
          "statement": "A thousand ids are accepted.",
          "sources": [
            "a guess"
          ],
          "status": "untested",
          "reason": "needs a thousand instances",
          "case_count": 0,
          "cases": []
        },
        {
          "id": "OLD-01",
          "level": "MUST",
          "confidence": "documented",
          "decides": true,
          "statement": "Force flushes nothing.",
          "sources": [
            "M"
          ],
          "status": "not-in-edition",
          "case_count": 0,
          "cases": []
        }
      ],
      "causes": [
        {
          "clause": "DRY-04",
          "verdict": "fail",
          "first": "dry-run/valid#1/DRY-04",
          "findings": 2,
          "consequences": []
        },
        {
          "clause": "RSP-07",
          "verdict": "warn",
          "first": "refuse/unknown#1/RSP-07",
          "findings": 1,
          "consequences": []
        }
      ],
      "findings": [
        {
          "id": "dry-run/valid#1/DRY-04",
          "clause": "DRY-04",
          "verdict": "fail",
          "case": "dry-run/valid",
          "step": 1,
          "exchange": 0,
          "fingerprint": "DRY-04 fail stopping",
          "circumstances": [
            "dry-run"
          ],
          "expected": [
            {
              "kind": "state",
              "id": "i-0a1b2c3d4e5f60718",
              "states": [
                "running"
              ],
              "unchanged": true
            }
          ],
          "expected_text": "i-0a1b2c3d4e5f60718 stays running",
          "observed": [
            {
              "kind": "state",
              "id": "i-0a1b2c3d4e5f60718",
              "state": "stopping"
            }
          ],
          "observed_text": "i-0a1b2c3d4e5f60718: stopping",
          "repeat": "stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid",
          "curl": "a=$(curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\\{8,17\\}' | head -n1 | cut -d'>' -f2); : \"${a:?has no value}\"; until curl -s --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -q '<name>running</name>'; do sleep 1; done; curl -i -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} -H 'content-type: application/x-www-form-urlencoded; charset=utf-8' --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='\"$a\"'&DryRun=true' http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -o '<name>[^<]*</name>'",
          "aws": "a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text); : \"${a:?has no value}\"; aws ec2 wait instance-running --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids \"$a\" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text",
          "request": "POST / Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0a1b2c3d4e5f60718&DryRun=true",
          "answer": "200 <StopInstancesResponse>\n  <instanceId>i-0a1b2c3d4e5f60718</instanceId>\n</StopInstancesResponse>",
          "level": "MUST",
          "confidence": "documented+recorded",
          "sources": [
            "API",
            "R14"
          ]
        },
        {
          "id": "dry-run/again#1/DRY-04",
          "clause": "DRY-04",
          "verdict": "fail",
          "case": "dry-run/again",
          "step": 1,
          "exchange": 0,
          "fingerprint": "DRY-04 fail stopping",
          "circumstances": [
            "dry-run"
          ],
          "expected": [
            {
              "kind": "state",
              "id": "i-0b1b2c3d4e5f60718",
              "states": [
                "running"
              ],
              "unchanged": true
            }
          ],
          "expected_text": "i-0b1b2c3d4e5f60718 stays running",
          "observed": [
            {
              "kind": "state",
              "id": "i-0b1b2c3d4e5f60718",
              "state": "stopping"
            }
          ],
          "observed_text": "i-0b1b2c3d4e5f60718: stopping",
          "repeat": "stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/again",
          "curl": "a=$(curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\\{8,17\\}' | head -n1 | cut -d'>' -f2); : \"${a:?has no value}\"; until curl -s --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -q '<name>running</name>'; do sleep 1; done; curl -i -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} -H 'content-type: application/x-www-form-urlencoded; charset=utf-8' --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='\"$a\"'&DryRun=true' http://127.0.0.1:5000/; echo; curl -sS --aws-sigv4 \"aws:amz:us-east-1:ec2\" --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" ${AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='\"$a\" http://127.0.0.1:5000/ | grep -o '<name>[^<]*</name>'",
          "aws": "a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text); : \"${a:?has no value}\"; aws ec2 wait instance-running --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 stop-instances --instance-ids \"$a\" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1; aws ec2 describe-instances --instance-ids \"$a\" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text",
          "request": "POST / Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0b1b2c3d4e5f60718&DryRun=true",
          "answer": "200 <StopInstancesResponse>\n  <instanceId>i-0b1b2c3d4e5f60718</instanceId>\n</StopInstancesResponse>",
          "level": "MUST",
          "confidence": "documented+recorded",
          "sources": [
            "API",
            "R14"
          ]
        },
        {
          "id": "refuse/unknown#1/RSP-07",
          "clause": "RSP-07",
          "verdict": "warn",
          "case": "refuse/unknown",
          "step": 1,
          "exchange": 0,
          "fingerprint": "RSP-07 warn Server",
          "circumstances": [
            "dry-run"
          ],
          "expected": [
            {
              "kind": "rule",
              "check": "xml-declaration"
            }
          ],
          "expected_text": "an XML declaration of version 1.0 and encoding UTF-8",
          "observed": [
            {
              "kind": "header",
              "name": "Server",
              "value": "\u001b]0;owned\u0007<not-xml><U+202E>]]>&"
            }
          ],
          "observed_text": "Server \"\\u{1b}]0;owned\\u{7}<not-xml><U+202E>]]>&\"",
          "repeat": "stopcheck run --endpoint-url http://127.0.0.1:5000 --case refuse/unknown",
          "level": "SHOULD",
          "confidence": "recorded",
          "sources": [
            "R01"
          ]
        }
      ],
      "cases": [
        {
          "name": "dry-run/valid",
          "outcome": "judged",
          "verdict": "fail",
          "purpose": "What dry-run/valid shows.",
          "clauses": [
            "DRY-01",
            "DRY-04"
          ],
          "findings": [
            "dry-run/valid#1/DRY-04"
          ],
          "requests": 5,
          "took_ms": 17
        },
        {
          "name": "dry-run/again",
          "outcome": "judged",
          "verdict": "fail",
          "purpose": "What dry-run/again shows.",
          "clauses": [
            "DRY-01",
            "DRY-04"
          ],
          "findings": [
            "dry-run/again#1/DRY-04"
          ],
          "requests": 5,
          "took_ms": 17
        },
        {
          "name": "refuse/unknown",
          "outcome": "judged",
          "verdict": "warn",
          "purpose": "What refuse/unknown shows.",
          "clauses": [
            "ERR-02"
          ],
          "findings": [
            "refuse/unknown#1/RSP-07"
          ],
          "requests": 0,
          "took_ms": 0
        },
        {
          "name": "refuse/spot",
          "outcome": "unsupported",
          "reason": "RunInstances is answered by 400 InvalidParameter \"no Spot\"",
          "obstacle": {
            "kind": "refused",
            "action": "RunInstances",
            "answer": {
              "status": 400,
              "body": {
                "is": "error",
                "code": "InvalidParameter",
                "message": "no Spot"
              }
            }
          },
          "purpose": "What refuse/spot shows.",
          "clauses": [
            "SPT-01"
          ],
          "findings": [],
          "requests": 0,
          "took_ms": 0
        },
        {
          "name": "concurrent/two",
          "outcome": "error",
          "reason": "could not connect: refused",
          "purpose": "What concurrent/two shows.",
          "clauses": [
            "DRY-01"
          ],
          "findings": [],
          "requests": 0,
          "took_ms": 0
        }
      ],
      "notes": [],
      "choices": {
        "unissued-id": {
          "InvalidInstanceID.NotFound": 3
        }
      }
    }
    "#);
}
