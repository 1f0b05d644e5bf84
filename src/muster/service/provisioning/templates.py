"""Templates of clusters of machines: kept, and filled with values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from muster.base.errors import Conflict, Invalid, NotFound
from muster.base.ids import new_id
from muster.decide.server_clusters import templates as decide
from muster.decide.server_clusters.documents import text_faults
from muster.decide.server_clusters.hidden import secrets_of
from muster.model.machine_template import MachineTemplate, Variable
from muster.ports.store import Query, Transaction
from muster.service.ask import Fault
from muster.service.desk import Desk

Check = Callable[[MachineTemplate], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateAsk:
    name: str = ""
    description: str = ""
    service_config_template: str = ""
    application_config_template: str = ""
    variables: Mapping[str, Variable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The two documents of a template as texts, with values in them, and what is wrong in them.

    In the place of each secret stands its name.
    """

    services: str
    seed: str
    faults: tuple[Fault, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # by name


async def listing(desk: Desk) -> list[MachineTemplate]:
    """Return every template, by name."""
    query = Query(sort=(("name", False),))
    return await desk.store.read(lambda tx: tx.machine_templates.find(query))


async def show(desk: Desk, name: str) -> MachineTemplate:
    return await desk.store.read(lambda tx: found(tx, name))


async def created(desk: Desk, ask: TemplateAsk) -> MachineTemplate:
    """Return the template. Raises `Invalid` with all that is wrong, `Conflict` for its name."""
    if not ask.name:
        raise Invalid("is required", field="name")
    made = _of(MachineTemplate(id=new_id(), name=ask.name, created_at=desk.clock.now()), ask)
    await desk.store.write(lambda tx: _put(tx, made))
    return made


async def changed(desk: Desk, name: str, ask: TemplateAsk, check: Check) -> None:
    """Give a template these values; clusters made of it stay as they are."""

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        check(there)
        made = _of(replace(there, updated_at=desk.clock.now()), replace(ask, name=name))
        _put(tx, made)

    await desk.store.write(work)


async def renamed(desk: Desk, name: str, to: str, check: Check) -> None:
    """Call a template otherwise. Raises `Conflict` for a name in use."""

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        check(there)
        _put(tx, replace(there, name=to, updated_at=desk.clock.now()))

    await desk.store.write(work)


async def removed(desk: Desk, name: str) -> None:
    await desk.store.write(lambda tx: tx.machine_templates.drop(found(tx, name).id))


def filled(template: MachineTemplate, said: Mapping[str, str]) -> Filled:
    """Return its documents. Raises `Invalid` with every value that lacks or is of no variable."""
    prefix = "cluster_template_variable_values"
    _refuse([(f"{prefix}.{name}", why) for name, why in decide.missing(template, said)])
    values = decide.values_of(template, said)
    services = decide.rendered(template.service_config_template, values)
    seed = decide.rendered(template.application_config_template, values)
    faults = tuple(Fault(field, why) for field, why in text_faults(services, seed))
    secrets = secrets_of(template, said)
    return Filled(services=services, seed=seed, faults=faults, secrets=secrets)


def found(tx: Transaction, name: str) -> MachineTemplate:
    """Return the template of that name. Raises `NotFound`."""
    there = tx.machine_templates.find(Query(where={"name": (name,)}, limit=1))
    if not there:
        raise NotFound(f"there is no cluster template '{name}'")
    return there[0]


def _of(plain: MachineTemplate, ask: TemplateAsk) -> MachineTemplate:
    made = replace(plain, **{name: getattr(ask, name) for name in TemplateAsk.__dataclass_fields__})
    _refuse(list(decide.faults(made)))
    return made


def _put(tx: Transaction, made: MachineTemplate) -> None:
    # As in Note [Names one at a time].
    now = made.updated_at or made.created_at
    tx.leases.take("machine templates", str(made.id), now, now)
    for each in tx.machine_templates.find(Query(where={"name": (made.name,)})):
        if each.id != made.id:
            raise Conflict(f"there is a cluster template '{made.name}' already", field="name")
    tx.machine_templates.put(made)


def _refuse(faults: list[tuple[str, str]]) -> None:
    if faults:
        told = tuple(Fault(field, text) for field, text in faults)
        text = "; ".join(f"{each.field}: {each.message}" for each in told)
        raise Invalid(text, errors=told)
