"""A server of metal and a whole Muster: it registers by a token, and is asked over TLS."""

import asyncio
import time

import httpx2
import pytest

from agents import new_context, serving_by, trusting
from drivers.pem.made import CERTIFICATE
from fleet import FakeMachine
from house import house

pytestmark = pytest.mark.system
HERE = "/1.0/provisioning"
SOON_S = 20.0


async def settled(client, status):
    """Return the server once it is in that status."""
    end = time.monotonic() + SOON_S
    while True:
        server = (await client.get(f"{HERE}/servers/m1")).json()["metadata"]
        if server["server_status"] == status:
            return server
        assert time.monotonic() < end, server
        await asyncio.sleep(0.1)


async def asked(machine):
    """Return once the machine was asked for everything."""
    end = time.monotonic() + SOON_S
    while "/os/1.0/system/update" not in machine.asked:
        assert time.monotonic() < end, machine.asked
        await asyncio.sleep(0.1)


async def registered(client, url):
    until = "2099-01-01T00:00:00Z"
    said = {"uses_remaining": 1, "expire_at": until}
    token = (await client.post(f"{HERE}/tokens", json=said)).json()["metadata"]["uuid"]
    body = {"name": "m1", "connection_url": url, "certificate": CERTIFICATE}
    answer = await client.post(f"{HERE}/servers", params={"token": token}, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["metadata"]


async def test_a_server_that_registers_is_ready_and_stays_known_after_a_restart(tmp_path):
    settings = {"MUSTER_DEFAULT_CLOUD": "sim", "MUSTER_CLOUDS": "{sim = {kind = 'simulated'}}"}
    machine, context = FakeMachine(), new_context()
    with house(tmp_path / "home", **settings) as it:
        async with (
            serving_by(context, machine) as url,
            httpx2.AsyncClient(base_url=it.url, timeout=20) as client,
        ):
            await asyncio.to_thread(it.start)
            told = await registered(client, url)
            trusting(context, told["certificate"])
            server = await settled(client, "ready")
            assert (server["server_type"], server["system_state_is_trusted"]) == ("incus", True)
            it.kill()
            await asyncio.to_thread(it.start)
            machine.told.clear()
            assert (await client.post(f"{HERE}/servers/m1/:resync")).status_code == 200
            await asked(machine)  # by the certificate of before
            headers = {"authorization": f"Bearer {told['secret']}"}
            gone = {"cause": "system-shutdown-triggered"}
            answer = await client.put(f"{HERE}/servers/:self", json=gone, headers=headers)
            assert answer.status_code == 200, answer.text
            away = await settled(client, "offline")
            assert away["server_status_detail"] == "shut down"
