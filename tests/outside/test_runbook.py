"""docs/runbook.md, played through: each situation is made, the page's lines are seen, its commands are typed, and
everybody who should be asked is asked once."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from harness import moment, wait_until
from runbook import ACCOUNT_KEYS, ACCOUNTS, PAGE, SURVEY_KEYS, Night, block, blocks, pattern

HERE = Path(__file__).parent
PARTS = ["What you see", "What surveyd does.", "What you type", "How you know that it is over."]
PLAYED_IN = [*HERE.glob("test_runbook*.py"), *(HERE.parent / "chaos").glob("test_runbook*.py")]


@pytest.fixture
def night(x, tmp_path):
    with Night(tmp_path, x) as night:
        night.start()
        yield night


def shows(printed, name):
    for part in block(name).strip().split("\n\n"):
        assert pattern(part).search(printed), f"{name} is not in {printed}"


# The page.


def test_every_block_of_the_page_is_played():
    code = "\n".join(path.read_text() for path in PLAYED_IN)
    assert [name for name in blocks() if f'"{name}"' not in code] == []
    assert len(re.findall("^```", PAGE.read_text(), re.MULTILINE)) == 2 * len(blocks()), "a block has no name"


def test_the_table_leads_to_every_section():
    text = PAGE.read_text()
    titles = re.findall(r"^## (\d+\. .*)$", text, re.MULTILINE)
    table = re.findall(r"^\|.*\| \[(.*?)\]\(#(.*?)\) \|$", text, re.MULTILINE)
    assert len(titles) == len(table)
    for title, (_, anchor) in zip(titles, table, strict=True):
        assert anchor == re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        for part in PARTS:
            assert f"**{part}" in section, f"{section.splitlines()[0]} has no {part}"


# 1 and 2.


def test_x_refuses_the_keys(x, night):
    night.report("11", account="globex")
    night.report("12")
    night.are_prompted("11", "12")
    acme, keys = ACCOUNTS["acme"], x.http.keys
    x.refuses(401, 89, "Invalid or expired token.", ["acme"])
    night.report("13", "14")
    night.sees("keys, log")
    night.reads("keys, check", "status", "--check", code=1)
    night.serves("keys, metrics", "/metrics")
    night.serves("keys, ready", "/readyz")
    night.report("15", account="globex")
    night.are_prompted("15")
    renewed = replace(acme, token_secret="renewed secret")
    keys.tokens[acme.consumer_key, acme.token] = renewed
    x.takes_all()
    night.from_now_on()
    # The harness calls the file otherwise.
    path = night.surveyd.folder / "acme-token-secret"
    printed = night.operator.type("keys, type", {"acme-access-token-secret": path.name}, reads="renewed secret\n")
    shows(printed, "keys, checked")
    night.sees("keys, over")
    assert path.stat().st_mode & 0o777 == 0o600
    night.everybody_once()


def test_x_has_locked_the_account(x, night):
    night.report("11")
    night.are_prompted("11")
    x.refuses(403, 326, "To protect our users, this account is temporarily locked. Log in to unlock it.", ["acme"])
    night.report("12", "13")
    night.report("14", account="globex")
    night.sees("locked, log")
    night.reads("locked, check", "status", "--check", code=1)
    night.are_prompted("14")
    x.takes_all()
    night.operator.type("locked, type")
    night.sees("locked, over")
    night.everybody_once()


def test_x_has_suspended_the_account(x, night):
    x.refuses(403, 64, "Your account is suspended and is not permitted to access this feature.", ["acme"])
    night.report("12")
    words = pattern(block("locked, log").split(maxsplit=1)[1].replace("326", "64"))
    wait_until("the pause", lambda: any(words.fullmatch(line["message"]) for line in night.log()))
    x.takes_all()
    night.operator.type("locked, type")
    night.everybody_once()


# 3.


def test_x_is_down(x, night):
    x.world.unanswered.add("11")
    night.report("11")
    night.are_prompted("11")
    x.refuses(503, 130, "Over capacity")
    night.report("12")
    night.sees("X is down, log")
    night.reads("X is down, status", "status")
    assert "503" in night.operator.type("X is down, type", code=1)
    x.takes_all()
    night.sees("X is down, over")
    night.everybody_once()


def test_x_cannot_be_reached(x, night):
    night.report("11")
    night.are_prompted("11")
    x.goes_away()
    night.report("12", "13")
    night.sees("X cannot be reached, log")
    assert "X cannot be reached" in night.operator.type("X is down, type", code=1)
    x.comes_back()
    night.are_prompted("12", "13")
    night.everybody_once()


# 6.


def test_nobody_works(x, night):
    night.report("11")
    night.stop()
    night.reads("nobody works, check", "status", "--check", code=1)
    night.operator.type("look first, type", goes_on=True)
    night.operator.type("nobody works, type")
    night.report("12")
    night.everybody_once()


def test_the_day_is_full(x, tmp_path):
    with Night(tmp_path, x, account_keys=f"daily_limit = 2\n{ACCOUNT_KEYS}") as night:
        night.start()
        night.report("11", "12", "13", "14")
        night.sees("day full, log")
        printed = night.operator.type("stopped, type", {"c-42": "c-14"}, goes_on=True)
        assert "has sent its 2 prompts of the day" in printed
        night.operator.type("day full, type")
        night.sees("stopped, over")
        night.everybody_once()


def test_a_conversation_that_never_came_and_one_that_is_not_asked_about(x, tmp_path):
    with Night(tmp_path, x, survey_keys=SURVEY_KEYS.replace('throttle = "0s"', 'throttle = "7d"')) as night:
        night.start()
        shows(night.operator.type("stopped, type", goes_on=True), "never came, explain")
        night.report("11")
        night.are_prompted("11")
        again = night.surveyd.post(
            {"type": "conversation.closed", "timestamp": moment(),
             "data": {"account": "acme", "conversation_id": "c-42", "user_id": "11"}}
        )  # fmt: skip
        assert again.status_code == 202
        night.reads("suppressed, explain", "explain", "c-42")
        night.everybody_once()


# 8.


def test_the_wrong_person_was_asked(x, night):
    person = "343434343434"
    night.report(person, "11")
    night.are_prompted(person, "11")
    night.reads("wrong person, explain", "explain", f"c-{person}")
    printed = night.operator.type("wrong person, type", {"c-42": f"c-{person}"})
    assert f"person {person}, is sent" in printed and "asked us to" in printed
    night.from_now_on()
    again = night.surveyd.post(closed_again(person, "c-43"))
    assert again.status_code == 202
    night.sees("wrong person, over")
    night.report("12")
    night.everybody_once()


def test_a_person_who_is_erased_is_not_asked_again(x, night):
    person = "343434343434"
    night.report(person, "11")
    night.are_prompted(person, "11")
    night.operator.type("erased, type")
    night.from_now_on()
    assert night.surveyd.post(closed_again(person, "c-43")).status_code == 202
    night.sees("erased, over")
    night.report("12")
    night.everybody_once()


def closed_again(person, conversation):
    data = {"account": "acme", "conversation_id": conversation, "user_id": person, "closed_at": moment()}
    return {"type": "conversation.closed", "timestamp": moment(), "data": data}


# 9.


@pytest.mark.parametrize("mode", ["", 'mode = "live"\n'], ids=["by default", "live by name"])
def test_too_many_people_are_asked(x, tmp_path, mode):
    with Night(tmp_path, x, account_keys=mode + ACCOUNT_KEYS) as night:
        night.start()
        stop_all_prompts_and_put_it_right(night)


def stop_all_prompts_and_put_it_right(night):
    wrong, right = ["31", "32", "33"], ["21", "22"]
    night.report(*wrong[:1], team="archive")
    night.report("11", account="globex")
    night.are_prompted(*wrong[:1], "11")
    night.from_now_on()
    night.operator.type("too many, stop")
    night.sees("too many, stopped")
    night.reads("too many, status", "status")
    night.serves("too many, metrics", "/metrics")
    night.report(*wrong[1:], team="archive")
    night.report(*right, team="billing")
    night.report("12", account="globex", team="billing")
    rows = lambda: [row for row in night.surveyd.rows().values() if row["reason"] == "dry_run"]  # noqa: E731
    wait_until("all are decided", lambda: len(rows()) == 5)
    assert "archive" in night.operator.type("too many, look", {"c-42": f"c-{wrong[0]}"})
    assert night.prompted() == {wrong[0]: 1, "11": 1}
    put_right(night)
    night.operator.type("too many, go on")
    night.sees("too many, over")
    night.everybody_once(*wrong[1:])


def put_right(night):
    """The operator edits the copy: the rule goes below acme's survey."""
    kept = night.surveyd.folder / "surveyd.toml.before"

    def edit():
        rule = block("too many, rule")
        kept.write_text(kept.read_text().replace(SURVEY_KEYS, f"{SURVEY_KEYS}\n{rule}", 1))

    night.operator.services[("nano", str(kept))] = edit
    printed = night.operator.type("too many, try")
    assert "no fault" in printed and "rule" in printed, printed


# 11.


def test_a_sources_secret_has_leaked(x, night):
    leaked = night.surveyd.secrets["helpdesk-secret"]
    night.report("11")
    night.are_prompted("11")
    night.from_now_on()
    printed = night.operator.type("source secret, type")
    night.report("12", code=401)
    night.sees("source secret, log")
    night.surveyd.secrets["helpdesk-secret"] = printed.strip()
    night.from_now_on()
    night.report("12")
    night.sees("secret, over")
    assert night.surveyd.post(closed_again("66", "c-66"), secret=leaked).status_code == 401
    night.everybody_once()


def test_the_password_of_xs_webhook_has_leaked(x, night):
    def answer(password):
        url = f"{night.surveyd.base_url}/v1/x/feedback"
        return requests.post(url, json={}, auth=("x", password), timeout=5).status_code

    leaked = night.surveyd.secrets["x-webhook-password"]
    assert answer(leaked) != 401
    night.operator.type("webhook password, type")
    assert answer(leaked) == 401
    assert answer((night.surveyd.folder / "x-webhook-password").read_text().strip()) != 401
    night.report("11")
    night.everybody_once()
