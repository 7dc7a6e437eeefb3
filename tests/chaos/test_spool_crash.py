"""Killed again and again while a file is taken, each of its lines becomes one survey, and the file ends in done/."""

import json
import os
import time

import lengths
import scenario
from crash import at, last_words, require_strace, until_ready_or_gone
from harness import SECONDS, Surveyd, close, moment, wait_until

LINES = 300
SOURCE = '\n[[sources]]\nname = "files"\nkind = "spool"\naccount = "slow"\nevery = "1s"\n'


def kill_within(surveyd, file, chance):
    """Starts it and kills it while it takes the file: right before the move, or at one of the log's lines."""
    if chance.random() < 0.3:
        surveyd.launch(at("rename", 1))
        wait_until("the kill before the move", lambda: surveyd.process.poll() is not None)
        return surveyd.kill()
    lines = chance.randrange(LINES)
    with open(surveyd.log_path, "ab+") as log:
        log.seek(0, os.SEEK_END)
        surveyd.launch()
        seen, deadline = 0, time.monotonic() + SECONDS
        # Without a pause: all of it is a few hundredths of a second.
        while seen <= lines and file.exists() and time.monotonic() < deadline:
            seen += log.read().count(b'"close.')
    surveyd.kill()


def live_through(number, folder):
    """One run; how often it was killed before the file was moved, and whether lines were read again after that."""
    chance = lengths.chance("spool", number)
    folder.mkdir()
    text = scenario.configuration("sqlite:surveyd.db", "http://127.0.0.1:9", "friendships_show") + SOURCE
    surveyd = Surveyd(folder, text, scenario.secrets())
    spool = folder / "state" / "spool"
    spool.mkdir()
    closed_at = moment(60)
    reopened = chance.sample(range(LINES), 30)
    # The reopenings bear no time: only what tells their lines keeps them from being taken twice.
    notices = [close(None, f"c-{n}", str(1_000 + n), closed_at) for n in range(LINES)]
    notices += [{"type": "conversation.reopened", "data": {"conversation_id": f"c-{n}"}} for n in reopened]
    written = "".join(json.dumps(notice) + "\n" for notice in notices)
    (spool / ".lines").write_text(written)
    os.rename(spool / ".lines", spool / "lines.jsonl")
    hits = 0
    try:
        for _ in range(chance.choice((1, 2, 3))):
            kill_within(surveyd, spool / "lines.jsonl", chance)
            if not (spool / "lines.jsonl").exists():
                break
            hits += 1
        surveyd.launch()
        assert until_ready_or_gone(surveyd), last_words(surveyd)
        wait_until("the file in done/", lambda: (spool / "done" / "lines.jsonl").exists())
        rows = surveyd.rows()
        states = {row["conversation_id"]: row["state"] for row in rows.values()}
        listed = json.loads(surveyd.run("surveys", "list", "--limit", "1000", "--json"))
        assert len(rows) == len(states) == len(listed) == LINES, f"{len(rows)} rows, {len(listed)} surveys"
        off = {of for of, state in states.items() if state == "cancelled"}
        assert off == {f"c-{n}" for n in reopened}, f"called off: {off}"
        left = sorted(path.name for path in spool.rglob("*") if path.is_file())
        assert left == ["lines.jsonl"] and (spool / "done" / "lines.jsonl").read_text() == written, left
        assert surveyd.stop() == 0
    finally:
        surveyd.kill()
    return hits, "close.duplicate" in surveyd.log_path.read_text()


def test_a_file_is_taken_once_whenever_the_program_is_killed(tmp_path):
    require_strace()
    total = lengths.runs(20, 300)
    results = lengths.in_parallel(lambda number: live_through(number, tmp_path / str(number)), range(total))
    hits, again = sum(hits for hits, _ in results), sum(again for _, again in results)
    lengths.count(f"spool: {total} runs, killed {hits} times before the file was moved, lines read again in {again}")
    assert again or os.environ.get("SURVEYD_CHAOS_ONLY"), "no kill came in the middle of the file"
