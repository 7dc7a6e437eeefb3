"""Help desks as sources: their payloads, signed here with Python's hmac and the openssl program."""

import base64
import hashlib
import hmac
import json
import subprocess
import time
from datetime import datetime, timezone

import pytest
import requests

import scenario
from harness import Surveyd, moment, new_database

OLD, NEW = "the secret of last year", "the secret of this year"
PERSON = "343434343434"
INBOXES = {"1": "slow", "2": "line"}

SOURCES = """
[[sources]]
name = "chatwoot"
kind = "chatwoot"
accounts = { 1 = "slow", 2 = "line" }
secret = { file = "desk-secret" }

[[sources]]
name = "zendesk"
kind = "zendesk"
account = "slow"
user_id = "/detail/external_id"
secret = [{ file = "old-desk-secret" }, { file = "desk-secret" }]

[[sources]]
name = "intercom"
kind = "intercom"
account = "slow"
secret = { file = "desk-secret" }

[[sources]]
name = "freshchat"
kind = "freshchat"
account = "slow"
secret = { file = "freshchat-public-key" }

[[sources]]
name = "own"
kind = "mapped"
account = "slow"
secret = { file = "desk-secret" }
signature = "hmac-sha256"
signature_encoding = "base64"
signature_header = "X-Own-Signature"
signed = "{id}|{ts}|{body}"
id_header = "X-Own-Id"
timestamp_header = "X-Own-Time"
timestamp_form = "milliseconds"
event_id = "header:X-Own-Id"
closed = [{ "/kind" = "talk", "/state" = ["over", "done"] }]
reopened = { "/kind" = "talk", "/state" = "on" }
conversation_id = "/talk/id"
user_id = "/talk/who/[network=x]/id"
closed_at = "/at"
reopened_at = "/at"
tags = "/talk/labels/*/text"
closed_by = [{ at = "/by", values = { staff = "agent" } }, { is = "auto" }]
"""


SOURCES += """
[[sources]]
name = "site"
kind = "mapped"
account = "slow"
secret = { file = "site-secret" }
signature = "token"
signature_query = "key"
closed = { "/event" = "session:set_state", "/data/state" = "resolved" }
conversation_id = "/data/session_id"
user_id = "/data/x_user_id"

[[sources]]
name = "hashed"
kind = "mapped"
account = "slow"
secret = { file = "desk-secret" }
signature = "sha256"
signature_header = "X-HubSpot-Signature"
signed = "{secret}POSThttps://desk.example/hook{body}"
closed = { "/event" = "session:set_state", "/data/state" = "resolved" }
conversation_id = "/data/session_id"
user_id = "/data/x_user_id"
"""
SITE = "5ec2e7c0ffee5ec2e7c0ffee"


def mac(secret, signed, digest=hashlib.sha256):
    return hmac.new(secret.encode(), signed.encode(), digest)


def sign(surveyd, desk, body, secret, at):
    """The headers that the desk would send; `at` is when the request is made."""
    if desk == "chatwoot":
        stamp = str(int(at))
        signature = mac(secret, f"{stamp}.{body}").hexdigest()
        return {"X-Chatwoot-Timestamp": stamp, "X-Chatwoot-Signature": f"sha256={signature}"}
    if desk == "zendesk":
        stamp = datetime.fromtimestamp(int(at), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        signature = base64.b64encode(mac(secret, stamp + body).digest()).decode()
        return {"X-Zendesk-Webhook-Signature-Timestamp": stamp, "X-Zendesk-Webhook-Signature": signature}
    if desk == "intercom":
        return {"X-Hub-Signature": f"sha1={mac(secret, body, hashlib.sha1).hexdigest()}"}
    if desk == "freshchat":
        key = surveyd.folder / ("key.pem" if secret == NEW else "other.pem")
        command = ["openssl", "dgst", "-sha256", "-sign", key]
        signature = subprocess.run(command, input=body.encode(), capture_output=True, check=True).stdout
        return {"X-Freshchat-Signature": base64.b64encode(signature).decode()}
    stamp = str(int(at * 1000))
    event = json.loads(body)["event"]
    signature = base64.b64encode(mac(secret, f"{event}|{stamp}|{body}").digest()).decode()
    return {"X-Own-Id": event, "X-Own-Time": stamp, "X-Own-Signature": signature}


def post(surveyd, desk, payload, secret=NEW, late=0, **headers):
    body = json.dumps(payload)
    signed = sign(surveyd, desk, body, secret, time.time() - late)
    address = f"{surveyd.base_url}/v1/sources/{desk}"
    return requests.post(address, data=body.encode(), headers={**signed, **headers}, timeout=10)


def close(desk, conversation, inbox="1", at=None):
    at = at or moment()
    seconds = int(datetime.fromisoformat(at).timestamp())
    if desk == "chatwoot":
        return {
            "event": "conversation_status_changed", "id": conversation, "inbox_id": int(inbox), "status": "resolved",
            "labels": ["billing"], "updated_at": seconds + 0.25,
            "meta": {"sender": {"name": "Ana Lee", "custom_attributes": {"x_user_id": PERSON}}, "assignee": {"name": "Dana"}},
            "changed_attributes": [{"status": {"previous_value": "open", "current_value": "resolved"}}],
        }
    if desk == "zendesk":
        return {
            "id": f"event-{conversation}", "type": "zen:event-type:ticket.status_changed", "time": at,
            "detail": {"id": str(conversation), "external_id": PERSON, "assignee_id": "844", "tags": ["login"]},
            "event": {"current": "SOLVED", "previous": "OPEN"},
        }
    if desk == "intercom":
        return {
            "type": "notification_event", "topic": "conversation.admin.closed", "id": f"notif-{conversation}", "created_at": seconds,
            "data": {"item": {"type": "conversation", "id": str(conversation), "updated_at": seconds,
                              "user": {"name": "Ana", "custom_attributes": {"x_id": int(PERSON)}}}},
        }
    if desk == "freshchat":
        users = [{"id": "u", "properties": [{"name": "cf_x_user_id", "value": PERSON}]}]
        talk = {"conversation_id": str(conversation), "status": "resolved", "users": users}
        return {"action": "conversation_resolution", "action_time": at, "actor": {"actor_type": "agent"},
                "data": {"resolve": {"resolver": "agent", "conversation": talk}}}
    who = [{"network": "mail", "id": 7}, {"network": "x", "id": PERSON}]
    return {"event": f"e-{conversation}", "kind": "talk", "state": "over", "at": at, "by": "staff",
            "talk": {"id": conversation, "who": who, "labels": [{"text": "vip"}]}}


def reopening(desk, conversation):
    payload = close(desk, conversation)
    if desk == "chatwoot":
        payload["changed_attributes"][0]["status"]["current_value"] = payload["status"] = "open"
        payload["updated_at"] += 1
    if desk == "zendesk":
        payload.update(id=f"reopened-{conversation}", event={"current": "OPEN", "previous": "SOLVED"})
    if desk == "intercom":
        payload.update(id=f"replied-{conversation}", topic="conversation.user.replied")
    if desk == "freshchat":
        payload.update(action="conversation_reopen", data={"reopen": payload["data"]["resolve"]})
    if desk == "own":
        payload.update(event=f"on-{conversation}", state="on")
    return payload


DESKS = ["chatwoot", "zendesk", "intercom", "freshchat", "own"]


@pytest.fixture(scope="module")
def surveyd(store, tmp_path_factory):
    """Nothing is sent here: X is a closed port."""
    folder = tmp_path_factory.mktemp("surveyd")
    for name in ("key.pem", "other.pem"):
        subprocess.run(["openssl", "genrsa", "-out", folder / name, "2048"], check=True, capture_output=True)
    public = ["openssl", "rsa", "-in", folder / "key.pem", "-pubout"]
    key = subprocess.run(public, check=True, capture_output=True).stdout.decode().replace("\n", " ")
    text = scenario.configuration(new_database(store), "http://127.0.0.1:9", "friendships_show") + SOURCES
    secrets = {**scenario.secrets(), "desk-secret": NEW, "old-desk-secret": OLD, "freshchat-public-key": key, "site-secret": SITE}
    surveyd = Surveyd(folder, text, secrets)
    try:
        surveyd.start()
        yield surveyd
    finally:
        surveyd.kill()


@pytest.mark.parametrize("desk", DESKS)
def test_a_close_is_taken_known_again_and_called_off(surveyd, desk):
    payload = close(desk, f"{desk}-1")
    first = post(surveyd, desk, payload)
    assert (first.status_code, first.json()["state"]) == (202, "scheduled"), first.text
    again = post(surveyd, desk, payload)
    assert (again.status_code, again.json()) == (200, first.json())
    off = post(surveyd, desk, reopening(desk, f"{desk}-1"))
    assert (off.status_code, off.json()) == (200, {"survey_id": first.json()["survey_id"], "state": "cancelled"})
    again = post(surveyd, desk, payload)
    assert (again.status_code, again.json()["state"]) == (200, "cancelled"), again.text


@pytest.mark.parametrize("desk", DESKS)
def test_what_is_not_signed_by_the_secret_is_401(surveyd, desk):
    payload = close(desk, f"{desk}-unsigned")
    assert post(surveyd, desk, payload, secret="somebody else's").status_code == 401
    body = json.dumps(payload)
    headers = sign(surveyd, desk, body, NEW, time.time())
    address = f"{surveyd.base_url}/v1/sources/{desk}"
    assert requests.post(address, data=(body + " ").encode(), headers=headers, timeout=10).status_code == 401
    assert requests.post(address, data=body.encode(), timeout=10).status_code == 401
    if desk in ("chatwoot", "zendesk", "own"):
        assert post(surveyd, desk, payload, late=360).status_code == 401
        assert post(surveyd, desk, payload, late=-360).status_code == 401


def session(conversation):
    data = {"website_id": "8c842203", "session_id": conversation, "state": "resolved", "x_user_id": PERSON}
    return json.dumps({"event": "session:set_state", "data": data, "timestamp": 1795334398000}).encode()


def test_a_secret_in_the_address_lets_in_and_is_told_nowhere(surveyd):
    address = f"{surveyd.base_url}/v1/sources/site"
    for number, query in enumerate((f"?key={SITE}", f"?a=b&key={SITE}&c")):
        answer = requests.post(address + query, data=session(f"site-{number}"), timeout=10)
        assert answer.status_code == 202, answer.text
    wrong = ["", "?", "?key", "?key=", f"?Key={SITE}", f"?key={SITE}x", f"?key={SITE}&key={SITE}", f"?key=x&key={SITE}",
             f"?key={SITE}&key=", f"?token={SITE}", f"#key={SITE}"]
    for query in wrong:
        answer = requests.post(address + query, data=session("site-no"), timeout=10)
        assert answer.status_code == 401, (query, answer.text)
        assert SITE not in answer.text and "key" in answer.text
    answer = requests.post(address, data=session("site-no"), headers={"key": SITE, "?key": SITE}, timeout=10)
    assert answer.status_code in (400, 401)
    unknown = requests.post(f"{surveyd.base_url}/v1/sources/sites?key={SITE}", data=session("site-no"), timeout=10)
    assert unknown.status_code == 404 and SITE not in unknown.text
    broken = requests.post(f"{address}?key={SITE}", data=b"{", timeout=10)
    assert broken.status_code == 415 and SITE not in broken.text
    log = surveyd.log_path.read_text()
    assert "close.rejected" in log and SITE not in log
    assert SITE not in surveyd.run("sources", "rejected", "site") + surveyd.run("sources", "list", "--json")
    request = surveyd.folder / "request.txt"
    (surveyd.folder / "site.json").write_bytes(session("site-test"))
    for query, said, code in ((SITE, "fits", 0), ("x", "does not fit", 1)):
        request.write_text(f"POST /v1/sources/site?key={query} HTTP/1.1\nhost: desk.example\n")
        told = surveyd.run("sources", "test", "site", surveyd.folder / "site.json", "--headers", request, code=code)
        assert said in told and SITE not in told


def test_a_plain_hash_is_of_the_secret_method_address_and_body(surveyd):
    def hashed(secret, body, url="https://desk.example/hook"):
        return hashlib.sha256(secret.encode() + b"POST" + url.encode() + body).hexdigest()

    def answer(body, *signatures):
        headers = {"X-HubSpot-Signature": signatures[0]} if signatures else {}
        return requests.post(f"{surveyd.base_url}/v1/sources/hashed", data=body, headers=headers, timeout=10).status_code

    body = session("hashed-1")
    assert answer(body, hashed(NEW, body)) == 202
    refused = [
        answer(body),
        answer(body, hashed("", body)),
        answer(body, hashed(OLD, body)),
        answer(body, hashed(NEW, body, "https://desk.example/other")),
        answer(body + b" ", hashed(NEW, body)),
        answer(body, mac(NEW, body.decode()).hexdigest()),
    ]
    assert refused == [401] * len(refused)


def test_either_secret_will_do_while_one_is_changed_for_the_other(surveyd):
    for secret in (OLD, NEW):
        assert post(surveyd, "zendesk", close("zendesk", f"rotated {secret}"), secret=secret).status_code == 202


def test_one_source_serves_two_accounts(surveyd):
    for inbox, account in INBOXES.items():
        taken = post(surveyd, "chatwoot", close("chatwoot", f"two-{inbox}", inbox=inbox))
        assert taken.status_code == 202, taken.text
        assert [row["account"] for row in surveyd.rows().values() if row["conversation_id"] == f"two-{inbox}"] == [account]
    other = post(surveyd, "chatwoot", close("chatwoot", "two-3", inbox="3"))
    assert other.status_code == 200 and "accounts" in other.json()["ignored"], other.text


def test_what_the_desk_says_is_frozen(surveyd):
    assert post(surveyd, "chatwoot", close("chatwoot", "frozen")).status_code == 202
    row = next(row for row in surveyd.rows().values() if row["conversation_id"] == "frozen")
    assert (row["source"], row["user_id"], row["agent"], row["tags"]) == ("chatwoot", PERSON, "Dana", ["billing"])
    assert post(surveyd, "own", close("own", "frozen too")).status_code == 202
    row = next(row for row in surveyd.rows().values() if row["conversation_id"] == "frozen too")
    assert (row["user_id"], row["tags"]) == (PERSON, ["vip"])


@pytest.mark.parametrize("desk, payload", [
    ("chatwoot", {"event": "conversation_created", "id": 1}),
    ("zendesk", {"id": "x", "type": "zen:event-type:ticket.created", "detail": {"id": "1"}, "event": {}}),
    ("intercom", {"topic": "ping", "id": "n", "data": {"item": {"type": "ping"}}}),
    ("freshchat", {"action": "message_create", "actor": {"actor_type": "agent"}, "data": {}}),
    ("own", {"event": "e", "kind": "other"}),
    ("intercom", []),
    ("intercom", None),
    ("intercom", {"topic": {"topic": ["conversation.admin.closed"]}, "data": 7}),
])
def test_what_does_not_matter_is_answered_200(surveyd, desk, payload):
    answer = post(surveyd, desk, payload)
    assert answer.status_code == 200 and answer.json()["ignored"], answer.text


def test_a_close_without_an_x_id_is_suppressed_and_recorded(surveyd):
    payload = close("zendesk", "nobody")
    payload["detail"]["external_id"] = None
    answer = post(surveyd, "zendesk", payload)
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (202, "suppressed", "no_x_id")
    row = next(row for row in surveyd.rows().values() if row["conversation_id"] == "nobody")
    assert (row["user_id"], row["state"], row["reason"]) == (None, "suppressed", "no_x_id")
    _, rows = surveyd.csv_rows()
    assert [row["user_id"] for row in rows if row["conversation_id"] == "nobody"] == [""]


def test_intercom_finds_the_address_by_head(surveyd):
    assert requests.head(f"{surveyd.base_url}/v1/sources/intercom", timeout=5).status_code == 200


def test_a_redelivery_is_known_across_a_restart_though_its_close_time_differs(surveyd):
    first = {desk: post(surveyd, desk, close(desk, f"{desk}-kept", at=moment(60)), **{"X-Chatwoot-Delivery": "d-1"}) for desk in DESKS}
    assert {answer.status_code for answer in first.values()} == {202}
    assert surveyd.stop() == 0
    surveyd.start()
    for desk in ("chatwoot", "zendesk", "intercom", "own"):
        again = post(surveyd, desk, close(desk, f"{desk}-kept", at=moment(5)), **{"X-Chatwoot-Delivery": "d-1"})
        assert (again.status_code, again.json()) == (200, first[desk].json()), desk


def test_a_saved_payload_is_explained(surveyd):
    body = json.dumps(close("chatwoot", "saved"))
    (surveyd.folder / "payload").write_text(body)
    headers = sign(surveyd, "chatwoot", body, NEW, time.time() - 86_400)
    (surveyd.folder / "headers").write_text("".join(f"{name}: {value}\n" for name, value in headers.items()))
    command = ["sources", "test", "chatwoot", surveyd.folder / "payload", "--headers", surveyd.folder / "headers"]
    tried = json.loads(surveyd.run(*command, "--json"))
    assert (tried["signature"], tried["becomes"], tried["account"]) == ("fits", "closed", "slow")
    shown = surveyd.run(*command)
    assert "/meta/sender/custom_attributes/x_user_id" in shown and PERSON in shown
    assert "chatwoot" in surveyd.run("sources", "list")
