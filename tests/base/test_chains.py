"""Chains of certificates that a server can show, and those that it cannot."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from certified import signer
from muster.base.certificates import chain_fault, is_pair
from muster.drivers.papers import made

NOW = datetime(2031, 5, 1, tzinfo=UTC)  # whatever the day is on which this runs
ROOT = signer("root", NOW)
MIDDLE = signer("middle", NOW, ROOT)
SERVER = signer("server", NOW, MIDDLE, is_authority=False, days=30)
WHOLE = SERVER.pem + MIDDLE.pem + ROOT.pem


def test_a_chain_is_shown_with_its_root_without_it_or_alone():
    for chain in (WHOLE, SERVER.pem + MIDDLE.pem, SERVER.pem):
        assert chain_fault(chain, SERVER.private(), NOW) == ""
    assert chain_fault(*made("muster", NOW), NOW) == ""


def test_every_certificate_of_a_chain_has_to_be_good_now():
    late = NOW + timedelta(days=31)
    assert chain_fault(WHOLE, SERVER.private(), late) == (
        "certificate 1 of the chain has expired at 2031-05-31 00:00 UTC"
    )
    assert "certificate 1 of the chain is not good before 2031-04-30" in chain_fault(
        WHOLE, SERVER.private(), NOW - timedelta(days=2)
    )
    long = signer("server", NOW, MIDDLE, is_authority=False, days=900)
    later = chain_fault(long.pem + MIDDLE.pem, long.private(), NOW + timedelta(days=95))
    assert "certificate 2 of the chain has expired" in later


def test_who_signed_a_certificate_comes_next():
    for chain in (SERVER.pem + ROOT.pem, SERVER.pem + ROOT.pem + MIDDLE.pem):
        fault = chain_fault(chain, SERVER.private(), NOW)
        assert fault == "certificate 1 of the chain is not signed by certificate 2"


def test_one_that_only_says_who_signed_it_is_not_vouched_for():
    impostor = signer("middle", NOW)
    fault = chain_fault(SERVER.pem + impostor.pem, SERVER.private(), NOW)
    assert fault.startswith("no client would take it: ")


def test_a_certificate_of_a_client_is_none_of_a_server():
    usage = ExtendedKeyUsageOID.CLIENT_AUTH
    client = signer("client", NOW, ROOT, is_authority=False, usage=usage)
    fault = chain_fault(client.pem + ROOT.pem, client.private(), NOW)
    assert fault.startswith("no client would take it: ")


@pytest.mark.parametrize(
    ("chain", "key"),
    [
        (WHOLE, ROOT.private()),
        (MIDDLE.pem + SERVER.pem, SERVER.private()),
        (WHOLE, SERVER.private("a secret")),
        (WHOLE, ""),
        ("", SERVER.private()),
        ("no PEM", "no PEM"),
    ],
    ids=["another's key", "in another order", "a locked key", "no key", "nothing", "no PEM"],
)
def test_what_is_no_certificate_with_its_key_is_told(chain, key):
    assert "no certificate with its key" in chain_fault(chain, key, NOW)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it():
    assert not is_pair(SERVER.pem, SERVER.private("a secret"))
