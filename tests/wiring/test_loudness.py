"""How much is logged: as all servers are told while they run."""

from pathlib import Path

import pytest
import structlog

from memory import in_memory
from muster.base.log import log
from muster.model.system import LOG_LEVEL
from muster.settings import Settings
from muster.store.signals import LocalSignal
from muster.wiring.loudness import turned

INFO, ERROR = 20, 40


@pytest.fixture
def quiet_afterwards():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


async def test_a_process_logs_as_much_as_is_wanted_from_then_on(tmp_path: Path, quiet_afterwards):
    store, settings = await in_memory(LocalSignal()), Settings(home=tmp_path)
    assert await turned(store, settings, "info") == "info"
    for said, wanted in (("ERROR", "ERROR"), ("", "info")):
        await store.write(lambda tx, said=said: tx.settings.put(LOG_LEVEL, said))
        assert await turned(store, settings, "DEBUG") == wanted
        loud = log()
        assert (loud.is_enabled_for(ERROR), loud.is_enabled_for(INFO)) == (True, wanted == "info")
    await store.close()
