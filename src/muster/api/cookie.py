"""The cookie by which a browser is known, and what it proves."""

from collections.abc import Mapping
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from muster.api.call import here
from muster.base.errors import Forbidden

_SAID = ("authorization", "x-auth-token")
Asking = ASGIConnection[Any, Any, Any, Any]


def proof(asking: Asking, challenge: str, *, from_page: bool) -> Mapping[str, str]:
    """Return the headers that say who is asking: his own, or what his cookie stands for.

    Raises `Forbidden` where a cookie alone is to change something and no page of ours says
    that it sent it. See Note [Cookies of pages].
    """
    secret = kept(asking)
    if not secret or not challenge or any(name in asking.headers for name in _SAID):
        return asking.headers
    if from_page and "origin" not in asking.headers:
        raise Forbidden("a cookie is taken only from pages of this service: Origin is missing")
    return {"x-auth-token": secret}


# Note [Cookies of pages]
# A browser sends cookies whoever's page asks. `SameSite=Strict` keeps ours out of what other
# sites ask, but a site is more than a host: a neighbour under one domain, or another port, is
# of the same. So what changes something, or opens a socket, must also say in Origin that a page
# of this very host sent it (the guard compares them); browsers always do. `HttpOnly` keeps the
# secret from scripts. Under TLS the name begins with `__Host-`, which browsers let no neighbour
# set, and the cookie never travels in the clear.
def baked(asking: Asking, secret: str, seconds: int) -> Cookie:
    """Return the cookie that stands for a secret. See Note [Cookies of pages]."""
    return Cookie(
        key=_name(asking),
        value=secret,
        max_age=seconds,
        path="/",
        secure=_is_private(asking),
        httponly=True,
        samesite="strict",
    )


def kept(asking: Asking) -> str:
    """Return what the cookie holds, "" without one."""
    return asking.cookies.get(_name(asking), "")


def _name(asking: Asking) -> str:
    return "__Host-muster" if _is_private(asking) else "muster_session"


def _is_private(asking: Asking) -> bool:
    return here(asking).partition(":")[0] in ("https", "wss")


def challenge(asking: Asking) -> dict[str, str]:
    """Return the header of a 401 that says how to come in.

    Told `Basic`, a browser would put up a dialog of its own over the page whose script asked.
    """
    said: str = asking.app.state.door.identity.challenge
    from_script = asking.headers.get("sec-fetch-mode", "navigate") != "navigate"
    if not said:
        return {}
    return {"WWW-Authenticate": 'Session realm="Muster"' if from_script else said}
