"""A machine as a member of what others direct: Ceph, OVN, LINSTOR, private networks, USB."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.ground import KNOBS, Ground
from drivers.pem.made import CERTIFICATE, NEXT
from muster.agent import linstor, ovn, tailscale
from muster.agent.failures import Undone
from muster.agent.runner import Result, answering
from muster.base.errors import Invalid, Unsupported

FSID = "8ee4ad2c-7b5c-4a8e-9c1e-000000000001"
CEPH: Mapping[str, Any] = {
    "enabled": True,
    "clusters": {
        "ceph": {
            "fsid": FSID,
            "monitors": ["10.0.0.1", "10.0.0.2"],
            "keyrings": {"admin": {"key": "QUJD"}, "client.incus": {"key": "REVG"}},
            "client_config": {"rbd cache": "true"},
        }
    },
}
OVN: Mapping[str, Any] = {
    "enabled": True,
    "database": "tcp:10.0.0.1:6642,tcp:10.0.0.2:6642",
    "tunnel_address": "10.0.0.5",
}
KEY_PEM = "-----BEGIN PRIVATE KEY-----\nMAo=\n-----END PRIVATE KEY-----\n"
TAILSCALE = {"enabled": True, "auth_key": "tskey-auth-abc", "advertised_routes": ["10.0.0.0/8"]}
NETBIRD = {"enabled": True, "setup_key": "AAAA-BBBB", "block_inbound": True}
MISSING = {
    "services/ceph": (CEPH, "ceph"),
    "services/ovn": (OVN, "ovs-vsctl"),
    "services/tailscale": (TAILSCALE, "tailscale"),
    "services/netbird": (NETBIRD, "netbird"),
    "services/usbip": ({"enabled": True}, "usbip"),
}


@pytest.mark.parametrize("name", MISSING)
def test_without_its_program_a_service_is_refused_and_may_be_off(tmp_path: Path, name: str) -> None:
    config, program = MISSING[name]
    ground = Ground(tmp_path, lacking=frozenset({program})).begin()
    with pytest.raises(Unsupported, match=f"there is no {program} here"):
        ground.put(name, config)
    ground.put(name, {"enabled": False})
    assert ground.lines == []


def test_ceph_is_files_whose_keys_are_roots_and_shown_to_nobody(ground: Ground) -> None:
    before = ground.picture()
    assert ground.put("services/ceph", CEPH)
    assert ground.machine.text("/etc/ceph/ceph.conf") == (
        f"[global]\nfsid = {FSID}\nmon_host = 10.0.0.1,10.0.0.2\n\n[client]\nrbd cache = true\n"
    )
    for user, key in (("admin", "QUJD"), ("incus", "REVG")):
        place = ground.machine.place(f"/etc/ceph/ceph.client.{user}.keyring")
        assert place.read_text() == f"[client.{user}]\n\tkey = {key}\n"
        assert place.stat().st_mode & 0o777 == 0o600
    shown = ground.config("services/ceph")
    assert "QUJD" not in json.dumps(shown)
    assert not ground.put("services/ceph", shown)
    ground.put("services/ceph", {"enabled": False})
    assert ground.picture() == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fsid": "x"}, r"clusters\.ceph\.fsid"),
        ({"monitors": []}, r"clusters\.ceph\.monitors"),
        ({"keyrings": {"../x": {"key": "QUJD"}}}, r"keyrings\.\.\./x"),
        ({"keyrings": {"a": {"key": "no key"}}}, r"keyrings\.a\.key: it does not have"),
        ({"client_config": {"a]": "b"}}, r"client_config\.a\]"),
        ({"client_config": {"a": "b\n[global]"}}, r"client_config\.a: must be one line"),
    ],
)
def test_what_is_no_ceph_is_named(ground: Ground, change: Any, field: str) -> None:
    cluster = {**CEPH["clusters"]["ceph"], **change}
    with pytest.raises(Invalid, match=field):
        ground.put("services/ceph", {"enabled": True, "clusters": {"ceph": cluster}})


@dataclass
class Switch:
    """As much of ovs-vsctl as is asked of it."""

    ids: dict[str, str] = field(default_factory=lambda: {"system-id": "m1"})
    fails_on: str = "nothing"

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        if argv[0] != "ovs-vsctl":
            return None
        if argv[2] == "get":
            inside = ", ".join(f'{key}="{value}"' for key, value in self.ids.items())
            return Result(out="{" + inside + "}\n")
        if any(self.fails_on in each for each in argv):
            self.fails_on = "nothing"
            return Result(1, err="no luck")
        if argv[2] == "remove":
            for key in argv[6:]:
                del self.ids[key]
        for each in argv[5:] if argv[2] == "set" else ():
            key, _, value = each.removeprefix("external_ids:").partition("=")
            self.ids[key] = value.strip('"')
        return None


@pytest.fixture
def chassis(tmp_path: Path) -> tuple[Ground, Switch]:
    switch = Switch()
    return Ground(tmp_path, switch).begin({**KNOBS, "/run/systemd/system/there": ""}), switch


def test_a_chassis_says_where_its_director_is_once(chassis: tuple[Ground, Switch]) -> None:
    ground, switch = chassis
    assert ground.put("services/ovn", OVN)
    assert switch.ids == {
        "system-id": "m1",
        "ovn-remote": OVN["database"],
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": "10.0.0.5",
    }
    ground.lines.clear()
    assert not ground.put("services/ovn", OVN)
    assert ground.put("services/ovn", {**OVN, "tunnel_address": "10.0.0.6"})
    words = "ovs-vsctl --timeout=10 set open_vswitch ."
    assert ground.lines == [f'{words} external_ids:ovn-encap-ip="10.0.0.6"']
    ground.put("services/ovn", {"enabled": False})
    assert switch.ids == {"system-id": "m1"}


def test_a_chassis_that_fails_half_way_is_what_it_was(chassis: tuple[Ground, Switch]) -> None:
    ground, switch = chassis
    switch.ids["ovn-remote"] = "tcp:10.9.9.9:6642"
    before = dict(switch.ids)
    switch.fails_on = "ovn-encap-ip"
    with pytest.raises(Undone, match="no luck"):
        ground.put("services/ovn", OVN)
    assert switch.ids == before


def test_a_director_by_tls_is_told_by_files_and_needs_them_all(
    chassis: tuple[Ground, Switch],
) -> None:
    ground, _ = chassis
    secret = {**OVN, "database": "ssl:10.0.0.1:6642", "tls_client_certificate": CERTIFICATE}
    with pytest.raises(Invalid, match="tls_client_key: is required"):
        ground.put("services/ovn", secret)
    whole = {**secret, "tls_client_key": KEY_PEM, "tls_ca_certificate": NEXT}
    ground.put("services/ovn", whole)
    assert ground.machine.place(ovn.KEY).stat().st_mode & 0o777 == 0o600
    assert f"--ovn-controller-ssl-key={ovn.KEY}" in ground.machine.line(ovn.OPTIONS)
    assert "PRIVATE" not in json.dumps(ground.config("services/ovn"))
    ground.lines.clear()
    ground.put("services/ovn", {**whole, "tls_ca_certificate": CERTIFICATE})
    assert ground.lines == ["systemctl restart ovn-controller.service"]


def test_a_satellite_listens_where_it_is_told_to(ground: Ground) -> None:
    with pytest.raises(Unsupported, match="the satellite is not installed"):
        ground.put("services/linstor", {"enabled": True})
    ground.write(f"/lib/systemd/system/{linstor.UNIT}", "")
    assert ground.put("services/linstor", {"enabled": True, "listen_address": "10.0.0.5:3366"})
    assert 'bind_address = "10.0.0.5"\n  port = 3366' in ground.machine.line(linstor.CONFIG)
    assert not ground.put("services/linstor", {"enabled": True, "listen_address": "10.0.0.5:3366"})
    with pytest.raises(Invalid, match="is no address and port"):
        ground.put("services/linstor", {"enabled": True, "listen_address": "anywhere"})
    ground.put("services/linstor", {"enabled": False})
    assert ground.machine.text(linstor.CONFIG) is None


def test_a_key_of_a_private_network_is_in_no_command(tmp_path: Path) -> None:
    up = {"tailscale status": json.dumps({"BackendState": "Running", "Version": "1.90"})}
    ground = Ground(tmp_path, answering(up)).begin()
    assert ground.put("services/tailscale", TAILSCALE)
    (line,) = ground.lines
    assert line.startswith(
        f"tailscale up --reset --timeout=30s --auth-key=file:{tailscale.MEMBERSHIP.key}"
    )
    assert "--advertise-routes=10.0.0.0/8" in line
    assert not ground.put("services/tailscale", TAILSCALE)
    assert ground.ask("GET", "/1.0/services/tailscale")["state"]["version"] == "1.90"
    ground.put("services/tailscale", {"enabled": False})
    assert ground.lines == ["tailscale logout"]
    assert ground.machine.text(tailscale.MEMBERSHIP.key) is None
    with pytest.raises(Invalid, match="auth_key: is required"):
        ground.put("services/tailscale", {"enabled": True})


def test_netbird_goes_down_before_it_hears_of_other_settings(tmp_path: Path) -> None:
    up = {"netbird status": json.dumps({"management": {"connected": True}})}
    ground = Ground(tmp_path, answering(up)).begin()
    ground.put("services/netbird", NETBIRD)
    assert "AAAA" not in str(ground.lines)
    assert not ground.put("services/netbird", NETBIRD)
    ground.put("services/netbird", {**NETBIRD, "disable_dns": True})
    down, line = ground.lines
    assert (
        down,
        line.endswith("--disable-dns=true --disable-firewall=false --disable-server-routes=false"),
    ) == ("netbird down", True)
    ground.put("services/netbird", {"enabled": False})
    assert ground.lines == ["netbird down"]
    with pytest.raises(Invalid, match="setup_key: is required"):
        ground.put("services/netbird", {"enabled": True})


PORTS = """Imported USB devices
====================
Port 00: <Port in Use> at High Speed(480Mbps)
       unknown vendor : unknown product (0951:1666)
       3-1 -> usbip://10.0.0.9:3240/1-2
           -> remote bus/dev 001/004
"""


def test_only_what_differs_is_plugged_in_or_out(tmp_path: Path) -> None:
    ground = Ground(tmp_path, answering({"usbip port": PORTS})).begin()
    there, other = ({"address": "10.0.0.9", "bus_id": bus} for bus in ("1-2", "1-3"))
    ground.put("services/usbip", {"enabled": True, "targets": [there, other]})
    assert ground.lines == ["modprobe vhci-hcd", "usbip attach --remote=10.0.0.9 --busid=1-3"]
    ground.put("services/usbip", {"enabled": False})
    assert ground.lines == ["usbip detach --port=00"]
    with pytest.raises(Invalid, match=r"targets\[1\]: is there twice"):
        ground.put("services/usbip", {"enabled": True, "targets": [there, there]})


SERVED = {**TAILSCALE, "serve_enabled": True, "serve_port": 443}
SERVING = "tailscale serve --bg --https=443 https+insecure://localhost:8443"


def joined(tmp_path: Path) -> Ground:
    up = {"tailscale status": json.dumps({"BackendState": "Running"})}
    return Ground(tmp_path, answering(up)).begin()


def test_incus_is_served_to_a_private_network_and_no_longer(tmp_path: Path) -> None:
    ground = joined(tmp_path)
    ground.put("services/tailscale", SERVED)
    assert ground.lines[-1] == SERVING
    assert not ground.put("services/tailscale", SERVED)
    ground.lines.clear()
    ground.put("services/tailscale", {**SERVED, "serve_service": "svc:incus"})
    assert ground.lines[-2:] == [
        "tailscale serve reset",
        SERVING.replace(" https+", " --service=svc:incus https+"),
    ]
    ground.put("services/tailscale", TAILSCALE)
    assert ground.lines[-1] == "tailscale serve clear svc:incus"
    ground.put("services/tailscale", SERVED)
    ground.lines.clear()
    ground.put("services/tailscale", {"enabled": False})
    assert ground.lines == ["tailscale serve reset", "tailscale logout"]


def test_a_network_that_allows_no_https_has_all_be_as_before(tmp_path: Path) -> None:
    said = {"tailscale serve --bg": Result(1, err="Serve is not enabled on your tailnet")}
    ground = Ground(tmp_path, answering(said)).begin()
    before = ground.picture()
    with pytest.raises(Undone, match="Serve is not enabled"):
        ground.put("services/tailscale", SERVED)
    assert (ground.picture(), ground.lines[-1]) == (before, "tailscale logout")


@pytest.mark.parametrize(
    ("said", "field"),
    [({"serve_port": 0}, "serve_port"), ({"serve_service": "incus"}, "serve_service")],
)
def test_what_cannot_be_served_is_named(
    ground: Ground, said: Mapping[str, object], field: str
) -> None:
    with pytest.raises(Invalid, match=rf"config\.{field}"):
        ground.put("services/tailscale", {**SERVED, **said})


def test_a_chassis_answers_for_its_addresses_where_they_are(ground: Ground) -> None:
    before = ground.picture()
    knobs = [f"/proc/sys/net/ipv4/conf/all/{each}" for each in ("arp_ignore", "arp_announce")]
    ground.put("services/ovn", OVN)
    assert [ground.machine.line(each) for each in knobs] == ["1", "2"]
    assert "net.ipv4.conf.all.arp_ignore = 1\n" in (ground.machine.text(ovn.ARP) or "")
    ground.write(knobs[0], "0\n")
    ground.lines.clear()
    ground.put("services/ovn", OVN)
    assert ground.machine.line(knobs[0]) == "1"
    assert "systemctl restart ovn-controller.service" not in ground.lines
    ground.put("services/ovn", {"enabled": False})
    assert ground.picture() == before
