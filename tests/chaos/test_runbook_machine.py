"""docs/runbook.md, what befalls the machine: a full disk, a wrong clock, a file system that is away. As in
tests/outside/test_runbook.py, everybody is asked once."""

import subprocess

from clocks import HOUR, FakeClock
from disks import command, fill, in_memory, require_root
from harness import wait_until
from runbook import Night


# 4.


def test_the_disk_is_full(x, tmp_path):
    require_root()
    with in_memory(tmp_path / "state", 8_000) as state, Night(tmp_path, x) as night:
        night.start()
        night.report("11")
        night.are_prompted("11")
        ballast = fill(state)
        wait_until("a close to be refused", lambda: is_refused(night, state))
        night.sees("disk, log")
        night.reads("disk, check", "status", "--check", code=1)
        night.reads("disk, check", "status")
        night.operator.services[("journalctl", "--vacuum-size=200M")] = ballast.unlink
        night.operator.type("disk, type")
        night.sees("disk, over")
        wait_until("surveyd is ready", night.surveyd.ready)
        night.report("12", "13")
        night.everybody_once()


def is_refused(night, state):
    """What the program gives back is taken, too."""
    fill(state)
    person = str(1_000 + len(night.closes))
    notice = night.notice(person)
    answer = night.surveyd.post(notice)
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) > 0
        return True
    assert answer.status_code == 202
    night.closes.append(notice)
    return False


# 5.


def at_work_by(clock, night):
    night.operator.environment |= clock.environment
    night.operator.services[("timedatectl", "set-ntp", "true")] = lambda: clock.set(0)
    night.operator.services[("timedatectl",)] = lambda: None
    night.surveyd.launch(environment=clock.environment)
    wait_until("surveyd is ready", night.surveyd.ready)
    night.report("11")
    night.are_prompted("11")
    wait_until("X's time is known", lambda: all(account["events_read_to"] for account in night.status()["accounts"]))
    night.from_now_on()


def files_by_hand(night, person):
    """A close that no desk has signed."""
    night.operator.run([f"surveyd enqueue --account acme --conversation c-{person} --user-id {person}"])
    night.closes.append(night.notice(person))


def is_refused_at_first(night, clock, ahead, person):
    """The clock is set. X's next answer shows that it is wrong, and from then on X's time counts as well."""
    with night.world.silent():
        clock.set(ahead)
        night.report(person, code=401)
    notice = night.notice(person)
    wait_until("the close is taken by X's time", lambda: night.surveyd.post(notice).status_code in (200, 202))
    night.closes.append(notice)


def asked_once(night):
    # X may have been asked for events that are yet to come, by the wrong clock.
    night.world.faults[:] = [fault for fault in night.world.faults if "to_time is too recent" not in fault]
    night.everybody_once()


def test_the_clock_is_behind(x, tmp_path):
    clock = FakeClock(tmp_path)
    with Night(tmp_path, x) as night:
        at_work_by(clock, night)
        is_refused_at_first(night, clock, -2 * HOUR, "12")
        files_by_hand(night, "13")
        night.sees("clock, log")
        night.nothing_is_sent()
        assert "5 minutes away" in night.operator.type("clock, type")
        night.sees("clock, over")
        asked_once(night)


def test_the_clock_is_ahead(x, tmp_path):
    clock = FakeClock(tmp_path)
    with Night(tmp_path, x) as night:
        at_work_by(clock, night)
        is_refused_at_first(night, clock, 2 * HOUR, "12")
        night.reads("clock ahead, check", "status", "--check", code=1)
        files_by_hand(night, "13")
        night.are_prompted("12", "13")
        night.operator.type("clock, type")
        night.report("14")
        night.are_prompted("14")
        asked_once(night)


# 10.


def test_the_file_system_was_away(x, tmp_path):
    require_root()
    state, disk = tmp_path / "state", tmp_path / "disk"
    state.mkdir()
    disk.mkdir()
    mount = lambda: command("mount", "--bind", disk, state)  # noqa: E731
    mount()
    try:
        with Night(tmp_path, x) as night:
            night.start()
            night.report("11")
            night.are_prompted("11")
            command("umount", "--lazy", state)
            night.sees("mount away, log")
            assert night.surveyd.process.wait(timeout=30) == 74
            night.surveyd.process = None
            assert not (state / "surveyd.db").exists()
            night.from_now_on()
            night.operator.services[("mount", str(state))] = mount
            night.operator.type("mount away, type")
            night.sees("mount away, over")
            night.report_again()
            night.report("12")
            assert not any(line["event"] == "daemon.held" for line in night.log())
            night.everybody_once()
    finally:
        subprocess.run(["umount", "--lazy", state], capture_output=True)  # where it is still mounted
