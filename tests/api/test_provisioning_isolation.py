"""Machines are for whoever operates: every route of provisioning, tried by all others."""

import pytest

from muster.api.app import PROVISIONING
from muster.model.who import Right
from office import Office

HERE = "/1.0/"
FILLED = {
    "name": "m1",
    "uuid": "u",
    "verb": ":reboot",
    "kind": "images",
    "part": "network",
    "path": "1.0",
}


def routes() -> list[tuple[str, str]]:
    return sorted(
        (method, path.replace(":str}", "}").replace(":path}", "}").format(**FILLED))
        for handler in PROVISIONING
        for path in handler.paths
        for method in handler.http_methods - {"HEAD", "OPTIONS"}
    )


@pytest.mark.parametrize("who", ["ann", "rita", ""])
async def test_nobody_but_operators_is_let_in(office: Office, who: str) -> None:
    for method, path in routes():
        answer = await office.call(method, path, {} if method in ("POST", "PUT") else None, who)
        body = answer.json()
        assert (answer.status_code, body["type"]) == (403, "error"), (method, path, answer.text)


def test_every_route_takes_the_right_to_operate() -> None:
    for handler in PROVISIONING:
        assert handler.opt.get("right") is Right.OPERATE, handler.handler_name
    assert all(path.startswith(HERE) for _, path in routes())
