"""The day goes on after a restart, on the same state folder.

These tests add to what the others read; their file comes last by its name, and so they run last.
"""

from collections import Counter

from day import take
from harness import close, moment, reopening, wait_until
from scenario import Talk


def test_started_again_it_prompts_nobody_a_second_time(day):
    """Last in this file: it goes on with the same state folder."""
    before = Counter(prompt.fields["to_user_id"] for prompt in day.world.prompts)
    day.surveyd.start()
    later = Talk("acme", "after-the-restart", "690001", closed_at=moment())
    take(day.surveyd, later.account, later.conversation, later.user, later.closed_at)
    wait_until("the prompt of a later close", lambda: day.world.prompts_to(later.user))
    repeated = day.surveyd.post(close("acme", "c-42", day.talks[0].user, day.talks[0].closed_at))
    assert (repeated.status_code, repeated.json()["survey_id"]) == (200, day.answers["c-42"]["survey_id"])
    assert day.surveyd.stop() == 0
    after = Counter(prompt.fields["to_user_id"] for prompt in day.world.prompts)
    assert after == before + Counter([later.user])
    assert day.world.faults == []


def test_a_reopened_conversation_is_not_surveyed(day):
    """With the account that waits an hour; on the same state folder, too."""
    day.surveyd.start()
    made = take(day.surveyd, "slow", "reopened", "680001")
    assert made["state"] == "scheduled"
    answer = day.surveyd.post(reopening("slow", "reopened", "680001"))
    assert (answer.status_code, answer.json()["survey_id"]) == (200, made["survey_id"])
    answer = day.surveyd.post(reopening("slow", "never-closed", "680002"))
    assert (answer.status_code, answer.json()) == (200, {"survey_id": None})
    row = next(row for (_, of, _), row in day.surveyd.rows().items() if of == "reopened")
    assert (row["state"], row["reason"]) == ("cancelled", "reopened")
    assert day.surveyd.stop() == 0
