"""Drives as a whole: wiped, encrypted by a key of the machine's own, taken on with their key."""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from muster.agent import doing, provider
from muster.agent.agent import Agent
from muster.agent.drives import drives, encryption
from muster.agent.envelope import Asked
from muster.agent.machine import HOME, Machine
from muster.agent.said import wrong
from muster.agent.steps import run
from muster.agent.storage import Storage, look
from muster.base.errors import Conflict, MusterError, NotFound, Unsupported
from muster.base.secret import new_key

TABLE = "/etc/crypttab"
_KEY_BYTES = 64
_A_DAY_S = 86400.0  # a large disk is overwritten from end to end
_CHANGED = "storage-config-changed"
Drive = Mapping[str, Any]

# Note [Whose key opens it]
# A drive is opened by a file of the machine's own, which is in its backup, and whose name is made
# of the drive's. What somebody else's key opens gets that of the machine beside it; theirs is kept
# nowhere. The table by which the system opens drives when it starts has a line for each; without
# its drive the machine starts all the same. A new key is put beside an old one until the drive has
# it, so that whoever is cut off meanwhile loses none.


def wipe(agent: Agent, asked: Asked) -> object:
    """Forget what a drive was used for; with `secure_wipe` overwrite all of it. One in use stays.

    A drive that can erase itself securely does that in a moment, any other is written full of
    zeroes, which takes hours. One that was encrypted here is closed, and its key forgotten.
    """
    machine, (drive, said) = agent.machine, _unused(agent.machine, asked)
    _close(machine, drive)
    if said.get("secure_wipe") is True:
        _erase(machine, str(drive["id"]))
    doing.perform(machine, run("wipefs", "--all", str(drive["id"]), timeout_s=60.0))
    machine.put(_key(drive), None)
    return {}


def encrypt(agent: Agent, asked: Asked) -> object:
    """Encrypt a drive, which loses all that is on it; it is opened now and after each start.

    See Note [Whose key opens it].
    """
    machine, (drive, said) = agent.machine, _unused(agent.machine, asked)
    _refuse_without_means(machine)
    if drive["encrypted_id"]:
        raise Conflict(f"{drive['id']} is encrypted, and open as {drive['encrypted_id']}")
    if said.get("secure_wipe") is True:
        _erase(machine, str(drive["id"]))
    new = f"{_key(drive)}.new"
    machine.put(new, _fresh(), 0o600)
    words = ("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--key-file", new)
    try:
        doing.perform(machine, run(*words, str(drive["id"]), timeout_s=120.0))
        machine.put(_key(drive), machine.text(new), 0o600)
    finally:
        machine.put(new, None)
    _open(agent, drive)
    return {}


def take_on(agent: Agent, asked: Asked) -> object:
    """Open a drive that is encrypted already, by `key`: a file in base64; without, by our own.

    See Note [Whose key opens it].
    """
    machine, (drive, said) = agent.machine, _unused(agent.machine, asked)
    _refuse_without_means(machine)
    if not drive["encrypted"] or drive["encrypted_id"]:
        how = f"open as {drive['encrypted_id']}" if drive["encrypted_id"] else "not encrypted"
        raise Conflict(f"{drive['id']} is {how}")
    if "key" in said:
        _add_our_key(machine, drive, _decoded(said["key"]))
    elif machine.text(_key(drive)) is None:
        raise wrong("key", "is required: this machine has no key of that drive")
    _open(agent, drive)
    return {}


def _add_our_key(machine: Machine, drive: Drive, theirs: str) -> None:
    new, lent = f"{_key(drive)}.new", f"{_key(drive)}.lent"
    words = ("cryptsetup", "luksAddKey", "--batch-mode", "--key-file", lent, str(drive["id"]), new)
    try:
        machine.put(lent, theirs, 0o600)
        machine.put(new, _fresh(), 0o600)
        try:
            doing.perform(machine, run(*words, timeout_s=60.0))
        except MusterError as error:
            raise wrong("key", f"does not open {drive['id']}: {error.text}") from None
        machine.put(_key(drive), machine.text(new), 0o600)
    finally:
        machine.put(lent, None)
        machine.put(new, None)


def _open(agent: Agent, drive: Drive) -> None:
    """Open a drive by our key, now and after each start."""
    id, name, key = str(drive["id"]), _name(drive), _key(drive)
    words = ("cryptsetup", "open", "--type", "luks", "--key-file", key, id, name)
    doing.perform(agent.machine, run(*words, timeout_s=60.0))
    line = f"{name} {id} {key} luks,nofail\n"
    others = _lines_of_others(agent.machine, name)
    agent.machine.put(TABLE, "".join((*others, line)))
    provider.note(agent, _CHANGED)


def _close(machine: Machine, drive: Drive) -> None:
    """Close a drive that is open by us. Raises `Conflict` where it is open by somebody else."""
    name, at = _name(drive), str(drive["encrypted_id"])
    others = _lines_of_others(machine, name)
    if at and at != f"/dev/mapper/{name}":
        raise Conflict(f"{drive['id']} is in use: somebody has opened it as {at}")
    if at:
        doing.perform(machine, run("cryptsetup", "close", name))
    if others != _lines(machine):
        machine.put(TABLE, "".join(others))


def _lines(machine: Machine) -> list[str]:
    return [f"{each}\n" for each in (machine.text(TABLE) or "").splitlines()]


def _lines_of_others(machine: Machine, name: str) -> list[str]:
    return [each for each in _lines(machine) if each.split()[:1] != [name]]


def _name(drive: Drive) -> str:
    return "luks-" + re.sub(r"[^A-Za-z0-9_.-]", "_", str(drive["id"]).rpartition("/")[2])


def _key(drive: Drive) -> str:
    return f"{HOME}/{_name(drive)}.key"


def _fresh() -> str:
    return b64encode(new_key(_KEY_BYTES)).decode()


def _decoded(told: object) -> str:
    """Return the key that base64 says, as text that any byte can be in."""
    try:
        key = b64decode(str(told), validate=True)
    except (binascii.Error, ValueError):
        raise wrong("key", "must be base64") from None
    if not key:
        raise wrong("key", "must not be empty")
    return key.decode(errors="surrogateescape")


def _refuse_without_means(machine: Machine) -> None:
    for ability in encryption(machine).values():
        if ability.reason:
            raise Unsupported(ability.reason)


def _unused(machine: Machine, asked: Asked) -> tuple[Drive, Mapping[str, Any]]:
    """Return the drive that is meant, with all that was said. Raises `Conflict` for one in use."""
    said = asked.body if isinstance(asked.body, dict) else {}
    told = said.get("id")
    pools = look(machine, Storage()).pools
    found = [each for each in drives(machine, pools) if each["id"] == told]
    if not isinstance(told, str) or not found:
        raise NotFound(f"there is no drive {told or ''}: `id` is one of state.drives")
    if found[0]["boot"] or machine.ask("lsblk", "-nro", "MOUNTPOINT", told).out.strip():
        raise Conflict(f"{told} is in use")
    if found[0]["member_pool"]:
        raise Conflict(f"{told} is in use by pool {found[0]['member_pool']}")
    return found[0], said


def _erase(machine: Machine, drive: str) -> None:
    if not machine.runner.has("blkdiscard"):
        raise Unsupported("secure_wipe: there is no blkdiscard here")
    if machine.runner.run(run("blkdiscard", "--force", "--secure", drive, timeout_s=3600.0)).code:
        zeroing = run("blkdiscard", "--force", "--zeroout", drive, timeout_s=_A_DAY_S)
        doing.perform(machine, zeroing)
