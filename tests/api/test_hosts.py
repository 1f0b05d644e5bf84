"""The hosts of clouds and what is free on them, over HTTP."""

from pathlib import Path

from muster.base.clock import ManualClock
from office import a_cloud, opened


async def test_hosts_are_told_with_what_nobody_uses(tmp_path: Path) -> None:
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=4, zones=["a", "b"])
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        answer = await office.call("GET", "/v1/hosts", None, "root")
        assert answer.status_code == 200, answer.text
        [told] = answer.json()["clouds"]
        assert (told["name"], told["reason"]) == ("simulated", None)
        names = [(each["name"], each["zone"], each["open"]) for each in told["hosts"]]
        assert sorted(names) == [
            ("a-h1", "a", True),
            ("a-h2", "a", True),
            ("b-h1", "b", True),
            ("b-h2", "b", True),
        ]
        assert {"free_vcpus", "free_memory_mib", "free_disk_gib"} <= told["hosts"][0].keys()


async def test_hosts_are_told_to_whoever_operates_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        assert (await office.call("GET", "/v1/hosts")).status_code == 403


async def test_a_cloud_that_nobody_knows_has_no_hosts(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        answer = await office.call("GET", "/v1/hosts?cloud=nowhere", None, "root")
        assert answer.json() == {"clouds": []}
