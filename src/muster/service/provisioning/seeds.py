"""Seeds of tokens: kept, shown without what is secret in them, and handed out whole once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from muster.base.errors import Conflict, Forbidden, Invalid, NotFound, Unsupported
from muster.decide import seeds as decide
from muster.decide.secrets import has_masks, masked, unmasked
from muster.model.machine_token import MachineToken, Seed
from muster.ports.store import Transaction
from muster.service.ask import Fault
from muster.service.desk import Desk
from muster.service.provisioning.system import default_channel, way_in
from muster.service.provisioning.tokens import admitting, found, used

_IMAGES = frozenset({"iso", "raw"})
Check = Callable[[Seed], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedAsk:
    name: str = ""
    description: str = ""
    public: bool = False
    parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchAsk:
    form: str  # tar, json or script
    url: str  # where the machine registers, unless that is set for all
    channel: str = ""  # "": that of the token


async def listing(desk: Desk, token: str) -> list[Seed]:
    """Return every seed of a token, by name, as it is shown."""
    there = await desk.store.read(lambda tx: found(tx, token))
    return [_shown(each) for each in sorted(there.seeds, key=lambda each: each.name)]


async def show(desk: Desk, token: str, name: str) -> Seed:
    """Return a seed, its secrets as digests."""
    return _shown(_of(await desk.store.read(lambda tx: found(tx, token)), name))


async def created(desk: Desk, token: str, ask: SeedAsk) -> Seed:
    """Keep a seed. Raises `Invalid` with all that is wrong, `Conflict` for its name."""
    if not ask.name:
        raise Invalid("is required", field="name")
    made = _checked(Seed(name=ask.name, updated_at=desk.clock.now()), ask)

    def work(tx: Transaction) -> None:
        there = found(tx, token)
        if any(each.name == ask.name for each in there.seeds):
            raise Conflict(f"this token has a seed '{ask.name}' already", field="name")
        tx.machine_tokens.put(replace(there, seeds=(*there.seeds, made)))

    await desk.store.write(work)
    return _shown(made)


async def changed(desk: Desk, token: str, name: str, ask: SeedAsk, check: Check) -> None:
    """Give a seed these values; a secret that is shown as its digest stays what it was."""

    def work(tx: Transaction) -> None:
        there = found(tx, token)
        old = _of(there, name)
        check(_shown(old))
        parts = unmasked(ask.parts, old.parts)
        new = _checked(replace(old, updated_at=desk.clock.now()), replace(ask, parts=parts))
        tx.machine_tokens.put(_with(there, new))

    await desk.store.write(work)


async def removed(desk: Desk, token: str, name: str) -> None:
    def work(tx: Transaction) -> None:
        there = found(tx, token)
        gone = _of(there, name)
        kept = tuple(each for each in there.seeds if each is not gone)
        tx.machine_tokens.put(replace(there, seeds=kept))

    await desk.store.write(work)


# Note [Handed out once]
# What is secret in a seed, such as the key of a tunnel, has to reach one machine and nobody else.
# So it is kept until it is fetched for the first time, and no longer. The token itself is no such
# secret: who fetches knows it.
async def fetched(desk: Desk, token: str, name: str, ask: FetchAsk) -> bytes:
    """Return the documents of a seed, for one machine. See Note [Handed out once].

    Raises `Conflict` where its secrets were handed out before, and what says why its token would
    let nobody in.
    """
    if ask.form in _IMAGES:
        text = "this server has no images of IncusOS to put a seed into: take it as a tar"
        raise Unsupported(f"{text}, and put that onto the image's second partition", field="type")
    if ask.form not in decide.FORMS:
        text = f"must be one of {', '.join(decide.FORMS)}, not '{ask.form}'"
        raise Invalid(text, field="type")

    def work(tx: Transaction) -> bytes:
        now, there = desk.clock.now(), found(tx, token)
        seed = _of(there, name)
        admitting(tx, token, now)
        if there.uses_remaining < 1:
            used(tx, there)  # which says so
        if has_masks(seed.parts):
            when = f"{seed.fetched_at:%Y-%m-%d %H:%M} UTC" if seed.fetched_at else "before"
            text = f"the secrets of seed '{name}' were handed out {when}, and are not kept"
            raise Conflict(f"{text}: put them again")
        hidden = masked(seed.parts)
        if hidden != seed.parts:
            tx.machine_tokens.put(_with(there, replace(seed, parts=hidden, fetched_at=now)))
        provider = {**way_in(desk, tx, ask.url), "server_token": str(there.id)}
        channel = ask.channel or there.channel or default_channel(tx)
        return decide.formed(decide.documents(seed, provider, channel), ask.form, now)

    return await desk.store.write(work)


async def is_public(desk: Desk, token: str, name: str) -> bool:
    """Return whether anybody who knows the token may fetch a seed; False where there is none."""
    try:
        return (await show(desk, token, name)).public
    except (NotFound, Forbidden):
        return False


def _checked(plain: Seed, ask: SeedAsk) -> Seed:
    faults = tuple(Fault(f"seeds.{where}", why) for where, why in decide.faults(ask.parts))
    if faults:
        raise Invalid("; ".join(f"{e.field}: {e.message}" for e in faults), errors=faults)
    return replace(plain, description=ask.description, public=ask.public, parts=ask.parts)


def _shown(seed: Seed) -> Seed:
    return replace(seed, parts=masked(seed.parts))


def _of(token: MachineToken, name: str) -> Seed:
    there = next((each for each in token.seeds if each.name == name), None)
    if there is None:
        raise NotFound(f"this token has no seed '{name}'")
    return there


def _with(token: MachineToken, seed: Seed) -> MachineToken:
    kept = (seed if each.name == seed.name else each for each in token.seeds)
    return replace(token, seeds=tuple(kept))
