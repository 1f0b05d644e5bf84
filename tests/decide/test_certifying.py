"""When Muster asks for another certificate of its own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW
from certified import signer
from muster.decide.certifying import is_due
from muster.model.acme import INTERRUPTED, Acme, Attempt

WISH = Acme(agree_tos=True, domain="muster.example.com")
HOURS = timedelta(hours=1)


def lasting(hours: float) -> str:
    """Return a certificate that is good for so long, all of which is to come."""
    return signer("muster", NOW + timedelta(days=1), days=hours / 24 - 1).pem


def came(error: str = "", acme: Acme = WISH) -> Attempt:
    return Attempt(at=NOW, acme=acme, error=error)


def test_who_wishes_for_none_gets_none():
    assert not is_due(Acme(), None, "", NOW)


def test_the_first_is_asked_for_at_once():
    assert is_due(WISH, None, "", NOW)
    assert is_due(WISH, None, lasting(24 * 3650), NOW)


@pytest.mark.parametrize(
    ("hours", "at"), [(24 * 90, 24 * 60), (24 * 6, 24 * 4), (24, 16)], ids=["days", "six", "one"]
)
def test_the_next_is_asked_for_when_a_third_of_its_lifetime_is_left(hours, at):
    shown = lasting(hours)
    assert not is_due(WISH, came(), shown, NOW + (at - 0.1) * HOURS)
    assert is_due(WISH, came(), shown, NOW + at * HOURS)


@pytest.mark.parametrize(
    ("shown", "error", "pause_h"),
    [
        ("", "no", 24),
        (lasting(24 * 90), "no", 24),
        (lasting(24 * 6), "no", 6),
        (lasting(24), "no", 1),
        (lasting(24 * 90), INTERRUPTED, 1),
    ],
)
def test_what_failed_is_tried_again_after_a_day_or_sooner_where_certificates_live_shortly(
    shown, error, pause_h
):
    assert not is_due(WISH, came(error), shown, NOW + (pause_h - 0.1) * HOURS)
    assert is_due(WISH, came(error), shown, NOW + pause_h * HOURS)


@pytest.mark.parametrize(
    ("but", "after_success"),
    [
        ({"domain": "other.example.com"}, True),
        ({"ca_url": "https://ca.example"}, True),
        ({"email": "ops@example.com"}, False),
        ({"http_challenge_address": ""}, False),
    ],
)
def test_other_wishes_are_met_at_once_and_what_failed_is_tried_by_them(but, after_success):
    other, shown = replace(WISH, **but), lasting(24 * 90)
    assert is_due(other, came(), shown, NOW) is after_success
    assert is_due(other, came("no"), shown, NOW)
