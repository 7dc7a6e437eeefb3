"""Ten thousand events read back through every fault, singly and all at once: none missed, none counted twice.

One business with an account for each fault and one that meets them all. Everybody is prompted; then surveyd is down
for weeks by X's clock, in which all that they say happens; then it reads it back, killed again and again in the
middle of windows. What it exports is compared with what X knows.

SURVEYD_EVENTS_SEED=N draws anew; SURVEYD_EVENTS_IN_FULL=1 has three months and three times the events, on both
databases.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from datetime import datetime, timezone

import pytest

import scenario
from harness import Surveyd, close, moment, new_database, wait_until
from x_events import EventsWorld, EventsX, Plan

SEED = int(os.environ.get("SURVEYD_EVENTS_SEED") or 1)
IN_FULL = bool(os.environ.get("SURVEYD_EVENTS_IN_FULL"))
PATIENCE_SECONDS = 1800 if IN_FULL else 150
DAY_MS = 24 * 60 * 60 * 1000
DOWN_DAYS = 90 if IN_FULL else 15
KILLS = 12 if IN_FULL else 3

PLANS = {
    "plain": Plan(),
    "ranged": Plan(range_refused=True),
    "alone": Plan(cursor_alone_refused=True),
    "forgets": Plan(forgotten=0.08),
    "forgets404": Plan(forgotten=0.08, unknown=(404, 34)),
    "shortlived": Plan(page_size=10, cursor_lasts=4),
    "repeats": Plan(repeats=10),
    "circles": Plan(circles=10),
    "hollow": Plan(empty=0.3),
    "limited": Plan(limited=0.02),
    "failing": Plan(failing=0.012),
    "spent": Plan(no_budget_after=40),
    "late": Plan(late=True),
    "endless": Plan(),
    "all": Plan(
        page_size=100, range_refused=True, forgotten=0.01, unknown=(404, 34), cursor_lasts=15, repeats=24, circles=24,
        empty=0.1, limited=0.005, failing=0.004, no_budget_after=50, late=True,
    ),
}  # fmt: skip
# Everybody's events: their prompt's creation and what they say, in parts and without any news.
EVENTS_EACH = 50
PEOPLE = {name: (600 if IN_FULL else 150) if name == "all" else 4 for name in PLANS}

ACCOUNTS = {name: scenario.x_account(str(8_100_000 + index), name) for index, name in enumerate(PLANS)}
CONFIGURATION = """
[store]
url = "STORE"

[http]
listen = "127.0.0.1:PORT"

[log]
format = "json"

[x]
base_url = "X_BASE_URL"
events_horizon = "0s"
can_dm = "users_v2"

[poll]
interval = "1s"
overlap = "5s"
fresh_for = "0s"
"""
SURVEY = 'delay = "0s"\nthrottle = "0s"\nmessage = "How did we do?"\n'


def configuration(store_url, x_base_url):
    text = CONFIGURATION.replace("STORE", store_url).replace("X_BASE_URL", x_base_url)
    for name, keys in ACCOUNTS.items():
        text += scenario.ACCOUNT.format(
            name=name, keys=keys, privacy_url="https://acme.example/privacy", display_name="Acme", account_keys="",
            type="csat", variant=0, survey_keys=SURVEY,
        )  # fmt: skip
    return text + scenario.SOURCES.replace('account = "acme"', 'account = "plain"')


def secrets():
    found = {"helpdesk-secret": scenario.WEBHOOK_SECRET, "other-secret": scenario.OTHER_WEBHOOK_SECRET}
    for name, keys in ACCOUNTS.items():
        found[f"{name}-consumer-secret"] = keys.consumer_secret
        found[f"{name}-token-secret"] = keys.token_secret
    return found


class Months:
    """What everybody says in the meantime, and when X shows it."""

    def __init__(self, world, chance):
        self.world, self.chance = world, chance
        self.begun_ms = world.now_ms() + 1000
        self.late = []  # what X shows only when later events have been read
        # X's pages of this second never end; two days before X is read again.
        PLANS["endless"].endless_ms = self.begun_ms + (DOWN_DAYS - 2) * DAY_MS
        for name, plan in PLANS.items():
            made = [f for f in world.feedback.values() if f["from_user_id"] == ACCOUNTS[name].user_id]
            # Some days are busy and most are not.
            busy = [chance.randrange(DOWN_DAYS) for _ in range(6)]
            for feedback in made:
                self.live(plan, feedback, DOWN_DAYS if name == "all" else busy)
            # Two more at the ends of some windows, by people who have said all they will.
            plan.at_ends = [dict(feedback) for feedback in made for _ in (0, 1)][:4]

    def live(self, plan, feedback, days):
        chance = self.chance
        moments = sorted({self.moment(days) for _ in range(EVENTS_EACH - 1)})
        scored, commented = chance.randrange(-20, len(moments)), chance.randrange(-40, len(moments))
        for number, at in enumerate(moments):
            if number == scored:
                feedback["score"] = {"created_ms": at, "value": chance.randint(1, 5)}
            if number == commented:
                feedback["text"] = {"created_ms": at, "value": f"=words, \"{at}\" ☃"}
            feedback["updated_ms"] = at
            version = dict(feedback)
            if plan.late and number not in (scored, commented) and chance.random() < 0.05:
                self.late.append(version)
                continue
            self.world.publish_at(at, version)
            if chance.random() < 0.05:
                # X shows it again, as it was.
                self.world.publish_at(at + chance.randrange(DAY_MS), version)

    def moment(self, days):
        day = self.chance.randrange(days) if isinstance(days, int) else self.chance.choice(days)
        return self.begun_ms + day * DAY_MS + self.chance.randrange(DAY_MS)

    def show_late(self):
        """Dated where they surface late: within a week, and where all faults are met, within a day."""
        now = self.world.now_ms()
        for version in self.late:
            days = 0.8 if version["from_user_id"] == ACCOUNTS["all"].user_id else 6
            self.world.publish_at(now - self.chance.randrange(60_000, int(days * DAY_MS)), version)
        self.late = []


def expected(world):
    """The rows that X's own record makes, by the feedback's id."""
    updates, rows = {}, {}
    with world.lock:
        events = list(world.events)
    for _, _, event in events:
        updates.setdefault(event["feedback"]["id"], set()).add(event["feedback"]["updated_ms"] // 1000)
    for feedback in world.feedback.values():
        part = lambda name: feedback[name] or {}  # noqa: B023, E731
        seen = updates[feedback["id"]]
        rows[feedback["id"]] = {
            "user_id": feedback["to_user_id"],
            "state": "answered" if feedback["score"] or feedback["text"] else "sent",
            "score": part("score").get("value"),
            "scored_at": instant(part("score").get("created_ms")),
            "text": part("text").get("value"),
            "commented_at": instant(part("text").get("created_ms")),
            "updated_at": instant(max(seen) * 1000),
            "updates": len(seen),
        }
    return rows


def instant(ms):
    """X's dates have no fractions of a second."""
    return ms and datetime.fromtimestamp(ms // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def stamp(ms):
    """As surveyd writes instants."""
    at = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03}Z"


def read_back(surveyd, wanted):
    """What is not yet as X knows it, by the feedback's id."""
    found = {row["feedback_id"]: row for row in surveyd.rows().values()}
    return {
        of: ({name: found[of][name] for name in row}, row)
        for of, row in wanted.items()
        if of not in found or {name: found[of][name] for name in row} != row
    }


def kill(surveyd, gate):
    """In the middle of windows, but not of a commit: then the log has a line for each answer that is known."""
    gate.clear()
    time.sleep(0.5)
    surveyd.kill()
    surveyd.kills = getattr(surveyd, "kills", 0) + 1
    gate.set()


def behind(world):
    """The accounts whose first reading has not come to X's present."""
    begun = {user: 0 for user in world.plans}
    with world.lock:
        for user, _, to_ms in world.ranges:
            begun[user] = max(begun[user], to_ms)
        now = world.now_ms()
    return [user for user, to_ms in begun.items() if now - to_ms >= 60_000]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"] if IN_FULL else ["sqlite"])
def test_ten_thousand_events_are_read_through_every_fault_and_each_counts_once(kind, tmp_path):
    chance, gate = random.Random(SEED), threading.Event()
    world = EventsWorld(list(ACCOUNTS.values()), events_horizon_ms=0, seed=SEED)
    world.plans = {account.user_id: Plan() for account in ACCOUNTS.values()}
    began = time.monotonic()
    with EventsX(world, gate) as x:
        surveyd = Surveyd(tmp_path, configuration(new_database(kind), x.base_url), secrets())
        try:
            surveyd.start()
            everybody_is_prompted(surveyd, world)
            assert surveyd.stop() == 0
            months = Months(world, chance)
            world.plans = {ACCOUNTS[name].user_id: plan for name, plan in PLANS.items()}
            world.ahead_ms += DOWN_DAYS * DAY_MS + 2_000_000
            for number in range(KILLS):
                surveyd.start()
                goal = world.pages_read + chance.randrange(60, 240)
                wait_until("pages to be read", lambda goal=goal: world.pages_read >= goal, PATIENCE_SECONDS)
                if number == 1:
                    assert " is being read" in surveyd.run("status")
                kill(surveyd, gate)
            surveyd.start()
            until_at_rest(surveyd, world, gate, "all to be read once", lambda: not behind(world))
            read_once = time.monotonic() - began
            months.show_late()
            kill(surveyd, gate)
            # By now second looks are due: nobody waits for the first of them.
            world.ahead_ms += 16 * 60 * 1000
            surveyd.start()
            wanted = lambda: read_back(surveyd, expected(world))  # noqa: E731
            try:
                until_at_rest(surveyd, world, gate, "all that surfaced late to be found", lambda: not wanted())
            except AssertionError as fault:
                missing = list(wanted().items())
                raise AssertionError(f"seed {SEED}: {fault}: {len(missing)} rows: {missing[:3]}") from fault
            (endless,) = [a for a in json.loads(surveyd.run("status", "--json"))["accounts"] if a["account"] == "endless"]
            assert "endless: events from " in surveyd.run("status")
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    (unread,) = endless["events_unread"]
    assert unread["from"] <= stamp(PLANS["endless"].endless_ms) <= unread["to"] and unread["why"] == "end"
    gaps = [line for line in surveyd.log() if line["event"] == "poll.gap"]
    assert [(gap["account"], gap["from"], gap["to"]) for gap in gaps] == [("endless", unread["from"], unread["to"])]
    judge(surveyd, world)
    counted = Counter(what_befell(world))
    print(f"seed {SEED}: {len(world.events)} events, {sum(world.calls.values())} calls, {surveyd.kills} kills, "
          f"{time.monotonic() - began:.0f} s ({read_once:.0f} until read once), {dict(counted)}")  # fmt: skip


def everybody_is_prompted(surveyd, world):
    total = sum(PEOPLE.values())
    for name, people in PEOPLE.items():
        for person in range(people):
            user = str(int(ACCOUNTS[name].user_id) * 10_000 + person)
            assert surveyd.post(close(name, f"{name}-{person}", user, moment())).status_code == 202
    wait_until("everybody to be prompted", lambda: len(world.prompts) == total, PATIENCE_SECONDS)
    wait_until("it to be on record", lambda: all(r["state"] == "sent" for r in surveyd.rows().values()))


def until_at_rest(surveyd, world, gate, what, condition):
    """Now and then, and where all that are behind only wait, it is killed and a quarter of an hour passes: no budget
    that is spent is waited for."""
    deadline, moved = time.monotonic() + PATIENCE_SECONDS, time.monotonic()
    calls, called = None, moved
    while not condition():
        now = time.monotonic()
        assert now < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        made = [world.calls.get(user, 0) for user in behind(world)]
        if made != calls:
            calls, called = made, now
        if now - moved > 25 or made and now - called > 5:
            kill(surveyd, gate)
            world.ahead_ms += 16 * 60 * 1000
            surveyd.start()
            moved = called = time.monotonic()
        time.sleep(1)


def what_befell(world):
    for (_, what), times in world.met.items():
        yield from [what] * times


def judge(surveyd, world):
    # Whoever is killed has not heard how many calls X has left.
    unheard = [fault for fault in world.faults if "429" in fault]
    assert len(unheard) <= surveyd.kills and world.faults == unheard, world.faults[:3]
    assert len(world.events) >= 10_000, len(world.events)
    befallen = {what for _, what in world.met}
    assert befallen >= {
        "a range beside a cursor", "forgotten", "an unknown cursor", "a page that repeats",
        "pages in a circle", "a second without an end", "an empty page", "limited", "failing", "no budget",
    }, befallen  # fmt: skip
    # What X takes is remembered: the other form is tried once, and once more after each start.
    assert world.met[ACCOUNTS["ranged"].user_id, "a range beside a cursor"] <= surveyd.kills + 2
    longest = max(to_ms - from_ms for _, from_ms, to_ms in world.ranges)
    assert longest <= DAY_MS + 5_000, "months are read in windows of a day"
    logged = Counter(line["feedback_id"] for line in surveyd.log() if line["event"] == "feedback.answered")
    answered = {of for of, row in expected(world).items() if row["state"] == "answered"}
    assert logged == Counter(answered), "each answer is told once"
    done = [line for line in surveyd.log() if line["event"] == "poll.window_done"]
    assert {line["account"] for line in done} == set(ACCOUNTS)
    assert any("h of events are left" in line["message"] for line in done)
    looks = {(line["account"], line["reading"]) for line in surveyd.log() if line["event"] == "poll.look_done"}
    # Where all faults are met the week may not be over by the time that all is known.
    assert looks >= {(name, "week") for name in ACCOUNTS.keys() - {"all"}} | {("all", "day")}, looks
