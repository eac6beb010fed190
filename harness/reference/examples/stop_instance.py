"""Launches, stops and starts an instance of the reference with boto3.

The endpoint and the credentials come from the environment, as `serve` prints them:

    eval "$(cargo run -p ec2-reference --example serve | head -n 4)"   # in another terminal, it keeps running
    python3 harness/reference/examples/stop_instance.py
"""

import boto3
from botocore.exceptions import ClientError

ec2 = boto3.client("ec2")

image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
launched = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
instance = launched["Instances"][0]["InstanceId"]
ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})

try:
    ec2.stop_instances(InstanceIds=[instance], DryRun=True)
    raise SystemExit("a dry run is always refused")
except ClientError as error:
    print("dry run:", error.response["Error"]["Code"])
    assert error.response["Error"]["Code"] == "DryRunOperation"

change = ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
print("stop:", change["PreviousState"]["Name"], "->", change["CurrentState"]["Name"])
assert change["PreviousState"]["Name"] == "running" and change["CurrentState"]["Name"] == "stopping"
ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})

change = ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
print("stop again:", change["PreviousState"]["Name"], "->", change["CurrentState"]["Name"])
assert change["PreviousState"]["Name"] == change["CurrentState"]["Name"] == "stopped"

change = ec2.start_instances(InstanceIds=[instance])["StartingInstances"][0]
print("start:", change["PreviousState"]["Name"], "->", change["CurrentState"]["Name"])
ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})

ec2.terminate_instances(InstanceIds=[instance])
print("terminated")
