"""Launches instances that are not stopcheck's, and lists what an endpoint has, for `cargo xtask endpoints kill-resume`.

`bystanders.py launch` launches instances without tags and with tags that resemble those of a run, and stops one.
`bystanders.py list` prints all instances as JSON: id, state and tags.
"""

import json
import sys

import boto3

ec2 = boto3.client("ec2")

# None of these is the complete set of tags that a run writes.
TAGS = [
    {},
    {"Owner": "stopcheck"},
    {"stopcheck": "nightly"},
    {"stopcheck": "run-0123456789abcdef"},
    {
        "stopcheck": "run-0123456789abcdef-2",
        "stopcheck:created": "2020-01-01T00:00:00Z",
        "stopcheck:expires": "2020-01-01T06:00:00Z",
    },
    {
        "Stopcheck": "run-0123456789abcdef",
        "stopcheck:created": "2020-01-01T00:00:00Z",
        "stopcheck:expires": "2020-01-01T06:00:00Z",
    },
]


def launch(tags):
    images = ec2.describe_images(Filters=[{"Name": "root-device-type", "Values": ["ebs"]}])["Images"]
    tags = [{"Key": key, "Value": value} for key, value in tags.items()]
    tagged = {"TagSpecifications": [{"ResourceType": "instance", "Tags": tags}]} if tags else {}
    launched = ec2.run_instances(
        ImageId=images[0]["ImageId"], InstanceType="t3.micro", MinCount=1, MaxCount=1, **tagged
    )
    return launched["Instances"][0]["InstanceId"]


def listed():
    for page in ec2.get_paginator("describe_instances").paginate():
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                yield {"id": instance["InstanceId"], "state": instance["State"]["Name"], "tags": tags}


if sys.argv[1] == "launch":
    ids = [launch(tags) for tags in TAGS]
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    ec2.stop_instances(InstanceIds=ids[:1])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=ids[:1], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    print(json.dumps(ids))
else:
    print(json.dumps(list(listed())))
