"""The signatures that docs/sources/README.md makes by hand are taken, and no other."""

import json
import re
import subprocess
from pathlib import Path

import pytest

import scenario
from harness import Surveyd

PAGE = Path(__file__).parents[2] / "docs" / "sources" / "README.md"
DESKS = ["chatwoot", "zendesk", "front", "intercom", "zammad", "helpscout", "freshdesk"]
SECRET = "support:correct horse battery"


def blocks():
    """The lines of the page, by what the comment above each block names; "" are those before the first, "curl" the last."""
    script = re.search(r"<!-- test: signatures -->\n```sh\n(.*?)```", PAGE.read_text(), re.S)[1]
    first, *others = re.split(r"\n\n", script.strip())
    named = {"": first, "curl": others.pop()}
    for block in others:
        comment, lines = block.split("\n", 1)
        for desk in re.match(r"# ([a-z, ]+):", comment)[1].split(", "):
            named[desk] = lines
    return named


@pytest.fixture(scope="module")
def surveyd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by-hand")
    sources = "".join(
        f'\n[[sources]]\nname = "{desk}"\nkind = "{desk}"\naccount = "slow"\nsecret = {{ file = "desk-secret" }}\n'
        for desk in DESKS
    )
    text = scenario.configuration("sqlite:surveyd.db", "http://127.0.0.1:9", "friendships_show") + sources
    surveyd = Surveyd(folder, text, {**scenario.secrets(), "desk-secret": SECRET})
    try:
        surveyd.start()
        yield surveyd
    finally:
        surveyd.kill()


def by_hand(surveyd, desk, secret, folder):
    # No desk means anything by it, so it is ignored where the signature fits.
    (folder / "payload.json").write_text(json.dumps({"hello": "grüß dich"}) + "\n")
    named = blocks()
    script = "\n".join((named[""], named[desk], named["curl"] + " -o answer -w '%{http_code}'"))
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "SECRET": secret, "URL": f"{surveyd.base_url}/v1/sources/{desk}"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout), (folder / "answer").read_text()


def test_every_desk_that_signs_with_a_shared_secret_is_on_the_page():
    assert set(blocks()) == {"", "curl", *DESKS}


@pytest.mark.parametrize("desk", DESKS)
def test_a_notice_signed_as_the_page_says_is_taken(surveyd, desk, tmp_path):
    status, answer = by_hand(surveyd, desk, SECRET, tmp_path)
    assert status == 200, answer
    assert "ignored" in answer, answer


@pytest.mark.parametrize("desk", DESKS)
def test_one_signed_by_another_secret_is_refused(surveyd, desk, tmp_path):
    status, answer = by_hand(surveyd, desk, "somebody: else", tmp_path)
    assert status == 401, answer
