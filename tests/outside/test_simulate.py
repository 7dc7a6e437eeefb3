"""What another configuration would have done with a small day, recomputed here close by close."""

import hashlib
import json
from collections import Counter

import pytest

import scenario
from harness import Surveyd, close, command_line, moment, new_database, parse, wait_until
from x_server import XServer
from x_world import World

CLOSES = 60
DAILY_LIMIT = 12
OTHER = """
delay = "0s"
sample = 0.8
skip_closed_by = ["bulk"]
message = "How did we do?"
"""


def person(number):
    return str(720_000 + number % 37)


CANNOT_DM = {person(number) for number in range(0, 37, 4)}


def closed_by(number):
    return "bulk" if number % 5 == 3 else "agent"


@pytest.fixture(scope="module")
def simulated(store, tmp_path_factory):
    """Sixty closes of `acme`, lived through; the same by its own configuration, and by another."""
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0, page_size=50, cannot_dm=CANNOT_DM)
    folder = tmp_path_factory.mktemp("simulate")
    with XServer(world) as x:
        text = scenario.configuration(new_database(store), x.base_url, "friendships_show")
        surveyd = Surveyd(folder, text, scenario.secrets())
        try:
            surveyd.start()
            for number in range(CLOSES):
                # Each is over before the next comes in, as on an ordinary day.
                at = moment(seconds_ago=CLOSES - number)
                notice = close("acme", f"c-{number}", person(number), at, closed_by=closed_by(number))
                assert surveyd.post(notice).status_code == 202
                wait_until("its end", lambda: counts(surveyd)["scheduled"] + counts(surveyd)["sending"] == 0)
            other = folder / "other.toml"
            changed = surveyd.config.read_text().replace(scenario.SURVEY_KEYS["acme"], OTHER, 1)
            other.write_text(changed.replace('name = "acme"', f'name = "acme"\ndaily_limit = {DAILY_LIMIT}', 1))
            same = json.loads(surveyd.run("simulate", "--since", "1h", "--json"))
            asked = ("simulate", "--since", "1h", "--json", "--config", other)
            yield surveyd, same, json.loads(command_line(*asked, environment=surveyd.environment))
        finally:
            surveyd.kill()


def counts(surveyd):
    return json.loads(surveyd.run("status", "--json"))["surveys"]


def draw(conversation, closed_at):
    """The number from 0 to 1 by which a close falls into the sample."""
    ms = int(parse(closed_at).timestamp() * 1000)
    digest = hashlib.sha256(b"sample\0acme\0" + conversation.encode() + b"\0" + ms.to_bytes(8, "big")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def expected(rows):
    """What the other configuration would have done, from the moments at which the conversations closed."""
    fates, asked = {}, set()
    for number in range(CLOSES):
        conversation, who = f"c-{number}", person(number)
        closed_at = next(row["closed_at"] for row in rows if row["conversation_id"] == conversation)
        if closed_by(number) == "bulk":
            fates[conversation] = "closed_by"
        elif draw(conversation, closed_at) >= 0.8:
            fates[conversation] = "sampled_out"
        elif len(asked) == DAILY_LIMIT:
            fates[conversation] = "scheduled"  # until the day has room again
        elif who in CANNOT_DM:
            fates[conversation] = "cannot_dm"
        elif who in asked:
            fates[conversation] = "throttled"
        else:
            fates[conversation] = "sent"
            asked.add(who)
    return fates


def told(simulated, side):
    named = {count["reason"] or count["outcome"]: count[side] for count in simulated["counts"]}
    return {name: count for name, count in named.items() if count}


def test_what_another_configuration_would_have_done_is_as_recomputed(simulated):
    surveyd, _, other = simulated
    fates = expected(surveyd.rows().values())
    assert set(fates.values()) >= {"closed_by", "sampled_out", "scheduled", "cannot_dm", "sent"}
    assert told(other, "would") == Counter(fates.values())
    assert other["closes"] == CLOSES
    acme = next(account for account in other["accounts"] if account["account"] == "acme")
    assert (acme["most_in_24_hours"]["would"], acme["days_full"]["would"]) == (DAILY_LIMIT, 1)


def test_what_happened_is_as_exported_and_each_difference_is_told(simulated):
    surveyd, _, other = simulated
    rows = {row["conversation_id"]: row["reason"] or row["state"] for row in surveyd.rows().values()}
    assert told(other, "happened") == Counter(rows.values())
    fates = expected(surveyd.rows().values())
    differing = [f"c-{n}" for n in range(CLOSES) if rows[f"c-{n}"] != fates[f"c-{n}"]]
    assert other["differences"] == len(differing) > 20
    assert [difference["conversation_id"] for difference in other["first_differences"]] == differing[:20]
    for difference in other["first_differences"]:
        name = difference["conversation_id"]
        happened, would = (difference[side]["reason"] or difference[side]["outcome"] for side in ("happened", "would"))
        assert (happened, would) == (rows[name], fates[name])


def test_its_own_configuration_would_have_done_what_it_did(simulated):
    surveyd, same, _ = simulated
    assert (same["closes"], same["differences"], same["assumed_sent"]) == (CLOSES, 0, 0)
    prompts = [row for row in surveyd.rows().values() if row["state"] in ("sent", "answered")]
    acme = next(account for account in same["accounts"] if account["account"] == "acme")
    assert acme["prompts"] == {"happened": len(prompts), "would": len(prompts)}
