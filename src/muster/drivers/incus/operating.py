"""What can be done to an instance that is there, and what cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.look import Lookout
from muster.drivers.incus.making import state
from muster.drivers.incus.members import Members
from muster.drivers.incus.placing import ONLINE
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.drivers.incus.shape import source
from muster.model.step import Operation

PATIENCE_S = 10  # of a clean stop; then the power goes
LEAVES = "user.muster.leaves"  # the member that it leaves, and whether it ran there
RUNS = "running"


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of state: the action, and in which states there is nothing to be done."""

    action: str
    done: frozenset[str]


TURNS: Mapping[Operation, Turn] = {
    Operation.START: Turn("start", frozenset({"Running", "Frozen"})),
    Operation.STOP: Turn("stop", frozenset({"Stopped"})),
    Operation.PAUSE: Turn("freeze", frozenset({"Frozen"})),
    Operation.UNPAUSE: Turn("unfreeze", frozenset({"Running"})),
    Operation.REBOOT: Turn("restart", frozenset()),
    Operation.RESTART: Turn("restart", frozenset()),
}
_NO_DISK = "Incus suspends a container only with CRIU, which is not relied on here; pause it"
_NO_LOCK = "an instance here is locked to nobody: whoever may use the cluster may operate it"
_NO_RESCUE = "a container has no boot disk to be rescued; rebuild it instead"
UNABLE: Mapping[Operation, str] = {
    Operation.SUSPEND: _NO_DISK,
    Operation.RESUME: _NO_DISK,
    Operation.LOCK: _NO_LOCK,
    Operation.UNLOCK: _NO_LOCK,
    Operation.RESCUE: _NO_RESCUE,
    Operation.UNRESCUE: _NO_RESCUE,
    Operation.CHANGE_PASSWORD: "nobody logs in by password here: give the cluster a key pair",
}


# Note [Moved once]
# A running container cannot move: it is stopped, moved and started, and Muster may be killed
# between any two. So it says on the instance first which member it leaves and whether it ran
# there. Whoever takes the step up again goes on from there: what has left is not moved again,
# maybe back, and what ran runs again.
class Operator:
    def __init__(self, rest: Rest, lookout: Lookout, members: Members) -> None:
        self._rest = rest
        self._lookout = lookout
        self._members = members

    async def operate(self, ref: str, operation: Operation, params: Mapping[str, Any]) -> None:
        """Do it; raises `Permanent` for what is not there and for what cannot be done here."""
        instance = await self._lookout.ours(ref)
        if instance is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        if operation in UNABLE:
            raise Permanent(UNABLE[operation])
        self._lookout.busy.add(ref)
        try:
            match operation:
                case Operation.REBUILD:
                    await self._rebuild(ref, instance, params)
                case Operation.EVACUATE:
                    await self._move(ref, instance, str(params.get("host") or ""))
                case _:
                    await self._turn(ref, instance["status"], operation, params)
        finally:
            self._lookout.busy.discard(ref)

    async def _turn(
        self, ref: str, status: str, operation: Operation, params: Mapping[str, Any]
    ) -> None:
        turn = TURNS[operation]
        if status in turn.done:
            return
        if operation is Operation.STOP:
            await self._stop(ref)
        elif turn.action == "restart":
            await self._restart(ref, status, hard=str(params.get("type", "")).upper() == "HARD")
        elif status == "Stopped" and operation in (Operation.PAUSE, Operation.UNPAUSE):
            raise Permanent(f"{ref} does not run")
        else:
            await self._done(state(ref, turn.action))

    async def _restart(self, ref: str, status: str, *, hard: bool) -> None:
        if status == "Frozen":
            await self._done(state(ref, "unfreeze"))
        if status != "Stopped":
            await (self._done(state(ref, "stop", force=True)) if hard else self._stop(ref))
        await self._done(state(ref, "start"))

    async def _stop(self, ref: str) -> None:
        """Ask it to end; what does not within a while is ended."""
        asked = {"action": "stop", "timeout": PATIENCE_S, "force": False}
        where = path("instances", ref, "state")
        try:
            await self._done(Call(method="PUT", path=where, body=asked, deadline_s=WRITE_S))
        except DriverError:
            await self._done(state(ref, "stop", force=True))

    async def _rebuild(
        self, ref: str, instance: Mapping[str, Any], params: Mapping[str, Any]
    ) -> None:
        """Bring the root disk back to the image, that it was made from or another."""
        image = str(params.get("image") or instance["config"].get("user.muster.image", ""))
        if instance["status"] != "Stopped":
            await self._done(state(ref, "stop", force=True))
        body = {"source": source(image)}
        where = path("instances", ref, "rebuild")
        call = Call(method="POST", path=where, body=body, deadline_s=WRITE_S, to_be_seen=True)
        await self._done(call)
        await self._done(state(ref, "start"))

    async def _move(self, ref: str, instance: Mapping[str, Any], host: str) -> None:
        """Move it to another member. See Note [Moved once]."""
        left, _, ran = str(instance["config"].get(LEAVES, "")).partition(" ")
        runs = ran == RUNS if left else instance["status"] != "Stopped"
        target = host or await self._other(instance["location"])
        if left in ("", instance["location"]) and target != instance["location"]:
            return await self._carry(ref, instance, target, runs=runs)
        if runs and instance["status"] == "Stopped":
            await self._done(state(ref, "start"))
        if left:
            await self._mark(ref, "")

    async def _carry(
        self, ref: str, instance: Mapping[str, Any], target: str, *, runs: bool
    ) -> None:
        """Move it there, and have it run again if it did."""
        if volumes := _volumes(instance):
            text = (
                f"{ref} has volumes, which stay where they are: detach {', '.join(volumes)} first"
            )
            raise Permanent(text)
        await self._mark(ref, f"{instance['location']} {RUNS if runs else ''}")
        if instance["status"] != "Stopped":
            await self._stop(ref)
        body = {"name": ref, "migration": True}
        move = Call(
            method="POST",
            path=path("instances", ref),
            params={"target": target},
            body=body,
            deadline_s=WRITE_S,
            to_be_seen=True,
        )
        try:
            await self._done(move)
        finally:
            if runs:
                await self._done(state(ref, "start"))
        await self._mark(ref, "")

    async def _mark(self, ref: str, said: str) -> None:
        body = {"config": {LEAVES: said}}
        where = path("instances", ref)
        await self._done(Call(method="PATCH", path=where, body=body, deadline_s=WRITE_S))

    async def _other(self, here: str) -> str:
        roster = await self._members.roster()
        if not roster.clustered:
            raise Permanent("there is one server only: nowhere to move to")
        others = (each for each in roster.members.values() if each.name != here)
        found = next((each.name for each in others if each.status == ONLINE and each.takes), "")
        if not found:
            raise Transient("no other member takes an instance now")
        return found

    async def _done(self, call: Call) -> None:
        """Put the call into effect; having been so already is no error, being gone is."""
        try:
            await self._rest.put_into_effect(call)
        except DriverError as error:
            if is_missing(error) or not is_taken(error):
                raise


def _volumes(instance: Mapping[str, Any]) -> list[str]:
    """Return the volumes that it has, also those that somebody attached without us."""
    devices = instance["expanded_devices"].values()
    there = (each for each in devices if each["type"] == "disk" and each.get("path") != "/")
    return [str(each["source"]) for each in there if each.get("pool")]
