"""The intake's answers, one by one, as contract and RFC 9457 have them."""

import json
from datetime import datetime, timedelta, timezone

import pytest
import requests

import scenario
from harness import Surveyd, close, moment, new_database, parse, reopening


@pytest.fixture(scope="module")
def surveyd(store, tmp_path_factory):
    """Nothing is sent here: every close is for the account that waits an hour, and X is a closed port."""
    text = scenario.configuration(new_database(store), "http://127.0.0.1:9", "friendships_show")
    surveyd = Surveyd(tmp_path_factory.mktemp("surveyd"), text, scenario.secrets())
    try:
        surveyd.start()
        yield surveyd
    finally:
        surveyd.kill()


def good(conversation="c-1", **changes):
    return close(
        **{"account": "slow", "conversation": conversation, "user": "343434343434", "closed_at": moment(), **changes}
    )


def test_a_close_is_answered_202_with_when_it_is_due(surveyd):
    notice = good("taken")
    answer = surveyd.post(notice)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert set(body) >= {"survey_id", "state", "due_at"} and body["state"] == "scheduled"
    assert parse(body["due_at"]) - parse(notice["data"]["closed_at"]) == timedelta(hours=1)


def test_the_same_close_is_answered_200_with_the_same_body(surveyd):
    notice = good("redelivered")
    first = surveyd.post(notice, message_id="msg_once")
    again = surveyd.post(notice, message_id="msg_once")
    anew = surveyd.post(notice)
    assert [answer.status_code for answer in (first, again, anew)] == [202, 200, 200]
    assert first.json() == again.json() == anew.json()


def test_a_later_close_before_the_prompt_moves_its_due_time(surveyd):
    first = surveyd.post(good("moved", closed_at=moment(120)))
    later = surveyd.post(good("moved", closed_at=moment(60)))
    assert (first.status_code, later.status_code) == (202, 200)
    assert later.json()["survey_id"] == first.json()["survey_id"]
    assert parse(later.json()["due_at"]) - parse(first.json()["due_at"]) >= timedelta(seconds=59)


def test_closed_at_defaults_to_the_notice_s_timestamp(surveyd):
    notice = good("undated", closed_at=None)
    body = surveyd.post(notice).json()
    assert parse(body["due_at"]) - parse(notice["timestamp"]) == timedelta(hours=1)


def test_an_offset_in_closed_at_is_understood(surveyd):
    at = datetime.now(timezone(timedelta(hours=-9, minutes=-30))).replace(microsecond=250_000)
    body = surveyd.post(good("offset", closed_at=at.isoformat())).json()
    assert parse(body["due_at"]) - at == timedelta(hours=1)


def test_a_reopening_older_than_the_close_is_ignored(surveyd):
    made = surveyd.post(good("reopened-before", closed_at=moment(10))).json()
    notice = {**reopening("slow", "reopened-before", "343434343434"), "timestamp": moment(600)}
    assert surveyd.post(notice).status_code == 200
    row = next(row for (_, of, _), row in surveyd.rows().items() if of == "reopened-before")
    assert (row["survey_id"], row["state"]) == (made["survey_id"], "scheduled")


def test_closed_again_after_a_reopening_it_is_a_survey_of_its_own(surveyd):
    first = surveyd.post(good("to-and-fro", closed_at=moment(60))).json()
    assert surveyd.post(reopening("slow", "to-and-fro", "343434343434")).json()["survey_id"] == first["survey_id"]
    second = surveyd.post(good("to-and-fro", closed_at=moment()))
    assert second.status_code == 202
    assert second.json()["survey_id"] != first["survey_id"]


def test_a_wrong_signature_is_401(surveyd):
    assert surveyd.post(good(), secret=scenario.OTHER_WEBHOOK_SECRET).status_code == 401


def test_a_changed_body_is_401(surveyd):
    signed = surveyd.post(good("as-signed")).request
    changed = requests.post(
        signed.url, data=signed.body.replace(b"as-signed", b"as-forged"), headers=signed.headers, timeout=10
    )
    assert changed.status_code == 401


def test_a_missing_signature_is_401(surveyd):
    address = f"{surveyd.base_url}/v1/sources/helpdesk"
    assert requests.post(address, json=good(), timeout=10).status_code == 401


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_out_of_its_time_is_401(surveyd, minutes):
    at = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    assert surveyd.post(good(), at=at).status_code == 401


def test_an_unknown_source_is_404(surveyd):
    assert surveyd.post(good(), source="nobody").status_code == 404


def test_a_body_over_the_limit_is_413(surveyd):
    assert surveyd.post(good("large", first_name="x" * 300 * 1024)).status_code == 413


def test_what_is_not_json_is_415(surveyd):
    assert surveyd.post("type=conversation.closed", content_type="text/plain").status_code == 415


def test_json_that_breaks_off_is_refused(surveyd):
    assert surveyd.post('{"type": "conversation.closed", ').status_code in (415, 422)


WRONG = {
    "type": {**good(), "type": "conversation.exploded"},
    "account": good(account="nobody"),
    "conversation_id": good(conversation=None),
    "conversation_id ": good(conversation=""),
    "conversation_id  ": good(conversation="x" * 513),
    "user_id": good(user=None),
    "user_id ": good(user="dana"),
    "user_id  ": good(user="12345678901234567890"),
    "user_id   ": good(user=""),
    "user_id    ": good(user=-5),
    "user_id     ": good(user=1.5),
    "user_id      ": good(user="077"),
    "user_id       ": good(user="0"),
    "user_id        ": good(user=" 77"),
    "user_id         ": good(user="+77"),
    "user_id          ": good(user=77.0),
    "agent": good(agent="x" * 201),
    "tags  ": good(tags=["x"] * 201),
    "tags/0 ": good(tags=["x" * 201]),
    "attributes ": good(attributes={str(n): "x" for n in range(51)}),
    "closed_at": good(closed_at="yesterday"),
    "closed_at ": good(closed_at=moment(-24 * 60 * 60)),
    "closed_at  ": good(closed_at="2026-02-30T00:00:00Z"),
    "tags": good(tags="vip"),
    "tags ": good(tags=[1, {}]),
    "closed_by": good(closed_by="nobody"),
    "account ": good(account=None),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_field_is_422_and_named(surveyd, field):
    answer = surveyd.post(WRONG[field])
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422 and problem["title"], problem
    assert field.strip() in answer.text, answer.text


@pytest.mark.parametrize("status, post", [
    (401, lambda surveyd: surveyd.post(good(), secret=scenario.OTHER_WEBHOOK_SECRET)),
    (404, lambda surveyd: surveyd.post(good(), source="nobody")),
    (413, lambda surveyd: surveyd.post(good(first_name="x" * 300 * 1024))),
    (415, lambda surveyd: surveyd.post("no", content_type="text/plain")),
])  # fmt: skip
def test_every_refusal_says_why_as_problem_json(surveyd, status, post):
    answer = post(surveyd)
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_nul_character_is_no_reason_to_fall_over(surveyd):
    """PostgreSQL's text has no room for one, SQLite's has: both must give the same, orderly answer."""
    assert surveyd.post(good("a\0b")).status_code == 422
    assert surveyd.post(good("nul-in-a-name", first_name="a\0b")).status_code in (202, 422)
    assert surveyd.ready()


def test_half_a_character_is_no_reason_to_fall_over(surveyd):
    notice = json.dumps(good("half-of-one")).replace("half-of-one", "\\ud800")
    assert surveyd.post(notice).status_code in (415, 422)


def test_unknown_fields_are_ignored(surveyd):
    notice = good("with-more", colour="blue", nested={"a": [1, None, {"b": 2}]})
    assert surveyd.post({**notice, "extra": True}).status_code == 202


def test_another_method_is_405(surveyd):
    assert requests.get(f"{surveyd.base_url}/v1/sources/helpdesk", timeout=10).status_code == 405


def test_the_health_addresses_answer(surveyd):
    for path in ("/healthz", "/readyz"):
        assert requests.get(surveyd.base_url + path, timeout=10).status_code == 200


def test_a_close_can_be_filed_by_hand(surveyd):
    surveyd.run("enqueue", "--account", "slow", "--conversation", "by hand & co", "--user-id", "42",
                "--agent", "dana", "--team", "billing", "--tag", "a", "--tag", "b|c", "--language", "es")  # fmt: skip
    row = next(row for (_, of, _), row in surveyd.rows().items() if of == "by hand & co")
    assert row["state"] == "scheduled"
    assert (row["user_id"], row["agent"], row["team"], row["tags"], row["language"]) == (
        "42",
        "dana",
        "billing",
        ["a", "b|c"],
        "es",
    )
