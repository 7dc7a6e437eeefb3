"""Backups of a daemon under load: each is whole, and holds every close that was acknowledged before it began."""

import sqlite3
import threading

import lengths
from business import Case, at_work
from harness import wait_until
from hostile_x import HostileWorld, HostileX

WRITERS = 4
BACKUPS = lengths.runs(20, 100)


class Intake:
    """Help desks that report one close after another until they are stopped."""

    def __init__(self, surveyd):
        self.surveyd = surveyd
        self.acknowledged = set()
        self.refused = []
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.report, args=(number,)) for number in range(WRITERS)]

    def report(self, number):
        person = 10_000_000 * (number + 1)
        while not self.is_over.is_set():
            person += 1
            case = Case(person)
            answer = case.report(self.surveyd)
            with self.lock:
                if answer.status_code == 202:
                    self.acknowledged.add(case.conversation)
                else:
                    self.refused.append(answer.status_code)

    def so_far(self):
        with self.lock:
            return set(self.acknowledged)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def test_backups_under_load_are_whole_and_hold_all_that_was_acknowledged_before(tmp_path):
    world = HostileWorld([], events_horizon_ms=0)
    with HostileX(world) as x:
        surveyd = at_work(tmp_path / "surveyd", "sqlite:surveyd.db", x, delays={"acme": "1h"})
        copy = tmp_path / "copy.db"
        try:
            surveyd.start()
            with Intake(surveyd) as intake:
                wait_until("the first closes", lambda: len(intake.so_far()) > 20)
                for number in range(BACKUPS):
                    before = intake.so_far()
                    surveyd.run("backup", copy, "--force")
                    held = conversations(copy)
                    assert before <= held, f"backup {number} lacks {len(before - held)} acknowledged closes"
                    assert not copy.with_name("copy.db.part").exists()
                after = intake.so_far()
            assert len(after) > len(before), "the intake came to a stop"
            assert intake.refused == []
            assert surveyd.stop() == 0
            surveyd.run("restore", copy, "--replace")
            surveyd.start()
            assert before <= {row["conversation_id"] for row in surveyd.rows().values()}
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    lengths.count(f"backups under load: {BACKUPS}, the last of {len(held)} closes, none lacked one")


def conversations(copy):
    """What a copy holds, by a reader that shares no code with surveyd. It must be whole."""
    database = sqlite3.connect(f"file:{copy}?mode=ro", uri=True)
    try:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert database.execute("pragma foreign_key_check").fetchall() == []
        return {row[0] for row in database.execute("select conversation_id from survey")}
    finally:
        database.close()
