"""The counts at the end, and the seed at the beginning."""

import pytest

import lengths
import needs
from harness import BINARY
from runbook import x  # noqa: F401: a fixture of every runbook test


# A soak is long or it is none: `tests/long soak`.
collect_ignore = [] if lengths.IN_FULL else ["test_soak.py"]


def pytest_configure():
    if not BINARY.is_file():
        pytest.exit(f"no program at {BINARY}; build it with `cargo build --release`, or set SURVEYD", returncode=1)


def pytest_report_header():
    return f"seed {lengths.SEED}, {'in full length' if lengths.IN_FULL else 'short'}"


def pytest_terminal_summary(terminalreporter):
    for line in lengths.figures:
        terminalreporter.write_line(line)
    needs.tell_counts(terminalreporter, "chaos")
