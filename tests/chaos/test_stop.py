"""Told to stop at any instant, it ends within 10 s with 0, and every POST that left has a record."""

import signal
import threading
import time

import requests

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import states
from harness import wait_until
from hostile_x import Fault, HostileWorld, HostileX

CLOSES = 30
RECORDED = ("sent", "answered", "uncertain")


def stopped_at_an_instant(number, folder):
    chance = lengths.chance("stop", number)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    cases = [Case(person) for person in people(CLOSES, chance)]
    for case in cases:
        world.plans[case.person] = [Fault("slow", seconds=chance.uniform(0, 0.6))]
    if number % 3 == 0:
        # One whose answer does not come before surveyd has to end.
        world.plans[cases[chance.randrange(5)].person] = [Fault("silence", chance.choice(("before", "never")))]
    with HostileX(world) as x:
        surveyd = at_work(folder, "sqlite:surveyd.db", x, settle_after="1s", send_timeout="30s")
        try:
            surveyd.start()
            over = threading.Event()
            desk = threading.Thread(target=keep_reporting, args=(surveyd, cases, over))
            desk.start()
            try:
                posts = chance.randrange(CLOSES // 2)
                wait_until("some POSTs", lambda: len(world.attempts) >= posts)
                time.sleep(chance.uniform(0, 0.4))
                began = time.monotonic()
                surveyd.process.send_signal(signal.SIGTERM)
                code = surveyd.process.wait(timeout=12)
                took = time.monotonic() - began
            finally:
                over.set()
                desk.join()
            assert code == 0 and took < 10, f"ended with {code} after {took:.1f} s"
            rows = states(surveyd)
            assert not [row for row in rows.values() if row["state"] == "sending"]
            for attempt in list(world.attempts):
                found = rows[f"c-{attempt.person}"]["state"]
                assert found in RECORDED, f"a POST left, and its survey is {found}"
            posts = len(world.attempts)
            surveyd.start()
            keep_reporting(surveyd, cases, threading.Event())
            wait_until("all to be sent", lambda: all_sent(surveyd), 60)
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert world.prompted_twice() == {} and world.faults == []
    assert len(world.prompted()) == CLOSES
    return took, posts


def keep_reporting(surveyd, cases, over):
    for case in cases:
        if over.is_set():
            return
        if not case.is_acknowledged:
            try:
                case.report(surveyd)
            except requests.RequestException:
                time.sleep(0.05)


def all_sent(surveyd):
    rows = states(surveyd)
    return len(rows) == CLOSES and all(row["state"] == "sent" for row in rows.values())


def test_stopped_at_any_instant_it_ends_in_time_and_leaves_no_post_unrecorded(tmp_path):
    total = lengths.runs(12, 200)
    results = lengths.in_parallel(lambda number: stopped_at_an_instant(number, tmp_path / str(number)), range(total))
    longest = max(took for took, _ in results)
    lengths.count(f"SIGTERM: {total} instants, {sum(n for _, n in results)} POSTs before them, at most {longest:.1f} s")
