"""system/fallback-listener: who may ask the agent, also while Incus does not answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from muster.agent import certificate
from muster.agent.agent import Agent
from muster.agent.machine import Machine
from muster.agent.noun import Lack, Noun
from muster.agent.said import ruled, wrong
from muster.agent.steps import File, Put


@dataclass(frozen=True, slots=True)
class Fallback:
    listen_address: str = ""
    trusted_client_certificates: tuple[str, ...] = ruled((), check=certificate.one_certificate)


def check(config: Fallback) -> None:
    names = [certificate.fingerprint(each) for each in config.trusted_client_certificates]
    for n, name in enumerate(names):
        if name in names[:n]:
            raise wrong(f"config.trusted_client_certificates[{n}]", "is there twice")


def files(config: Fallback, seen: object) -> Iterator[File]:
    for each in config.trusted_client_certificates:
        (pem,) = certificate.certificates(each, "it")
        yield Put(f"{certificate.TRUSTED}/{certificate.fingerprint(pem)}.pem", pem, 0o600)


def lacks(config: Fallback, machine: Machine) -> Iterator[Lack]:
    if config.listen_address:
        reason = "the agent always listens, where it was started to (--listen), and nowhere else"
        yield Lack("config.listen_address", reason)


def shown(agent: Agent) -> Mapping[str, object]:
    """Return whether it listens by TLS, and where; no address: at all of the machine's."""
    address, port = agent.own
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return {"active": bool(port), "listen_address": where if port else ""}


FALLBACK = Noun("system/fallback-listener", Fallback, files, check=check, lacks=lacks)
