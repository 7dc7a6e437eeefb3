"""Killed while an account's messages are watched, every talk is asked about once, and what surveyd says is no talk.

Each run is one business, by X's list in either version or by deliveries: killed at a planned call (half the runs a
second time), and finished by a life that is left alone. Somebody may begin a second talk after the first was asked about.
"""

import os
import time
from collections import Counter

import pytest

import lengths
from business import ACCOUNTS, people
from crash import CALLS, at, counted, counting, last_words, point, require_strace, until_ready_or_gone
from harness import wait_until
from hostile_x import Fault, HostileX
from talking import Talk, TalkWorld, at_work, drive, judge, talks

STREAMS = ("v1.1", "v2", "webhook")
PATIENCE_SECONDS = 60


def lived_once(folder, from_nothing, stream):
    """How often each call is made in a life without a crash; `from_nothing`: the database's making included."""
    chance = lengths.chance("talks", "clean", stream)
    world = TalkWorld(list(ACCOUNTS.values()), events_horizon_ms=0)
    held = talks(people(4, chance))
    for talk in held:
        talk.say(world)
    with HostileX(world) as x:
        surveyd = at_work(folder, x, stream)
        if not from_nothing:
            surveyd.run("migrate")
        surveyd.launch(counting(folder / "calls"), {"TOKIO_WORKER_THREADS": "1"})
        assert until_ready_or_gone(surveyd), last_words(surveyd)
        # Delivered beforehand it would be asked about half a minute later: X may deliver late.
        of_lists = "v1.1" if stream == "webhook" else stream
        asked = [talk for talk in held if talk.is_asked]
        assert drive(surveyd, world, asked, of_lists, chance, PATIENCE_SECONDS) == "done"
        assert surveyd.stop() == 0
        return counted(folder / "calls")


def live_through(number, counts, folder):
    """One run; what it was, once everything that was promised has been found true."""
    chance = lengths.chance("talks", number)
    stream = chance.choice(STREAMS)
    kills_planned = chance.choice((1, 2))
    # X's few calls are enough for several pages, or for a second talk.
    size = chance.choice((100, 100, 8)) if kills_planned == 1 else 100
    fault = chance.choice((None, None, Fault("cut", "never"), Fault("cut", "before"), Fault("cut", "late")))
    world = TalkWorld(list(ACCOUNTS.values()), events_horizon_ms=0, page_size=size, late_by=0.8)
    held = talks(people(4, chance))
    if fault:
        world.plans = {talk.person: [fault] for talk in held}
    asked = [talk for talk in held if talk.is_asked]
    with HostileX(world) as x:
        surveyd = at_work(folder, x, stream)
        kills, points = 0, []
        try:
            for _ in range(kills_planned):
                from_nothing, call, nth = point(chance, *counts[stream], CALLS)
                points.append((call, nth))
                if not from_nothing:
                    surveyd.run("migrate")
                surveyd.launch(at(call, nth), {"TOKIO_WORKER_THREADS": str(chance.choice((1, 1, 2)))})
                is_ready = until_ready_or_gone(surveyd)
                if not held[0].conversation:
                    for talk in held:
                        talk.say(world)
                if is_ready:
                    drive(surveyd, world, asked, stream, chance, 8)
                kills += surveyd.process.poll() == -9
                surveyd.kill()
            surveyd.launch()
            assert until_ready_or_gone(surveyd), last_words(surveyd)
            ended = drive(surveyd, world, asked, stream, chance, PATIENCE_SECONDS)
            if ended == "done" and stream != "webhook" and size == 100 and chance.random() < 0.5:
                again = Talk(held[0].person, (">Thanks. One thing more?", "<Go on."))
                again.say(world)
                held.append(again)
                drive(surveyd, world, [again], stream, chance, PATIENCE_SECONDS)
            if stream == "webhook":
                world.deliver(surveyd, chance)
            elif size == 100:
                # The prompts are among the messages now.
                read = len(world.lists_read)
                wait_until("a reading of the prompts", lambda: len(world.lists_read) > read)
                time.sleep(0.5)
            judge(surveyd, world, held)
            assert surveyd.stop() == 0
        except AssertionError as fault_found:
            what = f"{stream}, {points}, {fault}, pages of {size}, in {folder}"
            raise AssertionError(f"{what}: {fault_found}") from fault_found
        finally:
            surveyd.kill()
    return kills, stream, points


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    require_strace()
    clean = lambda stream, from_nothing: lived_once(tmp_path_factory.mktemp("clean"), from_nothing, stream)
    return {stream: [clean(stream, from_nothing) for from_nothing in (False, True)] for stream in STREAMS}


def test_killed_anywhere_every_talk_is_asked_about_once(counts, tmp_path):
    total = lengths.runs(24, 400)
    began = time.monotonic()
    results = lengths.in_parallel(lambda number: live_through(number, counts, tmp_path / str(number)), range(total))
    kills = sum(kills for kills, _, _ in results)
    streams = Counter(stream for _, stream, _ in results)
    met = {point for *_, points in results for point in points}
    lengths.count(
        f"talks: {total} runs over {len(met)} points, {kills} kills, {time.monotonic() - began:.0f} s, {dict(streams)}"
    )
    assert kills >= total * 0.5 or os.environ.get("SURVEYD_CHAOS_ONLY"), "the points no longer lie within a run"
