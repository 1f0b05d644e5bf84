"""Flavors: how large an instance may be."""

from dataclasses import replace
from uuid import UUID, uuid5

from muster.base.errors import Conflict, Forbidden, NotFound
from muster.base.ids import new_id
from muster.model.catalog import Flavor
from muster.model.who import Right, Who
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import sees

# Everybody's from the start: name, processors, MiB. Their ids are derived, so that seeding
# twice, or by two processes at once, makes them once.
_SEEDS = (("tiny", 0.25, 128), ("small", 0.5, 256), ("medium", 1.0, 512))
_SPACE = UUID("6f0b8f0e-6a54-4f0f-9a3d-0b6c2a0e8d11")


async def seed(desk: Desk) -> None:
    """Make the flavors that are there from the start, once in an installation's life."""

    def work(tx: Transaction) -> None:
        if tx.settings.get("flavors_seeded"):
            return  # one that somebody deleted stays deleted
        for name, vcpus, memory in _SEEDS:
            id = uuid5(_SPACE, name)
            made = Flavor(id=id, name=name, vcpus=vcpus, memory_mib=memory)
            tx.flavors.put(made)
        tx.settings.put("flavors_seeded", "yes")

    await desk.store.write(work)


async def listing(desk: Desk, who: Who) -> list[Flavor]:
    """Return what this caller may use: everybody's, his project's, and the clouds' own."""
    stored = await desk.store.read(lambda tx: tx.flavors.find(Query(sort=(("name", False),))))
    own = [flavor for cloud in desk.clouds.values() for flavor in cloud.about.own_flavors]
    return [each for each in stored + own if sees(who, each.project)]


async def show(desk: Desk, who: Who, said: str) -> Flavor:
    for each in await listing(desk, who):
        if said in (str(each.id), each.name):
            return each
    raise NotFound(f"there is no flavor '{said}'")


async def creation(desk: Desk, who: Who, asked: Flavor) -> Intent[Flavor]:
    """Return the intent to add a flavor to the caller's project; `asked` has no id yet."""
    made = replace(asked, id=new_id(), project=who.project, created_at=desk.clock.now())

    def check(tx: Transaction) -> None:
        named = tx.flavors.find(Query(where={"name": (made.name,)}))
        if any(each.project in ("", who.project) for each in named):
            raise Conflict(f"there is a flavor named '{made.name}' already", field="name")

    def create(tx: Transaction) -> Flavor:
        check(tx)
        tx.flavors.put(made)
        return made

    await desk.store.read(check)
    return plain(lambda: desk.store.write(create), f"add flavor {made.name}")


async def deletion(desk: Desk, who: Who, said: str) -> Intent[None]:
    """Return the intent to delete a flavor; instances keep theirs, it is pinned in them."""
    seen = await show(desk, who, said)
    own = [each.id for cloud in desk.clouds.values() for each in cloud.about.own_flavors]
    if seen.id in own:
        raise Forbidden(f"flavor '{seen.name}' is the cloud's own")
    if not seen.project and not who.may(Right.OPERATE):
        raise Forbidden(f"flavor '{seen.name}' is everybody's; only an admin may delete it")

    async def delete() -> None:
        await desk.store.write(lambda tx: tx.flavors.drop(seen.id))

    return plain(delete, f"delete flavor {seen.name}", loses=(f"flavor {seen.name}",))
