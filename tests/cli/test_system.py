"""`muster system`: what is set for all servers together."""

import pytest

from drivers.pem.made import CERTIFICATE, KEY

pytestmark = pytest.mark.system


def test_what_is_set_is_shown_and_what_is_said_elsewhere_is_refused(muster):
    assert muster.house.url.endswith(
        muster.asked("system", "show", "network")["rest_server_address"].rpartition(":")[2]
    )
    assert "for all servers" in muster.good(
        "system", "set", "updates", "--value", "server_default_channel=daily"
    )
    assert "daily" in muster.good("system", "show", "updates")
    muster.good("system", "set", "updates", "--value", "server_default_channel=")
    told = muster.refused("system", "set", "network", "--value", "rest_server_address=*:1")
    assert "setting listen" in told


def test_a_certificate_is_shown_and_replaced_where_https_is_served(muster, tmp_path):
    assert muster.asked("system", "certificate", "show")["certificate"] == ""
    for name, said in (("a.crt", CERTIFICATE), ("a.key", KEY)):
        (tmp_path / name).write_text(said)
    files = (str(tmp_path / "a.crt"), str(tmp_path / "a.key"))
    told = muster.refused("system", "certificate", "set", *files)
    assert "this server serves HTTP" in told


def test_what_is_set_of_acme_is_shown_and_what_cannot_be_is_refused_by_name(muster):
    assert muster.asked("system", "acme")["http_challenge_address"] == ":80"
    said = ("--email", "ops@example.com", "--http-challenge-address", "")
    known = muster.asked("system", "acme", *said)
    assert (known["email"], known["http_challenge_address"], known["domain"]) == (said[1], "", "")
    assert muster.asked("system", "show", "security")["acme"] == known
    assert "acme.domain" in muster.refused("system", "acme", "--domain", "10.0.0.1")
    assert "acme.agree_tos" in muster.refused("system", "acme", "--domain", "muster.example.com")
    told = muster.refused("system", "acme", "--domain", "muster.example.com", "--agree-tos")
    assert "this server serves HTTP" in told
    assert "this server serves HTTP" in muster.refused("system", "certificate", "renew")
    muster.good("system", "acme", "--email", "", "--http-challenge-address", ":80")
