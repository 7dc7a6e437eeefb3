"""Told at once: receivers of another making, verified by the stock package, that answer well, badly, late or never."""

import json
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from standardwebhooks import Webhook

import scenario
from harness import Surveyd, close, command_line, moment, new_database, parse, wait_until
from test_x_webhook import WEBHOOK, Stage
from x_server import Quiet, XServer
from x_world import World

SECRET = "whsec_b3V0c2lkZS10ZXN0cy1vZi1hbGVydHMtMzItYnl0ZXM="
PEOPLE = [str(820_100 + number) for number in range(60)]


@dataclass
class Delivery:
    at: float
    path: str
    id: str
    body: dict


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        # Raises if the signature or its time is wrong. The server keeps the fault.
        event = Webhook(SECRET).verify(body, dict(self.headers))
        assert self.headers["content-type"] == "application/json"
        with server.lock:
            server.deliveries.append(Delivery(time.time(), self.path, self.headers["webhook-id"], event))
            answers = server.scripts[self.path]
            answer = answers.pop(0) if answers else 204
        if answer == "hang":
            time.sleep(23)
            return
        if answer == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Receiver(Quiet):
    daemon_threads = True

    def __init__(self):
        self.lock = threading.Lock()
        self.deliveries, self.scripts, self.faults = [], defaultdict(list), []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        # surveyd was killed, or gave up waiting.
        if not isinstance(error, (ConnectionError, BrokenPipeError)):
            self.faults.append(repr(error))

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def to(self, path):
        with self.lock:
            return [delivery for delivery in self.deliveries if delivery.path == path]

    def told(self, path):
        """How many facts the path was told of: singly by survey, and by the counts of summaries."""
        singles = {one.body["data"]["survey_id"] for one in self.to(path) if "survey_id" in one.body["data"]}
        many = {one.id: one.body["data"]["count"] for one in self.to(path) if "count" in one.body["data"]}
        return len(singles), sum(many.values())


def alert(name, url, on='["feedback.answered"]', more=""):
    return f"""
[[alerts]]
name = "{name}"
url = "{url}"
secret = "{SECRET}"
on = {on}
allow_private = true
{more}
"""


class AlertStage(Stage):
    """surveyd, whose answers the test has in its hands, and a receiver of its alerts."""

    def __init__(self, folder, store, x, world):
        self.world = world
        self.receiver = Receiver()
        self.url = new_database(store)
        text = scenario.configuration(self.url, x.base_url, "users_v2")
        text = text.replace('events_horizon = "0s"', 'events_horizon = "24h"\nsettle_after = "1s"')
        self.text = text.replace("\n[poll]", WEBHOOK + '\nfresh_for = "0s"')
        self.folder = folder
        self.surveyd = None

    def daemon(self, name, alerts):
        folder = self.folder / name
        folder.mkdir()
        public = self.text.replace("[http]\n", '[http]\npublic_url = "https://surveyd.example"\n')
        return Surveyd(folder, public + alerts, scenario.secrets())

    def begin(self, alerts, environment=None):
        self.surveyd = self.daemon("one", alerts)
        self.surveyd.launch(environment=environment)
        wait_until("surveyd is ready", self.surveyd.ready)

    def answered(self, people, **parts):
        """These people answer, and X tells it."""
        for person in people:
            event = self.told(self.answer(person, 0, **(parts or {"score": 1})))
            wait_until("the webhook takes it", lambda: self.takes(event))

    def takes(self, event):
        try:
            return self.deliver(event).status_code == 200
        except requests.ConnectionError:
            return False

    def metrics(self):
        return requests.get(f"{self.surveyd.base_url}/metrics", timeout=10).text

    def standing(self, name):
        (found,) = [one for one in json.loads(self.surveyd.run("alerts", "list", "--json")) if one["alert"] == name]
        return found


def scored_at(delivery):
    return parse(delivery.body["timestamp"]).timestamp()


@pytest.fixture
def stage(store, tmp_path):
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=24 * 60 * 60 * 1000, page_size=20)
    with XServer(world) as x:
        stage = AlertStage(tmp_path, store, x, world)
        try:
            yield stage
            assert world.faults == [] and stage.receiver.faults == []
        finally:
            if stage.surveyd:
                stage.surveyd.kill()
            stage.receiver.shutdown()


def test_each_answer_of_a_receiver_leads_where_the_scheme_says(stage):
    receiver = stage.receiver
    scripts = {
        "/good": [],
        "/later": [500],
        "/moved": [(302, {"location": receiver.url("/elsewhere")})],
        "/busy": [(429, {"retry-after": "8"})],
        "/gone": [410],
        "/cut": ["cut"],
        "/hang": ["hang"],
    }
    receiver.scripts.update({path: list(answers) for path, answers in scripts.items()})
    stage.begin("".join(alert(path[1:], receiver.url(path)) for path in scripts))
    stage.prompt(PEOPLE[:1])
    began = time.time()
    stage.answered(PEOPLE[:1], score=2, text="Too slow, and <b>rude</b>")
    tries = {"/good": 1, "/gone": 1, "/later": 2, "/moved": 2, "/busy": 2, "/cut": 2, "/hang": 2}
    for path, count in tries.items():
        wait_until(f"{count} tries at {path}", lambda: len(receiver.to(path)) >= count)
    assert receiver.to("/good")[0].at - began < 20, "told within a minute holds by far"
    wait_until("the outcomes", lambda: all(stage.standing(path[1:])["waiting"] == 0 for path in set(tries) - {"/gone"}))
    assert {path: len(receiver.to(path)) for path in tries} == tries
    assert receiver.to("/elsewhere") == [], "a redirect is not followed"
    for path in tries:
        assert len({one.id for one in receiver.to(path)}) == 1, path
        assert len({json.dumps(one.body, sort_keys=True) for one in receiver.to(path)}) == 1, path
    ids = [receiver.to(path)[0].id for path in tries]
    assert len(set(ids)) == len(ids) and not any("." in one for one in ids)
    assert receiver.to("/busy")[1].at - receiver.to("/busy")[0].at >= 8
    assert 4 <= receiver.to("/later")[1].at - receiver.to("/later")[0].at < 12
    data = receiver.to("/good")[0].body["data"]
    survey = next(iter(stage.surveyd.rows().values()))["survey_id"]
    assert (data["survey_id"], data["account"], data["kind"], data["score"]) == (survey, "line", "csat", 2)
    assert data["url"] == f"https://surveyd.example/surveys/{survey}" and "comment" not in data
    # The receiver that is gone is shown everywhere, and left alone.
    gone = stage.standing("gone")
    assert (gone["state"], gone["disabled_why"]) == ("disabled", "status 410: the receiver is gone")
    (line,) = stage.logged("alert.disabled")
    assert line["alert"] == "gone" and "alerts retry gone" in line["message"]
    status = json.loads(stage.surveyd.run("status", "--json"))
    assert any("alert gone is disabled" in reason for reason in status["must_act"])
    assert "alert gone is disabled" in stage.surveyd.run("status")
    for line in ('waiting{alert="gone"} 1', 'disabled{alert="gone"} 1', 'failures_total{alert="later"} 1'):
        wait_until(f"the figure {line}", lambda: f"surveyd_alert_{line}\n" in stage.metrics())
    assert stage.surveyd.run("alerts", "retry", "gone") == "alert gone: one message is tried again\n"
    wait_until("the message that was kept", lambda: len(receiver.to("/gone")) == 2)
    assert len({one.id for one in receiver.to("/gone")}) == 1
    log = stage.surveyd.log_path.read_text()
    assert SECRET[6:] not in log and "rude" not in log


def test_a_test_of_an_alert_says_what_the_receiver_said(stage):
    receiver = stage.receiver
    receiver.scripts["/alert"] = [204, 503, (429, {"retry-after": "7"}), 410]
    stage.begin(alert("leads", receiver.url("/alert")) + alert("dead", "http://127.0.0.1:9/"))
    took = stage.surveyd.run("alerts", "test", "leads")
    assert re.fullmatch(r"alert leads: the receiver took message msg_[0-9a-f]{32} in \d+ ms\n", took)
    assert receiver.to("/alert")[0].body["type"] == "alert.test"
    assert receiver.to("/alert")[0].body["data"] == {"alert": "leads", "url": "https://surveyd.example/health"}
    said = [stage.surveyd.run("alerts", "test", "leads", code=1) for _ in range(3)]
    assert said == [
        "alert leads: not told: status 503\n",
        "alert leads: not told: status 429, and asks to be left alone for 7 s\n",
        "alert leads: not told: status 410: the receiver is gone. A daemon would disable the alert\n",
    ]
    dead = stage.surveyd.run("alerts", "test", "dead", code=1)
    assert dead.startswith("alert dead: not told: http://127.0.0.1:9 cannot be reached"), dead
    assert stage.standing("leads")["state"] == "works", "a test changes nothing"


def test_comments_are_told_only_where_they_are_included(stage):
    receiver = stage.receiver
    more = 'include = ["comment"]\nwait_for_comment = "20s"'
    detractors = '["detractor"]'
    stage.begin(
        alert("bare", receiver.url("/bare"), detractors)
        + alert("full", receiver.url("/full"), detractors, more)
        + alert("others", receiver.url("/others"), detractors, 'teams = ["returns"]')
    )
    stage.prompt(PEOPLE[:3])
    stage.answered(PEOPLE[:1], score=1, text="Nobody called back")
    stage.answered(PEOPLE[1:2], score=2)
    stage.answered(PEOPLE[2:3], score=3, text="So so")
    wait_until("two detractors each", lambda: len(receiver.to("/bare")) == len(receiver.to("/full")) == 2)
    assert all("comment" not in one.body["data"] for one in receiver.to("/bare"))
    comments = {one.body["data"]["score"]: one.body["data"].get("comment") for one in receiver.to("/full")}
    assert comments == {1: "Nobody called back", 2: None}
    waited = {one.body["data"]["score"]: one.at - scored_at(one) for one in receiver.to("/full")}
    assert waited[1] < 20 <= waited[2], "the one without a comment waited for it"
    assert receiver.to("/others") == []
    log = stage.surveyd.log_path.read_text()
    assert "Nobody called back" not in log


def test_a_kill_at_any_instant_loses_nothing_and_tells_nothing_under_two_ids(stage):
    receiver, people = stage.receiver, PEOPLE[:10]
    receiver.scripts["/alert"] = [500, "cut"] * 2
    stage.begin(alert("leads", receiver.url("/alert"), '["detractor"]'))
    stage.prompt(people)
    answering = threading.Thread(target=lambda: [stage.answered([person]) or time.sleep(1.1) for person in people])
    answering.start()
    for pause in (0.9, 3.1, 1.7, 2.3, 0.4, 2.9):
        time.sleep(pause)
        stage.surveyd.kill()
        stage.surveyd.start()
    answering.join()
    # A kill within a second try puts the third off by five minutes.
    wait_until("everybody's answer", lambda: receiver.told("/alert") == (10, 0), seconds=400)
    ids = defaultdict(set)
    for one in receiver.to("/alert"):
        ids[one.body["data"]["survey_id"]].add(one.id)
    assert all(len(of_survey) == 1 for of_survey in ids.values()), ids
    wait_until("all is sent", lambda: stage.standing("leads")["waiting"] == 0)
    assert stage.standing("leads")["state"] == "works"


def test_a_dead_receiver_costs_the_others_nothing(stage):
    receiver = stage.receiver
    receiver.scripts["/dead"] = ["hang"] * 100
    stage.begin(alert("dead", receiver.url("/dead")) + alert("good", receiver.url("/good")))
    stage.prompt(PEOPLE)
    slowest = 0
    for number, person in enumerate(PEOPLE):
        stage.answered([person])
        began = time.monotonic()
        taken = stage.surveyd.post(close("acme", f"c-{number}", str(900_000 + number), moment()))
        assert taken.status_code == 202
        slowest = max(slowest, time.monotonic() - began)
    wait_until("everybody's answer", lambda: sum(receiver.told("/good")) == len(PEOPLE))
    assert len(receiver.to("/good")) < len(PEOPLE), "many at once are one message"
    times = [one.at for one in receiver.to("/good")]
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[1:]))
    assert len(receiver.to("/dead")) <= 4
    assert slowest < 5, "closes are taken all the while"
    began = time.monotonic()
    assert stage.surveyd.stop() == 0
    assert time.monotonic() - began < 10


def test_a_reload_takes_alerts_in_and_out_and_loses_nothing(stage):
    receiver = stage.receiver
    receiver.scripts["/left"] = [500] * 100
    left, new = alert("left", receiver.url("/left")), alert("new", receiver.url("/new"))
    stage.begin(left)
    stage.prompt(PEOPLE[:2])
    stage.answered(PEOPLE[:1])
    wait_until("a first try", lambda: receiver.to("/left"))

    def reload(alerts, times):
        text = stage.surveyd.config.read_text()
        stage.surveyd.config.write_text(text.partition("\n[[alerts]]")[0] + alerts)
        stage.surveyd.process.send_signal(signal.SIGHUP)
        wait_until("the reload", lambda: len(stage.logged("config.reloaded")) == times)

    reload(new, 1)
    wait_until("the new alert has its place", lambda: stage.standing("new")["state"] == "works")
    tries = len(receiver.to("/left"))
    stage.answered(PEOPLE[1:2])
    wait_until("the second answer alone", lambda: receiver.told("/new") == (1, 0))
    assert stage.standing("left")["state"] == "removed" and stage.standing("left")["waiting"] == 1
    assert len(receiver.to("/left")) == tries
    receiver.scripts["/left"].clear()
    reload(new + left, 2)
    # The second answer may have become a message for it by now.
    retried = stage.surveyd.run("alerts", "retry", "left")
    assert re.fullmatch("alert left: (one message is|2 messages are) tried again\n", retried), retried
    wait_until("what was kept, and what happened meanwhile", lambda: receiver.told("/left") == (2, 0))
    assert receiver.told("/new") == (1, 0)


class Canary(Quiet):
    """Counts who connects to it, and answers nobody."""

    def __init__(self):
        self.connections = 0
        super().__init__(("127.0.0.1", 0), None)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address):
        self.connections += 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_no_proxy_of_the_environment_is_used(stage):
    canary = Canary()
    try:
        proxy = f"http://127.0.0.1:{canary.server_address[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environment = {name: proxy for upper in names for name in (upper, upper.lower())}
        # Nobody stands behind the second address. Its name is never looked up by a proxy either.
        alerts = alert("leads", stage.receiver.url("/alert")) + alert("far", "https://surveyd.invalid/alert")
        stage.begin(alerts, environment)
        stage.prompt(PEOPLE[:1])
        stage.answered(PEOPLE[:1])
        wait_until("the answer", lambda: stage.receiver.told("/alert") == (1, 0))
        wait_until("a failed look-up", lambda: stage.standing("far")["failures"])
        for name, code in (("leads", 0), ("far", 1)):
            command_line(
                "alerts", "test", name, "--config", stage.surveyd.config,
                environment={**stage.surveyd.environment, **environment}, code=code,
            )  # fmt: skip
        assert canary.connections == 0
        for url in ("http://surveyd.invalid/", "https://surveyd.invalid/"):
            with pytest.raises(requests.RequestException):
                requests.get(url, proxies={"http": proxy, "https": proxy}, timeout=10)
        assert canary.connections >= 2, "whoever uses the proxy is seen"
    finally:
        canary.shutdown()


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_two_daemons_on_one_database_tell_each_thing_once(stage):
    receiver, people = stage.receiver, PEOPLE[:10]
    alerts = alert("leads", receiver.url("/alert"))
    stage.begin(alerts)
    other = stage.daemon("two", alerts)
    other.start()
    try:
        stage.prompt(people)
        for person in people[:5]:
            stage.answered([person])
            time.sleep(1.1)
        wait_until("the first half", lambda: sum(receiver.told("/alert")) == 5)
        # Whichever has the turn: the one that is left takes it over.
        stage.surveyd.kill()
        stage.surveyd = other
        stage.answered(people[5:])
        wait_until("the second half", lambda: sum(receiver.told("/alert")) == 10, seconds=90)
        ids = Counter(one.id for one in receiver.to("/alert"))
        assert set(ids.values()) == {1}, ids
        times = sorted(one.at for one in receiver.to("/alert"))
        assert all(later - earlier > 0.9 for earlier, later in zip(times, times[1:]))
    finally:
        other.kill()
