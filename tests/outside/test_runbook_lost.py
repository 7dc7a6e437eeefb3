"""docs/runbook.md, section 7, on SQLite: the database was deleted, or is broken. Whoever was asked is not asked again,
and whoever was not is."""

import pytest

from harness import moment, wait_until
from runbook import Night

IN_BACKUP, SINCE, MEANWHILE, LATER = "11", "12", "13", "14"


@pytest.fixture
def night(x, tmp_path):
    """One prompt is in the backup, and one is not."""
    with Night(tmp_path, x) as night:
        night.start()
        night.report(IN_BACKUP)
        night.are_prompted(IN_BACKUP)
        night.operator.run([f"surveyd backup {night.surveyd.folder}/backups/surveyd.db"])
        night.report(SINCE)
        night.are_prompted(SINCE)
        yield night


def database(night):
    return night.surveyd.folder / "state" / "surveyd.db"


def ends(night, code):
    assert night.surveyd.process.wait(timeout=30) == code
    night.surveyd.process = None


def breaks(night):
    night.stop()
    path = database(night)
    pages = bytearray(path.read_bytes())
    for page in range(8192, len(pages), 4096):
        pages[page : page + 2000] = b"\xa5" * 2000
    path.write_bytes(pages)
    night.surveyd.launch()
    ends(night, 74)
    night.sees("broken, log")


def nobody_is_asked_before_x_has_told(night, over):
    """Sends are held until X's events can be read, and all is well then."""
    wait_until("a hold", lambda: all(account["held"] for account in night.status()["accounts"]))
    night.report_again()
    night.report(LATER)
    night.nothing_is_sent()
    night.world.hiccups = 0
    night.sees(over)
    night.operator.type("whole, type")
    night.everybody_once()


def test_a_database_that_was_deleted_comes_back_from_a_backup(night):
    database(night).unlink()
    night.sees("deleted, log")
    ends(night, 74)
    night.world.hiccups = 1_000_000  # X's events cannot be read for now
    night.start()  # as systemd does
    night.sees("deleted, held")
    night.report(MEANWHILE)
    night.from_now_on()
    night.operator.type("restore, type")
    nobody_is_asked_before_x_has_told(night, "restored, over")


def test_a_database_that_was_moved_away_is_moved_back(night):
    moved = night.surveyd.folder / "moved"
    moved.mkdir()
    database(night).rename(moved / "surveyd.db")
    night.sees("deleted, log")
    ends(night, 74)
    night.start()
    night.sees("moved, log")
    night.sees("deleted, held")
    night.operator.type("moved, type", {"/srv/moved": moved})
    night.report_again()
    night.report(LATER)
    night.operator.type("whole, type")
    night.everybody_once()


def test_a_broken_database_comes_back_from_a_backup(night):
    breaks(night)
    night.world.hiccups = 1_000_000
    night.from_now_on()
    night.operator.type("restore, type")
    nobody_is_asked_before_x_has_told(night, "restored, over")


def test_a_broken_database_without_a_backup_is_rebuilt(night):
    breaks(night)
    night.from_now_on()
    night.operator.services[("systemctl", "start", "surveyd")] = lambda: starts_blind(night)
    night.operator.type("rebuild, type", {"2026-10-01": moment(24 * 60 * 60)[:10]})
    nobody_is_asked_before_x_has_told(night, "rebuilt, over")


def starts_blind(night):
    night.world.hiccups = 1_000_000
    night.start()
