"""Cards told what to leave to the machine, tunnels of WireGuard, and the way to the web."""

import json
import os
from pathlib import Path

import pytest

from agent.ground import KNOBS, Ground
from agent.test_network import CARDS, MAC, NETWORK, OTHER, one, units
from muster.agent import ethernet, proxy
from muster.agent.failures import Undone
from muster.agent.runner import Result, answering
from muster.base.errors import Invalid, Unsupported

WAIT = "/lib/systemd/systemd-networkd-wait-online --timeout=30 --interface="
KEY, PEER, SHARED = "a" * 43 + "=", "b" * 43 + "=", "c" * 43 + "="
PASSWORD = "11:22:33:44:55:66"


class Cards:
    """What ethtool would say of cards, and do to them."""

    def __init__(self) -> None:
        self.features = {"gro": "on", "gso": "on", "tx-tcp-segmentation": "on"}
        self.saving, self.waking, self.can = "enabled - active", "d", "pumbg"
        self.stubborn = ""  # what stays as it is without a word

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        if argv[:1] == ("sh",) and "ethtool -s" in argv[2]:
            self.waking = argv[2].split("wol ")[1].split()[0]
        if argv[:1] != ("ethtool",):
            return None
        if argv[1] == "--show-features":
            words = ethernet._FEATURES
            return Result(out="".join(f"{words[k]}: {v}\n" for k, v in self.features.items()))
        if argv[1] == "--show-eee":
            return Result(out=f"EEE Settings for card:\n\tEEE status: {self.saving}\n")
        if argv[1] == "-K" and argv[3] != self.stubborn:
            self.features[argv[3]] = argv[4]
        if argv[1] == "--set-eee":
            self.saving = "disabled" if argv[4] == "off" else "enabled - active"
        if argv[1] == "-s":
            self.waking = argv[4]
        return Result(out=f"\tSupports Wake-on: {self.can}\n\tWake-on: {self.waking}\n")


@pytest.fixture
def cards() -> Cards:
    return Cards()


@pytest.fixture
def site(tmp_path: Path, cards: Cards) -> Ground:
    return Ground(tmp_path, script=cards).begin({**KNOBS, **CARDS})


def test_a_card_leaves_to_the_machine_what_it_is_told_now_and_after_a_boot(site: Ground) -> None:
    config = one(ethernet={"disable_gro": True, "disable_energy_efficient": True})
    assert site.put(NETWORK, config)
    assert site.lines == [
        "networkctl reload",
        f"{WAIT}enp1s0:routable",
        "ethtool --set-eee enp1s0 eee off",
        "ethtool -K enp1s0 gro off",
        "udevadm control --reload",
    ]
    match = f'ACTION=="add", SUBSYSTEM=="net", ATTR{{address}}=="{MAC}", RUN+="/usr/sbin/ethtool'
    assert site.machine.text(ethernet.BOOT) == (
        f'{match} --set-eee $name eee off"\n'
        f'{match} -K $name gro off"\n'
        f'{match} -K $name rx-gro-hw off"\n'
    )
    assert not site.put(NETWORK, config)
    assert site.lines == []


def test_a_card_that_somebody_else_changed_is_mended(site: Ground, cards: Cards) -> None:
    config = one(ethernet={"disable_gso": True})
    site.put(NETWORK, config)
    site.lines.clear()
    cards.features["gso"] = "on"
    assert site.put(NETWORK, config)
    assert site.lines == ["ethtool -K enp1s0 gso off"]


def test_a_card_of_which_nothing_is_told_any_more_is_as_before(site: Ground, cards: Cards) -> None:
    cards.waking = "pg"
    site.put(NETWORK, one(ethernet={"disable_ipv4_tso": True, "wakeonlan": True}))
    assert cards.features["tx-tcp-segmentation"] == "off"
    assert cards.waking == "g"
    site.put(NETWORK, one(ethernet={"wakeonlan": True, "wakeonlan_modes": ["phy"]}))
    assert (cards.features["tx-tcp-segmentation"], cards.waking) == ("on", "p")
    site.put(NETWORK, one())
    assert cards.waking == "gp"
    assert site.machine.text(ethernet.BOOT) is None
    assert site.machine.text(ethernet.BEFORE) is None


def test_a_card_that_does_not_do_it_has_all_be_as_before(site: Ground, cards: Cards) -> None:
    site.put(NETWORK, one())
    before, site.runner.ran[:] = units(site), []
    cards.stubborn = "gso"
    with pytest.raises(Undone, match="enp1s0: gso is on, not off"):
        site.put(NETWORK, one(ethernet={"disable_gro": True, "disable_gso": True}, mtu=9000))
    assert cards.features["gro"] == "on"
    assert units(site) == before
    assert site.machine.text(ethernet.BOOT) is None


def test_all_cards_of_a_bond_are_told_the_same(site: Ground) -> None:
    bond = {"name": "up", "mode": "802.3ad", "members": [MAC.upper(), "enp2s0"]}
    site.put(NETWORK, {"bonds": [{**bond, "ethernet": {"disable_gso": True}}]})
    said = [line for line in site.lines if line.startswith("ethtool")]
    assert said[0] == "ethtool -K enp1s0 gso off"
    assert f'ATTR{{address}}=="{OTHER}"' in (site.machine.text(ethernet.BOOT) or "")


def test_a_password_that_wakes_is_in_no_command_and_in_no_answer(
    site: Ground, cards: Cards
) -> None:
    cards.can = "pumbgs"
    told = {"wakeonlan": True, "wakeonlan_modes": ["magic", "secureon"]}
    site.put(NETWORK, one(ethernet={**told, "wakeonlan_password": PASSWORD}))
    place = f"/var/lib/muster-agent/wake-{MAC.replace(':', '')}.password"
    assert f"sh -c exec ethtool -s enp1s0 wol gs sopass $(cat {place})" in site.lines
    assert f"sopass $$(cat {place})'" in (site.machine.text(ethernet.BOOT) or "")
    assert site.machine.text(place) == f"{PASSWORD}\n"
    assert site.machine.place(place).stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in str(site.ask("GET", "/1.0/system/network"))
    site.put(NETWORK, one(ethernet={**told, "wakeonlan_password": PASSWORD.replace("1", "9")}))
    assert any("sopass" in line for line in site.lines)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"wakeonlan_modes": ["magic"]}, "wakeonlan_modes"),
        ({"wakeonlan": True, "wakeonlan_modes": ["secureon"]}, "wakeonlan_password"),
        ({"wakeonlan": True, "wakeonlan_password": PASSWORD}, "wakeonlan_password"),
    ],
)
def test_what_cannot_be_meant_of_waking_is_named(
    site: Ground, told: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid, match=rf"interfaces\[0\]\.ethernet\.{field}"):
        site.put(NETWORK, one(ethernet=told))


def test_a_card_that_cannot_wake_the_machine_so_is_refused(site: Ground, cards: Cards) -> None:
    cards.can = "g"
    with pytest.raises(Unsupported, match="enp1s0 cannot wake by arp; it can by magic"):
        site.put(NETWORK, one(ethernet={"wakeonlan": True, "wakeonlan_modes": ["arp", "magic"]}))
    assert site.lines == []


def test_without_ethtool_nothing_is_told_to_a_card(tmp_path: Path) -> None:
    site = Ground(tmp_path, lacking=frozenset({"ethtool"})).begin({**KNOBS, **CARDS})
    assert site.ask("GET", "/1.0/capabilities")["network.ethernet"]["can"] == "absent"
    with pytest.raises(Unsupported, match="no ethtool"):
        site.put(NETWORK, one(ethernet={"disable_gro": True}))


def tunnel(**more: object) -> dict[str, object]:
    peer = {"public_key": PEER, "allowed_ips": ["10.9.0.0/24", "fd09::/64"]}
    made = {"name": "wg0", "port": 51820, "addresses": ["10.9.0.1/24"], "peers": [peer], **more}
    return {**one(), "wireguard": [made]}


def test_a_tunnel_has_its_key_and_its_peers(site: Ground) -> None:
    peer = {
        "public_key": PEER,
        "preshared_key": SHARED,
        "endpoint": "[fd00::9]:51820",
        "allowed_ips": ["10.9.0.0/24", "fd09::/64"],
        "persistent_keepalive": 25,
    }
    route = {"to": "10.10.0.0/16", "via": "10.9.0.2"}
    site.put(NETWORK, tunnel(private_key=KEY, peers=[peer], mtu=1420, routes=[route]))
    written = units(site)
    assert written["05-muster-wg0.netdev"] == (
        "[NetDev]\nName=wg0\nKind=wireguard\n\n"
        f"[WireGuard]\nPrivateKey={KEY}\nListenPort=51820\n\n"
        f"[WireGuardPeer]\nPublicKey={PEER}\nPresharedKey={SHARED}\nEndpoint=[fd00::9]:51820\n"
        "AllowedIPs=10.9.0.0/24,fd09::/64\nPersistentKeepalive=25\n\n"
    )
    assert "[Link]\nMTUBytes=1420\n" in written["05-muster-wg0.network"]
    assert "Address=10.9.0.1/24\n" in written["05-muster-wg0.network"]
    assert "Destination=10.10.0.0/16\nGateway=10.9.0.2\n" in written["05-muster-wg0.network"]
    place = site.machine.place("/etc/systemd/network/05-muster-wg0.netdev")
    assert place.stat().st_mode & 0o777 == 0o640
    assert not site.put(NETWORK, tunnel(private_key=KEY, peers=[peer], mtu=1420, routes=[route]))
    said = str(site.ask("GET", "/1.0/system/network"))
    assert KEY not in said
    assert SHARED not in said


def test_a_tunnel_told_no_key_gets_one_that_it_keeps(site: Ground) -> None:
    place = "/var/lib/muster-agent/wireguard-wg0.key"
    assert site.put(NETWORK, tunnel())
    key = site.machine.line(place)
    assert len(key) == 44
    assert f"PrivateKey={key}\n" in units(site)["05-muster-wg0.netdev"]
    assert site.machine.place(place).stat().st_mode & 0o777 == 0o600
    assert not site.put(NETWORK, tunnel())
    assert site.put(NETWORK, tunnel(port=51821))
    assert site.machine.line(place) == key
    site.lines.clear()
    site.put(NETWORK, one())
    assert site.machine.text(place) is None
    assert site.lines == [
        "networkctl reload",
        "ip link delete dev wg0",
        f"{WAIT}enp1s0:routable",
    ]


def test_a_tunnel_shows_its_public_key_and_when_a_peer_was_heard_of(
    site: Ground, cards: Cards
) -> None:
    site.put(NETWORK, tunnel(private_key=KEY))
    dump = f"{KEY}\t{SHARED}\t51820\toff\n{PEER}\t(none)\t192.0.2.7:1\t10.9.0.0/24\t17\t5\t6\toff\n"
    site.runner.script = lambda argv: Result(out=dump) if argv[0] == "wg" else cards(argv)
    shown = site.ask("GET", "/1.0/system/network")["state"]["interfaces"]["wg0"]
    assert shown["type"] == "wireguard"
    assert shown["wireguard"] == {
        "public_key": SHARED,
        "port": 51820,
        "peers": [
            {
                "public_key": PEER,
                "endpoint": "192.0.2.7:1",
                "latest_handshake": 17,
                "rx_bytes": 5,
                "tx_bytes": 6,
            }
        ],
    }
    assert KEY not in str(shown)


def test_a_kernel_without_wireguard_is_told_so(site: Ground) -> None:
    site.runner.script = lambda argv: Result(1) if "wireguard" in argv else None
    with pytest.raises(Unsupported, match="no WireGuard"):
        site.put(NETWORK, tunnel(private_key=KEY))


def test_peers_that_cannot_be_meant_are_named(site: Ground) -> None:
    peer = {"public_key": PEER, "allowed_ips": ["10.9.0.0/24"]}
    for peers, field in (
        ([peer, peer], r"peers\[1\]\.public_key"),
        ([{"public_key": PEER}], r"peers\[0\]\.allowed_ips"),
        ([{**peer, "public_key": "short"}], r"peers\[0\]\.public_key"),
    ):
        with pytest.raises(Invalid, match=field):
            site.put(NETWORK, tunnel(private_key=KEY, peers=peers))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_came_back_is_still_its_groups(site: Ground) -> None:
    site.machine.put("/etc/x", "old", 0o640, "daemon")
    assert site.machine.group("/etc/x") == "daemon"
    assert site.machine.place("/etc/x").stat().st_mode & 0o777 == 0o640
    site.machine.put("/etc/x", "new", 0o640, "there-is-no-such-group")
    assert site.machine.group("/etc/x") == ""


SERVER = {"host": "proxy.lan:3128", "auth": "basic", "username": "a b", "password": "s'c/r"}
URL = "http://a%20b:s%27c%2Fr@proxy.lan:3128"


def proxied(*rules: dict[str, str], **servers: dict[str, object]) -> dict[str, object]:
    return {**one(), "proxy": {"servers": servers or {"main": SERVER}, "rules": list(rules)}}


def test_programs_reach_the_web_by_a_proxy_but_for_exceptions(site: Ground) -> None:
    config = proxied(
        {"destination": "*.lan|10.0.0.0/8|mirror.lan", "target": "direct"},
        {"destination": "*", "target": "main"},
    )
    site.put(NETWORK, config)
    exempt = "localhost,127.0.0.1,::1,.lan,10.0.0.0/8,mirror.lan"
    values = f'http_proxy="{URL}"\nhttps_proxy="{URL}"\nno_proxy="{exempt}"\n'
    upper = f'HTTP_PROXY="{URL}"\nHTTPS_PROXY="{URL}"\nNO_PROXY="{exempt}"\n'
    assert site.machine.text(proxy.VARIABLES) == values + upper
    assert site.machine.text(proxy.SERVICES) == (f"[Service]\nEnvironmentFile=-{proxy.VARIABLES}\n")
    apt = site.machine.text(proxy.APT) or ""
    assert f'Acquire::https::Proxy "{URL}";\n' in apt
    assert 'Acquire::http::Proxy::mirror.lan "DIRECT";\n' in apt
    for path in (proxy.VARIABLES, proxy.APT):
        assert site.machine.place(path).stat().st_mode & 0o777 == 0o600
    assert "systemctl daemon-reload" in site.lines
    assert not site.put(NETWORK, config)
    assert "s'c/r" not in str(site.ask("GET", "/1.0/system/network"))
    site.put(NETWORK, one())
    for path in (proxy.VARIABLES, proxy.SERVICES, proxy.SHELLS, proxy.APT):
        assert site.machine.text(path) is None


def test_a_shell_understands_the_variables(site: Ground) -> None:
    import subprocess

    site.put(NETWORK, proxied())
    words = f'. {site.machine.place(proxy.VARIABLES)}; printf %s "$https_proxy"'
    assert subprocess.run(["sh", "-c", words], capture_output=True, text=True).stdout == URL


def test_one_server_without_rules_is_for_all(site: Ground) -> None:
    site.put(NETWORK, proxied(main={"host": "proxy.lan:3128", "use_tls": True}))
    assert 'http_proxy="https://proxy.lan:3128"' in (site.machine.text(proxy.VARIABLES) or "")
    assert site.machine.place(proxy.VARIABLES).stat().st_mode & 0o777 == 0o644
    site.put(NETWORK, proxied({"destination": "*", "target": "direct"}))
    assert site.machine.text(proxy.VARIABLES) is None


@pytest.mark.parametrize(
    ("proxies", "fault", "field"),
    [
        (proxied({"destination": "*.com", "target": "main"}), Unsupported, r"rules\[0\]"),
        (proxied(a=SERVER, b=SERVER), Unsupported, "rules"),
        (proxied(main={**SERVER, "realm": "LAN"}), Unsupported, "realm"),
        (proxied({"destination": "*", "target": "other"}), Invalid, r"rules\[0\].target"),
        (proxied(main={**SERVER, "auth": "anonymous"}), Invalid, "username"),
        (
            proxied({"target": "direct"}, {"destination": "a.b", "target": "direct"}),
            Invalid,
            r"rules\[0\].destination",
        ),
    ],
)
def test_a_proxy_that_programs_would_not_understand_is_refused(
    site: Ground, proxies: dict[str, object], fault: type[Exception], field: str
) -> None:
    with pytest.raises(fault, match=field):
        site.put(NETWORK, proxies)
    assert site.lines == []


PARTNER = "00:11:22:33:44:55"
BONDING = f"""Ethernet Channel Bonding Driver: v6.12.0

Bonding Mode: IEEE 802.3ad Dynamic link aggregation

Slave Interface: enp1s0
details actor lacp pdu:
    system mac address: {MAC}
details partner lacp pdu:
    system priority: 127
    system mac address: {PARTNER}

Slave Interface: enp2s0
details actor lacp pdu:
    system mac address: {MAC}
details partner lacp pdu:
    system priority: 65535
    system mac address: 00:00:00:00:00:00
"""
HEARD = {
    "Neighbors": [
        {
            "InterfaceName": "enp1s0",
            "Neighbors": [
                {"SystemName": "switch7", "ChassisID": PARTNER, "PortID": "ge-0/0/3"},
            ],
        }
    ]
}


def test_a_bond_shows_its_cards_and_who_is_at_their_other_ends(tmp_path: Path) -> None:
    script = answering({"networkctl lldp --json=short enp1s0": json.dumps(HEARD)})
    site = Ground(tmp_path, script).begin({**KNOBS, **CARDS, "/proc/net/bonding/up": BONDING})
    for card in ("enp1s0", "enp2s0"):
        site.link(f"/sys/class/net/{card}/master", "../up")
    bond = {"name": "up", "members": [MAC, "enp2s0"], "mode": "802.3ad", "lldp": True}
    site.put(NETWORK, {"bonds": [bond]})
    members = site.ask("GET", f"/1.0/{NETWORK}")["state"]["interfaces"]["up"]["members"]
    assert sorted(members) == ["enp1s0", "enp2s0"]
    assert (members["enp1s0"]["type"], members["enp1s0"]["state"]) == ("bond_member", "up")
    assert members["enp1s0"]["lacp"] == {"local_mac": MAC, "remote_mac": PARTNER}
    neighbour = {"name": "switch7", "chassis_id": PARTNER, "port_id": "ge-0/0/3", "port": ""}
    assert members["enp1s0"]["lldp"] == [neighbour]
    assert (members["enp2s0"]["lldp"], "lacp" in members["enp2s0"]) == ([], False)


def test_a_card_that_listens_shows_whom_it_hears(tmp_path: Path) -> None:
    script = answering({"networkctl lldp --json=short enp1s0": json.dumps(HEARD)})
    site = Ground(tmp_path, script).begin({**KNOBS, **CARDS})
    site.put(NETWORK, one(lldp=True))
    state = site.ask("GET", f"/1.0/{NETWORK}")["state"]["interfaces"]
    assert [each["name"] for each in state["mgmt"]["lldp"]] == ["switch7"]
    site.put(NETWORK, one())
    assert "lldp" not in site.ask("GET", f"/1.0/{NETWORK}")["state"]["interfaces"]["mgmt"]
