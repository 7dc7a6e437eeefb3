"""A made-up business with a past, and everybody who may look at its results.

Its closes come in and its people answer by way of the simulated X, all within seconds. Then the database is told that
each of it happened some days earlier. So the past has a change of clocks in it, and no test waits for weeks. It is
lived once for all processes of a run. Each process serves a copy. SURVEYD_BUSINESS_ON=postgres keeps it on the test
server.
"""

import fcntl
import hashlib
import json
import os
import random
import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import requests

from harness import Surveyd, by_psql, close, moment, new_database, new_server_database, wait_until
from scenario import OTHER_WEBHOOK_SECRET, WEBHOOK_SECRET, x_account
from x_server import XServer
from x_world import World

ENGINE = os.environ.get("SURVEYD_BUSINESS_ON", "sqlite")
ZONE = ZoneInfo("Europe/Berlin")
MIN_GROUP = 5
FRESH_DAYS = 30

ACCOUNTS = {"acme": ("csat", x_account("1212121212121", "acme")), "globex": ("nps", x_account("77", "globex"))}
SURVEYS = {"acme": 420, "globex": 230}
QUESTIONS = {"acme": (12, 3), "globex": (5, 2)}  # what most are asked, and what the rule asks those with the tag "vip"

# What nobody but a supervisor may read. It stands in each comment, agent, first name and message.
MARK = "zqx"
AGENTS = [f"{MARK}-{name}" for name in "ann bo cyd dana eli fay gil hal ivy jo kit".split()]
TEAMS = ["billing", "care & <returns>", "dé livery", "night"]
TINY_TEAM = "tiny"
TAGS = ["vip", "refund", "a|b", "ünï"]
LANGUAGES = ["en", "es", "de", None]
PASSWORD = "correct horse battery staple"
# By another tool, at the least costs that surveyd takes.
PASSWORD_HASH = (
    "$argon2id$v=19$m=8192,t=1,p=1$kv2DBb1QhT2q/RAs6N5whA$zAKAm15M6y5LlmIPgalsw144zNaBns/TLYXTNIZnlPA"
)

LOGINS = {
    "mara": {"role": "supervisor"},
    "ada": {"role": "admin"},
    "otto": {"role": "auditor"},
    "dana": {"role": "agent", "agent": f"{MARK}-dana"},
    "both": {"role": ["supervisor", "auditor"]},
    "tess": {"role": "supervisor", "teams": ["billing"]},
    "gus": {"role": "supervisor", "accounts": ["globex"]},
    "abel": {"role": "admin", "accounts": ["globex"]},
}
TOKENS = {
    "warehouse": {"role": "supervisor"},
    "monitor": {"role": "admin"},
    "books": {"role": "auditor"},
    "own": {"role": "agent", "agent": f"{MARK}-dana"},
    "billing-desk": {"role": "supervisor", "teams": ["billing"]},
    "old": {"role": "supervisor", "expires": "2020-01-01"},
}


def token(name):
    return f"svd_{hashlib.sha256(name.encode()).hexdigest()[:43]}"


CONFIGURATION = """
[store]
url = "STORE"

[http]
listen = "127.0.0.1:PORT"

[log]
format = "json"

[x]
base_url = "X_BASE_URL"
events_horizon = "0s"
can_dm = "users_v2"

[poll]
interval = "2s"
overlap = "30s"
fresh_for = "30d"

[report]
time_zone = "Europe/Berlin"
min_group = MIN_GROUP

[[sources]]
name = "helpdesk"
kind = "standard"
secret = { file = "helpdesk-secret" }

[[sources]]
name = "acme-desk"
kind = "standard"
account = "acme"
secret = { file = "other-secret" }
"""

ACCOUNT = """
[[accounts]]
name = "{name}"
user_id = "{keys.user_id}"
consumer_key = "{keys.consumer_key}"
consumer_secret = {{ file = "{name}-consumer-secret" }}
access_token = "{keys.token}"
access_token_secret = {{ file = "{name}-token-secret" }}
privacy_url = "https://acme.example/privacy"
display_name = "Acme"

[accounts.survey]
type = "{kind}"
question_variant_id = {questions[0]}
delay = "0s"
throttle = "0s"
message = "{mark}-message, {{{{ first_name | default('you') }}}}: how did we do?"

[[accounts.rules]]
name = "important"
when = {{ tag = "vip" }}
question_variant_id = {questions[1]}
"""


def configuration(store_url, x_base_url, min_group=MIN_GROUP):
    text = CONFIGURATION.replace("STORE", store_url).replace("X_BASE_URL", x_base_url)
    text = text.replace("MIN_GROUP", str(min_group))
    for name, (kind, keys) in ACCOUNTS.items():
        text += ACCOUNT.format(name=name, kind=kind, keys=keys, questions=QUESTIONS[name], mark=MARK)
    for name, login in LOGINS.items():
        text += table("logins", {"name": name, **login, "password_hash": PASSWORD_HASH})
    for name, entry in TOKENS.items():
        text += table("tokens", {"name": name, **entry, "hash": f"sha256:{digest(token(name))}"})
    return text


def table(name, entries):
    # JSON's strings and lists are TOML's.
    return f"\n[[{name}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in entries.items())


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def secrets():
    found = {"helpdesk-secret": WEBHOOK_SECRET, "other-secret": OTHER_WEBHOOK_SECRET}
    for name, (_, keys) in ACCOUNTS.items():
        found[f"{name}-consumer-secret"] = keys.consumer_secret
        found[f"{name}-token-secret"] = keys.token_secret
    return found


# The past.


@dataclass
class Talk:
    account: str
    conversation: str
    user: str
    source: str
    data: dict
    days_ago: float
    can_dm: bool
    score: int | None
    comment: str | None
    seconds: int  # from the prompt to the score


def talks(chance, now):
    change = last_change_of_clocks(now)
    made = []
    for account, count in SURVEYS.items():
        kind = ACCOUNTS[account][0]
        for number in range(count):
            agent = chance.choice(AGENTS)
            team = TEAMS[AGENTS.index(agent) % len(TEAMS)] if chance.random() < 0.9 else None
            if chance.random() < 0.015:
                team = TINY_TEAM
            tags = chance.sample(TAGS, chance.choice([0, 0, 1, 1, 2]))
            source = "acme-desk" if account == "acme" and chance.random() < 0.3 else "helpdesk"
            days_ago = when(chance, now, change)
            data = {
                "agent": agent if chance.random() < 0.93 else None,
                "team": team,
                "tags": tags or None,
                "language": chance.choice(LANGUAGES),
                "first_name": f"{MARK}-first",
            }
            answers = chance.random() < 0.62
            made.append(
                Talk(
                    account,
                    f"{account}-{number}",
                    str(880_000_000_000 + len(made)),
                    source,
                    data,
                    days_ago,
                    chance.random() > 0.08,
                    score(chance, kind, team, days_ago) if answers else None,
                    f"{MARK}-comment {number}: <b>fine</b> & \"so\"" if chance.random() < 0.25 else None,
                    # Both answers come before today.
                    min(chance.randint(1, 200_000), max(1, int(days_ago * 86400) - 600)),
                )
            )
    return made


def when(chance, now, change):
    """How many days ago a conversation closed: lately, near the change of clocks, and often near midnight."""
    if chance.random() < 0.35:
        day = change.date() + timedelta(days=chance.randint(-3, 3))
    else:
        day = now.date() - timedelta(days=chance.randint(1, 75))
    near = chance.random()
    if near < 0.4:
        at = datetime.combine(day, time(0), ZONE) + timedelta(seconds=chance.randint(-1800, 1800))
    else:
        at = datetime.combine(day, time(chance.randint(0, 23), chance.randint(0, 59)), ZONE)
    return max((now - at.astimezone(timezone.utc)).total_seconds(), 3600) / 86400


def last_change_of_clocks(now):
    """The day of the latest change that lies a week back or more."""
    day = datetime.combine((now - timedelta(days=7)).date(), time(12), ZONE)
    while day.utcoffset() == (day - timedelta(days=1)).utcoffset():
        day -= timedelta(days=1)
    return day


def score(chance, kind, team, days_ago):
    """Billing has got worse in the last four weeks. All others are as they were."""
    is_bad = team == "billing" and days_ago < 28
    if kind == "csat":
        return chance.choices(range(1, 6), [5, 4, 3, 1, 1] if is_bad else [1, 1, 2, 5, 7])[0]
    return chance.choices(range(11), [3] * 7 + [1, 1, 1, 1] if is_bad else [1] * 7 + [3, 4, 6, 6])[0]


def live(folder):
    """Lives through the business once. Leaves the state folder and what X knew in `folder`."""
    world = World([keys for _, keys in ACCOUNTS.values()], events_horizon_ms=0)
    chance = random.Random(20_261_025)
    made = talks(chance, datetime.now(timezone.utc))
    world.cannot_dm.update(talk.user for talk in made if not talk.can_dm)
    with XServer(world) as x:
        surveyd = Surveyd(folder, configuration(new_store(folder), x.base_url), secrets())
        try:
            surveyd.start()
            for talk in made:
                file_close(surveyd, talk)
            prompted = [talk for talk in made if talk.can_dm]
            wait_until("all prompts", lambda: len(world.prompts) >= len(prompted))
            for talk in prompted:
                [prompt] = world.prompts_to(talk.user)
                if talk.score is not None:
                    world.answer(prompt.feedback_id, talk.seconds, score=talk.score)
                if talk.comment is not None:
                    world.answer(prompt.feedback_id, talk.seconds + 60, text=talk.comment)
            answered = sum(talk.score is not None for talk in prompted)
            commented = sum(talk.comment is not None for talk in prompted)
            wait_until("all answers", lambda: counted(folder) == (answered, commented))
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    move_back(folder, made)
    count_again(folder, len(made))
    known = [
        {
            "feedback_id": one["id"],
            "user_id": one["to_user_id"],
            "score": value_of(one["score"]),
            "text": value_of(one["text"]),
        }
        for one in world.feedback.values()
    ]
    (folder / "known.json").write_text(json.dumps({"feedback": known, "faults": world.faults}))


def value_of(given):
    return given and given["value"]


def file_close(surveyd, talk):
    data = {name: value for name, value in talk.data.items() if value is not None}
    if talk.source == "acme-desk":
        notice = close(None, talk.conversation, talk.user, moment(), **data)
        answer = surveyd.post(notice, source="acme-desk", secret=OTHER_WEBHOOK_SECRET)
    else:
        answer = surveyd.post(close(talk.account, talk.conversation, talk.user, moment(), **data))
    assert answer.status_code == 202, (talk, answer.status_code, answer.text)


def new_store(folder, copied_from=None):
    """The `store.url` of a new database, kept in the folder: an empty one, or a copy of that of another folder."""
    if ENGINE == "sqlite" or copied_from is None:
        url = new_database(ENGINE)
    else:
        url = new_server_database(store_of(copied_from).rpartition("/")[2])
    (folder / "store").write_text(url)
    return url


def store_of(folder):
    return (folder / "store").read_text()


def in_database(folder, script):
    """What the statements, each of a line, give in the database of a folder that no daemon changes just now."""
    if ENGINE != "sqlite":
        return by_psql(store_of(folder), script)
    with closing(sqlite3.connect(folder / "state" / "surveyd.db")) as database, database:
        return [tuple(map(str, row)) for statement in script.splitlines() for row in database.execute(statement)]


def counted(folder):
    [(scores, comments)] = in_database(folder, "select count(score), count(comment) from feedback;")
    return int(scores), int(comments)


MOVED = {
    "survey": "closed_at accepted_at due_at try_at begun_at spent_at sent_at".split(),
    "feedback": "updated_at created_at score_given_at score_told_at comment_given_at comment_told_at".split(),
    "survey_history": ["at"],
}


def move_back(folder, made):
    """Moves all instants of each conversation as far back. Nothing is asked of X again."""
    ids = dict(in_database(folder, "select conversation_id, id from survey;"))
    script = ["update survey set show_at = null;"]
    for talk in made:
        for name, columns in MOVED.items():
            moves = ", ".join(f"{column} = {column} - {int(talk.days_ago * 86_400_000)}" for column in columns)
            key = "id" if name == "survey" else "survey_id"
            script.append(f"update {name} set {moves} where {key} = '{ids[talk.conversation]}';")
    in_database(folder, "\n".join(script))


def count_again(folder, closes):
    """Lets the daemon count all days once more, so that no test meets half of them."""
    view = {"from": "2020-01-01", "to": datetime.now(ZONE).date().isoformat(), "against": "none"}
    with served(folder, folder) as business:

        def is_done():
            return sum(group["closes"] for group in business.json("/v1/report", view)["groups"]) == closes

        wait_until("all days to be counted", is_done)
        assert business.surveyd.stop() == 0


# The daemons that serve it.


@dataclass
class Business:
    surveyd: Surveyd
    sessions: dict = field(default_factory=dict)

    def url(self, path):
        return self.surveyd.base_url + path

    def session(self, login):
        """A browser in which somebody is signed in."""
        if login not in self.sessions:
            session = requests.Session()
            session.trust_env = False
            answer = self.sign_in(login, PASSWORD, session)
            assert answer.status_code == 303, (login, answer.status_code, answer.text)
            self.sessions[login] = session
        return self.sessions[login]

    def sign_in(self, name, password, session=requests, **headers):
        headers = {"origin": self.surveyd.base_url, **headers}
        form = {"name": name, "password": password}
        return session.post(self.url("/login"), data=form, headers=headers, allow_redirects=False, timeout=30)

    def get(self, path, login=None, by=None, params=None, **headers):
        """Asks for an address, as somebody with a browser or as the program with a token."""
        if by is not None:
            headers["authorization"] = f"Bearer {token(by)}"
        asker = self.session(login) if login else requests
        return asker.get(self.url(path), params=params, headers=headers, allow_redirects=False, timeout=60)

    def json(self, path, params=None, by="warehouse"):
        answer = self.get(path, by=by, params=params)
        assert answer.status_code == 200, (path, params, answer.status_code, answer.text)
        return answer.json()

    def rows(self, params=None, by="warehouse"):
        """The surveys of a view by the export as JSON Lines."""
        answer = self.get("/v1/export", by=by, params=[("format", "jsonl"), *(params or [])])
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.content.decode().split("\n")[:-1]]


@contextmanager
def served(lived, folder, min_group=MIN_GROUP):
    """A daemon over a copy of what was lived, if anything was. X does not answer it."""
    store = store_of(folder) if lived == folder else new_store(folder, lived)
    surveyd = Surveyd(folder, configuration(store, "http://127.0.0.1:1", min_group), secrets())
    if lived and lived != folder:
        shutil.copytree(lived / "state", folder / "state", dirs_exist_ok=True)
    try:
        surveyd.start()
        yield Business(surveyd)
    finally:
        surveyd.kill()


def lived_once(own, name, live):
    """The folder in which something was lived. Whichever process of the run comes first lives it.

    `own` is the folder of this process. Those of a run stand side by side.
    """
    shared = own.parent if own.name.startswith("popen-") else own
    folder, done = shared / name, shared / f"{name}.done"
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            live(folder)
            done.touch()
    return folder
