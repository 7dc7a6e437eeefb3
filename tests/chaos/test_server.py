"""A PostgreSQL server that loses, hangs or goes away: nobody is prompted twice, and nobody else stands still."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
import requests

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import is_gone, states
from harness import BINARY, clean_environment, wait_until
from hostile_x import HostileWorld, HostileX
from servers import Server, at_work_on_it, frozen_in_a_transaction

DELAY_SECONDS = 6
DELAYS = {name: f"{DELAY_SECONDS}s" for name in ACCOUNTS}
NAMES = list(ACCOUNTS)


def world_of():
    return HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0, page_size=30)


def closes(count, chance):
    """Closes of this moment, of two accounts in turn."""
    return [Case(person, NAMES[index % 2]) for index, person in enumerate(people(lengths.runs(count, 100), chance))]


def report_all(surveyd, cases):
    for case in cases:
        assert case.report(surveyd).status_code in (200, 202)


def sent(world):
    with world.lock:
        return len(world.prompts)


def held(surveyd):
    status = json.loads(surveyd.run("status", "--json"))
    return {account["held"]["reason"] for account in status["accounts"] if account["held"]}


def forget_marks(surveyd):
    shutil.rmtree(surveyd.folder / "state")
    (surveyd.folder / "state").mkdir()


def blind(world):
    """X's events cannot be read for now."""
    with world.lock:
        world.hiccups = 1_000_000


def left(surveyd, cases):
    """The surveys whose prompt surveyd does not know of, by their conversation."""
    rows = states(surveyd)
    found = {case.conversation: rows.get(case.conversation, {}) for case in cases}
    return {name: row.get("state") for name, row in found.items() if row.get("state") not in ("sent", "answered")}


def all_sent(surveyd, cases):
    return not left(surveyd, cases)


def nobody_twice_and_all_known(world, surveyd, cases):
    # A survey that was leased when the dump was made waits until that lease has run out, which is up to two minutes.
    wait_until(lambda: f"an end of every survey but {left(surveyd, cases)}", lambda: all_sent(surveyd, cases), 180)
    assert world.prompted_twice() == {}
    assert world.faults == []


# How the daemons come back after the dump of before the prompts was put in the place of the database.
RETURNS = {
    "stopped": lambda first, second: (first, second),
    "stopped, the second forgot": lambda first, second: (forget_marks(second), (first, second))[1],
    "stopped, the first forgot and is up first": lambda first, second: (forget_marks(first), (first, second))[1],
    "stopped, only one comes back and forgot": lambda first, second: (forget_marks(first), (first,))[1],
    "under the daemons": None,
}


IN_SHORT = ("stopped, the second forgot", "under the daemons")


@pytest.mark.parametrize("returns", RETURNS if lengths.IN_FULL else IN_SHORT)
def test_a_dump_that_is_restored_prompts_nobody_again(returns, tmp_path):
    chance = lengths.chance("restored", returns)
    world = world_of()
    with HostileX(world) as x, at_work_on_it() as server:
        daemons = [at_work(tmp_path / name, server.url(), x, settle_after="1s", delays=DELAYS) for name in ("a", "b")]
        try:
            for surveyd in daemons:
                surveyd.start()
            cases = closes(20, chance)
            with world.nobody_looked_up():
                report_all(daemons[0], cases)
                server.dump(tmp_path / "dump")
                assert sent(world) == 0
            wait_until("all prompts", lambda: sent(world) == len(cases))
            blind(world)
            before = len(world.attempts)
            again = RETURNS[returns]
            if again is None:
                server.restore(tmp_path / "dump")
                up = daemons
            else:
                for surveyd in daemons:
                    assert surveyd.stop() == 0
                server.restore(tmp_path / "dump")
                up = again(*daemons)
                for surveyd in up:
                    surveyd.start()
            wait_until("a hold", lambda: held(up[0]), 45)
            time.sleep(3)
            assert len(world.attempts) == before, "somebody was prompted by a database that had lost it"
            wait_until("surveyd is ready", up[0].ready)
            ready = requests.get(f"{up[0].base_url}/readyz", timeout=5)
            assert "is held" in ready.text, ready.text
            with world.lock:
                world.hiccups = 0
            fresh = [Case(person) for person in people(3, chance)]
            report_all(up[0], fresh)
            nobody_twice_and_all_known(world, up[0], cases + fresh)
            wait_until("an end of the holds", lambda: not held(up[0]))
            for surveyd in up:
                assert surveyd.stop() == 0
        finally:
            for surveyd in daemons:
                surveyd.kill()
    lengths.count(f"restored dump, {returns}: {len(cases)} prompts since the dump, nobody twice")


def test_a_dump_restored_in_place_beside_a_daemon_that_never_sent_prompts_nobody_again(tmp_path):
    chance = lengths.chance("in place")
    world = world_of()
    with HostileX(world) as x, at_work_on_it() as server:
        sends, idle = (at_work(tmp_path / name, server.url(), x, settle_after="1s", delays=DELAYS) for name in "ab")
        try:
            sends.start()
            cases = closes(10, chance)
            with world.nobody_looked_up():
                report_all(sends, cases)
                server.dump(tmp_path / "dump")
            wait_until("all prompts", lambda: sent(world) == len(cases))
            idle.start()
            assert held(idle) == set(), "the other one is at work"
            assert sends.stop() == 0
            blind(world)
            before = len(world.attempts)
            server.restore_in_place(tmp_path / "dump")
            wait_until("a hold", lambda: held(idle), 45)
            time.sleep(3)
            assert len(world.attempts) == before, "somebody was prompted by rows that had lost it"
            with world.lock:
                world.hiccups = 0
            nobody_twice_and_all_known(world, idle, cases)
            assert idle.stop() == 0
        finally:
            sends.kill()
            idle.kill()
    lengths.count(f"dump restored in place beside an idle daemon: {len(cases)} prompts since the dump, nobody twice")


def test_a_standby_that_lagged_prompts_nobody_again_when_it_is_promoted(tmp_path):
    chance = lengths.chance("promoted")
    world = world_of()
    with HostileX(world) as x, at_work_on_it() as primary, Server(follows=primary) as standby:
        surveyd = at_work(tmp_path / "surveyd", primary.url(), x, settle_after="1s", delays=DELAYS)
        other = at_work(tmp_path / "other", primary.url(), x, settle_after="1s", delays=DELAYS)
        try:
            standby.start()
            surveyd.start()
            other.start()
            checked = subprocess.run(
                [BINARY, "check", "--config", surveyd.config], capture_output=True, text=True,
                env={**clean_environment(), **surveyd.environment},
            )  # fmt: skip
            assert "standbys replicate asynchronously" in checked.stderr, checked.stderr
            cases = [Case(person) for person in people(lengths.runs(20, 100), chance)]
            with world.nobody_looked_up():
                report_all(surveyd, cases)
                position = primary.ask("select pg_current_wal_lsn()")
                caught_up = f"select pg_last_wal_replay_lsn() >= '{position}'"
                wait_until("the standby has the closes", lambda: standby.ask(caught_up) == "t")
                standby.stop()
            wait_until("all prompts", lambda: sent(world) == len(cases))
            blind(world)
            before = len(world.attempts)
            primary.stop(signal.SIGQUIT)
            standby.start(primary.port)
            standby.promote()
            wait_until("a hold", lambda: held(surveyd), 60)
            time.sleep(3)
            assert len(world.attempts) == before, "somebody was prompted by a standby that had lagged"
            with world.lock:
                world.hiccups = 0
            nobody_twice_and_all_known(world, surveyd, cases)
            wait_until("an end of the holds", lambda: not held(surveyd))
            assert surveyd.stop() == 0
            assert other.stop() == 0
        finally:
            surveyd.kill()
            other.kill()
    lengths.count(f"promoted standby: {len(cases)} prompts that it lacked, nobody twice")


def test_a_new_daemon_beside_one_at_work_sends_at_once(tmp_path):
    chance = lengths.chance("joined")
    world = world_of()
    with HostileX(world) as x, at_work_on_it() as server:
        first = at_work(tmp_path / "first", server.url(), x, settle_after="1s")
        second = at_work(tmp_path / "second", server.url(), x, settle_after="1s")
        try:
            first.start()
            report_all(first, [Case(person) for person in people(3, chance)])
            wait_until("the first prompts", lambda: sent(world) == 3)
            second.start()
            assert held(second) == set()
            first.stop()
            report_all(second, [Case(person) for person in people(3, chance)])
            wait_until("the prompts of the second", lambda: sent(world) == 6)
            assert second.stop() == 0
        finally:
            first.kill()
            second.kill()


def test_a_daemon_that_hangs_in_a_transaction_stops_no_other(tmp_path):
    chance = lengths.chance("frozen")
    names = iter(people(2000, chance))
    world = world_of()
    with HostileX(world) as x, at_work_on_it() as server:
        frozen = at_work(tmp_path / "frozen", server.url(), x, settle_after="1s")
        other = at_work(tmp_path / "other", server.url(), x, settle_after="1s")
        try:
            frozen.start()
            other.start()
            # Enough work for one account that the daemon is often in a transaction.
            busy = [Case(next(names), "acme") for _ in range(lengths.runs(150, 600))]
            report_all(frozen, busy)
            frozen_in_a_transaction(frozen, server)
            fresh, slowest = [], 0.0
            for number in range(lengths.runs(40, 120)):
                case = Case(next(names), NAMES[1 + number % 4])
                began = time.monotonic()
                assert case.report(other).status_code == 202, "a close was refused for another daemon's hang"
                slowest = max(slowest, time.monotonic() - began)
                fresh.append(case)
                time.sleep(0.05)
            wait_until(
                "the prompts of the other accounts while the daemon hangs",
                lambda: all(world.prompted()[case.person, case.conversation] for case in fresh), 30,
            )  # fmt: skip
            os.kill(frozen.process.pid, signal.SIGCONT)
            nobody_twice_and_all_known(world, other, busy + fresh)
            assert frozen.stop() == 0
            assert other.stop() == 0
        finally:
            frozen.kill()
            other.kill()
    lengths.count(f"hung daemon: {len(fresh)} closes of others, slowest {slowest:.2f} s, none refused")


AWAYS = {
    "stopped": lambda server: server.stop(),
    "crashed": lambda server: server.stop(signal.SIGQUIT),
    "hung": lambda server: server.hang(),
    "restarted": lambda server: (server.stop(), server.start()),
}


@pytest.mark.parametrize("away", AWAYS)
def test_a_daemon_stops_in_order_whatever_its_server_does(away, tmp_path):
    world = world_of()
    with HostileX(world) as x, at_work_on_it() as server:
        surveyd = at_work(tmp_path / "surveyd", server.url(), x, settle_after="1s")
        try:
            surveyd.start()
            report_all(surveyd, [Case(person) for person in people(2, lengths.chance("away", away))])
            wait_until("the prompts", lambda: sent(world) == 2)
            AWAYS[away](server)
            time.sleep(1)
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()


def test_a_start_waits_for_its_server_and_says_so(tmp_path):
    world = world_of()
    with HostileX(world) as x, at_work_on_it() as server:
        surveyd = at_work(tmp_path / "surveyd", server.url(), x, settle_after="1s")
        try:
            server.stop()
            surveyd.launch()
            told = lambda: any(line["event"] == "store.unavailable" for line in surveyd.log())  # noqa: E731
            wait_until("a word of what it waits for", told)
            waiting = wait_until("an answer while it waits", lambda: answer_of(surveyd))
            assert waiting == 503
            time.sleep(3)
            assert not is_gone(surveyd)
            server.start()
            wait_until("surveyd is ready", surveyd.ready)
            assert surveyd.stop() == 0
            server.stop()
            surveyd.launch()
            time.sleep(1)
            assert surveyd.stop() == 0, "a start that waits stops in order"
        finally:
            surveyd.kill()


def answer_of(surveyd):
    try:
        return requests.get(f"{surveyd.base_url}/readyz", timeout=5).status_code
    except requests.ConnectionError:
        return None


def test_what_only_an_operator_can_mend_is_told_at_once(tmp_path):
    with HostileX(world_of()) as x, at_work_on_it() as server:
        surveyd = at_work(tmp_path / "surveyd", server.url("no_such_database"), x)
        surveyd.launch()
        assert surveyd.process.wait(timeout=30) == 78
        assert "no_such_database" in surveyd.log_path.read_text()
