"""Who may see which results, over HTTP: roles, limits to teams and accounts, sessions, the record of what was seen."""

import re
import time
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
import requests

import business as businesses
from business import MARK, PASSWORD, ZONE, served, token
from harness import wait_until

PAGES = {
    "/": {"supervisor"},
    "/comments": {"supervisor"},
    "/surveys": {"supervisor", "admin"},
    "/surveys/ID": {"supervisor", "admin"},
    "/health": {"supervisor", "admin"},
    "/mine": {"agent"},
    "/audit": {"auditor"},
}
API = {
    "/v1/report": {"supervisor"},
    "/v1/export?format=jsonl": {"supervisor"},
    "/v1/surveys": {"supervisor", "admin"},
    "/v1/surveys/ID": {"supervisor", "admin"},
    "/v1/status": {"supervisor", "admin"},
    "/v1/openapi.json": {"supervisor", "admin"},
}
HTML = {"accept": "text/html"}
HOMES = {"mara": "/", "ada": "/health", "otto": "/audit", "dana": "/mine", "both": "/", "tess": "/"}


@pytest.fixture(scope="module")
def rows(business):
    today = datetime.now(ZONE).date()
    return business.rows([("from", "2020-01-01"), ("to", today.isoformat())])


@pytest.fixture(scope="module")
def survey(rows):
    """One with a score and a comment, of the account that the limited ones may see, and of their team."""
    answered = [row for row in rows if row["score"] is not None and row["text"]]
    return next(row for row in answered if row["account"] == "globex" and row["team"] == "billing")


def roles(entry):
    return set([entry["role"]] if isinstance(entry["role"], str) else entry["role"])


def bare(answer):
    """An answer without what differs from second to second."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date",)}
    return answer.status_code, headers, answer.content


# Roles and addresses.


@pytest.mark.parametrize("login", businesses.LOGINS)
def test_each_login_opens_the_pages_and_the_api_of_its_roles_alone(business, survey, login):
    nowhere_page = business.get("/nowhere", login, **HTML)
    nowhere_api = business.get("/v1/nowhere", login)
    assert (nowhere_page.status_code, nowhere_api.status_code) == (404, 404)
    for path, allowed in {**PAGES, **API}.items():
        is_page = path in PAGES
        path = path.replace("ID", survey["survey_id"])
        answer = business.get(path, login, **(HTML if is_page else {}))
        if roles(businesses.LOGINS[login]) & allowed:
            assert answer.status_code == 200, (login, path, answer.text)
            assert answer.headers["cache-control"] == "no-store", path
        else:
            assert bare(answer) == bare(nowhere_page if is_page else nowhere_api), (login, path)


@pytest.mark.parametrize("name", businesses.TOKENS)
def test_each_token_opens_the_api_of_its_role_alone_and_no_page(business, survey, name):
    nowhere = business.get("/v1/nowhere", by=name)
    for path, allowed in API.items():
        answer = business.get(path.replace("ID", survey["survey_id"]), by=name)
        if name == "old":
            assert answer.status_code == 401, path
        elif roles(businesses.TOKENS[name]) & allowed:
            assert answer.status_code == 200, (name, path, answer.text)
        else:
            assert bare(answer) == bare(nowhere), (name, path)
    for path in PAGES:
        answer = business.get(path.replace("ID", survey["survey_id"]), by=name, **HTML)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/login"), (name, path)


def test_whoever_is_not_signed_in_is_led_to_the_form_and_back(business, survey):
    for path in PAGES:
        path = path.replace("ID", survey["survey_id"])
        answer = business.get(path, **HTML)
        wanted = "/login" if path == "/" else f"/login?next={quote(path, safe='')}"
        assert (answer.status_code, answer.headers["location"], answer.content) == (303, wanted, b""), path
    answer = business.get("/?team=night", **HTML)
    assert answer.headers["location"] == "/login?next=%2F%3Fteam%3Dnight"
    for path in API:
        answer = business.get(path.replace("ID", survey["survey_id"]))
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == 'Bearer realm="surveyd"'
    for wrong in ("", "svd_", token("nobody"), token("mara") + "x", "x" * 5000):
        answer = requests.get(business.url("/v1/status"), headers={"authorization": f"Bearer {wrong}"}, timeout=30)
        assert answer.status_code == 401, wrong


@pytest.mark.parametrize("login, home", HOMES.items())
def test_a_sign_in_leads_to_the_page_of_the_role(business, login, home):
    answer = business.sign_in(login, PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, home)


def test_other_methods_are_refused_and_head_is_a_get_without_a_body(business):
    session = business.session("mara")
    for path in ["/", "/v1/report", "/comments"]:
        for method in ("PUT", "DELETE", "PATCH", "POST"):
            answer = session.request(method, business.url(path), allow_redirects=False, timeout=30)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), (method, path)
        head = session.head(business.url(path), timeout=30)
        assert (head.status_code, head.content) == (200, b"")


# Limits.


def test_another_team_is_answered_like_one_that_does_not_exist(business, survey, rows):
    other = next(row for row in rows if row["team"] == "night")
    own = next(row for row in rows if row["team"] == "billing")
    without = next(row for row in rows if row["team"] is None)
    for path in ("/", "/comments", "/surveys"):
        found = [business.get(path, "tess", params={"team": team}, **HTML) for team in ("night", "nowhere")]
        assert found[0].status_code == 404 and bare(found[0]) == bare(found[1]), path
    for path in ("/v1/report", "/v1/export?format=csv", "/v1/surveys"):
        joint = "&" if "?" in path else "?"
        found = [business.get(f"{path}{joint}team={team}", by="billing-desk") for team in ("night", "nowhere")]
        assert found[0].status_code == 404 and bare(found[0]) == bare(found[1]), path
    for hidden in (other, without):
        for path in ("/surveys/", "/v1/surveys/"):
            form = HTML if path == "/surveys/" else {}
            found = [business.get(path + id, "tess", **form) for id in (hidden["survey_id"], "s-does-not-exist")]
            assert found[0].status_code == 404 and bare(found[0]) == bare(found[1]), path
    assert business.get(f"/surveys/{own['survey_id']}", "tess", **HTML).status_code == 200


def test_another_account_is_answered_like_one_that_does_not_exist(business, rows):
    hidden = next(row for row in rows if row["account"] == "acme")
    addresses = {"gus": ["/", "/comments", "/surveys", "/v1/report"], "abel": ["/surveys", "/v1/surveys"]}
    for login, paths in addresses.items():
        for path in paths:
            form = {} if path.startswith("/v1") else HTML
            found = [business.get(path, login, params={"account": name}, **form) for name in ("acme", "nobody")]
            assert found[0].status_code == 404 and bare(found[0]) == bare(found[1]), (login, path)
        for path in ("/surveys/", "/v1/surveys/"):
            form = {} if path.startswith("/v1") else HTML
            found = [business.get(path + id, login, **form) for id in (hidden["survey_id"], "s-does-not-exist")]
            assert found[0].status_code == 404 and bare(found[0]) == bare(found[1]), (login, path)
    for path in ("/health", "/v1/status"):
        answer = business.get(path, "abel", **HTML)
        assert "globex" in answer.text and "acme" not in answer.text, path


def test_every_number_and_row_keeps_to_the_limits(business, rows):
    since = {"from": "2020-01-01", "to": datetime.now(ZONE).date().isoformat()}
    for by, is_own in {"billing-desk": lambda row: row["team"] == "billing"}.items():
        own = [row for row in rows if is_own(row)]
        assert business.rows(list(since.items()), by=by) == own
        groups = business.json("/v1/report", {**since, "by": "team", "against": "none"}, by=by)["groups"]
        assert {group["key"] for group in groups} == {"billing"}
        assert sum(group["closes"] for group in groups) == len(own)
        assert sum(group["answered"] for group in groups) == sum(row["score"] is not None for row in own)
    of_globex = [row for row in rows if row["account"] == "globex"]
    answer = business.get("/v1/report", "gus", params={**since, "by": "account"}).json()["groups"]
    assert [(group["key"], group["closes"]) for group in answer] == [("globex", len(of_globex))]
    page = business.get("/", "tess", params={"period": "90d"}, **HTML).text
    assert "billing" in page and "night" not in page and "livery" not in page
    page = business.get("/", "gus", params={"period": "90d"}, **HTML).text
    assert "acme" not in page
    page = business.get("/surveys", "gus", params={"period": "90d"}, **HTML).text
    assert "globex" in page and "acme" not in page


def test_counts_of_all_surveys_are_for_logins_without_limits(business):
    assert sum(business.get("/v1/status", "mara").json()["surveys"].values()) > 0
    for login in ("abel", "gus", "tess"):
        status = business.get("/v1/status", login).json()
        assert (status["surveys"], status["oldest_due"], status["next_due"]) == (None, None, None), login
        page = business.get("/health", login, **HTML).text
        assert "Due longest" not in page and "The person answered" not in page, login
    of_team = business.get("/v1/status", "tess").json()["accounts"]
    assert all(account["prompts_of_day"] is None and account["waits"] == {} for account in of_team)


# What an admin and an agent see.


def test_an_admin_sees_no_text_score_or_name_anywhere(business, rows):
    since = {"from": "2020-01-01", "to": datetime.now(ZONE).date().isoformat()}
    people = {row["user_id"] for row in rows}
    seen = []

    def look(answer, where):
        assert answer.status_code == 200, where
        assert MARK not in answer.text, where
        assert not people & set(re.findall(r"\d{6,}", answer.text)), where
        seen.append(where)

    for login in ("ada", "abel"):
        following = business.url("/surveys?" + "&".join(f"{key}={value}" for key, value in since.items()))
        for _ in range(20):
            answer = business.session(login).get(following, headers=HTML, timeout=60)
            look(answer, following)
            found = re.search(r'href="([^"]*before=[^"]*)"', answer.text)
            if not found:
                break
            following = business.url("") + found[1].replace("&amp;", "&").replace("&#x2f;", "/").replace("&#x3d;", "=")
        for path in ("/health", "/v1/status", "/v1/openapi.json"):
            look(business.get(path, login, **HTML), path)
        mine = [row for row in rows if login == "ada" or row["account"] == "globex"]
        for row in mine[::25]:
            look(business.get(f"/surveys/{row['survey_id']}", login, **HTML), row["survey_id"])
            answer = business.get(f"/v1/surveys/{row['survey_id']}", login)
            look(answer, row["survey_id"])
            assert not {"score", "text", "user_id", "agent", "scored_at"} & set(answer.json())
        before = {}
        for _ in range(20):
            answer = business.get("/v1/surveys", login, params={**since, **before})
            look(answer, "/v1/surveys")
            for found in answer.json()["surveys"]:
                assert not {"score", "text", "user_id", "agent", "scored_at"} & set(found)
            before = {"before": answer.json()["next"]}
            if before["before"] is None:
                break
    assert len(seen) > 60
    # The mark is where a supervisor looks.
    assert MARK in business.get("/comments", "mara", params={"period": "90d"}, **HTML).text
    assert MARK in business.get("/v1/surveys", by="warehouse", params=since).text


def test_an_admin_cannot_narrow_a_list_by_a_name_or_a_score(business):
    """Whoever may ask for the unhappy ones of one agent learns both of each row, without a column for them."""
    nowhere = {path: business.get(path, "ada", **HTML) for path in ("/nowhere", "/v1/nowhere")}
    views = [{"agent": name} for name in (f"{MARK}-dana", "", "nobody")] + [{"question": "csat", "mood": "unhappy"}]
    for view in views:
        for path, like in (("/surveys", "/nowhere"), ("/v1/surveys", "/v1/nowhere")):
            assert bare(business.get(path, "ada", params=view, **HTML)) == bare(nowhere[like]), (path, view)
            assert business.get(path, "mara", params=view, **HTML).status_code == 200, (path, view)


def test_an_agent_sees_their_own_page_and_nothing_else(business):
    page = business.get("/mine", "dana", **HTML)
    assert page.status_code == 200
    assert set(re.findall(r'<a href="([^"]*)"', page.text.replace("&#x2f;", "/"))) <= {"/mine", "#content"}
    assert f"{MARK}-comment" not in page.text
    others = [agent for agent in businesses.AGENTS if agent != f"{MARK}-dana"]
    assert not [agent for agent in others if agent in page.text]
    assert business.get("/mine?agent=" + others[0], "dana", **HTML).text.count(others[0]) == 0


# Sessions.


def test_the_cookie_is_for_the_browser_alone(business):
    answer = business.sign_in("mara", PASSWORD)
    assert re.fullmatch(
        r"surveyd=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000", answer.headers["set-cookie"]
    )
    other = business.sign_in("mara", PASSWORD)
    assert other.headers["set-cookie"] != answer.headers["set-cookie"]
    for path, form in (("/", HTML), ("/login", HTML), ("/v1/report", {}), ("/nowhere", HTML)):
        headers = business.get(path, "mara", **form).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy, path
        assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"


def test_a_sign_out_ends_the_session_for_good(business):
    session = requests.Session()
    business.sign_in("mara", PASSWORD, session)
    cookie = {"surveyd": session.cookies["surveyd"]}
    assert session.get(business.url("/v1/status"), timeout=30).status_code == 200
    answer = session.post(
        business.url("/logout"), headers={"origin": business.surveyd.base_url}, allow_redirects=False, timeout=30
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert answer.headers["set-cookie"] == "surveyd=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
    assert requests.get(business.url("/v1/status"), cookies=cookie, timeout=30).status_code == 401


def test_a_form_of_another_site_changes_nothing(business):
    form = {"name": "mara", "password": PASSWORD}
    for headers in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": business.surveyd.base_url.replace("127.0.0.1", "localhost")},
        {"sec-fetch-site": "same-site"},
    ):
        answer = requests.post(business.url("/login"), data=form, headers=headers, allow_redirects=False, timeout=30)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers, headers
        answer = business.session("mara").post(business.url("/logout"), headers=headers, timeout=30)
        assert answer.status_code == 403, headers
    assert business.get("/", "mara", **HTML).status_code == 200


def test_a_sign_in_leads_to_no_other_site(business):
    for to in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/v1/export"):
        headers = {"origin": business.surveyd.base_url}
        form = {"name": "mara", "password": PASSWORD, "next": to}
        answer = requests.post(business.url("/login"), data=form, headers=headers, allow_redirects=False, timeout=30)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), to
    form["next"] = "/surveys?team=night"
    answer = requests.post(business.url("/login"), data=form, headers=headers, allow_redirects=False, timeout=30)
    assert answer.headers["location"] == "/surveys?team=night"


# The record.


class Entries(HTMLParser):
    """The rows of the page's table as lists of texts."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.is_cell = [], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        self.is_cell = tag == "td" or (self.is_cell and tag not in ("tr", "th"))
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.is_cell = self.is_cell and tag != "td"

    def handle_data(self, data):
        if self.is_cell:
            self.rows[-1][-1] += data


def test_the_record_names_who_saw_and_took_along_what(business, survey):
    for login in ("otto", "mara", "tess", "ada", "dana"):
        business.session(login)
    assert business.sign_in("otto", PASSWORD).status_code == 303
    business.get("/", "mara", params={"period": "90d", "team": "night"}, **HTML)
    business.get("/comments", "tess", **HTML)
    business.get(f"/surveys/{survey['survey_id']}", "ada", **HTML)
    business.get("/v1/export", by="warehouse", params={"format": "csv", "tag": "vip"})
    business.get("/mine", "dana", **HTML)
    business.sign_in("mara", "not her password at all")
    refused = business.get("/comments", "ada", **HTML)
    assert refused.status_code == 404
    found = [row[1:] for row in Entries(business.get("/audit", "otto", **HTML).text).rows if row]
    newest = found[:6]
    here = "127.0.0.1"
    assert newest[0] == ["mara", "", "sign-in failed", "", here]
    assert newest[1] == ["dana", "agent", "saw own results", "", here]
    assert newest[2] == ["warehouse (token)", "supervisor", "exported", "format=csv tag=vip", here]
    assert newest[3] == ["ada", "admin", "saw survey", survey["survey_id"], here]
    assert newest[4] == ["tess", "supervisor", "saw comments", "", here]
    assert newest[5][:3] == ["mara", "supervisor", "saw results"] and newest[5][4] == here
    assert re.fullmatch(r"period=90d&team=night \(\d+ answers\)", newest[5][3]), newest[5]
    assert found[6] == ["otto", "auditor", "signed in", "", here]
    text = business.get("/audit", "otto", **HTML).text
    assert f"{MARK}-comment" not in text and PASSWORD not in text and "not her password" not in text


# Last, since it makes this address wait.


def test_guesses_are_slowed_down_and_nobody_is_locked_out(tmp_path):
    """Against a daemon of its own: the wait holds for the address of all tests."""
    with served(None, tmp_path) as fresh:
        begun = time.monotonic()
        for number in range(10):
            answer = fresh.sign_in("mara", f"wrong {number}")
            assert answer.status_code == 401 and "set-cookie" not in answer.headers, number
            assert "The name or the password is wrong." in answer.text
        answer = fresh.sign_in("mara", PASSWORD)
        assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 2, answer.text
        assert fresh.sign_in("ada", PASSWORD).status_code == 429, "the address waits, whatever the name"
        right = wait_until(
            "the wait to end", lambda: [it for it in [fresh.sign_in("mara", PASSWORD)] if it.status_code != 429]
        )
        assert right[0].status_code == 303
        assert time.monotonic() - begun > 1


def test_an_unknown_name_is_refused_like_a_wrong_password(business):
    found = [business.sign_in(name, "a wrong password") for name in ("mara", "nobody")]
    texts = [answer.text.replace("mara", "NAME").replace("nobody", "NAME") for answer in found]
    assert texts[0] == texts[1] and {answer.status_code for answer in found} == {401}


NUL_KEYS = "account source team agent language tag rule variant before find state period".split()


def test_a_character_that_no_database_holds_is_refused_or_finds_nothing(store, tmp_path, monkeypatch):
    """PostgreSQL's text cannot hold U+0000. Whoever sends it gets an answer all the same."""
    monkeypatch.setattr(businesses, "ENGINE", store)
    with served(None, tmp_path) as fresh:
        ways = [("/", "mara", None), ("/comments", "mara", None), ("/surveys", "mara", None), ("/audit", "otto", None)]
        ways += [(f"/v1/{name}", None, "warehouse") for name in ("report", "surveys")]
        ways += [("/v1/export?format=csv", None, "warehouse")]
        seen = {}
        for path, login, by in ways:
            for key in NUL_KEYS:
                address = f"{path}{'&' if '?' in path else '?'}{key}=a%00b"
                seen[address] = fresh.get(address, login, by).status_code
        for path, login, by in [("/surveys/a%00b", "mara", None), ("/v1/surveys/a%00b", None, "warehouse")]:
            seen[path] = fresh.get(path, login, by).status_code
        # A stranger learns nothing by it.
        assert {fresh.get(f"/v1/{name}?agent=a%00b").status_code for name in ("report", "export", "status")} == {401}
        seen["the name of a login"] = fresh.sign_in("ma\0ra", "a wrong password").status_code
        seen["its password"] = fresh.sign_in("mara", "a wrong\0password").status_code
        assert {where: status for where, status in seen.items() if status not in (303, 400, 401, 404)} == {}
