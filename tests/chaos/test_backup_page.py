"""docs/backup.md on a real PostgreSQL: whoever types what stands there loses no acknowledged close that was saved, and
prompts nobody twice."""

import json
import shutil
import signal
from datetime import datetime, timezone
from types import SimpleNamespace

import lengths
from backup_page import Typist, block
from business import ACCOUNTS, Case, at_work, people
from crash import states
from harness import moment, wait_until
from hostile_x import HostileWorld, HostileX
from servers import Server, at_work_on_it, owner

DELAY_SECONDS = 8
DELAYS = {name: f"{DELAY_SECONDS}s" for name in ACCOUNTS}
COUNT = lengths.runs(10, 100)


class Stage:
    """A surveyd on a server, with some prompts sent, and closes that are saved before their prompts go out."""

    def __init__(self, tmp_path, x, world, server, what):
        self.world, self.server = world, server
        self.surveyd = at_work(tmp_path / "surveyd", server.url(), x, settle_after="1s", delays=DELAYS)
        chance = lengths.chance("backup page", what)
        crowd = people(2 * COUNT + 3, chance)
        self.saved = [Case(person) for person in crowd[:COUNT]]
        self.lost = [Case(person) for person in crowd[COUNT : 2 * COUNT]]
        self.fresh = [Case(person) for person in crowd[2 * COUNT :]]
        self.backups = server.folder / "backups"
        self.backups.mkdir()
        if owner():
            shutil.chown(self.backups, owner()["user"], owner()["group"])
        services = {"surveyd": SimpleNamespace(start=self.start, stop=self.stop), "postgresql": server}
        self.typist = Typist(server, self.backups, services)

    def start(self):
        self.surveyd.start()

    def stop(self):
        assert self.surveyd.stop() == 0

    def report(self, cases):
        for case in cases:
            if not case.is_acknowledged:
                case.notice["data"]["closed_at"] = moment()
            assert case.report(self.surveyd).status_code in (200, 202)

    def until_all_are_sent(self):
        """X's events cannot be read from then on."""
        wait_until("all prompts", lambda: len(self.world.prompts) >= 2 * COUNT)
        with self.world.lock:
            self.world.hiccups = 1_000_000
            self.attempts = len(self.world.attempts)

    def left(self, cases):
        """The surveys that have not come to their end."""
        rows = states(self.surveyd)
        left = {case.conversation: rows.get(case.conversation, {}).get("state") for case in cases}
        return {name: state for name, state in left.items() if state not in ("sent", "answered")}

    def held(self):
        status = json.loads(self.surveyd.run("status", "--json"))
        return {account["held"]["reason"] for account in status["accounts"] if account["held"]}

    def goes_on_and_asks_nobody_twice(self, reasons):
        """All is reported again, and the restored database comes to the end of all surveys."""
        wait_until("a hold", lambda: self.held() and self.held() <= reasons)
        rows = states(self.surveyd)
        assert len(self.world.attempts) == self.attempts, "something was sent by a database that lacks prompts"
        with self.world.lock:
            self.world.hiccups = 0
        assert {case.conversation for case in self.saved} <= set(rows), "closes that were saved are lost"
        for case in self.lost:
            case.survey_id = None  # whoever the backup does not know is reported anew
        cases = self.saved + self.lost + self.fresh
        self.report(cases)
        wait_until("an end of every survey", lambda: not self.left(cases), 90)
        wait_until("an end of the holds", lambda: not self.held())
        self.stop()
        assert self.world.prompted_twice() == {}
        assert self.world.faults == []


def staged(test, tmp_path, what):
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0, page_size=30)
    with HostileX(world) as x, at_work_on_it() as server:
        stage = Stage(tmp_path, x, world, server, what)
        try:
            test(stage)
        finally:
            stage.surveyd.kill()
    lengths.count(f"docs/backup.md, {what}: {len(world.prompts)} prompts, nobody twice")


def test_a_dump_by_the_page(tmp_path):
    def test(stage):
        stage.start()
        stage.report(stage.saved)
        stage.typist.type("dump")
        assert not stage.world.prompts, "the closes were due before the dump: lengthen the delay"
        stage.report(stage.lost)
        stage.until_all_are_sent()
        stage.typist.type("restore a dump")
        stage.goes_on_and_asks_nobody_twice({"older"})

    staged(test, tmp_path, "dump")


def test_a_point_in_time_by_the_page(tmp_path):
    def test(stage):
        server = stage.server
        with open(server.data / "postgresql.conf", "a") as settings:
            settings.write(block("settings").replace("$BACKUPS", str(stage.backups)))
        server.stop()
        server.start()
        stage.typist.type("base")
        stage.start()
        stage.report(stage.saved)
        saved_at = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        assert not stage.world.prompts, "the closes were due before the moment: lengthen the delay"
        stage.report(stage.lost)
        stage.until_all_are_sent()
        stage.typist.type("restore to a point in time", moment=("2026-11-30 12:00:00+00", saved_at))
        wait_until("the end of the recovery", lambda: server.ask("select pg_is_in_recovery()") == "f")
        stage.goes_on_and_asks_nobody_twice({"promoted", "older"})

    staged(test, tmp_path, "point in time")


def test_a_synchronous_standby_by_the_page(tmp_path):
    def test(stage):
        primary, surveyd = stage.server, stage.surveyd
        with Server(is_made=False) as standby:
            on_standby = Typist(standby, stage.backups, {})
            of_primary, of_standby = primary.url("postgres"), standby.url("postgres")
            on_standby.environment["SERVER"] = of_primary
            on_standby.type("standby")
            standby.start()
            stage.typist.type("synchronous")
            replication = "select sync_state from pg_stat_replication where application_name = 'standby'"
            wait_until("the standby is synchronous", lambda: primary.ask(replication) == "sync")
            stage.start()
            assert "asynchronously" not in surveyd.run("check")
            stage.report(stage.saved)
            stage.report(stage.lost)
            stage.until_all_are_sent()
            primary.stop(signal.SIGQUIT)
            on_standby.environment["SERVER"] = of_standby
            on_standby.type("promote")
            surveyd.config.write_text(surveyd.config.read_text().replace(primary.url(), standby.url()))
            surveyd.kill()
            stage.start()
            known = set(states(surveyd))
            assert {case.conversation for case in stage.saved + stage.lost} <= known, "an acknowledged close is lost"
            stage.goes_on_and_asks_nobody_twice({"promoted"})

    staged(test, tmp_path, "standby")
