"""Prompts whose answer is lost, at an X that lists the account's Direct Messages: what those show is believed."""

import pytest

import scenario
from harness import Surveyd, close, moment, new_database, wait_until
from x_server import XServer
from x_world import World

MESSAGE_ONLY = "630101"
WHOLE = "630102"
ACCOUNT = scenario.X_ACCOUNTS["line"]
DONE = ("sent", "answered", "failed", "expired")


@pytest.fixture(params=["listed", "absent"])
def lived(request, tmp_path):
    """The end of two prompts without an answer: of one only the message went out, of the other all of it."""
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0, page_size=4)
    world.lists_messages = request.param == "listed"
    world.message_only.add(MESSAGE_ONLY)
    world.unanswered.add(WHOLE)
    world.several_a_day.add(MESSAGE_ONLY)
    for number in range(5):
        world.say(str(640_100 + number), ACCOUNT.user_id, "I have a question")
    with XServer(world) as x:
        text = scenario.configuration(new_database("sqlite"), x.base_url, "users_v2")
        text = text.replace('events_horizon = "0s"', 'events_horizon = "0s"\nsettle_after = "1s"')
        surveyd = Surveyd(tmp_path, text, scenario.secrets())
        try:
            surveyd.start()
            for person in (MESSAGE_ONLY, WHOLE):
                assert surveyd.post(close("line", f"c-{person}", person, moment())).status_code == 202
            wait_until("both prompts", lambda: len(world.messages) >= 7)
            for number in range(9):
                world.say(ACCOUNT.user_id, str(640_100 + number), "We will see to it")
            wait_until("the first to be settled", lambda: is_settled(surveyd, world))
            rows = {row["user_id"]: row for row in surveyd.rows().values()}
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    yield world, rows


def is_settled(surveyd, world):
    if not world.lists_messages:
        return len(world.messages_to(MESSAGE_ONLY)) > 1
    return all(row["state"] in DONE for row in surveyd.rows().values())


def test_who_got_the_message_without_a_card_gets_no_other_where_x_lists_it(lived):
    world, rows = lived
    assert rows[WHOLE]["state"] == "sent"
    assert len(world.messages_to(WHOLE)) == 1
    assert world.faults == []
    if world.lists_messages:
        (message,) = world.messages_to(MESSAGE_ONLY)
        row = rows[MESSAGE_ONLY]
        assert (row["state"], row["feedback_id"]) == ("failed", None)
        assert message["id"] in row["reason"], row["reason"]
        assert set(world.lists_read) == {ACCOUNT.user_id} and len(world.lists_read) <= 15
    else:
        # X's events are all there is to go by, and they know of no prompt.
        assert len(world.messages_to(MESSAGE_ONLY)) == 2
