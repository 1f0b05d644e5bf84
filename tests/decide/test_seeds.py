"""A seed as what a running machine does: a script that a shell understands, whatever is in it."""

import json
import subprocess

from builders import NOW
from muster.decide.seeds import documents, formed
from muster.model.machine_token import Seed

PROVIDER = {"server_url": "https://muster.example:8443", "server_token": "t"}
ODD = "it's $(odd) `here` \\ END OF IT"


def test_a_script_tells_the_agent_of_a_running_machine_in_order(tmp_path):
    parts = {
        "applications": {"applications": [{"name": ODD}]},
        "network": {"interfaces": []},
        "install": {"force_install": True},
    }
    seed = Seed(name="s", parts=parts, updated_at=NOW)
    told = documents(seed, PROVIDER, "")
    text = formed(told, "script", NOW).decode()
    assert "# install: means nothing here" in text
    calls = tmp_path / "calls"
    stub = f'curl() {{ echo "$*" >> {calls}; cat >> {calls}; echo >> {calls}; printf 200; }}\n'
    ran = stub + text.replace("[ -S", "true || [ -S")
    run = subprocess.run(["sh"], input=ran, text=True, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    told = calls.read_text()
    assert json.dumps({"name": ODD}) in told
    order = ("applications", "system/network", "system/update", "system/provider")
    places = [told.index(f"http://agent/1.0/{each}") for each in order]
    assert places == sorted(places)
