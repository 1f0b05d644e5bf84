"""Write down what a machine was told and who it is, and have a machine be so again."""

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from muster.agent import certificate
from muster.agent.agent import Agent
from muster.agent.envelope import Asked, Binary
from muster.agent.failures import Undone
from muster.agent.keeper import Keeper
from muster.agent.machine import HOME, Machine
from muster.agent.provider import PROVIDER
from muster.agent.said import read
from muster.base.errors import Conflict, Invalid, MusterError, Unsupported

# What a configuration may end with that nobody foresaw: no half of a backup is left by that.
FAULTS = (MusterError, OSError, LookupError, TypeError, ValueError, ArithmeticError, RuntimeError)
_SURROGATE = re.compile("[\ud800-\udfff]")  # which no file can hold
VERSION, KIND = 1, "application/gzip"
IDENTITY = "identity"
LARGEST = 16 * 1024 * 1024
LAST = ("system/network", PROVIDER.name)  # so that whoever asked hears how it ended

# Note [What a backup holds]
# What was put, word for word and so with its secrets; the certificate by which the machine is
# known, whom it trusts, keys that it made itself; and by what its provider knows it. Not what was
# there before the agent, for another machine has had another past, and nothing of what is on
# disks. Restored, all of it is looked at before anything is touched; then one thing is put after
# another, and if one fails those before it are put as they were. What the backup says nothing of
# is told nothing any more. Whoever is trusted at that time stays so.


@dataclass(frozen=True, slots=True)
class Backup:
    """See Note [What a backup holds]."""

    configs: Mapping[str, Any]
    files: Mapping[str, str]
    provider: Mapping[str, Any] | None


def backup(agent: Agent, asked: Asked) -> Binary:
    """Return what makes a machine this one again. It holds secrets."""
    with agent.keeper.lock:
        memory = agent.keeper.memory
        _refuse_what_waits(agent.keeper)
        said = {
            "version": VERSION,
            "name": agent.machine.name,
            "made_at": agent.machine.clock.now().isoformat(),
            "configs": memory.configs,
            "files": _files(agent.machine),
            "provider": memory.notes.get("provider"),
        }
        return Binary(gzip.compress(json.dumps(said).encode()), KIND)


def _files(machine: Machine) -> dict[str, str]:
    own, key = certificate.identity(machine)
    found = {certificate.CERTIFICATE: own, certificate.KEY: key}
    for place, ending in ((certificate.TRUSTED, ".pem"), (HOME, ".key")):
        paths = [f"{place}/{name}" for name in machine.names(place) if name.endswith(ending)]
        found |= {path: path for path in paths if path not in found}
    return {path: text for path, at in found.items() if (text := machine.text(at)) is not None}


def restore(agent: Agent, asked: Asked) -> object:
    """Have the machine be as a backup says, but for what is to be skipped (`skip=a,b`)."""
    skipped = frozenset(asked.query.get("skip", "").split(","))
    told = _read(asked.body)
    keeper = agent.keeper
    with keeper.lock:
        _refuse_what_waits(keeper)
        names = [each for each in (*told.configs, *keeper.memory.configs) if each in keeper.nouns]
        order = [each for each in dict.fromkeys(names) if not _is_skipped(each, skipped)]
        order.sort(key=lambda name: LAST.index(name) + 1 if name in LAST else 0)
        _refuse_what_cannot_be(keeper, told, order)
        files = {} if IDENTITY in skipped else told.files
        with keeper.rewriting(IDENTITY, files):
            for path, text in files.items():
                mode = 0o644 if path == certificate.CERTIFICATE else 0o600
                agent.machine.put(path, text, mode)
            _put_all(keeper, told, order)
    return {}


def _read(body: object) -> Backup:
    if not isinstance(body, bytes):
        raise Invalid(f"the body is a backup: Content-Type is {KIND}")
    try:
        with gzip.GzipFile(fileobj=BytesIO(body)) as file:
            said = json.loads(file.read(LARGEST))
        if said["version"] != VERSION:
            raise Invalid(f"the backup is of version {said['version']}, not {VERSION}")
        return Backup(dict(said["configs"]), dict(said["files"]), said["provider"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid(f"the body is no backup: {error}") from error


def _is_skipped(name: str, skipped: frozenset[str]) -> bool:
    return name in skipped or name.rpartition("/")[2] in skipped


def _refuse_what_waits(keeper: Keeper) -> None:
    if keeper.memory.journal:
        raise Conflict(f"{', '.join(keeper.memory.journal)} waits to be confirmed")


def _refuse_what_cannot_be(keeper: Keeper, told: Backup, names: Iterable[str]) -> None:
    """Raise what a put of any of it would, before anything is touched."""
    for name in names:
        noun = keeper.nouns[name]
        new = read(noun.kind, told.configs.get(name), name)
        noun.check(new)
        for lack in noun.lacks(new, keeper.machine):
            raise Unsupported(f"{name}, {lack.field}: {lack.reason}", field=lack.field)
    _refuse_files(told.files)


def _refuse_files(files: Mapping[str, Any]) -> None:
    """Raise `Invalid` for what would leave a machine that nobody can reach."""
    for path, text in files.items():
        place, _, name = path.rpartition("/")
        kept = name.endswith({certificate.TRUSTED: ".pem", HOME: ".key"}.get(place, "\0"))
        if not kept and path != certificate.CERTIFICATE:
            raise Invalid(f"the backup has a file that is none of the agent's: {path}")
        if not isinstance(text, str) or _SURROGATE.search(text):
            raise Invalid(f"the backup has a file that is no text: {path}")
        fault = certificate.no_certificate(text) if place == certificate.TRUSTED else None
        if fault:
            raise Invalid(f"the backup has a file that {fault}: {path}")
    own, key = files.get(certificate.CERTIFICATE), files.get(certificate.KEY)
    if (own or key) and not certificate.is_pair(own or "", key or ""):
        raise Invalid("the backup has a certificate and a key that do not belong together")


def _put_all(keeper: Keeper, told: Backup, names: Iterable[str]) -> None:
    done: list[tuple[str, Any, Any]] = []
    try:
        for name in names:
            before = keeper.memory.configs.get(name)
            noted = keeper.memory.notes.get("provider")
            noting = {"provider": told.provider} if name == PROVIDER.name else {}
            done.append((name, before, noted))
            keeper.put(name, told.configs.get(name) or {}, noting)
    except FAULTS as error:
        text = "; ".join([_words(error), *_back(keeper, done[:-1])])
        raise Undone(f"nothing is restored: {done[-1][0]}: {text}") from error


def _back(keeper: Keeper, done: list[tuple[str, Any, Any]]) -> list[str]:
    """Put what was put as it was, the last first; return what could not be."""
    faults = []
    for name, before, noted in reversed(done):
        noting = {"provider": noted} if name == PROVIDER.name else {}
        keeper.memory.journal.pop(name, None)
        try:
            keeper.put(name, before or {}, noting)
        except FAULTS as error:
            faults.append(f"{name} is not as it was: {_words(error)}")
    return faults


def _words(error: Exception) -> str:
    return error.text if isinstance(error, MusterError) else repr(error)
