"""Counting checks: what the Python clients share."""

import sys
import time


class Checks:
    """Collects every mismatch, so that one run tells all of them."""

    def __init__(self, client):
        self.client = client
        self.passed = 0
        self.failed = 0

    def that(self, sentence, holds, observed=None):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {self.client}: {sentence}; observed: {observed!r}", flush=True)

    def equal(self, sentence, observed, *allowed):
        self.that(f"{sentence} (allowed: {', '.join(map(repr, allowed))})", observed in allowed, observed)

    def end(self):
        """Prints the closing line and ends the script."""
        failed = f", {self.failed} failed" if self.failed else ""
        print(f"{self.client}: {self.passed} checks passed{failed}")
        sys.exit(1 if self.failed or not self.passed else 0)


def wait_for(what, probe, seconds=60.0):
    """Asks until the probe is content; the last answer either way."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer == what or time.monotonic() >= deadline:
            return answer
        time.sleep(0.1)
