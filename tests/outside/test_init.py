"""`surveyd init`: from nothing to a prompt at the sandbox by the very lines that it prints, asked at a terminal or
not, and nothing that was there is touched."""

import os
import pty
import re
import select
import stat
import subprocess
import time
from contextlib import contextmanager

import pytest
import requests

from harness import BINARY, clean_environment, free_port, wait_until

TOLD = ("chatwoot", "zendesk", "intercom", "front")
OTHERS = ("standard", "freshdesk", "helpscout", "zammad", "spool", "dm_inactivity")
KEYS = {"consumer": "consumer-secret-of-a-test", "token": "token-secret-of-a-test"}


def surveyd(*arguments, folder, code=0, **environment):
    outcome = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                             cwd=folder, env={**clean_environment(), **environment}, timeout=60)  # fmt: skip
    assert outcome.returncode == code, f"{arguments}: {outcome.returncode}\n{outcome.stdout}{outcome.stderr}"
    return outcome


def secret_files(folder):
    for name, secret in KEYS.items():
        (folder / name).write_text(f"{secret}\n")
    return {"--consumer-secret-file": folder / "consumer", "--access-token-secret-file": folder / "token"}


def by_options(folder, *more):
    given = {"--dir": folder / "made", "--consumer-key": "k", "--access-token": "77-t", "--display-name": "Acme",
             "--privacy-url": "https://acme.example/privacy", **secret_files(folder)}  # fmt: skip
    given.update(zip(more[::2], more[1::2]))
    return ("init", "--yes", "--offline", *(word for option in given.items() for word in option))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@contextmanager
def sandbox(folder):
    with subprocess.Popen([BINARY, "sandbox", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, cwd=folder, env=clean_environment()) as process:  # fmt: skip
        try:
            yield re.search(r"http://\S+?(?=;)", process.stderr.readline()).group()
        finally:
            process.terminate()
            process.communicate(timeout=20)


@contextmanager
def running(line, folder, environment):
    """Runs a line of a shell for as long as it takes."""
    with open(folder / "log", "wb") as log:
        daemon = subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=folder, env=environment, stdout=log, stderr=log,
                                  stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        yield daemon
    finally:
        daemon.terminate()
        assert daemon.wait(timeout=20) == 0, (folder / "log").read_text()


def test_what_it_prints_leads_to_a_prompt_at_the_sandbox(tmp_path):
    port = free_port()
    environment = {**clean_environment(), "SURVEYD__HTTP__LISTEN": f"127.0.0.1:{port}"}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "surveyd").symlink_to(BINARY)
    environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
    made = tmp_path / "try"
    with sandbox(tmp_path) as url:
        said = surveyd("init", "--dir", "try", "--sandbox", url, "--yes", folder=tmp_path).stdout
        assert "the keys are those of @acme (1212121212121)" in said
        assert (mode(made / "surveyd.toml"), mode(made / "credentials")) == (0o600, 0o700)
        secrets = list((made / "credentials").iterdir())
        assert len(secrets) == 3 and {mode(secret) for secret in secrets} == {0o600}
        start = re.search(r"Start surveyd:\n +cd (\S+) && (.*)", said)
        assert start.group(1) == str(made)
        with running(start.group(2), made, environment):
            base = f"http://127.0.0.1:{port}"
            wait_until("surveyd is ready", lambda: is_ready(base))
            # Each in a terminal of its own, which begins elsewhere.
            shell = lambda line: subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, check=True,
                                                capture_output=True, text=True, timeout=60).stdout  # fmt: skip
            shell(re.search(r"Try it:\n +(.*)", said).group(1))
            explain, status = re.search(r"what became of it, and what waits:\n +(.*)\n +(.*)", said).groups()
            wait_until("a prompt", lambda: re.search(r"\b(sent|answered)\b", shell(explain)))
            shell(status)


def is_ready(base):
    try:
        return requests.get(f"{base}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


class Terminal:
    """Somebody at a terminal: reads what is asked, and types."""

    def __init__(self, folder, *arguments):
        self.master, slave = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen([BINARY, *map(str, arguments)], stdin=slave, stderr=slave, cwd=folder,
                                        stdout=subprocess.PIPE, text=True, env=clean_environment(),
                                        start_new_session=True)  # fmt: skip
        os.close(slave)

    def until(self, words):
        begun = len(self.seen)
        deadline = time.monotonic() + 60
        while words not in self.seen[begun:]:
            assert time.monotonic() < deadline, f"no {words!r} in {self.seen!r}"
            if select.select([self.master], [], [], 1)[0]:
                self.seen += os.read(self.master, 4096).decode()

    def types(self, words, answer):
        self.until(words)
        # What is typed before the terminal stops to show it would be shown.
        time.sleep(0.2)
        os.write(self.master, f"{answer}\n".encode())

    def ends(self):
        said = self.process.communicate(timeout=60)[0]
        os.close(self.master)
        return self.process.returncode, said


def test_it_asks_at_a_terminal_and_shows_no_secret(tmp_path):
    terminal = Terminal(tmp_path, "init", "--dir", "made", "--offline")
    terminal.types("Consumer key", "key-1")
    terminal.types("Consumer secret", KEYS["consumer"])
    terminal.types("Access token", "")
    terminal.types("it is needed", "343434-token")
    terminal.types("Its secret", KEYS["token"])
    terminal.types("[343434]", "")
    terminal.types("name for the account", "support main")
    terminal.types("is not a name", "acme")
    terminal.types("privacy policy", "")
    terminal.types("  is empty", "acme.example")
    terminal.types("is not a URL", "https://acme.example/privacy")
    terminal.types("calls you", "A name of more than 20 characters")
    terminal.types("20 are the most", "Acme")
    terminal.types("csat", "ces")
    terminal.types("neither csat nor nps", "nps")
    terminal.types("X's question", "11")
    terminal.types("0 to 9", "2")
    terminal.types("Where closes come from", "zendesk")
    terminal.types("the signing secret", "")
    code, said = terminal.ends()
    assert code == 0, said + terminal.seen
    assert not any(secret in terminal.seen + said for secret in KEYS.values()), "no secret is shown"
    text = (tmp_path / "made" / "surveyd.toml").read_text()
    for line in ('user_id = "343434"', 'name = "acme"', 'type = "nps"', "question_variant_id = 2", 'kind = "zendesk"'):
        assert line in text, text
    assert (tmp_path / "made" / "credentials" / "acme-consumer-secret").read_text().strip() == KEYS["consumer"]
    put = re.search(r"At zendesk, Admin Center.*\n(?:.*\n)*?.*Put the signing secret .*\n +(.*)", said)
    # With the secret that Zendesk tells later, nothing is missing any more.
    surveyd("check", "-c", "made/surveyd.toml", folder=tmp_path, code=78)
    subprocess.run(["bash", "-c", put.group(1)], input=b"zendesk-signing-secret-of-a-test\n", check=True)
    surveyd("check", "-c", "made/surveyd.toml", folder=tmp_path)


@pytest.mark.parametrize("kind", TOLD + OTHERS)
def test_each_kind_of_source_is_set_up_without_a_fault(tmp_path, kind):
    (tmp_path / "desk").write_text("a-secret-that-the-desk-has-told")
    told = ("--desk-secret-file", tmp_path / "desk") if kind in TOLD else ()
    said = surveyd(*by_options(tmp_path, "--desk", kind, "--source", "desk", *told), folder=tmp_path).stdout
    checked = surveyd("check", "-c", "made/surveyd.toml", folder=tmp_path)
    assert "no fault (accounts: 1, sources: 1)" in checked.stdout
    assert ("/v1/sources/desk" in said) == (kind not in ("spool", "dm_inactivity")), said


def test_nothing_that_is_there_is_overwritten(tmp_path):
    surveyd(*by_options(tmp_path), folder=tmp_path)
    before = tree(tmp_path)
    again = surveyd(*by_options(tmp_path), folder=tmp_path, code=1)
    assert "surveyd.toml is there already, and surveyd init overwrites nothing" in again.stderr
    assert "--dir" in again.stderr and tree(tmp_path) == before
    (tmp_path / "made" / "surveyd.toml").unlink()
    before = tree(tmp_path)
    again = surveyd(*by_options(tmp_path), folder=tmp_path, code=1)
    assert "main-consumer-secret is there already" in again.stderr and tree(tmp_path) == before


def test_what_is_missing_or_wrong_leaves_nothing_behind(tmp_path):
    missing = surveyd("init", "--dir", "made", "--yes", folder=tmp_path, code=2).stderr
    for option in ("--consumer-key", "--consumer-secret-file", "--access-token", "--access-token-secret-file",
                   "--user-id", "--privacy-url", "--display-name"):  # fmt: skip
        assert option in missing, missing
    assert "--sandbox" in missing
    wrong = {
        "--privacy-url": ("acme.example", 78, "accounts.main.privacy_url"),
        "--display-name": ("A name of more than 20 characters", 78, "accounts.main.display_name"),
        "--message": ("Hello {{ frist_name }}", 78, "accounts.main.survey.message"),
        "--question": ("38", 78, "question_variant_id"),
        "--desk": ("remedy", 2, "is none of standard, chatwoot"),
        "--user-id": ("@acme", 2, "1 to 19 decimal digits"),
        "--type": ("ces", 2, "is neither csat nor nps"),
        "--desk-secret-file": (tmp_path / "nowhere", 2, "cannot be read: No such file"),
    }
    secret_files(tmp_path)
    before = tree(tmp_path)
    for option, (value, code, words) in wrong.items():
        said = surveyd(*by_options(tmp_path, option, value), folder=tmp_path, code=code)
        assert words in said.stderr and "surveyd.toml.new" not in said.stderr, said.stderr
        assert tree(tmp_path) == before, option
    # An answer in any tongue, with any sign, is what it was.
    odd = 'Grüße "von" \\ Ana\t{# nothing #} 👋'
    surveyd(*by_options(tmp_path, "--message", odd), folder=tmp_path)
    surveyd("check", "-c", "made/surveyd.toml", folder=tmp_path)


def test_a_token_of_another_handle_is_told_by_both_numbers(tmp_path):
    other = surveyd(*by_options(tmp_path, "--user-id", "8"), folder=tmp_path)
    assert "access_token: begins with 77, the id of the handle that it is of, and user_id is 8" in other.stderr
    assert "77-t" not in other.stdout + other.stderr
    checked = surveyd("check", "-c", "made/surveyd.toml", folder=tmp_path)
    assert other.stderr in checked.stderr and "77-t" not in checked.stderr


def test_keys_that_x_refuses_are_told_with_the_place_of_each(tmp_path):
    with sandbox(tmp_path) as url:
        arguments = [part for part in by_options(tmp_path, "--sandbox", url) if part != "--offline"]
        said = surveyd(*arguments, folder=tmp_path, code=1)
    assert "code 32" in said.stdout or "code 89" in said.stdout, said.stdout
    assert "consumer_key" in said.stderr and str(tmp_path / "made" / "credentials") in said.stderr
    assert "To do next" in said.stdout
