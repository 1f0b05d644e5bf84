"""What can be done to a server that is there, and what cannot."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.openstack.answers import TAKEN, status_of
from muster.drivers.openstack.images import OpenStackImages
from muster.drivers.openstack.listing import Listing
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.states import fault, settles
from muster.model.cloud import NEEDS, Ability
from muster.model.step import Operation

SETTLE_S = 45.0  # less than the engine gives a step
FIRST_LOOK_S, LONGEST_LOOK_S = 0.3, 2.0
AGAIN = 3  # times that Nova says it is at something after all


@dataclass(frozen=True, slots=True)
class Turn:
    """One of Nova's actions: what it is called, and in which statuses it has been done."""

    action: str
    done: frozenset[str] = frozenset()
    body: Mapping[str, Any] | None = None
    unless: frozenset[str] = field(default_factory=frozenset)  # statuses in which it cannot be


RUNS = frozenset({"ACTIVE"})
OFF = frozenset({"SHUTOFF"})
TURNS: Mapping[Operation, Turn] = {
    Operation.START: Turn("os-start", RUNS),
    Operation.STOP: Turn("os-stop", OFF),
    Operation.PAUSE: Turn("pause", frozenset({"PAUSED"}), unless=OFF),
    Operation.UNPAUSE: Turn("unpause", RUNS, unless=OFF),
    Operation.SUSPEND: Turn("suspend", frozenset({"SUSPENDED"}), unless=OFF),
    Operation.RESUME: Turn("resume", RUNS, unless=OFF),
    Operation.LOCK: Turn("lock"),
    Operation.UNLOCK: Turn("unlock"),
    Operation.RESCUE: Turn("rescue", frozenset({"RESCUE"})),
    Operation.UNRESCUE: Turn("unrescue", RUNS),
    Operation.REBOOT: Turn("reboot"),
    Operation.RESTART: Turn("reboot"),
    Operation.REBUILD: Turn("rebuild"),
    Operation.CHANGE_PASSWORD: Turn("changePassword"),
}
# A start of what is paused, suspended or rescued, and a restart of what is off, by its status.
WAKES: Mapping[str, Turn] = {
    "PAUSED": Turn("unpause"),
    "SUSPENDED": Turn("resume"),
    "RESCUE": Turn("unrescue"),
}
_WAKING = (Operation.START, Operation.REBOOT, Operation.RESTART)


# Note [Until nothing is being done]
# Nova takes an action on and does it later; while it does, the next one is refused with 409, and
# the status shown is the one from before. So what is busy is waited for, before and after, by
# looking at the server itself anew: a client's own waiting for a status is content at once with
# the status from before.
class Operator:
    """See Note [Until nothing is being done]."""

    def __init__(
        self,
        rest: Rest,
        listing: Listing,
        images: OpenStackImages,
        cannot: Mapping[Ability, str],
    ) -> None:
        self._rest = rest
        self._listing = listing
        self._images = images
        self._cannot = cannot

    async def operate(self, ref: str, operation: Operation, params: Mapping[str, Any]) -> None:
        """Do it; raises `Permanent` for what is not there and for what cannot be done here."""
        if await self._listing.record(ref) is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        need = NEEDS.get(operation)
        if operation not in TURNS or (need and need in self._cannot):
            raise Permanent(self._cannot.get(need, "") if need else f"no {operation.value} here")
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._tried(ref, operation, params)
        except TimeoutError:
            raise Transient(f"Nova has been at {ref} for {SETTLE_S:g} s") from None
        finally:
            self._listing.forget()

    async def _tried(self, ref: str, operation: Operation, params: Mapping[str, Any]) -> None:
        """Do it once nothing else is being done, which may be different in a moment."""
        for attempt in range(AGAIN):
            said = await self._settled(ref)
            turn = _turn(operation, str(said["status"]))
            if turn is None:
                return
            body = {turn.action: await self._body(turn, said, params)}
            try:
                await self._rest.post("compute", f"/servers/{ref}/action", body)
            except DriverError as error:
                if status_of(error) != TAKEN or attempt == AGAIN - 1:
                    raise
                continue
            await self._ended(ref, operation)
            return

    async def _ended(self, ref: str, operation: Operation) -> None:
        said = await self._settled(ref)
        if said["status"] == "ERROR":
            raise Transient(
                f"{operation.value} of {ref} failed: {fault(said) or 'Nova says error'}"
            )

    async def _settled(self, ref: str) -> Mapping[str, Any]:
        """Return the server once nothing is being done to it."""
        pause = FIRST_LOOK_S
        while True:
            said = await self._listing.record(ref)
            if said is None:
                raise Permanent(f"there is no server {ref}", ref=ref)
            if settles(said):
                return said
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_LOOK_S)

    async def _body(self, turn: Turn, said: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
        match turn.action:
            case "reboot":
                hard = str(params.get("type", "")).upper() == "HARD"
                return {"type": "HARD" if hard or said["status"] != "ACTIVE" else "SOFT"}
            case "rebuild":
                image = str(params.get("image") or said["metadata"].get("muster.image", ""))
                return {"imageRef": await self._images.resolve(image)}
            case "rescue":
                image = str(params.get("image_ref") or params.get("image") or "")
                return {"rescue_image_ref": await self._images.resolve(image)} if image else None
            case "changePassword":
                return {"adminPass": str(params.get("admin_pass") or params.get("password") or "")}
        return None


def _turn(operation: Operation, status: str) -> Turn | None:
    """Return what is to be done to a server in that status, None for nothing."""
    if operation in _WAKING and status in WAKES:
        return WAKES[status]
    if operation in (Operation.REBOOT, Operation.RESTART) and status in OFF:
        return TURNS[Operation.START]
    turn = TURNS[operation]
    if status in turn.done:
        return None
    if status in turn.unless:
        raise Permanent("it does not run")
    return turn
