"""A clock that jumps by hours and years breaks no limit of X's, sends nothing early and stalls nothing.

Each run is one business whose machine's clock is set while surveyd works: by `jump`, back to the true time, and on.
X's clock is the true one.
"""

import time

import pytest

import lengths
from business import ACCOUNTS, Case, at_work, people
from clocks import DAY, HOUR, FakeClock, for_a_while
from crash import states
from harness import new_database, wait_until
from hostile_x import Fault, HostileWorld, HostileX

JUMPS = {"two hours": 2 * HOUR, "minus two hours": -2 * HOUR, "400 days": 400 * DAY, "minus 400 days": -400 * DAY}
PROMPT_SECONDS = 60  # the promise: no stall that is longer
QUIET_SECONDS = 4


class Story:
    """surveyd at work on a clock of its own."""

    def __init__(self, folder, x, chance, **settings):
        folder.mkdir(parents=True)
        self.world = x.world
        self.clock = FakeClock(folder)
        self.people = iter(people(200, chance))
        self.surveyd = at_work(
            folder / "surveyd",
            "sqlite:surveyd.db",
            x,
            settle_after="1s",
            delays={"torn": "1h"},
            limits={"limited": "daily_limit_per_user = 1", "refused": "daily_limit = 3\ndaily_limit_per_user = 1000"},
            **settings,
        )

    def report(self, account="acme", person=None):
        """A close at this moment of surveyd's clock."""
        person = person or next(self.people)
        at = self.clock.moment()
        case = Case(person, account, conversation=f"c-{person}-{self.clock.ahead}", closed_at=at)
        case.notice["timestamp"] = at
        answer = self.surveyd.post(case.notice, at=self.clock.now())
        assert answer.status_code in (200, 202), answer.text
        return case

    def report_by_true_time(self):
        """The same by the help desk's clock, which is right."""
        case = Case(next(self.people), "acme")
        answer = self.surveyd.post(case.notice)
        assert answer.status_code in (200, 202), f"with the clock at {self.clock.ahead:+d} s: {answer.text}"
        return case

    def is_prompted(self, *cases):
        return all(self.world.prompted()[case.person, case.conversation] == 1 for case in cases)

    def sent_in_time(self, *cases):
        wait_until(f"the prompts with the clock at {self.clock.ahead:+d} s", lambda: self.is_prompted(*cases),
                   PROMPT_SECONDS)  # fmt: skip

    def answered_in_time(self, *cases):
        """People answer, and surveyd reads it, wherever its clock stands."""
        for case in cases:
            self.world.answer(self.world.prompts_to(case.person)[0].feedback_id, 1, score=5)
        wanted = {case.conversation for case in cases}
        wait_until(f"the answers with the clock at {self.clock.ahead:+d} s", lambda: wanted <= self.answered(),
                   PROMPT_SECONDS)  # fmt: skip

    def answered(self):
        return {of for of, row in states(self.surveyd).items() if row["state"] == "answered"}

    def sends_nothing(self):
        posts = len(self.world.attempts)
        return for_a_while(QUIET_SECONDS, lambda: len(self.world.attempts) == posts)


def live_through(jump, number, folder):
    chance = lengths.chance("clock", jump, number)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    with HostileX(world) as x:
        story = Story(folder, x, chance)
        surveyd = story.surveyd
        try:
            surveyd.launch(environment=story.clock.environment)
            wait_until("surveyd is ready", surveyd.ready)
            first = [story.report() for _ in range(3)]
            once = story.report("limited")
            full = [story.report("refused") for _ in range(3)]
            in_an_hour = story.report("torn")
            story.sent_in_time(*first, once, *full)
            time.sleep(1.5)  # until the next read of events is planned by the clock as it is

            story.clock.set(jump)
            lost = next(story.people)
            world.plans[lost] = [Fault("cut", "before")]
            second = [story.report(), story.report("acme", lost)]
            again, over = story.report("limited", once.person), [story.report("refused") for _ in range(2)]
            if jump < 0:
                # X's events have been read, so surveyd knows X's time; it sends nothing all the same.
                assert story.sends_nothing(), "sent before the last recorded instant"
            else:
                story.sent_in_time(*second)
            story.answered_in_time(first[0])
            assert jump > 0 or not story.is_prompted(in_an_hour), "sent before its time"
            # X has told the time by now.
            true = story.report_by_true_time()

            # Where the clock ran ahead, the last instant on record lies ahead now; X's clock tells that it is the
            # record that is wrong.
            story.clock.set(0)
            third = [true, *(story.report() for _ in range(2))]
            # By both clocks some closed 400 days ago: too late for a prompt.
            late = {-400 * DAY: second}.get(jump, [])
            asked = [case for case in (*second, *third) if case not in late]
            story.sent_in_time(*asked)
            story.answered_in_time(*first[1:], *asked)
            rows = states(surveyd)
            assert {rows[case.conversation]["state"] for case in late} <= {"expired"}
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert world.prompted_twice() == {}
    assert jump > 0 or not world.attempts_to(in_an_hour.person), "sent before its time"
    # By X's clock all of this was one day.
    assert len(world.prompts_to(once.person)) == 1, "one person was prompted twice in a day of X's"
    assert len(world.attempts_to(again.person)) == 1
    assert sum(len(world.attempts_to(case.person)) for case in (*full, *over)) == 3, "the account's day was overrun"
    unexpected = [fault for fault in world.faults if "to_time is too recent" not in fault]
    assert unexpected == []
    return jump


def test_a_clock_that_jumps_breaks_no_limit_sends_nothing_early_and_stalls_nothing(tmp_path):
    total = lengths.runs(8, 40)
    names = sorted(JUMPS)

    def run(number):
        name = names[number % len(names)]
        return live_through(JUMPS[name], number, tmp_path / str(number))

    results = lengths.in_parallel(run, range(total))
    lengths.count(f"clock: {len(results)} runs with jumps by {', '.join(names[: len(results)])}")


@pytest.mark.parametrize("is_killed", [False, True], ids=["at work", "killed meanwhile"])
def test_where_x_never_tells_the_time_a_clock_that_was_behind_proves_nothing(is_killed, tmp_path):
    chance = lengths.chance("undated", is_killed)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=5_000, undated=True)
    # Nothing but the events tells of what was carried out.
    world.unlisted = {account.user_id for account in ACCOUNTS.values()}
    with HostileX(world) as x:
        story = Story(tmp_path / "story", x, chance, events_horizon='events_horizon = "5s"')
        surveyd = story.surveyd
        # X takes requests that are signed by a clock up to five minutes from its own.
        story.clock.set(-200)
        try:
            surveyd.launch(environment=story.clock.environment)
            wait_until("surveyd is ready", surveyd.ready)
            lost = [next(story.people) for _ in range(4)]
            for person in lost:
                world.plans[person] = [Fault("cut", "before")]
            names = [story.report("acme", person).conversation for person in lost]
            is_all = lambda state: {states(surveyd)[name]["state"] for name in names} == {state}
            wait_until("requests without an answer", lambda: is_all("uncertain"))
            if is_killed:
                surveyd.kill()
            story.clock.set(0)
            if is_killed:
                surveyd.launch(environment=story.clock.environment)
                wait_until("surveyd is ready", surveyd.ready)
            wait_until("what became of them", lambda: is_all("sent"))
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert world.prompted_twice() == {}
    assert all(len(world.attempts_to(person)) == 1 for person in lost)


@pytest.mark.parametrize("ahead", [120, 2 * HOUR], ids=["two minutes", "two hours"])
def test_a_request_under_way_is_not_given_up_by_another_daemons_clock(ahead, tmp_path):
    chance = lengths.chance("ahead", ahead)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    clock = FakeClock(tmp_path)
    with HostileX(world) as x:
        store = new_database("postgres")
        right, wrong = (
            at_work(tmp_path / name, store, x, settle_after="1s", send_timeout="30s") for name in ("right", "wrong")
        )
        try:
            right.start()
            slow = people(4, chance)
            for person in slow:
                # X takes its time with the request, and with its answer.
                world.plans[person] = [Fault("slow", "late", seconds=15)]
            cases = [Case(person) for person in slow]
            for case in cases:
                assert case.report(right).status_code == 202
            wait_until("the requests to be under way", lambda: all(world.attempts_to(person) for person in slow))
            clock.set(ahead)
            wrong.launch(environment=clock.environment)
            wait_until("the daemon with the wrong clock is ready", wrong.ready)
            names = {case.conversation for case in cases}
            is_sent = lambda: all(states(right)[name]["state"] == "sent" for name in names)  # noqa: E731
            wait_until("the answers of X", is_sent, 60)
            assert right.stop() == 0 and wrong.stop() == 0
        finally:
            right.kill()
            wrong.kill()
    assert world.prompted_twice() == {}
    assert all(len(world.attempts_to(person)) == 1 for person in slow)
