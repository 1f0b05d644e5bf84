"""What an answer of Incus that says no means: try again later, or never."""

from collections.abc import Mapping
from typing import Any

from muster.base.errors import DriverError, Permanent, Transient

MISSING = 404
TAKEN = 409

# Note [Refusals in prose]
# Incus answers most refusals with 500 and a sentence: a full pool, a member that just
# starts, and an image that does not exist look alike but for the words. What is found
# here in the sentence decides, in this order; any other 500 may pass, so it is tried
# again. A refusal also comes as HTTP 200 with `type: error` in the body: the status of
# the response counts for nothing, that of the body does.
PROSE: tuple[tuple[str, int], ...] = (
    # There already, by us or by another call of ours that was cut short.
    ("unique constraint", TAKEN),
    ("already exists", TAKEN),
    ("already running", TAKEN),
    ("already stopped", TAKEN),
    ("already frozen", TAKEN),
    ("already in use", TAKEN),
    ("overlaps with another network", TAKEN),
    ("instance not found", MISSING),
    ("instance is not running", TAKEN),
    ("the instance is already", TAKEN),
    ("isn't frozen", TAKEN),
    # A limit of the project with room for nothing more now: others may leave.
    ("reached maximum", 503),
    # A limit of a project that an order leaves open will be missed the next time as well.
    ('has no "limits.', 400),
    # A member that is to go: by force it would, and its instances from the database with it.
    ("still has the following", 400),
    ("no space left on device", 503),
    ("isn't ready yet", 503),
    ("missing event connection", 503),
    ("database is closed", 503),
    ("database is locked", 503),
    ("unable to connect to", 503),
    ("is evacuated", 503),
    ("is busy", 503),
    ("image not found", 400),
    ("image not provided", 400),
    ("couldn't find image", 400),
    ("failed getting image", 400),
    ("network not found", 400),
    ("storage pool not found", 400),
    ("profile not found", 400),
    ("doesn't match instance type", 400),
    ("is not within the network subnet", 400),
    ("in its routes", 400),
    ("isolated ovn network", 400),
    ("invalid", 400),
    ("not supported", 400),
    ("unsupported", 400),
)
# Statuses that never turn into a yes by asking again. Not being trusted (401, 403) is mended
# by whoever runs the servers, and then the same call works.
NEVER = frozenset({400, 404, 405, 409, 410, 422})


def refusal(said: Mapping[str, Any], what: str) -> DriverError:
    """Return the error that a body of `type: error` stands for. See Note [Refusals in prose]."""
    return failure(int(said.get("error_code") or 0), str(said.get("error") or ""), what)


def failure(code: int, text: str, what: str) -> DriverError:
    """Return the error for a refused call `what`; `details["status"]` tells its kind."""
    status = _status(code, text)
    kind = Permanent if status in NEVER else Transient
    return kind(f"{what}: {text or f'status {status}'}", status=status)


def _status(code: int, text: str) -> int:
    low = text.lower()
    if code in (0, 400, 500):
        return next((status for words, status in PROSE if words in low), code or 500)
    return code


def is_missing(error: DriverError) -> bool:
    return error.details.get("status") == MISSING


def is_taken(error: DriverError) -> bool:
    return error.details.get("status") == TAKEN


# Note [A member away]
# What Incus tells all members of its cluster it refuses while one is away, in words that depend
# on how far it came: it is held dead, cannot be reached, or does not answer.
OF_A_PEER = ("peer node", "failed to connect to peer", "failed to notify peer")


def is_of_a_peer(error: DriverError) -> bool:
    """Return whether another member's absence is why. See Note [A member away]."""
    return any(words in error.text.lower() for words in OF_A_PEER)
