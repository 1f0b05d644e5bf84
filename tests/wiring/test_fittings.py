"""What clouds are fitted with by their settings: balancer and names."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from contracts.clouds import config
from muster.base.clock import ManualClock
from muster.base.errors import Invalid
from muster.drivers import prometheus
from muster.drivers.balancers.caddy.balancer import CaddyBalancer
from muster.drivers.balancers.haproxy.balancer import HaproxyBalancer
from muster.drivers.dns import rfc2136
from muster.drivers.dns.rfc2136 import Updates
from muster.drivers.prometheus import Prometheus
from muster.drivers.simulated.cloud import open_cloud
from muster.model.cloud import Ability, Gate
from muster.ports.cloud import Cloud
from muster.wiring.fittings import Options, fitted, fittings, parted


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"balancer": "f5"}, "clouds.lab.balancer"),
        ({"balancer": 7}, "balancer"),
        ({"balancer_range": "all"}, "clouds.lab.balancer_range"),
        ({"balancer_port": 70000}, "clouds.lab.balancer_port"),
        ({"balancer_port": -1}, "balancer_port"),
        ({"dns": "ns1"}, "dns"),
        ({"dns": {"server": "ns1"}}, "dns.zone"),
        ({"prometheus": {"url": "localhost:9090"}}, "prometheus.url"),
        ({"bastion": {"size": "tiny"}}, "clouds.lab.bastion"),
        ({"bastion": {"port": 70000}}, "clouds.lab.bastion"),
    ],
)
def test_a_wrong_option_is_named(said: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        fittings("local", said, "lab")
    assert caught.value.details["field"] == field


def test_a_drivers_own_options_are_left_to_it() -> None:
    own, ours = parted({"kind": "local", "look_every_s": 2, "balancer": "caddy"})
    assert (own, ours) == ({"look_every_s": 2}, {"balancer": "caddy"})


def test_each_kind_has_the_balancer_that_suits_it_unless_told() -> None:
    assert fittings("local", {}, "lab").balancer == "caddy"
    assert fittings("incus", {}, "lab").balancer == "haproxy"
    assert fittings("incus", {"balancer": "caddy"}, "lab").balancer == "caddy"


async def bare(home: Path) -> Cloud:
    """Return a cloud that has neither a balancer nor names of its own."""
    cloud = await open_cloud(config(home, ManualClock()))
    return replace(cloud, balancer=None, dns=None)


@pytest.mark.parametrize(
    ("name", "kind", "cannot"),
    [("caddy", CaddyBalancer, True), ("haproxy", HaproxyBalancer, False)],
)
async def test_a_cloud_gets_the_balancer_that_was_chosen(
    tmp_path: Path, name: str, kind: type, cannot: bool
) -> None:
    said = fittings("local", {"balancer": name}, "lab")
    cloud = await fitted(await bare(tmp_path), said, config(tmp_path, ManualClock()))
    assert isinstance(cloud.balancer, kind)
    assert (Ability.TCP in cloud.about.cannot) == cannot
    assert cloud.about.refusal(Ability.DNS)
    await cloud.close()


async def test_a_cloud_with_a_balancer_of_its_own_takes_no_other(tmp_path: Path) -> None:
    cloud = await open_cloud(config(tmp_path, ManualClock()))
    said = fittings("simulated", {"balancer": "haproxy"}, "lab")
    with pytest.raises(Invalid, match="a simulated cloud has a balancer of its own"):
        await fitted(cloud, said, config(tmp_path, ManualClock()))
    plain = await fitted(cloud, fittings("simulated", {}, "lab"), config(tmp_path, ManualClock()))
    assert (plain.balancer, plain.dns) == (cloud.balancer, cloud.dns)
    assert plain.about.refusal(Ability.QUERIES)


async def test_queries_are_asked_where_the_settings_say(tmp_path: Path) -> None:
    said = fittings("local", {"prometheus": {"url": "http://127.0.0.1:9090"}}, "lab")
    cloud = await fitted(await bare(tmp_path), said, config(tmp_path, ManualClock()))
    assert isinstance(cloud.metrics, Prometheus)
    assert cloud.about.refusal(Ability.QUERIES) is None
    await cloud.close()


async def test_names_are_published_where_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("c2VjcmV0")
    names = {"server": "ns", "zone": "x.test", "key": "k", "secret_file": str(tmp_path / "secret")}
    said = fittings("local", {"dns": names}, "lab")
    cloud = await fitted(await bare(tmp_path), said, config(tmp_path, ManualClock()))
    assert isinstance(cloud.dns, Updates)
    assert cloud.about.refusal(Ability.DNS) is None
    await cloud.close()


@pytest.mark.parametrize(("name", "cannot"), [("caddy", True), ("haproxy", False)])
async def test_a_bastion_takes_a_balancer_that_does_plain_tcp(
    tmp_path: Path, name: str, cannot: bool
) -> None:
    cloud = await bare(tmp_path)
    able = {k: v for k, v in cloud.about.cannot.items() if k is not Ability.BASTION}
    cloud = replace(cloud, about=replace(cloud.about, cannot=able))
    said = fittings("local", {"balancer": name, "bastion": {"flavor": "tiny"}}, "lab")
    made = await fitted(cloud, said, config(tmp_path, ManualClock()))
    assert ("plain TCP" in (made.about.refusal(Ability.BASTION) or "")) == cannot
    assert made.about.gate == Gate(flavor="tiny")
    await made.close()


def test_every_option_is_told_of() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/fit-a-cloud.md").read_text()
    for kind in (Options, Gate, rfc2136.Options, prometheus.Options):
        for each in fields(kind):
            assert f"`{each.name}`" in page or f"{each.name} = " in page, each.name
    assert f"`{Options().balancer_range}`" in page
