"""What is counted from the words of a HAProxy's workers."""

from pathlib import Path

from muster.drivers.balancers.haproxy.stats import Row, Stats
from muster.drivers.balancers.haproxy.tally import Tally


def test_a_counter_that_went_back_was_begun_anew(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "counts.json")
    for answered in (5, 7, 2, 3):
        tally.take(_said(11, answered), 0.0)
    assert tally.of("a").requests == 7 + 3
    tally.take(_said(12, 4), 0.0)
    assert tally.of("a").requests == 14
    tally.save()
    again = Tally(tmp_path / "counts.json")
    again.load()
    again.take(_said(12, 6), 0.0)
    assert again.of("a").requests == 16
    again.forget([], [12])
    assert again.of("a").requests == 0
    assert again.of().requests == 16


def _said(worker: int, answered: int) -> Stats:
    row = Row(answered=answered)
    return Stats(pid=worker, pool=row, servers={"a": row})
