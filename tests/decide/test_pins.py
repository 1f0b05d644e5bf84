"""What a machine is told of the certificate that it is held to."""

import pytest

from muster.decide.pins import repinned

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
