"""`muster system`: what is set for all servers together."""

import pytest

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
