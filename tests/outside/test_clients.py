"""One stock OAuth 1.0a client against both simulated X's: surveyd's own sandbox and the one written apart.

What the two agree on with requests-oauthlib in between is not a mistake that surveyd shares with its sandbox.
"""

import re
import subprocess
import time
import tomllib
from dataclasses import dataclass

import pytest
import requests
from requests_oauthlib import OAuth1Session

import scenario
from harness import BINARY, clean_environment, wait_until
from x_server import XServer
from x_world import World

PEOPLE = [str(343_434_343_434 + number) for number in range(100)]
MESSAGE = "Grüße & 100% thanks + «how» did we do? 👍🏽\n*!'()~"


@dataclass
class Api:
    """A simulated X and one account's keys to it."""

    base_url: str
    user_id: str
    keys: tuple  # consumer key and secret, token and its secret
    horizon_ms: int
    person: str = ""

    def __post_init__(self):
        """Finds somebody who can be messaged: not everybody of a sandbox can."""
        answer = self.get("/2/users", ids=",".join(PEOPLE), **{"user.fields": "receives_your_dm"})
        self.person = next(person["id"] for person in answer.json()["data"] if person["receives_your_dm"])

    def session(self, *changed):
        keys = list(self.keys)
        for position in changed:
            keys[position] += "x"
        return OAuth1Session(*keys)

    def create(self, session=None, **fields):
        form = {
            "type": "nps",
            "to_user_id": self.person,
            "message": MESSAGE,
            "privacy_url": "https://mybusiness.example/privacy?a=1&b=2",
            **fields,
        }
        return (session or self.session()).post(f"{self.base_url}/1.1/feedback/create.json", data=form, timeout=10)

    def get(self, path, session=None, **parameters):
        return (session or self.session()).get(self.base_url + path, params=parameters, timeout=10)


@pytest.fixture(params=["the X of these tests", "surveyd sandbox"])
def api(request, tmp_path):
    if request.param == "surveyd sandbox":
        yield from sandbox(tmp_path)
        return
    with XServer(World([scenario.ACME], events_horizon_ms=0)) as x:
        keys = scenario.ACME
        yield Api(x.base_url, keys.user_id, (keys.consumer_key, keys.consumer_secret, keys.token, keys.token_secret), 0)


def sandbox(folder):
    """`surveyd sandbox` on a free port; its keys come from the configuration that it prints."""
    printed = folder / "printed"
    with open(printed, "wb") as out:
        process = subprocess.Popen(
            [BINARY, "sandbox", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=clean_environment(),
        )
    try:
        configuration = wait_until("the sandbox's configuration", lambda: printed_configuration(process, printed))
        account = configuration["accounts"][0]
        names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
        x = configuration["x"]
        keys = tuple(account[name] for name in names)
        yield Api(x["base_url"], str(account["user_id"]), keys, seconds(x.get("events_horizon", "24h")) * 1000)
    finally:
        process.terminate()
        process.wait(timeout=10)


def printed_configuration(process, printed):
    """The TOML among what the sandbox has printed, from its first table on; none while it is incomplete."""
    text = printed.read_text()
    assert process.poll() is None, f"the sandbox ended with {process.poll()}\n{text}"
    start = re.search(r"^\s*\[", text, re.MULTILINE)
    if start is None:
        return None
    try:
        configuration = tomllib.loads(text[start.start() :])
    except tomllib.TOMLDecodeError:
        return None
    complete = "accounts" in configuration and "access_token_secret" in configuration["accounts"][0]
    return configuration if complete and "x" in configuration else None


def seconds(length):
    amount, unit = re.fullmatch(r"(\d+)(s|m|h|d)", length).groups()
    return int(amount) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def test_a_prompt_signed_by_a_stock_client_is_created(api):
    answer = api.create(
        external_id="ticket & 5555+%26", question_variant_id="3", display_name="My Business", test="true"
    )
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["id"].isdecimal() and made["dm_id"].isdecimal()
    assert str(made["question_variant_id"]) == "3"
    assert {name: made[name] for name in ("type", "to_user_id", "from_user_id", "external_id", "display_name")} == {
        "type": "nps",
        "to_user_id": api.person,
        "from_user_id": api.user_id,
        "external_id": "ticket & 5555+%26",
        "display_name": "My Business",
    }
    assert made["privacy_url"] == "https://mybusiness.example/privacy?a=1&b=2"
    assert "response" not in made


def test_a_created_prompt_can_be_shown(api):
    made = api.create().json()
    shown = api.get(f"/1.1/feedback/show/{made['id']}.json")
    assert shown.status_code == 200, shown.text
    assert (shown.json()["id"], shown.json()["to_user_id"]) == (made["id"], api.person)


def test_an_unknown_feedback_is_404(api):
    assert api.get("/1.1/feedback/show/1.json").status_code == 404


def test_events_are_read_up_to_the_horizon_and_not_beyond(api):
    api.create()
    to_time = int(time.time() * 1000) - api.horizon_ms
    read = api.get("/1.1/feedback/events.json", from_time=to_time - 60_000, to_time=to_time, count=100)
    assert read.status_code == 200, read.text
    assert isinstance(read.json()["events"], list) and isinstance(read.json()["next_cursor"], str)
    beyond = api.get("/1.1/feedback/events.json", from_time=to_time, to_time=to_time + 3_600_000, count=100)
    assert 400 <= beyond.status_code < 500, beyond.text
    assert beyond.json()["errors"][0]["code"]


def test_can_dm_stands_in_the_friendship(api):
    answer = api.get("/1.1/friendships/show.json", source_id=api.user_id, target_id=api.person)
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json()["relationship"]["source"]["can_dm"], bool)


def test_can_dm_stands_in_the_users_of_version_two(api):
    answer = api.get("/2/users", ids=",".join(PEOPLE), **{"user.fields": "receives_your_dm"})
    assert answer.status_code == 200, answer.text
    found = {person["id"]: person["receives_your_dm"] for person in answer.json()["data"]}
    assert set(found) <= set(PEOPLE) and all(isinstance(can_dm, bool) for can_dm in found.values())


def test_the_credentials_are_the_account_s(api):
    answer = api.get("/1.1/account/verify_credentials.json")
    assert answer.status_code == 200, answer.text
    assert answer.json()["id_str"] == api.user_id


def test_the_message_of_a_prompt_is_listed_with_its_links_made_short(api):
    made = api.create(message="1 < 2 & more:\nhttps://acme.example/a?b=c or not").json()
    listed, pages, cursor = [], 0, {}
    while not pages or cursor:
        answer = api.get("/1.1/direct_messages/events/list.json", count=50, **cursor)
        assert answer.status_code == 200, answer.text
        page, pages = answer.json(), pages + 1
        listed += page["events"]
        # A page may be empty; the last has no cursor.
        cursor = {"cursor": page["next_cursor"]} if "next_cursor" in page else {}
    [event] = [event for event in listed if event["id"] == made["dm_id"]]
    assert (event["type"], event["message_create"]["sender_id"]) == ("message_create", api.user_id)
    assert event["message_create"]["target"]["recipient_id"] == api.person
    assert abs(int(event["created_timestamp"]) - time.time() * 1000) < 60_000
    text = event["message_create"]["message_data"]["text"]
    assert re.match(r"1 &lt; 2 &amp; more:\nhttps://t\.co/\w+ or not", text), text
    assert (answer.headers["x-rate-limit-limit"], answer.headers["x-rate-limit-remaining"]) == (
        "15",
        str(15 - pages),
    )


def test_every_answer_says_what_is_left(api):
    answer = api.get("/1.1/friendships/show.json", source_id=api.user_id, target_id="1")
    left = {name: int(answer.headers[f"x-rate-limit-{name}"]) for name in ("limit", "remaining", "reset")}
    assert (left["limit"], left["remaining"]) == (180, 179)
    assert left["reset"] > time.time()


def test_a_second_prompt_to_the_same_person_is_refused(api):
    assert api.create().status_code == 200
    assert 400 <= api.create().status_code < 500


@pytest.mark.parametrize("position", [0, 1, 2, 3], ids=["consumer key", "consumer secret", "token", "token secret"])
def test_wrong_keys_are_refused(api, position):
    answer = api.create(session=api.session(position))
    assert answer.status_code == 401, answer.text
    assert answer.json()["errors"][0]["code"] in (32, 89)


def test_a_form_changed_after_signing_is_refused(api):
    signed = api.create().request
    changed = signed.copy()
    changed.body = signed.body.replace(b"type=nps", b"type=csat")
    assert changed.body != signed.body
    assert api.session().send(changed, timeout=10).status_code == 401


def test_a_request_sent_again_unchanged_is_refused(api):
    signed = api.get("/1.1/account/verify_credentials.json").request
    assert api.session().send(signed, timeout=10).status_code == 401


def test_a_request_without_a_signature_is_refused(api):
    answer = requests.post(f"{api.base_url}/1.1/feedback/create.json", data={"type": "nps"}, timeout=10)
    assert answer.status_code in (400, 401)
    assert answer.json()["errors"][0]["code"] in (32, 215)
