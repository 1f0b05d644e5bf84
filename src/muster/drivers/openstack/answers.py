"""What an answer of OpenStack that says no means: try again later, or never."""

import re
from collections.abc import Mapping
from typing import Any

from muster.base.errors import DriverError, Permanent, Transient

BAD = 400
MISSING = 404
TAKEN = 409
FORBIDDEN = 403
TOO_LARGE = 413  # older services say so of calls that come too fast
OFTEN = 429
INSIDE = 500  # and beyond: it failed within, or on the way
AWAY = 503
# Answers after which the same call is worth repeating at once, in a moment: nothing was begun.
REPEATED = frozenset({TOO_LARGE, OFTEN, AWAY})
QUOTA = re.compile(r"quota|exceed|limit", re.IGNORECASE)
# Nothing that is wrong with the order itself: others leave, a service comes back, a role is given.
PASSING = frozenset({401, 408, TAKEN, TOO_LARGE, 425, OFTEN})


# Note [Forbidden, or full]
# Nova and Neutron answer what goes beyond a quota as they do what a role may not: 403, or 409 by
# Neutron, or 413 by Cinder. Only the words tell the two apart. What is full now may have room
# later; what a role may not, it may not the next time either.
def refusal(status: int, said: Any, what: str) -> DriverError:
    """Return the error for a refused call; `details["status"]` is its status.

    See Note [Forbidden, or full].
    """
    text = words(said) or f"status {status}"
    full = status == FORBIDDEN and QUOTA.search(text) is not None
    kind = Transient if status >= INSIDE or status in PASSING or full else Permanent
    return kind(f"{what}: {text}", status=status, full=full)


def words(said: Any) -> str:
    """Return what a body says went wrong: each service wraps it in a name of its own."""
    if not isinstance(said, Mapping):
        return str(said or "").strip()[:300]
    inner = said.get("NeutronError", said)
    for key in ("message", "faultstring", "title", "detail"):
        if isinstance(inner, Mapping) and isinstance(inner.get(key), str):
            return str(inner[key])
    for value in said.values():
        if isinstance(value, Mapping):
            return words(value)
    return ""


def status_of(error: DriverError) -> int:
    found = error.details.get("status")
    return found if isinstance(found, int) else 0


def is_missing(error: DriverError) -> bool:
    return status_of(error) == MISSING


def is_turned_down(error: DriverError) -> bool:
    """Return whether nothing comes of that call: it was answered, and by no gateway.

    409 is said of a call that is there twice, the first of which may have been obeyed.
    """
    status = status_of(error)
    return BAD <= status < INSIDE and status != TAKEN
