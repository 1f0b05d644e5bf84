"""One request as its handler sees it: who, which desk, what was said in query and body."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath

from muster.api.reading import Fields, decoded, strictly
from muster.base.errors import Conflict, Invalid, Stale, StalePlan
from muster.model.who import Who
from muster.service.desk import Desk
from muster.service.intent import Foretold, Intent

T = TypeVar("T")
Http = Request[Who, Any, State]


@dataclass(frozen=True, slots=True)
class Param:
    """One query parameter, for the reader and for the document."""

    about: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


PLAN: Mapping[str, Param] = {
    "plan": Param("true: say what would be done, and do nothing", {"type": "boolean"}),
    "plan_hash": Param("do it only if the plan is still the one with this hash"),
}
_PAIR = re.compile(r'(\w+)="?([^";,\s]+)')
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})


class PlanSteps(msgspec.Struct):
    steps: tuple[str, ...]
    loses: tuple[str, ...]
    reversible: bool
    hash: str


class PlanAnswer(msgspec.Struct):
    plan: PlanSteps


@dataclass(frozen=True, slots=True)
class Call:
    """The values of a request are read through here, so that what is wrong names itself."""

    desk: Desk
    request: Http

    @property
    def who(self) -> Who:
        return self.request.user

    def word(self, name: str) -> str:
        """Return a query parameter, "" if it was not given."""
        return self.request.query_params.get(name, "")

    def flag(self, name: str) -> bool:
        said = self.word(name).lower()
        if said not in _TRUE | _FALSE | {""}:
            raise Invalid(f"must be true or false, not '{said}'", field=name)
        return said in _TRUE

    def count(self, name: str, default: int, high: int) -> int:
        """Return a query parameter that is a number from 1 to `high`."""
        said = self.word(name)
        if not said:
            return default
        if not (said.isascii() and said.isdigit() and 1 <= int(said[:12]) <= high):
            raise Invalid(f"must be a number from 1 to {high}, not '{said}'", field=name)
        return int(said)

    async def body(self) -> dict[str, Any]:
        return decoded(await self.request.body())

    async def fields(self, fields: Fields) -> dict[str, Any]:
        """Return the values of a small body; every field wrong in it is told."""
        return strictly(fields, await self.body())


Asked = NamedDependency[Call]  # how a handler takes its call
Word = FromPath[str]  # and a piece of its path


def check_query(request: Http) -> None:
    """Raise `Invalid` for a query parameter that the handler does not know, or said twice."""
    known: Mapping[str, Param] = request.route_handler.opt.get("query", {})
    for name in request.query_params:
        if name not in known:
            raise Invalid(f"Invalid parameter '{name}'", field=name)


Prepare = Callable[[], Awaitable[Intent[T]]]
_TRIES = 3


async def carried_out(
    call: Call, prepare: Prepare[T], answer: Callable[[T], Awaitable[Response[Any]]]
) -> Response[Any]:
    """Do what was prepared and answer with it; or, with ?plan=true, only say what it would do.

    Somebody else's wish in between makes it be prepared again, on what is there then.
    """
    for _ in range(_TRIES):
        intent = await prepare()
        if call.flag("plan"):
            return planned(await intent.foretell())
        await _refuse_stale_plan(call, intent)
        try:
            done = await intent.do()
        except Stale:
            continue
        return await answer(done)
    raise Conflict("this was changed by others all the while; look again")


async def _refuse_stale_plan(call: Call, intent: Intent[T]) -> None:
    wanted = call.word("plan_hash")
    if wanted and (await intent.foretell()).hash != wanted:
        raise StalePlan("this is no longer what would happen; ask for the plan again")


def planned(told: Foretold) -> Response[PlanAnswer]:
    steps = PlanSteps(
        steps=told.steps, loses=told.loses, reversible=told.reversible, hash=told.hash
    )
    return Response(PlanAnswer(plan=steps), status_code=200)


def base(call: Call) -> str:
    """Return where this service is for the caller, without a slash at the end."""
    return here(call.request)


def here(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return where this service is for the caller, as the proxies in between say."""
    said = request.headers
    forwarded = dict(_PAIR.findall(said.get("forwarded", "").partition(",")[0].lower()))
    proto: str = said.get("x-forwarded-proto") or forwarded.get("proto") or request.url.scheme
    host = forwarded.get("host") or said.get("x-forwarded-host") or said.get("host") or ""
    prefix = said.get("x-forwarded-prefix", "").rstrip("/")
    return f"{proto.partition(',')[0].strip()}://{host.partition(',')[0].strip()}{prefix}"


async def at_once(intent: Intent[T]) -> Intent[T]:
    """Give an intent that needed no looking up the form of one that did."""
    return intent
