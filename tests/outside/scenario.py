"""A day at a business, as data: its accounts, the closes it reports, the answers its customers give.

The awkward ones are meant: what breaks a form, a signature, a template, a CSV cell or a shell stands in ids,
names and comments here.
"""

import base64
from dataclasses import dataclass, field

from x_world import Account

WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a key for the outside tests only").decode()
OTHER_WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"another key, of another sender..").decode()


def x_account(user_id, name):
    return Account(
        user_id, f"{name}ConsumerKey", f"{name}ConsumerSecret/+=", f"{user_id}-{name}Token", f"{name}TokenSecret%&"
    )


ACME = x_account("1212121212121", "acme")
GLOBEX = x_account("9007199254740993", "globex")  # one more than a float can hold
TRIAL = x_account("77", "trial")
SLOW = x_account("9223372036854775807", "slow")  # the largest there is
LINE = x_account("5", "line")
X_ACCOUNTS = {"acme": ACME, "globex": GLOBEX, "trial": TRIAL, "slow": SLOW, "line": LINE}

SETTINGS = {
    "acme": {"type": "csat", "variant": 12, "display_name": "Acme & Söhne +1%", "test": False},
    "globex": {"type": "nps", "variant": 5, "display_name": 'Globex "X" <co>', "test": False},
    "trial": {"type": "csat", "variant": 0, "display_name": "Acme", "test": True},
    "slow": {"type": "csat", "variant": 37, "display_name": "Acme", "test": False},
    "line": {"type": "csat", "variant": 1, "display_name": "Acme", "test": False},
}
PRIVACY_URL = "https://acme.example/privacy?a=1&b=2%20+#top"

CONFIGURATION = """
[store]
url = "STORE"

[http]
listen = "127.0.0.1:PORT"

[log]
format = "json"
level = "debug"

[x]
base_url = "X_BASE_URL"
events_horizon = "0s"
can_dm = "CAN_DM"

[poll]
interval = "2s"
overlap = "30s"
"""

ACCOUNT = """
[[accounts]]
name = "{name}"
user_id = "{keys.user_id}"
consumer_key = "{keys.consumer_key}"
consumer_secret = {{ file = "{name}-consumer-secret" }}
access_token = "{keys.token}"
access_token_secret = {{ file = "{name}-token-secret" }}
privacy_url = "{privacy_url}"
display_name = '{display_name}'
{account_keys}

[accounts.survey]
type = "{type}"
question_variant_id = {variant}
{survey_keys}
"""

SOURCES = """
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

ACCOUNT_KEYS = {"globex": "daily_limit_per_user = 3"}
SURVEY_KEYS = {
    "acme": """
delay = "0s"
message = "Thanks for talking to us, {{ first_name | default('') }}. How did we do?"
messages = { es = "¡Gracias, {{ first_name | default('') }}! ¿Qué tal?", ar = "شكرا {{ first_name | default('') }}" }
""",
    "globex": '''
delay = "0s"
throttle = "0s"
message = """
50% + 1 & "done" 👋🏽 — it's over?
Line two: {{ first_name | default('friend') }}=?"""
''',
    "trial": 'delay = "0s"\ntest = true\nmessage = "A test."',
    "slow": 'delay = "1h"\nmessage = "Later."',
    "line": 'delay = "0s"\nmessage = "Hello."',
}
MESSAGES = {
    ("acme", None): "Thanks for talking to us, {name}. How did we do?",
    ("acme", "es"): "¡Gracias, {name}! ¿Qué tal?",
    ("acme", "ar"): "شكرا {name}",
    ("globex", None): '50% + 1 & "done" 👋🏽 — it\'s over?\nLine two: {name}=?',
    ("trial", None): "A test.",
    ("line", None): "Hello.",
}
NO_NAME = {"acme": "", "globex": "friend"}


def configuration(store_url, x_base_url, can_dm):
    text = CONFIGURATION.replace("STORE", store_url).replace("X_BASE_URL", x_base_url).replace("CAN_DM", can_dm)
    for name, keys in X_ACCOUNTS.items():
        text += ACCOUNT.format(
            name=name,
            keys=keys,
            privacy_url=PRIVACY_URL,
            account_keys=ACCOUNT_KEYS.get(name, ""),
            survey_keys=SURVEY_KEYS[name],
            **SETTINGS[name],
        )
    return text + SOURCES


def secrets():
    found = {"helpdesk-secret": WEBHOOK_SECRET, "other-secret": OTHER_WEBHOOK_SECRET}
    for name, keys in X_ACCOUNTS.items():
        found[f"{name}-consumer-secret"] = keys.consumer_secret
        found[f"{name}-token-secret"] = keys.token_secret
    return found


@dataclass
class Talk:
    """One conversation that was closed, and how its person answers."""

    account: str
    conversation: str
    user: str
    data: dict = field(default_factory=dict)  # agent, team, tags, language, first_name, …
    parts: list = field(default_factory=list)  # (seconds after the prompt, score or None, text or None)
    how: str = "in order"  # in order | newest first | repeated
    closed_at: str = ""

    @property
    def message(self):
        language = self.data.get("language")
        template = MESSAGES.get((self.account, language)) or MESSAGES[self.account, None]
        name = self.data.get("first_name", NO_NAME.get(self.account, ""))
        # Names are shown on one line.
        return template.replace("{name}", name.replace("\n", " "))

    @property
    def score(self):
        return next((score for _, score, _ in self.parts if score is not None), None)

    @property
    def text(self):
        return next((text for _, _, text in self.parts if text is not None), None)


CONVERSATIONS = [
    "c-42",
    "c&d=e+f%20g;h/i?j#k",
    "quote\"'`<b>\\",
    "two\nlines\tand a tab",
    "عربي-مرحبا",
    "👩‍👩‍👧‍👦 family",
    " blanks around ",
    "=1+1",
    "%",
    "ID#2",
    "ID",
    "e\u0301 is not é",
    "*!'()~-._",
    "z" * 256,
    "🙂é漢" * 100,
    "🙂é漢" * 99 + "🙂é!",
    "w" * 512,
    "https://desk.example/c/1?x=%26",
]
FIRST_NAMES = [
    "Ana",
    "O'Neil & Söns <b>",
    "100%+",
    '"q" \\ n',
    "مها",
    "🧑🏽‍🚀",
    "{{ 7 * 7 }}",
    "Zoë\nLine2",
    None,
    "",
    "{% raw %}",
    "a=b&c=d",
]
COMMENTS = [
    "Great & fast, 100% 👍🏽",
    "=1+1",
    '+49 30 1234, "call me"\nnow',
    "@SUM(A1)",
    "-2",
    "شكرا جزيلا لكم",
    "comma, semicolon; 'quotes' \"double\"",
    "\ttab first",
    "e\u0301\u200d️ and ​zero width",
]
# Which parts an answer comes in, by turns. `s` stands for the score, `t` for the comment.
PATTERNS = [
    ([(40, "s", None), (130, None, "t")], "in order"),
    ([], "in order"),
    ([(75, "s", None)], "in order"),
    ([(50, None, "t"), (61, "s", None)], "in order"),
    ([(45, "s", None), (3600, None, "t")], "newest first"),
    ([(33, "s", "t")], "repeated"),
]
CSAT_SCORES = [5, 4, 1, 5, 3, 4, 2, 5]
NPS_SCORES = [10, 9, 7, 0, 10, 6, 8, 10]


def talks():
    """Everybody who is prompted and may answer."""
    made = []
    for index, conversation in enumerate(CONVERSATIONS):
        data = {
            "first_name": FIRST_NAMES[index % len(FIRST_NAMES)],
            "agent": ["dana", "dana", "max", "max", "li, the 2nd", None][index % 6] if index < 16 else "dana",
            "team": ["billing", "=cmd|'/c calc'!A0", None][index % 3],
            "tags": [["vip", "a|b"], [], None, ["ünï"]][index % 4],
            "language": [None, "es", "ar", "de"][index % 4],
            "closed_by": "agent",
            "agent_messages": 4,
            "attributes": {"order": "77"},
        }
        made.append(talk("acme", conversation, 340_000_000_000 + index, index, data, CSAT_SCORES))
    for index in range(12):
        data = {"first_name": FIRST_NAMES[(index + 5) % len(FIRST_NAMES)], "agent": "kim", "language": None}
        # Ids from one digit to nineteen.
        user = 7 * 10**index + 3 if index else 1
        made.append(talk("globex", f"g-{index}", user, index, data, NPS_SCORES))
    for index in range(3):
        made.append(talk("trial", f"t-{index}", 550 + index, 2, {}, [5]))
    return made


def talk(account, conversation, user, index, data, scores):
    parts, how = PATTERNS[index % len(PATTERNS)]
    score, comment = scores[index % len(scores)], COMMENTS[index % len(COMMENTS)]
    return Talk(
        account=account,
        conversation=conversation,
        user=str(user),
        data={name: value for name, value in data.items() if value is not None},
        parts=[(seconds, score if s else None, comment if t else None) for seconds, s, t in parts],
        how=how,
    )
