"""Who asks machines: over HTTPS, by a certificate that every process on one database shows."""

from datetime import datetime

from muster.drivers import papers
from muster.drivers.agents.https import HttpsAgents
from muster.ports.agent import OUR_CERTIFICATE, OUR_KEY
from muster.ports.store import Store, Transaction


# Note [One face for all machines]
# A machine trusts the certificate that it was told when it registered. So all processes have to
# show the same, and after a restart as well: it is kept in the database, its key beside it.
async def open_agents(store: Store, now: datetime) -> HttpsAgents:
    """Return the agents of this installation. See Note [One face for all machines]."""

    def work(tx: Transaction) -> tuple[str, str]:
        known = tx.settings.get(OUR_CERTIFICATE), tx.settings.get(OUR_KEY)
        if known[0] and known[1]:
            return known[0], known[1]
        certificate, key = papers.made("muster", now)
        tx.settings.put(OUR_CERTIFICATE, certificate)
        tx.settings.put(OUR_KEY, key)
        return certificate, key

    return HttpsAgents(*await store.write(work))
