"""What the settings say of an Incus cloud, and how it becomes limits and devices."""

from uuid import UUID

import pytest
import yaml

import builders
from drivers.incus.orders import an_order
from muster.base.errors import Invalid, Permanent
from muster.drivers.incus.options import parsed
from muster.drivers.incus.shape import instance, limits, source
from muster.model.profile import ServerSpec

FILES = {"certificate": "/x/us.crt", "key": "/x/us.key"}


def test_a_socket_needs_nothing_more_and_is_found_where_packages_put_it():
    assert parsed({}).url == "unix:/var/lib/incus/unix.socket"
    assert parsed({"url": "unix:/x/socket"}).project == "default"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"url": "http://x"}, "url"),
        ({"url": "unix:x"}, "url"),
        ({"url": "https://x:8443"}, "certificate"),
        ({"certificate": "/x"}, "key"),
        ({"members": "https://x"}, "members"),
        ({"members": ["ftp://x"], **FILES}, "members"),
        ({"what": 1}, "what"),
        ({"look_every_s": 0}, "look_every_s"),
        ({"project": 7}, "project"),
    ],
)
def test_a_wrong_setting_is_named(said, field):
    with pytest.raises(Invalid) as refusal:
        parsed(said)
    assert refusal.value.details["field"] == field


@pytest.mark.parametrize(
    ("vcpus", "cpu", "allowance"),
    [(1, "1", None), (4, "4", None), (0.25, "1", "25ms/100ms"), (1.5, "2", "150ms/100ms")],
)
def test_a_flavor_becomes_limits(vcpus, cpu, allowance):
    said = limits(builders.a_flavor(vcpus=vcpus, memory_mib=512))
    assert said["limits.cpu"] == cpu
    assert said.get("limits.cpu.allowance") == allowance
    assert said["limits.memory"] == "512MiB"


def test_a_virtual_machine_has_its_memory_and_whole_processors():
    flavor = builders.a_flavor(vcpus=1.5, memory_mib=512, machine="virtual-machine")
    assert limits(flavor) == {"limits.cpu": "2", "limits.memory": "512MiB"}
    spec = ServerSpec(image="ab" * 32, image_name="x", flavor=flavor)
    assert instance(an_order(spec=spec), UUID(int=7), "default", "p")["type"] == "virtual-machine"
    plain = ServerSpec(image="ab" * 32, image_name="x", flavor=builders.TINY)
    assert instance(an_order(spec=plain), UUID(int=7), "default", "p")["type"] == "container"


def test_a_flavor_of_nothing_is_refused():
    with pytest.raises(Permanent):
        limits(builders.a_flavor(vcpus=0))


def test_keys_user_data_network_and_disk_are_where_images_look_for_them():
    spec = ServerSpec(
        image=str(UUID(int=9)),
        image_name="x",
        flavor=builders.a_flavor(disk_gib=2),
        network="fab",
        public_key="ssh-ed25519 AAAA ann: laptop\n",
        user_data="#!/bin/sh\ntrue\n",
        metadata={"role": "web"},
    )
    body = instance(an_order(spec=spec), UUID(int=7), "default", "fast")
    config, devices = body["config"], body["devices"]
    assert config["user.ssh-keys"] == "ssh-ed25519 AAAA ann: laptop"
    told = yaml.safe_load(config["cloud-init.vendor-data"])
    assert told == {"ssh_authorized_keys": ["ssh-ed25519 AAAA ann: laptop"]}
    assert config["cloud-init.user-data"] == "#!/bin/sh\ntrue\n"
    assert config["user.metadata.role"] == "web"
    assert devices["eth0"]["network"] == "fab"
    assert (devices["root"]["pool"], devices["root"]["size"]) == ("fast", "2GiB")
    assert devices["root"]["initial.user.muster.server"] == config["user.muster.server"]


def test_an_image_is_ours_by_its_id_or_the_servers_by_its_fingerprint():
    assert source(str(UUID(int=9)))["alias"].startswith("muster-")
    assert source("ab" * 32) == {"type": "image", "fingerprint": "ab" * 32}
