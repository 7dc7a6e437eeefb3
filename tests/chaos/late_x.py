"""A simulated X whose clock is moved on by hand, together with surveyd's, and whose events are a day late."""

import time
from dataclasses import dataclass

from clocks import DAY
from hostile_x import HostileWorld


@dataclass
class LateWorld(HostileWorld):
    events_horizon_ms: int = DAY * 1000

    def __post_init__(self):
        super().__post_init__()
        self.late = []  # (moment in ms, request) of what is carried out late

    def carry_out_in(self, seconds, *request):
        """By X's own clock, so that what is late is late by as much, whatever the clock is moved by."""
        with self.lock:
            self.late.append((self.now_ms() + round(seconds * 1000), request))

    def carry_out_due(self):
        with self.lock:
            due = [request for at, request in self.late if at <= self.now_ms()]
            self.late = self.late[len(due) :]
            for request in due:
                self.carry_out_now(*request)

    def move_on(self, clock, seconds):
        """Moves X's clock and the other one on. What is to be carried out on the way bears its own date."""
        with self.lock:
            self.moved_at = time.monotonic()
            target = self.ahead_ms + seconds * 1000
            while self.late and self.late[0][0] < self.now_ms() - self.ahead_ms + target:
                self.ahead_ms += max(0, self.late[0][0] - self.now_ms())
                self.carry_out_due()
            clock.set(clock.ahead + seconds)
            self.ahead_ms = target

    def read_up_to(self, account):
        """Up to when an account's events have been read to their end."""
        with self.lock:
            return max((end for user, (_, end), _ in self.reads if user == account.user_id), default=0)
