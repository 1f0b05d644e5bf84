"""A WebSocket to a Muster server, its refusals in plain words."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from muster.client.http import Access, ApiError, Unreachable

OPENING_S = 10.0


@contextmanager
def wire(access: Access, path: str) -> Iterator[ClientConnection]:
    """Yield the socket at `path`; raises as a `Session` does where it does not open."""
    scheme, _, where = access.url.partition("://")
    secure = scheme == "https"
    try:
        line = connect(
            f"{'wss' if secure else 'ws'}://{where}{path}",
            additional_headers=_headers(access),
            ssl=_context(access) if secure else None,
            open_timeout=OPENING_S,
            compression=None,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise ApiError(status, "refused", f"the server refused this: {status}", []) from None
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise Unreachable(f"no Muster server answers at {access.url} ({error})") from None
    with line:
        yield line


def _headers(access: Access) -> dict[str, str]:
    if access.user and not access.token:
        said = b64encode(f"{access.user}:{access.password}".encode()).decode()
        return {**access.headers, "Authorization": f"Basic {said}"}
    return access.headers


def _context(access: Access) -> ssl.SSLContext:
    return ssl.create_default_context(
        cafile=access.verify if isinstance(access.verify, str) else None
    )
