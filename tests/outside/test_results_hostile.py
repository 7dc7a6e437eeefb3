"""Texts of strangers on pages and in files: 300 that try to be HTML, script, template, formula or direction."""

import csv
import io
import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from business import ACCOUNTS, ZONE, configuration, count_again, counted, lived_once, new_store, secrets, served
from harness import Surveyd, close, moment, wait_until
from test_files import HOSTILE as OF_SPREADSHEETS
from test_files import as_cell as as_spreadsheet_cell
from test_numbers import COLUMNS, FORMULA, as_cell
from x_server import XServer
from x_world import World

SEEDS = [
    *OF_SPREADSHEETS,
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "</title></style></textarea><h1>mine</h1>",
    "<!-- --><![CDATA[<b>]]>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<base href=//evil.example><form action=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "&lt;b&gt; &amp;lt; &#60;script&#62; &copy",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "{% for a in (1, 2) %}x{% endfor %}",
    "{# gone #} ${7*7} #{7*7} <%= 7*7 %>",
    "{{ 1 + config }}{{ 2 + self.__class__ }}",
    "\u202egnp.exe\u202c",
    "\u2066left\u2069 \u200f\u200e\u061c",
    "\u200b\u2060\ufeffinvisible",
    "e\u0301\u0302\u0303" * 8,
    "a\x07b\x1bc\x7f\x85",
    "%0d%0aSet-Cookie:%20a=b",
    "a&team=b#c?d=e;f",
    "../../etc/passwd",
    "=1+1\n@x\t-y",
    "\ud7ff\ue000\ufffd",
    "🏳️‍🌈🇩🇪👨‍👩‍👧‍👦",
    "x" * 190,
    "'; drop table survey; --",
    "zz\u2028yy\u2029xx",
    "<|endoftext|>",
    "-->",
    "`${0, alert(1)}`",
]
TEXTS = [f"{text}{number}" if number else text for number in range(9) for text in SEEDS][:300]
ALLOWED_SCHEMES = re.compile(r"^(/|#|\?|$)")


class Text(HTMLParser):
    """All text of a page, its elements, and its links."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.words = set(), [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    lived = lived_once(tmp_path_factory.getbasetemp(), "hostile", live)
    with served(lived, tmp_path_factory.mktemp("hostile-served"), min_group=1) as found:
        yield found


def live(folder):
    """Each text becomes an agent, a team, a tag and a comment."""
    world = World([keys for _, keys in ACCOUNTS.values()], events_horizon_ms=0)
    count = len(TEXTS)
    with XServer(world) as x:
        surveyd = Surveyd(folder, configuration(new_store(folder), x.base_url), secrets())
        try:
            surveyd.start()
            for number, (agent, team, tag, _) in enumerate(quadruples()):
                labels = {"agent": agent, "team": team, "tags": [tag], "first_name": agent}
                answer = surveyd.post(close("acme", f"c-{number}", str(500 + number), moment(), **labels))
                assert answer.status_code == 202, (labels, answer.text)
            wait_until("all prompts", lambda: len(world.prompts) >= count)
            for number, (*_, comment) in enumerate(quadruples()):
                [prompt] = world.prompts_to(str(500 + number))
                world.answer(prompt.feedback_id, 0, score=1 + number % 5, text=comment)
            wait_until("all answers", lambda: counted(folder) == (count, count))
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    count_again(folder, count)


def quadruples():
    """Agent, team, tag and comment: each takes another text each time."""
    count = len(TEXTS)
    return [[TEXTS[(number + shift) % count] for shift in (0, 75, 150, 225)] for number in range(count)]


def lately():
    """Also if the tests go on behind midnight."""
    now = datetime.now(ZONE).date()
    return [("from", (now - timedelta(days=5)).isoformat()), ("to", (now + timedelta(days=1)).isoformat())]


def whole_page(hostile, path, params):
    answer = hostile.get(path, "mara", params=params, accept="text/html")
    assert answer.status_code == 200, (path, params, answer.text)
    return answer.text


@pytest.fixture(scope="module")
def rows(hostile):
    found = hostile.rows(lately())
    assert len(found) == len(TEXTS) == 300
    return found


def assert_only_text(page, where):
    read = Text(page)
    # Whatever a text brings in would be an element or an attribute that no template has.
    assert not read.elements & {"base", "img", "iframe", "object", "embed", "textarea", "style", "b-", "math"}, where
    for tag, name, value in read.attributes:
        assert not name.startswith("on") and name != "style" and name != "srcdoc", (where, tag, name, value)
        if name in ("href", "src", "action", "formaction", "xlink:href"):
            assert ALLOWED_SCHEMES.match(value or ""), (where, tag, name, value)
            assert not (value or "").startswith("//"), (where, value)
    scripts = [value for tag, name, value in read.attributes if tag == "script" and name == "src"]
    assert len(scripts) == page.count("<script") == 1 and scripts[0].startswith("/assets/results."), where
    return read


def as_shown(text):
    """Blanks fall together, and so do the signs for what cannot be read or seen."""
    return re.sub(f"[{UNSEEN}\\s]+", " ", text).strip()


# Control characters but for the line feed, what has no width, and what turns the direction of writing round.
UNSEEN = "\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd\u2028\u2029\u061c\u200b\u2060\ufeff\u200e\u200f\u202a-\u202e\u2066-\u2069"


def test_the_names_of_groups_are_text_alone(hostile, rows):
    for by in ("agent", "team", "tag"):
        page = whole_page(hostile, "/", lately() + [("by", by)])
        read = assert_only_text(page, by)
        text = as_shown(read.text)
        wanted = {name for row in rows for name in (row["tags"] if by == "tag" else [row[by]])}
        met = [name for name in wanted if name is not None and as_shown(name) in text]
        # A table has a bound; what it leaves out it says.
        assert len(met) >= 25, (by, len(met))
        report = hostile.json("/v1/report", lately() + [("by", by)])
        assert {group["key"] for group in report["groups"]} == wanted
        links = [value for tag, name, value in read.attributes if name == "href" and f"{by}=" in value]
        assert len(links) >= 25, by


def test_comments_and_conversations_are_text_alone(hostile, rows):
    view, read = lately(), []
    for _ in range(20):
        page = whole_page(hostile, "/comments", view)
        read.append(assert_only_text(page, "comments"))
        following = [value for tag, name, value in read[-1].attributes if name == "href" and "before=" in value]
        if not following:
            break
        view = following[0].split("?")[1]
    text = as_shown(" ".join(one.text for one in read))
    missing = [row["text"] for row in rows if as_shown(row["text"]) not in text]
    assert missing == []
    for row in rows[::6]:
        page = whole_page(hostile, f"/surveys/{row['survey_id']}", [])
        found = as_shown(assert_only_text(page, row).text)
        for name in ("agent", "team", "text"):
            assert as_shown(row[name]) in found, (name, row[name])
    for path in ("/surveys", "/health"):
        assert_only_text(whole_page(hostile, path, lately() if path == "/surveys" else []), path)


def test_a_link_of_a_hostile_name_leads_to_its_own_surveys(hostile, rows):
    for row in rows[::40]:
        for key, value in (("agent", row["agent"]), ("team", row["team"]), ("tag", row["tags"][0])):
            own = [one for one in rows if value in (one["tags"] if key == "tag" else [one[key]])]
            assert hostile.rows(lately() + [(key, value)]) == own, (key, value)
            assert_only_text(whole_page(hostile, "/", lately() + [(key, value)]), (key, value))


def test_the_faults_of_an_address_repeat_it_as_text_alone(hostile):
    for text in SEEDS:
        for pairs in ([("period", text)], [(text or "x", "1")], [("before", text)]):
            answer = hostile.get("/surveys", "mara", params=pairs, accept="text/html")
            assert answer.status_code in (200, 400), (pairs, answer.text)
            assert_only_text(answer.text, pairs)
        answer = hostile.get("/login", params={"next": text}, accept="text/html")
        assert_only_text(answer.text, text)
        assert ("input", "name", "next") not in Text(answer.text).attributes, "it leads to no page"
        answer = hostile.sign_in(text, "a wrong password")
        assert answer.status_code in (401, 429), text
        assert_only_text(answer.text, text)


def test_files_hold_the_same_texts_and_no_formula(hostile, rows):
    content = {
        form: hostile.get("/v1/export", by="warehouse", params=[("format", form), *lately()]).content
        for form in ("csv", "xlsx", "jsonl")
    }
    cells = list(csv.DictReader(io.StringIO(content["csv"].decode("utf-8-sig"), newline="")))
    assert len(cells) == len(rows)
    for found, row in zip(cells, rows):
        for name in COLUMNS:
            plain = as_cell(row[name])
            assert not found[name].startswith(FORMULA), (name, found[name])
            assert found[name] == plain or found[name].endswith(plain.lstrip("\t\r")), (name, plain)
    head, *lines = openpyxl.load_workbook(io.BytesIO(content["xlsx"]))["surveys"].iter_rows()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows):
        for name, cell in zip(COLUMNS, line):
            assert cell.data_type != "f" and cell.hyperlink is None, (name, cell.value)
            if name in ("agent", "team", "text", "tags"):
                value = unescape(cell.value) if isinstance(cell.value, str) else cell.value
                assert value == as_spreadsheet_cell(name, row[name]), (name, row[name])
    assert [json.loads(line) for line in content["jsonl"].decode().split("\n")[:-1]] == rows


def test_each_text_comes_back_as_it_was_sent(rows):
    sent = {f"c-{number}": texts for number, texts in enumerate(quadruples())}
    assert {row["conversation_id"] for row in rows} == set(sent)
    changed = []
    for row in rows:
        agent, team, tag, comment = sent[row["conversation_id"]]
        found = (row["agent"], row["team"], row["tags"], row["text"])
        if found != (agent, team, [tag], comment):
            changed.append((found, (agent, team, [tag], comment)))
    assert changed == []
