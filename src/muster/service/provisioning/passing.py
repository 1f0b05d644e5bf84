"""What a machine is asked or told by its own interface, over Muster and its pinned connection."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from muster.base.errors import (
    Conflict,
    Invalid,
    Lacking,
    MusterError,
    NotFound,
    Permanent,
    Refused,
    Transient,
    Unavailable,
    Unsupported,
)
from muster.decide.passing import RECONFIGURES, part_of, refusal
from muster.decide.secrets import masked
from muster.model.machine import Happening, Machine
from muster.ports.agent import Order, line_of
from muster.ports.store import Transaction
from muster.service.desk import Desk
from muster.service.provisioning.clusters import found as cluster_found
from muster.service.provisioning.clusters import refuse_changing
from muster.service.provisioning.machines import found

READING_S, CHANGING_S = 15.0, 300.0  # applications come over somebody's network
_MEANT: Mapping[int, type[Refused]] = {
    400: Invalid,
    404: NotFound,
    409: Lacking,
    501: Unsupported,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """One call to a machine; `before` is the path that URLs in its answer begin with."""

    method: str
    path: str  # 1.0/..., of its own interface
    body: Any = None
    query: Mapping[str, str] | None = None
    before: str = ""
    force: bool = False  # although its cluster is at something


# Note [Not behind its back]
# What is told to a machine over Muster is known to Muster: it looks at it again. A member whose
# cluster is at something is not changed meanwhile, for the job has seen what it is set to.
async def passed(desk: Desk, name: str, call: Passing) -> Any:
    """Return what a machine answers; what is secret in it as digests.

    See Note [Not behind its back]. Raises what the machine complains of as what it means, and
    `Unavailable` where it does not answer in time.
    """
    if desk.agents is None:
        raise Unsupported("this server looks after no machines")
    if why := refusal(call.method, call.path):
        raise Invalid(why, field="path")
    changes = call.method != "GET"
    machine = await desk.store.read(lambda tx: _reachable(tx, name, changes and not call.force))
    query = f"?{urlencode(call.query)}" if call.query else ""
    order = Order(
        path=f"/os/{call.path}".rstrip("/") + query,
        method=call.method,
        body=call.body,
        within_s=CHANGING_S if changes else READING_S,
        known_as=call.before,
    )
    try:
        said = await desk.agents.call(line_of(machine), order)
    except Transient as error:
        so_far = ": it may be at it still" if changes else ""
        raise Unavailable(f"server '{name}': {error.text}{so_far}") from None
    except Permanent as error:
        raise _meant(name, error) from None
    if changes:
        await desk.store.write(lambda tx: tx.machines.put(_told(desk, found(tx, name), call.path)))
    return masked(said)


def _reachable(tx: Transaction, name: str, changes: bool) -> Machine:
    machine = found(tx, name)
    if not machine.connection_url:
        raise Conflict(f"server '{name}' has not registered: it cannot be asked")
    if changes and machine.cluster:
        cluster = cluster_found(tx, machine.cluster)
        if cluster.busy and cluster.job:
            text = f"its cluster '{cluster.name}' is at something: {cluster.job.kind}"
            raise Conflict(f"server '{name}' is not changed now: {text}")
        refuse_changing(tx, cluster)
    return machine


def _meant(name: str, error: Permanent) -> MusterError:
    status = error.details.get("status")
    kind = _MEANT.get(status) if isinstance(status, int) else None
    return (kind or Permanent)(f"server '{name}': {error.text}")


def _told(desk: Desk, machine: Machine, path: str) -> Machine:
    """Return a machine that is to be looked at again, for it was told something."""
    again = replace(machine, polled_at=None, whole_at=None)
    if part_of(path) in RECONFIGURES:
        return again.met(Happening.RECONFIGURED, desk.clock.now())
    return again
