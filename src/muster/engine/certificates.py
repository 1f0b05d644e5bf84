"""The look at certificates that are known: warnings of those that expire soon."""

from collections.abc import Iterator

from muster.decide.expiry import Paper, findings
from muster.engine.site import Site
from muster.engine.warnings import note
from muster.model.system import SHOWN
from muster.ports.agent import OUR_CERTIFICATE
from muster.ports.store import Query, Transaction

_SCOPE = "certificates"
_ALL = Query()


async def look_at_certificates(site: Site) -> None:
    """Write down which certificates are not in order; those that are again have no warning."""
    now = site.clock.now()

    def work(tx: Transaction) -> None:
        note(tx, _SCOPE, list(findings(_papers(tx), now)), now)

    await site.store.write(work)


def _papers(tx: Transaction) -> Iterator[Paper]:
    yield Paper(
        entity_type="muster",
        entity="muster",
        what="what Muster shows to servers",
        pem=tx.settings.get(OUR_CERTIFICATE) or "",
    )
    yield Paper(
        entity_type="muster",
        entity="muster",
        what="what Muster shows to whoever calls it",
        pem=tx.settings.get(SHOWN) or "",
    )
    for machine in tx.machines.find(_ALL):
        its = "its certificate"
        yield Paper(entity_type="server", entity=machine.name, what=its, pem=machine.certificate)
    for cluster in tx.server_clusters.find(_ALL):
        its = "the certificate of its members"
        yield Paper(entity_type="cluster", entity=cluster.name, what=its, pem=cluster.certificate)
    for cloud in tx.clouds.find(_ALL):
        if cloud.servers is None:  # else it is ours, and what its members show
            yield from (
                Paper(entity_type="cloud", entity=cloud.name, what=its, pem=cloud.papers[name])
                for name, its in _OF_CLOUDS.items()
                if name in cloud.papers
            )


_OF_CLOUDS = {
    "certificate": "what Muster shows there",
    "server_certificate": "what its servers show",
}
