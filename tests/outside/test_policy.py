"""Whom it asks, from outside: rules, quiet hours, opt-outs. What is quiet is recomputed here, by Python's own zones."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import scenario
from harness import Surveyd, close, moment, new_database, wait_until
from x_server import XServer
from x_world import World

ASLEEP = ZoneInfo("America/St_Johns")  # half an hour off, so that whole hours would not do
AWAKE = "Asia/Kathmandu"

POLICY = """
skip_closed_by = ["auto", "bulk"]
expire_after = "30h"
delay = "0s"
message = "How did we do?"
quiet_hours = {{ from = "{start:%H:%M}", to = "{end:%H:%M}", time_zone = "America/St_Johns" }}

[[accounts.rules]]
name = "vip"
when = {{ tag = "vip", language = "es" }}
type = "nps"
message = "¿Nos recomendaría, {{{{ first_name }}}}?"
quiet_hours = {{ from = "00:00", to = "00:00", time_zone = "UTC" }}

[[accounts.rules]]
when = {{ attributes = {{ channel = ["spam", "abuse"] }} }}
skip = true
"""

VIP, BARRED, BULK, SLEEPER, TRAVELLER, STOPPED = (str(710_000 + index) for index in range(6))


@pytest.fixture(scope="module")
def policy(store, tmp_path_factory):
    """Six closes of the account `acme` while it is night for it; and what became of them."""
    now = datetime.now(ASLEEP)
    # From an hour ago for three hours: never awake on the way here, and awake half the world away.
    hours = {"start": now - timedelta(hours=1), "end": now + timedelta(hours=2)}
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0, page_size=7)
    folder = tmp_path_factory.mktemp("policy")
    with XServer(world) as x:
        text = scenario.configuration(new_database(store), x.base_url, "friendships_show")
        text = text.replace(scenario.SURVEY_KEYS["acme"], POLICY.format(**hours), 1)
        surveyd = Surveyd(folder, text, scenario.secrets())
        try:
            surveyd.start()
            surveyd.run("optout", "add", STOPPED, "--why", "wrote STOP")
            people = {
                VIP: {"tags": ["vip"], "language": "es-MX", "first_name": "Ana"},
                BARRED: {"attributes": {"channel": "abuse"}},
                BULK: {"closed_by": "bulk"},
                SLEEPER: {"time_zone": "Nowhere/Land"},
                TRAVELLER: {"time_zone": AWAKE},
                STOPPED: {"time_zone": AWAKE},
            }
            answers = {}
            for person, data in people.items():
                answer = surveyd.post(close("acme", f"of-{person}", person, moment(), **data))
                assert answer.status_code == 202, answer.text
                answers[person] = answer.json()
            wait_until("two prompts", lambda: len(world.prompts) >= 2)
            wait_until("four decisions", lambda: all(state(surveyd, p) != "scheduled" for p in (STOPPED, BULK, BARRED)))
            wait_until("the sleeper's wait", lambda: len(explained(surveyd, SLEEPER)) == 2)
            yield world, surveyd, answers, hours
        finally:
            surveyd.kill()


def row(surveyd, person):
    return next(row for (_, of, _), row in surveyd.rows().items() if of == f"of-{person}")


def state(surveyd, person):
    return row(surveyd, person)["state"]


def explained(surveyd, person):
    (survey,) = json.loads(surveyd.run("explain", f"of-{person}", "--json"))
    return [entry["decision"] for entry in survey["decisions"] if entry["decision"]]


def test_only_the_awake_whom_no_rule_leaves_out_are_asked(policy):
    world, surveyd, answers, _ = policy
    assert sorted(prompt.fields["to_user_id"] for prompt in world.prompts) == sorted([VIP, TRAVELLER])
    assert (answers[BARRED]["state"], answers[BARRED]["reason"]) == ("suppressed", "rule")
    assert (answers[BULK]["state"], answers[BULK]["reason"]) == ("suppressed", "closed_by")
    assert (row(surveyd, STOPPED)["state"], row(surveyd, STOPPED)["reason"]) == ("suppressed", "opted_out")
    assert state(surveyd, SLEEPER) == "scheduled"


def test_a_rule_changes_what_its_people_read(policy):
    world, surveyd, _, _ = policy
    (prompt,) = world.prompts_to(VIP)
    assert (prompt.fields["type"], prompt.fields["message"]) == ("nps", "¿Nos recomendaría, Ana?")
    (other,) = world.prompts_to(TRAVELLER)
    assert (other.fields["type"], other.fields["message"]) == ("csat", "How did we do?")
    assert explained(surveyd, VIP)[-1]["rule"] == "vip"


def test_the_night_ends_when_the_wall_s_clock_says_so(policy):
    _, surveyd, _, hours = policy
    wait = explained(surveyd, SLEEPER)[-1]
    end = hours["end"].replace(second=0, microsecond=0)
    assert (wait["outcome"], wait["reason"], wait["time_zone"]) == ("waits", "quiet_hours", "America/St_Johns")
    assert datetime.fromisoformat(wait["until"]) == end


def test_why_somebody_is_not_asked_is_told_with_its_numbers(policy):
    _, surveyd, _, _ = policy
    last = explained(surveyd, STOPPED)[-1]
    assert (last["outcome"], last["reason"], last["why"]) == ("suppressed", "opted_out", "wrote STOP")
    assert "closed by bulk" in surveyd.run("explain", f"of-{BULK}")
    listed = json.loads(surveyd.run("optout", "list", "--json"))
    assert [(entry["user_id"], entry["account"]) for entry in listed] == [(STOPPED, None)]
