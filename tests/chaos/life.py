"""One life of a business with three closes: reported, sent, answered, read back; and what must be true after it."""

import time

import requests

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import counted, counting, is_gone, last_words, states, until_ready_or_gone
from hostile_x import HostileWorld, HostileX

PATIENCE_SECONDS = 40


def lived_once(folder, from_nothing):
    """How often each call is made in a life without a crash; `from_nothing`: the database's making included."""
    with HostileX(HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)) as x:
        surveyd = at_work(folder, "sqlite:surveyd.db", x)
        cases = [Case(person) for person in people(3, lengths.chance("crash", "clean"))]
        if not from_nothing:
            surveyd.run("migrate")
        surveyd.launch(counting(folder / "calls"), {"TOKIO_WORKER_THREADS": "1"})
        assert until_ready_or_gone(surveyd), last_words(surveyd)
        assert drive(surveyd, x.world, cases, PATIENCE_SECONDS) == "done"
        assert surveyd.stop() == 0
        return counted(folder / "calls")


def drive(surveyd, world, cases, seconds):
    """Does the help desk's and the people's part until all is answered, the program is gone, or time is up."""
    deadline = time.monotonic() + seconds
    answered = set()
    while time.monotonic() < deadline:
        for case in cases:
            if not case.is_acknowledged:
                try:
                    case.report(surveyd)
                except requests.RequestException:
                    if is_gone(surveyd):
                        return "gone"
        with world.lock:
            for prompt in world.prompts:
                if world.feedback[prompt.feedback_id]["score"] is None:
                    world.answer(prompt.feedback_id, 1, score=4)
        if is_gone(surveyd):
            return "gone"
        if len(answered) == len(cases) or all(case.is_acknowledged for case in cases):
            answered = {of for of, row in states(surveyd).items() if row["state"] == "answered"}
            if answered == {case.conversation for case in cases}:
                return "done"
        time.sleep(0.15)
    return "time is up"


def judge(surveyd, world, cases):
    assert world.prompted_twice() == {}, f"prompted twice: {world.prompted_twice()}"
    assert world.faults == [], f"X had to refuse: {world.faults}"
    rows = states(surveyd)
    received = {prompt.fields["to_user_id"]: prompt.feedback_id for prompt in world.prompts}
    for case in cases:
        row = rows.get(case.conversation)
        assert row, f"the acknowledged close {case.conversation} is missing"
        # Three closes that X takes in the end: nothing else is an end of theirs.
        assert row["state"] == "answered", f"{case.conversation} is {row['state']}, X has {received.get(case.person)}"
        assert row["feedback_id"] == received[case.person], f"{case.conversation} has another's feedback"
    assert len(received) == len(cases) == len(rows), f"{len(cases)} closes, {len(received)} prompts, {len(rows)} rows"
