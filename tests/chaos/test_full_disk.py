"""A disk without room: closes are put off, nothing acknowledged is lost, no POST goes unrecorded, and all is well
as soon as there is room again, without a restart."""

import time

import requests

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import states
from disks import fill, in_memory, require_root
from harness import wait_until
from hostile_x import Fault, HostileWorld, HostileX

CLOSES = 40
RECOVERS_WITHIN_SECONDS = 5


def full_and_free_again(number, folder):
    chance = lengths.chance("full", number)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    crowd = people(CLOSES + 1, chance)
    cases = [Case(person) for person in crowd[:CLOSES]]
    for case in cases:
        # Some prompts are under way while the room runs out.
        world.plans[case.person] = [Fault("slow", seconds=chance.uniform(0, 0.5))]
    with HostileX(world) as x, in_memory(folder / "state", chance.randint(8_000, 12_000)) as state:
        surveyd = at_work(folder, "sqlite:surveyd.db", x, settle_after="1s")
        try:
            surveyd.start()
            before = chance.randint(5, CLOSES // 2)
            for case in cases[:before]:
                assert case.report(surveyd).status_code == 202
            time.sleep(chance.uniform(0, 0.3))
            ballast = fill(state)
            refusals = report_while_full(surveyd, cases[before:], state)
            posts = len(world.attempts)
            ballast.unlink()
            freed = time.monotonic()
            wait_until("a close to be taken", lambda: takes(surveyd, Case(crowd[CLOSES])), RECOVERS_WITHIN_SECONDS)
            took = time.monotonic() - freed
            for case in cases:
                if not case.is_acknowledged:
                    assert case.report(surveyd).status_code in (200, 202)
            wait_until("all prompts to be on record", lambda: all_sent(surveyd), 60)
            assert surveyd.process.poll() is None
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert world.prompted_twice() == {} and world.faults == []
    assert len(world.prompted()) == CLOSES + 1
    return refusals, posts, took


def report_while_full(surveyd, cases, state):
    """Reports closes to a full disk; how many were put off, and as the contract says."""
    refusals = 0
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        fill(state)  # what the program gives back is taken, too
        for case in cases:
            if not case.is_acknowledged:
                began = time.monotonic()
                answer = case.report(surveyd)
                assert time.monotonic() - began < 5
                if not case.is_acknowledged:
                    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0, answer.text
                    refusals += 1
        # Every POST that X has seen is on record, or is one that is not over.
        rows = states(surveyd)
        under_way = sum(row["state"] == "sending" for row in rows.values())
        assert under_way <= 8, "prompts are begun while their outcome cannot be written"
    return refusals


def takes(surveyd, case):
    try:
        return case.report(surveyd).status_code in (200, 202)
    except requests.RequestException:
        return False


def all_sent(surveyd):
    rows = states(surveyd)
    return len(rows) == CLOSES + 1 and all(row["state"] == "sent" for row in rows.values())


def test_a_full_disk_puts_closes_off_and_loses_none(tmp_path):
    require_root()
    total = lengths.runs(3, 60)
    results = lengths.in_parallel(lambda number: full_and_free_again(number, tmp_path / str(number)), range(total))
    refusals = sum(refusals for refusals, _, _ in results)
    lengths.count(
        f"disk full: {total} runs, {refusals} closes put off, {sum(posts for _, posts, _ in results)} POSTs by then, "
        f"service again within {max(took for _, _, took in results):.1f} s"
    )
    assert refusals > 0, "the disk was never full"


def test_a_start_on_a_full_disk_names_the_file_and_what_to_do(tmp_path):
    require_root()
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    with HostileX(world) as x, in_memory(tmp_path / "state", 8_000) as state:
        surveyd = at_work(tmp_path, "sqlite:surveyd.db", x)
        surveyd.start()
        surveyd.kill()
        ballast = fill(state)
        surveyd.launch()
        assert surveyd.process.wait(timeout=30) == 1
        last = surveyd.log()[-1]
        assert last["event"] == "daemon.failed"
        assert f"{state}/surveyd.db: the disk is full: make room on it" in last["message"]
        ballast.unlink()
        surveyd.start()
        assert surveyd.stop() == 0
