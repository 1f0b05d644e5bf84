"""What making a cluster of servers would come to: its documents, and what speaks against it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from muster.base.errors import Unsupported
from muster.decide.server_clusters import preflight
from muster.decide.server_clusters.documents import (
    LISTS,
    SEED_FIELD,
    SERVICES,
    SERVICES_FIELD,
    Document,
    needs_number,
    orders,
    read,
    seed_faults,
    service_faults,
)
from muster.decide.server_clusters.hidden import in_names
from muster.decide.server_clusters.numbers import numbered
from muster.decide.server_clusters.preflight import Crew, Finding
from muster.decide.server_clusters.seed import merged
from muster.model.host_number import HostNumber
from muster.model.machine import Kind, Machine
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.provisioning import templates
from muster.service.provisioning.hearing import heard

_SEED = frozenset({"config", *LISTS})
_CLUSTERS = UUID("0d5c2b1e-4a44-5f6e-8b57-0c0f4b0c8a12")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAsk:
    """A cluster as it is asked for; with a template, its documents are those of that."""

    name: str
    server_names: tuple[str, ...]
    server_type: Kind
    channel: str = ""
    services_config: Document = field(default_factory=dict)
    application_seed_config: Document = field(default_factory=dict)
    cluster_template: str = ""
    cluster_template_variable_values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    services: Mapping[str, tuple[tuple[str, Document], ...]]  # by server, in their order
    seed: Document
    findings: tuple[Finding, ...]
    asked: Document = field(default_factory=dict)  # services as they were asked for, once for all
    # What stands in all of it by name only.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Papers:
    services: Document
    seed: Document
    findings: tuple[Finding, ...]  # that speak against these themselves
    secrets: Mapping[str, str]


async def foreseen(desk: Desk, ask: ClusterAsk) -> Foresight:
    """Return what would become of a wish for a cluster; servers are asked, and nothing is done.

    Raises `NotFound` for a template that is not there, and `Invalid` for values that it cannot use.
    """
    if desk.agents is None:
        raise Unsupported("this server looks after no machines")
    papers = await _papers(desk, ask)
    machines, given = await desk.store.read(lambda tx: _known(tx, ask.server_names))
    said = await heard(desk.agents, machines)
    numbers = numbered(given, [each.id for each in machines])
    crew = Crew(
        names=ask.server_names,
        machines=machines,
        kind=ask.server_type,
        channel=ask.channel,
        services=tuple(papers.services),
        settings=tuple(papers.seed.get("config") or ()),
        heard=said,
    )
    findings = (*papers.findings, *_numberless(papers, numbers), *preflight.findings(crew))
    bearing = {each.machine_id: each.number for each in numbers or ()}
    return Foresight(
        services={each.name: orders(papers.services, bearing.get(each.id)) for each in machines},
        seed=merged(
            papers.seed,
            preflight.ground(tuple(said.values())),
            uuid5(_CLUSTERS, ask.name),
            desk.agents.certificate,
        ),
        findings=findings,
        asked=papers.services,
        secrets=papers.secrets,
    )


def _known(tx: Transaction, names: tuple[str, ...]) -> tuple[tuple[Machine, ...], list[HostNumber]]:
    """Return the servers that there are, in the order of their names, and all numbers given."""
    there = {each.name: each for each in tx.machines.find(Query(where={"name": names}))}
    machines = tuple(there[name] for name in dict.fromkeys(names) if name in there)
    return machines, tx.host_numbers.find(Query())


def _numberless(papers: _Papers, numbers: tuple[HostNumber, ...] | None) -> Iterator[Finding]:
    if numbers is None and needs_number(papers.services):
        yield Finding(server="", what="no_number", text="no number is left for those of its lvm")


async def _papers(desk: Desk, ask: ClusterAsk) -> _Papers:
    """Return both documents, without what is wrong in them, and that as findings."""
    services, seed = ask.services_config, ask.application_seed_config
    secrets: Mapping[str, str] = {}
    unread: list[Finding] = []
    if ask.cluster_template:
        values = ask.cluster_template_variable_values
        filled = templates.filled(await templates.show(desk, ask.cluster_template), values)
        secrets = filled.secrets
        services, seed = (
            _read(name, text, unread)
            for name, text in ((SERVICES_FIELD, filled.services), (SEED_FIELD, filled.seed))
        )
    faults = [*service_faults(services), *seed_faults(seed)]
    wrong = {part for where, _ in faults for part in where.split(".")[1:2]}
    wrong = {each.partition("[")[0] for each in wrong}
    return _Papers(
        services={k: v for k, v in services.items() if k in SERVICES and k not in wrong},
        seed={k: v for k, v in seed.items() if k in _SEED and k not in wrong},
        findings=(*unread, *(_wrong(where, why) for where, why in faults)),
        secrets=secrets,
    )


def _read(name: str, text: str, unread: list[Finding]) -> Document:
    said = read(text)
    if isinstance(said, str):
        unread.append(_wrong(name, said))
        return {}
    for each in in_names(said):
        unread.append(_wrong(name, f"has the secret {each} in a name, where it would be shown"))
    return said


def _wrong(where: str, why: str) -> Finding:
    return Finding(server="", what="document", text=f"{where}: {why}")
