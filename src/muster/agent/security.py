"""system/security: whose certificates the machine believes, and how far its boot is vouched for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from muster.agent import certificate
from muster.agent.agent import Agent
from muster.agent.envelope import Asked
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Can, Lack, Noun, by_programs, lacking
from muster.agent.said import ruled, wrong
from muster.agent.steps import Acts, File, Put, run
from muster.base.errors import Unsupported

FOLDER = "/usr/local/share/ca-certificates"
EFI = "/sys/firmware/efi"
SECURE_BOOT = f"{EFI}/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
TPM = "/sys/class/tpm/tpm0"
UPDATE = ("update-ca-certificates",)


@dataclass(frozen=True, slots=True)
class Security:
    custom_ca_certs: tuple[str, ...] = ruled((), check=certificate.one_certificate)
    encryption_recovery_keys: tuple[str, ...] = ruled((), secret=True)


def check(config: Security) -> None:
    names = [certificate.fingerprint(each) for each in config.custom_ca_certs]
    for n, name in enumerate(names):
        if name in names[:n]:
            raise wrong(f"config.custom_ca_certs[{n}]", "is there twice")


def files(config: Security, seen: None) -> Iterator[File]:
    for each in config.custom_ca_certs:
        (pem,) = certificate.certificates(each, "it")
        yield Put(f"{FOLDER}/muster-{certificate.fingerprint(each)[:16]}.crt", pem)


def acts(old: Security, new: Security, seen: None, changed: frozenset[str]) -> Acts:
    return Acts(then=(run(*UPDATE, undo=UPDATE, timeout_s=60.0),)) if changed else Acts()


_KEYLESS = "the volumes of this machine were encrypted by somebody else, who has their keys"
_UNBOUND = "nothing of this machine was bound to its TPM by the agent"


def retrieved(agent: Agent, asked: Asked) -> object:
    raise Unsupported(_KEYLESS)


def tpm_rebind(agent: Agent, asked: Asked) -> object:
    raise Unsupported(_UNBOUND)


def lacks(config: Security, machine: Machine) -> Iterable[Lack]:
    if config.encryption_recovery_keys:
        yield Lack("config.encryption_recovery_keys", _KEYLESS)
    if config.custom_ca_certs:
        yield from lacking(
            by_programs("security.custom_ca_certs", machine, *UPDATE), "config.custom_ca_certs"
        )


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return {
        **by_programs("security.custom_ca_certs", machine, *UPDATE),
        "security.encryption_recovery_keys": Ability(Can.ABSENT, _KEYLESS),
        "security.tpm_rebind": Ability(Can.ABSENT, _UNBOUND),
    }


def state(machine: Machine, config: Security) -> Mapping[str, object]:
    """A state is trusted where the firmware has checked what it started."""
    told = machine.told("lsblk", "--json", "--output", "NAME,FSTYPE,TYPE") or {}
    is_secure = (machine.text(SECURE_BOOT) or "").endswith("\x01")
    why = "secure boot is off" if machine.there(EFI) else "the machine was not started by UEFI"
    return {
        "encrypted_volumes": list(_encrypted(told.get("blockdevices", ()))),
        "secure_boot_enabled": is_secure,
        "system_state_is_trusted": is_secure,
        "system_state_status": "" if is_secure else why,
        "tpm_status": "ok" if machine.there(TPM) else "absent",
    }


def _encrypted(devices: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, object]]:
    for each in devices:
        inner = each.get("children", ())
        if each.get("fstype") == "crypto_LUKS":
            is_open = any(child.get("type") == "crypt" for child in inner)
            yield {"volume": each.get("name"), "state": "unlocked" if is_open else "locked"}
        yield from _encrypted(inner)


SECURITY = Noun(
    "system/security",
    Security,
    files,
    acts,
    check,
    lacks,
    state=state,
    abilities=abilities,
)
