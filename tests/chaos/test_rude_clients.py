"""Clients that hang up at any instant, between good ones, and a kill at the end: nothing acknowledged is lost."""

import json
import socket
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
from standardwebhooks import Webhook

import lengths
from business import Case, at_work, people
from crash import states
from harness import new_database
from scenario import WEBHOOK_SECRET

GOOD_FOR_RUDE = 6
ACCOUNTS_DELAY = {"acme": "1h"}


class Nowhere:
    base_url = "http://127.0.0.1:9"


def request(surveyd, case):
    """The bytes of a whole notice, signed."""
    body = json.dumps(case.notice)
    at = datetime.now(timezone.utc)
    headers = {
        "host": f"127.0.0.1:{surveyd.port}",
        "content-type": "application/json",
        "content-length": str(len(body.encode())),
        "webhook-id": f"msg_{case.conversation}",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(WEBHOOK_SECRET).sign(f"msg_{case.conversation}", at, body),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1/sources/helpdesk HTTP/1.1\r\n{head}\r\n{body}".encode()


def hang_up(surveyd, case, chance):
    """Sends a notice, or the beginning of one, and is gone before the answer, or in the middle of it."""
    whole = request(surveyd, case)
    try:
        with socket.create_connection(("127.0.0.1", surveyd.port), timeout=5) as line:
            is_whole = chance.random() < 0.7
            line.sendall(whole if is_whole else whole[: chance.randrange(len(whole))])
            pause = chance.choice((0, 0, 0.0003, 0.001, 0.003, 0.01))
            if pause:
                time.sleep(pause * chance.random())
            if is_whole and chance.random() < 0.1:
                line.recv(chance.randint(1, 20))
            if chance.random() < 0.5:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass


def in_a_transaction(url):
    """Connections of the database that were left inside a transaction."""
    asked = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in trans%'"
    answer = subprocess.run(["psql", "-Atqc", asked, url], capture_output=True, text=True, check=True)
    return int(answer.stdout)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_clients_that_hang_up_cost_nobody_a_close(kind, tmp_path):
    total = lengths.runs(600, 5000)
    chance = lengths.chance("rude", kind)
    crowd = people(total + total // GOOD_FOR_RUDE, chance)
    chance.shuffle(crowd)
    rude, good = [Case(person) for person in crowd[:total]], [Case(person) for person in crowd[total:]]
    url = new_database(kind)
    surveyd = at_work(tmp_path / "surveyd", url, Nowhere, delays=ACCOUNTS_DELAY)
    began = time.monotonic()
    try:
        surveyd.start()

        def be_rude(part):
            own = lengths.chance("rude", kind, part)
            for case in rude[part::4]:
                hang_up(surveyd, case, own)

        def be_good(part):
            for case in good[part::2]:
                answer = case.report(surveyd)
                assert answer.status_code == 202, answer.text

        with ThreadPoolExecutor(6) as pool:
            jobs = [pool.submit(be_rude, part) for part in range(4)] + [pool.submit(be_good, part) for part in range(2)]
            for job in jobs:
                job.result()
        if kind == "postgres":
            assert in_a_transaction(url) == 0
        surveyd.kill()
        surveyd.start()
        rows = states(surveyd)
        missing = [case.conversation for case in good if case.conversation not in rows]
        assert missing == [], f"{len(missing)} of {len(good)} acknowledged closes are lost"
        assert surveyd.stop() == 0
    finally:
        surveyd.kill()
    taken = sum(case.conversation in rows for case in rude)
    lengths.count(
        f"rude clients on {kind}: {total} hung up ({taken} of their closes were taken), {len(good)} good ones, "
        f"{time.monotonic() - began:.0f} s"
    )
