"""The simulated X where reading events is hard: what befalls each account's reading is a plan of its own.

The X of x_world.py and x_server.py underneath. What is refused here by plan is X's own doing; what those refuse
on top is the caller's fault and stands in `world.faults`.
"""

import json
import os
import random
import socket
import struct
from dataclasses import dataclass, field

from x_server import Handler, XServer
from x_world import LIMITS, WINDOW_SECONDS, Refusal, World

# Where a test waits for a spent budget, X's windows are as short as this.
SHORT_WINDOW_SECONDS = 8
HOUR_MS = 60 * 60 * 1000


@dataclass
class Plan:
    """What an account's reading of events meets. Shares are of all calls."""

    page_size: int = 7
    range_refused: bool = False  # from_time and to_time are not taken beside a cursor
    cursor_alone_refused: bool = False  # a cursor is not taken without them
    forgotten: float = 0  # cursors that X does not know any more when they are used
    unknown: tuple = (400, 214)  # the status and code in which it says so
    cursor_lasts: int = 0  # pages after which a window's cursors are gone; 0: they last
    repeats: int = 0  # windows longer than this many hours have a page that leads to itself
    circles: int = 0  # and this, pages that lead back to an earlier one
    empty: float = 0  # pages with nothing on them
    limited: float = 0  # answers 429
    failing: float = 0  # answers 500 or 503, or is no answer at all
    no_budget_after: int = 0  # after so many calls X's headers say that none is left, once
    endless_ms: int = 0  # an instant: windows that hold it have pages that lead back to an earlier one
    late: bool = False  # some events surface behind what has been read
    at_ends: list = field(default_factory=list)  # events that happen at exactly the end of a window


@dataclass
class EventsWorld(World):
    plans: dict = field(default_factory=dict)  # account's user id -> Plan

    def __post_init__(self):
        super().__post_init__()
        self.chance = random.Random(f"{self.seed} faults")
        self.by_account = {account.user_id: [] for account in self.accounts}
        self.pages_read = 0
        self.calls = {}  # account's user id -> calls
        self.met = {}  # what befell whom: (account's user id, what) -> times
        self.ranges = []  # (account's user id, from, to), one for each window begun

    def meet(self, account, what):
        key = (account.user_id, what)
        self.met[key] = self.met.get(key, 0) + 1

    def happens(self, account, what, share):
        if share and self.chance.random() < share:
            self.meet(account, what)
            return True
        return False

    def publish_at(self, moment_ms, version, event_type="feedback.updated"):
        """An event of a moment of its own, which may be long past."""
        with self.lock:
            event = {"event_type": event_type, "created_ms": moment_ms, "feedback": version}
            self.events.append((moment_ms, version["from_user_id"], event))
            self.by_account[version["from_user_id"]].append((moment_ms, version["from_user_id"], event))

    def publish(self, event_type, version):
        super().publish(event_type, version)
        self.by_account[version["from_user_id"]].append(self.events[-1])

    def read_events(self, account, from_ms, to_ms, count):
        plan = self.plans[account.user_id]
        with self.lock:
            self.ranges.append((account.user_id, from_ms, to_ms))
            # Both ends of a window are in it.
            if plan.at_ends and to_ms - from_ms > HOUR_MS and to_ms <= self.now_ms() - self.events_horizon_ms:
                for moment_ms, version in zip((from_ms, to_ms), (plan.at_ends.pop(), plan.at_ends.pop())):
                    self.publish_at(moment_ms, {**version, "updated_ms": moment_ms})
            whole, size, self.events = self.events, self.page_size, self.by_account[account.user_id]
            try:
                self.page_size = plan.page_size
                return super().read_events(account, from_ms, to_ms, count)
            finally:
                self.events, self.page_size = whole, size

    def read_on(self, account, cursor, bounds):
        plan = self.plans[account.user_id]
        with self.lock:
            if plan.range_refused and bounds is not None:
                self.meet(account, "a range beside a cursor")
                raise Refusal(400, 44, "from_time parameter is invalid.", scripted=True)
            if plan.cursor_alone_refused and bounds is None:
                self.meet(account, "a cursor alone")
                raise Refusal(403, 38, "from_time parameter is missing.", scripted=True)
            if (account.user_id, cursor) in self.cursors and self.happens(account, "forgotten", plan.forgotten):
                del self.cursors[account.user_id, cursor]
            known = self.cursors.get((account.user_id, cursor))
            if known is None and (plan.forgotten or plan.cursor_lasts) or known and known[2] > plan.cursor_lasts > 0:
                self.meet(account, "an unknown cursor")
                status, code = plan.unknown
                raise Refusal(status, code, "cursor is unknown", scripted=True)
            if known is None:
                raise Refusal(400, 214, f"cursor: '{cursor}' is unknown")
            own_bounds, pages, number, before = known
            if bounds is not None and bounds != own_bounds:
                raise Refusal(400, 214, "cursor: belongs to another range")
            events, following = self.page(account, own_bounds, pages, number, (*before, cursor))
            hours = (own_bounds[1] - own_bounds[0]) / HOUR_MS
            if plan.repeats and hours > plan.repeats and number == 2:
                self.meet(account, "a page that repeats")
                following = cursor
            if plan.circles and hours > plan.circles and number == 3:
                self.meet(account, "pages in a circle")
                following = before[0]
            return events, following

    def page(self, account, bounds, pages, number=0, before=()):
        """As underneath; a cursor also knows which page it leads to, and the cursors before it."""
        plan = self.plans[account.user_id]
        self.pages_read += 1
        if self.happens(account, "an empty page", plan.empty) and pages[0]:
            pages = [[], *pages]
        cursor = ""
        if len(pages) > 1:
            cursor = str(10_000 + len(self.cursors))
            while (account.user_id, cursor) in self.cursors:
                cursor = str(int(cursor) + 100_000)
            self.cursors[(account.user_id, cursor)] = (bounds, pages[1:], number + 1, before)
        elif bounds[0] <= plan.endless_ms <= bounds[1]:
            self.meet(account, "a second without an end")
            cursor = before[0] if before else f"endless{len(self.cursors)}"
            self.cursors[(account.user_id, cursor)] = (bounds, [[]], number + 1, before)
        return pages[0], cursor

    def spend(self, account, call):
        if call != "events":
            return super().spend(account, call)
        with self.lock:
            plan, now, limit = self.plans[account.user_id], self.now_ms() // 1000, LIMITS[call]
            self.calls[account.user_id] = self.calls.get(account.user_id, 0) + 1
            window = self.used.setdefault((account.user_id, call), [0, 0])
            if now >= window[0]:
                window[:] = [now + (SHORT_WINDOW_SECONDS if plan.no_budget_after else WINDOW_SECONDS), 0]
            window[1] += 1
            return limit, limit - window[1], window[0]

    def leave_no_budget(self, account):
        """Says so in the headers of this answer, once."""
        with self.lock:
            plan, window = self.plans[account.user_id], self.used[(account.user_id, "events")]
            is_due = 0 < plan.no_budget_after <= self.calls[account.user_id]
            if is_due and (account.user_id, "no budget") not in self.met:
                self.meet(account, "no budget")
                window[1] = LIMITS["events"]
            return LIMITS["events"], LIMITS["events"] - window[1], window[0]


class EventsHandler(Handler):
    def events(self, account, query):
        world = self.server.world
        self.server.gate.wait()
        plan = world.plans[account.user_id]
        with world.lock:
            limited = world.happens(account, "limited", plan.limited)
            failing = world.happens(account, "failing", plan.failing)
            how = world.chance.choice(("500", "503", "cut", "half", "garbage"))
        if limited:
            self.limits = (1000, 0, world.now_ms() // 1000 + 2)
            raise Refusal(429, 88, "Rate limit exceeded", scripted=True)
        if failing:
            return self.fail(how)
        self.limits = world.leave_no_budget(account)
        return super().events(account, query)

    def fail(self, how):
        self.close_connection = True
        body = json.dumps({"events": [], "next_cursor": "1"}).encode()
        match how:
            case "500":
                raise Refusal(500, 131, "Internal error", scripted=True)
            case "503":
                self.answer(503, b"<h1>Over capacity</h1>")
            case "garbage":
                self.answer(200, b'{"events": [{"event_type": "feedback.up')
            case "half":
                self.answer(200, body[:9], len(body))
            case "cut":
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                os.close(self.connection.detach())
        return None

    def answer(self, status, body, length=None):
        self.send_response(status)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(length or len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)


class EventsX(XServer):
    """Its gate, while it is closed, holds every reading of events back."""

    def __init__(self, world, gate):
        super().__init__(world, EventsHandler)
        self.http.gate = gate
        gate.set()
