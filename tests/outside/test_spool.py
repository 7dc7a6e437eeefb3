"""A folder as a source: files written here, moved in with rename, and found again in done/ or bad/."""

import json
import os
import subprocess

import pytest
import requests

import scenario
from harness import Surveyd, close, moment, new_database, parse, reopening, wait_until

SOURCE = """
[[sources]]
name = "files"
kind = "spool"
account = "slow"
every = "1s"
"""


@pytest.fixture(scope="module")
def surveyd(store, tmp_path_factory):
    """Nothing is sent here: the account waits an hour, and X is a closed port."""
    text = scenario.configuration(new_database(store), "http://127.0.0.1:9", "friendships_show") + SOURCE
    surveyd = Surveyd(tmp_path_factory.mktemp("surveyd"), text, scenario.secrets())
    try:
        surveyd.start()
        yield surveyd
    finally:
        surveyd.kill()


def folder(surveyd):
    return surveyd.folder / "state" / "spool"


def put(surveyd, name, text):
    aside = surveyd.folder / "state" / "aside"
    aside.write_bytes(text.encode())
    os.rename(aside, folder(surveyd) / name)


def taken(surveyd, name, into):
    return wait_until(f"{name} in {into}/", lambda: (folder(surveyd) / into / name).exists())


def line(conversation, account=None, **changes):
    given = {"user": "343434343434", "closed_at": moment(), **changes}
    return json.dumps(close(account, conversation, **given), ensure_ascii=False)


def rows(surveyd, beginning):
    found = [row for row in surveyd.rows().values() if row["conversation_id"].startswith(beginning)]
    return {row["conversation_id"]: row for row in found}


def test_every_line_of_a_file_is_a_close(surveyd):
    at = moment(60)
    lines = [line(f"file {number}", closed_at=at, agent="dana", tags=["a", "b"]) for number in range(700)]
    put(surveyd, "first.jsonl", "\ufeff" + "\r\n\r\n".join(lines))
    taken(surveyd, "first.jsonl", "done")
    found = rows(surveyd, "file ")
    assert len(found) == 700
    row = found["file 699"]
    assert (row["source"], row["account"], row["state"]) == ("files", "slow", "scheduled")
    assert (row["agent"], row["tags"], parse(row["closed_at"])) == ("dana", ["a", "b"], parse(at))
    assert not (folder(surveyd) / "first.jsonl").exists()


def test_a_file_moved_in_again_changes_nothing(surveyd):
    text = line("again") + "\n"
    put(surveyd, "again.jsonl", text)
    taken(surveyd, "again.jsonl", "done")
    first = rows(surveyd, "again")
    put(surveyd, "again.jsonl", text)
    taken(surveyd, "again.2.jsonl", "done")
    assert rows(surveyd, "again") == first
    assert len(surveyd.rows()) == len({row["survey_id"] for row in surveyd.rows().values()})


def test_a_reopening_in_a_file_calls_the_survey_off(surveyd):
    off = json.dumps(reopening("slow", "to and fro", "343434343434"))
    put(surveyd, "off.jsonl", f"{line('to and fro', closed_at=moment(5))}\n{off}\n")
    taken(surveyd, "off.jsonl", "done")
    assert rows(surveyd, "to and fro")["to and fro"]["state"] == "cancelled"


def test_bad_lines_are_named_and_the_others_taken(surveyd):
    lines = [
        line("good 1"), "not JSON", "", line("wrong", user="dana"), line("wrong", account="nobody"),
        line("wrong", first_name="x" * 300 * 1024), line("wrong", closed_at="yesterday"), line("good 2"),
    ]  # fmt: skip
    put(surveyd, "bad.jsonl", "\n".join(lines))
    taken(surveyd, "bad.jsonl", "bad")
    reasons = (folder(surveyd) / "bad" / "bad.jsonl.reasons.txt").read_text().splitlines()
    assert [reason.split(":")[0] for reason in reasons] == ["line 2", "line 4", "line 5", "line 6", "line 7"]
    for reason, word in zip(reasons, ("JSON", "/data/user_id", "nobody", "max_body", "/data/closed_at")):
        assert word in reason
    assert (folder(surveyd) / "bad" / "bad.jsonl").read_text() == "\n".join(lines)
    assert set(rows(surveyd, "good ")) == {"good 1", "good 2"} and not rows(surveyd, "wrong")
    rejected = [entry for entry in surveyd.log() if entry.get("event") == "close.rejected"]
    assert [entry["line"] for entry in rejected if entry.get("file") == "bad.jsonl"] == [2, 4, 5, 6, 7]


def test_what_is_no_file_of_lines_is_left_alone(surveyd):
    outside = surveyd.folder / "outside.jsonl"
    outside.write_text(line("left alone"))
    (folder(surveyd) / "link.jsonl").symlink_to(outside)
    (folder(surveyd) / "folder.jsonl").mkdir()
    os.mkfifo(folder(surveyd) / "pipe.jsonl")
    for name in (".dot.jsonl", "other.json", "half.jsonl.tmp"):
        put(surveyd, name, line("left alone"))
    put(surveyd, "zz-after.jsonl", line("after them"))
    taken(surveyd, "zz-after.jsonl", "done")
    assert rows(surveyd, "after them") and not rows(surveyd, "left alone")
    left = {"link.jsonl", "folder.jsonl", "pipe.jsonl", ".dot.jsonl", "other.json", "half.jsonl.tmp"}
    assert left <= {path.name for path in folder(surveyd).iterdir()}


def test_the_documented_way_to_write_a_file_works(surveyd):
    (surveyd.folder / "state" / "lines").write_text(line("by hand") + "\n")
    script = """
        cat "$1/lines" > "$1/spool/.closes.tmp"
        sync "$1/spool/.closes.tmp"
        mv -n "$1/spool/.closes.tmp" "$1/spool/by-hand.jsonl"
    """
    subprocess.run(["sh", "-ec", script, "sh", surveyd.folder / "state"], check=True)
    taken(surveyd, "by-hand.jsonl", "done")
    assert rows(surveyd, "by hand")


def test_a_folder_is_not_posted_to(surveyd):
    address = f"{surveyd.base_url}/v1/sources/files"
    assert requests.post(address, json=close("slow", "c", "1", moment()), timeout=10).status_code == 404
    assert requests.head(address, timeout=10).status_code == 404


def test_what_waited_while_nothing_ran_is_taken_at_the_start(surveyd):
    assert surveyd.stop() == 0
    put(surveyd, "waited.jsonl", line("waited"))
    surveyd.start()
    taken(surveyd, "waited.jsonl", "done")
    assert rows(surveyd, "waited")
