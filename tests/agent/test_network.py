"""The network by systemd-networkd: files, commands, and a change that nobody confirms."""

from pathlib import Path

import pytest

from agent.ground import KNOBS, Ground
from muster.agent.durations import seconds
from muster.agent.failures import Undone
from muster.agent.runner import Result, answering
from muster.base.errors import Invalid, Unsupported

NETWORK = "system/network"
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
CARDS = {
    "/sys/class/net/enp1s0/address": MAC,
    "/sys/class/net/enp1s0/device/vendor": "0x1af4",
    "/sys/class/net/enp1s0/operstate": "up",
    "/sys/class/net/enp1s0/mtu": "1500",
    "/sys/class/net/enp1s0/statistics/rx_bytes": "77",
    "/sys/class/net/enp2s0/address": OTHER,
    "/sys/class/net/enp2s0/device/vendor": "0x1af4",
    "/sys/class/net/lo/address": "00:00:00:00:00:00",
    "/etc/hostname": "old",
}
WAIT = "/lib/systemd/systemd-networkd-wait-online --timeout=30 --interface="


@pytest.fixture
def site(tmp_path: Path) -> Ground:
    return Ground(tmp_path).begin({**KNOBS, **CARDS})


def one(**more: object) -> dict[str, object]:
    card = {"name": "mgmt", "hwaddr": MAC, "addresses": ["10.0.0.5/24"], **more}
    return {"interfaces": [card]}


def units(ground: Ground) -> dict[str, str]:
    names = ground.machine.names("/etc/systemd/network")
    read = ground.machine.text
    return {each: read(f"/etc/systemd/network/{each}") or "" for each in names}


def test_a_card_has_its_addresses_and_routes(site: Ground) -> None:
    site.put(NETWORK, one(mtu=9000, routes=[{"to": "0.0.0.0/0", "via": "10.0.0.1"}], lldp=True))
    assert units(site) == {
        "05-muster-mgmt.network": (
            f"[Match]\nMACAddress={MAC}\nType=ether\n\n"
            "[Link]\nMTUBytes=9000\nRequiredForOnline=yes\n\n"
            "[Network]\nDHCP=no\nIPv6AcceptRA=no\nAddress=10.0.0.5/24\nLLDP=yes\nEmitLLDP=yes\n\n"
            "[Route]\nDestination=0.0.0.0/0\nGateway=10.0.0.1\n\n"
        )
    }
    assert site.lines == ["networkctl reload", f"{WAIT}enp1s0:routable"]


def test_where_tags_or_guests_are_there_is_a_bridge(site: Ground) -> None:
    site.put(NETWORK, one(vlan_tags=[200, 100]))
    written = units(site)
    assert sorted(written) == [
        "05-muster-mgmt-port.network",
        "05-muster-mgmt.netdev",
        "05-muster-mgmt.network",
    ]
    assert written["05-muster-mgmt.netdev"] == (
        "[NetDev]\nName=mgmt\nKind=bridge\n\n[Bridge]\nVLANFiltering=yes\nSTP=no\n\n"
    )
    tags = "[BridgeVLAN]\nVLAN=100\n\n[BridgeVLAN]\nVLAN=200\n\n"
    assert written["05-muster-mgmt-port.network"].endswith(
        f"[Network]\nBridge=mgmt\nLLDP=no\nEmitLLDP=no\n\n{tags}"
    )
    assert written["05-muster-mgmt.network"].startswith("[Match]\nName=mgmt\n")
    assert written["05-muster-mgmt.network"].endswith(tags)
    assert site.lines == ["networkctl reload", f"{WAIT}mgmt:routable"]


def test_another_tag_makes_no_bridge_anew(site: Ground) -> None:
    site.put(NETWORK, one(vlan_tags=[100]))
    site.lines.clear()
    bridge = site.machine.place("/etc/systemd/network/05-muster-mgmt.netdev").stat().st_ino
    site.put(NETWORK, one(vlan_tags=[100, 300]))
    assert site.lines == ["networkctl reload", f"{WAIT}mgmt:routable"]
    assert bridge == site.machine.place("/etc/systemd/network/05-muster-mgmt.netdev").stat().st_ino


def test_a_bond_with_vlans_on_it(site: Ground) -> None:
    config = {
        "bonds": [
            {
                "name": "up",
                "mode": "802.3ad",
                "members": [MAC, OTHER],
                "roles": ["instances"],
                "addresses": ["dhcp4"],
            }
        ],
        "vlans": [
            {"name": "a", "parent": "up", "id": 7, "addresses": ["fd00::5/64"]},
            {"name": "b", "parent": "up", "id": 8, "required_for_online": "no"},
        ],
    }
    site.put(NETWORK, config)
    written = units(site)
    assert "Name=_bup\nKind=bond\n" in written["05-muster-up-bond.netdev"]
    assert "Mode=802.3ad" in written["05-muster-up-bond.netdev"]
    assert "Bond=_bup" in written["05-muster-up-member-525400000001.network"]
    assert f"PermanentMACAddress={OTHER}" in written["05-muster-up-member-525400000002.network"]
    assert "[Match]\nName=_bup\n" in written["05-muster-up-port.network"]
    assert written["05-muster-up-port.network"].count("[BridgeVLAN]") == 2  # of both, not the first
    assert "DHCP=ipv4\nIPv6AcceptRA=no\nVLAN=a\nVLAN=b\n" in written["05-muster-up.network"]
    assert "Kind=vlan\n\n[VLAN]\nId=7\n" in written["05-muster-a.netdev"]
    assert site.lines == ["networkctl reload", f"{WAIT}up:routable --interface=a:routable"]
    del config["vlans"][1]
    site.put(NETWORK, config)
    assert site.lines == [
        "networkctl reload",
        "ip link delete dev b",
        f"{WAIT}up:routable --interface=a:routable",
    ]


def test_a_device_of_another_kind_is_made_anew(site: Ground) -> None:
    site.put(NETWORK, {"bonds": [{"name": "up", "mode": "balance-rr", "members": [MAC]}]})
    site.lines.clear()
    site.put(NETWORK, {"bonds": [{"name": "up", "mode": "802.3ad", "members": [MAC]}]})
    assert site.lines == ["ip link delete dev up", "networkctl reload"]


def test_names_and_time_are_told_to_whoever_asks_for_them(tmp_path: Path) -> None:
    site = Ground(tmp_path).begin({**KNOBS, **CARDS, "/run/systemd/system/there": ""})
    dns = {"hostname": "node-1", "nameservers": ["10.0.0.1", "fd00::1"], "search_domains": ["lab"]}
    site.write("/etc/timezone", "Asia/Tokyo\n")
    clock = {"ntp_servers": ["pool.example"], "timezone": "Europe/Berlin"}
    site.put(NETWORK, {**one(), "dns": dns, "time": clock})
    read = site.machine.text
    assert read("/etc/systemd/resolved.conf.d/99-muster.conf") == (
        "[Resolve]\nDNS=10.0.0.1 fd00::1\nDomains=lab\n\n"
    )
    assert read("/etc/systemd/timesyncd.conf.d/99-muster.conf") == "[Time]\nNTP=pool.example\n\n"
    assert read("/etc/hostname") == "node-1\n"
    assert site.lines[2:] == [
        "systemctl restart systemd-resolved.service",
        "systemctl restart systemd-timesyncd.service",
        "hostname -F /etc/hostname",
        "timedatectl set-timezone Europe/Berlin",
    ]
    site.lines.clear()
    site.put(NETWORK, one())
    assert (read("/etc/hostname"), read("/etc/timezone")) == ("old\n", "Asia/Tokyo\n")
    assert site.lines[-1] == "timedatectl set-timezone Asia/Tokyo"


def showing(site: Ground, zone: str) -> None:
    """Have the clock be set so, as timedatectl does where there is no /etc/timezone."""
    site.machine.put("/etc/localtime", None)
    site.link("/etc/localtime", f"../usr/share/zoneinfo/{zone}")


def test_the_clock_shows_again_what_it_did_where_it_alone_says_its_zone(site: Ground) -> None:
    showing(site, "America/Argentina/Salta")
    for zone in ("Europe/Berlin", "Asia/Tokyo"):
        site.put(NETWORK, {**one(), "time": {"timezone": zone}})
        assert site.lines[-1] == f"timedatectl set-timezone {zone}"
        showing(site, zone)
    site.put(NETWORK, one())
    assert site.lines == ["timedatectl set-timezone America/Argentina/Salta"]
    assert not site.machine.there("/etc/timezone")


def test_a_zone_that_nobody_confirms_gives_way_to_what_the_clock_showed(site: Ground) -> None:
    showing(site, "Europe/Vienna")
    site.write("/etc/timezone", "Asia/Tokyo\n")  # somebody linked the clock's own by hand
    clock = {"time": {"timezone": "Europe/Berlin"}, "confirmation_timeout": "60s"}
    site.put(NETWORK, {**one(), **clock})
    site.clock.advance(61)
    assert site.agent.keeper.expire(site.clock.now()) == [NETWORK]
    assert "timedatectl set-timezone Europe/Vienna" in site.lines
    assert site.machine.line("/etc/timezone") == "Asia/Tokyo"


def test_a_network_that_does_not_come_up_is_as_before(tmp_path: Path) -> None:
    script = answering({WAIT + "mgmt": Result(1, err="timeout")})
    site = Ground(tmp_path, script).begin({**KNOBS, **CARDS})
    site.put(NETWORK, one())
    before = units(site)
    site.lines.clear()
    with pytest.raises(Undone, match="as it was before.*timeout"):  # noqa: RUF043
        site.put(NETWORK, one(vlan_tags=[100]))
    assert units(site) == before
    assert site.lines == [
        "networkctl reload",
        f"{WAIT}mgmt:routable",
        "sh -c ip link delete dev mgmt 2>/dev/null; networkctl reload",
    ]


def test_what_nobody_confirms_is_taken_back(site: Ground) -> None:
    site.put(NETWORK, one())
    before = units(site)
    site.put(NETWORK, {**one(mtu=1400), "confirmation_timeout": "1m30s"})
    assert site.ask("GET", "/1.0/system/network")["state"]["configuration_in_process"]
    site.clock.advance(89)
    assert site.agent.keeper.expire(site.clock.now()) == []
    assert units(site) != before
    site.lines.clear()
    site.clock.advance(2)
    assert site.agent.keeper.expire(site.clock.now()) == [NETWORK]
    assert units(site) == before
    assert "mtu" not in site.config(NETWORK)["interfaces"][0]
    assert site.lines == ["sh -c networkctl reload"]
    assert not site.ask("GET", "/1.0/system/network")["state"]["configuration_in_process"]


def test_what_is_confirmed_stays(site: Ground) -> None:
    site.put(NETWORK, {**one(), "confirmation_timeout": "60s"})
    after = units(site)
    assert site.ask("POST", "/1.0/system/network/:confirm") == {}
    site.clock.advance(100)
    assert site.agent.keeper.expire(site.clock.now()) == []
    assert units(site) == after
    with pytest.raises(Invalid, match="no change waits"):
        site.ask("POST", "/1.0/system/network/:confirm")


def test_a_second_change_meanwhile_is_refused(site: Ground) -> None:
    site.put(NETWORK, {**one(), "confirmation_timeout": "60s"})
    with pytest.raises(Invalid, match="waits to be confirmed"):
        site.put(NETWORK, one(mtu=1400))


def test_the_deadline_outlives_the_agent(site: Ground) -> None:
    """Whoever is cut off cannot confirm, however the agent or the machine fares meanwhile."""
    site.put(NETWORK, {**one(), "confirmation_timeout": "60s"})
    again = Ground(site.root, clock=site.clock)
    again.agent.start()
    assert again.agent.keeper.pending(NETWORK)
    assert units(again) != {}
    site.clock.advance(61)
    last = Ground(site.root, clock=site.clock)
    last.agent.start()
    assert units(last) == {}
    assert last.lines == ["sh -c networkctl reload"]


def test_what_is_put_meanwhile_elsewhere_can_still_be_taken_back(site: Ground) -> None:
    blank = site.picture()
    site.put(NETWORK, {**one(), "confirmation_timeout": "60s"})
    site.put("system/kernel", {"network": {"tcp_congestion_algorithm": "bbr"}})
    site.clock.advance(61)
    site.agent.keeper.expire(site.clock.now())
    site.put("system/kernel", {})
    after = {name: text.split() for name, text in site.picture().items()}
    assert after == {name: text.split() for name, text in blank.items()}


def test_the_same_network_again_waits_for_nobody(site: Ground) -> None:
    config = {**one(), "confirmation_timeout": "60s"}
    site.put(NETWORK, config)
    site.ask("POST", "/1.0/system/network/:confirm")
    site.lines.clear()
    assert not site.put(NETWORK, config)
    assert (site.lines, site.agent.keeper.pending(NETWORK)) == ([], False)
    site.put(NETWORK, {**config, "confirmation_timeout": "30s"})
    assert (site.lines, site.agent.keeper.pending(NETWORK)) == ([], False)


def test_the_state_shows_devices_and_what_they_are_for(tmp_path: Path) -> None:
    shown = '[{"ifname": "enp1s0", "addr_info": [{"local": "10.0.0.5"}]}]'
    site = Ground(tmp_path, answering({"ip -json address": shown})).begin({**KNOBS, **CARDS})
    site.put(NETWORK, one())
    state = site.ask("GET", "/1.0/system/network")["state"]["interfaces"]["mgmt"]
    assert state["addresses"] == ["10.0.0.5"]
    assert (state["state"], state["mtu"], state["stats"]["rx_bytes"]) == ("up", 1500, 77)
    assert state["roles"] == ["management", "cluster"]


def test_a_network_that_nobody_told_is_shown_as_it_is(tmp_path: Path) -> None:
    inside = '{"local": "::1", "scope": "host"}'
    there = [("lo", inside), ("enp1s0", '{"local": "10.0.0.5", "scope": "global"}')]
    there += [("incusbr0", '{"local": "10.9.9.1", "scope": "global"}'), ("enp2s0", "")]
    shown = ", ".join(f'{{"ifname": "{name}", "addr_info": [{one}]}}' for name, one in there)
    ways = '[{"dst": "default", "gateway": "10.0.0.1", "dev": "enp1s0"}]'
    said = {"ip -json address": f"[{shown}]", "ip -json route": ways}
    site = Ground(tmp_path, answering(said)).begin({**KNOBS, **CARDS})
    state = site.ask("GET", f"/1.0/{NETWORK}")["state"]["interfaces"]
    assert {name: (each["addresses"], each["roles"]) for name, each in state.items()} == {
        "enp1s0": (["10.0.0.5"], ["management", "cluster"]),
        "incusbr0": (["10.9.9.1"], []),
    }
    assert state["enp1s0"]["routes"] == [{"to": "0.0.0.0/0", "via": "10.0.0.1"}]
    assert (state["enp1s0"]["hwaddr"], state["enp1s0"]["mtu"]) == (MAC, 1500)


def test_names_are_resolved_anew_when_asked_to(site: Ground) -> None:
    assert site.ask("POST", "/1.0/system/network/:flush-dns") == {}
    assert site.lines == ["resolvectl flush-caches"]


def test_what_the_kernel_or_the_machine_has_not_is_refused(tmp_path: Path) -> None:
    script = answering({"modprobe --dry-run": Result(1)})
    site = Ground(tmp_path, script).begin({**KNOBS, **CARDS})
    with pytest.raises(Unsupported, match=r"config\.interfaces\[0\]: .*bridge that knows VLANs"):
        site.put(NETWORK, one(vlan_tags=[100]))
    with pytest.raises(Unsupported, match="there is no card 52:54:00:00:00:09 here"):
        site.put(NETWORK, one(hwaddr="52:54:00:00:00:09"))
    assert units(site) == {}
    resting = answering({"systemctl is-active": Result(3)})
    site = Ground(tmp_path / "b", resting).begin({**CARDS, "/run/systemd/system/there": ""})
    with pytest.raises(Unsupported, match="systemd-networkd does not run"):
        site.put(NETWORK, one())


def test_a_bridge_is_not_called_as_its_card(site: Ground) -> None:
    with pytest.raises(Unsupported, match="a bridge needs another"):
        site.put(NETWORK, one(name="enp1s0", vlan_tags=[100]))
    assert site.put(NETWORK, one(name="enp1s0"))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "config.interfaces"),
        (one(name="_x"), "config.interfaces[0].name"),
        (one(name="a-name-too-long"), "config.interfaces[0].name"),
        (one(addresses=["10.0.0.5"]), "config.interfaces[0].addresses[0]"),
        (one(addresses=["dhcp4", "dhcp"]), "config.interfaces[0].addresses[1]"),
        (one(mtu=9001), "config.interfaces[0].mtu"),
        (one(roles=["storage", "storage"]), "config.interfaces[0].roles"),
        (one(roles=["boss"]), "config.interfaces[0].roles[0]"),
        (one(vlan_tags=[0]), "config.interfaces[0].vlan_tags[0]"),
        (one(vlan_tags=[5, 5]), "config.interfaces[0].vlan_tags"),
        (
            one(routes=[{"to": "10.0.0.5/24", "via": "10.0.0.1"}]),
            "config.interfaces[0].routes[0].to",
        ),
        (one(routes=[{"to": "::/0", "via": "x"}]), "config.interfaces[0].routes[0].via"),
        ({"interfaces": [{"name": "a"}]}, "config.interfaces[0].hwaddr"),
        ({"bonds": [{"name": "a", "mode": "802.3ad"}]}, "config.bonds[0].members"),
        ({"bonds": [{"name": "a", "mode": "fast", "members": [MAC]}]}, "config.bonds[0].mode"),
        ({**one(), "vlans": [{"name": "v", "parent": "x", "id": 5}]}, "config.vlans[0].parent"),
        ({**one(), "vlans": [{"name": "mgmt", "parent": "mgmt"}]}, "config.vlans[0].name"),
        ({**one(), "confirmation_timeout": "soon"}, "config.confirmation_timeout"),
        ({**one(), "dns": {"nameservers": ["x"]}}, "config.dns.nameservers[0]"),
        ({**one(), "time": {"timezone": "../x"}}, "config.time.timezone"),
        ({**one(), "dns": {"hostname": "a\n[Resolve]"}}, "config.dns.hostname"),
    ],
)
def test_what_is_wrong_in_a_network_is_named(
    site: Ground, config: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        site.put(NETWORK, config)
    assert caught.value.details["field"] == field
    assert units(site) == {}


@pytest.mark.parametrize(
    ("text", "length"), [("", 0), ("60s", 60), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400)]
)
def test_durations_are_those_of_go(text: str, length: float) -> None:
    assert seconds(text) == length
