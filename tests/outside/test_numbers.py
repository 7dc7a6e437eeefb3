"""What users read of the day: the export, and the report with its numbers computed again."""

import csv
from collections import Counter
from datetime import timedelta

import pytest

import expected
import scenario
from day import UNMESSAGEABLE
from harness import moment, parse

COLUMNS = (
    "survey_id,account,source,conversation_id,external_id,user_id,state,reason,closed_at,due_at,sent_at,feedback_id,"
    "dm_id,type,question_variant_id,test,score,scored_at,text,commented_at,updated_at,updates,agent,team,tags,language"
).split(",")
FORMULA = ("=", "+", "-", "@", "\t", "\r")

# The export.


def test_rows_have_the_documented_columns_in_their_order(day):
    assert day.column_names == COLUMNS
    for row in day.rows.values():
        assert list(row) == COLUMNS


def test_instants_are_written_in_utc(day):
    for row in day.rows.values():
        for name in [name for name in COLUMNS if name.endswith("_at") and row[name] is not None]:
            assert row[name].endswith("Z") and parse(row[name]).utcoffset() == timedelta(0), row[name]


def test_each_close_has_one_row(day):
    conversations = Counter((account, conversation) for account, conversation, _ in day.rows)
    others = ["closed-to-" + person for person in UNMESSAGEABLE]
    others += ["open-but-refused", "refused-why", "nobody-there", "4711", "long-ago", "first-talk", "second-talk"]
    wanted = Counter([(talk.account, talk.conversation) for talk in day.talks] + [("acme", name) for name in others])
    assert conversations == wanted + Counter({("line", "dead-line"): 1, ("globex", "again"): 2})


def test_csv_says_the_same_and_holds_no_formula(day):
    assert len(day.csv_rows) == len(day.rows)
    by_id = {row["survey_id"]: row for row in day.rows.values()}
    for cells in day.csv_rows:
        row = by_id[cells["survey_id"]]
        for name, cell in cells.items():
            plain = as_cell(row[name])
            assert not cell.startswith(FORMULA), (name, cell)
            if plain.startswith(FORMULA):
                assert cell.endswith(plain.lstrip("\t\r")) and cell != plain, (name, cell)
            else:
                assert cell == plain, name


def as_cell(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "|".join(value)
    return "" if value is None else str(value)


def test_the_export_is_cut_by_the_close_both_ends_included(day):
    talk = day.talks[0]
    at = talk.closed_at
    lines = day.surveyd.run("export", "--format", "csv", "--account", "acme", "--from", at, "--to", at).splitlines(True)
    found = {row["survey_id"] for row in csv.DictReader(lines)}
    wanted = {
        row["survey_id"]
        for row in day.rows.values()
        if row["account"] == "acme" and parse(row["closed_at"]) == parse(at)
    }
    assert found == wanted and len(found) >= 1


# The numbers.


def numbers_of(day, chosen):
    """What the report must say about the prompted talks that `chosen` picks, by their rows' own instants."""
    rows = [(talk, day.row(talk.account, talk.conversation)) for talk in day.talks if chosen(talk)]
    scores = [talk.score for talk, _ in rows if talk.score is not None]
    seconds = [(parse(row["scored_at"]) - parse(row["sent_at"])).total_seconds() for _, row in rows if row["scored_at"]]
    return rows, scores, seconds


def report(day, by):
    found = day.surveyd.report("--from", moment(86400)[:10], "--to", moment(-86400)[:10], "--by", by)
    return {(group["key"], group["type"]): group for group in found["groups"]}


@pytest.mark.parametrize("account, kind, others", [("acme", "csat", 2), ("globex", "nps", 2)])
def test_the_report_says_the_numbers_that_the_formulas_give(day, account, kind, others):
    group = report(day, "account")[account, kind]
    rows, scores, seconds = numbers_of(day, lambda talk: talk.account == account)
    prompted = len(rows) + others  # one numeric id and a first talk in acme, two prompts to one person in globex
    closes = [row for row in day.rows.values() if row["account"] == account]
    score = (expected.csat if kind == "csat" else expected.nps)(scores)
    assert {name: group[name] for name in ("closes", "prompted", "answered", "commented")} == {
        "closes": len(closes),
        "prompted": prompted,
        "answered": len(scores),
        "commented": sum(talk.text is not None for talk, _ in rows),
    }
    assert group["response_rate"] == pytest.approx(100 * len(scores) / prompted, abs=0.0051)
    assert {name: group["score"][name] for name in score} == pytest.approx(score, abs=0.0051)
    assert group["score"]["confidence"] in (95, 0.95)
    assert group["distribution"] == expected.distribution(kind, scores)
    assert group["median_response_seconds"] == pytest.approx(expected.median_seconds(seconds), abs=0.0051)
    assert group["immature"] is True
    assert group["suppressed"] == dict(Counter(row["reason"] for row in closes if row["state"] == "suppressed"))


def test_test_feedback_is_left_out_of_the_report(day):
    group = report(day, "account").get(("trial", "csat"))
    assert group is None or (group["prompted"], group["answered"], group["score"]) == (0, 0, None)


@pytest.mark.parametrize("by", ["agent", "team", "language", "source"])
def test_a_group_too_small_to_be_shown_cannot_be_worked_out_either(day, by):
    groups = report(day, by)
    answers = {key: group["answered"] for key, group in groups.items()}
    for kind in ("csat", "nps"):
        of_kind = {key: group for key, group in groups.items() if key[1] == kind}
        hidden = [key for key, group in of_kind.items() if group["score"] is None and answers[key] > 0]
        assert all(key in hidden for key in of_kind if 0 < answers[key] < 5), (hidden, answers)
        assert all(not of_kind[key]["distribution"] for key in hidden), hidden
        # One hidden group alone would be the total less the shown ones.
        assert len(hidden) != 1 or len(of_kind) == 1, hidden


def test_the_shown_groups_say_their_own_numbers(day):
    shown = {key: group for key, group in report(day, "agent").items() if group["score"] is not None}
    assert ("max", "csat") in shown or ("dana", "csat") in shown, shown.keys()
    for key, group in shown.items():
        _, scores, _ = numbers_of(day, lambda talk, key=key: key == agent_and_type(talk) and talk.account != "trial")
        score = (expected.csat if key[1] == "csat" else expected.nps)(scores)
        assert {name: group["score"][name] for name in score} == pytest.approx(score, abs=0.0051)


def agent_and_type(talk):
    return talk.data.get("agent"), scenario.SETTINGS[talk.account]["type"]
