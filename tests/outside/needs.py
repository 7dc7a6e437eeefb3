"""What a test needs of the machine. Where that is missing the test is not run: a failure where CI is set in the
environment, and counted, with the reason, elsewhere."""

import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from browser import program as chromium


def need(is_there, what):
    if not is_there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {what}")


def root(why):
    need(os.geteuid() == 0, f"root: it {why}")


def program(name, package):
    need(shutil.which(name), f"{name} (package {package})")


def faketime():
    """The library that gives a program a clock of its own."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    need(libraries, "libfaketime (package faketime)")
    return str(libraries[0])


def browser():
    need(chromium(), "a browser (package chromium)")


def axe():
    """The text of axe, which tests/run fetches beside the Python environment."""
    path = Path(sys.prefix).parent / "tests-axe/axe_playwright_python/axe.min.js"
    need(path.is_file(), f"axe at {path} (tests/run fetches it)")
    return path.read_text(encoding="utf-8")


def promtool():
    """Prometheus' own judge of rules, which tests/run fetches beside the Python environment."""
    path = Path(sys.prefix).parent / "tests-promtool/usr/bin/promtool"
    need(path.is_file(), f"promtool at {path} (tests/run fetches it)")
    return path


def tell_counts(reporter, suite):
    """One plain line at the end, which tests/run adds up, after the reasons of what was not run."""
    of = {kind: reporter.stats.get(kind, []) for kind in ("passed", "failed", "error", "skipped")}
    for reason, tests in Counter(report.longrepr[2] for report in of["skipped"]).items():
        reporter.write_line(f"not run: {tests} of {suite}: {reason.removeprefix('Skipped: ')}")
    line = f"{suite}: {len(of['passed'])} passed, {len(of['failed']) + len(of['error'])} failed"
    reporter.write_line(line + (f", {len(of['skipped'])} not run" if of["skipped"] else ""))
