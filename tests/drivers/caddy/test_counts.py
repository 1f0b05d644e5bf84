"""What is counted from the lines of a Caddy."""

from pathlib import Path

from muster.drivers.balancers.caddy.config import ACCESS_LOG
from muster.drivers.balancers.caddy.tally import Tally


def test_counting_goes_on_where_it_was_saved_and_through_rotation(tmp_path: Path) -> None:
    log = tmp_path / ACCESS_LOG
    tally = Tally(tmp_path)
    log.write_text(_lines("a:1", 200, 3))
    tally.read(0.0)
    tally.save()
    with log.open("a") as file:
        file.write(_lines("a:1", 500, 2))
    log.rename(log.with_name("access-2030-01-01.log"))
    log.write_text(_lines("b:2", 200, 4) + '{"status":200,"to":"b')
    again = Tally(tmp_path)
    again.load()
    again.read(0.0)
    assert (again.ledger.total.requests, again.ledger.total.errors) == (9, 2)
    assert again.ledger.members["a:1"].requests == 5
    assert again.ledger.members["b:2"].requests == 4
    with log.open("a") as file:
        file.write(':2"}\n')
    again.read(0.0)
    assert again.ledger.members["b:2"].requests == 5


def _lines(to: str, status: int, count: int) -> str:
    return f'{{"duration":0.001,"status":{status},"to":"{to}"}}\n' * count
