"""The record made anew from X's own: rows that were spoilt, and a database that was lost."""

import json
import random
import sqlite3
import subprocess
import time
from datetime import datetime, timedelta

import pytest

import scenario
from harness import BINARY, Surveyd, clean_environment, close, moment, new_database, wait_until
from x_server import XServer
from x_world import World

ANSWERED = [str(820_100 + number) for number in range(6)]
SILENT = [str(820_200 + number) for number in range(3)]
UNANSWERED = "820300"  # X carries the prompt out and says nothing
AGENTS = "820400"  # prompted by an agent by hand, and by nobody else
LONG = "https://desk.example/" + "é" * 300
HOUR_MS = 60 * 60 * 1000
# What a supervisor reads of a prompt, and what X alone can tell of it.
TOLD_BY_X = ("user_id", "external_id", "feedback_id", "score", "text", "sent_at", "state", "type", "scored_at", "commented_at")


class Stage:
    """surveyd at an X that knows everything, and a database that can be spoilt or lost."""

    def __init__(self, folder, store, x, world):
        self.world, self.store, self.folder = world, store, folder
        text = scenario.configuration(new_database(store), x.base_url, "users_v2")
        text = text.replace('events_horizon = "0s"', 'events_horizon = "0s"\nsettle_after = "1s"')
        # What closes twice is asked twice: only what X has shown keeps it from that.
        text = text.replace('delay = "0s"\nmessage = "Hello."', 'delay = "0s"\nthrottle = "0s"\nmessage = "Hello."')
        text = text.replace('overlap = "30s"', 'overlap = "1s"')
        self.surveyd = Surveyd(folder, text, scenario.secrets())
        self.closes = []

    def live(self):
        """Prompts, answers in parts, one prompt without an answer of X's, and an agent's own."""
        world, surveyd = self.world, self.surveyd
        world.unanswered.add(UNANSWERED)
        surveyd.start()
        for number, person in enumerate([*ANSWERED, *SILENT, UNANSWERED]):
            conversation = LONG if number == 1 else f"c-{person}"
            self.closes.append(close("line", conversation, person, moment(3), agent="dana"))
        self.closes.append(close("acme", "a-1", ANSWERED[0], moment(3)))
        self.deliver(self.closes)
        wait_until("the prompts", lambda: len(world.prompts) == len(self.closes))
        self.agents_own(AGENTS, "by-hand-1")
        for number, person in enumerate(ANSWERED):
            (feedback_id,) = [p.feedback_id for p in world.prompts_to(person) if p.account == scenario.LINE]
            world.answer(feedback_id, 0, score=1 + number % 5)
            if number % 2:
                world.answer(feedback_id, 1, text=f"=Così così {number} ☃")
        wait_until("the answers", lambda: sum(row["state"] == "answered" for row in self.rows()) == len(ANSWERED))
        wait_until("the prompt without an answer", lambda: self.of(UNANSWERED)["state"] == "sent")

    def agents_own(self, person, external_id, ago_ms=0):
        fields = {"type": "csat", "to_user_id": person, "message": "By hand.", "privacy_url": scenario.PRIVACY_URL}
        with self.world.lock:
            self.world.ahead_ms -= ago_ms
            self.world.create(scenario.LINE, {**fields, "external_id": external_id}, b"")
            self.world.ahead_ms += ago_ms

    def deliver(self, closes, status=202):
        answers = [self.surveyd.post(one) for one in closes]
        assert [answer.status_code for answer in answers] == [status] * len(closes)
        return [answer.json() for answer in answers]

    def rows(self):
        return [json.loads(line) for line in self.surveyd.run("export", "--format", "jsonl").splitlines()]

    def of(self, person, account="line"):
        (row,) = [row for row in self.rows() if (row["user_id"], row["account"]) == (person, account)]
        return row

    def by_id(self, answer):
        (row,) = [row for row in self.rows() if row["survey_id"] == answer["survey_id"]]
        return row

    def in_states(self, *states):
        return [row for row in self.rows() if row["state"] in states]

    def told_by_x(self):
        """By feedback id: all that X can tell again."""
        told = {row["feedback_id"]: {name: row[name] for name in TOLD_BY_X} for row in self.rows()}
        received = {prompt.feedback_id: prompt.received_ms for prompt in self.world.prompts}
        for feedback_id, row in told.items():
            sent_ms = datetime.fromisoformat(row["sent_at"]).timestamp() * 1000
            # X dates to the second, and surveyd by when it has the answer.
            row["sent_at"] = "as it was" if -1000 <= sent_ms - received[feedback_id] <= 5000 else row["sent_at"]
        return told

    def sql(self, *statements):
        if self.store == "sqlite":
            with sqlite3.connect(self.folder / "state" / "surveyd.db") as database:
                for statement in statements:
                    database.execute(statement)
            database.close()
            return
        url = self.surveyd.config.read_text().split('url = "')[1].split('"')[0]
        for statement in statements:
            subprocess.run(["psql", "--quiet", url, "--command", statement], check=True)

    def lose(self, keep=()):
        """The database is gone, with what lay beside it, and an empty one in its place."""
        if self.store == "sqlite":
            for file in (self.folder / "state").iterdir():
                if file.name not in keep:
                    file.unlink()
            self.surveyd.run("migrate")
            return
        url = self.surveyd.config.read_text().split('url = "')[1].split('"')[0]
        reset = "drop schema public cascade; create schema public;"
        subprocess.run(["psql", "--quiet", url, "--command", reset], check=True)
        self.surveyd.run("migrate")

    def rebuild(self, *arguments, code=0):
        return self.surveyd.run("rebuild", "--from", moment(24 * 60 * 60), "--json", *arguments, code=code)

    def rebuilt(self, *arguments):
        accounts = json.loads(self.rebuild(*arguments))["accounts"]
        return {account["account"]: account["rebuilt"] for account in accounts}

    def no_longer_held(self):
        status = json.loads(self.surveyd.run("status", "--json"))
        return all(account["held_since_restore_at"] is None for account in status["accounts"])


@pytest.fixture
def stage(store, tmp_path):
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0, page_size=5)
    with XServer(world) as x:
        stage = Stage(tmp_path, store, x, world)
        try:
            stage.live()
            time.sleep(2)  # past what X may list late, the last second before now
            yield stage
            assert world.faults == []
        finally:
            stage.surveyd.kill()


def test_rows_that_were_spoilt_read_as_before_beside_a_daemon_that_goes_on(stage):
    before = {row["survey_id"]: row for row in stage.rows()}
    spoilt, gone, moved = [stage.of(person)["feedback_id"] for person in (ANSWERED[1], ANSWERED[2], ANSWERED[3])]
    stage.sql(
        f"update feedback set score = 5, comment = 'never said', updates = '1' where id = '{spoilt}'",
        f"delete from feedback where id = '{gone}'",
        f"update feedback set survey_id = null, told = 'nothing', score = null where id = '{moved}'",
    )
    assert {row["survey_id"]: row for row in stage.rows()} != before
    line = stage.rebuilt()["line"]
    assert {row["survey_id"]: row for row in stage.rows()} == before
    feedback = line["feedback"]
    # The daemon may have asked about one of them meanwhile.
    assert 1 <= feedback["new"] + feedback["changed"] <= 3 and feedback["left_alone"] == 0
    assert feedback["without_survey"] == 1, "the agent's own stays apart"
    assert line["surveys"] == {"made": 0, "found": 0, "answered": 0, "withdrawn": 0}
    assert stage.rebuilt("--account", "line")["line"]["feedback"]["changed"] == 0
    assert stage.no_longer_held(), "nothing was lost, nothing is held"


def test_a_lost_database_comes_back_as_far_as_x_knows_it_and_nobody_is_asked_again(stage):
    before, prompts = stage.told_by_x(), len(stage.world.prompts)
    assert stage.surveyd.stop() == 0
    stage.lose()
    done = stage.rebuilt()
    assert done["line"]["surveys"]["made"] == len(ANSWERED) + len(SILENT) + 2, "the agent's own counts, too"
    assert done["acme"]["surveys"]["made"] == 1
    rows = stage.told_by_x()
    assert {key: row for key, row in rows.items() if row["user_id"] != AGENTS} == before
    assert {row["source"] for row in stage.rows()} == {"rebuild"}
    stage.surveyd.start()
    known = stage.deliver(stage.closes, status=200)
    assert {answer["state"] for answer in known} == {"sent", "answered"}
    # Throttled by a prompt of the lost database, in a group of its own account.
    (throttled,) = stage.deliver([close("acme", "a-2", ANSWERED[0], moment())])
    wait_until("the end of the hold", stage.no_longer_held)
    wait_until("its throttle", lambda: stage.by_id(throttled)["reason"] == "throttled")
    assert len(stage.world.prompts) == prompts
    # Once more: all of it is known.
    done = stage.rebuilt("--surveys", "always")["line"]
    assert (done["surveys"]["made"], done["feedback"]["changed"]) == (0, 0)


def test_what_was_sent_last_is_known_by_the_end_of_the_hold(stage):
    """X tells nothing of the last hours while the rebuild runs; the daemon reads it later."""
    assert stage.surveyd.stop() == 0
    stage.lose(keep=["surveyd.db.sends"])
    stage.surveyd.config.write_text(stage.surveyd.config.read_text().replace('horizon = "0s"', 'horizon = "1h"'))
    assert stage.rebuilt()["line"]["surveys"]["made"] == 0
    stage.surveyd.config.write_text(stage.surveyd.config.read_text().replace('horizon = "1h"', 'horizon = "0s"'))
    prompts, logged = len(stage.world.prompts), len(stage.surveyd.log())
    stage.surveyd.start()
    answers = [stage.surveyd.post(one) for one in stage.closes]
    assert {answer.status_code for answer in answers} <= {200, 202}
    wait_until("the end of the hold", stage.no_longer_held)
    wait_until("all of them", lambda: not stage.in_states("scheduled", "sending"))
    assert len(stage.world.prompts) == prompts
    people = {row["user_id"] for row in stage.rows() if row["feedback_id"]}
    assert people == {*ANSWERED, *SILENT, UNANSWERED, AGENTS}
    log = stage.surveyd.log()[logged:]
    told = [line["survey_id"] for line in log if line["event"] == "survey.resolved"]
    assert sorted(told) == sorted(row["survey_id"] for row in stage.in_states("sent", "answered")), "made or found"
    ends = [line["message"] for line in log if line["event"] == "account.resumed"]
    assert ends and all("past the rebuild" in end for end in ends)


def test_a_lost_database_that_nobody_rebuilds_prompts_nobody_twice(stage):
    """The mark in the state folder holds all sends until X's events are read, back to whatever may be asked again."""
    assert stage.surveyd.stop() == 0
    config = stage.surveyd.config
    config.write_text(config.read_text().replace('throttle = "0s"\n', 'throttle = "0s"\nexpire_after = "7d"\n'))
    stage.lose(keep=["surveyd.db.sends"])
    # X has put the prompts out three days ago, which is long before what it tells of the last day.
    stage.world.ahead_ms += 3 * 24 * HOUR_MS
    stage.world.several_a_day.update([*ANSWERED, *SILENT, UNANSWERED])
    prompts = len(stage.world.prompts)
    stage.surveyd.start()
    assert "it was lost" in next(line["message"] for line in stage.surveyd.log() if "database" in line["message"])
    closes = [one for one in stage.closes if one["data"]["account"] == "line"]
    stage.deliver(closes)
    wait_until("the end of the hold", stage.no_longer_held)
    wait_until("all of them", lambda: not stage.in_states("scheduled", "sending"))
    assert len(stage.world.prompts) == prompts
    # All of them are found, and what became of them with them.
    assert len(stage.in_states("sent", "answered")) == len(closes)
    (asked,) = stage.deliver([close("line", "c-new", "820600", moment())])
    wait_until("a new close", lambda: stage.by_id(asked)["state"] == "sent")


def test_a_later_close_of_a_rebuilt_conversation_is_asked_about(stage):
    stage.agents_own("820500", "old-1", ago_ms=3 * HOUR_MS)
    stage.world.several_a_day.add("820500")
    assert stage.surveyd.stop() == 0
    stage.lose()
    stage.rebuilt()
    stage.surveyd.start()
    (known,) = stage.deliver([close("line", "old-1", "820500", moment(4 * 60 * 60))], status=200)
    (later,) = stage.deliver([close("line", "old-1", "820500", moment())])
    assert known["survey_id"] != later["survey_id"]
    wait_until("its end", lambda: stage.by_id(later)["state"] not in ("scheduled", "sending"))
    row = stage.by_id(later)
    # One a day to a person is our own rule, whatever X allows.
    assert (row["external_id"], row["state"], row["reason"]) == ("old-1#2", "suppressed", "throttled")


def test_killed_again_and_again_it_makes_each_survey_once(stage):
    before, prompts = stage.told_by_x(), len(stage.world.prompts)
    assert stage.surveyd.stop() == 0
    stage.lose()
    chance = random.Random(7)
    killed = 0
    for _ in range(14):
        process = subprocess.Popen(
            [BINARY, "--config", stage.surveyd.config, "rebuild", "--from", moment(24 * 60 * 60)],
            env={**clean_environment(), **stage.surveyd.environment},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=chance.uniform(0.02, 0.5))
        except subprocess.TimeoutExpired:
            killed += 1
        process.kill()
        process.wait()
        feedback_ids = [row["feedback_id"] for row in stage.rows()]
        assert len(feedback_ids) == len(set(feedback_ids))
    assert killed > 0
    # A kill after its first survey leaves a database that knows of prompts by X's word alone: still a lost one.
    stage.rebuilt()
    rows = stage.told_by_x()
    assert {key: row for key, row in rows.items() if row["user_id"] != AGENTS} == before
    stage.surveyd.start()
    stage.deliver(stage.closes, status=200)
    wait_until("the end of the hold", stage.no_longer_held)
    assert len(stage.world.prompts) == prompts


def interrupted(stage, from_date):
    """A rebuild that is ended before X has told it anything. What it said."""
    stage.world.hiccups = 1_000_000
    process = subprocess.Popen(
        [BINARY, "--config", stage.surveyd.config, "rebuild", "--from", from_date],
        env={**clean_environment(), **stage.surveyd.environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert any("waits until" in line for line in process.stderr)
    process.terminate()
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1 and "interrupted" in told
    stage.world.hiccups = 0


def test_interrupted_it_leaves_the_rows_whole_and_goes_on(stage):
    before = {row["survey_id"]: row for row in stage.rows()}
    interrupted(stage, moment(24 * 60 * 60))
    assert {row["survey_id"]: row for row in stage.rows()} == before
    assert stage.no_longer_held(), "nothing was lost"
    assert stage.rebuilt()["line"]["feedback"]["changed"] == 0
    assert {row["survey_id"]: row for row in stage.rows()} == before


def test_of_a_lost_database_that_is_half_rebuilt_nothing_is_sent_until_the_rebuild_has_gone_on(stage):
    before, prompts = stage.told_by_x(), len(stage.world.prompts)
    assert stage.surveyd.stop() == 0
    stage.lose()
    interrupted(stage, moment(24 * 60 * 60))
    stage.surveyd.start()
    stage.deliver(stage.closes[:1])

    def accounts():
        return json.loads(stage.surveyd.run("status", "--json"))["accounts"]

    def read_past_the_hold(account):
        read_to, held = account["events_read_to"], account["held_since_restore_at"]
        return held and read_to and datetime.fromisoformat(read_to) > datetime.fromisoformat(held) + timedelta(seconds=5)

    wait_until("the events past the hold", lambda: all(read_past_the_hold(account) for account in accounts()))
    time.sleep(1)
    assert all(account["held_since_restore_at"] for account in accounts()), "it is held on"
    assert len(stage.world.prompts) == prompts
    made = 0
    for account in accounts():
        command = account["unfinished_rebuild"]["command"]
        assert command in stage.surveyd.run("status")
        assert command in [line.get("command") for line in stage.surveyd.log()]
        (done,) = json.loads(stage.surveyd.run(*command.split()[1:], "--json"))["accounts"]
        made += done["rebuilt"]["surveys"]["made"] + done["rebuilt"]["surveys"]["found"]
    assert made == len(before) + 1, "the agent's own counts, too"
    wait_until("the end of the hold", stage.no_longer_held)
    stage.deliver(stage.closes, status=200)
    assert {key: row for key, row in stage.told_by_x().items() if row["user_id"] != AGENTS} == before
    assert len(stage.world.prompts) == prompts
