"""Kills by strace: the program is ended, with nothing said, right before the n-th call of one kind in a thread."""

import os
import re
import subprocess
import time
from collections import Counter

import requests

import needs
from harness import SECONDS

# The calls that leave something outside the process: on the disk, on the network, on the screen.
CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "write", "writev", "sendto", "connect")
STRACE = ("strace", "-D", "-f", "-y", "-qqq")


def require_strace():
    needs.program("strace", "strace")


def at(call, number, what="signal=SIGKILL", trace_to=os.devnull):
    """What to start the program under, so that `what` befalls it at that call."""
    return (*STRACE, "-o", trace_to, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}")


def counting(path):
    """What to start the program under, so that its calls can be counted afterwards."""
    return (*STRACE, "-o", path, "-e", f"trace={','.join(CALLS)}")


def counted(path):
    """How often each call was made at most in one thread."""
    by_thread = Counter()
    for line in path.read_text(errors="replace").splitlines():
        found = re.match(r"(\d+) +(\w+)\(", line)
        if found:
            by_thread[found.groups()] += 1
    most = Counter()
    for (_, call), count in by_thread.items():
        most[call] = max(most[call], count)
    return most


def point(chance, working, making, calls):
    """One point of a sweep, from how often each call is made in the daily work, and with the database's making.

    Drawn anew for each run, so that a run with its seed meets the same point though the counts vary a little.
    """
    from_nothing = chance.random() < 0.25
    most = making if from_nothing else working
    # A kind that is called often gets more of the runs, though not as many as it has calls.
    call = chance.choices(calls, [most[call] ** 0.5 for call in calls])[0]
    return from_nothing, call, 1 + int(chance.random() * most[call])


def is_gone(surveyd):
    return surveyd.process.poll() is not None


def last_words(surveyd):
    """How it ended, and the last that it said."""
    return f"ended with {surveyd.process.poll()}, having said: {surveyd.log_path.read_text()[-1_000:]}"


def until_ready_or_gone(surveyd):
    """Whether it is ready; it may also have ended meanwhile."""
    deadline = time.monotonic() + SECONDS
    while not is_gone(surveyd):
        assert time.monotonic() < deadline, "surveyd neither gets ready nor ends"
        try:
            if requests.get(f"{surveyd.base_url}/readyz", timeout=5).status_code == 200:
                return True
        except requests.RequestException:
            time.sleep(0.02)
    return False


def states(surveyd):
    """The rows by conversation; none where the database is not yet made."""
    try:
        return {row["conversation_id"]: row for row in surveyd.rows().values()}
    except (AssertionError, subprocess.TimeoutExpired):
        return {}
