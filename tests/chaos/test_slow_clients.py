"""Two thousand clients that hold connections and give nothing for them: honest closes get through all the same."""

import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

import lengths
from business import Case, at_work, people
from crash import states
from harness import close, moment, new_database
from test_rude_clients import Nowhere
from test_soak import resident

SLOW = 2_000
ALL = "silent,half-head,half-body,deaf"
# Far above what is wanted (a second), so that a machine with much else to do does not fail: in the old way it was never.
AT_MOST = 10  # seconds


@contextmanager
def crowd(surveyd, kinds, addresses):
    """Slow clients at their work. How many connections they made is noted at the end."""
    program = Path(__file__).with_name("slow_clients.py")
    arguments = [sys.executable, "-B", program, str(surveyd.port), kinds, str(SLOW), *map(str, addresses)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    made = []
    try:
        assert process.stdout.readline() == "connected\n"
        yield made
    finally:
        out, _ = process.communicate("")
        made.append(int(out))


def limited(surveyd, per_peer):
    if per_peer is not None:
        text = surveyd.config.read_text()
        line = f"[http]\nconnections_per_peer = {per_peer}\n"
        surveyd.config.write_text(text.replace("[http]\n", line, 1))


@pytest.mark.parametrize(
    ("kinds", "addresses", "per_peer"),
    [
        ("silent", (1, 1), None),
        ("half-head", (1, 1), None),
        ("half-body", (1, 1), None),
        ("deaf", (1, 1), None),
        (ALL, (1, 1), None),  # the honest one's own address, as behind a proxy
        (ALL, (2, 2), None),
        (ALL, (2, 101), None),
        (ALL, (2, 2), 256),
    ],
)
def test_honest_closes_get_through_a_crowd_that_gives_nothing(kinds, addresses, per_peer, tmp_path):
    honest = [Case(person) for person in people(lengths.runs(15, 200), lengths.chance("slow", kinds, per_peer))]
    surveyd = at_work(tmp_path / "surveyd", new_database("sqlite"), Nowhere, delays={"acme": "1h"})
    limited(surveyd, per_peer)
    took, repeated = [], 0
    try:
        surveyd.start()
        with crowd(surveyd, kinds, addresses) as made:
            for case in honest:
                began = time.monotonic()
                while not case.is_acknowledged:  # a desk says again what it had no answer to
                    try:
                        answer = case.report(surveyd)
                        assert answer.status_code in (200, 202), answer.text
                    except requests.ConnectionError:
                        repeated += 1
                took.append(time.monotonic() - began)
                time.sleep(0.1)  # so that the crowd has time to come back
            assert requests.get(f"{surveyd.base_url}/readyz", timeout=AT_MOST).status_code == 200
        assert max(took) < AT_MOST
        assert set(states(surveyd)) >= {case.conversation for case in honest}
        assert surveyd.stop() == 0
        # Strangers' requests are refused without end, and the log stays short.
        assert len(surveyd.log_path.read_bytes()) < 1_000_000
    finally:
        surveyd.kill()
    lengths.count(
        f"{SLOW} slow clients ({kinds}; from 127.0.0.{addresses[0]} to {addresses[1]}, limit {per_peer}): {made[0]} connections, "
        f"{len(honest)} honest closes in {statistics.median(took):.3f} s, the slowest in {max(took):.3f} s, {repeated} said again"
    )


HEAD = b"POST /v1/sources/helpdesk HTTP/1.1\r\nhost: surveyd\r\n"


def begin(surveyd, words):
    line = socket.create_connection(("127.0.0.1", surveyd.port))
    line.sendall(words)
    return line


def test_bodies_that_are_not_whole_take_no_more_memory_however_many_they_are(tmp_path):
    surveyd = at_work(tmp_path / "surveyd", new_database("sqlite"), Nowhere, delays={"acme": "1h"})
    words = HEAD + b"content-length: 262000\r\n\r\n" + b"x" * 250_000
    lines = []
    try:
        surveyd.start()
        before = resident(surveyd)
        for _ in range(400):
            try:
                lines.append(begin(surveyd, words))
            except OSError:
                continue  # it had to make room while it spoke
        time.sleep(1)  # what they sent is read
        grown = (resident(surveyd) - before) / 1024
        notice = close("acme", "c-long", "7", moment())
        notice["data"]["attributes"] = {"history": "y" * 400}
        notice["data"]["unknown"] = "z" * 100_000  # an honest one may be long, too
        began = time.monotonic()
        assert surveyd.post(notice).status_code == 202
        took = time.monotonic() - began
        assert took < AT_MOST
        assert surveyd.stop() == 0
    finally:
        for line in lines:
            line.close()
        surveyd.kill()
    assert grown < 80, f"its own memory has grown by {grown:.0f} MiB"
    lengths.count(f"{len(lines)} bodies of 250 kB that are not whole: {grown:.0f} MiB more; a long close beside them in {took:.3f} s")


def test_a_thousand_silent_strangers_do_not_push_out_a_desk_that_takes_its_time(tmp_path):
    honest = [Case(person) for person in people(10, lengths.chance("strangers"))]
    surveyd = at_work(tmp_path / "surveyd", new_database("sqlite"), Nowhere, delays={"acme": "1h"})
    silent = []
    try:
        surveyd.start()
        for number in range(1_100):
            line = socket.socket()
            line.bind((f"127.0.{1 + number // 250}.{1 + number % 250}", 0))
            line.connect(("127.0.0.1", surveyd.port))
            silent.append(line)
        for case in honest:
            desk = [begin(surveyd, HEAD + b"content-length: 2\r\n\r\n") for _ in range(5)]
            time.sleep(0.3)
            assert case.report(surveyd).status_code == 202
            for line in desk:
                line.sendall(b"{}")
                assert line.recv(12) == b"HTTP/1.1 401", "its connection has been taken away"
                line.close()
    finally:
        for line in silent:
            line.close()
        surveyd.kill()


@pytest.mark.parametrize("words", [HEAD, HEAD + b"content-length: 100\r\n\r\n{"])
def test_a_request_that_is_not_whole_holds_up_no_stop(words, tmp_path):
    surveyd = at_work(tmp_path / "surveyd", new_database("sqlite"), Nowhere)
    try:
        surveyd.start()
        with begin(surveyd, words):
            time.sleep(0.2)
            began = time.monotonic()
            assert surveyd.stop() == 0
            took = time.monotonic() - began
        assert took < 6, f"{took:.1f} s"  # by itself it is a second; in the old way eight
    finally:
        surveyd.kill()


def test_a_client_that_never_reads_is_let_go(tmp_path):
    surveyd = at_work(tmp_path / "surveyd", new_database("sqlite"), Nowhere)
    request = b"GET /healthz HTTP/1.1\r\nhost: surveyd\r\n\r\n"
    try:
        surveyd.start()
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(60)
            line.connect(("127.0.0.1", surveyd.port))
            began = time.monotonic()
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                while True:  # it blocks once nobody takes anything, and ends when the connection does
                    line.sendall(request * 1_000)
        took = time.monotonic() - began
        assert took < 60, "it is ended for its silence, not by this test"
        assert surveyd.stop() == 0
    finally:
        surveyd.kill()
    lengths.count(f"a client that never reads was let go after {took:.0f} s")
