"""What the simulated X knows: its accounts, its people, the feedback it was asked to collect.

Plain state and the rules over it, without HTTP; x_server.py puts X's wire on it. Written from X's documents
alone and sharing nothing with surveyd's own sandbox, so that a misreading in one shows against the other.
"""

import copy
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

CREATES_A_DAY = 1000
DAY_MS = 24 * 60 * 60 * 1000
WINDOW_SECONDS = 15 * 60
# Calls in 15 minutes, for each account.
LIMITS = {
    "events": 1000,
    "show": 180,
    "friendships": 180,
    "users": 900,
    "credentials": 75,
    "direct_messages": 15,
    "dm_events": 15,
}
MESSAGES_LISTED_MS = 30 * DAY_MS
VARIANTS = {"csat": 38, "nps": 10}
SCORES = {"csat": range(1, 6), "nps": range(0, 11)}


@dataclass(frozen=True)
class Account:
    """A business's handle and the keys it is reached with."""

    user_id: str
    consumer_key: str
    consumer_secret: str
    token: str
    token_secret: str


@dataclass(frozen=True)
class Prompt:
    """One feedback/create that was carried out, as it came."""

    account: Account
    fields: dict
    body: bytes
    feedback_id: str
    received_ms: int


class Refusal(Exception):
    """X's answer where it will not do what was asked. One that no test scripted is the caller's fault."""

    def __init__(self, status, code, message, scripted=False):
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message, self.scripted = status, code, message, scripted


@dataclass
class World:
    accounts: list
    events_horizon_ms: int = DAY_MS
    page_size: int = 100  # X may cut pages shorter than asked
    seed: int = 1
    cannot_dm: set = field(default_factory=set)  # people who cannot be messaged
    unknown: set = field(default_factory=set)  # ids behind which there is nobody
    several_a_day: set = field(default_factory=set)  # allow-listed for more than one prompt a day
    refused: dict = field(default_factory=dict)  # person -> Refusal on create, although can_dm said yes
    unanswered: set = field(default_factory=set)  # people whose create is carried out and never answered
    message_only: set = field(default_factory=set)  # people who get the message and no card, and no answer comes
    lists_messages: bool = True  # X may not have the list, or not for this app
    hiccups: int = 0  # that many reads of events end in an error page
    ahead_ms: int = 0  # how far X's clock is ahead of the machine's
    moved_at: float = -10.0  # when a test last moved both clocks: what is under way then was signed before

    def __post_init__(self):
        self.lock = threading.RLock()
        self.answers = threading.Event()
        self.answers.set()
        self.prompts = []
        self.feedback = {}
        self.events = []  # (moment in ms, account's user id, event)
        self.cursors = {}
        self.creates = []  # (moment in ms, account's user id, person)
        self.used = {}  # (account, call) -> [window's end in s, calls]
        self.faults = []  # what a well-behaved client would not have done
        self.looked_up = []
        self.messages = []  # Direct Messages, the oldest first
        self.said = 0  # how many there have ever been
        self.message_cursors = {}
        self.lists_read = []  # accounts' user ids, one for each page

    def now_ms(self):
        return time.time_ns() // 1_000_000 + self.ahead_ms

    @contextmanager
    def silent(self):
        """Meanwhile every request waits for its answer."""
        self.answers.clear()
        try:
            yield
        finally:
            self.answers.set()

    # Limits.

    def spend(self, account, call):
        """Counts one call; returns limit, remaining and reset, and refuses what goes over."""
        with self.lock:
            window = self.used.setdefault((account.user_id, call), [0, 0])
            now = self.now_ms() // 1000
            if now >= window[0]:
                window[:] = [now + WINDOW_SECONDS, 0]
            window[1] += 1
            return LIMITS[call], LIMITS[call] - window[1], window[0]

    def spend_create(self, account):
        with self.lock:
            mine = [at for at, user, _ in self.creates if user == account.user_id and at > self.now_ms() - DAY_MS]
            reset = (min(mine) if mine else self.now_ms()) + DAY_MS
            return CREATES_A_DAY, CREATES_A_DAY - len(mine) - 1, reset // 1000

    # feedback/create, show and events.

    def create(self, account, fields, body):
        for name in ("type", "to_user_id", "message", "privacy_url"):
            if not fields.get(name):
                raise Refusal(403, 38, f"{name} parameter is missing.")
        kind, person = fields["type"], fields["to_user_id"]
        variant = fields.get("question_variant_id", "0")
        if kind not in VARIANTS:
            raise Refusal(400, 214, f"type: '{kind}' is neither csat nor nps")
        if not variant.isdecimal() or int(variant) >= VARIANTS[kind]:
            raise Refusal(400, 214, f"question_variant_id: no variant '{variant}' of {kind}")
        if not person.isdecimal():
            raise Refusal(400, 214, f"to_user_id: '{person}' is not a valid Long")
        if not fields["privacy_url"].startswith(("https://", "http://")):
            raise Refusal(400, 407, "The given URL is invalid.")
        if len(fields["message"]) > 10_000:
            raise Refusal(403, 354, "The text of your direct message is over the max character limit.")
        if len(fields.get("external_id", "")) > 256 or len(fields.get("display_name", "")) > 20:
            raise Refusal(400, 214, "external_id or display_name is too long")
        if fields.get("test", "false") not in ("true", "false"):
            raise Refusal(400, 214, "test: is neither true nor false")
        unknown_fields = set(fields) - {
            *("type", "to_user_id", "message", "privacy_url"),
            *("external_id", "question_variant_id", "display_name", "test"),
        }
        if unknown_fields:
            raise Refusal(400, 214, f"unknown parameters: {sorted(unknown_fields)}")
        with self.lock:
            if person in self.refused:
                raise self.refused[person]
            if person in self.unknown:
                raise Refusal(404, 50, "User not found.")
            if person in self.cannot_dm:
                raise Refusal(403, 349, "You cannot send messages to this user.")
            today = [who for at, user, who in self.creates if user == account.user_id and at > self.now_ms() - DAY_MS]
            if len(today) >= CREATES_A_DAY or (person in today and person not in self.several_a_day):
                raise Refusal(429, 88, "Rate limit exceeded")
            return self.carry_out(account, fields, body)

    def carry_out(self, account, fields, body):
        message = self.say(account.user_id, fields["to_user_id"], fields["message"])
        if fields["to_user_id"] in self.message_only:
            self.creates.append((message["created_ms"], account.user_id, fields["to_user_id"]))
            return message
        number = len(self.feedback) + 1
        made = {
            "id": str(1_590_000_000_000_000_000 + 7_919 * number),
            "created_ms": self.now_ms(),
            "updated_ms": self.now_ms(),
            "type": fields["type"],
            "test": fields.get("test", "false") == "true",
            "dm_id": message["id"],
            "from_user_id": account.user_id,
            "to_user_id": fields["to_user_id"],
            "privacy_url": fields["privacy_url"],
            "external_id": fields.get("external_id"),
            "question_variant_id": int(fields.get("question_variant_id", "0")),
            "display_name": fields.get("display_name"),
            "score": None,
            "text": None,
        }
        self.creates.append((made["created_ms"], account.user_id, made["to_user_id"]))
        self.feedback[made["id"]] = made
        self.prompts.append(Prompt(account, fields, body, made["id"], made["created_ms"]))
        self.publish("feedback.created", made)
        return copy.deepcopy(made)

    def show(self, account, feedback_id):
        with self.lock:
            found = self.feedback.get(feedback_id)
            if found is None or found["from_user_id"] != account.user_id:
                raise Refusal(404, 34, "Sorry, that page does not exist.")
            return copy.deepcopy(found)

    def read_events(self, account, from_ms, to_ms, count):
        """The first page of a range: its events in no order, some twice, with an empty page among them."""
        if from_ms > to_ms:
            raise Refusal(400, 214, "from_time is after to_time")
        if to_ms > self.now_ms() - self.events_horizon_ms:
            raise Refusal(400, 214, "to_time is too recent")
        with self.lock:
            found = [e for at, user, e in self.events if user == account.user_id and from_ms <= at <= to_ms]
            chance = random.Random(f"{self.seed} {from_ms} {to_ms}")
            found += chance.sample(found, min(len(found), 3))
            chance.shuffle(found)
            size = min(count, self.page_size)
            pages = []
            while found:
                cut = chance.randint(1, size)
                pages.append(found[:cut])
                found = found[cut:]
            if len(pages) > 1:
                pages.insert(len(pages) // 2, [])
            return self.page(account, (from_ms, to_ms), pages or [[]])

    def read_on(self, account, cursor, bounds):
        with self.lock:
            range_and_pages = self.cursors.get((account.user_id, cursor))
            if range_and_pages is None:
                raise Refusal(400, 214, f"cursor: '{cursor}' is unknown")
            own_bounds, pages = range_and_pages
            if bounds is not None and bounds != own_bounds:
                raise Refusal(400, 214, "cursor: belongs to another range")
            return self.page(account, own_bounds, pages)

    # Direct Messages.

    def say(self, sender, recipient, text, seconds_ago=0):
        """Somebody writes to somebody; what was said before must be given first."""
        with self.lock:
            self.said += 1
            message = {
                "id": str(1_690_000_000_000_000_000 + 104_729 * self.said),
                "created_ms": self.now_ms() - seconds_ago * 1000,
                "sender": sender,
                "to_user_id": recipient,
                "text": text,
            }
            self.messages.append(message)
            return copy.deepcopy(message)

    def list_messages(self, account, count, cursor):
        """One page, the newest first, and a cursor where there is more; every second page is empty."""
        with self.lock:
            self.lists_read.append(account.user_id)
            if not self.lists_messages:
                raise Refusal(404, 34, "Sorry, that page does not exist.", scripted=True)
            if cursor is None:
                oldest = self.now_ms() - MESSAGES_LISTED_MS
                mine = [m for m in self.messages if account.user_id in (m["sender"], m["to_user_id"])]
                left, is_empty = [m for m in reversed(mine) if m["created_ms"] >= oldest], False
            elif (account.user_id, cursor) in self.message_cursors:
                left, is_empty = self.message_cursors[(account.user_id, cursor)]
            else:
                raise Refusal(400, 214, f"cursor: '{cursor}' is unknown")
            size = 0 if is_empty else min(count, self.page_size)
            if len(left) <= size:
                return copy.deepcopy(left), None
            following = f"AB{len(self.message_cursors)}dkfC"
            self.message_cursors[(account.user_id, following)] = (left[size:], not is_empty)
            return copy.deepcopy(left[:size]), following

    def messages_to(self, person):
        with self.lock:
            return [message for message in self.messages if message["to_user_id"] == person]

    def page(self, account, bounds, pages):
        """The first of the pages, and a cursor to the rest of them, which stays good however often it is used."""
        cursor = ""
        if len(pages) > 1:
            cursor = str(10_000 + len(self.cursors))
            self.cursors[(account.user_id, cursor)] = (bounds, pages[1:])
        return copy.deepcopy(pages[0]), cursor

    # People.

    def can_dm(self, person):
        with self.lock:
            self.looked_up.append(person)
            return person not in self.cannot_dm

    # What people do, in the tests' hands.

    def answer(self, feedback_id, seconds_later, score=None, text=None, tell=True):
        """A person answers in part, so many seconds after the prompt. Returns the feedback as it is then.

        With tell=False no event is published, so that a test can publish it later, or in another order.
        """
        with self.lock:
            found = self.feedback[feedback_id]
            moment = found["created_ms"] + seconds_later * 1000
            if score is not None:
                assert found["score"] is None and score in SCORES[found["type"]]
                found["score"] = {"created_ms": moment, "value": score}
            if text is not None:
                assert found["text"] is None
                found["text"] = {"created_ms": moment, "value": text}
            found["updated_ms"] = moment
            version = copy.deepcopy(found)
            if tell:
                self.publish("feedback.updated", version)
            return version

    def publish(self, event_type, version):
        with self.lock:
            event = {"event_type": event_type, "created_ms": self.now_ms(), "feedback": copy.deepcopy(version)}
            self.events.append((self.now_ms(), version["from_user_id"], event))

    def prompts_to(self, person):
        with self.lock:
            return [prompt for prompt in self.prompts if prompt.fields["to_user_id"] == person]
