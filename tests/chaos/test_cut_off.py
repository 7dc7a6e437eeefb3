"""A daemon whose cable is pulled while it works: nobody else stands still, and nothing is done twice when it is back."""

import time

import pytest

import gate
import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import is_gone, states
from gate import Gate
from harness import wait_until
from hostile_x import HostileWorld, HostileX
from networks import Machine
from servers import at_work_on_it

NAMES = list(ACCOUNTS)
# Without the way to its database, to X and its help desk, or to either.
PULLED = {
    "database": lambda machine: [machine.database],
    "X": lambda machine: [machine.rest],
    "all": lambda machine: [machine.database, machine.rest],
}


class At:
    """X at the machine's other cable, and so behind TLS."""

    def __init__(self, way):
        self.base_url = f"https://{way.at}:{way.port}"


def on_its_machine(folder, machine, server, x):
    """A surveyd in the namespace, reached at its cable's address. Not yet started."""
    surveyd = at_work(folder, server.url(address=machine.database.address), x, settle_after="1s")
    listen = f"{machine.rest.other_address}:{surveyd.port}"
    surveyd.config.write_text(surveyd.config.read_text().replace(f"127.0.0.1:{surveyd.port}", listen))
    surveyd.base_url = f"http://{listen}"
    return surveyd


IN_SHORT = ("X",)


@pytest.mark.parametrize("pulled", PULLED if lengths.IN_FULL else IN_SHORT)
def test_a_daemon_that_is_cut_off_stops_no_other_and_comes_back(pulled, tmp_path):
    chance = lengths.chance("cut off", pulled)
    names = iter(people(2000, chance))
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0, page_size=30)
    with (
        Machine() as machine,
        HostileX(world) as x,
        at_work_on_it(machine.database.address) as server,
        Gate(x.http.server_address[1], tls(tmp_path, machine), machine.rest.address) as way,
    ):
        x.http.scheme = "https"
        trusted = {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}
        cut = on_its_machine(tmp_path / "cut", machine, server, At(way))
        other = at_work(tmp_path / "other", server.url(), At(way), settle_after="1s")
        try:
            cut.launch(machine.under, trusted)
            wait_until("the daemon that will be cut off is ready", cut.ready)
            other.launch(environment=trusted)
            wait_until("the other daemon is ready", other.ready)
            # Work for one account, of which the daemon has begun some when its cable is pulled.
            busy = [Case(next(names), "acme") for _ in range(lengths.runs(100, 400))]
            for case in busy:
                assert case.report(cut).status_code == 202
            for cable in PULLED[pulled](machine):
                cable.pull()
            fresh, slowest = [], 0.0
            for number in range(lengths.runs(40, 120)):
                case = Case(next(names), NAMES[1 + number % 4])
                began = time.monotonic()
                assert case.report(other).status_code == 202, "a close was refused for another daemon's cable"
                slowest = max(slowest, time.monotonic() - began)
                fresh.append(case)
                time.sleep(0.05)
            prompted = lambda: all(world.prompted()[case.person, case.conversation] for case in fresh)  # noqa: E731
            wait_until("the prompts of the other accounts while the cable is out", prompted, 30)
            # Longer than a request may take and be carried out: what has not left by now must never leave.
            time.sleep(lengths.runs(10, 75))
            assert not is_gone(cut), cut.log_path.read_text()[-3000:]
            for cable in PULLED[pulled](machine):
                cable.plug_in()
            back_from = time.monotonic()
            wait_until("it is ready again", lambda: is_ready(cut), 60)
            back = time.monotonic() - back_from
            wait_until("an end of every survey", lambda: all_sent(other, busy + fresh), 120)
            # By then the system would have tried again to send whatever it had kept.
            time.sleep(lengths.runs(20, 60))
            assert world.prompted_twice() == {}
            assert world.faults == []
            late = [Case(next(names), "acme") for _ in range(3)]
            for case in late:
                assert case.report(cut).status_code == 202
            wait_until("the prompts of the daemon that is back", lambda: all_sent(cut, late))
            assert cut.stop() == 0
            assert other.stop() == 0
        finally:
            cut.kill()
            other.kill()
    lengths.count(
        f"cut off from {pulled}: {len(fresh)} closes of others, slowest {slowest:.2f} s, none refused; "
        f"back {back:.1f} s after its cable"
    )


def tls(folder, machine):
    gate.certificates(folder, machine.rest.address)
    return gate.context(folder, "x")


def is_ready(surveyd):
    try:
        return surveyd.ready()
    except OSError:  # requests' time-outs are
        return False


def all_sent(surveyd, cases):
    rows = states(surveyd)
    return all(rows.get(case.conversation, {}).get("state") in ("sent", "answered") for case in cases)
