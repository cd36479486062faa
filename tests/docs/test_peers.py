"""The figures of the page about peers are those that were measured."""

from pathlib import Path

from scripts.show_gas import rows

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "peers.md"


def test_every_row_of_gas_is_the_measured_one() -> None:
    shown = [
        tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        for line in PAGE.read_text(encoding="utf-8")
        .partition("## Gas")[2]
        .partition("## Speed")[0]
        .splitlines()
        if line.startswith("|")
    ]
    assert shown[2:] == rows()
