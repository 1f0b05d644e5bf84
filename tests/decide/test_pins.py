"""What a machine is told of the certificate that it is held to."""

import pytest

from muster.base.certificates import chain_of
from muster.decide.pins import repinned, shown_as, tries

OURS = {"server_url": "https://muster.example:8443", "server_token": {"set": True, "sha256": "ab"}}


def provider(**but):
    return {"name": "operations-center", "config": {**OURS, **but}}


def test_a_machine_keeps_all_but_the_certificate():
    told = repinned(provider(server_certificate="OLD\n"), "NEW\n")
    assert told == provider(server_certificate="NEW\n")


def test_one_is_let_go_of_it_where_authorities_vouch_and_held_to_it_where_they_do_no_more():
    assert repinned(provider(server_certificate="OLD"), "") == provider(server_certificate="")
    assert repinned(provider(), "NEW") == provider(server_certificate="NEW")


@pytest.mark.parametrize(
    "there",
    [
        provider(server_certificate="NEW"),
        provider(server_certificate="NEW\n"),
        provider(server_certificate="OLD", server_url="http://127.0.0.1:8778"),
        {"name": "images", "config": OURS},
        {"name": "operations-center"},
        {},
    ],
)
def test_who_knows_it_and_who_shows_us_none_is_told_nothing(there):
    assert repinned(there, "NEW") is None


CHAIN = "".join(
    f"-----BEGIN CERTIFICATE-----\n{each}\n-----END CERTIFICATE-----\n" for each in ("AAAA", "BBBB")
)
VERY = chain_of(CHAIN)[0]


@pytest.mark.parametrize(
    ("names", "url", "pin"),
    [
        ("muster.example other.example", "https://muster.example:8443", ""),
        ("muster.example other.example", "https://OTHER.example", ""),
        ("*.example", "https://muster.example", ""),
        ("*.example", "https://a.muster.example", VERY),
        ("muster.example", "https://10.0.0.5:8443", VERY),  # where no name is looked at
        ("muster.example", "https://elsewhere.example", VERY),
        ("", "https://muster.example", VERY),  # an authority that nobody knows
    ],
)
def test_who_comes_by_a_name_that_known_authorities_vouch_for_is_held_to_no_more(names, url, pin):
    assert shown_as(CHAIN, names).pin(url) == pin


def test_what_nobody_tried_is_told_by_whether_it_vouches_for_itself():
    assert shown_as(CHAIN, None).pin("https://muster.example") == ""


def test_who_does_not_believe_whom_we_believe_is_held_to_the_very_certificate_next():
    known = shown_as(CHAIN, "muster.example")
    assert tries(provider(server_certificate="OLD"), known) == (
        provider(server_certificate=""),
        provider(server_certificate=VERY),
    )
    unknown = shown_as(CHAIN, "")
    assert tries(provider(), unknown) == (provider(server_certificate=VERY),)


@pytest.mark.parametrize("now", ["", VERY])
def test_who_is_held_to_either_already_is_told_nothing(now):
    assert tries(provider(server_certificate=now), shown_as(CHAIN, "muster.example")) == ()
