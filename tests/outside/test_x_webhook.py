"""X's webhook: what it tells counts at once, survives a kill, and gives way where X's own answers differ."""

import json
import random
from collections import Counter

import pytest
import requests

import scenario
from harness import Surveyd, close, moment, new_database, wait_until
from x_server import XServer, event_on_the_wire
from x_world import World

PASSWORD, OLD_PASSWORD = "a password of the outside tests", "the one before, still good for a while"
WEBHOOK = f"""
[x.webhook]
username = "x"
password = ["{PASSWORD}", "{OLD_PASSWORD}"]

[poll]"""
PEOPLE = [str(810_100 + number) for number in range(24)]
UNANSWERED = "810900"


class Stage:
    """surveyd, prompting people at an X whose webhook the test has in its hands."""

    def __init__(self, folder, store, x, world, horizon, fresh_for):
        self.world = world
        text = scenario.configuration(new_database(store), x.base_url, "users_v2")
        text = text.replace('events_horizon = "0s"', f'events_horizon = "{horizon}"\nsettle_after = "1s"')
        text = text.replace("\n[poll]", WEBHOOK + f'\nfresh_for = "{fresh_for}"')
        self.surveyd = Surveyd(folder, text, scenario.secrets())

    def prompt(self, people):
        for person in people:
            assert self.surveyd.post(close("line", f"c-{person}", person, moment())).status_code == 202
        wait_until("the prompts", lambda: all(self.world.prompts_to(person) for person in people))

    def deliver(self, body, password=PASSWORD, user="x", **more):
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        auth = None if password is None else (user, password)
        return requests.post(f"{self.surveyd.base_url}/v1/x/feedback", data=data, auth=auth, timeout=10, **more)

    def told(self, version, kind="feedback.updated"):
        """An event about that version of a feedback, as X would deliver it now."""
        return event_on_the_wire({"event_type": kind, "created_ms": self.world.now_ms(), "feedback": version})

    def answer(self, person, seconds_later, tell=True, **parts):
        (prompt,) = self.world.prompts_to(person)
        return self.world.answer(prompt.feedback_id, seconds_later, tell=tell, **parts)

    def rows(self):
        return {row["user_id"]: row for row in self.surveyd.rows().values()}

    def logged(self, event):
        return [line for line in self.surveyd.log() if line["event"] == event]


@pytest.fixture
def stage(request, store, tmp_path):
    """Events a day late and nothing asked about singly, unless the test asks otherwise."""
    settings = {"horizon": "24h", "fresh_for": "0s", **getattr(request, "param", {})}
    horizon_ms = 0 if settings["horizon"] == "0s" else 24 * 60 * 60 * 1000
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=horizon_ms, page_size=20)
    world.unanswered.add(UNANSWERED)
    with XServer(world) as x:
        stage = Stage(tmp_path, store, x, world, **settings)
        try:
            stage.surveyd.start()
            yield stage
            assert world.faults == []
        finally:
            stage.surveyd.kill()


def test_deliveries_in_any_order_are_seen_at_once_and_survive_a_kill(stage):
    chance = random.Random(7)
    stage.prompt(PEOPLE)
    events = []
    for number, person in enumerate(PEOPLE):
        if number % 4 == 3:
            continue
        events.append(stage.told(stage.answer(person, 30, score=1 + number % 5)))
        if number % 2:
            events.append(stage.told(stage.answer(person, 90, text=f"Così così {number} ☃")))
    events += chance.sample(events, 8)
    chance.shuffle(events)
    half = len(events) // 2
    for event in events[:half]:
        assert stage.deliver(event).status_code == 200
    stage.surveyd.kill()
    stage.surveyd.start()
    # Several at once, too.
    assert stage.deliver({"events": events[half:]}).json()["updates"] == len(events) - half
    rows, truth = stage.rows(), stage.world.feedback
    for number, person in enumerate(PEOPLE):
        row = rows[person]
        found = truth[row["feedback_id"]]
        assert row["state"] == ("sent" if number % 4 == 3 else "answered")
        assert row["score"] == (found["score"] and found["score"]["value"])
        assert row["text"] == (found["text"] and found["text"]["value"])
        # The prompt itself, the score, the comment.
        assert row["updates"] == 1 + (number % 4 != 3) + (number % 4 != 3 and number % 2)
    answered = Counter(line["feedback_id"] for line in stage.logged("feedback.answered"))
    assert set(answered.values()) == {1} and len(answered) == 18
    assert stage.logged("feedback.mismatch") == []
    (group,) = stage.surveyd.report("--from", moment()[:10], "--to", moment()[:10], "--account", "line")["groups"]
    assert (group["prompted"], group["answered"]) == (len(PEOPLE), 18)


def test_only_who_knows_a_password_is_heard(stage):
    stage.prompt(PEOPLE[:1])
    event = stage.told(stage.answer(PEOPLE[0], 30, score=5))
    for attempt, (password, user) in enumerate([(None, "x"), (PASSWORD, "y"), (PASSWORD[:-1], "x"), ("", "x")] * 4):
        refused = stage.deliver(event, password=password, user=user)
        assert refused.status_code == (401 if attempt < 10 else 429), attempt
        if attempt < 10:
            assert refused.headers["www-authenticate"].startswith("Basic ")
    assert len(stage.logged("feedback.rejected")) == 10
    assert stage.rows()[PEOPLE[0]]["score"] is None
    assert stage.deliver(event, password=OLD_PASSWORD).status_code == 200, "the right one is always heard"
    assert stage.rows()[PEOPLE[0]]["score"] == 5
    log = stage.surveyd.log_path.read_text()
    assert PASSWORD not in log and OLD_PASSWORD not in log


def test_what_cannot_be_read_is_kept_or_refused_and_never_fatal(stage):
    stage.prompt(PEOPLE[:1])
    version = stage.answer(PEOPLE[0], 30, score=5)
    event = stage.told(version)
    assert stage.deliver("no JSON").status_code == 415
    assert stage.deliver(b"\xff\xfe").status_code == 415
    assert stage.deliver("x" * 300_000).status_code == 413
    off_scale = json.loads(json.dumps(event))
    off_scale["feedback"]["response"]["score"]["value"] = 11
    foreign = {**event, "feedback": {**event["feedback"], "from_user_id": "999999"}}
    for odd in [
        {**event, "event_type": "feedback.dismissed"},
        {"event_type": "feedback.updated"},
        {"event_type": "feedback.updated", "feedback": {"id": None}},
        {**event, "feedback": {**event["feedback"], "id": "../account/verify_credentials.json?x="}},
        off_scale,
        foreign,
        *({}, [], 7, "text", None, {"events": 3}),
    ]:
        assert stage.deliver(json.dumps(odd)).status_code == 200, odd
    assert stage.rows()[PEOPLE[0]]["score"] is None
    # Numbers for strings, strings for numbers, fields that are new or left out.
    mixed = json.loads(json.dumps(event))
    mixed["brand_new"] = {"x": [1]}
    mixed["feedback"]["deep"] = "DEEP"
    mixed["feedback"].update(id=int(mixed["feedback"]["id"]), question_variant_id="1", test="false")
    mixed["feedback"]["response"]["score"]["value"] = "5"
    for name in ("from_user_id", "display_name", "dm_id"):
        mixed["feedback"].pop(name, None)
    deep = json.dumps(mixed).replace('"DEEP"', "[" * 500 + "9" * 400 + "]" * 500)
    assert stage.deliver(deep).json() == {"updates": 1, "kept": 0}
    row = stage.rows()[PEOPLE[0]]
    assert (row["score"], row["state"]) == (5, "answered")


@pytest.mark.parametrize("stage", [{"horizon": "0s"}], indirect=True)
def test_where_x_itself_says_otherwise_that_stands(stage):
    true, changed, forged = PEOPLE[:3]
    stage.prompt([true, changed, forged])
    told = stage.told(stage.answer(true, 30, score=2))
    other = json.loads(json.dumps(stage.told(stage.answer(changed, 30, score=2, tell=False))))
    other["feedback"]["response"]["score"]["value"] = 5
    made_up = json.loads(json.dumps(other))
    (prompt,) = stage.world.prompts_to(forged)
    made_up["feedback"].update(id=prompt.feedback_id, to_user_id=forged, external_id=f"c-{forged}")
    for event in (told, other, made_up):
        assert stage.deliver(event).json()["updates"] == 1
    assert stage.rows()[changed]["score"] == 5, "it counts until X's own answer is in"
    stage.world.publish("feedback.updated", stage.world.feedback[stage.world.prompts_to(changed)[0].feedback_id])
    wait_until("the true score", lambda: stage.rows()[changed]["score"] == 2)
    wait_until("its withdrawal", lambda: stage.rows()[forged]["score"] is None)
    rows = stage.rows()
    assert [(rows[who]["score"], rows[who]["state"]) for who in (true, changed, forged)] == [
        (2, "answered"),
        (2, "answered"),
        (None, "sent"),
    ]
    for event in (other, made_up):
        assert stage.deliver(event).status_code == 200
    assert [stage.rows()[who]["score"] for who in (true, changed, forged)] == [2, 2, None]
    told = Counter(line["feedback_id"] for line in stage.logged("feedback.mismatch"))
    assert told == {rows[changed]["feedback_id"]: 1, rows[forged]["feedback_id"]: 1}


@pytest.mark.parametrize("stage", [{"fresh_for": "7d"}], indirect=True)
def test_what_it_tells_is_asked_of_x_at_once(stage):
    stage.prompt(PEOPLE[:6])
    for person in PEOPLE[:6]:
        version = stage.answer(person, 30, score=3, text="so so")
        assert stage.deliver(stage.told(version)).status_code == 200
    # Shown by X itself, what the webhook told is no hint any more: it cannot be withdrawn.
    wait_until("X's own word", lambda: shows_no_hint(stage))


def shows_no_hint(stage):
    rows = stage.rows()
    shown = [json.loads(stage.surveyd.run("surveys", "show", rows[who]["survey_id"], "--json")) for who in PEOPLE[:6]]
    return all(one["unconfirmed"] is False and one["score"] == 3 for one in shown)


def test_a_prompt_without_an_answer_is_settled_by_what_it_tells(stage):
    stage.prompt([UNANSWERED])
    wait_until("its uncertainty", lambda: stage.rows()[UNANSWERED]["state"] == "uncertain")
    (prompt,) = stage.world.prompts_to(UNANSWERED)
    made = stage.world.feedback[prompt.feedback_id]
    assert stage.deliver(stage.told(made, "feedback.created")).status_code == 200
    row = stage.rows()[UNANSWERED]
    assert (row["state"], row["feedback_id"]) == ("sent", prompt.feedback_id)
    (line,) = stage.logged("survey.resolved")
    assert line["feedback_id"] == prompt.feedback_id
    assert len(stage.world.prompts_to(UNANSWERED)) == 1


@pytest.mark.parametrize("stage", [{"horizon": "0s"}], indirect=True)
def test_a_comment_with_what_no_store_can_hold_counts_and_holds_up_no_other(stage):
    # PostgreSQL has no U+0000, and half a character is none.
    texts = dict(zip(PEOPLE, ["so \0so", "cut \ud83d", "good"], strict=False))
    wanted = dict(zip(PEOPLE, ["so so", "cut \ufffd", "good"], strict=False))
    stage.prompt(texts)
    for person, text in texts.items():
        answer = stage.deliver(stage.told(stage.answer(person, 30, text=text)))
        assert (answer.status_code, answer.json()["updates"]) == (200, 1), answer.text
    assert {person: row["text"] for person, row in stage.rows().items()} == wanted
    # By X's own word, too: no hint is left.
    read = len(stage.logged("poll.window_done"))
    wait_until("another window", lambda: len(stage.logged("poll.window_done")) > read + 5)
    assert {person: row["text"] for person, row in stage.rows().items()} == wanted
    assert stage.logged("store.unavailable") == stage.logged("poll.failed") == []
