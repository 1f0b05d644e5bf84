"""Who reaches the machine by its network, and as whom its cards speak."""

from pathlib import Path

import pytest

from agent.ground import KNOBS, Ground
from agent.test_network import CARDS, MAC, NETWORK, OTHER, one
from muster.agent import firewall, sources
from muster.agent.failures import Undone
from muster.agent.runner import Result, answering
from muster.agent.steps import Unit
from muster.base.errors import Invalid, Unsupported


@pytest.fixture
def site(tmp_path: Path) -> Ground:
    return Ground(tmp_path).begin({**KNOBS, **CARDS})


SSH = {"action": "accept", "source": "10.0.0.0/8", "protocol": "tcp", "port": 22}
RULES = [SSH, {"action": "reject", "source": "fd00::/8"}, {"action": "drop"}]


def test_rules_are_loaded_as_one_and_at_each_boot(site: Ground) -> None:
    before = site.picture()
    site.put(NETWORK, one(firewall_rules=RULES))
    lines = site.machine.text(firewall.TABLE.rules) or ""
    assert [each.strip() for each in lines.splitlines() if "iifname" in each] == [
        'iifname "enp1s0" ip saddr 10.0.0.0/8 tcp dport 22 accept',
        'iifname "enp1s0" ip6 saddr fd00::/8 reject',
        'iifname "enp1s0" drop',
    ]
    assert site.lines[-2:] == [f"nft -f {firewall.TABLE.rules}", "systemctl daemon-reload"]
    assert Unit("enable", firewall.TABLE.service) in site.machine.emulated
    assert not site.put(NETWORK, one(firewall_rules=RULES))
    assert site.lines == []
    site.put(NETWORK, one(firewall_rules=[SSH]))
    assert site.lines == [f"nft -f {firewall.TABLE.rules}"]
    site.put(NETWORK, one())
    assert site.lines == ["nft delete table inet muster"]
    assert site.machine.text(firewall.TABLE.unit) is None
    site.put(NETWORK, one(mtu=1400))
    assert set(site.picture()) - set(before) == {"etc/systemd/network/05-muster-mgmt.network"}


def test_rules_are_a_bridges_where_there_is_one(site: Ground) -> None:
    site.put(NETWORK, one(roles=["instances", "management"], firewall_rules=[SSH]))
    assert 'iifname "mgmt" ip saddr' in (site.machine.text(firewall.TABLE.rules) or "")


def test_rules_that_do_not_load_leave_those_before(tmp_path: Path) -> None:
    ground = Ground(tmp_path, answering({"nft -f": Result(1, err="no luck")})).begin(
        {**KNOBS, **CARDS}
    )
    before = ground.picture()
    with pytest.raises(Undone, match="no luck"):
        ground.put(NETWORK, one(firewall_rules=RULES))
    assert ground.picture() == before


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"action": "accept", "port": 22}, r"firewall_rules\[0\]\.protocol"),
        ({"action": "accept", "protocol": "tcp"}, r"firewall_rules\[0\]\.port"),
        ({"action": "log"}, r"firewall_rules\[0\]\.action"),
        ({"action": "drop", "source": "10.0.0.1/8"}, r"firewall_rules\[0\]\.source"),
        ({"action": "drop", "port": 70000, "protocol": "tcp"}, r"firewall_rules\[0\]\.port"),
    ],
)
def test_what_is_no_rule_is_named(site: Ground, rule: object, field: str) -> None:
    with pytest.raises(Invalid, match=rf"interfaces\[0\]\.{field}"):
        site.put(NETWORK, one(firewall_rules=[rule]))


def strict(**more: object) -> dict[str, object]:
    return one(strict_hwaddr=True, roles=["instances", "management"], **more)


def test_by_a_strict_card_nothing_leaves_with_another_address(site: Ground) -> None:
    before = site.picture()
    site.put(NETWORK, strict())
    lines = (site.machine.text(sources.TABLE.rules) or "").splitlines()
    assert f'        oifname "enp1s0" ether saddr != {MAC} drop' in lines
    assert lines[:3] == ["add table bridge muster", "delete table bridge muster", lines[2]]
    assert Unit("enable", sources.TABLE.service) in site.machine.emulated
    assert not site.put(NETWORK, strict())
    assert f"nft -f {sources.TABLE.rules}" in site.lines
    site.put(NETWORK, one())
    assert "nft delete table bridge muster" in site.lines
    assert set(site.picture()) - set(before) == {"etc/systemd/network/05-muster-mgmt.network"}


def test_a_strict_card_may_be_told_by_its_name(site: Ground) -> None:
    site.put(NETWORK, strict(hwaddr="enp2s0"))
    rules = site.machine.text(sources.TABLE.rules) or ""
    assert f'oifname "enp2s0" ether saddr != {OTHER} drop' in rules


def test_rules_and_strict_cards_do_not_touch_each_other(site: Ground) -> None:
    site.put(NETWORK, strict(firewall_rules=[SSH]))
    site.lines.clear()
    site.put(NETWORK, strict())
    assert "nft delete table inet muster" in site.lines
    assert site.machine.text(sources.TABLE.rules)


def test_without_nft_no_card_is_strict(tmp_path: Path) -> None:
    ground = Ground(tmp_path, lacking=frozenset({"nft"})).begin({**KNOBS, **CARDS})
    with pytest.raises(Unsupported, match="there is no nft here"):
        ground.put(NETWORK, one(strict_hwaddr=True))
    assert ground.ask("GET", "/1.0/capabilities")["network.strict_hwaddr"]["can"] == "absent"
