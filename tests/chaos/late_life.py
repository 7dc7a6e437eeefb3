"""A business whose clock, and X's with it, is moved on by hand: what it does, and what must be true afterwards."""

import time
from collections import Counter

import requests

import lengths
from business import ACCOUNTS, Case, at_work, people
from clocks import HOUR, FakeClock
from crash import is_gone, states, until_ready_or_gone
from harness import wait_until
from hostile_x import Fault
from late_x import LateWorld

SETTLE_AFTER_SECONDS = 60
# By when X's events must tell, past X's horizon: X may date a request five minutes later than surveyd's clock.
SETTLED_SECONDS = SETTLE_AFTER_SECONDS + 5 * 60 + 60
LIFE_SECONDS = 6
PATIENCE_SECONDS = 60  # of true time: a clock that is moved on is noticed within 30 s
# What becomes of the first answer to each prompt, and of the prompt.
FAULTS = (None, Fault("cut", "before"), Fault("reset", "before"), Fault("cut", "never"), Fault("reset", "never"),
          Fault("cut", "late"))  # fmt: skip
ENDED = ("sent", "answered", "expired")


class Story:
    """One business, the clock it shares with X, and what has become of its closes."""

    def __init__(self, number, folder):
        chance = self.chance = lengths.chance("late", number)
        self.world = LateWorld(list(ACCOUNTS.values()), page_size=2, late_by=SETTLE_AFTER_SECONDS * 0.8)
        self.cases = [Case(person) for person in people(3, chance)]
        self.faults = {case.person: chance.choice(FAULTS) for case in self.cases}
        self.world.plans = {person: [fault] for person, fault in self.faults.items() if fault}
        self.answering = {case.person for case in self.cases if chance.random() < 0.5}
        # In half the runs a survey that is settled as not sent, a day later, is still in time.
        self.is_patient = chance.random() < 0.5
        self.was_uncertain = set()
        folder.mkdir(parents=True)
        self.clock = FakeClock(folder)
        self.folder = folder / "surveyd"

    def open(self, x):
        self.surveyd = at_work(
            self.folder,
            "sqlite:surveyd.db",
            x,
            settle_after=f"{SETTLE_AFTER_SECONDS}s",
            events_horizon="",
            survey_keys='expire_after = "7d"' if self.is_patient else "",
        )

    def live(self, under, seconds, is_long=False, **environment):
        """From a start until all is at rest, and a day longer with `is_long`. Whether it came to that."""
        self.surveyd.launch(under, {**self.clock.environment, **environment})
        if not (until_ready_or_gone(self.surveyd) and self.drive(seconds)):
            return False
        if is_long:
            # Long enough for all that is uncertain to be settled.
            self.move_on(24 * HOUR + SETTLED_SECONDS)
            return self.until_read() and self.drive(seconds)
        return True

    def states(self):
        found = states(self.surveyd)
        self.was_uncertain |= {of for of, row in found.items() if row["state"] == "uncertain"}
        return found

    def drive(self, seconds):
        """Does the help desk's and the people's part until every close is sent or uncertain, or time is up."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not is_gone(self.surveyd):
            self.world.carry_out_due()
            for case in self.cases:
                if not case.is_acknowledged:
                    try:
                        case.report(self.surveyd, self.clock.now())
                    except requests.RequestException:
                        break
            else:
                if self.all_are("uncertain", *ENDED):
                    return True
            self.people_answer()
            time.sleep(0.15)
        return False

    def people_answer(self):
        with self.world.lock:
            for prompt in self.world.prompts:
                answered = self.world.feedback[prompt.feedback_id]["score"] is not None
                if prompt.fields["to_user_id"] in self.answering and not answered:
                    self.world.answer(prompt.feedback_id, 1, score=4)

    def move_on(self, seconds):
        self.states()
        self.world.move_on(self.clock, seconds)
        self.people_answer()

    def until_read(self):
        """Until surveyd has seen how late it is, by what it reads of X's events. Whether it lived that long."""
        acme, readable = ACCOUNTS["acme"], self.world.now_ms() - self.world.events_horizon_ms
        is_read = lambda: self.world.read_up_to(acme) >= readable  # noqa: E731
        wait_until("a read of events", lambda: is_read() or is_gone(self.surveyd), PATIENCE_SECONDS)
        return is_read()

    def leave_alone(self):
        """26 hours in steps. From now on X answers whatever is sent: another doubt would take another day."""
        day, chance = 24 * HOUR, self.chance
        self.world.plans.clear()
        self.people_answer()
        # Who is prompted later may answer later than X's events tell within these hours.
        answered = self.answering & self.received().keys()
        steps = sorted(chance.randrange(1, day + SETTLE_AFTER_SECONDS) for _ in range(chance.choice((1, 2, 3))))
        settled_at = chance.randrange(day + SETTLED_SECONDS, 25 * HOUR - PATIENCE_SECONDS)
        passed = 0
        for step in (*steps, settled_at, 26 * HOUR):
            self.move_on(step - passed)
            passed = step
            assert self.until_read(), f"ended with {self.surveyd.process.poll()}"
            if step == settled_at:
                wait_until("an end of all doubt within 25 hours", lambda: self.all_are(*ENDED), PATIENCE_SECONDS)
        wait_until("the answers of the first day", lambda: self.answers() >= answered, PATIENCE_SECONDS)

    def all_are(self, *states):
        found = self.states()
        return len(found) == len(self.cases) and all(row["state"] in states for row in found.values())

    def answers(self):
        """Whose answers have been read."""
        return {row["user_id"] for row in self.states().values() if row["state"] == "answered"}

    def received(self):
        with self.world.lock:
            return {prompt.fields["to_user_id"]: prompt.feedback_id for prompt in self.world.prompts}

    def judge(self):
        world, rows = self.world, self.states()
        assert world.prompted_twice() == {}, f"prompted twice: {world.prompted_twice()}"
        # Asked for at the moment when the clocks were moved.
        unexpected = [fault for fault in world.faults if "to_time is too recent" not in fault]
        assert unexpected == [], f"X had to refuse: {unexpected}"
        assert len(rows) == len(self.cases), f"{len(rows)} rows"
        received = self.received()
        for case in self.cases:
            row = rows.get(case.conversation)
            assert row, f"the acknowledged close {case.conversation} is missing"
            label = f"{case.conversation} ({self.faults[case.person]}) is {row['state']}"
            if case.person in received:
                assert row["state"] in ("sent", "answered"), f"{label}, and X has prompted"
                assert row["feedback_id"] == received[case.person], f"{label} with another's feedback"
            else:
                assert row["state"] == "expired" and not self.is_patient, f"{label}, and X has not prompted"
                assert case.conversation in self.was_uncertain, f"{label} and was never uncertain"
            posts = world.attempts_to(case.person)
            for first, second in zip(posts, posts[1:]):
                assert world.is_proved(ACCOUNTS["acme"], first, second, SETTLE_AFTER_SECONDS), f"{label}: no proof"

    def outcomes(self):
        """How each survey that was ever uncertain has ended."""
        found = self.states()
        posts = {case.conversation: len(self.world.attempts_to(case.person)) for case in self.cases}
        unsent = {of for of in self.was_uncertain if posts[of] > 1 or found[of]["feedback_id"] is None}
        named = {of: "shown to be sent" for of in self.was_uncertain - unsent}
        return Counter({**named, **{of: "not sent" for of in unsent}}.values()), sum(n > 1 for n in posts.values())
