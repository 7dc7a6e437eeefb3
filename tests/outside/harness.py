"""The program under test as a process, and the two ways the tests reach it: webhooks and the command line."""

import csv
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

import requests
from standardwebhooks import Webhook

BINARY = Path(os.environ.get("SURVEYD", "target/release/surveyd")).resolve()
SECONDS = 60  # how long anything may take before a test gives up on it


def wait_until(what, condition, seconds=SECONDS):
    """Polls until the condition holds and returns what it gave; fails with `what` after the deadline.

    `what` is a text, or a function that makes one once the time is up.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.05)


def new_database(kind):
    """A store.url that nothing has been written to yet. A missing server fails here; it skips nothing."""
    if kind == "sqlite":
        return "sqlite:surveyd.db"
    return new_server_database("template1")


def new_server_database(template):
    """A database on the test server, made of another one that nobody is connected to."""
    server = os.environ.get("SURVEYD_TEST_POSTGRES")
    assert server, "SURVEYD_TEST_POSTGRES is not set: these tests need a PostgreSQL; tests/run starts one"
    name = f"surveyd_{uuid4().hex}"
    by_psql(server, f"create database {name} template {template}")
    return f"{server.rpartition('/')[0]}/{name}"


def by_psql(url, script):
    """What the statements give, a row a line, its columns between bars."""
    assert shutil.which("psql"), "psql is missing; it comes with PostgreSQL"
    psql = ["psql", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1", url, "--file", "-"]
    done = subprocess.run(psql, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [tuple(line.split("|")) for line in done.stdout.splitlines()]


# Below those that systems hand out by themselves: a daemon that is down keeps its port. The processes that share the
# tests of one run (gw0, gw1 …) begin far apart.
PORTS = itertools.cycle(range(20_000, 32_000))
SHARE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
for _ in range((SHARE * 2_000 + os.getppid() % 2_000) % 12_000):
    next(PORTS)
PORTS_LOCK = threading.Lock()


def free_port():
    """A port that nobody is given again until thousands of others have been."""
    with PORTS_LOCK:
        for port in itertools.islice(PORTS, 12_000):
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
    raise AssertionError("no port is free")


def command_line(*arguments, environment=None, code=0):
    """Runs surveyd to its end and returns what it printed on stdout."""
    outcome = subprocess.run(
        [BINARY, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**clean_environment(), **(environment or {})},
        timeout=SECONDS,
    )
    assert outcome.returncode == code, (
        f"surveyd {' '.join(map(str, arguments))} ended with {outcome.returncode}, not {code}\n"
        f"{outcome.stdout.decode(errors='replace')}{outcome.stderr.decode(errors='replace')}"
    )
    return outcome.stdout.decode()


def clean_environment():
    """The machine's environment without what would change the program's behaviour."""
    foreign = ("SURVEYD", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "LISTEN_", "TZ")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {name: value for name, value in kept.items() if "proxy" not in name.lower()}


class Surveyd:
    """`surveyd run` with a configuration of its own in a folder of its own."""

    def __init__(self, folder, configuration, secrets):
        self.folder = folder
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "surveyd.toml"
        self.log_path = folder / "log"
        self.process = None
        (folder / "state").mkdir(exist_ok=True)
        self.secrets = secrets
        for name, secret in secrets.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(secret)
        self.config.touch(mode=0o600)
        self.config.write_text(configuration.replace("PORT", str(self.port)))

    @property
    def environment(self):
        return {"STATE_DIRECTORY": str(self.folder / "state"), "CREDENTIALS_DIRECTORY": str(self.folder)}

    def start(self):
        self.launch()
        wait_until("surveyd is ready", self.ready)

    def launch(self, under=(), environment=None):
        """Starts it without waiting: under another program (a tracer), with more in its environment."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*under, BINARY, "run", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**clean_environment(), **self.environment, **(environment or {})},
            )

    def ready(self):
        assert self.process.poll() is None, f"surveyd ended with {self.process.poll()}\n{self.log_path.read_text()}"
        try:
            return requests.get(f"{self.base_url}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def stop(self):
        """Asks it to stop, as an operator does, and returns its exit code. It promises to need 10 s at most."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=10)
        self.process = None
        return code

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def run(self, *arguments, code=0):
        return command_line(*arguments, "--config", self.config, environment=self.environment, code=code)

    # Intake.

    def post(self, notice, source="helpdesk", secret=None, message_id=None, at=None, content_type="application/json"):
        """Signs a notice with the stock package and posts it. A str goes out as it is, all else as JSON."""
        body = notice if isinstance(notice, str) else json.dumps(notice, ensure_ascii=False)
        message_id = message_id or f"msg_{uuid4()}"
        at = at or datetime.now(timezone.utc)
        return requests.post(
            f"{self.base_url}/v1/sources/{source}",
            data=body.encode(),
            headers={
                "content-type": content_type,
                "webhook-id": message_id,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": Webhook(secret or self.secrets["helpdesk-secret"]).sign(message_id, at, body),
            },
            timeout=10,
        )

    # Results.

    def log(self):
        """The log's lines, each a flat JSON object."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def rows(self):
        """The export as JSON Lines, by conversation and moment of the close."""
        rows = [json.loads(line) for line in self.run("export", "--format", "jsonl").splitlines()]
        return {(row["account"], row["conversation_id"], row["closed_at"]): row for row in rows}

    def csv_rows(self):
        path = self.folder / "export.csv"
        self.run("export", "--format", "csv", "-o", path)
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            return reader.fieldnames, list(reader)

    def report(self, *arguments):
        return json.loads(self.run("report", "--format", "json", *arguments))


def close(account, conversation, user, closed_at, **data):
    """A notice of kind `standard`; a value of None leaves its field out."""
    fields = {"account": account, "conversation_id": conversation, "user_id": user, "closed_at": closed_at, **data}
    return {
        "type": "conversation.closed",
        "timestamp": moment(),
        "data": {name: value for name, value in fields.items() if value is not None},
    }


def reopening(account, conversation, user):
    return {**close(account, conversation, user, None), "type": "conversation.reopened"}


def moment(seconds_ago=0):
    """An instant before now, RFC 3339 in UTC."""
    at = datetime.fromtimestamp(time.time() - seconds_ago, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(instant):
    return datetime.fromisoformat(instant)
