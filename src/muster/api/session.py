"""The routes by which a browser signs in and out, and learns who it is."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from litestar import Response, delete, get, post, put

from muster.api.call import Asked, Call
from muster.api.cookie import baked, kept, proof
from muster.api.guard import Door, refuse_strangers
from muster.api.reading import Field, Fields, text
from muster.base.errors import Invalid, MusterError, Unknown
from muster.model.who import Right, Who
from muster.service import sessions

SIGN_IN: Fields = {
    "user": Field(text(high=255), "with a password"),
    "password": Field(text(high=1024), "of that user"),
    "project": Field(text(high=255), "one of that user's; default: the first"),
    "token": Field(
        text(high=3500, like=r"[A-Za-z0-9._~+/=-]+", must="a token, as it was shown"),
        "instead of user and password",
    ),
}
MOVE: Fields = {"project": Field(text(high=255), "another one of that user's", required=True)}
# What a person can give, by the scheme in which this service asks who is there.
_WAYS: Mapping[str, tuple[str, ...]] = {"": (), "basic": ("password", "token")}
_NO_STORE = {"Cache-Control": "no-store"}


@get("/v1/session")
async def show_session(call: Asked) -> Response[dict[str, Any]]:
    """Say whether the caller is signed in, and if not, with what he can."""
    door = _door(call)
    refuse_strangers(call.request.headers, door, from_page=False)
    headers = proof(call.request, door.identity.challenge, from_page=False)
    try:
        who = await door.identity.who(headers)
    except Unknown as error:
        return Response(
            {"signed_in": False, "ways": _ways(door), "reason": error.text}, headers=_NO_STORE
        )
    shown = {**_shown(door, who), **await _projects(call, who)}
    return Response(shown, headers=_NO_STORE)


async def _projects(call: Call, who: Who) -> dict[str, Any]:
    """Return where a session can go on; a token of ours is for its project alone."""
    secret, scopes = kept(call.request), _door(call).scopes
    if secret and scopes and not sessions.is_ours(secret):
        try:
            named = await scopes.projects(secret)
        except MusterError as error:  # who is signed in goes on where he is
            return {"projects": [who.project], "projects_reason": error.text}
        return {"projects": [*named] or [who.project], "project_names": dict(named)}
    if not secret or not await sessions.is_session(call.desk, who, secret):
        return {"projects": [who.project]}
    return {"projects": list(_door(call).identity.projects(who.user) or ()) or [who.project]}


@put("/v1/session", opt={"body": MOVE})
async def change_project(call: Asked) -> Response[dict[str, Any]]:
    """Let a session go on in another project of its user; the cookie is another from then on."""
    door = _door(call)
    refuse_strangers(call.request.headers, door, from_page=True)
    headers = proof(call.request, door.identity.challenge, from_page=True)
    who = await door.identity.who(headers)
    wanted, secret = (await call.fields(MOVE))["project"], kept(call.request)
    if secret and door.scopes and not sessions.is_ours(secret):
        secret = await door.scopes.scoped(secret, wanted)
        then = await door.identity.who({"x-auth-token": secret})
    else:
        to = wanted, door.identity.projects(who.user) or {}
        then, secret = await sessions.moved(call.desk, who, secret, to)
    cookies = [baked(call.request, secret, int(sessions.LASTS.total_seconds()))]
    return Response(_shown(door, then), cookies=cookies, headers=_NO_STORE)


@post("/v1/session", opt={"body": SIGN_IN})
async def sign_in(call: Asked) -> Response[dict[str, Any]]:
    """Sign a browser in, by user and password or by a token; a cookie says so from then on."""
    door = _door(call)
    refuse_strangers(call.request.headers, door, from_page=True)
    said = await call.fields(SIGN_IN)
    who = await door.identity.who(_claim(said))
    secret = said.get("token", "")
    if door.identity.challenge and not secret:
        secret = await sessions.begin(call.desk, who)
    seconds = int(sessions.LASTS.total_seconds())
    cookies = [baked(call.request, secret, seconds)] if door.identity.challenge else []
    return Response(_shown(door, who), status_code=201, cookies=cookies, headers=_NO_STORE)


@delete("/v1/session", status_code=204)
async def sign_out(call: Asked) -> Response[None]:
    """Sign a browser out: the session is over, and the cookie goes."""
    door = _door(call)
    refuse_strangers(call.request.headers, door, from_page=True)
    headers = proof(call.request, door.identity.challenge, from_page=True)
    if secret := kept(call.request):
        await _end(call, headers, secret)
    return Response(None, status_code=204, cookies=[baked(call.request, "", 0)], headers=_NO_STORE)


async def _end(call: Call, headers: Mapping[str, str], secret: str) -> None:
    try:
        who = await _door(call).identity.who(headers)
    except Unknown:
        return  # the session was over before
    await sessions.end(call.desk, who, secret)


def _claim(said: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the headers in which a caller without a browser would say the same."""
    if "token" in said:
        if "user" in said or "password" in said:
            raise Invalid("is instead of user and password, not with them", field="token")
        return {"x-auth-token": said["token"]}
    for name in ("user", "password"):
        if name not in said:
            raise Invalid("is required, or else a token", field=name)
    if ":" in said["user"]:
        raise Invalid("must not contain ':'", field="user")
    pair = b64encode(f"{said['user']}:{said['password']}".encode()).decode()
    return {"authorization": f"Basic {pair}", "x-project": said.get("project", "")}


def _door(call: Call) -> Door:
    door: Door = call.request.app.state.door
    return door


def _ways(door: Door) -> tuple[str, ...]:
    scheme = door.identity.challenge.partition(" ")[0].lower()
    return _WAYS.get(scheme, ("token",))


def _shown(door: Door, who: Who) -> dict[str, Any]:
    known = door.rules.known(who)
    return {
        "signed_in": True,
        "ways": _ways(door),
        "user": who.user,
        "project": who.project,
        "roles": who.roles,
        "rights": sorted(right for right in Right if known.may(right)),
    }


OPEN = (show_session, change_project, sign_in, sign_out)  # asked without saying who one is
