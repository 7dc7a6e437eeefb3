"""A simulated X that hurts: what befalls each POST that prompts is planned beforehand, person by person.

It is the X of tests/outside underneath, so its rules and its counts are that one's. Whom it prompted, and
how often, is read off `world.prompts`: that is what the recipients saw.
"""

import json
import os
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

from x_server import Handler, XServer, parameters
from x_world import Refusal, World

CREATE = "/1.1/feedback/create.json"

# Answers that X may give after it has carried a prompt out just as well as before: status and body.
UNCLEAR = {
    "200 with garbage": (200, b"OK, whatever"),
    "200 with a page": (200, b"<!doctype html><title>Sign in to the network</title>"),
    "200 with nothing": (200, b""),
    "307": (307, b""),
    "403 of a proxy": (403, b"<html>blocked</html>"),
    "500": (500, b""),
    "500 in X's words": (500, b'{"errors":[{"code":131,"message":"Internal error"}]}'),
    "502": (502, b"<html>bad gateway</html>"),
    "503": (503, b"<html>over capacity</html>"),
    "503 in X's words": (503, b'{"errors":[{"code":130,"message":"Over capacity"}]}'),
    "code 187": (403, b'{"errors":[{"code":187,"message":"Status is a duplicate."}]}'),
    "another person's": (200, b'{"id":"1590000000000000001","type":"csat","to_user_id":"1"}'),
    "another prompt's": (200, b'{"id":"1590000000000000002","type":"csat","external_id":"not ours"}'),
    "code 151": (403, b'{"errors":[{"code":151,"message":"Whoops! You already said that."}]}'),
}
# And those that are no answers.
BROKEN = ("cut", "reset", "reset before the body", "half an answer", "half a head", "silence")


@dataclass(frozen=True)
class Fault:
    """What befalls one POST, and when X carries it out: never, before the answer is lost, after, or late.

    Or by half: the Direct Message goes out, and there is no feedback for it.
    """

    answer: str
    carried_out: str = "never"
    status: int = 0
    body: bytes = b""
    headers: tuple = ()
    seconds: float = 0  # how long a slow answer takes


@dataclass
class Attempt:
    """One POST as it came in, and when X was done with it."""

    person: str
    name: str
    at_ms: int
    fault: Fault | None
    ended_ms: int | None = None


class Everyone:
    """In whom everybody is contained."""

    def __contains__(self, person):
        return True


@dataclass
class HostileWorld(World):
    plans: dict = field(default_factory=dict)  # person -> the faults of the POSTs to come
    unlisted: set = field(default_factory=set)  # accounts' user ids for which X has no list of messages
    late_by: float = 1.5  # seconds
    undated: bool = False  # whether its answers tell no time
    misdated: tuple = ("", 0, 0)  # how many answers of which path bear a date so many seconds ahead

    def __post_init__(self):
        super().__post_init__()
        # Nobody but the sender shall keep a person from being prompted twice: what X would refuse, it counts.
        self.several_a_day = Everyone()
        self.attempts = []
        self.reads = []  # (account's user id, (from, to), moment) of the ranges that were read to their end
        self.carrying_out = []
        self.on_look_up = lambda: None

    @contextmanager
    def nobody_looked_up(self):
        """Look-ups hang, so nobody is prompted meanwhile, however slow this machine is."""
        over = threading.Event()
        self.on_look_up = lambda: over.wait(300)
        try:
            yield
        finally:
            self.on_look_up = lambda: None
            over.set()

    def attempt(self, fields):
        """Notes a POST and takes its fault off the plan."""
        person = fields.get("to_user_id", "")
        with self.lock:
            plan = self.plans.get(person)
            made = Attempt(person, fields.get("external_id", ""), self.now_ms(), plan.pop(0) if plan else None)
            self.attempts.append(made)
            return made

    def is_torn(self, authorization):
        """Whether this POST is reset before its body is read, when its account is all that X knows of it."""
        with self.lock:
            for account in self.accounts:
                plan = self.plans.get(account.token)
                if plan and account.token in authorization:
                    self.attempts.append(Attempt(account.token, "", self.now_ms(), plan.pop(0), self.now_ms()))
                    return True
        return False

    def carry_out_in(self, seconds, account, fields, body):
        timer = threading.Timer(seconds, self.carry_out_now, (account, fields, body))
        timer.daemon = True
        with self.lock:
            self.carrying_out.append(timer)
        timer.start()

    def carry_out_now(self, account, fields, body):
        try:
            self.create(account, fields, body)
        except Refusal as refusal:
            with self.lock:
                self.faults.append(f"carried out later: {refusal}")

    def list_messages(self, account, count, cursor):
        if account.user_id in self.unlisted:
            raise Refusal(404, 34, "Sorry, that page does not exist.", scripted=True)
        return super().list_messages(account, count, cursor)

    def page(self, account, bounds, pages):
        if len(pages) <= 1:
            self.reads.append((account.user_id, bounds, self.now_ms()))
        return super().page(account, bounds, pages)

    def misdate(self, path, times, ahead):
        """Lets that many answers to paths that begin so bear a wrong date. X itself goes by the true time."""
        with self.lock:
            self.misdated = (path, times, ahead)

    def date_ahead(self, path):
        with self.lock:
            of, times, ahead = self.misdated
            if times < 1 or not path.startswith(of):
                return 0
            self.misdated = (of, times - 1, ahead)
            return ahead

    # What the recipients saw.

    def prompted(self):
        """How often each person was prompted for each conversation."""
        with self.lock:
            return Counter((prompt.fields["to_user_id"], prompt.fields["external_id"]) for prompt in self.prompts)

    def prompted_twice(self):
        return {who: count for who, count in self.prompted().items() if count > 1}

    def attempts_to(self, person):
        with self.lock:
            return [attempt for attempt in self.attempts if attempt.person == person]

    def is_proved(self, account, first, second, settle_after_seconds):
        """Whether the events were read to their end over all that the first POST may have caused, before the second."""
        return any(
            user == account.user_id
            and begin <= first.at_ms
            and end >= first.ended_ms + settle_after_seconds * 1000
            and first.ended_ms < at < second.at_ms
            for user, (begin, end), at in self.reads
        )


class HostileHandler(Handler):
    def date_time_string(self, timestamp=None):
        ahead = self.server.world.date_ahead(self.path)
        return super().date_time_string((timestamp or self.server.world.now_ms() / 1000) + ahead)

    def send_header(self, keyword, value):
        if keyword != "Date" or not self.server.world.undated:
            super().send_header(keyword, value)

    def do_POST(self):
        world = self.server.world
        if self.path == CREATE and world.is_torn(self.headers.get("authorization", "")):
            self.tear()
            return
        super().do_POST()

    def create(self, account, body):
        world = self.server.world
        fields = parameters(body.decode("utf-8"))
        attempt = world.attempt(fields)
        fault = attempt.fault
        if fault is None:
            return super().create(account, body)
        if fault.answer == "slow" and fault.carried_out == "late":
            time.sleep(fault.seconds)
            return super().create(account, body)
        if fault.answer == "slow":
            made = super().create(account, body)
            time.sleep(fault.seconds)
            return made
        if fault.carried_out == "before":
            world.create(account, fields, body)
        if fault.carried_out == "by half":
            world.say(account.user_id, fields["to_user_id"], fields["message"])
        attempt.ended_ms = world.now_ms()
        self.hurt(fault)
        attempt.ended_ms = world.now_ms()
        if fault.carried_out in ("after", "late"):
            world.carry_out_in(0.05 if fault.carried_out == "after" else world.late_by, account, fields, body)
        return None

    def users(self, query):
        self.server.world.on_look_up()
        return super().users(query)

    def hurt(self, fault):
        """The answer that the plan has for this POST, or none. The connection is of no use afterwards."""
        self.close_connection = True
        whole = b'{"id":"1590000000000000001","type":"csat","created_at":"Sat Dec 15 17:58:20 +0000 2015"}'
        match fault.answer:
            case "cut":
                pass
            case "reset":
                self.tear()
            case "silence":
                self.connection.settimeout(20)
                try:
                    self.connection.recv(1)
                except OSError:
                    pass
            case "half an answer":
                self.say(200, whole[:40], len(whole))
            case "half a head":
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/js")
            case "307":
                self.say(307, b"", 0, (("location", f"http://{self.headers['host']}{CREATE}"),))
            case answer if answer in UNCLEAR:
                status, body = UNCLEAR[answer]
                self.say(status, body, len(body))
            case _:
                self.say(fault.status, fault.body, len(fault.body), fault.headers)

    def say(self, status, body, length, headers=()):
        self.send_response(status)
        self.send_header("content-length", str(length))
        self.send_header("connection", "close")
        for name, value in headers:
            self.send_header(name, str(value() if callable(value) else value))
        self.end_headers()
        self.wfile.write(body)

    def tear(self):
        """Resets the connection: what the client still has to say is answered with an error."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


class HostileX(XServer):
    def __init__(self, world):
        super().__init__(world, HostileHandler)

    def __exit__(self, *unused):
        super().__exit__(*unused)
        for timer in self.world.carrying_out:
            timer.cancel()


def in_words_of_x(status, code, message, headers=()):
    """A refusal with X's own error body."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Fault(f"{status} code {code}", status=status, body=body, headers=tuple(headers))
