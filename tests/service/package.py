"""The life of the package on a system that has never heard of surveyd: the README's own lines from the installation to
a first prompt, an upgrade while closes come in, a downgrade, removal and purge. packaging/deb makes the packages; all
hold the same program.
"""

import base64
import hashlib
import hmac
import json
import re
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

SOURCES = Path("/usr/src/surveyd")
PACKAGES = SOURCES / "target/package"
CHAPTER = "## Install from a package"
UNIT = "surveyd.service"
HOST, PORT = "127.0.0.1", 8471
SECRET = Path("/etc/surveyd/credentials/helpdesk-secret")
BACKUP = Path("/var/backups/surveyd.db")
EXPOSURE_MAX = 1.1
PATIENCE = 120
SEEN = {}


# The life of the package, in order. A check returns what it measured, or nothing.


def it_installs_by_one_line_and_starts_nothing_without_a_configuration():
    for line in lines()[1:2]:
        assert "apt install" in line, line
        said = types(line)
    assert "`surveyd init`" in said, said
    assert state("surveyd") == "install ok installed", state("surveyd")
    assert unit("ActiveState") == "inactive", unit("ActiveState")
    assert command("systemctl", "--failed", "--quiet", "--no-legend").stdout == ""
    assert Path("/var/lib/surveyd").group() == "surveyd"
    assert not Path("/etc/surveyd/surveyd.toml").exists()


def its_unit_is_exposed_to_little():
    said = command("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT).stdout
    level = float(re.search(r"Overall exposure level for surveyd.service: ([0-9.]+)", said).group(1))
    assert level <= EXPOSURE_MAX, level
    return f"exposure {level}"


def its_manual_pages_and_completions_are_found():
    for page in ("surveyd", "surveyd-run", "surveyd-surveys-retry"):
        assert Path(f"/usr/share/man/man1/{page}.1.gz").is_file(), page
    assert Path("/usr/share/man/man5/surveyd.toml.5.gz").is_file()
    script = """. /usr/share/bash-completion/completions/surveyd; COMP_WORDS=(surveyd re); COMP_CWORD=1
        _surveyd surveyd re surveyd; echo "${COMPREPLY[@]}" """
    assert types(script).split() == ["report", "rebuild", "restore"], types(script)


def the_readme_leads_from_there_to_a_first_prompt():
    begun = time.monotonic()
    typed = lines()[2:]
    assert len(typed) >= 4, typed
    for line in typed:
        if line.endswith("&"):
            subprocess.Popen(["bash", "-c", f"exec {line.removesuffix('&')}"], stdin=subprocess.DEVNULL)
            wait_until("the sandbox listens", lambda: takes_connections(8472))
            continue
        types(line)
        if "explain" in line:
            wait_until("the first prompt", lambda: re.search(r"\b(sent|answered)\b", types("surveyd explain try-1")))
    return f"the first prompt {time.monotonic() - begun:.0f} s after the first line"


def an_upgrade_under_load_loses_nothing_and_doubles_nothing():
    types(f"surveyd backup {BACKUP}")
    pid = unit("MainPID")
    desk = Desk()
    desk.start()
    wait_until("closes are taken", lambda: len(desk.acknowledged) > 20)
    types(f"dpkg --install {package('2')}")
    taken = len(desk.acknowledged)
    wait_until("the new program takes closes, too", lambda: len(desk.acknowledged) > taken + 20)
    desk.stop()
    assert unit("ActiveState") == "active" and unit("MainPID") not in (pid, "0"), unit("MainPID")
    rows = [row["conversation_id"] for row in surveys() if row["conversation_id"].startswith("load-")]
    assert len(rows) == len(set(rows)), "a close is on record twice"
    assert desk.refused == 0, f"{desk.refused} connections refused, the port closed for {desk.closed_ms()} ms"
    lost = desk.acknowledged - set(rows)
    assert not lost, f"{len(lost)} of {len(desk.acknowledged)} closes are lost: {sorted(lost)[:5]}"
    return (f"{len(desk.acknowledged)} closes acknowledged, none lost or double; no connection refused, the longest "
            f"took {desk.longest_ms()} ms; {desk.broken} broke and {desk.unavailable} were answered 503")  # fmt: skip


def another_address_in_the_configuration_closes_the_old_one():
    file = Path("/etc/surveyd/surveyd.toml")
    written = file.read_text()
    file.write_text(f'{written}\n[http]\nlisten = "{HOST}:{PORT + 2}"\n')
    types("systemctl restart surveyd")
    assert takes_connections(PORT + 2) and not takes_connections(PORT), "the old port is open, or the new one is not"
    file.write_text(written)
    types("systemctl restart surveyd")
    assert takes_connections(PORT) and not takes_connections(PORT + 2)
    types("systemctl stop surveyd")
    assert not takes_connections(PORT), "systemd keeps the port of a service that was stopped"
    types("systemctl start surveyd")
    assert takes_connections(PORT)


def a_downgrade_is_refused_with_the_reason_and_the_way_back():
    pid = unit("MainPID")
    said = types(f"dpkg --install {package('1')}", code=1)
    for words in ("not going back from", "newer schema", "surveyd restore BACKUP", "Nothing was changed"):
        assert words in said, said
    assert state("surveyd") == "install ok installed" and installed_version() == SEEN["2"], installed_version()
    assert (unit("ActiveState"), unit("MainPID")) == ("active", pid), "the service runs on"


def the_way_back_leads_back():
    said = types(f"dpkg --install {package('1')}", code=1)
    steps = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    assert len(steps) == 5, steps
    again = {"install this package again": f"dpkg --install {package('1')}"}
    for step in steps:
        types(again.get(step, step).replace("BACKUP", str(BACKUP)))
    assert installed_version() == SEEN["1"], installed_version()
    assert unit("ActiveState") == "active", unit("ActiveState")
    assert [row["conversation_id"] for row in surveys()] == ["try-1"], "what the backup had"


def removing_it_keeps_configuration_and_database():
    said = types("dpkg --remove surveyd")
    assert "warning" not in said, said
    assert unit("ActiveState") == "inactive", unit("ActiveState")
    assert not Path("/usr/bin/surveyd").exists()
    database = Path("/var/lib/surveyd/surveyd.db")
    for file in (Path("/etc/surveyd/surveyd.toml"), SECRET, database, database.with_name("surveyd.db.sends")):
        assert file.is_file(), file


def installed_again_it_goes_on():
    said = types(f"dpkg --install {package('2')}")
    types(re.search("surveyd does not run: `(.+)` starts it", said).group(1))
    assert [row["conversation_id"] for row in surveys()] == ["try-1"], surveys()


def purging_it_removes_everything_and_says_so():
    said = types("dpkg --purge surveyd")
    for name in ("/etc/surveyd", "/var/lib/surveyd", "/etc/systemd/system/surveyd.service.d"):
        assert not Path(name).exists(), name
    for words in ("removed /etc/surveyd", "removed /var/lib/surveyd", "removed the user surveyd"):
        assert words in said, said
    assert subprocess.run(["getent", "passwd", "surveyd"]).returncode == 2, "the user is there"
    assert subprocess.run(["getent", "group", "surveyd"]).returncode == 2, "the group is there"
    left = types("find /etc /usr /var/lib -xdev -name '*surveyd*' -not -path '/usr/src/*' -not -name 'surveyd-test*'")
    assert left == "", left


def a_configuration_that_root_wrote_before_is_closed_to_others():
    file = Path("/etc/surveyd/surveyd.toml")
    file.parent.mkdir()
    file.write_text("[http]\n")
    types(f"dpkg --install {package('1')}")
    found = (file.owner(), file.group(), file.stat().st_mode & 0o777)
    assert found == ("root", "surveyd", 0o640), found
    assert unit("ActiveState") == "inactive", unit("ActiveState")


CHECKS = [
    it_installs_by_one_line_and_starts_nothing_without_a_configuration,
    its_unit_is_exposed_to_little,
    its_manual_pages_and_completions_are_found,
    the_readme_leads_from_there_to_a_first_prompt,
    an_upgrade_under_load_loses_nothing_and_doubles_nothing,
    another_address_in_the_configuration_closes_the_old_one,
    a_downgrade_is_refused_with_the_reason_and_the_way_back,
    the_way_back_leads_back,
    removing_it_keeps_configuration_and_database,
    installed_again_it_goes_on,
    purging_it_removes_everything_and_says_so,
    a_configuration_that_root_wrote_before_is_closed_to_others,
]


class Desk:
    """A help desk that closes conversations one after the other and sends each until it is acknowledged. All the time
    it looks whether the port is open."""

    WORKERS = 4

    def __init__(self):
        self.acknowledged, self.refused, self.broken, self.unavailable, self.faults = set(), 0, 0, 0, []
        # In seconds: the port refused connections at a stretch, a close waited for its answer.
        self.closed, self.waited = 0.0, 0.0
        self.key = base64.b64decode(SECRET.read_text().strip().removeprefix("whsec_"))
        self.is_over, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.close, args=[number]) for number in range(self.WORKERS)]
        self.threads.append(threading.Thread(target=self.look))

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        assert not self.faults, self.faults

    def closed_ms(self):
        return round(self.closed * 1000)

    def longest_ms(self):
        return round(self.waited * 1000)

    def close(self, worker):
        number = 0
        while not self.is_over.is_set():
            number += 1
            self.send(f"load-{worker}-{number}", f"7{worker}{number:06}")

    def send(self, conversation, person):
        """The same bytes until they are acknowledged, as a help desk does."""
        closed_at = datetime.now(timezone.utc).isoformat()
        data = {"conversation_id": conversation, "user_id": person, "closed_at": closed_at}
        body = json.dumps({"type": "conversation.closed", "timestamp": closed_at, "data": data}).encode()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            begun = time.monotonic()
            status = self.post(conversation, body)
            self.waited = max(self.waited, time.monotonic() - begun)
            if status in (200, 202):
                with self.lock:
                    self.acknowledged.add(conversation)
                return
            if status != 503 and status is not None:
                self.faults.append((conversation, status))
                return
            time.sleep(0.02)
        self.faults.append((conversation, f"not taken within {PATIENCE} s"))

    def post(self, conversation, body):
        """The status, or nothing where the connection broke."""
        moment = str(int(time.time()))
        signed = hmac.new(self.key, f"{conversation}.{moment}.".encode() + body, hashlib.sha256).digest()
        headers = {"content-type": "application/json", "webhook-id": conversation, "webhook-timestamp": moment,
                   "webhook-signature": "v1," + base64.b64encode(signed).decode()}  # fmt: skip
        request = urllib.request.Request(f"http://{HOST}:{PORT}/v1/sources/helpdesk", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with self.lock:
                self.unavailable += error.code == 503
            return error.code
        except (urllib.error.URLError, OSError) as error:
            with self.lock:
                is_refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
                self.refused += is_refused
                self.broken += not is_refused
            return None

    def look(self):
        """How long connections are refused at a stretch."""
        since = None
        while not self.is_over.is_set():
            is_open = takes_connections(PORT)
            now = time.monotonic()
            since = None if is_open else since or now
            self.closed = max(self.closed, now - since if since else 0.0)
            time.sleep(0.005)


# What the checks do.


def lines():
    """What the README has one type, without the remarks."""
    chapter = (SOURCES / "README.md").read_text().partition(f"{CHAPTER}\n")[2].partition("\n## ")[0]
    block = re.search(r"^```\n(.*?)^```$", chapter, re.M | re.S).group(1)
    return [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]


def types(line, code=0):
    ended = subprocess.run(["bash", "-c", line], cwd=SOURCES, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=PATIENCE)  # fmt: skip
    assert ended.returncode == code, f"{line}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


def command(*arguments):
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, f"{' '.join(arguments)}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
    return ended


def package(number):
    """The package whose revision is `number`."""
    (found,) = [*PACKAGES.glob(f"surveyd_*-{number}_*.deb"), *(SOURCES / "later").glob(f"surveyd_*-{number}_*.deb")]
    SEEN[number] = found.name.split("_")[1]
    return found


def state(name):
    return command("dpkg-query", "--show", "--showformat=${Status}", name).stdout


def installed_version():
    return command("dpkg-query", "--show", "--showformat=${Version}", "surveyd").stdout


def surveys():
    told = subprocess.run(["surveyd", "export", "--format", "jsonl"], capture_output=True, text=True, timeout=PATIENCE)
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def unit(name):
    return command("systemctl", "show", "--value", f"--property={name}", UNIT).stdout.strip()


def takes_connections(port):
    try:
        socket.create_connection((HOST, port), timeout=PATIENCE).close()
        return True
    except OSError:
        return False


def wait_until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.05)


def main(folder):
    with open(folder / "checks", "w", buffering=1) as results:
        for check in CHECKS:
            sentence = check.__name__.replace("_", " ")
            try:
                begun = time.monotonic()
                measured = check()
                took = f"{time.monotonic() - begun:.0f} s"
                results.write(f"ok {sentence}: {measured + ', ' if measured else ''}{took}\n")
            except Exception as fault:
                line = traceback.extract_tb(fault.__traceback__)[-1].lineno
                words = " | ".join(f"{fault}".splitlines())
                results.write(f"FAILED {sentence}: {words} (package.py, line {line})\n")
        journal = subprocess.run(["journalctl", "--no-pager", f"--unit={UNIT}"], capture_output=True, text=True)
        (folder / "journal").write_text(journal.stdout)
        results.write("end\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
