"""One life of a business whose closes are found in its messages: said, listed or delivered, asked about; and its verdict."""

import time

import requests

import business
from crash import is_gone, states
from harness import Surveyd
from hostile_x import HostileWorld
from x_messages import deliver, delivery

ACCOUNT = business.ACCOUNTS["acme"]
US = ACCOUNT.user_id
# `every`: X allows few calls in a quarter of an hour, and a life has that long only once.
SOURCE = """
[[sources]]
name = "dms"
kind = "dm_inactivity"
account = "acme"
after = "3s"
stream = "{stream}"
{keys}
"""
EVERY = {"v1.1": 'every = "3s"', "v2": 'every = "3s"', "webhook": ""}


class TalkWorld(HostileWorld):
    """What X has delivered, and was told that it was taken, it lists no more: it is in the program's hands alone."""

    def __post_init__(self):
        super().__post_init__()
        self.delivered = []

    def deliver(self, surveyd, chance):
        """Delivers what was not taken yet, the prompts with it, one by one or together."""
        with self.lock:
            waiting = list(self.messages)
        while waiting:
            part = [waiting.pop(0) for _ in range(min(len(waiting), chance.randint(1, 3)))]
            answer = deliver(f"{surveyd.base_url}/v1/sources/dms", ACCOUNT, delivery(ACCOUNT, part))
            if answer.status_code != 200:
                return
            with self.lock:
                self.messages = [message for message in self.messages if message not in part]
                self.delivered += part


def at_work(folder, x, stream):
    folder.mkdir(parents=True, exist_ok=True)
    text = business.configuration("sqlite:surveyd.db", x.base_url, settle_after="1s")
    return Surveyd(folder, text + SOURCE.format(stream=stream, keys=EVERY[stream]), business.secrets())


class Talk:
    """What a person and the account say to each other, and whether it is asked about."""

    def __init__(self, person, lines, is_asked=True):
        self.person, self.lines, self.is_asked = person, lines, is_asked
        self.conversation = None

    def say(self, world):
        for line in self.lines:
            sender, recipient = (self.person, US) if line[0] == ">" else (US, self.person)
            message = world.say(sender, recipient, line[1:])
            self.conversation = self.conversation or f"dm-{self.person}-{message['id']}"


def talks(people):
    """Four people: answered, answered twice, somebody who wants no more, and somebody who waits."""
    answered, twice, stopped, waiting = people
    return [
        Talk(answered, (">Where is my order?", "<On its way.")),
        Talk(twice, (">Hello", "<Hello", ">My bill is wrong", "<Mended.", "<Anything else?")),
        Talk(stopped, (">What is this?", "<A survey.", ">STOP", "<As you wish."), is_asked=False),
        Talk(waiting, (">Hello?", "<Yes?", ">It is broken"), is_asked=False),
    ]


def drive(surveyd, world, asked, stream, chance, seconds):
    """Does X's part until all are asked, the program is gone, or time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not is_gone(surveyd):
        if stream == "webhook":
            try:
                world.deliver(surveyd, chance)
            except requests.RequestException:
                continue
        rows = states(surveyd)
        if all(rows.get(talk.conversation, {}).get("state") == "sent" for talk in asked):
            return "done"
        time.sleep(0.15)
    return "gone" if is_gone(surveyd) else "time is up"


def judge(surveyd, world, held):
    assert world.prompted_twice() == {}, f"prompted twice: {world.prompted_twice()}"
    assert world.faults == [], f"X had to refuse: {world.faults}"
    rows = states(surveyd)
    prompted = sorted((prompt.fields["to_user_id"], prompt.fields["external_id"]) for prompt in world.prompts)
    expected = sorted((talk.person, talk.conversation) for talk in held if talk.is_asked)
    assert prompted == expected, f"X has prompted {prompted}, not {expected}"
    for talk in held:
        row = rows.pop(talk.conversation, None)
        if talk.is_asked:
            assert row and row["state"] == "sent", f"{talk.conversation}: {row}"
        else:
            assert row is None or row["reason"] in ("opted_out", "reopened"), f"{talk.conversation}: {row}"
    assert rows == {}, f"nobody has talked of {rows}"
