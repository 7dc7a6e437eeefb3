"""An old copy of the database, put back: what was sent since is not sent again, and the others go on."""

import json
import shutil
import time
from datetime import datetime, timezone

import pytest

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import states
from harness import moment, wait_until
from hostile_x import HostileWorld, HostileX

DELAY_SECONDS = 8


def accounts_held(surveyd):
    status = json.loads(surveyd.run("status", "--json"))
    return {account["account"] for account in status["accounts"] if account["held_since_restore_at"]}


def by_command(surveyd, copy):
    """While surveyd runs."""
    surveyd.run("backup", copy)
    assert surveyd.stop() == 0


def back_by_command(surveyd, copy):
    surveyd.run("restore", copy, "--replace")


def on_another_machine(surveyd, copy):
    """Nothing is left of the old one but the backup: no database, no mark."""
    shutil.rmtree(surveyd.folder / "state")
    (surveyd.folder / "state").mkdir()
    surveyd.run("restore", copy)


def by_file(surveyd, copy):
    assert surveyd.stop() == 0
    shutil.copy(surveyd.folder / "state" / "surveyd.db", copy)


def back_by_file(surveyd, copy):
    database = surveyd.folder / "state" / "surveyd.db"
    shutil.copy(copy, database)
    for side in ("-wal", "-shm"):
        database.with_name(database.name + side).unlink(missing_ok=True)


# How the copy is made and put back, and how many prompts go out in between.
WAYS = {
    "by command": (by_command, back_by_command, 200),
    "on another machine": (by_command, on_another_machine, 40),
    "by file": (by_file, back_by_file, 40),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_sent_since_the_backup_is_not_sent_again(way, tmp_path):
    make, put_back, short = WAYS[way]
    count = lengths.runs(short, 200)
    chance = lengths.chance("backup", way)
    crowd = people(count + 10, chance)
    # Half of them are scheduled in the copy, the other half it does not know.
    known, unknown, later = crowd[: count // 2], crowd[count // 2 : count], crowd[count:]
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0, page_size=30)
    with HostileX(world) as x:
        delays = {"acme": f"{DELAY_SECONDS}s"}
        surveyd = at_work(tmp_path / "surveyd", "sqlite:surveyd.db", x, settle_after="1s", delays=delays)
        copy = tmp_path / "copy"
        try:
            surveyd.start()
            # Some are sent before the copy is made, and the closes of half the others are in it.
            early = [Case(person, closed_at=moment(DELAY_SECONDS)) for person in people(5, chance)]
            report(surveyd, early)
            wait_until("the first prompts", lambda: len(world.prompts) == len(early))
            cases = [Case(person) for person in known]
            with world.nobody_looked_up():
                report(surveyd, cases)
                make(surveyd, copy)
            assert len(world.prompts) == len(early)

            surveyd.start()
            # Prompted in the second of their close, as X dates it: to the second.
            for person in unknown:
                cases.append(Case(person, "limited", closed_at=datetime.now(timezone.utc).isoformat()))
                report(surveyd, cases[-1:])
            wait_until("all prompts", lambda: len(world.prompts) == len(early) + count)
            assert surveyd.stop() == 0

            put_back(surveyd, copy)
            with world.lock:
                world.hiccups = 1_000_000  # X's events cannot be read for now
                before = len(world.attempts)
            surveyd.start()
            # What the copy does not know, the help desk reports again.
            for case in cases:
                case.survey_id = None
            fresh = [Case(person) for person in later]
            report(surveyd, cases + fresh)
            assert accounts_held(surveyd) == set(ACCOUNTS)
            time.sleep(3)
            assert len(world.attempts) == before, "something was sent by a copy of which nothing is known"
            with world.lock:
                world.hiccups = 0
            wait_until("the prompts of the new closes", lambda: set(later) <= {who for who, _ in world.prompted()})
            wait_until("an end of every survey", lambda: all_sent(surveyd), 60)
            # Accounts of which nothing is to be sent are asked about at their own pace.
            wait_until("an end of every hold", lambda: accounts_held(surveyd) == set(), 60)
            rows = states(surveyd)
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert world.prompted_twice() == {}
    assert world.faults == []
    received = {prompt.fields["to_user_id"]: prompt.feedback_id for prompt in world.prompts}
    for case in (*cases, *fresh):
        assert rows[case.conversation]["feedback_id"] == received[case.person]
    lengths.count(f"old backup, {way}: {count} prompts since the copy, {len(later)} new ones after it")


def report(surveyd, cases):
    for case in cases:
        assert case.report(surveyd).status_code in (200, 202)


def all_sent(surveyd):
    return all(row["state"] in ("sent", "answered") for row in states(surveyd).values())
