"""The power is cut at any instant: what was acknowledged is on the disk, the database is whole, and nobody is
prompted twice.

The database lies in an ext4 file system in a file. What that file holds at an instant is what the kernel has
written back by then: a copy of it is the disk after a power cut.
"""

import shutil
import signal
import sqlite3
import threading
import time

import requests

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import states
from disks import copy_sparse, in_file, make_image, require_root
from harness import wait_until
from hostile_x import Fault, HostileWorld, HostileX

CLOSES = 60
IMAGE_MEGABYTES = 24


def cut_at_an_instant(number, folder):
    chance = lengths.chance("power", number)
    folder.mkdir(parents=True)
    image, left = folder / "disk", folder / "disk-after"
    make_image(image, IMAGE_MEGABYTES)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    cases = [Case(person) for person in people(CLOSES, chance)]
    for case in cases:
        world.plans[case.person] = [Fault("slow", seconds=chance.uniform(0, 0.05))]
    with HostileX(world) as x:
        surveyd = at_work(folder, "sqlite:surveyd.db", x, settle_after="1s")
        try:
            with in_file(folder / "state", image):
                surveyd.start()
                acknowledged = report_until_cut(surveyd, cases, chance.uniform(0, 1.2))
                # Nothing runs while the disk is copied; what it would have done is lost with its memory.
                copy_sparse(image, left)
                posts = len(world.attempts)
                surveyd.kill()
            with in_file(folder / "state", left) as state:
                check_database(state, folder / "check")
                surveyd.start()
                rows = states(surveyd)
                missing = [case.conversation for case in acknowledged if case.conversation not in rows]
                assert missing == [], f"{len(missing)} of {len(acknowledged)} acknowledged closes are lost"
                for case in cases:
                    assert case.report(surveyd).status_code in (200, 202)
                wait_until("all to be sent", lambda: all_sent(surveyd), 60)
                assert surveyd.stop() == 0
        finally:
            surveyd.kill()
            image.unlink(missing_ok=True)
            left.unlink(missing_ok=True)
    assert world.prompted_twice() == {} and world.faults == []
    assert len(world.prompted()) == CLOSES
    return len(acknowledged), posts


def report_until_cut(surveyd, cases, seconds):
    """Reports closes and stops the program dead after that long; what had been acknowledged by then."""
    over = threading.Event()

    def report(part):
        for case in cases[part::2]:
            if over.is_set():
                return
            try:
                case.report(surveyd)
            except requests.RequestException:
                return

    desks = [threading.Thread(target=report, args=(part,)) for part in range(2)]
    for desk in desks:
        desk.start()
    time.sleep(seconds)
    acknowledged = [case for case in cases if case.is_acknowledged]
    surveyd.process.send_signal(signal.SIGSTOP)
    over.set()
    return acknowledged


def check_database(state, apart):
    """By another SQLite than surveyd's own, on a copy, so that it mends nothing that surveyd has to."""
    apart.mkdir()
    for file in state.glob("surveyd.db*"):
        if file.is_file():
            shutil.copy(file, apart)
    connection = sqlite3.connect(apart / "surveyd.db")
    found = connection.execute("pragma integrity_check").fetchall()
    connection.close()
    assert found == [("ok",)], found


def all_sent(surveyd):
    rows = states(surveyd)
    return len(rows) == CLOSES and all(row["state"] in ("sent", "answered") for row in rows.values())


def test_after_a_power_cut_nothing_acknowledged_is_lost_and_the_database_is_whole(tmp_path):
    require_root()
    total = lengths.runs(8, 120)
    results = lengths.in_parallel(
        lambda number: cut_at_an_instant(number, tmp_path / str(number)), range(total), at_once=4
    )
    acknowledged, posts = (sum(counts) for counts in zip(*results, strict=True))
    lengths.count(f"power cuts: {total}, {acknowledged} closes acknowledged and {posts} POSTs before them")
