"""A signal at any instant of a start: an ordered stop, or ignored until it is ready; never an end where it stands."""

import signal
import socket
import time

import lengths
from business import ACCOUNTS, at_work
from harness import wait_until
from hostile_x import HostileWorld, HostileX

STEP_SECONDS = 0.005
# Until a program can handle signals, in its first few milliseconds, the system's own handling holds: the steps
# are counted from then on.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def handles(process, number):
    """Whether the process has a handler for the signal (SigCgt in proc_pid_status(5))."""
    try:
        lines = open(f"/proc/{process.pid}/status").read().splitlines()
    except OSError:
        return False
    caught = next((line for line in lines if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def signalled_at(number, folder, x):
    """Signals one start `number` steps after it can handle it. Which signal, and whether it was ready by then."""
    surveyd = at_work(folder, "sqlite:surveyd.db", x)
    sent = SIGNALS[number % len(SIGNALS)]
    try:
        surveyd.launch()
        began = lambda: handles(surveyd.process, sent) or any((folder / "state").iterdir())  # noqa: E731
        wait_until("it to begin", began)
        assert handles(surveyd.process, sent), "it works before it can handle a signal"
        if number % 10 == 9:
            wait_until("the first connection", lambda: answers(surveyd.port))
        else:
            time.sleep(number // len(SIGNALS) * STEP_SECONDS)
        surveyd.process.send_signal(sent)
        if sent == signal.SIGHUP:
            wait_until("it to be ready", surveyd.ready)
            surveyd.process.send_signal(signal.SIGTERM)
        code = surveyd.process.wait(timeout=10)
        events = [line["event"] for line in surveyd.log() if line.get("event", "").startswith("daemon.")]
        assert code == 0, f"{sent.name}: ended with {code}\n{surveyd.log_path.read_text()}"
        assert events[-1] == "daemon.stopped", f"{sent.name}: {events}"
        return sent, "daemon.ready" in events
    finally:
        surveyd.kill()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def test_a_signal_at_any_instant_of_a_start_ends_it_in_order_or_waits(tmp_path):
    total = lengths.runs(24, 200)
    with HostileX(HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)) as x:
        results = lengths.in_parallel(lambda number: signalled_at(number, tmp_path / str(number), x), range(total))
    early = sum(not was_ready for _, was_ready in results)
    lengths.count(f"signals: {total} starts, {early} of them ended before they were ready")
