"""docs/runbook.md as an operator follows it: what the page shows is waited for, what it says to type is typed.

A block of the page is read by the name in the comment above it. In what surveyd says, `…` stands for anything.
"""

import json
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

import scenario
from harness import BINARY, Surveyd, clean_environment, close, moment, new_database, wait_until
from x_server import Handler, Quiet, XServer
from x_world import Refusal, World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"
ACCOUNTS = {"acme": scenario.ACME, "globex": scenario.GLOBEX}

CONFIGURATION = """
[store]
url = "STORE"

[http]
listen = "127.0.0.1:PORT"

[log]
format = "json"

[x]
base_url = "X_BASE_URL"
request_timeout = "5s"
send_timeout = "5s"
settle_after = "1s"
events_horizon = "0s"
can_dm = "users_v2"

[x.webhook]
username = "x"
password = { file = "x-webhook-password" }

[poll]
interval = "1s"
overlap = "10s"
"""
# No throttle and no limit of a person's day: nothing but the promise itself keeps a prompt from going out twice.
ACCOUNT_KEYS = "daily_limit_per_user = 1000"
SURVEY_KEYS = 'delay = "0s"\nthrottle = "0s"\nmessage = "How did we do?"\n'


# The page.


def blocks():
    """The lines of each block, by its name."""
    found = re.findall(r"<!-- test: (.+?) -->\n```\w*\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(dict(found)) == len(found), "two blocks have the same name"
    return dict(found)


def block(name):
    assert name in blocks(), f"{PAGE.name} has no block named {name!r}"
    return blocks()[name]


def pattern(text):
    """What a text of the page stands for, wherever lines are broken."""
    words = [re.escape(word).replace("…", ".*?") for word in text.split()]
    return re.compile(r"\s+".join(words), re.DOTALL)


def shown_lines(name):
    """The log lines of a block: the event, then what it says."""
    lines = [line.split(maxsplit=1) for line in block(name).splitlines()]
    return [(event, pattern(words)) for event, words in lines]


# The operator.


class Operator:
    """Types blocks of the page on a machine where surveyd lies in a folder of its own."""

    def __init__(self, surveyd, services):
        self.surveyd = surveyd
        self.services = services  # ("systemctl", "stop", "surveyd") -> what it does here
        self.paths = {
            "/etc/surveyd/credentials": surveyd.folder,
            "/etc/surveyd": surveyd.folder,
            "/var/lib/surveyd": surveyd.folder / "state",
            "/var/backups": surveyd.folder / "backups",
            "http://127.0.0.1:8471": surveyd.base_url,
        }
        (surveyd.folder / "backups").mkdir(exist_ok=True)
        programs = surveyd.folder / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "surveyd").symlink_to(BINARY)
        self.environment = {
            **clean_environment(),
            **surveyd.environment,
            "SURVEYD_CONFIG": str(surveyd.config),
            "PATH": f"{programs}:{os.environ['PATH']}",
        }

    def type(self, name, replaced=None, reads="", code=0, goes_on=False):
        """Types a block and returns what it printed.

        `replaced`: what is an example there, and what is typed. `reads`: what is pasted. `code`: how it ends.
        `goes_on`: after a command that fails, too.
        """
        text = block(name)
        for example, actual in (replaced or {}).items():
            assert example in text, f"{example} is not in {name!r}"
            text = text.replace(example, str(actual))
        for path, actual in self.paths.items():
            text = text.replace(path, str(actual))
        printed, lines = "", ["set +e\n"] if goes_on else []
        for line in text.splitlines(keepends=True):
            service = self.services.get(tuple(line.split("#")[0].split()))
            if service is None:
                assert not line.startswith(("systemctl", "timedatectl")), f"nothing here does what {line!r} says"
                lines.append(line)
                continue
            printed += self.run(lines, reads)
            lines.clear()
            service()
        return printed + self.run(lines, reads, code)

    def run(self, lines, reads="", code=0):
        if not lines:
            return ""
        script = "".join(lines)
        ended = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script], capture_output=True, text=True, cwd=self.surveyd.folder,
            env=self.environment, timeout=120, input=reads,
        )  # fmt: skip
        assert ended.returncode == code, f"{script}\nended with {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr


# What happens to X.


class Everyone:
    """In whom everybody is contained: X itself refuses no second prompt, so that it is counted."""

    def __contains__(self, person):
        return True


class TroubledX(Handler):
    """X where `world.trouble` may hold the answer to whatever an account asks."""

    def route(self, account, url, body):
        trouble = self.server.world.trouble.get(account.user_id)
        if trouble is not None:
            raise trouble
        return super().route(account, url, body)


class X(XServer):
    """One that can be away, and come back to the same port."""

    def __init__(self):
        world = World(list(ACCOUNTS.values()), events_horizon_ms=0)
        world.several_a_day = Everyone()
        world.trouble = {}  # account's user id -> what X answers
        super().__init__(world, TroubledX)

    def refuses(self, status, code, message, accounts=ACCOUNTS):
        for name in accounts:
            self.world.trouble[ACCOUNTS[name].user_id] = Refusal(status, code, message, scripted=True)

    def takes_all(self):
        self.world.trouble.clear()

    def goes_away(self):
        self.http.shutdown()
        self.http.server_close()

    def comes_back(self):
        gone = self.http
        self.http = Quiet(gone.server_address, TroubledX)
        self.http.daemon_threads = True
        for name in ("world", "scheme", "keys", "endpoint"):
            setattr(self.http, name, getattr(gone, name))
        self.__enter__()


@pytest.fixture
def x():
    with X() as x:
        yield x


# The stage.


class Night:
    """A surveyd at work, and an operator."""

    def __init__(self, folder, x, store="sqlite", server=None, survey_keys=SURVEY_KEYS, account_keys=ACCOUNT_KEYS):
        self.world, self.store_url = x.world, server.url() if server else new_database(store)
        text = CONFIGURATION.replace("STORE", self.store_url).replace("X_BASE_URL", x.base_url)
        for name, keys in ACCOUNTS.items():
            text += scenario.ACCOUNT.format(
                name=name, keys=keys, privacy_url="https://acme.example/privacy", display_name="Acme",
                account_keys=account_keys, type="csat", variant=0, survey_keys=survey_keys,
            )  # fmt: skip
        secrets = scenario.secrets() | {"x-webhook-password": "twenty-four random signs"}
        self.surveyd = Surveyd(folder, text + scenario.SOURCES, secrets)
        self.read_from = 0
        self.closes = []  # those that were acknowledged
        self.operator = Operator(self.surveyd, {
            ("systemctl", "start", "surveyd"): self.start,
            ("systemctl", "stop", "surveyd"): self.stop,
            ("systemctl", "restart", "surveyd"): lambda: (self.stop(), self.start()),
            ("systemctl", "reload", "surveyd"): self.reload,
            ("journalctl", "-u", "surveyd", "-p", "warning", "-S", "-1h"): lambda: None,
        })  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.surveyd.kill()

    # systemctl.

    def start(self):
        self.surveyd.start()

    def stop(self):
        if self.surveyd.process:
            assert self.surveyd.stop() == 0

    def reload(self):
        self.from_now_on()
        self.surveyd.process.send_signal(1)
        self.waits_for_event("config.reloaded")

    # The help desk.

    def notice(self, person, account="acme", **data):
        return close(account, f"c-{person}", person, moment(), **data)

    def report(self, *people, code=202, **data):
        """Conversations of these people are closed. What is acknowledged counts."""
        for person in people:
            notice = self.notice(person, **data)
            answer = self.surveyd.post(notice)
            assert answer.status_code == code, answer.text
            if code == 202:
                self.closes.append(notice)

    def report_again(self):
        """The help desk sends all of it once more, as it was."""
        for notice in self.closes:
            answer = self.surveyd.post(notice)
            assert answer.status_code in (200, 202), answer.text

    # What is seen.

    def log(self):
        """The lines of the log that are whole."""
        return [json.loads(line) for line in self.surveyd.log_path.read_text().split("\n")[:-1]]

    def from_now_on(self):
        """Only later lines of the log count as seen."""
        self.read_from = len(self.log())

    def waits_for_event(self, event):
        seen = lambda: any(line.get("event") == event for line in self.log()[self.read_from :])  # noqa: E731
        wait_until(f"a line {event}", seen)

    def sees(self, name, seconds=60):
        """Waits for each of the lines that a block shows."""
        for event, words in shown_lines(name):

            def is_there(event=event, words=words):
                lines = self.log()[self.read_from :]
                return any(line.get("event") == event and words.fullmatch(line["message"]) for line in lines)

            wait_until(f"{name}: {event} {words.pattern}", is_there, seconds)

    def reads(self, name, *command, code=0):
        """Waits until what a command prints has all that the block shows."""
        shown = [pattern(part) for part in block(name).strip().split("\n\n")]

        def is_shown():
            printed = subprocess.run([BINARY, *command], capture_output=True, text=True, env=self.operator.environment)
            self.printed = printed.stdout + printed.stderr
            return printed.returncode == code and all(part.search(self.printed) for part in shown)

        try:
            wait_until(f"{name} by surveyd {' '.join(command)}", is_shown)
        except AssertionError as fault:
            raise AssertionError(f"{fault}, but {self.printed}") from None

    def serves(self, name, path, code=200):
        """Waits until an address shows what the block shows."""
        shown = [pattern(part) for part in block(name).strip().splitlines()]

        def is_shown():
            answer = requests.get(self.surveyd.base_url + path, timeout=5)
            return answer.status_code == code and all(part.search(answer.text) for part in shown)

        wait_until(f"{name} at {path}", is_shown)

    def status(self):
        return json.loads(self.surveyd.run("status", "--json"))

    # What the people saw.

    def prompted(self):
        with self.world.lock:
            return Counter(prompt.fields["to_user_id"] for prompt in self.world.prompts)

    def are_prompted(self, *people):
        wait_until(f"the prompts of {people}", lambda: all(self.prompted()[person] for person in people))

    def nothing_is_sent(self, seconds=3):
        before = self.prompted()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.prompted() == before
            time.sleep(0.1)

    def everybody_once(self, *but):
        """Each acknowledged close was asked about once, but those of these people not at all."""
        wanted = Counter(notice["data"]["user_id"] for notice in self.closes)
        for person in but:
            wanted.pop(person)
        wait_until("all prompts", lambda: sum(self.prompted().values()) >= sum(wanted.values()))
        ended = {"sent", "answered", "suppressed", "cancelled", "expired"}
        open_rows = lambda: [row for row in self.surveyd.rows().values() if row["state"] not in ended]  # noqa: E731
        wait_until("an end of every survey", lambda: not open_rows())
        self.stop()
        assert self.prompted() == wanted
        assert self.world.faults == []
