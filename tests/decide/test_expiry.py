"""Certificates that expire soon, and those that are not good now."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, load_pem_x509_certificate
from cryptography.x509.oid import NameOID

from drivers.pem.made import CERTIFICATE, NEXT
from muster.base.certificates import fingerprint, pinned, validity
from muster.decide.expiry import Paper, findings
from muster.drivers.papers import made
from muster.model.warning import Kind


def signed_by_another():
    key, a_day = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 1, 1, tzinfo=UTC)
    names = [Name([NameAttribute(NameOID.COMMON_NAME, each)]) for each in ("us", "an authority")]
    builder = CertificateBuilder(
        *reversed(names), key.public_key(), 7, a_day, a_day + timedelta(days=9)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def the_end(pem):
    return load_pem_x509_certificate(pem.encode()).not_valid_after_utc


@pytest.mark.parametrize("pem", [CERTIFICATE, NEXT, f"\n{NEXT}{CERTIFICATE}"])
def test_the_dates_of_a_certificate_are_read_without_what_reads_it_whole(pem):
    known = load_pem_x509_certificate(pem.encode())
    assert validity(pem) == (known.not_valid_before_utc, known.not_valid_after_utc)


def test_a_chain_is_known_by_its_first_certificate():
    for text in (CERTIFICATE, f"\n{CERTIFICATE}{NEXT}"):
        assert fingerprint(text) == fingerprint(CERTIFICATE)
    for text in ("", "no PEM", f"{CERTIFICATE}a remark", f"a remark\n{CERTIFICATE}"):
        assert fingerprint(text) is None


def test_a_machine_is_held_to_what_is_shown_where_only_the_chain_vouches_for_itself():
    root, _ = made("root", datetime(2026, 6, 1, tzinfo=UTC))
    for chain in (root, f"# a remark\n{root}\n"):
        assert pinned(chain).strip() == root.strip()
    shown = signed_by_another()
    assert pinned(shown + root).strip() == shown.strip()
    for chain in ("", "no PEM", shown, root + shown):
        assert pinned(chain) == ""


@pytest.mark.parametrize("year", [1970, 2000, 2049, 2050, 2069, 2200])
def test_years_of_two_figures_and_of_four_are_understood(year):
    # Ours last ten years: one date of each may be of the other form.
    now = datetime(year, 6, 1, tzinfo=UTC)
    pem, _ = made("us", now)
    assert validity(pem) == (now - timedelta(days=1), now + timedelta(days=3650))


@pytest.mark.parametrize(
    "said",
    ["", "no PEM", "-----BEGIN CERTIFICATE-----\nown-1\n-----END CERTIFICATE-----\n"],
)
def test_what_is_no_certificate_has_no_dates(said):
    assert validity(said) is None


def test_a_certificate_that_is_cut_off_has_no_dates():
    lines = CERTIFICATE.strip().splitlines()
    for kept in range(1, len(lines) - 1):
        validity("\n".join((lines[0], *lines[1:kept], lines[-1])))  # nothing is raised


@pytest.mark.parametrize(
    ("before", "kind", "words"),
    [
        (timedelta(days=31), None, ""),
        (timedelta(days=30), Kind.EXPIRY, "expires at"),
        (timedelta(seconds=1), Kind.EXPIRY, "expires at"),
        (timedelta(0), Kind.INVALID, "has expired"),
        (timedelta(days=40000), Kind.INVALID, "not good before"),
    ],
)
def test_it_is_told_of_for_a_month_before_it_expires_and_from_then_on(before, kind, words):
    paper = Paper(entity_type="cluster", entity="c1", what="its", pem=CERTIFICATE)
    found = list(findings([paper], the_end(CERTIFICATE) - before))
    assert [each.kind for each in found] == ([kind] if kind else [])
    assert all(words in each.message for each in found)
