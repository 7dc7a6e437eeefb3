"""The first hour of a new operator: the README's own lines, typed one after the other on a system that has never heard of
surveyd, up to the first prompt; then all of it is taken away again. A line that fails here is wrong there.
"""

import re
import stat
import subprocess
import sys
import time
from pathlib import Path

SOURCES = Path("/usr/src/surveyd")
CHAPTER = "## From nothing to a first prompt, without X"
MINUTES = 10


def chapter():
    text = (SOURCES / "README.md").read_text()
    return text.partition(f"{CHAPTER}\n")[2].partition("\n## ")[0]


def lines():
    """What is to be typed, without the remarks."""
    block = re.search(r"^```\n(.*?)^```$", chapter(), re.M | re.S).group(1)
    return [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]


def types(line, code=0):
    ended = subprocess.run(["bash", "-c", line], cwd=SOURCES, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=120)  # fmt: skip
    assert ended.returncode == code, f"{line}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


def first_hour():
    typed = lines()
    assert len(typed) >= 8, typed
    begun = time.monotonic()
    for line in typed:
        if line.endswith("&"):
            subprocess.Popen(["bash", "-c", f"exec {line.removesuffix('&')}"], cwd=SOURCES, stdin=subprocess.DEVNULL)
            time.sleep(1)
            yield line
            continue
        if line.startswith("surveyd init"):
            yield from what_init_says_before_there_is_a_user(line)
        said = types(line)
        if "explain" in line:
            while not re.search(r"\b(sent|answered)\b", said):
                assert time.monotonic() - begun < MINUTES * 60, said
                time.sleep(1)
                said = types(line)
            yield f"{line}: the first prompt {time.monotonic() - begun:.0f} s after the first line"
        else:
            yield line
    yield from what_was_made()
    yield from everything_is_taken_away_again()


def what_init_says_before_there_is_a_user(line):
    copies = {path: Path(path).read_text() for path in ("/etc/passwd", "/etc/group")}
    for path, text in copies.items():
        Path(path).write_text("".join(line for line in text.splitlines(True) if not line.startswith("surveyd:")))
    said = types(line, code=1)
    for path, text in copies.items():
        Path(path).write_text(text)
    assert "systemd-sysusers" in said, said
    assert not Path("/etc/surveyd").exists(), "what fails leaves nothing behind"
    yield "surveyd init before there is a user surveyd"


def what_was_made():
    for path, owner, mode in (
        ("/etc/surveyd/surveyd.toml", "root:surveyd", 0o640),
        ("/etc/surveyd/credentials", "root:root", 0o700),
        ("/etc/surveyd/credentials/helpdesk-secret", "root:root", 0o600),
        ("/var/lib/surveyd", "surveyd:surveyd", 0o2770),
        ("/var/lib/surveyd/surveyd.db", "surveyd:surveyd", 0o660),
        ("/etc/systemd/system/surveyd.service.d/credentials.conf", "root:root", 0o644),
    ):
        found = Path(path)
        assert f"{found.owner()}:{found.group()}" == owner, (path, found.owner(), found.group())
        assert stat.S_IMODE(found.stat().st_mode) == mode, (path, oct(found.stat().st_mode))
    types("surveyd check")
    assert "overwrites nothing" in types("surveyd init --sandbox --yes", code=1)
    yield "everything has the owner and the mode that it should have"


def everything_is_taken_away_again():
    line = re.search(r"To begin again: `(.*)`", chapter()).group(1)
    types(line)
    types("surveyd init --sandbox --yes")
    types("systemctl daemon-reload && systemctl enable --now surveyd")
    yield line


def main(folder):
    with open(folder / "checks", "w", buffering=1) as results:
        try:
            for done in first_hour():
                results.write(f"ok {done}\n")
        except Exception as fault:
            words = " | ".join(f"{fault!r}".splitlines())
            results.write(f"FAILED the first hour: {words}\n")
        journal = subprocess.run(["journalctl", "--no-pager", "--unit=surveyd.service"], capture_output=True, text=True)
        (folder / "journal").write_text(journal.stdout)
        results.write("end\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
