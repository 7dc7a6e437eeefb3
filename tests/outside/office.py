"""The files of an export as LibreOffice opens them. `tests/long office` runs this: it installs LibreOffice."""

import csv
import os
import re
import subprocess
import xml.etree.ElementTree as xml

from test_files import COLUMNS, INSTANTS, as_cell, hostile, hostile_files  # noqa: F401

FORMULA = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}formula"
LINK = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}a"
AS_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"


def converted(path, form, folder):
    """The file as LibreOffice writes it again, by a profile of its own."""
    profile = folder / "profile"
    command = ["soffice", f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore"]
    command += ["--convert-to", form, "--outdir", str(folder), str(path)]
    subprocess.run(command, check=True, timeout=300, stdout=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder)})
    return folder / f"{path.stem}.{form.split(':')[0]}"


def test_libreoffice_finds_nothing_to_run_in_a_thousand_hostile_texts(hostile_files, tmp_path):  # noqa: F811
    # LibreOffice takes each truth value of a workbook for a formula.
    tests = ["of:=FALSE()"] * len(hostile_files.rows)
    for form, truths in (("xlsx", tests), ("csv", [])):
        cells = list(xml.parse(converted(hostile_files.path(form), "fods", tmp_path)).getroot().iter())
        assert [cell.attrib[FORMULA] for cell in cells if FORMULA in cell.attrib] == truths, form
        assert [cell.attrib for cell in cells if cell.tag == LINK] == [], form


def test_libreoffice_shows_each_text_and_each_id_as_it_is(hostile_files, tmp_path):  # noqa: F811
    path = converted(hostile_files.path("xlsx"), AS_CSV, tmp_path)
    with open(path, encoding="utf-8", newline="") as file:
        head, *found = csv.reader(file)
    assert head == COLUMNS and len(found) == len(hostile_files.rows)
    for cells, row in zip(found, hostile_files.rows):
        for name, cell in zip(COLUMNS, cells):
            if name in INSTANTS:
                assert re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?", cell), (name, cell)
                continue
            assert cell == written(as_cell(name, row[name])), name


def written(value):
    if isinstance(value, bool):
        return str(value).upper()
    return "" if value is None else str(value)
