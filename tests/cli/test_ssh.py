"""The line that logs in to an instance, through the bastion of its cluster."""

import shlex

import pytest
from click import ClickException

from muster.cli.ssh import Caller, line

BASTION = {
    "name": "web-bastion",
    "status": "ACTIVE",
    "reason": "",
    "address": "127.128.0.9",
    "port": 2222,
    "server": "web-bastion-1",
}
INSTANCE = {"name": "web-001", "address": "10.0.0.7", "ref": "web-001-f00"}


def test_the_key_and_a_name_for_each_host_are_given_to_both_of_them():
    caller = Caller(login="root", identity="/keys/a key")
    words = line({"name": "web", "bastion": BASTION}, INSTANCE, caller, ["uptime", "-p"])
    assert words[0] == "ssh"
    assert words[-3:] == ["root@10.0.0.7", "uptime", "-p"]
    assert words[1:3] == ["-i", "/keys/a key"]
    assert "HostKeyAlias=muster-web-001-f00" in words
    through = next(each for each in words if each.startswith("ProxyCommand="))
    jump = shlex.split(through.removeprefix("ProxyCommand="))
    assert jump[:3] == ["ssh", "-i", "/keys/a key"]
    assert jump[-5:] == ["-p", "2222", "-W", "[10.0.0.7]:22", "root@127.128.0.9"]
    assert "HostKeyAlias=muster-web-bastion-1" in jump


@pytest.mark.parametrize(
    ("bastion", "said"),
    [
        (None, "no bastion: create a cluster with --bastion"),
        ({**BASTION, "address": None, "status": "CREATING"}, "web-bastion is CREATING"),
    ],
)
def test_without_a_bastion_that_is_told(bastion, said):
    caller = Caller(login="root", identity=None)
    with pytest.raises(ClickException, match=said):
        line({"name": "web", "bastion": bastion}, INSTANCE, caller, [])


@pytest.mark.slow
def test_what_is_asked_for_is_said_where_it_is_not_there(muster):
    muster.good("cluster", "create", "plainly", *MADE)
    assert "plainly has no bastion" in muster.refused("ssh", "plainly")
    assert "no instance 9: it has 1 in all" in muster.refused("ssh", "plainly", "9", "--print")
    assert "no instance nobody" in muster.refused("ssh", "plainly", "nobody")
    muster.good("cluster", "delete", "plainly", "--yes", "--wait")


MADE = ("--image", "demo-web", "--flavor", "tiny", "--min", "1", "--max", "2", "--wait")
