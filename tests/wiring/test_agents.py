"""The face that machines see: one for all processes on a database, also after a restart."""

from cryptography import x509

from builders import NOW
from muster.base.certificates import fingerprint
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from muster.wiring.agents import open_agents


async def test_machines_see_the_same_certificate_after_a_restart(tmp_path):
    url = f"sqlite:///{tmp_path}/it.db"
    shown = set()
    for _ in range(2):
        store = await connect(url, LocalSignal())
        agents = await open_agents(store, NOW)
        shown.add(fingerprint(agents.certificate))
        await agents.close()
        await store.close()
    assert len(shown) == 1
    assert None not in shown


async def test_its_key_is_told_to_nobody(tmp_path):
    store = await connect(f"sqlite:///{tmp_path}/it.db", LocalSignal())
    agents = await open_agents(store, NOW)
    assert x509.load_pem_x509_certificate(agents.certificate.encode())
    assert "PRIVATE" not in agents.certificate
    await agents.close()
    await store.close()
