"""Stops and starts an instance with terraform's `aws_ec2_instance_state`; the instance itself is made with boto3."""

import argparse
import os
import pathlib
import shutil
import subprocess

import boto3

from checks import Checks, wait_for

HERE = pathlib.Path(__file__).parent / "terraform"

checks = Checks("terraform")
ec2 = boto3.client("ec2")


def state(instance):
    reservations = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    return reservations[0]["Instances"][0]["State"]["Name"]


def terraform(work, config, *args):
    settings = {
        **os.environ,
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }
    done = subprocess.run(["terraform", *args], cwd=work, env=settings, capture_output=True, text=True)
    print(f"terraform {args[0]}: exit {done.returncode}", flush=True)
    if done.returncode != 0:
        print(done.stdout[-4000:] + done.stderr[-4000:])
    return done.returncode


def main(mirror, work):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    shutil.copy(HERE / "main.tf", work)
    config = work / "mirror.tfrc"
    # Quotes and backslashes in a path would end the string.
    path = str(mirror.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{path}"\n  }}\n}}\n')

    images = ec2.describe_images()["Images"]
    image = next(image["ImageId"] for image in images if image.get("RootDeviceType") == "ebs")
    answer = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    instance = answer["Instances"][0]["InstanceId"]
    checks.equal("a launched instance becomes running", wait_for("running", lambda: state(instance)), "running")

    checks.equal("the provider is installed from the mirror", terraform(work, config, "init", "-no-color"), 0)
    for wanted in ("stopped", "running", "stopped"):
        variables = [f"-var=instance_id={instance}", f"-var=state={wanted}"]
        applied = terraform(work, config, "apply", "-auto-approve", "-no-color", *variables)
        checks.equal(f"terraform applies {wanted}", applied, 0)
        checks.equal(f"the instance is {wanted}", state(instance), wanted)
        planned = terraform(work, config, "plan", "-detailed-exitcode", "-no-color", *variables)
        checks.equal(f"nothing is left to do after {wanted}", planned, 0)
    ec2.terminate_instances(InstanceIds=[instance])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    try:
        main(arguments.mirror, arguments.work)
    except Exception as error:  # A call that should have been answered was not: tell it and close.
        checks.that("the story is played to its end", False, error)
    checks.end()
