"""Whose certificates a machine believes, and what is vouched for."""

import json
from pathlib import Path

import pytest

from agent.ground import Ground
from drivers.pem.made import CERTIFICATE, NEXT
from muster.agent import security
from muster.agent.runner import Result, answering
from muster.base.errors import Invalid, Unsupported

SECURITY = "system/security"
LUKS = {
    "blockdevices": [
        {"name": "sda", "children": [{"name": "sda2", "fstype": "crypto_LUKS"}]},
        {"name": "sdb", "fstype": "crypto_LUKS", "children": [{"name": "b", "type": "crypt"}]},
    ]
}


def state(ground: Ground) -> dict[str, object]:
    shown: dict[str, object] = ground.ask("GET", f"/1.0/{SECURITY}")["state"]
    return shown


def test_a_certificate_is_believed_and_no_longer_when_it_is_told_of_no_more(
    ground: Ground,
) -> None:
    before = ground.picture()
    assert ground.put(SECURITY, {"custom_ca_certs": [CERTIFICATE, NEXT]})
    assert len(ground.machine.names(security.FOLDER)) == 2
    assert ground.lines == ["update-ca-certificates"]
    assert not ground.put(SECURITY, {"custom_ca_certs": [CERTIFICATE, NEXT]})
    assert ground.put(SECURITY, {"custom_ca_certs": [NEXT]})
    assert ground.put(SECURITY, {})
    assert (ground.picture(), ground.lines) == (before, ["update-ca-certificates"] * 2)


def test_one_that_cannot_be_taken_in_is_not_there_afterwards(tmp_path: Path) -> None:
    script = answering({"update-ca-certificates": Result(1, err="no luck")})
    ground = Ground(tmp_path, script).begin()
    before = ground.picture()
    with pytest.raises(Exception, match="no luck"):
        ground.put(SECURITY, {"custom_ca_certs": [NEXT]})
    assert ground.picture() == before


@pytest.mark.parametrize("said", [["nothing"], [NEXT + CERTIFICATE], [NEXT, NEXT]])
def test_what_is_no_single_certificate_is_refused(ground: Ground, said: list[str]) -> None:
    with pytest.raises(Invalid, match=r"config\.custom_ca_certs\["):
        ground.put(SECURITY, {"custom_ca_certs": said})


def test_the_keys_of_volumes_are_not_the_agents(ground: Ground) -> None:
    with pytest.raises(Unsupported, match="encryption_recovery_keys"):
        ground.put(SECURITY, {"encryption_recovery_keys": ["k"]})


def test_a_machine_is_trusted_whose_firmware_checks_what_it_starts(tmp_path: Path) -> None:
    ground = Ground(tmp_path, answering({"lsblk": json.dumps(LUKS)})).begin()
    shown = state(ground)
    assert shown["system_state_is_trusted"] is False
    assert shown["system_state_status"] == "the machine was not started by UEFI"
    assert shown["encrypted_volumes"] == [
        {"volume": "sda2", "state": "locked"},
        {"volume": "sdb", "state": "unlocked"},
    ]
    ground.write(security.SECURE_BOOT, "\x06\0\0\0\0")
    assert state(ground)["system_state_status"] == "secure boot is off"
    ground.write(security.SECURE_BOOT, "\x06\0\0\0\x01")
    ground.write(f"{security.TPM}/there", "")
    shown = state(ground)
    assert (shown["system_state_is_trusted"], shown["tpm_status"]) == (True, "ok")
