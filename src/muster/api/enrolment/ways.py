"""The routes of ways in: strings, and the password of the cluster."""

from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from litestar import Response, delete, get, post, put

from muster.api.call import PLAN, Asked, Word, at_once, carried_out
from muster.api.reading import Field, Fields, integer, text
from muster.api.words import moment
from muster.base.handshake import COSTS, Terms
from muster.model.enrolment import NAME, NAME_MUST, PASSWORD_ID, Enrolment
from muster.model.who import Right
from muster.service.enrolment import ways
from muster.service.enrolment.ways import NewWay

LASTS_S = 20 * 60
STRING: Fields = {
    "name": Field(
        text(high=63, like=NAME.pattern, must=NAME_MUST), "the only machine that it lets in"
    ),
    "expires_in_seconds": Field(integer(1, 30 * 86400), "how long it is good for; without: 1200"),
}
PASSWORD: Fields = {
    "salt": Field(text(low=32, high=128), "hex: what the key was made with", required=True),
    "cost": Field(integer(COSTS.start, COSTS.stop - 1), "of scrypt, its n", required=True),
    "kept": Field(text(low=64, high=64), "hex: SHA-256 of the key", required=True),
}


class WayOut(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    kind: str
    name: str | None
    created_at: str | None
    expires_at: str | None
    used_at: str | None
    used_by: str | None
    string: str | None = None


def _way(way: Enrolment, string: str | None = None) -> WayOut:
    return WayOut(
        id=str(way.id),
        kind="password" if way.id == PASSWORD_ID else "string",
        name=way.name or None,
        created_at=moment(way.created_at),
        expires_at=moment(way.expires_at),
        used_at=moment(way.used_at),
        used_by=way.used_by or None,
        string=string,
    )


@get("/v1/enrolments", opt={"right": Right.OPERATE})
async def list_ways(call: Asked) -> dict[str, list[WayOut]]:
    """List the ways by which machines become members, without their secrets."""
    return {"enrolments": [_way(each) for each in await ways.listing(call.desk)]}


@post("/v1/enrolments", opt={"query": PLAN, "body": STRING, "right": Right.OPERATE})
async def create_string(call: Asked) -> Response[Any]:
    """Make a string by which one machine becomes a member; it is shown this once."""
    said = await call.fields(STRING)
    lasts = timedelta(seconds=said.get("expires_in_seconds", LASTS_S))
    made = ways.creation(call.desk, said.get("name", ""), lasts)

    async def answer(new: NewWay) -> Response[Any]:
        return Response({"enrolment": _way(new.way, str(new.string))}, status_code=201)

    return await carried_out(call, partial(at_once, made), answer)


@put("/v1/enrolments/password", opt={"query": PLAN, "body": PASSWORD, "right": Right.OPERATE})
async def set_password(call: Asked) -> Response[Any]:
    """Let machines in that know a password, of which only salt and hash are told."""
    said = await call.fields(PASSWORD)
    terms = Terms(salt=said["salt"], cost=said["cost"])

    async def answer(way: Enrolment) -> Response[Any]:
        return Response({"enrolment": _way(way)}, status_code=200)

    return await carried_out(
        call, partial(at_once, ways.password(call.desk, terms, said["kept"])), answer
    )


@delete("/v1/enrolments/{id:str}", status_code=200, opt={"query": PLAN, "right": Right.OPERATE})
async def delete_string(call: Asked, id: Word) -> Response[Any]:
    """Take a string back."""
    return await carried_out(call, partial(ways.removal, call.desk, id), _gone)


@delete("/v1/enrolments/password", status_code=200, opt={"query": PLAN, "right": Right.OPERATE})
async def delete_password(call: Asked) -> Response[Any]:
    """Let nobody in by the password any more; strings are as good as before."""
    return await carried_out(call, partial(ways.removal, call.desk, "password"), _gone)


async def _gone(_: None) -> Response[Any]:
    return Response(None, status_code=204)


ROUTES = (list_ways, create_string, set_password, delete_string, delete_password)
