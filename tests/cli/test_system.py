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
