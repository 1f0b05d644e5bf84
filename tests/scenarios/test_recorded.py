"""What the retired service answered to each of 441 requests, and what we do, shape by shape."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from house import House, house, until
from muster.drivers.identity.users import add_user
from scenarios.replaying import Answer, Exchange, Replay, differences, recorded

pytestmark = pytest.mark.system

SETTINGS = {
    "MUSTER_DEFAULT_CLOUD": "simulated",
    "MUSTER_CLOUDS": "{simulated = {world = 'memory'}}",
    "MUSTER_IDENTITY": "basic",
    "MUSTER_DELETE_WITH_DEPENDENCY": "true",
}
# The recorded users, "" being the admin, and who they are here.
PEOPLE = {"": ("root", "ops", "admin"), "u2": ("u2", "p2", "member"), "u3": ("u3", "p3", "reader")}
NAMES = {"a" + "0" * 30 + "1": "root", "b" + "0" * 30 + "1": "ops"}
READERS_WRITE = (
    '[rights]\nwrite = ["admin", "member", "reader"]\n'  # as where Keystone says who asks
)
SLOW = range(394, 408)  # meanwhile a cluster is being made whose servers take long
SECONDS = re.compile(r'("simulated_wait_time": )\d+')
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")

# Ours end within milliseconds: whoever comes second meets nobody. See actions.yaml.
NOT_PLAYED = frozenset({243, 244})

# Ways in which every answer may differ, each with its reason.
EVERYWHERE: Mapping[str, str] = {
    r"^content-type text/html| '<html>": "what is no JSON there is JSON here",
    r"^\.clusters?(\[0\])?: also cloud, load_bal[a-z_, ]*stack_status$": "one object, two surfaces",
    r"^\.events?(\[0\])?: also action_id, at, done, kind, seq, total$": "one object, two surfaces",
    r"\.outputs: also nodes_added$": "a creation names its nodes, too",
    r"\.updated_at None: ": "changed is changed",
    r"\.inputs: without last_op$": "that is the binding's",
}
# Ways in which single answers differ, each with its reason.
HERE: Mapping[int, str] = {
    20: "nothing is what 204 means",
    62: "the contract has a cause for a fault of the caller",
    68: "what was made in the same second comes in any order",
    95: "the contract: 400, as for every other mistake in a profile",
    96: "the contract: 400, as for every other mistake in a profile",
    169: "another limit was set there",
    216: "another limit was set there",
    292: "our cloud tells other things of a server",
    309: "another parser says where it stopped",
    317: "the contract: 400 where no node matches",
    362: "it had no queues; we have",
    395: "the contract leaves it open; what a member says is the member's",
    397: "our servers have their names before they run",
    405: "the contract: what has ended stays ended",
    410: "the reason of the action",
    423: "a cluster lives in one region: it was not attached",
}


@contextmanager
def served(home: Path) -> Iterator[House]:
    rules = home.with_name("rules.toml")
    rules.write_text(READERS_WRITE)
    with house(home, **SETTINGS, MUSTER_RULES_FILE=str(rules)) as it:
        for name, project, role in PEOPLE.values():
            add_user(home / "users.toml", name, f"{name}-secret", {project: (role,)})
        it.start()
        yield it


def test_we_answer_as_the_retired_service_did(tmp_path: Path, subtests: pytest.Subtests) -> None:
    with served(tmp_path / "home") as it:
        people = {said: f"{name}-secret" for said, (name, _, _) in PEOPLE.items()}
        people = {said: f"{PEOPLE[said][0]}:{secret}" for said, secret in people.items()}
        replay = Replay(it.port, people, dict(NAMES))
        for exchange in recorded():
            if exchange.number in NOT_PLAYED:
                continue
            _let_begin(replay, exchange)
            answer = replay.ask(_patient(exchange))
            with subtests.test(f"{exchange.number} {exchange.name}"):
                _judge(exchange, differences(exchange, answer, replay))
            if exchange.number not in SLOW:
                _let_end(replay, answer)


def _patient(exchange: Exchange) -> Exchange:
    """Return the request with more time for what is asked while something is being made."""
    said = json.dumps(exchange.body)
    if SECONDS.search(said) is None:
        return exchange
    return replace(exchange, body=json.loads(SECONDS.sub(r"\g<1>600", said)))


def _judge(exchange: Exchange, told: list[str]) -> None:
    """Fail for a difference that nobody has given a reason for, and for a reason too many."""
    odd = [each for each in told if not any(re.search(way, each) for way in EVERYWHERE)]
    if exchange.number in HERE:
        assert odd, f"no longer true: {HERE[exchange.number]}"
    else:
        assert odd == []


def _let_begin(replay: Replay, exchange: Exchange) -> None:
    """Wait until the slow cluster is being made, before it is looked at."""
    if exchange.number == SLOW.start + 1:
        path = replay.now(exchange.path)
        until(lambda: replay.get(path)["cluster"]["nodes"], 30, "the cluster is being made")


def _let_end(replay: Replay, answer: Answer) -> None:
    """Wait until what was asked for is done, as whoever recorded it did."""
    where = answer.headers.get("location")
    if where is not None:
        id = where.rpartition("/")[2]
        path = f"/v1/actions/{id}"
        until(lambda: replay.get(path)["action"]["status"] in ENDED, 60, "the action ends")
