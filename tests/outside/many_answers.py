"""Ten thousand answers within a minute, beside a receiver that never answers. `tests/long answers` runs this.

Two daemons take turns: one tells its alert to a receiver that takes everything, the other has a second alert besides,
whose receiver accepts each connection and then says nothing. What must not differ is printed, not asserted: how long
closes wait for their 202, people for their prompts, and the good receiver for what it is told of. What is asserted is
what is counted: each answer is told of once, and each close is prompted for once.
"""

import os
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

import scenario
from harness import Surveyd, close, moment, new_database, wait_until
from test_alerts import Receiver, alert
from x_server import XServer, event_on_the_wire
from x_world import World

ACCOUNTS = {f"shop{number}": scenario.x_account(str(4_000 + number), f"shop{number}") for number in range(12)}
ANSWERS = 10_000
MINUTE = 60
CLOSES_A_SECOND = 10
ROUNDS = int(os.environ.get("SURVEYD_CHAOS_RUNS", "3"))
PASSWORD = "a password of the outside tests"
LONG = 900


def configuration(store_url, x_base_url):
    text = scenario.CONFIGURATION.replace("STORE", store_url).replace("X_BASE_URL", x_base_url)
    text = text.replace("CAN_DM", "users_v2").replace('level = "debug"', 'level = "info"')
    text = text.replace('events_horizon = "0s"', 'events_horizon = "24h"')
    webhook = f'\n[x.webhook]\nusername = "x"\npassword = "{PASSWORD}"\n\n[poll]\nfresh_for = "0s"'
    text = text.replace("\n[poll]", webhook).replace('interval = "2s"', 'interval = "5m"')
    for name, keys in ACCOUNTS.items():
        shape = {"type": "csat", "variant": 1, "display_name": "Shop"}
        text += scenario.ACCOUNT.format(
            name=name, keys=keys, privacy_url="https://shop.example/p", account_keys="",
            survey_keys='delay = "0s"\nmessage = "Hello."', **shape,
        )  # fmt: skip
    return text + '[[sources]]\nname = "helpdesk"\nkind = "standard"\nsecret = { file = "helpdesk-secret" }\n'


def secrets():
    found = {"helpdesk-secret": scenario.WEBHOOK_SECRET}
    for name, keys in ACCOUNTS.items():
        found[f"{name}-consumer-secret"], found[f"{name}-token-secret"] = keys.consumer_secret, keys.token_secret
    return found


class Silent:
    """A receiver that accepts connections, reads nothing and answers nothing."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.held = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.held.append(self.socket.accept())
            except OSError:
                return

    @property
    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/"


class Minute:
    """One daemon's minute, with or without the silent receiver."""

    def __init__(self, folder, store_url, with_silent):
        folder.mkdir()
        self.world = World(list(ACCOUNTS.values()), events_horizon_ms=24 * 60 * 60 * 1000)
        self.x = XServer(self.world)
        self.x.__enter__()
        self.receiver, self.silent = Receiver(), Silent()
        alerts = alert("good", self.receiver.url("/good"))
        if with_silent:
            alerts += alert("silent", self.silent.url)
        self.surveyd = Surveyd(folder, configuration(store_url, self.x.base_url) + alerts, secrets())
        self.session = threading.local()
        self.acknowledged = {}  # person -> (when it was sent, seconds until the 202)
        self.answered = {}  # person -> when surveyd had taken the answer

    def end(self):
        self.surveyd.kill()
        self.receiver.shutdown()
        self.silent.socket.close()
        self.x.__exit__()

    def prompt(self, people):
        """Everybody is asked before the minute begins."""
        with ThreadPoolExecutor(8) as pool:
            taken = pool.map(lambda one: self.surveyd.post(close(*one, moment())), people)
            assert {response.status_code for response in taken} == {202}
        wait_until("the prompts", lambda: len(self.world.prompts) == len(people), LONG)

    def answer(self, feedback_id, number):
        age = self.world.now_ms() - self.world.feedback[feedback_id]["created_ms"]
        version = self.world.answer(feedback_id, age // 1_000, tell=False, score=1 + number % 5)
        event = event_on_the_wire(
            {"event_type": "feedback.updated", "created_ms": self.world.now_ms(), "feedback": version}
        )
        if not hasattr(self.session, "http"):
            self.session.http = requests.Session()
        said = self.session.http.post(
            f"{self.surveyd.base_url}/v1/x/feedback", json=event, auth=("x", PASSWORD), timeout=60
        )
        assert said.status_code == 200, said.text
        self.answered[version["to_user_id"]] = time.time()

    def answers(self):
        prompts, began = self.world.prompts[:ANSWERS], time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            begun = []
            for number, prompt in enumerate(prompts):
                time.sleep(max(0, began + number * MINUTE / ANSWERS - time.monotonic()))
                begun.append(pool.submit(self.answer, prompt.feedback_id, number))
            for one in begun:
                one.result()
        return time.monotonic() - began

    def closes(self):
        began = time.monotonic()
        for number in range(MINUTE * CLOSES_A_SECOND):
            time.sleep(max(0, began + number / CLOSES_A_SECOND - time.monotonic()))
            name, person = f"shop{number % len(ACCOUNTS)}", str(9_000_000 + number)
            sent = time.time()
            response = self.surveyd.post(close(name, f"c-{person}", person, moment()))
            assert response.status_code == 202, response.text
            self.acknowledged[person] = (sent, time.time() - sent)

    def run(self):
        self.surveyd.start()
        names = list(ACCOUNTS)
        people = [str(1_000_000 + number) for number in range(ANSWERS)]
        self.prompt([(names[number % len(names)], f"c-{person}", person) for number, person in enumerate(people)])
        closing = threading.Thread(target=self.closes)
        closing.start()
        took = self.answers()
        closing.join()
        told = self.receiver.told
        wait_until("the good receiver is told", lambda: sum(told("/good")) >= ANSWERS, LONG)
        new = MINUTE * CLOSES_A_SECOND
        wait_until("the new prompts", lambda: len(self.world.prompts) >= ANSWERS + new, LONG)
        return self.figures(took)

    def figures(self, took):
        people = [prompt.fields["to_user_id"] for prompt in self.world.prompts]
        assert len(people) == len(set(people)) == ANSWERS + len(self.acknowledged)
        singles, in_summaries = self.receiver.told("/good")
        assert singles + in_summaries == ANSWERS and self.receiver.faults == []
        prompted = {prompt.fields["to_user_id"]: prompt.received_ms / 1_000 for prompt in self.world.prompts}
        waits = [prompted[person] - sent for person, (sent, _) in self.acknowledged.items()]
        # At most one message a second: most answers are told of by a count. The first told is the first that came.
        told_at = []
        for one in {one.id: one for one in reversed(self.receiver.to("/good"))}.values():
            told_at += [one.at] * one.body["data"].get("count", 1)
        lags = [told - taken for told, taken in zip(sorted(told_at), sorted(self.answered.values()), strict=True)]
        return {
            "answers in (s)": took,
            "202 p50 (ms)": 1_000 * percentile([wait for _, wait in self.acknowledged.values()], 50),
            "202 p99 (ms)": 1_000 * percentile([wait for _, wait in self.acknowledged.values()], 99),
            "prompt p50 (s)": percentile(waits, 50),
            "prompt p99 (s)": percentile(waits, 99),
            "messages": len(self.receiver.to("/good")),
            "told p50 (s)": percentile(lags, 50),
            "told p99 (s)": percentile(lags, 99),
        }


def percentile(values, of):
    return statistics.quantiles(values, n=100, method="inclusive")[of - 1]


def test_a_receiver_that_never_answers_costs_nobody_else_anything(store, tmp_path):
    sides = {"alone": [], "beside it": []}
    for number in range(ROUNDS):
        for side, found in sides.items():
            minute = Minute(tmp_path / f"{side} {number}", new_database(store), side != "alone")
            try:
                found.append(minute.run())
            finally:
                minute.end()
            print(f"{side:10} " + ", ".join(f"{name} {value:.3g}" for name, value in found[-1].items()), flush=True)
    for name in sides["alone"][0]:
        alone, beside = ([one[name] for one in found] for found in sides.values())
        ratios = sorted(with_it / without for with_it, without in zip(beside, alone) if without)
        medians = f"{statistics.median(alone):9.3g} {statistics.median(beside):9.3g}"
        print(f"{name:20} {medians}  ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
