"""The business whose closes are at stake: accounts that prompt at once, and that hold back from nobody."""

import random

import scenario
from harness import Surveyd, close, moment

CONFIGURATION = """
[store]
url = "{store}"

[http]
listen = "127.0.0.1:PORT"

[x]
base_url = "{x}"
request_timeout = "5s"
send_timeout = "{send_timeout}"
settle_after = "{settle_after}"
{events_horizon}
can_dm = "users_v2"

[poll]
interval = "1s"
overlap = "10s"
"""
# No throttle and no limit of a person's day: nothing but the promise itself keeps a prompt from going out twice.
LIMITS = "daily_limit_per_user = 1000"
SURVEY_KEYS = 'delay = "{delay}"\nthrottle = "0s"\nmessage = "How did we do?"\n'
AT_ONCE = 'events_horizon = "0s"'  # X's events show what happens when it happens

ACCOUNTS = {name: scenario.x_account(str(7_000_000 + index), name) for index, name in enumerate(
    ("acme", "limited", "refused", "torn", "listed")
)}  # fmt: skip


def configuration(
    store, x, settle_after="0s", send_timeout="5s", delays=None, limits=None, events_horizon=AT_ONCE, survey_keys=""
):
    """Accounts with a delay or limits that are not the usual ones are named with them."""
    delays, limits = delays or {}, limits or {}
    text = CONFIGURATION.format(
        store=store, x=x, settle_after=settle_after, send_timeout=send_timeout, events_horizon=events_horizon
    )
    for name, keys in ACCOUNTS.items():
        text += scenario.ACCOUNT.format(
            name=name,
            keys=keys,
            privacy_url="https://acme.example/privacy",
            display_name="Acme",
            account_keys=limits.get(name, LIMITS),
            type="csat",
            variant=0,
            survey_keys=SURVEY_KEYS.format(delay=delays.get(name, "0s")) + survey_keys,
        )
    return text + scenario.SOURCES


def secrets():
    found = {"helpdesk-secret": scenario.WEBHOOK_SECRET, "other-secret": scenario.OTHER_WEBHOOK_SECRET}
    for name, keys in ACCOUNTS.items():
        found[f"{name}-consumer-secret"] = keys.consumer_secret
        found[f"{name}-token-secret"] = keys.token_secret
    return found


def at_work(folder, store, x, **settings):
    """A surveyd in a folder of its own, not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    return Surveyd(folder, configuration(store, x.base_url, **settings), secrets())


class Case:
    """One close that a help desk reports until it is acknowledged."""

    def __init__(self, person, account="acme", conversation=None, closed_at=None):
        self.person = str(person)
        self.account = account
        self.conversation = conversation or f"c-{person}"
        self.notice = close(account, self.conversation, self.person, closed_at or moment())
        self.is_acknowledged = False
        self.survey_id = None

    def report(self, surveyd, at=None):
        """Reports it once, now or by another clock. Whatever goes wrong on the way leaves it unacknowledged."""
        answer = surveyd.post(self.notice, at=at)
        if answer.status_code in (200, 202):
            survey_id = answer.json()["survey_id"]
            if self.survey_id:
                # Acknowledged before: a repetition must not have to bring it in anew.
                assert (answer.status_code, survey_id) == (200, self.survey_id), (
                    f"{self.conversation} was acknowledged and lost"
                )
            self.survey_id = survey_id
            self.is_acknowledged = True
        return answer


def people(count, chance=random):
    """That many different user ids, of any length."""
    found = set()
    while len(found) < count:
        found.add(str(chance.randrange(1, 10 ** chance.randint(4, 18))))
    return sorted(found)
