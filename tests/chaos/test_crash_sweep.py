"""Killed before any call that leaves something outside the process, nothing is lost and nobody is asked twice.

Each run is one business with three closes: reported, sent, answered, read back. It is killed at a planned
call (half the runs a second time, when it has been started again), and finished by a life that is left alone.
"""

import os
import time
from collections import Counter

import pytest

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import CALLS, at, last_words, point, require_strace, until_ready_or_gone
from hostile_x import Fault, HostileWorld, HostileX
from life import PATIENCE_SECONDS, drive, judge, lived_once

SETTLE_AFTER_SECONDS = 1
# How the first answer to each prompt is lost; X carries it out all the same.
LOST = (Fault("cut", "before"), Fault("cut", "before"), Fault("reset", "before"), Fault("cut", "late"))


def live_through(number, counts, folder):
    """One run; what it was, once everything that was promised has been found true."""
    chance = lengths.chance("crash", number)
    fault = chance.choice((None, None, None, Fault("cut", "never"), *LOST))
    world = HostileWorld(
        list(ACCOUNTS.values()), events_horizon_ms=0, page_size=2, late_by=SETTLE_AFTER_SECONDS * 0.8
    )
    cases = [Case(person) for person in people(3, chance)]
    if fault:
        world.plans = {case.person: [fault] for case in cases}
    with HostileX(world) as x:
        surveyd = at_work(folder, "sqlite:surveyd.db", x, settle_after=f"{SETTLE_AFTER_SECONDS}s")
        kills, points = 0, []
        try:
            for _ in range(chance.choice((1, 2))):
                from_nothing, call, nth = point(chance, *counts, CALLS)
                points.append((call, nth))
                if not from_nothing:
                    surveyd.run("migrate")
                # With one worker the calls come in an order that hardly varies, with more they interleave.
                threads = str(chance.choice((1, 1, 2)))
                surveyd.launch(at(call, nth), {"TOKIO_WORKER_THREADS": threads})
                if until_ready_or_gone(surveyd):
                    drive(surveyd, world, cases, 6)
                kills += surveyd.process.poll() == -9
                surveyd.kill()
                if chance.random() < 0.5:
                    # A help desk that reports what it was acknowledged for, too.
                    for case in cases:
                        case.is_acknowledged = False
            surveyd.launch()
            assert until_ready_or_gone(surveyd), last_words(surveyd)
            drive(surveyd, world, cases, PATIENCE_SECONDS)
            judge(surveyd, world, cases)
            assert surveyd.stop() == 0
        except AssertionError as fault_found:
            raise AssertionError(f"{points}, {fault}, in {folder}: {fault_found}") from fault_found
        finally:
            surveyd.kill()
    return kills, fault, points


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    require_strace()
    return [lived_once(tmp_path_factory.mktemp("clean"), from_nothing) for from_nothing in (False, True)]


def test_killed_anywhere_nobody_is_prompted_twice_and_no_close_is_lost(counts, tmp_path):
    total = lengths.runs(100, 1500)
    began = time.monotonic()
    results = lengths.in_parallel(lambda number: live_through(number, counts, tmp_path / str(number)), range(total))
    kills = sum(kills for kills, _, _ in results)
    faults = Counter(str(fault and (fault.answer, fault.carried_out)) for _, fault, _ in results)
    met = {point for *_, points in results for point in points}
    lengths.count(
        f"crash sweep: {total} runs over {len(met)} points, {kills} kills, "
        f"{time.monotonic() - began:.0f} s, {dict(faults)}"
    )
    assert kills >= total * 0.5 or os.environ.get("SURVEYD_CHAOS_ONLY"), "the points no longer lie within a run"
