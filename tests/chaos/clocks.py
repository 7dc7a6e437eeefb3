"""A wall clock that can be set while the program runs (libfaketime); its monotonic clock stays as it is."""

import time
from datetime import datetime, timedelta, timezone

import needs

HOUR = 3600
DAY = 24 * HOUR


class FakeClock:
    def __init__(self, folder):
        self.file = folder / "clock"
        self.ahead = 0
        self.set(0)

    @property
    def environment(self):
        return {
            "LD_PRELOAD": needs.faketime(),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, ahead):
        """So many seconds ahead of the true time, or behind it."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{ahead:+d}\n")
        new.replace(self.file)
        self.ahead = ahead

    def now(self):
        return datetime.now(timezone.utc) + timedelta(seconds=self.ahead)

    def moment(self):
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def for_a_while(seconds, holds):
    """Whether something holds all the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not holds():
            return False
        time.sleep(0.1)
    return True
