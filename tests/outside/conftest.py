"""What all tests share: a database for each, and one plain line with the counts at the end."""

import json

import pytest

import business as businesses
import needs
from day import live
from harness import BINARY
from runbook import x  # noqa: F401: a fixture of every runbook test


def pytest_configure():
    if not BINARY.is_file():
        pytest.exit(f"no program at {BINARY}; build it with `cargo build --release`, or set SURVEYD", returncode=1)


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def store(request):
    """The kind of database; a test that names it runs on both."""
    return request.param


@pytest.fixture(scope="session")
def day(store, tmp_path_factory):
    yield from live(store, tmp_path_factory.mktemp("day"))


@pytest.fixture(scope="session")
def business(tmp_path_factory):
    """A business with a past, served to those who may see its results."""
    lived = businesses.lived_once(tmp_path_factory.getbasetemp(), "business", businesses.live)
    with businesses.served(lived, tmp_path_factory.mktemp("served")) as found:
        found.known = json.loads((lived / "known.json").read_text())
        yield found


def pytest_terminal_summary(terminalreporter):
    needs.tell_counts(terminalreporter, "outside")
