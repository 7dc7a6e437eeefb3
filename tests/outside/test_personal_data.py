"""One person is erased from a business that goes on: no byte of them is left, and all else stays as it was.

Nothing here knows how surveyd keeps anything. Every byte of every file that it made is searched.
"""

import base64
import copy
import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta

import pytest

from business import ACCOUNT, CONFIGURATION, ZONE
from harness import Surveyd, close, moment, new_database, reopening, wait_until
from scenario import WEBHOOK_SECRET, x_account
from x_server import XServer
from x_world import World

KEYS = x_account("1212121212121", "acme")
PERSON, OTHER = "343434343434343434", "565656565656565656"
NAME = 'Zoë "Ωmega" 日本-Ünderhill'
CONVERSATION = "talk-of-zoë/Ω-91827"
ATTRIBUTE = "order <&> 'Ωrder-55512'"
COMMENT = 'I am Zoë, call me: "+49 30 5551234" 😢 \\ thanks'
OWN = [PERSON, NAME, CONVERSATION, ATTRIBUTE, COMMENT, "Ünderhill", "Ωrder-55512", "+49 30 5551234", "91827"]

SPOOL = """
[[sources]]
name = "files"
kind = "spool"
account = "acme"
every = "1s"
"""

SCHEDULES = "".join(
    f"""
[[schedules]]
name = "daily-{form}"
what = "{what}"
every = "day"
format = "{form}"
to = {{ folder = "exports" }}
"""
    for what, form in [("export", "jsonl"), ("export", "csv"), ("report", "html")]
)


def configuration(store_url, x_base_url):
    text = CONFIGURATION.replace("STORE", store_url).replace("X_BASE_URL", x_base_url).replace("MIN_GROUP", "1")
    text = text[: text.index("[[sources]]\nname = \"acme-desk\"")]
    account = ACCOUNT.format(name="acme", kind="csat", keys=KEYS, questions=(12, 3), mark="hello")
    return text + account.replace('delay = "0s"', 'delay = "0s"\nexpire_after = "72h"') + SPOOL


def secrets():
    return {
        "helpdesk-secret": WEBHOOK_SECRET,
        "acme-consumer-secret": KEYS.consumer_secret,
        "acme-token-secret": KEYS.token_secret,
    }


def forms(text):
    """A text as a file may hold it: plain, in JSON, as hex, in base64 at any place, and as UTF-16."""
    raw = text.encode()
    found = {raw, json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode()}
    found |= {raw.hex().encode(), raw.hex().upper().encode()}
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw)
        # Only what no neighbour has a part in.
        found.add(coded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6])
    found |= {text.encode("utf-16-le"), text.encode("utf-16-be")}
    return found


def left_in(name, content):
    return [(name, text, form) for text in OWN for form in forms(text) if form in content]


def left(surveyd, store_url):
    """Whatever is left of the person, in any file below the state folder and in a dump of the database."""
    found = []
    for folder, _, names in os.walk(surveyd.folder / "state"):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found += left_in(path, file.read())
    if store_url.startswith("postgres"):
        dump = subprocess.run(["pg_dump", store_url], check=True, capture_output=True).stdout
        found += left_in("the dump", dump)
    return found


def test_a_text_is_found_in_every_form():
    for text in OWN:
        raw = text.encode()
        for content in [raw, json.dumps({"a": text}).encode(), raw.hex().encode(), text.encode("utf-16-le")]:
            assert left_in("", b"x" + content + b"y")
        for shift in range(3):
            assert left_in("", base64.b64encode(b"abc"[:shift] + raw + b"more"))


def notices(closed_at):
    given = {"agent": "dana", "team": "billing", "tags": ["vip"]}
    return [
        close("acme", CONVERSATION, PERSON, closed_at, first_name=NAME, attributes={"order": ATTRIBUTE}, **given),
        close("acme", "of-the-other", OTHER, closed_at, first_name="Bo", attributes={"order": "77"}, **given),
    ]


def put(surveyd, name, lines):
    aside = surveyd.folder / "state" / "aside"
    aside.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    os.rename(aside, surveyd.folder / "state" / "spool" / name)


def kept(surveyd, name):
    path = surveyd.folder / "state" / "spool" / "done" / name
    return wait_until(f"{name} is taken", lambda: path.exists() and path)


def others(surveyd):
    return [row for key, row in sorted(surveyd.rows().items()) if row["user_id"] == OTHER]


@pytest.fixture
def world():
    return World([KEYS], events_horizon_ms=0)


def test_no_byte_of_an_erased_person_is_left(store, world, tmp_path):
    store_url = new_database(store)
    with XServer(world) as x:
        surveyd = Surveyd(tmp_path, configuration(store_url, x.base_url), secrets())
        try:
            live(surveyd, world)
            forget(surveyd, world, store_url)
            if store == "sqlite":
                restore(surveyd, world, store_url)
        finally:
            surveyd.kill()


def live(surveyd, world):
    """Both are asked and answer, yesterday's closes by webhook and today's by file. Schedules write their files."""
    surveyd.start()
    yesterday = (datetime.now(ZONE) - timedelta(days=1)).strftime("%Y-%m-%dT12:00:00Z")
    for notice in notices(yesterday):
        assert surveyd.post(notice).status_code == 202
    for user, score, text in [(PERSON, 2, COMMENT), (OTHER, 5, "Well done")]:
        [prompt] = wait_until("the prompt", lambda: world.prompts_to(user))
        world.answer(prompt.feedback_id, 60, score=score, text=text)
    answered = lambda: len([row for row in surveyd.rows().values() if row["state"] == "answered" and row["text"]]) == 2
    wait_until("both answers", answered)
    from_file = [notice["data"] | {"conversation_id": f"{notice['data']['conversation_id']}-2"} for notice in notices(moment(60))]
    put(surveyd, "first.jsonl", [{**notices(moment())[0], "data": data} for data in from_file])
    assert PERSON in kept(surveyd, "first.jsonl").read_text()
    assert surveyd.stop() == 0
    shutil.copytree(surveyd.folder / "state", surveyd.folder / "older")
    surveyd.config.write_text(surveyd.config.read_text() + SCHEDULES)
    surveyd.start()
    exports = surveyd.folder / "state" / "exports"
    wait_until("the files of the schedules", lambda: exports.is_dir() and len(list(exports.glob("*-*.*[a-z]"))) >= 3)
    assert any(PERSON in path.read_text() for path in exports.glob("*.jsonl"))


def forget(surveyd, world, store_url):
    before, rows = surveyd.report("--from", "2026-01-01"), others(surveyd)
    person = surveyd.run("export", "--format", "jsonl", "--user-id", PERSON)
    lines = [json.loads(line) for line in person.splitlines()]
    assert {"survey", "survey_history", "feedback", "delivery"} <= {line["table"] for line in lines}
    assert any(line.get("comment") == COMMENT for line in lines) and OTHER not in person

    outcome = json.loads(surveyd.run("forget", "--user-id", PERSON, "--yes", "--json"))
    assert outcome["erased"]["survey"] == 2 and outcome["under_way"] == 0 and outcome["spool_lines"] == 1
    assert len(outcome["files_made_again"]) == 3 and outcome["is_space_cleared"], outcome
    assert surveyd.report("--from", "2026-01-01")["groups"] == before["groups"], "the numbers stay"
    assert others(surveyd) == rows, "nobody else is touched"
    surveyd.run("check-db")
    exports = list((surveyd.folder / "state" / "exports").glob("*.jsonl"))
    assert any(OTHER in path.read_text() for path in exports)
    again = json.loads(surveyd.run("forget", "--user-id", PERSON, "--yes", "--json"))
    assert again["erased"] == {} and again["under_way"] == 0

    # What comes in afterwards, by every way.
    late = notices(moment())[0]
    answer = surveyd.post(late)
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (202, "suppressed", "forgotten")
    assert surveyd.post(late).status_code == 200
    assert surveyd.post(reopening("acme", CONVERSATION, PERSON)).status_code == 200
    put(surveyd, "second.jsonl", [late, *notices(moment(30))])
    wait_until("the lines are taken out", lambda: PERSON not in kept(surveyd, "second.jsonl").read_text())
    for user in [PERSON, OTHER]:
        [prompt] = world.prompts_to(user)
        version = copy.deepcopy(world.feedback[prompt.feedback_id])
        version["updated_ms"] += 3_600_000
        world.publish("feedback.updated", version)
    wait_until("the events are read", lambda: any(row["updates"] != old["updates"] for row, old in zip(others(surveyd), rows)))
    assert len(world.prompts_to(PERSON)) == 1, "nobody is asked again"
    assert surveyd.stop() == 0
    assert left(surveyd, store_url) == []


def restore(surveyd, world, store_url):
    """An older copy knows the person, and the file beside it does not let it."""
    state, older = surveyd.folder / "state", surveyd.folder / "older"
    asked = len(world.prompts_to(PERSON))
    for path in state.glob("surveyd.db*"):
        if not path.name.endswith((".forgotten", ".sends")):
            path.unlink()
    for path in older.glob("surveyd.db*"):
        if not path.name.endswith((".forgotten", ".sends")):
            shutil.copy(path, state / path.name)
    with open(state / "surveyd.db", "rb") as file:
        assert left_in("the older copy", file.read())
    surveyd.start()
    assert any(line.get("event") == "person.erased_again" for line in surveyd.log())
    assert all(row["user_id"] != PERSON for row in surveyd.rows().values())
    assert surveyd.stop() == 0
    assert left(surveyd, store_url) == []
    assert len(world.prompts_to(PERSON)) == asked
