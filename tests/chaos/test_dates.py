"""Answers of X with a wrong date, one or all of them for a while, prompt nobody twice and leave nothing stuck.

Each run is one business. The dates are wrong from one step of a prompt on, by anything from a day behind to a year
ahead; X itself goes by the true time. In the end they are right again, and every prompt must be out exactly once.
"""

import itertools
import time

import lengths
from business import ACCOUNTS, Case, at_work, people
from clocks import DAY, HOUR
from crash import states
from harness import wait_until
from hostile_x import CREATE, Fault, HostileWorld, HostileX

OFFSETS = (-DAY, -HOUR, -90, -50, 50, HOUR, DAY, 365 * DAY)
# From when on: the path whose answers bear the wrong date, and whether X has told the right one before.
STEPS = {
    "the first answer of all": ("", False),
    "the look-up": ("/2/users", True),
    "the answer to the prompt": (CREATE, True),
    "the reading of events": ("/1.1/feedback/events", True),
    "the settling": ("", True),
}
# What becomes of the POST.
ENDS = {
    "answered": None,
    "lost before": Fault("cut"),
    "lost after": Fault("cut", "before"),
    "lost and late": Fault("cut", "late"),
    "an error, carried out": Fault("503", "before"),
}
SETTLE_AFTER = "2s"
WRONG_SECONDS = 5
PATIENCE_SECONDS = 90
LASTING = 1_000_000

CASES = list(itertools.product(STEPS, ENDS, OFFSETS, (1, LASTING)))


def live_through(case, number, folder):
    step, ends, ahead, times = case
    path, is_told_before = STEPS[step]
    chance = lengths.chance("dates", number)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    with HostileX(world) as x:
        surveyd = at_work(folder, "sqlite:surveyd.db", x, settle_after=SETTLE_AFTER)
        persons = people(3, chance)
        cases = []

        def report(person):
            cases.append(Case(person))
            assert cases[-1].report(surveyd).status_code == 202

        def prompted(person):
            return len([prompt for prompt in world.prompts if prompt.fields["to_user_id"] == person])

        try:
            if not is_told_before:
                world.misdate(path, times, ahead)
            surveyd.launch()
            wait_until("surveyd is ready", surveyd.ready)
            if is_told_before:
                report(persons[0])
                wait_until("the first prompt", lambda: prompted(persons[0]) == 1, PATIENCE_SECONDS)
                time.sleep(1.2)  # the events have been read, and have told the time
            if ENDS[ends]:
                world.plans[persons[1]] = [ENDS[ends]]
            if step == "the settling":
                report(persons[1])
                wait_until("the POST", lambda: world.attempts_to(persons[1]), PATIENCE_SECONDS)
                world.misdate(path, times, ahead)
            else:
                if is_told_before:
                    world.misdate(path, times, ahead)
                report(persons[1])
            time.sleep(WRONG_SECONDS)
            world.misdate("", 0, 0)
            report(persons[2])

            def is_over():
                rows = states(surveyd)
                return all(rows[of.conversation]["state"] in ("sent", "answered") for of in cases)

            try:
                wait_until("every prompt is out", is_over, PATIENCE_SECONDS)
            except AssertionError as late:
                found = {of: row["state"] for of, row in states(surveyd).items()}
                raise AssertionError(f"{case}: {late}: {found}") from late
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    assert world.prompted_twice() == {}, f"{case}: {world.prompted_twice()}"
    assert all(prompted(of.person) == 1 for of in cases), case
    unexpected = [fault for fault in world.faults if "to_time is too recent" not in fault]
    assert unexpected == [], f"{case}: {unexpected}"


def test_dates_that_are_wrong_prompt_nobody_twice_and_leave_nothing_stuck(tmp_path):
    chance = lengths.chance("dates", "cases")
    mixed = chance.sample(CASES, len(CASES))
    # In short: the worst of them, and some by chance.
    worst = [case for case in CASES if case[:2] == ("the look-up", "lost after")]
    chosen = mixed if lengths.IN_FULL else worst + mixed[:16]
    total = min(lengths.runs(len(chosen), len(chosen)), len(chosen))
    lengths.in_parallel(lambda number: live_through(chosen[number], number, tmp_path / str(number)), range(total))
    lengths.count(f"dates: {total} of {len(CASES)} prompts through wrong dates of X's")
