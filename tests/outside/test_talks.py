"""Talks by Direct Messages, as X lists and delivers them: who is asked about which, and who is not."""

import json

import pytest
import requests

import scenario
from harness import Surveyd, close, moment, new_database, wait_until
from x_messages import deliver, delivery, signed
from x_server import XServer
from x_world import Account, World

ACCOUNT = scenario.X_ACCOUNTS["line"]
US = ACCOUNT.user_id
SOURCE = """
[[sources]]
name = "dms"
kind = "dm_inactivity"
account = "line"
after = "2s"
stream = "{stream}"
{keys}
"""
ANSWERED, TWICE, WAITING, UNASKED, STOPPED = "700101", "700102", "700103", "700104", "700105"


def program(folder, x, stream, keys="", store="sqlite"):
    text = scenario.configuration(new_database(store), x.base_url, "users_v2")
    return Surveyd(folder, text + SOURCE.format(stream=stream, keys=keys), scenario.secrets())


@pytest.fixture
def world():
    return World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0)


def talk(world, person, seconds_ago=0):
    """A person asks and is answered; both messages."""
    asked = world.say(person, US, "Where is my order?", seconds_ago)
    return [asked, world.say(US, person, "It is on its way.", seconds_ago)]


def of_talks(surveyd):
    rows = [row for row in surveyd.rows().values() if row["source"] == "dms"]
    return {row["conversation_id"]: row for row in rows}


def name(person, first):
    return f"dm-{person}-{first['id']}"


def are_sent(surveyd, *names):
    rows = of_talks(surveyd)
    return all(rows.get(name, {}).get("state") == "sent" for name in names)


def readings(world):
    with world.lock:
        return len(world.lists_read)


@pytest.mark.parametrize("stream", ["v1.1", "v2"])
def test_who_was_answered_is_asked_once_through_kills_and_the_prompt_is_no_answer(store, stream, world, tmp_path):
    asked, _ = talk(world, ANSWERED)
    twice, _ = talk(world, TWICE)
    world.say(TWICE, US, "&lt; & <b>?")
    world.say(US, TWICE, "See https://acme.example/help")
    world.say(WAITING, US, "Hello?")
    world.say(US, UNASKED, "We have news.")
    stopped, _ = talk(world, STOPPED)
    world.say(STOPPED, US, "Stop!")
    world.say(US, STOPPED, "As you wish.")
    with XServer(world) as x:
        surveyd = program(tmp_path, x, stream, 'every = "3s"', store)
        try:
            surveyd.start()
            wait_until("the first reading", lambda: readings(world) >= 1)
            surveyd.kill()
            surveyd.start()
            names = name(ANSWERED, asked), name(TWICE, twice)
            wait_until("both prompts", lambda: are_sent(surveyd, *names))
            # The account's prompts are its last word to everybody now.
            assert surveyd.post(close("line", "c-1", WAITING, moment())).status_code == 202
            wait_until("the third prompt", lambda: world.prompts_to(WAITING))
            before = readings(world)
            wait_until("two readings more", lambda: readings(world) >= before + 2)
            surveyd.kill()
            surveyd.start()
            wait_until("another reading", lambda: readings(world) >= before + 3)
            rows = of_talks(surveyd)
            assert set(rows) == {*names, name(STOPPED, stopped)}, rows
            row = rows[names[0]]
            assert (row["user_id"], row["account"]) == (ANSWERED, "line")
            assert rows[name(STOPPED, stopped)]["state"] == "suppressed"
            assert rows[name(STOPPED, stopped)]["reason"] == "opted_out"
            listed = json.loads(surveyd.run("optout", "list", "--json"))
            assert [(one["user_id"], one["account"]) for one in listed] == [(STOPPED, "line")]
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert sorted(prompt.fields["to_user_id"] for prompt in world.prompts) == sorted((ANSWERED, TWICE, WAITING))
    assert world.faults == []
    assert set(world.lists_read) == {US} and len(world.lists_read) <= 15


def test_half_a_character_in_somebodys_message_holds_up_nobody(world, tmp_path):
    world.say(WAITING, US, "cut \ud83d")
    asked, _ = talk(world, ANSWERED)
    with XServer(world) as x:
        surveyd = program(tmp_path, x, "v1.1", 'every = "3s"')
        try:
            surveyd.start()
            wait_until("the prompt", lambda: are_sent(surveyd, name(ANSWERED, asked)))
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()


def test_a_backlog_is_read_page_by_page_and_the_gap_beyond_is_left_out(world, tmp_path):
    world.page_size = 8
    old = [talk(world, str(710_000 + n), seconds_ago=9 * 24 * 3600) for n in range(40)]
    new = [talk(world, str(720_000 + n), seconds_ago=600) for n in range(11)]
    with XServer(world) as x:
        surveyd = program(tmp_path, x, "v1.1")
        try:
            surveyd.start()
            names = [name(str(720_000 + n), first) for n, (first, _) in enumerate(new)]
            wait_until("all prompts", lambda: are_sent(surveyd, *names))
            assert set(of_talks(surveyd)) == set(names)
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert len(old) == 40 and len(world.prompts) == 11
    assert world.faults == [] and len(world.lists_read) <= 10


@pytest.fixture
def hooked(world, store, tmp_path):
    """A program that X delivers to, and that has read what there was before."""
    with XServer(world) as x:
        surveyd = program(tmp_path, x, "webhook", store=store)
        try:
            surveyd.start()
            yield surveyd
            assert world.faults == []
        finally:
            surveyd.kill()


def address(surveyd, source="dms"):
    return f"{surveyd.base_url}/v1/sources/{source}"


def test_x_is_shown_that_the_address_is_ours(hooked):
    # As X's own documents have it, with any characters that base64 has.
    for token in ("challenge_string", "MjE0NzQ4MzY0Nw==", "a+b/c-d.e~f"):
        answer = requests.get(address(hooked), params={"crc_token": token, "nonce": "7"}, timeout=10)
        assert answer.status_code == 200
        assert answer.json() == {"response_token": signed(ACCOUNT, token.encode())}
    # What could be a delivery is not signed for whoever asks.
    for token in (json.dumps(delivery(ACCOUNT, [])), "123", "1234567890123456", "1e99999999", "true", "null", "[]"):
        assert requests.get(address(hooked), params={"crc_token": token}, timeout=10).status_code == 422, token
    assert requests.get(address(hooked), timeout=10).status_code == 405
    assert requests.get(address(hooked, "helpdesk"), params={"crc_token": "a"}, timeout=10).status_code == 405
    assert requests.get(address(hooked, "nobody"), params={"crc_token": "a"}, timeout=10).status_code == 404


def test_what_x_did_not_sign_is_refused_and_changes_nothing(hooked, world):
    messages = talk(world, ANSWERED)
    world.messages.clear()
    body = delivery(ACCOUNT, messages)
    for wrong in ("sha256=", "sha256=AAAA", "nothing", signed(scenario.ACME, json.dumps(body).encode())):
        assert deliver(address(hooked), ACCOUNT, body, wrong).status_code == 401
    assert requests.post(address(hooked), json=body, timeout=10).status_code == 401
    for raw, status in ((b"not JSON", 415), (b"[1]", 422), (b'{"hello": 1}', 422), (b"{" + b" " * 300_000, 413)):
        answer = deliver(address(hooked), ACCOUNT, raw)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    # Signed and another account's: nothing of ours.
    answer = deliver(address(hooked), ACCOUNT, {**body, "for_user_id": "77"})
    assert (answer.status_code, answer.json()) == (200, {"messages": 0})
    # Of an account of another app it is not X's word.
    other = delivery(scenario.ACME, world.messages)
    assert deliver(address(hooked), scenario.ACME, other).status_code == 401
    # What is no message is nothing, too: X delivers all sorts.
    others = {"for_user_id": US, "direct_message_mark_read_events": [{"created_timestamp": "1"}]}
    assert deliver(address(hooked), ACCOUNT, others).json() == {"messages": 0}
    # One that X did sign: when it is asked about, the others would have been.
    good = talk(world, TWICE, seconds_ago=5)
    assert deliver(address(hooked), ACCOUNT, delivery(ACCOUNT, good)).json() == {"messages": 2}
    assert hooked.stop() == 0
    hooked.start()
    wait_until("the prompt", lambda: are_sent(hooked, name(TWICE, good[0])))
    assert set(of_talks(hooked)) == {name(TWICE, good[0])}


def test_what_was_delivered_and_answered_outlives_a_kill_and_is_asked_about_once(hooked, world):
    messages = talk(world, ANSWERED, seconds_ago=5)
    # X lists it no more: it is in the program's hands alone.
    world.messages.clear()
    for message in reversed(messages):
        answer = deliver(address(hooked), ACCOUNT, delivery(ACCOUNT, [message]))
        assert (answer.status_code, answer.json()) == (200, {"messages": 1})
    hooked.kill()
    hooked.start()
    asked = name(ANSWERED, messages[0])
    wait_until("the prompt", lambda: are_sent(hooked, asked))
    # Again, the prompt with it, in the other envelope.
    everything = delivery(ACCOUNT, messages + world.messages)
    x_activity = {"data": {"event_type": "dm.sent", "filter": {"user_id": US}, "payload": everything}}
    del everything["for_user_id"]
    assert deliver(address(hooked), ACCOUNT, x_activity).json() == {"messages": 3}
    # And now one that was never away.
    second = talk(world, TWICE)
    deliver(address(hooked), ACCOUNT, delivery(ACCOUNT, second))
    wait_until("the second prompt", lambda: are_sent(hooked, name(TWICE, second[0])))
    assert set(of_talks(hooked)) == {asked, name(TWICE, second[0])}
    assert len(world.prompts) == 2


def test_what_a_delivery_held_that_cannot_be_read_is_read_from_the_list(hooked, world):
    first = talk(world, TWICE)
    deliver(address(hooked), ACCOUNT, delivery(ACCOUNT, first))
    wait_until("the first prompt, and with it the first reading", lambda: are_sent(hooked, name(TWICE, first[0])))
    messages = talk(world, ANSWERED)
    cut = json.dumps(delivery(ACCOUNT, messages)).encode()[:-40]
    assert deliver(address(hooked), ACCOUNT, cut).status_code == 415
    # Nothing else would have it read before fifteen minutes are over.
    wait_until("the prompt", lambda: are_sent(hooked, name(ANSWERED, messages[0])))


def test_one_address_is_that_of_all_accounts_of_an_app(world, tmp_path):
    acme = scenario.ACME
    of_one_app = Account(acme.user_id, acme.consumer_key, ACCOUNT.consumer_secret, acme.token, acme.token_secret)
    world.accounts = [of_one_app if account == acme else account for account in world.accounts]
    with XServer(world) as x:
        surveyd = program(tmp_path, x, "webhook")
        other = SOURCE.format(stream="webhook", keys="").replace('"dms"', '"acme-dms"').replace('"line"', '"acme"')
        surveyd.config.write_text(surveyd.config.read_text() + other)
        (tmp_path / "acme-consumer-secret").write_text(ACCOUNT.consumer_secret)
        asked = world.say(ANSWERED, acme.user_id, "Hello", 5)
        answered = world.say(acme.user_id, ANSWERED, "Hello to you", 5)
        world.messages.clear()
        try:
            surveyd.start()
            answer = deliver(address(surveyd), ACCOUNT, delivery(of_one_app, [asked, answered]))
            assert (answer.status_code, answer.json()) == (200, {"messages": 2})
            wait_until("the prompt", lambda: world.prompts_to(ANSWERED))
            (row,) = wait_until("its row", surveyd.rows).values()
            assert (row["source"], row["account"]) == ("acme-dms", "acme")
            assert row["conversation_id"] == name(ANSWERED, asked)
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert world.faults == []


def test_faults_of_the_configuration_are_told_with_their_remedies(world, tmp_path):
    with XServer(world) as x:
        surveyd = program(tmp_path, x, "v1.1")
        shown = json.loads(surveyd.run("sources", "list", "--json"))
        (dms,) = [source for source in shown if source["source"] == "dms"]
        assert (dms["kind"], dms["account"]) == ("dm_inactivity", "line")
        again = SOURCE.format(stream="push", keys='stop_words = ["?"]').replace('"dms"', '"again"')
        surveyd.config.write_text(surveyd.config.read_text() + again.replace('"2s"', '"0s"'))
        told = json.loads(surveyd.run("check", "--json", code=78))
    keys = {fault["key"] for fault in told["faults"]}
    assert keys == {f"sources.again.{key}" for key in ("account", "after", "stream", "stop_words")}
