"""Whatever X answers, surveyd stays small, stops at once, and goes on when X is itself again.

An X that answers every call of a kind with the same huge or odd body; the whole process is measured by the kernel's
own high-water mark.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

import scenario
from harness import Surveyd, close, moment, wait_until
from x_server import Quiet

MIB = 1024 * 1024
RSS_MOST_MIB = 64
ACCOUNT = scenario.x_account("8200000", "acme")

CONFIGURATION = """
[store]
url = "sqlite:surveyd.db"

[http]
listen = "127.0.0.1:PORT"

[x]
base_url = "BASE"
events_horizon = "0s"
settle_after = "0s"
can_dm = "CAN_DM"

[poll]
interval = "1s"

[[accounts]]
name = "acme"
user_id = "USER"
consumer_key = "KEY"
consumer_secret = { file = "consumer-secret" }
access_token = "TOKEN"
access_token_secret = { file = "token-secret" }
privacy_url = "https://acme.example/privacy"

[accounts.survey]
message = "How did we do?"
delay = "0s"

[[sources]]
name = "helpdesk"
kind = "standard"
account = "acme"
secret = { file = "helpdesk-secret" }

[[sources]]
name = "talks"
kind = "dm_inactivity"
account = "acme"
"""


def event(number, more="", kind="feedback.updated"):
    at = int(time.time() * 1000)
    return (
        f'{{"event_type":"{kind}","created_at":{at},"feedback":{{"id":"{number}","updated_at":{at},'
        f'"to_user_id":"{number}","external_id":"c-{number}"{more}}}}}'
    )


def page(events, cursor=""):
    return f'{{"events":[{",".join(events)}],"next_cursor":"{cursor}"}}'


def filled(item, size=8 * MIB - 4096):
    """As many of an item as there is room for."""
    return [item] * (size // (len(item) + 1))


NESTED = "[" * 4000 + "]" * 4000
PAGES = {
    "sixty thousand odd events": lambda: page(
        json.dumps({"event_type": "feedback.odd", "feedback": {"id": str(number), "odd": [1, "2", {}] * 5}})
        for number in range(60_000)
    ),
    "a million tiny objects": lambda: page(filled("{}")),
    "tiny objects in one event": lambda: page([event(1, f',"odd":[{",".join(filled("{}", 7 * MIB))}]')]),
    "a thousand events with much in them": lambda: page(
        event(number, f',"odd":[{",".join(filled("{}", 7900))}]') for number in range(1000)
    ),
    "a thousand unknown ones with much in them": lambda: page(
        event(number, f',"odd":[{",".join(filled("{}", 7900))}]', "feedback.odd") for number in range(1000)
    ),
    "deep nesting": lambda: page(event(number, f',"odd":{NESTED}') for number in range(900)),
    "one huge string": lambda: page([event(1, f',"odd":"{"x" * (8 * MIB - 4096)}"')]),
    "one huge comment": lambda: page([event(1, f',"response":{{"text":{{"value":"{"é" * (4 * MIB - 4096)}"}}}}')]),
    "a hundred long comments": lambda: page(
        event(number, f',"response":{{"text":{{"value":"{"x" * 80_000}"}}}}') for number in range(100)
    ),
    "half characters": lambda: page([event(1, f',"odd":"{chr(92) + "ud83d" + "x" * (8 * MIB - 4096)}"')]),
    "a huge cursor": lambda: page([], "c" * (8 * MIB - 4096)),
    "an endless body": lambda: page(filled("{}", 64 * MIB)),
    "one huge key": lambda: f'{{"{"k" * (8 * MIB - 4096)}":1}}',
}  # fmt: skip
ANSWERS = {
    "huge": lambda: json.dumps({"odd": "x" * (7 * MIB)}),
    "tiny objects": lambda: json.dumps({"data": [{}] * 300_000, "events": [{}] * 300_000}),
    "just below": lambda: f'{{"odd":[{",".join(filled("[]", MIB - 4096))}]}}',
}
ERRORS = {
    "words": lambda: json.dumps({"errors": [{"code": 9999, "message": "w" * (900 * 1024)}]}),
    "too many words": lambda: json.dumps({"errors": [{"code": 9999, "message": "w" * (7 * MIB)}]}),
    "many errors": lambda: f'{{"errors":[{",".join(filled("{}", MIB - 4096))}]}}',
}


class HostileX:
    """Answers each path by its last part: a status and a body; all else truly, and nothing has happened."""

    def __init__(self, bodies):
        self.bodies = {path: (status, body.encode()) for path, (status, body) in bodies.items()}
        self.asked = {}

    def answer(self, path):
        name = next((name for name in self.bodies if f"/{name}" in path), None)
        self.asked[name] = self.asked.get(name, 0) + 1
        if name:
            return self.bodies[name]
        if "friendships" in path:
            return 200, b'{"relationship":{"source":{"can_dm":true}}}'
        if "create" in path:
            number = self.asked[None]
            return 200, json.dumps({"id": str(number), "updated_at": int(time.time() * 1000)}).encode()
        return 200, b'{"events":[],"next_cursor":"","id_str":"8200000","screen_name":"acme","data":[],"meta":{}}'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, body = self.server.x.answer(self.path)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if len(body) > 8 * MIB:
            # Of no length that is known before.
            self.send_header("connection", "close")
            self.close_connection = True
        else:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


class Stage:
    def __init__(self, folder, bodies, can_dm="friendships_show"):
        self.x = HostileX(bodies)
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.x = self.x
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        configuration = CONFIGURATION.replace("BASE", f"http://127.0.0.1:{self.http.server_address[1]}")
        for name, value in [("USER", ACCOUNT.user_id), ("KEY", ACCOUNT.consumer_key), ("TOKEN", ACCOUNT.token),
                            ("CAN_DM", can_dm)]:  # fmt: skip
            configuration = configuration.replace(name, value)
        secrets = {
            "consumer-secret": ACCOUNT.consumer_secret,
            "token-secret": ACCOUNT.token_secret,
            "helpdesk-secret": scenario.WEBHOOK_SECRET,
        }
        self.surveyd = Surveyd(folder, configuration, secrets)
        self.surveyd.start()

    def close(self, conversation="c-1", user="7"):
        assert self.surveyd.post(close("acme", conversation, user, moment())).status_code == 202

    def asked(self, path, times):
        wait_until(f"{times} calls of {path}", lambda: self.x.asked.get(path, 0) >= times)

    def end(self):
        """Stops it at once, whatever it is at. Its high-water mark in MiB, and how long the end took."""
        with open(f"/proc/{self.surveyd.process.pid}/status") as status:
            (peak,) = [int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")]
        begun = time.monotonic()
        assert self.surveyd.stop() == 0
        took = time.monotonic() - begun
        self.http.shutdown()
        self.http.server_close()
        return peak, took


def is_small(stage):
    peak, took = stage.end()
    print(f"{peak:.1f} MiB, ended in {took:.2f} s")
    assert peak <= RSS_MOST_MIB, f"{peak:.1f} MiB"
    assert took < 5, f"{took:.1f} s"


@pytest.mark.parametrize("shape", PAGES)
def test_no_page_of_events_makes_it_large_or_slow_to_stop(tmp_path, shape):
    stage = Stage(tmp_path, {"events.json": (200, PAGES[shape]())})
    stage.close()
    stage.asked("events.json", 2)
    is_small(stage)


@pytest.mark.parametrize("shape", ANSWERS)
@pytest.mark.parametrize("path", ["create.json", "friendships/show.json", "feedback/show", "users", "list.json"])
def test_no_other_answer_makes_it_large(tmp_path, path, shape):
    can_dm = "users_v2" if path == "users" else "friendships_show"
    stage = Stage(tmp_path, {path: (200, ANSWERS[shape]())}, can_dm)
    for number in range(8):
        stage.close(f"c-{number}", str(100 + number))
    stage.asked(path, 2)
    is_small(stage)


@pytest.mark.parametrize("shape", ERRORS)
def test_xs_words_are_cut_wherever_they_are_kept(tmp_path, shape):
    stage = Stage(tmp_path, {"create.json": (403, ERRORS[shape]())})
    for number in range(4):
        stage.close(f"c-{number}", str(100 + number))
    stage.asked("create.json", 3)
    wait_until("an end of each", lambda: {row["state"] for row in stage.surveyd.rows().values()} & {"failed", "uncertain"})
    states = stage.surveyd.rows().values()
    assert all(len(row["reason"] or "") < 600 for row in states)
    assert len(stage.surveyd.run("explain", "c-0")) < 4_000
    is_small(stage)
    assert max(len(line) for line in stage.surveyd.log_path.read_text().splitlines()) < 3_000
    database = stage.surveyd.folder / "state" / "surveyd.db"
    assert sum(file.stat().st_size for file in database.parent.glob("surveyd.db*")) < 2 * MIB
