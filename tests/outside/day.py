"""One long run of the program, from the closes to the results, for the tests to read their facts off.

Nothing is asserted here but that it gets to its end; what it left is a `Day`.
"""

from dataclasses import dataclass

import scenario
from harness import Surveyd, close, moment, new_database, parse, wait_until
from x_server import XServer
from x_world import Refusal, World

UNMESSAGEABLE = [str(610_000 + index) for index in range(5)]
REFUSED_THOUGH_OPEN = "620001"  # can_dm says yes, create says 349
REFUSED_FOR_NO_KNOWN_REASON = "620002"
NOBODY = "620003"
LINE_WENT_DEAD = "630001"
TWICE = "640001"
THROTTLED = "640002"
NUMERIC = 640003
LONG_AGO = "650001"


@dataclass
class Day:
    """What the run left: X's side, surveyd's answers to the closes, and its results."""

    world: World
    surveyd: Surveyd
    talks: list
    answers: dict  # conversation -> the JSON that the close was answered with
    rows: dict
    column_names: list
    csv_rows: list
    stopped_with: int

    def row(self, account, conversation, closed_at=None):
        found = [
            row
            for (in_account, of, at), row in self.rows.items()
            if (in_account, of) == (account, conversation) and (closed_at is None or parse(at) == parse(closed_at))
        ]
        assert len(found) == 1, found
        return found[0]


def live(kind, folder):
    """Lives through the day on a database of this kind; gives it out, and ends the program afterwards."""
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0, page_size=7)
    world.cannot_dm.update(UNMESSAGEABLE)
    world.unknown.add(NOBODY)
    world.several_a_day.add(TWICE)
    world.unanswered.add(LINE_WENT_DEAD)
    world.refused[REFUSED_THOUGH_OPEN] = Refusal(403, 349, "You cannot send messages to this user.", scripted=True)
    world.refused[REFUSED_FOR_NO_KNOWN_REASON] = Refusal(403, 9999, "A reason nobody published.", scripted=True)
    world.hiccups = 2
    with XServer(world) as x:
        # The batched look-up on one database, the single one on the other.
        can_dm = "users_v2" if kind == "postgres" else "friendships_show"
        text = scenario.configuration(new_database(kind), x.base_url, can_dm)
        surveyd = Surveyd(folder, text, scenario.secrets())
        try:
            surveyd.start()
            yield live_through(world, surveyd)
        finally:
            surveyd.kill()


def live_through(world, surveyd):
    talks = scenario.talks()
    answers = {}
    for turn, talk in enumerate(talks):
        talk.closed_at = moment(seconds_ago=turn % 7)
        # Every fourth by the source that knows its account itself.
        if talk.account == "acme" and turn % 4 == 0:
            notice = close(None, talk.conversation, talk.user, talk.closed_at, **talk.data)
            answer = surveyd.post(notice, source="acme-desk", secret=scenario.OTHER_WEBHOOK_SECRET)
        else:
            notice = close(talk.account, talk.conversation, talk.user, talk.closed_at, **talk.data)
            answer = surveyd.post(notice)
        assert answer.status_code == 202, (talk, answer.status_code, answer.text)
        answers[talk.conversation] = answer.json()
    for person in UNMESSAGEABLE:
        take(surveyd, "acme", f"closed-to-{person}", person)
    take(surveyd, "acme", "open-but-refused", REFUSED_THOUGH_OPEN)
    take(surveyd, "acme", "refused-why", REFUSED_FOR_NO_KNOWN_REASON)
    take(surveyd, "acme", "nobody-there", NOBODY)
    take(surveyd, "line", "dead-line", LINE_WENT_DEAD)
    take(surveyd, "acme", 4711, NUMERIC)
    answers["long-ago"] = take(surveyd, "acme", "long-ago", LONG_AGO, moment(13 * 3600))
    take(surveyd, "globex", "again", TWICE, moment(90))
    take(surveyd, "acme", "first-talk", THROTTLED, moment(90))

    prompted = len(talks) + 4  # the line that went dead, the numeric one, and the first talks of two people
    wait_until(f"{prompted} prompts", lambda: len(world.prompts) >= prompted)
    take(surveyd, "globex", "again", TWICE, moment(30))
    take(surveyd, "acme", "second-talk", THROTTLED, moment(30))
    wait_until("the second prompt to one person", lambda: len(world.prompts_to(TWICE)) == 2)

    people_answer(world, surveyd, talks)
    wait_until("every survey to be settled", lambda: settled(surveyd, world, talks), seconds=90)
    rows = surveyd.rows()
    column_names, csv_rows = surveyd.csv_rows()
    code = surveyd.stop()
    return Day(world, surveyd, talks, answers, rows, column_names, csv_rows, code)


def take(surveyd, account, conversation, user, closed_at=None):
    answer = surveyd.post(close(account, conversation, user, closed_at or moment()))
    assert answer.status_code == 202, (conversation, answer.status_code, answer.text)
    return answer.json()


def people_answer(world, surveyd, talks):
    """The answers, in parts: in order, the newest first in two separate reads, repeated."""
    held = []
    for talk in talks:
        feedback_id = world.prompts_to(talk.user)[0].feedback_id
        if talk.how == "newest first":
            versions = [world.answer(feedback_id, *part, tell=False) for part in talk.parts]
            world.publish("feedback.updated", versions[-1])
            held += versions[:-1]
        else:
            for part in talk.parts:
                version = world.answer(feedback_id, *part)
                if talk.how == "repeated":
                    for _ in range(3):
                        world.publish("feedback.updated", version)
    newest_first = [talk for talk in talks if talk.how == "newest first"]
    wait_until("the newest answers to be read", lambda: all(text_of(surveyd, talk) for talk in newest_first))
    for version in held:
        world.publish("feedback.updated", version)


def text_of(surveyd, talk):
    return next(row["text"] for (_, of, _), row in surveyd.rows().items() if of == talk.conversation)


def settled(surveyd, world, talks):
    """Nothing is on its way any more, and every update that X published has been counted."""
    rows = surveyd.rows()
    if any(row["state"] in ("scheduled", "sending") for row in rows.values()):
        return False
    wanted = {talk.conversation: updates_of(world, talk) for talk in talks}
    return all(row["updates"] == wanted[of] for (_, of, _), row in rows.items() if of in wanted)


def updates_of(world, talk):
    """How many different `updated_at` X has shown for the prompt of a talk, creation included."""
    feedback_id = world.prompts_to(talk.user)[0].feedback_id
    return len({e["feedback"]["updated_ms"] // 1000 for _, _, e in world.events if e["feedback"]["id"] == feedback_id})
