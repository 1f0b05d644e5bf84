"""A machine that registers itself by a token."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from muster.base.certificates import fingerprint
from muster.base.errors import Conflict, Forbidden, Invalid, Permanent, Transient, Unsupported
from muster.base.ids import new_id
from muster.base.secret import digest, new_secret
from muster.decide import machines as decide
from muster.decide.server_clusters.effects import reset
from muster.model.machine import Happening, Machine, MachineStatus
from muster.model.machine_token import MachineToken
from muster.ports.agent import Agents, Line, Order
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.lookup import as_id
from muster.service.provisioning.machines import alone
from muster.service.provisioning.tokens import admitting, used

Registering = decide.Call
_PROVIDER = "/os/1.0/system/provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    machine: Machine
    certificate: str  # PEM: what the machine has to trust
    secret: str  # by which it is known when it calls; here and never again


# Note [Who a machine is]
# Whoever bears a token may say where a machine is and which certificate it shows. From then on it
# is held to that: it is asked over a connection that breaks unless that certificate is shown, which
# only its owner can do. One that names no certificate is held to the one that it shows when it
# is asked first. When it calls by itself it is known by a secret that it alone was given, not by
# a client's certificate: Python's TLS takes none from a client whom it cannot verify beforehand.
async def registered(desk: Desk, token: str, call: Registering) -> Registered:
    """Return the machine, one use of the token taken in the same transaction.

    A machine that registers again by the same token, its answer lost, takes no further use, nor
    does one that is set back to the token that it had before, each by proof of its key: see
    Note [Who a machine is] and Note [Registered again].
    """
    if desk.agents is None:
        raise Unsupported("this server looks after no machines")
    shown = fingerprint(call.certificate) if call.certificate else ""
    if shown is None:
        raise Invalid("is no certificate in PEM", field="certificate")
    now, secret = desk.clock.now(), new_secret()

    def work(tx: Transaction) -> Registered:
        alone(tx, new_id(), now)
        by = admitting(tx, token, now)
        every = tx.machines.find(Query())
        known = _known(every, call, (shown, by))
        if _is_claimed(known, shown, by) and (proven is None or known != proven):
            raise Transient("this server is being asked whether it registers again; try again")
        if known is None or not shown or by.id not in (known.token_id, known.former_token_id):
            used(tx, by)
        _refuse_twins(every, known, call.name)
        plain = known or Machine(id=new_id(), name=call.name, channel=by.channel, created_at=now)
        whole = f"{plain.id.hex}.{secret}"
        machine = _described(plain, call, by, now)
        machine = replace(machine, fingerprint=shown, secret=digest(whole))
        tx.machines.put(machine)
        return Registered(machine=machine, certificate=papers, secret=whole)

    papers = desk.agents.certificate
    try:
        claimed = await desk.store.read(lambda tx: _claimed(tx, (token, now), call, shown))
        proven = await _proven(desk.agents, call, *claimed) if claimed else None
        return await desk.store.write(work)
    except (Invalid, Forbidden) as error:
        await _turned_away(desk, token, error.text)
        raise


# Note [Registered again]
# A certificate is no secret: whoever connects to a machine is shown it. So who names one that is
# known here has to prove its key: it counts once the address that he gives has shown that very
# certificate in a handshake, and until then everything stays. That could be the machine's own
# address, given by somebody else who wants its secret. So by the token of its last registration
# it may come again only while its answer can have been lost: since then it has told us nothing,
# as it would have trusted us, or it says over a connection of its own that it is not registered.
def _claimed(
    tx: Transaction, by: tuple[str, datetime], call: Registering, shown: str
) -> tuple[Machine, MachineToken] | None:
    """Return which machine a caller says he is, where that has to be proven."""
    token = admitting(tx, *by)
    known = _known(tx.machines.find(Query()), call, (shown, token))
    return (known, token) if known and _is_claimed(known, shown, token) else None


def _is_claimed(known: Machine | None, shown: str, by: MachineToken) -> bool:
    if known is None or not shown or known.fingerprint != shown:
        return False
    return not (known.token_id == by.id and _is_awaited(known))


def _is_awaited(machine: Machine) -> bool:
    return bool(machine.owes_reset) or machine.status is MachineStatus.UNREGISTERED


async def _proven(agents: Agents, call: Registering, known: Machine, by: MachineToken) -> Machine:
    """Return the machine that its key was proven for. See Note [Registered again]."""
    if fingerprint(await agents.shown(call.connection_url)) != known.fingerprint:
        text = f"{call.connection_url} does not show the certificate of server '{known.name}'"
        raise Forbidden(f"{text}: who registers again has to be asked there")
    if by.id == known.token_id and known.whole_at and await _is_registered(agents, call):
        raise Forbidden(f"server '{known.name}' is registered by this token, and says so")
    return known


async def _is_registered(agents: Agents, call: Registering) -> bool:
    line = Line(url=call.connection_url.rstrip("/"), certificate=call.certificate)
    try:
        said = await agents.call(line, Order(path=_PROVIDER))
    except Permanent:
        return True  # it does not say otherwise
    return not isinstance(said, dict) or said.get("state", {}).get("registered") is not False


async def _turned_away(desk: Desk, token: str, why: str) -> None:
    """Write to a machine that tries to come back after its reset why it is not let in."""
    text = f"it tries to come back, and is turned away: {why}"
    query = Query(where={"status": (str(MachineStatus.UNREGISTERED),)})

    def late(tx: Transaction) -> list[Machine]:
        mine = [each for each in tx.machines.find(query) if each.token_id == as_id(token)]
        return [
            replace(each, reason=text) for each in mine if each.token_id and each.reason != text
        ]

    if await desk.store.read(late):
        await desk.store.write(lambda tx: tx.machines.put(*late(tx)))


def _known(
    every: Sequence[Machine], call: Registering, proof: tuple[str, MachineToken]
) -> Machine | None:
    """Return the machine that calls: by its token, its certificate, or as it was expected."""
    shown, by = proof
    for each in every:  # that was told to reset itself, with a token for it alone
        if _is_awaited(each) and each.token_id == by.id:
            return each
    mine = [each for each in every if shown and each.fingerprint == shown]
    if mine:
        return mine[0]
    likely = sorted(every, key=lambda each: -decide.same(each, call))
    return likely[0] if likely and decide.same(likely[0], call) else None


def _refuse_twins(every: Sequence[Machine], known: Machine | None, name: str) -> None:
    if known is None and any(each.name == name for each in every):
        raise Conflict(f"there is a server '{name}' already: call this one otherwise", field="name")


def _described(plain: Machine, call: Registering, by: MachineToken, now: datetime) -> Machine:
    came = replace(
        reset(plain, now) if plain.owes_reset and plain.token_id == by.id else plain,
        connection_url=call.connection_url.rstrip("/"),
        public_connection_url=call.public_connection_url or plain.public_connection_url,
        machine_id=call.machine_id,
        system_uuid=call.system_uuid,
        certificate=call.certificate,
        token_id=by.id,
        former_token_id=plain.former_token_id if plain.token_id == by.id else plain.token_id,
        reason="",
        polls=0,
        polled_at=None,
        whole_at=None,
        updated_at=now,
    )
    expected = came.status is MachineStatus.UNREGISTERED
    return came.met(Happening.REGISTERED, now) if expected or not came.cluster else came
