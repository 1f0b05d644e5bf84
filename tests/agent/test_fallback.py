"""Who may ask the agent whatever becomes of Incus."""

import pytest

from agent.ground import Ground
from drivers.pem.made import CERTIFICATE, NEXT
from muster.agent import certificate
from muster.base.errors import Invalid, Unsupported

FALLBACK = "system/fallback-listener"


def trusting(*pems: str) -> dict[str, object]:
    return {"trusted_client_certificates": list(pems)}


def test_who_is_told_of_is_trusted_and_no_longer_once_he_is_not(ground: Ground) -> None:
    assert ground.put(FALLBACK, trusting(CERTIFICATE, NEXT))
    assert set(ground.agent.trusted()) == {
        certificate.fingerprint(each) for each in (CERTIFICATE, NEXT)
    }
    assert not ground.put(FALLBACK, trusting(CERTIFICATE, NEXT))
    ground.put(FALLBACK, trusting(NEXT))
    assert set(ground.agent.trusted()) == {certificate.fingerprint(NEXT)}


def test_who_was_trusted_before_stays_so(ground: Ground) -> None:
    certificate.trust(ground.machine, CERTIFICATE)
    ground.put(FALLBACK, trusting(CERTIFICATE))
    ground.put(FALLBACK, {})
    assert set(ground.agent.trusted()) == {certificate.fingerprint(CERTIFICATE)}


def test_it_shows_where_it_listens(ground: Ground) -> None:
    assert ground.ask("GET", f"/1.0/{FALLBACK}")["state"] == {"active": False, "listen_address": ""}
    ground.agent.own = ("fd00::5", 8444)
    shown = ground.ask("GET", f"/1.0/{FALLBACK}")["state"]
    assert shown == {"active": True, "listen_address": "[fd00::5]:8444"}


def test_another_place_and_what_is_no_certificate_are_refused(ground: Ground) -> None:
    with pytest.raises(Unsupported, match="listens, where it was started to"):
        ground.put(FALLBACK, {"listen_address": "[::]:9"})
    with pytest.raises(Invalid, match=r"trusted_client_certificates\[1\]: is there twice"):
        ground.put(FALLBACK, trusting(NEXT, NEXT))
    with pytest.raises(Invalid, match=r"trusted_client_certificates\[0\]"):
        ground.put(FALLBACK, trusting("nobody"))
