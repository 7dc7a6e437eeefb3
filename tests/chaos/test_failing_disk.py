"""A disk that fails under one write or sync: the program ends with 74 at once, and the next start is clean."""

import subprocess
import time

import pytest

import lengths
from business import ACCOUNTS, Case, at_work, people
from crash import at, last_words, point, require_strace, until_ready_or_gone
from hostile_x import HostileWorld, HostileX
from life import PATIENCE_SECONDS, drive, judge, lived_once

CALLS = ("pwrite64", "fsync", "fdatasync")
EX_IOERR = 74
ENDS_WITHIN_SECONDS = 5


def live_through(number, counts, folder):
    chance = lengths.chance("eio", number)
    from_nothing, call, nth = point(chance, *counts, CALLS)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    cases = [Case(person) for person in people(3, chance)]
    with HostileX(world) as x:
        surveyd = at_work(folder, "sqlite:surveyd.db", x, settle_after="1s")
        trace = folder / "trace"
        try:
            if not from_nothing:
                surveyd.run("migrate")
            surveyd.launch(at(call, nth, "error=EIO", trace), {"TOKIO_WORKER_THREADS": "1"})
            if until_ready_or_gone(surveyd):
                drive(surveyd, world, cases, 6)
            met = [line for line in trace.read_text(errors="replace").splitlines() if is_met(line, folder)]
            has_failed = bool(met)
            if has_failed:
                code = ended(surveyd)
                assert code == EX_IOERR or (code is None and is_of_index(met[0])), f"ended with {code}"
            surveyd.kill()
            surveyd.launch()
            assert until_ready_or_gone(surveyd), last_words(surveyd)
            drive(surveyd, world, cases, PATIENCE_SECONDS)
            judge(surveyd, world, cases)
            assert surveyd.stop() == 0
        except Exception as fault:
            raise AssertionError(f"{call} {nth}, {from_nothing=}, in {folder}: {fault!r}") from fault
        finally:
            surveyd.kill()
    return has_failed, (call, nth)


def is_met(line, folder):
    """Whether a traced call was made to fail; the sync of a folder may, SQLite goes on without it by design."""
    return "(INJECTED)" in line and f"<{folder / 'state'}>" not in line


def is_of_index(line):
    """Whether it was met while the log's index was given its length, which is for no crash: SQLite tries that again."""
    return "/surveyd.db-shm>" in line


def ended(surveyd):
    try:
        return surveyd.process.wait(timeout=ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        return None


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    require_strace()
    return [lived_once(tmp_path_factory.mktemp("clean"), from_nothing) for from_nothing in (False, True)]


def test_an_error_of_the_disk_ends_the_program_and_the_next_start_is_clean(counts, tmp_path):
    total = lengths.runs(24, 1000)
    began = time.monotonic()
    results = lengths.in_parallel(lambda number: live_through(number, counts, tmp_path / str(number)), range(total))
    failed = sum(has_failed for has_failed, _ in results)
    points = {point for _, point in results}
    lengths.count(
        f"EIO: {total} runs over {len(points)} writes and syncs, {failed} of them met, "
        f"{time.monotonic() - began:.0f} s"
    )
    assert failed >= total * 0.5 or lengths.ONLY, "the points no longer lie within a run"
