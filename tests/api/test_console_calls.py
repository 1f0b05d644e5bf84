"""Whatever the API offers is called from the console, or says why no page calls it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from muster.api.app import build
from muster.api.document import document
from muster.drivers.identity.none import NoIdentity

ROWS = Path(__file__).with_name("console_calls.txt")
SOURCES = Path(__file__).parents[2] / "console" / "src"
NOWHERE = "-"


class Row(NamedTuple):
    """One line: an operation, the source that calls it and words of the call; or why none does."""

    operation: str
    source: str
    words: str


def rows() -> list[Row]:
    lines = ROWS.read_text().splitlines()
    return [Row(*(part.strip() for part in line.split(" | ", 2))) for line in lines]


def served() -> Iterator[str]:
    registry = CollectorRegistry()
    app = build(None, NoIdentity(), registry=registry)  # type: ignore[arg-type]  # no call is made
    for path, methods in document(app)["paths"].items():
        yield from (f"{method.upper()} {path}" for method in methods)


def test_every_operation_that_is_served_stands_in_the_table_once() -> None:
    assert sorted(row.operation for row in rows()) == sorted(served())


def test_the_console_still_calls_what_the_table_says() -> None:
    said = [row for row in rows() if row.source != NOWHERE]
    assert [row for row in said if row.words not in (SOURCES / row.source).read_text()] == []


def test_whatever_no_page_calls_has_a_reason_in_words() -> None:
    assert [row.operation for row in rows() if row.source == NOWHERE and " " not in row.words] == []
