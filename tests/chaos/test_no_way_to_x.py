"""Where no byte of a prompt's request can have left, it is tried again, and goes out once."""

import shutil
import time

import gate
import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import states
from gate import Gate
from harness import wait_until
from hostile_x import HostileWorld, HostileX


class There:
    """X at the address of a gate."""

    def __init__(self, scheme, port):
        self.base_url = f"{scheme}://127.0.0.1:{port}"


def try_again(folder, way, world, environment, spoil, mend, count):
    """Closes that come due while X can be asked about people, and not be reached for a prompt."""
    # Were these taken for requests of unknown outcome, they would not be settled within this test.
    surveyd = at_work(folder, "sqlite:surveyd.db", way, settle_after="10m")
    cases = [Case(person) for person in people(count, lengths.chance("no way", str(folder)[-8:]))]
    spoilt = []

    def once():
        if not spoilt:
            spoilt.append(True)
            spoil()

    world.on_look_up = once
    try:
        surveyd.launch(environment=environment)
        wait_until("surveyd is ready", surveyd.ready)
        for case in cases:
            assert case.report(surveyd).status_code == 202
        wait_until("a prompt that fails", lambda: "survey.retry" in surveyd.log_path.read_text())
        time.sleep(0.5)
        assert world.attempts == []
        mend()
        wait_until("all prompts", lambda: len(world.prompts) == count)
        wait_until("all to be sent", lambda: [row["state"] for row in states(surveyd).values()] == ["sent"] * count)
        assert "survey.uncertain" not in surveyd.log_path.read_text()
        assert surveyd.stop() == 0
    finally:
        surveyd.kill()
    assert world.prompted_twice() == {} and world.faults == []
    assert len(world.attempts) == count


def test_a_refused_connection_is_tried_again(tmp_path):
    count = lengths.runs(5, 200)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    with HostileX(world) as x, Gate(x.http.server_address[1]) as way:
        try_again(tmp_path / "surveyd", There("http", way.port), world, {}, way.shut, way.open, count)
    lengths.count(f"refused connections: {count} prompts")


def test_a_tls_failure_is_tried_again(tmp_path):
    assert shutil.which("openssl"), "openssl is missing: apt-get install openssl"
    count = lengths.runs(5, 200)
    gate.certificates(tmp_path)
    how = [gate.answers_in_the_clear, gate.hangs_up, gate.presents_a_stranger_s_certificate(tmp_path)]
    lengths.in_parallel(lambda number: fail_tls(tmp_path, number, how[number], count), range(len(how)))
    lengths.count(f"TLS that answers in the clear, hangs up, presents a stranger's certificate: {count} prompts each")


def fail_tls(folder, number, spoil, count):
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    with HostileX(world) as x, Gate(x.http.server_address[1], gate.context(folder, "x")) as way:
        x.http.scheme = "https"
        environment = {"SSL_CERT_FILE": str(folder / "authority.pem")}

        def spoil_it():
            way.spoil = spoil

        def mend():
            way.spoil = None

        try_again(folder / str(number), There("https", way.port), world, environment, spoil_it, mend, count)
        assert way.refused > 0
