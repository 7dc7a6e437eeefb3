"""Looks at surveyd.service from beside it, as a unit of the same systemd.

Each check is a function below, named by what must be true, and run in the order of the file: they tell one
life of the service. The result goes to the folder named on the command line, one line a check.
"""

import base64
import grp
import hashlib
import hmac
import json
import os
import socket
import stat
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

UNIT = "surveyd.service"
CONFIGURATION = Path("/etc/surveyd/surveyd.toml")
STATE = Path("/var/lib/surveyd")
CREDENTIALS = Path("/etc/surveyd/credentials")
BASE = "http://127.0.0.1:8471"
WEBHOOK_KEY = os.urandom(32)
SECRETS = {
    "acme-consumer-secret": "consumer-secret-of-the-service-test",
    "acme-access-token-secret": "token-secret-of-the-service-test",
    "helpdesk-secret": "whsec_" + base64.b64encode(WEBHOOK_KEY).decode(),
}
SEEN = {}


# The life of the service, in order.


def the_unit_is_exposed_to_no_more_than_the_network():
    command("systemd-analyze", "security", "--offline=true", "--threshold=11", "--no-pager", UNIT)


def the_unit_holds_nothing_that_systemd_does_not_know():
    outcome = command("systemd-analyze", "verify", "--man=no", f"/etc/systemd/system/{UNIT}")
    assert outcome.stderr == "", outcome.stderr


def a_faulty_configuration_ends_the_start_with_78_and_is_not_tried_again():
    written = CONFIGURATION.read_text()
    CONFIGURATION.write_text(written.replace('delay = "1h"', 'delay = "soon"'))
    outcome = subprocess.run(["systemctl", "start", UNIT], capture_output=True, text=True)
    CONFIGURATION.write_text(written)
    assert outcome.returncode != 0, "the start succeeded"
    assert unit("ActiveState") == "failed", unit("ActiveState")
    assert unit("ExecMainStatus") == "78", unit("ExecMainStatus")
    time.sleep(3)  # longer than RestartSec: a start tried again would be seen by now
    assert unit("NRestarts") == "0", unit("NRestarts")
    assert any("accounts.acme.survey.delay" in line for line in journal()), "no word on the faulty key"
    command("systemctl", "reset-failed", UNIT)


def what_root_makes_before_the_first_start_is_the_services():
    command("install", "--directory", "--owner=surveyd", "--group=surveyd", "--mode=2770", str(STATE))
    migrated = as_root("migrate")
    assert migrated.returncode == 0, migrated.stderr
    for name in STATE.iterdir():
        assert name.stat().st_uid == user_id(), name


def it_waits_for_a_port_that_is_taken_and_says_so():
    with socket.create_server(("127.0.0.1", 8471)):
        command("systemctl", "start", "--no-block", UNIT)
        wait_until("it says what it waits for", lambda: "http.listen" in unit("StatusText"))
        assert unit("ActiveState") == "activating", unit("ActiveState")
    wait_until("it is ready", lambda: unit("ActiveState") == "active")
    command("systemctl", "stop", UNIT)


def it_is_active_once_it_says_that_it_is_ready():
    SEEN["start"] = cursor()
    command("systemctl", "enable", "--now", UNIT)
    assert unit("ActiveState") == "active", unit("ActiveState")
    assert unit("SubState") == "running", unit("SubState")
    assert events(SEEN["start"]).count("daemon.ready") == 1, events(SEEN["start"])


def it_runs_as_its_own_user_without_any_capability():
    pid = unit("MainPID")
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    owner = Path(f"/proc/{pid}").stat().st_uid
    assert owner == user_id(), owner
    assert int(status["CapEff"], 16) == 0, status["CapEff"]
    assert status["NoNewPrivs"] == "1", status["NoNewPrivs"]


def its_state_lies_in_a_folder_that_nobody_else_can_open():
    folder = STATE.stat()
    assert stat.S_IMODE(folder.st_mode) == 0o2770, oct(folder.st_mode)
    assert folder.st_uid == user_id(), folder.st_uid
    assert (STATE / "surveyd.db").is_file(), list(STATE.iterdir())
    told = run_as(["--reuid=nobody", "--clear-groups"], "status")
    assert told.returncode == 1 and "sudo -u surveyd surveyd" in told.stderr, told.stderr


def commands_work_for_root_for_the_services_user_and_for_a_member_of_its_group():
    close = ("--account", "acme", "--user-id", "343434343434")
    group = str(grp.getgrnam("surveyd").gr_gid)
    for number, who in enumerate((
        [], ["--reuid=surveyd", "--regid=surveyd", "--clear-groups"], ["--reuid=nobody", f"--groups={group}"],
    )):  # fmt: skip
        for arguments in (
            ("check",), ("status",), ("surveys", "list"), ("sources", "list"), ("optout", "list"),
            ("report", "--from", "2026-01-01", "--to", "2026-12-31"),
            ("enqueue", "--conversation", f"by-{number}", *close), ("explain", f"by-{number}"),
            ("export", "--format", "csv"), ("sources", "rejected"), ("simulate",),
        ):  # fmt: skip
            ended = run_as(who, *arguments)
            assert ended.returncode == 0, (who, arguments, ended.stdout, ended.stderr)
    assert "secrets: were not checked" in run_as(["--reuid=surveyd", "--regid=surveyd", "--clear-groups"], "check").stderr
    # Nothing that they made is closed to the service.
    for file in STATE.iterdir():
        assert file.stat().st_gid == int(group) or file.stat().st_uid == user_id(), file
    assert get("/readyz") == 200


def it_answers_on_its_health_addresses():
    assert get("/healthz") == 200
    assert get("/readyz") == 200


def a_command_of_roots_finds_the_services_database_wherever_it_is_run():
    told = as_root("status", "--json")
    assert told.returncode == 0, told.stderr
    assert told.stderr == "", told.stderr


def a_close_signed_with_the_secret_from_the_credentials_is_taken():
    status, body = post_close("c-1")
    assert status == 202, (status, body)
    assert due_after(body) == timedelta(hours=1), body
    SEEN["survey_id"] = body["survey_id"]


def a_reload_with_a_good_file_takes_effect_without_a_restart():
    before, pid = cursor(), unit("MainPID")
    change('delay = "1h"', 'delay = "2h"')
    command("systemctl", "reload", UNIT)
    wait_for_event(before, "config.reloaded")
    wait_until("the service is active again", lambda: unit("ActiveState") == "active")
    assert unit("MainPID") == pid, (unit("MainPID"), pid)
    status, body = post_close("c-2")
    assert status == 202, (status, body)
    assert due_after(body) == timedelta(hours=2), body


def a_reload_with_a_bad_file_is_refused_and_the_old_one_stays_in_force():
    before, pid = cursor(), unit("MainPID")
    change('delay = "2h"', 'dellay = "3h"')
    command("systemctl", "reload", UNIT)
    wait_for_event(before, "config.rejected")
    wait_until("the service is active again", lambda: unit("ActiveState") == "active")
    assert unit("MainPID") == pid, (unit("MainPID"), pid)
    assert any("dellay" in line for line in journal(before)), journal(before)
    assert get("/readyz") == 200
    status, body = post_close("c-3")
    assert status == 202, (status, body)
    assert due_after(body) == timedelta(hours=2), body
    change('dellay = "3h"', 'delay = "2h"')


def killed_it_is_started_again_and_remembers_what_it_acknowledged():
    pid = unit("MainPID")
    command("systemctl", "kill", "--signal=SIGKILL", "--kill-who=main", UNIT)
    wait_until("systemd started it again", lambda: unit("NRestarts") == "1" and unit("ActiveState") == "active")
    assert unit("MainPID") not in (pid, "0"), unit("MainPID")
    assert get("/readyz") == 200
    status, body = post_close("c-1")
    assert status == 200, (status, body)
    assert body["survey_id"] == SEEN["survey_id"], body


def it_keeps_feeding_the_watchdog():
    fed = unit("WatchdogTimestampMonotonic")
    assert fed != "0", "never"
    wait_until("the watchdog was fed", lambda: unit("WatchdogTimestampMonotonic") != fed, seconds=45)


def it_stops_in_order_within_ten_seconds():
    before = cursor()
    subprocess.run(["systemctl", "stop", UNIT], check=True, timeout=10)
    assert unit("ActiveState") == "inactive", unit("ActiveState")
    assert unit("Result") == "success", unit("Result")
    assert unit("ExecMainStatus") == "0", unit("ExecMainStatus")
    seen = [event for event in events(before) if event.startswith("daemon.")]
    assert seen == ["daemon.stopping", "daemon.stopped"], seen


def its_journal_holds_no_secret():
    text = "\n".join(journal() + journal(output="json"))
    for name, secret in SECRETS.items():
        assert secret not in text, name


CHECKS = [
    the_unit_is_exposed_to_no_more_than_the_network,
    the_unit_holds_nothing_that_systemd_does_not_know,
    a_faulty_configuration_ends_the_start_with_78_and_is_not_tried_again,
    what_root_makes_before_the_first_start_is_the_services,
    it_waits_for_a_port_that_is_taken_and_says_so,
    it_is_active_once_it_says_that_it_is_ready,
    it_runs_as_its_own_user_without_any_capability,
    its_state_lies_in_a_folder_that_nobody_else_can_open,
    commands_work_for_root_for_the_services_user_and_for_a_member_of_its_group,
    it_answers_on_its_health_addresses,
    a_command_of_roots_finds_the_services_database_wherever_it_is_run,
    a_close_signed_with_the_secret_from_the_credentials_is_taken,
    a_reload_with_a_good_file_takes_effect_without_a_restart,
    a_reload_with_a_bad_file_is_refused_and_the_old_one_stays_in_force,
    killed_it_is_started_again_and_remembers_what_it_acknowledged,
    it_keeps_feeding_the_watchdog,
    it_stops_in_order_within_ten_seconds,
    its_journal_holds_no_secret,
]


# What the checks ask systemd and the service with.


def command(*arguments):
    outcome = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 0, f"{' '.join(arguments)}: {outcome.returncode}\n{outcome.stdout}{outcome.stderr}"
    return outcome


def as_root(*arguments):
    """A command in a folder of nobody's, with no word on where the state is."""
    return run_as([], *arguments)


def run_as(who, *arguments):
    """The same as somebody else, as setpriv(1) names them."""
    command = ["setpriv", *who, "--", "/usr/bin/surveyd", *arguments] if who else ["/usr/bin/surveyd", *arguments]
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", env=environment)


def unit(name):
    return command("systemctl", "show", "--value", f"--property={name}", UNIT).stdout.strip()


def user_id():
    return int(command("id", "--user", "surveyd").stdout)


def change(old, new):
    text = CONFIGURATION.read_text()
    assert old in text, old
    CONFIGURATION.write_text(text.replace(old, new))


def cursor():
    """The end of the journal, to read from later."""
    lines = command("journalctl", "--no-pager", "--quiet", "--lines=1", "--show-cursor").stdout.splitlines()
    return lines[-1].removeprefix("-- cursor: ")


def journal(after=None, output="cat"):
    """What the service has logged, and systemd about it."""
    since = [f"--after-cursor={after}"] if after else []
    command("journalctl", "--sync")
    output = f"--output={output}"
    return command("journalctl", "--no-pager", "--quiet", output, f"--unit={UNIT}", *since).stdout.splitlines()


def events(after=None):
    """The `event` of each line that the service has logged: a field of the journal's own, for no format is configured."""
    entries = map(json.loads, journal(after, "json"))
    return [entry["EVENT"] for entry in entries if "EVENT" in entry]


def wait_until(what, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def wait_for_event(after, name):
    wait_until(f"{name} in the journal", lambda: name in events(after))


def get(path):
    try:
        with urllib.request.urlopen(BASE + path, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def post_close(conversation):
    """Posts a close, the same one each time, for one conversation. Returns the status and the body."""
    closed_at = SEEN.setdefault(conversation, now_in_seconds())
    body = json.dumps(
        {
            "type": "conversation.closed",
            "timestamp": closed_at,
            "data": {"conversation_id": conversation, "user_id": f"34{conversation[2:]}", "closed_at": closed_at},
        }
    ).encode()
    moment = str(int(time.time()))
    signature = hmac.new(WEBHOOK_KEY, f"{conversation}.{moment}.".encode() + body, hashlib.sha256).digest()
    request = urllib.request.Request(
        BASE + "/v1/sources/helpdesk",
        data=body,
        headers={
            "content-type": "application/json",
            "webhook-id": conversation,
            "webhook-timestamp": moment,
            "webhook-signature": "v1," + base64.b64encode(signature).decode(),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, {**json.load(answer), "closed_at": closed_at}
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def now_in_seconds():
    return datetime.now(timezone.utc).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def due_after(body):
    return datetime.fromisoformat(body["due_at"]) - datetime.fromisoformat(body["closed_at"])


def main(folder):
    CREDENTIALS.mkdir(mode=0o700)
    for name, secret in SECRETS.items():
        path = CREDENTIALS / name
        path.touch(mode=0o600)
        path.write_text(secret + "\n")
    command("systemd-sysusers", "/usr/lib/sysusers.d/surveyd.conf")
    with open(folder / "checks", "w", buffering=1) as results:
        for check in CHECKS:
            sentence = check.__name__.replace("_", " ")
            try:
                check()
                results.write(f"ok {sentence}\n")
            except Exception as fault:
                line = traceback.extract_tb(fault.__traceback__)[-1].lineno
                results.write(f"FAILED {sentence}: {fault!r} (checks.py, line {line})\n")
        (folder / "journal").write_text("\n".join(journal()))
        results.write("end\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
