"""The pages in a browser, as people use them: by mouse, by keys, without scripts, on a phone, on paper."""

import csv
import itertools
import json
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import needs
from browser import Browser
from business import PASSWORD

SCREENSHOTS = Path(sys.prefix).parent / "screenshots"
WIDTHS = {"wide": 1280, "phone": 390}
SCHEMES = ("light", "dark")
# Who looks at which page, by the name of its screenshot.
PAGES = {
    "results": ("mara", "/"),
    "results-agents": ("mara", "/?by=agent&period=90d&order=score"),
    "results-nps": ("mara", "/?question=nps&period=90d&by=language"),
    "results-narrow": ("mara", "/?team=night&tag=vip&from=2020-01-01&to=2020-01-31"),
    "comments": ("mara", "/comments?period=90d"),
    "surveys": ("mara", "/surveys?period=90d"),
    "survey": ("mara", "/surveys/ID"),
    "surveys-admin": ("ada", "/surveys?period=90d"),
    "health": ("ada", "/health"),
    "audit": ("otto", "/audit"),
    "mine": ("dana", "/mine"),
    "login": (None, "/login"),
    "nowhere": (None, "/nowhere"),
    "refused": ("mara", "/?period=never"),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    needs.browser()
    found = Browser(tmp_path_factory.mktemp("browser"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def survey(business):
    page = business.json("/v1/surveys", {"period": "90d"})
    return next(row["survey_id"] for row in page["surveys"] if row["text"])


@pytest.fixture
def new_page(browser, business):
    """Opens tabs, and looks at the end that nothing was complained of and nothing came from elsewhere."""
    opened = []

    def new(login=None, **kind):
        page = browser.page(**kind)
        opened.append(page)
        if login:
            value = business.session(login).cookies["surveyd"]
            page.call("Network.setCookie", name="surveyd", value=value, url=business.surveyd.base_url, httpOnly=True)
        return page

    yield new
    try:
        for page in opened:
            # The browser's own line about a status that the test asked for.
            own = [text for text in page.complaints if "Failed to load resource: the server responded" not in text]
            assert own == []
            assert [url for url in page.requests if not url.startswith((business.surveyd.base_url, "data:"))] == []
    finally:
        for page in opened:
            page.close()


def query(page):
    return parse_qs(urlsplit(page.address()).query)


def plain(text):
    """Without the spaces that keep a number whole."""
    return re.sub("[\u202f\u2009]", "", text).replace("\xa0", " ")


# A visit.


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_supervisor_finds_the_way_from_the_score_to_a_single_conversation(business, new_page, tmp_path, scripts):
    page = new_page(runs_scripts=scripts)
    page.open(business.url("/?period=90d"))
    assert urlsplit(page.address()).path == "/login"
    page.click("#name")
    page.type("mara")
    page.click("#password")
    page.type(PASSWORD)
    page.follow("main button[type=submit]")
    assert (urlsplit(page.address()).path, query(page)) == ("/", {"period": ["90d"]})

    # The score is that of the API.
    total = business.json("/v1/report", {"period": "90d", "question": "csat"})["groups"][0]
    assert page.text(".score").replace("\n", "") == f"{total['score']['csat']:.1f}%"
    assert f"{total['answered']} answers" in plain(page.text(".range"))
    assert re.search("more than chance|may be chance|Nothing to compare", page.text(".verdict"))

    # A menu narrows the view, and every number keeps to it.
    page.click("details.menu summary:has(~ ul a[href*='team=night'])")
    page.follow("details.menu[open] a[href*='team=night']")
    assert query(page) == {"period": ["90d"], "team": ["night"]}
    night = business.json("/v1/report", {"period": "90d", "question": "csat", "team": "night"})["groups"][0]
    assert page.text(".score").replace("\n", "") == f"{night['score']['csat']:.1f}%"
    assert page.text(".chips li bdi") == "night"
    page.follow(".chips a")
    assert query(page) == {"period": ["90d"]}

    # Sorting, by the heads of the table.
    page.follow("table.groups thead th:nth-child(3) a")
    assert query(page)["order"] == ["score"]
    cells = page.texts("table.groups tbody tr:not(:first-child) td:nth-child(3)")
    scores = [float(found[1]) for found in (re.match(r"([\d.]+)\s*%", text) for text in cells) if found]
    assert len(scores) >= 3 and scores == sorted(scores)

    # Compared with nothing.
    assert page.has("table.groups.compared")
    page.click("details.menu summary:has(~ ul a[href*='against=none'])")
    page.follow("details.menu[open] a[href*='against=none']")
    assert not page.has("table.groups.compared")

    # A row leads to the same view, narrowed.
    name = page.text("table.groups tbody tr:nth-child(2) th a")
    page.follow("table.groups tbody tr:nth-child(2) th a")
    assert query(page)["team"] == [name]

    # The file has the rows of the screen.
    page.click("details.files summary")
    path = page.download("details.files a[href*='format=csv']", tmp_path)
    with open(path, newline="", encoding="utf-8-sig") as file:
        found = [row["survey_id"] for row in csv.DictReader(file)]
    wanted = business.rows([("period", "90d"), ("team", name), ("question", "csat")])
    assert found == [row["survey_id"] for row in wanted] and found

    # What people wrote, and the conversation behind it.
    page.open(business.url("/comments?period=90d"))
    assert len(page.texts("ul.said > li")) > 10
    page.follow("ul.said .meta a")
    assert urlsplit(page.address()).path.startswith("/surveys/")
    assert "zqx-comment" in page.text("main")
    page.follow("form[action='/logout'] button")
    assert urlsplit(page.address()).path == "/login"
    page.open(business.url("/comments"))
    assert urlsplit(page.address()).path == "/login"


def test_keys_alone_lead_everywhere_and_what_they_are_on_is_seen(business, new_page):
    page = new_page()
    page.open(business.url("/login"))
    assert page.run("document.activeElement.id") == "name", "one can type at once"
    page.type("mara")
    page.press("Tab")
    page.type(PASSWORD)
    page.goes_on(lambda: page.press("Enter"))
    assert urlsplit(page.address()).path == "/"
    for path in ("/", "/comments", "/surveys"):
        page.open(business.url(f"{path}?period=90d"))
        page.press("Tab")
        assert page.text(":focus") == "Skip to the content"
        focusable = page.run(
            """[...document.querySelectorAll("a[href], button, summary, input, select")]
                .filter(it => it.getClientRects().length && getComputedStyle(it).visibility !== "hidden"
                    && !it.closest("details:not([open]) > :not(summary)") && it.type !== "hidden").length"""
        )
        met = page.run("window.met = new Set([document.activeElement]); 1")
        unseen = []
        for _ in range(focusable - 1):
            page.press("Tab")
            met, sight = page.run(
                """(() => { const it = document.activeElement; met.add(it); const style = getComputedStyle(it);
                    const box = it.getBoundingClientRect();
                    const drawn = it.querySelector("*") ? getComputedStyle(it.querySelector("*")) : style;
                    const ring = [style, drawn].some(one => one.outlineStyle !== "none" || one.boxShadow !== "none")
                        || it instanceof SVGElement;
                    return [met.size, ring && box.width > 0 ? "" : it.outerHTML.slice(0, 200)]; })()"""
            )
            unseen += [sight] * bool(sight)
        assert met == focusable, (path, met, focusable)
        assert unseen == [], path
    # Enter on the skip link leads behind the head of the page.
    page.open(business.url("/"))
    page.press("Tab")
    page.press("Enter")
    page.press("Tab")
    assert page.run("document.activeElement.closest('main') !== null")
    # A menu opens with Enter and closes with Escape.
    page.run("document.querySelector('details.files summary').focus()")
    page.press("Enter")
    assert page.has("details.files[open]")
    page.press("Escape")
    assert not page.has("details.files[open]") and page.run("document.activeElement.matches('.files summary')")


def test_what_a_page_must_not_do_is_complained_of(business, browser):
    """Or no complaint would mean nothing."""
    with browser.page() as page:
        page.open(business.url("/login"))
        assert page.complaints == []
        page.run("document.body.append(Object.assign(new Image(), {src: 'https://evil.example/x.png'})); 1")
        browser.until("a complaint", lambda: page.complaints)
        assert "Content Security Policy" in page.complaints[0]
        page.complaints.clear()
        page.run("setTimeout(() => { throw new Error('thrown') }); 1")
        browser.until("a complaint", lambda: page.complaints)
        assert "thrown" in page.complaints[0]


# How the pages look.


@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_use_every_page_at_every_size_and_light(business, survey, new_page, name):
    """axe finds nothing, nothing is wider than the screen, and a picture is kept."""
    axe = needs.axe()
    SCREENSHOTS.mkdir(exist_ok=True)
    login, path = PAGES[name]
    page = new_page(login)
    page.open(business.url(path.replace("ID", survey)))
    page.run(axe + "; 1")
    for width, scheme in itertools.product(WIDTHS, SCHEMES):
        page.resize(WIDTHS[width])
        page.emulate(scheme)
        where = f"{name}-{width}-{scheme}"
        page.screenshot(SCREENSHOTS / f"{where}.png")
        paper = page.run("getComputedStyle(document.body).backgroundColor")
        light = sum(int(part) for part in re.findall(r"\d+", paper)[:3]) / 3
        assert (light < 80) == (scheme == "dark"), (where, paper)
        wider = page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, (where, wider)
        found = page.run(
            """axe.run(document).then(it => it.violations.map(one => (
                {id: one.id, impact: one.impact, nodes: one.nodes.map(node => node.html.slice(0, 160))})))"""
        )
        assert not found, (where, json.dumps(found, indent=1))


def test_the_results_fit_on_paper(business, new_page):
    page = new_page("mara", scheme="dark")
    page.open(business.url("/?period=90d"))
    page.emulate("dark", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    seen = "[...document.querySelectorAll(%s)].filter(it => it.getClientRects().length).length"
    assert page.run(seen % "'nav, .menus, form, .skip'") == 0, "what only a screen can use is left out"
    assert page.run(seen % "'.score, .verdict, table.groups, figure.course svg, .bars'") >= 5
    pdf = page.pdf()
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / "results.pdf").write_bytes(pdf)
    assert pdf.startswith(b"%PDF-")
    assert 1 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 4


def test_no_page_asks_for_anything_inline(business, survey):
    for name, (login, path) in PAGES.items():
        answer = business.get(path.replace("ID", survey), login, accept="text/html")
        assert "style=" not in answer.text and "<style" not in answer.text, name
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text), name
        assert not re.search(r"\son[a-z]+=", answer.text), name
        assert len(answer.content) < 100_000, name
