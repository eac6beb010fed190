session = boto3.Session(region_name=REGION)
# Nothing is sent twice, and nothing is held back that a service might refuse.
config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
ec2 = session.client("ec2", endpoint_url=ENDPOINT, config=config)
at = {}


def image(root):
    """An image to launch from: that of the environment, or the first that has this root device."""
    named = os.environ.get("IMAGE_ID")
    images = ec2.describe_images(ImageIds=[named])["Images"] if named else ec2.describe_images()["Images"]
    return next(image for image in images if image.get("RootDeviceType", "ebs") == root)


def launch(root, market=None, hibernation=False, wait=True):
    """Launches an instance, and waits until it runs."""
    chosen, more = image(root), {}
    if market:
        # A one-time request ends with its instance, a persistent one outlives a stop.
        interruption = "stop" if market == "persistent" else "terminate"
        spot = {"SpotInstanceType": market, "InstanceInterruptionBehavior": interruption}
        more["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": spot}
    if hibernation:
        device = chosen.get("RootDeviceName", "/dev/xvda")
        more["HibernationOptions"] = {"Configured": True}
        more["BlockDeviceMappings"] = [{"DeviceName": device, "Ebs": {"Encrypted": True, "VolumeSize": 30}}]
    kind = os.environ.get("INSTANCE_TYPE", "t3.micro")
    answer = ec2.run_instances(ImageId=chosen["ImageId"], InstanceType=kind, MinCount=1, MaxCount=1, **more)
    made = answer["Instances"][0]["InstanceId"]
    at[f"#{len(at)}"] = made
    if wait:
        settle("running", made)
    return made


def protect(made, stop=False, termination=False):
    """Sets the protections of an instance."""
    if stop:
        ec2.modify_instance_attribute(InstanceId=made, DisableApiStop={"Value": True})
    if termination:
        ec2.modify_instance_attribute(InstanceId=made, DisableApiTermination={"Value": True})


def states():
    """The states of all instances, by their ids."""
    made = sorted(set(at.values()))
    if not made:
        return {}
    answer = ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": made}])
    return {
        one["InstanceId"]: one["State"]["Name"] for group in answer["Reservations"] for one in group["Instances"]
    }


def settle(state, *made):
    """Waits until instances are in a state; None stands for purged."""
    waiters = {"running": "instance_running", "stopped": "instance_stopped", "terminated": "instance_terminated"}
    if state in waiters:
        waiter = ec2.get_waiter(waiters[state])
        try:
            waiter.wait(InstanceIds=list(made), WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        except WaiterError as error:
            print(f"they do not come to be {state}: {error}")
        return
    end = time.monotonic() + (7200 if state is None else 120)
    while any(states().get(one) != state for one in made) and time.monotonic() < end:
        time.sleep(1)


def rest():
    """Waits until no instance is on its way."""
    end = time.monotonic() + 120
    while set(states().values()) & {"pending", "stopping", "shutting-down"} and time.monotonic() < end:
        time.sleep(1)


def look():
    """Shows the states of all instances."""
    names = {made: name for name, made in at.items()}
    print("states:", {names[made]: state for made, state in states().items()})


def nobody(name):
    """A well-formed id that nobody owns."""
    return "i-" + hashlib.sha256(name.encode()).hexdigest()[: 8 if name == "short" else 17]


def spot_request(made):
    """The Spot request that launched an instance."""
    answer = ec2.describe_instances(InstanceIds=[made])
    return answer["Reservations"][0]["Instances"][0]["SpotInstanceRequestId"]


def call(operation, **parameters):
    """Makes a call, and shows what comes."""
    try:
        answer = getattr(ec2, operation)(**parameters)
        status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        print(f"{operation}: {status} {answer}")
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        print(f"{operation}: {status} {error.response['Error']}")


def keys(prefix):
    """Credentials of the environment under another name than usual."""
    return Credentials(
        os.environ[f"{prefix}_ACCESS_KEY_ID"],
        os.environ[f"{prefix}_SECRET_ACCESS_KEY"],
        os.environ.get(f"{prefix}_SESSION_TOKEN"),
    )


def encoded(pairs, encoding):
    """A form, in one of the spellings that mean the same."""
    every = lambda text: "".join(f"%{byte:02X}" for byte in text.encode())
    spelled = {
        "standard": lambda text: quote(text, safe=""),
        "plus-for-space": lambda text: quote_plus(text, safe=""),
        "every-byte": every,
    }[encoding]
    return "&".join(f"{quote(name, safe='')}={spelled(value)}" for name, value in pairs)


def raw(pairs, method="POST", media="application/x-www-form-urlencoded; charset=utf-8", encoding="standard", auth="header"):
    """Signs a request that no client makes, sends it, and shows what comes."""
    form, url = encoded(pairs, encoding), ENDPOINT if urlsplit(ENDPOINT).path else ENDPOINT + "/"
    if method == "GET" and pairs:
        url += "?" + encoded(pairs, "standard")
    headers = {"Content-Type": media} if media and method == "POST" else {}
    request = AWSRequest(method, url, headers=headers, data=form.encode() if method == "POST" else b"")
    own = session.get_credentials()
    signer = {
        "header": lambda: SigV4Auth(own, "ec2", REGION),
        "query": lambda: SigV4QueryAuth(own, "ec2", REGION, expires=900),
        "wrong-signature": lambda: SigV4Auth(own, "ec2", REGION),
        "unknown-key": lambda: SigV4Auth(Credentials("AKIA0000000000000000", "nobody"), "ec2", REGION),
        "session": lambda: SigV4Auth(own if own.token else keys("STOPCHECK_SESSION"), "ec2", REGION),
        "expired-session": lambda: SigV4Auth(keys("STOPCHECK_EXPIRED"), "ec2", REGION),
        "denied": lambda: SigV4Auth(keys("STOPCHECK_DENIED"), "ec2", REGION),
    }.get(auth)
    if signer:
        signer().add_auth(request)
    if auth == "garbage":
        request.headers["Authorization"] = "not a signature"
    if auth == "wrong-signature":
        right = request.headers["Authorization"]
        del request.headers["Authorization"]
        request.headers["Authorization"] = right[:-1] + ("1" if right[-1] == "0" else "0")
    prepared = request.prepare()
    # All spellings have one signature.
    prepared.url = prepared.url.replace(encoded(pairs, "standard"), form) if method == "GET" else prepared.url
    answer = URLLib3Session().send(prepared)
    print(f"{method} {form}: {answer.status_code} {answer.text}")
