"""What is refused: a line of the log with all that helps, few lines for many, and a count of all."""

import json
import re
from collections import Counter

import pytest
import requests

import scenario
from harness import Surveyd, close, moment, new_database, wait_until

PASSWORD = "a password of more than 20 characters"
X_WEBHOOK = '\n[x.webhook]\nusername = "x"\npassword = { file = "x-password" }\n'


@pytest.fixture
def surveyd(store, tmp_path):
    text = scenario.configuration(new_database(store), "http://127.0.0.1:9", "friendships_show") + X_WEBHOOK
    surveyd = Surveyd(tmp_path, text, {**scenario.secrets(), "x-password": PASSWORD})
    try:
        surveyd.start()
        yield surveyd
    finally:
        surveyd.kill()


def good(conversation="c-1", **changes):
    fields = {"account": "slow", "conversation": conversation, "user": "343434343434", "closed_at": moment()}
    return close(**{**fields, **changes})


def rejected(surveyd, event="close.rejected"):
    return [line for line in surveyd.log() if line.get("event") == event]


def counted(surveyd):
    """The answers of each source, as /metrics counts them."""
    text = requests.get(f"{surveyd.base_url}/metrics", timeout=10).text
    found = re.findall(r'^surveyd_requests_total\{source="([^"]*)",answer="(\d+)"\} (\d+)$', text, re.M)
    return {(source, int(answer)): int(count) for source, answer, count in found}


def test_a_refusal_s_line_says_what_is_wrong_where_and_with_which_delivery(surveyd):
    notice = good(user="dana", closed_at="yesterday", first_name="Zbigniew the Secret")
    assert surveyd.post(notice, message_id="msg_faulty").status_code == 422
    assert surveyd.post('{"type": "conversation.closed",\n  "data": }', message_id="msg_torn").status_code == 415
    assert surveyd.post(good(), message_id="msg_forged", secret=scenario.OTHER_WEBHOOK_SECRET).status_code == 401
    assert surveyd.post(good(), message_id="msg_astray", source="helpdesk/").status_code == 404
    assert surveyd.post(good(), message_id="msg_misspelt", source="helpdsk").status_code == 404
    assert requests.put(f"{surveyd.base_url}/v1/sources/helpdesk", timeout=10).status_code == 405
    faulty, torn, forged, astray, misspelt, put = rejected(surveyd)
    assert (faulty["source"], faulty["answer"], faulty["delivery_id"]) == ("helpdesk", 422, "msg_faulty")
    assert faulty["place"] == "/data/user_id" and "/data/closed_at" in faulty["reason"]
    assert (torn["answer"], torn["place"], torn["delivery_id"]) == (415, "line 2, column 11", "msg_torn")
    assert (forged["source"], forged["answer"]) == ("helpdesk", 401) and "signature" in forged["reason"]
    for line, path in (astray, "/v1/sources/helpdesk/"), (misspelt, "/v1/sources/helpdsk"):
        assert (line["source"], line["answer"], line["path"]) == ("[none]", 404, path)
    assert (put["source"], put["answer"]) == ("helpdesk", 405)
    assert {line["level"] for line in rejected(surveyd)} == {"WARN"}
    assert "Zbigniew" not in surveyd.log_path.read_text()


def test_a_flood_of_refusals_is_counted_and_leaves_few_lines(surveyd):
    assert surveyd.post(good("honest")).status_code == 202
    assert surveyd.post(good("honest")).status_code == 200
    desk, nobody = f"{surveyd.base_url}/v1/sources/helpdesk", f"{surveyd.base_url}/v1/sources/"
    flood = 1_500
    with requests.Session() as line:
        for number in range(flood):
            forged = line.post(desk, json=good(), headers={"webhook-id": f"m-{number}"}, timeout=10)
            assert forged.status_code == 401
            assert line.post(f"{nobody}{number}-{'x' * 3_000}", json={}, timeout=10).status_code == 404
            assert line.get(f"{surveyd.base_url}/{number}.php", timeout=10).status_code == 404
    counts = counted(surveyd)
    assert counts[("helpdesk", 401)] == flood
    assert (counts[("helpdesk", 202)], counts[("helpdesk", 200)]) == (1, 1)
    assert counts[("[none]", 404)] == 2 * flood
    assert {source for source, _ in counts} == {"helpdesk", "[none]"}, "strangers make no label"
    assert surveyd.stop() == 0
    lines = rejected(surveyd)
    told = Counter()
    for line in lines:
        told[(line["source"], line["answer"])] += line.get("count", 1)
    # What is nobody's business (GET of this and that) is counted alone.
    assert told == {("helpdesk", 401): flood, ("[none]", 404): flood}, "the counts of the lines add up"
    assert len(lines) < 100
    assert max(map(len, surveyd.log_path.read_text().splitlines())) < 2_000


def test_the_last_refusals_can_be_asked_for_with_their_reasons(surveyd):
    shown = lambda *of: json.loads(surveyd.run("sources", "rejected", *of, "--json"))  # noqa: E731
    assert shown() == []
    for number in range(25):
        # Of one kind of refusal ten are told singly; several kinds, so that more come than are kept.
        surveyd.post(good(f"refused-{number}", user="dana") if number % 2 else '{"a": "Dana "DJ" Ito"}')
    assert requests.post(f"{surveyd.base_url}/v1/sources/helpdsk", json={}, timeout=10).status_code == 404
    wait_until("what was refused is on record", lambda: len(shown("helpdesk")) == 20)
    wait_until("the wrong address, too", lambda: len(shown("[none]")) == 1)
    of_desk = shown("helpdesk")
    assert {entry["answer"] for entry in of_desk} == {415, 422}
    assert {entry["place"] for entry in of_desk} == {"/data/user_id", "line 1, column 14"}
    assert all(entry["delivery_id"] and entry["reason"] for entry in of_desk)
    assert shown("[none]")[0]["path"] == "/v1/sources/helpdsk"
    table = surveyd.run("sources", "rejected", "helpdesk")
    assert "/data/user_id" in table and "DJ" not in table, "no text of anybody's"


def test_every_answer_is_counted(surveyd):
    post, address = surveyd.post, surveyd.base_url
    assert post(good(first_name="x" * 300 * 1024)).status_code == 413
    assert post("no JSON").status_code == 415
    assert post(good(user="dana")).status_code == 422
    x = {"url": f"{address}/v1/x/feedback", "timeout": 10}
    assert requests.post(**x, json={}).status_code == 401
    assert requests.post(**x, json={}, auth=("x", PASSWORD)).status_code == 200
    assert counted(surveyd) == {
        ("helpdesk", 413): 1,
        ("helpdesk", 415): 1,
        ("helpdesk", 422): 1,
        ("[x.webhook]", 401): 1,
        ("[x.webhook]", 200): 1,
    }


def test_the_figures_follow_what_happens_however_many_ask(surveyd):
    def scheduled():
        text = requests.get(f"{surveyd.base_url}/metrics", timeout=10).text
        (age,) = re.findall(r"^surveyd_snapshot_age_seconds ([\d.e-]+)$", text, re.M)
        assert float(age) < 60
        return int(re.search(r'^surveyd_surveys\{state="scheduled"\} (\d+)$', text, re.M)[1])

    for number in range(5):
        assert surveyd.post(good(f"counted-{number}")).status_code == 202
    wait_until("five surveys are counted", lambda: scheduled() == 5)
    for _ in range(50):
        assert scheduled() == 5
