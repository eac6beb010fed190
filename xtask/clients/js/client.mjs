// Plays the story (../story.md) with AWS's library for JavaScript.

import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
} from "@aws-sdk/client-ec2";

const AUTH_ERRORS = ["AuthFailure", "SignatureDoesNotMatch", "InvalidClientTokenId"];
const PATIENCE = { minDelay: 1, maxDelay: 1, maxWaitTime: 60 };

let passed = 0;
let failed = 0;

function equal(sentence, observed, ...allowed) {
  const text = JSON.stringify(observed);
  if (allowed.some((one) => JSON.stringify(one) === text)) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAIL js: ${sentence} (allowed: ${allowed.map((one) => JSON.stringify(one)).join(", ")}); observed: ${text}`);
  }
}

const { env } = process;
const client = (accessKeyId, secretAccessKey) =>
  new EC2Client({
    endpoint: env.AWS_ENDPOINT_URL_EC2,
    region: env.AWS_REGION,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  });
const ec2 = client(env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY);

// The code and the HTTP status of a refusal.
async function refusal(command, by = ec2) {
  try {
    await by.send(command);
    return ["accepted", 200];
  } catch (error) {
    return [error.name, error.$metadata?.httpStatusCode];
  }
}

const stop = (instance, more = {}) => new StopInstancesCommand({ InstanceIds: [instance], ...more });

async function state(instance) {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instance] }));
  return Reservations[0].Instances[0].State.Name;
}

async function wait(waiter, instance) {
  const { state } = await waiter({ client: ec2, ...PATIENCE }, { InstanceIds: [instance] });
  return state;
}

async function launch(image, more = {}) {
  const { Instances } = await ec2.send(
    new RunInstancesCommand({ ImageId: image, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1, ...more }),
  );
  const instance = Instances[0].InstanceId;
  equal("a launched instance becomes running", await wait(waitUntilInstanceRunning, instance), "SUCCESS");
  return instance;
}

function change([item]) {
  return [item.InstanceId, item.PreviousState.Name, item.CurrentState.Name];
}

async function play() {
  const { Images } = await ec2.send(new DescribeImagesCommand({}));
  const image = Images.find((one) => one.RootDeviceType === "ebs").ImageId;
  const instance = await launch(image);
  equal("it is described as running", await state(instance), "running");

  equal("a dry run is refused with 412", await refusal(stop(instance, { DryRun: true })), ["DryRunOperation", 412]);
  equal("a dry run changes nothing", await state(instance), "running");

  const [stopped, before, after] = change((await ec2.send(stop(instance))).StoppingInstances);
  equal("stop answers the instance it stops", stopped, instance);
  equal("stop answers the previous state", before, "running");
  equal("stop answers the current state", after, "stopping", "stopped");
  equal("it is waited for until stopped", await wait(waitUntilInstanceStopped, instance), "SUCCESS");
  const again = change((await ec2.send(stop(instance, { Force: true }))).StoppingInstances);
  equal("stop on a stopped instance answers stopped twice", again, [instance, "stopped", "stopped"]);

  const started = await ec2.send(new StartInstancesCommand({ InstanceIds: [instance] }));
  const [, from, to] = change(started.StartingInstances);
  equal("start answers the previous state", from, "stopped");
  equal("start answers the current state", to, "pending", "running");
  equal("it runs again", await wait(waitUntilInstanceRunning, instance), "SUCCESS");

  const protect = (Value) => new ModifyInstanceAttributeCommand({ InstanceId: instance, DisableApiStop: { Value } });
  await ec2.send(protect(true));
  equal("a protected instance is not stopped", await refusal(stop(instance)), ["OperationNotPermitted", 400]);
  equal("a protected instance goes on", await state(instance), "running");
  await ec2.send(protect(false));

  equal("hibernation that was not configured is refused", await refusal(stop(instance, { Hibernate: true })), [
    "UnsupportedHibernationConfiguration",
    400,
  ]);

  const spot = await launch(image, {
    InstanceMarketOptions: { MarketType: "spot", SpotOptions: { SpotInstanceType: "one-time" } },
  });
  equal("a one-time Spot Instance is not stopped", await refusal(stop(spot)), ["UnsupportedOperation", 400]);
  equal("an unknown id is not found", await refusal(stop("i-01234567")), ["InvalidInstanceID.NotFound", 400]);
  equal("a malformed id is refused", await refusal(stop("foo")), ["InvalidInstanceID.Malformed", 400]);

  const denied = client(env.STOPCHECK_DENIED_ACCESS_KEY_ID, env.STOPCHECK_DENIED_SECRET_ACCESS_KEY);
  equal("a caller that may not stop is refused", await refusal(stop(instance), denied), ["UnauthorizedOperation", 403]);
  const [code] = await refusal(stop(instance), client(env.AWS_ACCESS_KEY_ID, "wrong"));
  equal("a wrong secret is refused", code, ...AUTH_ERRORS);
  equal("after all refusals it still runs", await state(instance), "running");

  const both = [instance, spot];
  const { TerminatingInstances } = await ec2.send(new TerminateInstancesCommand({ InstanceIds: both }));
  equal("both are terminated", TerminatingInstances.map((item) => item.InstanceId).sort(), [...both].sort());
  equal("it is waited for until terminated", await wait(waitUntilInstanceTerminated, instance), "SUCCESS");
  equal("a terminated instance is not stopped", await refusal(stop(instance)), ["IncorrectInstanceState", 400]);
}

try {
  await play();
} catch (error) {
  // A call that should have been answered was not: tell it and close.
  equal("the story is played to its end", String(error), "no error");
}
console.log(`js: ${passed} checks passed${failed ? `, ${failed} failed` : ""}`);
process.exit(failed || !passed ? 1 : 0);
