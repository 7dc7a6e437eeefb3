"""Whatever becomes of the POST that prompts: at most one is carried out, and only what X certainly has not
carried out is repeated.

A round is one business with one close for each row of the table; X's side is what is judged.
"""

import signal
import time
from collections import Counter
from dataclasses import dataclass

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import states
from harness import wait_until
from hostile_x import BROKEN, UNCLEAR, Fault, HostileWorld, HostileX, in_words_of_x

SETTLE_AFTER_SECONDS = 1
WHEN = ("never", "before", "after", "late")
DONE = ("sent", "answered", "suppressed", "failed", "expired", "cancelled")

NOT_FOLLOWING = "You are sending a Direct Message to users that do not follow you."
PERSONS = {349: "You cannot send messages to this user.", 150: NOT_FOLLOWING, 326: NOT_FOLLOWING,
           50: "User not found.", 63: "User has been suspended."}  # fmt: skip
REQUESTS = {354: "The text of your direct message is over the max character limit.", 407: "The given URL is invalid."}
# 135 blames the clock; where X's own date agrees with ours, it is the account that X does not take.
ACCOUNT = {135: (401, "Timestamp out of bounds."), 32: (401, "Could not authenticate you."), 89: (401, "Invalid or expired token."),
           64: (403, "Your account is suspended."), 326: (403, "To protect our users, this account is locked."),
           453: (403, "You currently have access to a subset of X API."), 261: (403, "Application cannot write.")}  # fmt: skip


@dataclass
class Row:
    """One row of the table at work: a close, what befalls its first POST, what must come of it."""

    case: Case
    fault: Fault | None
    ends: str  # sent, suppressed or failed
    posts: int
    is_unknown: bool = False  # a second POST needs proof that the first was not carried out


def unknown_row(person, fault, account="acme"):
    again = fault.carried_out == "never"
    return Row(Case(person, account), fault, "sent", 2 if again else 1, is_unknown=again)


def table(chance):
    """All rows, in any order."""
    crowd = iter(people(140, chance))
    rows = [unknown_row(next(crowd), Fault(answer, when)) for answer in UNCLEAR for when in WHEN]
    rows += [
        unknown_row(next(crowd), Fault(answer, when))
        for answer in BROKEN
        for when in WHEN
        if answer != "reset before the body"
    ]
    # Only where X lists an account's messages can it be seen that one of them is out without its card.
    for answer in chance.sample((*UNCLEAR, "cut", "reset", "half an answer"), 5):
        rows.append(Row(Case(next(crowd), "listed"), Fault(answer, "by half"), "failed", 1))
        rows.append(unknown_row(next(crowd), Fault(answer, chance.choice(WHEN)), "listed"))
    for code, message in PERSONS.items():
        rows.append(Row(Case(next(crowd)), in_words_of_x(403, code, message), "suppressed", 1))
    new = (chance.randrange(10_000, 99_999), "A reason nobody published.")
    for code, message in (*REQUESTS.items(), new):
        status = chance.choice((400, 403))
        rows.append(Row(Case(next(crowd)), in_words_of_x(status, code, message), "failed", 1))
    rows += [Row(Case(next(crowd)), None, "sent", 1) for _ in range(8)]
    chance.shuffle(rows)
    reset = [("x-rate-limit-limit", 1000), ("x-rate-limit-remaining", 0),
             ("x-rate-limit-reset", lambda: int(time.time()) + 3)]  # fmt: skip
    named, silent = (in_words_of_x(429, 88, "Rate limit exceeded", headers) for headers in (reset, []))
    rows.append(Row(Case(next(crowd), "limited"), chance.choice((named, silent)), "sent", 2))
    code, (status, message) = chance.choice(sorted(ACCOUNT.items()))
    rows.append(Row(Case(next(crowd), "refused"), in_words_of_x(status, code, message), "sent", 2))
    rows.append(unknown_row(next(crowd), Fault("reset before the body"), "torn"))
    return rows


def one_round(number, folder):
    chance = lengths.chance("faults", number)
    rows = table(chance)
    world = HostileWorld(
        list(ACCOUNTS.values()),
        events_horizon_ms=0,
        page_size=40,
        late_by=SETTLE_AFTER_SECONDS * 0.8,
        # So many settle within one quarter of an hour that its few calls would not do.
        unlisted={ACCOUNTS["acme"].user_id},
    )
    for row in rows:
        if row.fault:
            # Of a request whose body is not read, X knows no more than the account.
            key = ACCOUNTS["torn"].token if row.case.account == "torn" else row.case.person
            world.plans[key] = [row.fault]
    with HostileX(world) as x:
        settings = {"settle_after": f"{SETTLE_AFTER_SECONDS}s", "send_timeout": "2s"}
        surveyd = at_work(folder, "sqlite:surveyd.db", x, **settings)
        try:
            surveyd.start()
            for row in rows:
                assert row.case.report(surveyd).status_code == 202
            wait_until("the account to be paused", lambda: "account.paused" in surveyd.log_path.read_text())
            refused = [row for row in rows if row.case.account == "refused"]
            time.sleep(1)  # whoever still posted for it would have done so by now
            assert all(len(world.attempts_to(row.case.person)) == 1 for row in refused)
            surveyd.process.send_signal(signal.SIGHUP)
            try:
                wait_until("an end of every survey", lambda: ended(surveyd, rows), 60)
            except AssertionError as fault:
                left = {row.case.conversation: row.fault for row in rows if not ended(surveyd, [row])}
                raise AssertionError(f"{fault}: {left}") from fault
            found = states(surveyd)
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
        time.sleep(0.2)
    judge(world, rows, found)
    return len(rows)


def ended(surveyd, rows):
    found = states(surveyd)
    return all(found.get(row.case.conversation, {}).get("state") in DONE for row in rows)


def judge(world, rows, found):
    assert world.prompted_twice() == {}
    assert world.faults == []
    written = Counter(message["to_user_id"] for message in world.messages)
    received = {prompt.fields["to_user_id"]: prompt.feedback_id for prompt in world.prompts}
    for row in rows:
        label = f"{row.fault} of {row.case.account}"
        state = found[row.case.conversation]
        posts = world.attempts_to(row.case.person)
        if row.case.account == "torn":
            posts = world.attempts_to(ACCOUNTS["torn"].token) + posts
        assert state["state"] == row.ends, f"{label}: {state['state']}, {state['reason']}"
        assert len(posts) == row.posts, f"{label}: {len(posts)} POSTs, {state['state']}"
        assert (row.case.person in received) == (row.ends == "sent"), label
        by_half = row.fault is not None and row.fault.carried_out == "by half"
        assert written[row.case.person] == (row.ends == "sent" or by_half), f"{label}: {written[row.case.person]} messages"
        assert state["feedback_id"] == received.get(row.case.person), label
        if row.is_unknown:
            proved = world.is_proved(ACCOUNTS[row.case.account], *posts, SETTLE_AFTER_SECONDS)
            assert proved, f"{label} is repeated without a proof"
        if row.fault and row.fault.status == 429 and row.fault.headers:
            assert posts[1].at_ms >= posts[0].at_ms + 2000, f"{label} is repeated before X's reset"


def test_whatever_becomes_of_the_post_it_is_carried_out_once_at_most(tmp_path):
    total = lengths.runs(4, 200)
    began = time.monotonic()
    rows = lengths.in_parallel(lambda number: one_round(number, tmp_path / str(number)), range(total), at_once=3)
    kinds = len(UNCLEAR) * len(WHEN) + (len(BROKEN) - 1) * len(WHEN) + 1
    lengths.count(
        f"fault table: {total} rounds of {rows[0]} rows ({kinds} of unknown outcome), "
        f"{sum(rows)} surveys, {time.monotonic() - began:.0f} s"
    )
