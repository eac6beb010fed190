"""Plays the story (story.md) with the AWS command line, one process for each call."""

import json
import os
import re
import subprocess
import sys

from checks import Checks, wait_for

AWS = os.path.join(os.path.dirname(sys.executable), "aws")
AUTH_ERRORS = ("AuthFailure", "SignatureDoesNotMatch", "InvalidClientTokenId")

checks = Checks("aws")


def run(*args, **settings):
    command = [AWS, "ec2", *args, "--output", "json"]
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)


def aws(*args):
    """What the command prints, read; the story ends if it fails."""
    done = run(*args)
    if done.returncode != 0:
        raise RuntimeError(f"aws ec2 {' '.join(args)}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def refusal(*args, **settings):
    """The code that the command complains of; `accepted` if it does not."""
    done = run(*args, **settings)
    if done.returncode == 0:
        return "accepted"
    found = re.search(r"An error occurred \(([^)]+)\) when calling", done.stderr)
    return found.group(1) if found else done.stderr.strip()


def state(instance):
    answer = aws("describe-instances", "--instance-ids", instance)
    return answer["Reservations"][0]["Instances"][0]["State"]["Name"]


def wait(waiter, until, instance):
    # The command's own waiter asks every 15 seconds: it is started when its first question is enough.
    wait_for(until, lambda: state(instance))
    return run("wait", waiter, "--instance-ids", instance).returncode


def launch(image, *more):
    answer = aws("run-instances", "--image-id", image, "--instance-type", "t3.micro", "--count", "1", *more)
    instance = answer["Instances"][0]["InstanceId"]
    checks.equal("a launched instance becomes running", wait("instance-running", "running", instance), 0)
    return instance


def change(answer, key):
    (item,) = answer[key]
    return item["InstanceId"], item["PreviousState"]["Name"], item["CurrentState"]["Name"]


def main():
    images = aws("describe-images")["Images"]
    checks.that("images are described", len(images) > 0, images)
    image = next(image["ImageId"] for image in images if image.get("RootDeviceType") == "ebs")
    instance = launch(image)

    checks.equal(
        "a dry run is refused", refusal("stop-instances", "--instance-ids", instance, "--dry-run"), "DryRunOperation"
    )
    checks.equal("a dry run changes nothing", state(instance), "running")

    stopped, previous, current = change(aws("stop-instances", "--instance-ids", instance), "StoppingInstances")
    checks.equal("stop answers the instance it stops", stopped, instance)
    checks.equal("stop answers the previous state", previous, "running")
    checks.equal("stop answers the current state", current, "stopping", "stopped")
    checks.equal("it is waited for until stopped", wait("instance-stopped", "stopped", instance), 0)
    again = change(aws("stop-instances", "--instance-ids", instance, "--force"), "StoppingInstances")
    checks.equal("stop on a stopped instance answers stopped twice", again, (instance, "stopped", "stopped"))

    _, previous, current = change(aws("start-instances", "--instance-ids", instance), "StartingInstances")
    checks.equal("start answers the previous state", previous, "stopped")
    checks.equal("start answers the current state", current, "pending", "running")
    checks.equal("it runs again", wait("instance-running", "running", instance), 0)

    aws("modify-instance-attribute", "--instance-id", instance, "--disable-api-stop")
    checks.equal(
        "a protected instance is not stopped",
        refusal("stop-instances", "--instance-ids", instance),
        "OperationNotPermitted",
    )
    checks.equal("a protected instance goes on", state(instance), "running")
    aws("modify-instance-attribute", "--instance-id", instance, "--no-disable-api-stop")

    checks.equal(
        "hibernation that was not configured is refused",
        refusal("stop-instances", "--instance-ids", instance, "--hibernate"),
        "UnsupportedHibernationConfiguration",
    )

    one_time = "MarketType=spot,SpotOptions={SpotInstanceType=one-time}"
    spot = launch(image, "--instance-market-options", one_time)
    checks.equal(
        "a one-time Spot Instance is not stopped",
        refusal("stop-instances", "--instance-ids", spot),
        "UnsupportedOperation",
    )
    checks.equal(
        "an unknown id is not found",
        refusal("stop-instances", "--instance-ids", "i-01234567"),
        "InvalidInstanceID.NotFound",
    )
    checks.equal(
        "a malformed id is refused",
        refusal("stop-instances", "--instance-ids", "foo"),
        "InvalidInstanceID.Malformed",
    )

    denied = {
        "AWS_ACCESS_KEY_ID": os.environ["STOPCHECK_DENIED_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["STOPCHECK_DENIED_SECRET_ACCESS_KEY"],
    }
    checks.equal(
        "a caller that may not stop is refused",
        refusal("stop-instances", "--instance-ids", instance, **denied),
        "UnauthorizedOperation",
    )
    checks.equal(
        "a wrong secret is refused",
        refusal("stop-instances", "--instance-ids", instance, AWS_SECRET_ACCESS_KEY="wrong"),
        *AUTH_ERRORS,
    )
    checks.equal("after all refusals it still runs", state(instance), "running")

    terminated = aws("terminate-instances", "--instance-ids", instance, spot)["TerminatingInstances"]
    checks.equal("both are terminated", {item["InstanceId"] for item in terminated}, {instance, spot})
    checks.equal("it is waited for until terminated", wait("instance-terminated", "terminated", instance), 0)
    checks.equal(
        "a terminated instance is not stopped",
        refusal("stop-instances", "--instance-ids", instance),
        "IncorrectInstanceState",
    )


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # A call that should have been answered was not: tell it and close.
        checks.that("the story is played to its end", False, error)
    checks.end()
