"""Plays the story (story.md) with boto3, AWS's library for Python."""

import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from checks import Checks

AUTH_ERRORS = ("AuthFailure", "SignatureDoesNotMatch", "InvalidClientTokenId")
CONFIG = Config(retries={"total_max_attempts": 1})

checks = Checks("boto3")


def client(**credentials):
    return boto3.client("ec2", config=CONFIG, **credentials)


ec2 = client()


def refusal(call, **params):
    """The code and the HTTP status of a refusal; `None` if the call was not refused."""
    try:
        call(**params)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def state(instance):
    reservations = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    return reservations[0]["Instances"][0]["State"]["Name"]


def wait(waiter, instance):
    try:
        ec2.get_waiter(waiter).wait(InstanceIds=[instance], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except WaiterError as error:
        return str(error)
    return "done"


def launch(image, **more):
    answer = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)
    instance = answer["Instances"][0]["InstanceId"]
    checks.equal("a launched instance becomes running", wait("instance_running", instance), "done")
    return instance


def change(answer, key):
    (item,) = answer[key]
    return item["InstanceId"], item["PreviousState"]["Name"], item["CurrentState"]["Name"]


def main():
    images = ec2.describe_images()["Images"]
    checks.that("images are described", len(images) > 0, images)
    image = next(image["ImageId"] for image in images if image.get("RootDeviceType") == "ebs")
    instance = launch(image)
    checks.equal("it is described as running", state(instance), "running")

    checks.equal(
        "a dry run is refused with 412",
        refusal(ec2.stop_instances, InstanceIds=[instance], DryRun=True),
        ("DryRunOperation", 412),
    )
    checks.equal("a dry run changes nothing", state(instance), "running")

    stopped, previous, current = change(ec2.stop_instances(InstanceIds=[instance]), "StoppingInstances")
    checks.equal("stop answers the instance it stops", stopped, instance)
    checks.equal("stop answers the previous state", previous, "running")
    checks.equal("stop answers the current state", current, "stopping", "stopped")
    checks.equal("it is waited for until stopped", wait("instance_stopped", instance), "done")
    again = change(ec2.stop_instances(InstanceIds=[instance], Force=True), "StoppingInstances")
    checks.equal("stop on a stopped instance answers stopped twice", again, (instance, "stopped", "stopped"))

    started, previous, current = change(ec2.start_instances(InstanceIds=[instance]), "StartingInstances")
    checks.equal("start answers the previous state", previous, "stopped")
    checks.equal("start answers the current state", current, "pending", "running")
    checks.equal("it runs again", wait("instance_running", instance), "done")

    ec2.modify_instance_attribute(InstanceId=instance, DisableApiStop={"Value": True})
    protected = ec2.describe_instance_attribute(InstanceId=instance, Attribute="disableApiStop")
    checks.equal("the protection is described", protected["DisableApiStop"]["Value"], True)
    checks.equal(
        "a protected instance is not stopped",
        refusal(ec2.stop_instances, InstanceIds=[instance]),
        ("OperationNotPermitted", 400),
    )
    checks.equal("a protected instance goes on", state(instance), "running")
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiStop={"Value": False})

    checks.equal(
        "hibernation that was not configured is refused",
        refusal(ec2.stop_instances, InstanceIds=[instance], Hibernate=True),
        ("UnsupportedHibernationConfiguration", 400),
    )
    checks.equal("a refused hibernation changes nothing", state(instance), "running")

    spot = launch(image, InstanceMarketOptions={"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}})
    checks.equal(
        "a one-time Spot Instance is not stopped",
        refusal(ec2.stop_instances, InstanceIds=[spot]),
        ("UnsupportedOperation", 400),
    )

    checks.equal(
        "an unknown id is not found",
        refusal(ec2.stop_instances, InstanceIds=["i-01234567"]),
        ("InvalidInstanceID.NotFound", 400),
    )
    checks.equal(
        "a malformed id is refused",
        refusal(ec2.stop_instances, InstanceIds=["foo"]),
        ("InvalidInstanceID.Malformed", 400),
    )

    denied = client(
        aws_access_key_id=os.environ["STOPCHECK_DENIED_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["STOPCHECK_DENIED_SECRET_ACCESS_KEY"],
    )
    checks.equal(
        "a caller that may not stop is refused",
        refusal(denied.stop_instances, InstanceIds=[instance]),
        ("UnauthorizedOperation", 403),
    )
    described = denied.describe_instances(InstanceIds=[instance])["Reservations"]
    checks.that("the same caller may describe", len(described) == 1, described)
    wrong = client(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
    code = (refusal(wrong.stop_instances, InstanceIds=[instance]) or ("accepted",))[0]
    checks.equal("a wrong secret is refused", code, *AUTH_ERRORS)
    checks.equal("after all refusals it still runs", state(instance), "running")

    terminated = ec2.terminate_instances(InstanceIds=[instance, spot])["TerminatingInstances"]
    checks.equal("both are terminated", {item["InstanceId"] for item in terminated}, {instance, spot})
    checks.equal("it is waited for until terminated", wait("instance_terminated", instance), "done")
    checks.equal(
        "a terminated instance is not stopped",
        refusal(ec2.stop_instances, InstanceIds=[instance]),
        ("IncorrectInstanceState", 400),
    )


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # A call that should have been answered was not: tell it and close.
        checks.that("the story is played to its end", False, error)
    checks.end()
