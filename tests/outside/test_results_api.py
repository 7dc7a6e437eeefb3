"""The numbers of the API, for views drawn by chance, against the same computed again from the exported surveys."""

import csv
import io
import itertools
import json
import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import cache

import numpy
import openpyxl
import pyarrow.parquet
import pytest

import business as businesses
import expected
from business import FRESH_DAYS, MIN_GROUP, ZONE
from expected_view import FILTERS, Groups, View, difference, group
from test_files import as_cell as as_spreadsheet_cell
from test_files import instant
from test_numbers import COLUMNS, as_cell

VIEWS = 120
BREAKDOWNS = ["", "agent", "team", "tag", "language", "source", "account", "week", "question", "rule"]


@pytest.fixture(scope="module")
def rows(business):
    """All surveys there are."""
    return business.rows([("from", "2020-01-01"), ("to", today().isoformat())])


def today():
    return datetime.now(ZONE).date()


def drawn_views(rows, seed):
    chance = random.Random(seed)
    columns = ("account", "team", "agent", "language", "source")
    names = {key: sorted({row[key] or "" for row in rows}) for key in columns}
    names |= {"tag": [*businesses.TAGS, ""], "rule": ["important", ""]}
    change = businesses.last_change_of_clocks(datetime.now(timezone.utc)).date()
    for number in range(VIEWS):
        if number % 3 == 0:
            # Days that begin, end or lie about the change of clocks.
            first = change - timedelta(days=chance.choice([0, 0, 1, 2, 3, 5]))
            last = max(first, change + timedelta(days=chance.choice([-1, 0, 0, 1, 2, 4])))
        else:
            first = today() - timedelta(days=chance.randint(1, 110))
            last = first + timedelta(days=chance.choice([0, 2, 6, 13, 27, 27, 40, 60, 90]))
        filters = []
        for key in chance.sample(FILTERS, chance.choice([0, 0, 1, 1, 2])):
            several = chance.choice([1, 1, 2, 4])
            filters += [(key, value) for value in chance.sample(names[key], min(several, len(names[key])))]
        yield View(
            ZONE,
            first,
            last,
            by=BREAKDOWNS[number % len(BREAKDOWNS)],
            kind=chance.choice([None, None, "csat", "nps"]),
            filters=filters,
            against=chance.choice(["before", "before", "year", "none"]),
        )


# Hiding.


def left_out_by_a_filter(rows, view, kind):
    """True if some filter alone leaves out so few answers that taking it away would tell them."""
    answered = Groups(rows, view).answered[kind]
    wider = [Groups(rows, view.without(key)).answered[kind] for key in {key for key, _ in view.filters}]
    return any(0 < more - answered < MIN_GROUP for more in wider)


def check_hidden(rows, view, groups, answered_all):
    """Returns why each group is hidden, once what is hidden has proved enough and not more than is needed."""
    hidden = {(found["key"], found["type"]): found["hidden"] for found in answered_all}
    for kind in ("csat", "nps"):
        sets = groups.sets[kind].items()
        sizes = {key: sum(n for keys, n in sets if key in keys) for key, of in hidden if of == kind}
        why = {key: hidden[key, kind] for key in sizes}
        if left_out_by_a_filter(rows, view, kind):
            for key, size in sizes.items():
                assert why[key] == ("small_group" if 0 < size < MIN_GROUP else "differencing" if size else None), key
            continue
        for key, size in sizes.items():
            assert (why[key] == "small_group") == (0 < size < MIN_GROUP), (view, kind, key, size)
            assert size or why[key] is None, (view, key)
        shown = [key for key in sizes if sizes[key] and why[key] is None]
        if view.by == "tag":
            held = [key for key in sizes if why[key]]
            assert not within_reach(groups.sets[kind], shown, held), (view, kind, held)
        else:
            few = smallest_within_reach(groups.sets[kind], shown)
            assert few is None or few >= MIN_GROUP, (view, kind, few)
            least_hidden(view, sizes, why)
    return hidden


def least_hidden(view, sizes, why):
    """Of groups that do not overlap, one that is large enough is given up at most, and the smallest of them."""
    small = sum(size for size in sizes.values() if size < MIN_GROUP)
    given_up = [sizes[key] for key in sizes if why[key] == "differencing"]
    large = [size for size in sizes.values() if size >= MIN_GROUP]
    wanted = [min(large)] if 0 < small < MIN_GROUP and large else []
    assert given_up == wanted, (view, sizes, why)


def smallest_within_reach(sets, shown):
    """The fewest answers that adding and subtracting the total and the shown groups can single out.

    Every choice of sets of groups is tried.
    """
    if not 0 < len(sets) <= 14:
        return None
    choices = numpy.array(list(itertools.product([0.0, 1.0], repeat=len(sets))))[1:]
    found = choices[spanned(sets, shown, choices)] @ numpy.array(list(sets.values()))
    return int(found.min()) if len(found) else None


def within_reach(sets, shown, groups):
    """Those of the groups whose own answers can be worked out from the total and the shown groups."""
    if not sets or not groups:
        return []
    choices = numpy.array([[float(group in keys) for keys in sets] for group in groups])
    return [group for group, is_told in zip(groups, spanned(sets, shown, choices)) if is_told]


def spanned(sets, shown, choices):
    """Which choices of sets are sums and differences of the total and the shown groups."""
    # A total under the floor is hidden itself.
    known = [[1.0] * len(sets)] if sum(sets.values()) >= MIN_GROUP else []
    known += [[float(key in keys) for keys in sets] for key in shown]
    if not known:
        return numpy.zeros(len(choices), dtype=bool)
    in_span = choices @ numpy.linalg.pinv(numpy.array(known)) @ numpy.array(known)
    return numpy.abs(in_span - choices).max(axis=1) < 1e-6


def test_the_audit_of_hiding_finds_what_is_not_hidden():
    sets = {("a",): 9, ("b",): 3, ("c",): 20}
    assert smallest_within_reach(sets, ["a", "c"]) == 3
    assert smallest_within_reach(sets, ["c"]) == 12
    assert within_reach(sets, ["a", "c"], ["b"]) == ["b"]
    assert within_reach(sets, ["c"], ["a", "b"]) == []
    overlapping = {("a", "b"): 7, ("a",): 2, ("b",): 8}
    assert within_reach(overlapping, ["a"], ["b"]) == []
    assert within_reach({("a", "b"): 7, ("a",): 8}, [], ["a"]) == ["a"]


# Numbers.


def assert_number(found, wanted, where):
    """To the last digit of two decimals."""
    if wanted is None or found is None:
        assert found is None and wanted is None, (where, found, wanted)
    else:
        assert found == pytest.approx(wanted, rel=0, abs=0.005 + 1e-7), where
        assert round(found, 2) == found, where


def assert_group(found, wanted, where):
    found = {name: found[name] for name in wanted}
    for name in ("response_rate", "mean", "median_response_seconds"):
        assert_number(found.pop(name), wanted.pop(name), (where, name))
    found_score, score = found.pop("score"), wanted.pop("score")
    assert (found_score is None) == (score is None), (where, found_score, score)
    for name in score or ():
        assert_number(found_score[name], score[name], (where, name))
    assert found == wanted, where


def wanted_groups(rows, view, answer):
    groups, now = Groups(rows, view), datetime.now(timezone.utc)
    assert [(found["key"], found["type"]) for found in answer] == groups.names(), view
    hidden = check_hidden(rows, view, groups, answer)
    return {
        name: group(*name, groups.closes[name], groups.prompts[name], hidden[name], now, FRESH_DAYS)
        for name in groups.names()
    }


def test_random_views_say_the_numbers_that_the_surveys_give(business, rows):
    seen = Counter()
    for view in drawn_views(rows, seed=1):
        answer = business.json("/v1/report", view.query())
        begin = datetime.combine(view.first, datetime.min.time(), ZONE)
        end = datetime.combine(view.last + timedelta(days=1), datetime.min.time(), ZONE)
        assert instant(answer["from"]) == begin
        assert instant(answer["to"]) == end.astimezone(timezone.utc) - timedelta(milliseconds=1)
        now, before = wanted_groups(rows, view, answer["groups"]), {}
        if view.before():
            before = wanted_groups(rows, view.before(), answer["against"]["groups"])
            for found in answer["against"]["groups"]:
                name = found["key"], found["type"]
                assert_group(found, dict(before[name]), (view, "against", name))
        else:
            assert "against" not in answer and "difference" not in answer
        for found in answer["groups"]:
            name = found["key"], found["type"]
            assert_group(found, dict(now[name]), (view, name))
            seen.update(hidden=bool(found["hidden"]), scores=bool(found["score"]), groups=1)
        check_differences(view, answer, now, before, seen)
    # The draw met what it is for.
    assert seen["groups"] > 250 and seen["scores"] > 100 and seen["hidden"] > 50, seen
    assert seen["differences"] > 20 and seen["called"] >= 1, seen


def check_differences(view, answer, now, before, seen):
    for kind in ("csat", "nps"):
        changes = {}
        for found in [found for found in answer["groups"] if found["type"] == kind]:
            name = found["key"], kind
            if not view.before():
                assert "difference" not in found and "against" not in found
                continue
            assert (found["against"] is None) == (name not in before), (view, name)
            if found["against"]:
                assert_group(found["against"], dict(before[name]), (view, "row against", name))
            earlier = before[name]["distribution"] if name in before else None
            changes[name] = difference(kind, earlier, now[name]["distribution"])
            assert (changes[name] is None) == (found["difference"] is None), (view, name)
        changes = {name: change for name, change in changes.items() if change}
        called = dict(zip(changes, expected.holm([change["p"] for change in changes.values()])))
        for found in answer["groups"]:
            change = changes.get((found["key"], found["type"]))
            if change:
                for name in ("points", "low", "high"):
                    assert_number(found["difference"][name], change[name], (view, found["key"], name))
                assert found["difference"]["more_than_chance"] == called[found["key"], kind], (view, found["key"])
                seen.update(differences=1, called=called[found["key"], kind])


@pytest.mark.parametrize(
    "period, by", [("28d", "team"), ("90d", ""), ("7d", "agent"), ("month", "tag"), ("year", "team")]
)
def test_a_named_period_is_whole_days_up_to_yesterday(business, period, by):
    now = today()
    month = now.replace(day=1)
    first, last = {
        "7d": (now - timedelta(days=7), now - timedelta(days=1)),
        "28d": (now - timedelta(days=28), now - timedelta(days=1)),
        "90d": (now - timedelta(days=90), now - timedelta(days=1)),
        "month": ((month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        "year": (month.replace(year=month.year - 1), month - timedelta(days=1)),
    }[period]
    named = business.json("/v1/report", {"period": period, "by": by, "against": "none"})
    dated = business.json("/v1/report", {"from": first, "to": last, "by": by, "against": "none"})
    assert named == dated
    assert not by or named["groups"]


@pytest.mark.parametrize("by", [by for by in BREAKDOWNS if by != "tag"])
def test_the_groups_add_up_to_the_total(business, by):
    view = {"period": "90d", "against": "none"}
    totals = {total["type"]: total for total in business.json("/v1/report", view)["groups"]}
    groups = business.json("/v1/report", {**view, "by": by})["groups"]
    assert set(totals) == {"csat", "nps"}
    for kind, total in totals.items():
        for name in ("closes", "prompted", "answered", "commented"):
            assert sum(found[name] for found in groups if found["type"] == kind) == total[name], (kind, name)
        reasons = sum((Counter(found["suppressed"]) for found in groups if found["type"] == kind), Counter())
        assert reasons == Counter(total["suppressed"]) and reasons["cannot_dm"] > 0


def test_the_headline_is_compared_as_the_formulas_say(business):
    called = []
    for extra in ([], [("team", "billing")], [("tag", "vip")], [("team", "night")]):
        for kind in ("csat", "nps"):
            answer = business.json("/v1/report", [("question", kind), *extra])
            [total] = answer["groups"]
            wanted = difference(kind, total["against"]["distribution"], total["distribution"])
            assert (wanted is None) == (answer["difference"] is None)
            if wanted:
                for name in ("points", "low", "high"):
                    assert_number(answer["difference"][name], wanted[name], (kind, extra, name))
                is_more = not wanted["low"] <= 0 <= wanted["high"]
                assert answer["difference"]["more_than_chance"] == is_more, (kind, extra)
                called.append(is_more)
    assert True in called and False in called


def test_the_surveys_are_those_that_x_knows(business, rows):
    assert business.known["faults"] == []
    by_id = {row["feedback_id"]: row for row in rows if row["feedback_id"]}
    assert len(by_id) == len(business.known["feedback"]) > 500
    for known in business.known["feedback"]:
        row = by_id[known["feedback_id"]]
        assert {name: row[name] for name in known} == known
    assert len(rows) == sum(businesses.SURVEYS.values())
    assert all(row["feedback_id"] or row["reason"] == "cannot_dm" for row in rows)


@pytest.mark.parametrize("by", ["team", "agent", "tag", "week", "question"])
def test_the_command_line_gives_the_same_groups(business, by):
    first, last = (today() - timedelta(days=days) for days in (45, 3))
    view = {"from": first.isoformat(), "to": last.isoformat(), "by": by, "against": "before"}
    arguments = itertools.chain.from_iterable((f"--{name}", value) for name, value in view.items())
    assert business.surveyd.report(*arguments) == business.json("/v1/report", view)


# Files.

VIEWS_OF_FILES = [
    [("period", "90d")],
    [("period", "28d"), ("team", "billing"), ("team", "care & <returns>"), ("question", "csat")],
    [("period", "year"), ("tag", "a|b"), ("language", "")],
]


@pytest.mark.parametrize("view", VIEWS_OF_FILES, ids=["all", "teams", "tag"])
def test_each_file_has_the_rows_of_the_list(business, rows, view):
    listed, before = [], []
    for _ in range(20):
        page = business.json("/v1/surveys", view + before)
        listed += page["surveys"]
        before = [("before", page["next"])]
        if page["next"] is None:
            break
    assert page["next"] is None and listed
    listed.reverse()
    ids = [row["survey_id"] for row in listed]
    assert len(set(ids)) == len(ids)
    if view == VIEWS_OF_FILES[0]:
        assert len(ids) > 200, "there is more than one page"
    assert listed == business.rows(view)
    of_all = {row["survey_id"]: row for row in rows}
    assert listed == [of_all[survey] for survey in ids]

    @cache
    def file(form):
        answer = business.get("/v1/export", by="warehouse", params=[("format", form), *view])
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].endswith(f'.{form}"')
        return answer.content

    found = list(csv.DictReader(io.StringIO(file("csv").decode("utf-8-sig"), newline="")))
    assert list(found[0]) == COLUMNS
    assert found == [{name: as_cell(row[name]) for name in COLUMNS} for row in listed]
    table = pyarrow.parquet.read_table(io.BytesIO(file("parquet"))).to_pylist()
    typed = [{name: instant(row[name]) if name.endswith("_at") else row[name] for name in COLUMNS} for row in listed]
    assert table == typed
    head, *cells = openpyxl.load_workbook(io.BytesIO(file("xlsx")))["surveys"].iter_rows(values_only=True)
    assert list(head) == COLUMNS and len(cells) == len(listed)
    for row, found in zip(listed, cells):
        for name, cell in zip(COLUMNS, found):
            wanted = as_spreadsheet_cell(name, row[name])
            if isinstance(wanted, datetime):
                assert abs(cell - wanted) < timedelta(milliseconds=2)
            else:
                assert cell == wanted, name
    assert [json.loads(line) for line in file("jsonl").decode().split("\n")[:-1]] == listed


def test_a_close_just_after_midnight_counts_on_its_own_day(business, rows):
    """Both sides of each midnight about the change of clocks, whose day has 23 or 25 hours."""
    change = businesses.last_change_of_clocks(datetime.now(timezone.utc)).date()
    met = 0
    for days in range(-2, 3):
        day = change + timedelta(days=days)
        view = {"from": day, "to": day, "against": "none", "question": "csat"}
        wanted = [
            row
            for row in rows
            if row["type"] == "csat" and instant(row["closed_at"]).astimezone(ZONE).date() == day
        ]
        [total] = business.json("/v1/report", view)["groups"]
        assert total["closes"] == len(wanted), day
        assert len(business.rows(list(view.items()))) == len(wanted), day
        met += sum(instant(row["closed_at"]).astimezone(timezone.utc).date() != day for row in wanted)
    assert met > 5, "some lie on another day in UTC"
