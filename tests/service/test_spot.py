"""Where a server is wanted: zones as they are called, and hosts by the words of Nova."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from muster.base.errors import Conflict, Invalid, Unsupported
from muster.model.placing import Host
from muster.model.reservation import Room
from muster.ports.cloud import Cloud
from muster.service.spot import spot_of
from office import opened

HOSTS = (
    Host(id="m1", zone="z1", vcpus=1, ram_mib=1024),
    Host(id="m2", zone="z2", vcpus=1, ram_mib=1024),
    Host(id="m3", zone="z2", vcpus=0, ram_mib=0, open=False),
)


@dataclass
class Hosts:
    async def room(self) -> Room:
        return Room(hosts=HOSTS)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with opened(tmp_path) as office:
        known = office.desk.cloud("simulated")
        about = replace(known.about, zones=("z1", "z2"), open_catalog=False)
        yield replace(known, about=about, hosts=Hosts())


@pytest.mark.parametrize(
    ("said", "spot"),
    [
        ("", ("", "")),
        ("z1", ("z1", "")),
        ("nova", ("", "")),
        ("nova:", ("", "")),
        ("nova:m2", ("", "m2")),
        ("nova:M2", ("", "m2")),
        ("nova:m2.example.org", ("", "m2")),
        ("z2:m2", ("", "m2")),
    ],
)
async def test_a_zone_is_a_zone_and_a_host_is_found_by_any_of_its_names(cloud, said, spot):
    assert await spot_of(cloud, said) == spot


@pytest.mark.parametrize(
    ("said", "why", "kind"),
    [
        ("nova:m9", "no host 'm9'; there is m1, m2, m3", Invalid),
        ("z9:m1", "no zone 'z9'; there is nova, z1, z2", Invalid),
        ("z1:m2", "'m2' is in zone 'z2', not in 'z1'", Invalid),
        ("nova:m3", "'m3' takes nothing now", Conflict),
    ],
)
async def test_a_host_that_will_not_do_is_refused_beforehand(cloud, said, why, kind):
    with pytest.raises(kind, match=why):
        await spot_of(cloud, said)


async def test_a_cloud_without_hosts_has_none_to_choose(cloud):
    with pytest.raises(Unsupported, match="no hosts to choose from"):
        await spot_of(replace(cloud, hosts=None), "nova:m1")
