"""The door as HTTP: four calls, for machines that are nobody yet."""

from base64 import b64decode
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Litestar, Request, post
from litestar.datastructures import State
from litestar.types import ExceptionHandlersMap

from muster.base.errors import Invalid
from muster.model.enrolment import VERSION
from muster.service.enrolment.door import Door

T = TypeVar("T")
LIMIT = 2**14  # bytes of one message
Asked = Request[Any, Any, State]
Text = Annotated[str, msgspec.Meta(max_length=8192)]


class Hello(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    way: UUID


class Share(msgspec.Struct, forbid_unknown_fields=True):
    way: UUID
    share: Text


class Sealed(msgspec.Struct, forbid_unknown_fields=True):
    session: UUID
    sealed: Text


class Terms(msgspec.Struct):
    salt: str
    cost: int
    now: str


class Met(msgspec.Struct):
    session: UUID
    share: bytes


class Grant(msgspec.Struct):
    sealed: bytes


def build(door: Door, on_error: ExceptionHandlersMap) -> Litestar:
    """Return the application that machines come to. It is served by TLS, and knows no users."""
    return Litestar(
        route_handlers=[hello, meet, join, tell],
        exception_handlers=on_error,
        request_max_body_size=LIMIT,
        logging_config=None,
        openapi_config=None,
        state=State({"door": door}),
    )


@post("/v1/door/hello", status_code=200)
async def hello(request: Asked) -> Terms:
    """Say how the key of a way is made, and what time it is here."""
    said = await _read(request, Hello)
    if said.version != VERSION:
        text = f"this door speaks version {VERSION}, not {said.version}: have both be one Muster"
        raise Invalid(text, field="version")
    terms, now = await _door(request).terms(said.way)
    return Terms(salt=terms.salt, cost=terms.cost, now=now.isoformat())


@post("/v1/door/meet", status_code=200)
async def meet(request: Asked) -> Met:
    """Exchange shares; what follows is sealed."""
    said = await _read(request, Share)
    met = await _door(request).meet(said.way, _bytes(said.share))
    return Met(session=met.session, share=met.share)


@post("/v1/door/join", status_code=200)
async def join(request: Asked) -> Grant:
    """Let a machine in that proves that it knows the secret."""
    said = await _read(request, Sealed)
    return Grant(sealed=await _door(request).join(said.session, _bytes(said.sealed)))


@post("/v1/door/tell", status_code=204)
async def tell(request: Asked) -> None:
    """Hear how it went."""
    said = await _read(request, Sealed)
    await _door(request).tell(said.session, _bytes(said.sealed))


async def _read(request: Asked, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.DecodeError as error:
        raise Invalid(f"this is not said at the door: {error}") from None


def _door(request: Asked) -> Door:
    door: Door = request.app.state.door
    return door


def _bytes(said: str) -> bytes:
    try:
        return b64decode(said, validate=True)
    except ValueError:
        raise Invalid("must be base64", field="share") from None
