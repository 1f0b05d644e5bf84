"""The table of deliberate breakages fits the code that it breaks."""

import pytest
from scripts.sabotage import ROOT, TABLE, Breakage


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.rule)
def test_a_breakage_finds_its_place_once(row: Breakage) -> None:
    assert (ROOT / row.path).read_text().count(row.old) == 1
    assert row.new != row.old


def test_whoever_should_notice_exists() -> None:
    named = {each for row in TABLE for each in row.tests}
    assert [each for each in named if not (ROOT / "tests" / each).exists()] == []


def test_no_rule_is_broken_twice() -> None:
    assert len({(row.file, row.old) for row in TABLE}) == len(TABLE)
