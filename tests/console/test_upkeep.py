"""What whoever operates Muster looks after: clusters of servers, servers, channels, itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from browser import Page
from filled import filled
from house import House
from incuses import an_instance
from metal import Metal
from metal_doors import Row
from muster.base.errors import Permanent
from muster.ports.agent import Order

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
DIALOG = "dialog[open]"
PATH = "/1.0/provisioning/clusters/cellar"
WANTED = "services:\n  nvme:\n    enabled: true\n"


class Rack(Row):
    """Servers that may not tell what instances they have."""

    silent = False

    def _asked(self, metal: Metal, order: Order) -> Any:
        if self.silent and order.path.startswith("/1.0/instances"):
            raise Permanent("the database is locked", status=500)
        return super()._asked(metal, order)


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Rack:
    return Rack(4, tmp_path_factory.mktemp("rack"))


@pytest.fixture(scope="module")
def it(rack: Rack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with filled(tmp_path_factory.mktemp("filled"), rack) as made:
        yield made


def test_what_is_there_is_read_once_when_the_page_opens(page: Page) -> None:
    page.go("/server-clusters/cellar/settings")
    page.comes("field('desired') && field('windows') && true")
    read = "performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname)"
    assert page.run(f"{read}.filter((at) => at === '{PATH}').length") == 1
    assert page.run(f"{read}.filter((at) => at === '{PATH}/desired-config').length") == 1


def test_maintenance_windows_are_checked_kept_and_never_overwritten_unseen(
    page: Page, it: House
) -> None:
    page.go("/server-clusters/cellar/settings")
    page.fill("windows", "Sat 01:00-05:00\nat night")
    page.shows("'at night' is no time")
    page.fill("windows", "Sat 01:00-05:00\n22:00-04:00")
    page.click("Keep it so")
    page.shows("It is looked after so from now on")
    with it.session() as session:
        there = session.call("GET", PATH)["metadata"]
        windows = there["config"]["rolling_restart"]["windows"]
        assert windows == ["Sat 01:00-05:00", "22:00-04:00"]
        session.call("PUT", PATH, body={"description": "theirs", "config": there["config"]})
    page.fill("description", "mine")
    page.click("Keep it so")
    page.shows("somebody changed it meanwhile")
    page.click("Read it again")
    page.comes("field('description')?.value === 'theirs'")


def test_servers_are_compared_with_what_they_are_to_be_like_and_made_so(page: Page) -> None:
    page.go("/server-clusters/cellar/settings")
    page.fill("desired", "services: [")
    page.shows("is not YAML")
    page.fill("desired", "floppies: {}\n")
    page.click("Want it so")
    page.comes("[...document.querySelectorAll('p[role=alert]')].some((e) => e.innerText)")
    page.fill("desired", WANTED)
    page.click("Want it so")
    page.shows("nothing was done to the servers yet")
    page.click("Compare every server with it")
    page.comes("document.querySelectorAll('caption ~ tbody tr').length >= 3")
    page.shows("nvme")
    page.click("Make them so")
    page.shows("What will happen")
    page.click("Make them so", "dialog[open]")
    page.shows("It has begun")
    so = "(e) => /as it is to be/.test(e.innerText)"
    compared = f"[...document.querySelectorAll('caption ~ tbody tr')].filter({so}).length === 3"
    page.comes(f"(find('Compare every server with it')?.click(), {compared})", 60)


def test_a_certificate_that_is_none_is_refused_and_stays(page: Page) -> None:
    page.go("/server-clusters/cellar/settings")
    assert page.run("find('Replace the certificate')") is None
    for name in ("cluster_certificate", "cluster_certificate_key"):
        page.fill(name, "-----BEGIN NOTHING-----")
    page.click("Replace the certificate")
    page.shows("the key is kept nowhere")
    page.click("Replace it", "dialog[open]")
    page.shows("is no certificate with its key")
    page.click("Cancel", "dialog[open]")


def test_a_part_of_a_server_is_shown_and_set_by_its_own_interface(page: Page, it: House) -> None:
    page.go("/servers/m4")
    page.click("Configuration")
    page.shows("Choose a part of it")
    page.fill("part", "services/lvm")
    page.comes("location.search === '?part=services%2Flvm'")
    page.fill("config", "enabled: [")
    page.shows("is not YAML")
    page.fill("config", "enabled: true\n")
    page.click("Have it so")
    page.shows("It is so from now on.")
    with it.session() as session:
        there = session.call("GET", "/1.0/provisioning/servers/m4/os/1.0/services/lvm")
    assert there["metadata"]["config"] == {"enabled": True}


def test_a_server_is_told_to_do_what_belongs_to_a_part(page: Page) -> None:
    page.go("/servers/m4/os?part=system%2Fupdate")
    page.click("Install what is newer")
    page.shows("a reboot waits until it is asked for")
    page.click("Install what is newer", DIALOG)
    page.shows("It was done.")
    page.comes("/needs_reboot: true/.test(document.querySelector('main pre')?.innerText)")


def test_a_part_that_a_server_does_not_tell_of_says_so(page: Page) -> None:
    page.go("/servers/m4/os?part=system%2Fnothing")
    page.comes("document.querySelector('main p[role=alert]')?.innerText.includes('not found')")
    assert page.run("!!find('Ask again')")


def test_a_channel_is_described_changed_and_forgotten(page: Page, it: House) -> None:
    page.go("/channels")
    page.click("Describe a channel")
    page.fill("name", "a/b")
    page.click("Describe", DIALOG)
    page.shows("must be a name without")
    page.fill("name", "slow")
    page.click("Describe", DIALOG)
    page.comes("!!find('Change slow')")
    page.click("Change slow")
    page.fill("description", "after a week of tests")
    page.click("Change", DIALOG)
    page.shows("after a week of tests")
    page.click("Forget slow")
    page.click("Forget", DIALOG)
    page.comes("!find('Change slow')")
    with it.session() as session:
        assert "slow" not in str(session.call("GET", "/1.0/provisioning/channels")["metadata"])


def test_a_token_is_shown_once_and_revoked(page: Page, it: House) -> None:
    page.go("/access-tokens")
    page.click("Create token")
    page.fill("note", "backup")
    page.fill("days", "1.5")
    page.click("Create", DIALOG)
    page.shows("must be whole days")
    page.fill("days", "2")
    page.click("Create", DIALOG)
    page.shows("Shown this once")
    page.click("Revoke backup")
    page.click("Revoke", DIALOG)
    page.comes("!find('Revoke backup') && !document.body.innerText.includes('Shown this once')")


def test_what_is_set_for_all_servers_is_refused_where_it_is_wrong(page: Page, it: House) -> None:
    page.go("/system")
    page.shows("serves HTTP and shows no certificate", "heard of")
    page.click("Change: Where servers find Muster")
    page.fill("address", "muster")
    page.click("Change", DIALOG)
    page.comes("!!document.querySelector('dialog[open] [role=alert]')")
    page.click("Cancel", DIALOG)
    page.click("Change: Log level")
    page.fill("log_level", "DEBUG")
    page.click("Change", DIALOG)
    page.comes("!document.querySelector('dialog[open]')")
    page.shows("DEBUG")
    with it.session() as session:
        there = session.call("GET", "/1.0/system/settings")["metadata"]
    assert there["log_level"] == "DEBUG"


def test_what_is_written_down_of_a_cluster_stays(page: Page, it: House) -> None:
    with it.session() as session:
        api = next(
            one for one in session.call("GET", "/v1/clusters")["clusters"] if one["name"] == "api"
        )
    page.go(f"/clusters/api/{api['id']}?tab=settings")
    page.fill("metadata", "team: payments\n")
    page.click("Write it down")
    page.shows("Written down.")
    with it.session() as session:
        kept = session.call("GET", f"/v1/clusters/{api['id']}/metadata")["metadata"]
    assert kept == {"team": "payments"}


def test_a_server_is_adopted_once_it_was_seen_what_it_would_be_made_of(page: Page) -> None:
    page.go("/nodes")
    page.click("Adopt a server")
    page.comes("document.activeElement.name === 'identity'")
    page.click("Show what it would be made of")
    page.shows("is required")
    page.fill("identity", "theirs")
    page.fill("adopted-name", "ours")
    assert page.run("find('Adopt')") is None
    page.click("Show what it would be made of")
    page.shows("The profile that it would get", "image: demo-web")
    page.click("Adopt", "section form")
    page.shows("ours is a node from now on.")


def test_a_node_is_made_and_renamed(page: Page) -> None:
    page.go("/nodes")
    page.click("Create node")
    page.fill("name", "lone")
    page.fill("profile_id", "small")
    page.click("Create", DIALOG)
    page.comes(
        "[...document.querySelectorAll('tr')].some((e) => /^lone[^]*ACTIVE/.test(e.innerText))"
    )
    page.click("Change lone")
    page.fill("name", "alone")
    page.fill("tainted", "yes")
    page.click("Change", DIALOG)
    page.comes("!!find('Change alone')")
    page.shows("tainted")


def test_a_cloud_tells_what_it_is_at(page: Page) -> None:
    page.go("/clouds")
    page.click("What it is at: simulated")
    page.shows("cloud simulated does not say what it is at", "Nothing.")
    page.click("What it is at: local")
    page.comes("document.querySelector('section[aria-live] li')?.innerText")
    page.click("Add a cloud")
    page.fill("name", "lab")
    page.fill("url", "lab")
    page.click("Add", DIALOG)
    page.shows("must be https://host:8443")


def test_a_node_is_operated_on_by_what_its_type_can(page: Page, it: House) -> None:
    page.go("/nodes")
    page.click("Operate on search-001")
    page.fill("operation", "reboot")
    page.shows("Reboot the nova server.")
    page.fill("operation-type", "HARD")
    page.click("Show what happens")
    page.click("Do it", DIALOG)
    page.comes("!document.querySelector('dialog[open]')")
    with it.session() as session:
        asked = session.call("GET", "/v1/actions?action=NODE_OPERATION")["actions"]
    assert [each["action"] for each in asked] == ["NODE_OPERATION"]


def test_what_a_cluster_has_is_read_again_when_somebody_says_so(page: Page, rack: Rack) -> None:
    page.go("/inventory")
    page.click("Read again: cellar")
    page.shows("everything that cellar has is read anew")
    rack.silent = True
    page.click("Read it", DIALOG)
    page.shows("the database is locked")
    union = rack.metals["m1"].union
    assert union
    union.instances = [an_instance("newcomer")]
    rack.silent = False
    page.click("Read again: cellar")
    page.click("Read it", DIALOG)
    page.comes("!document.body.innerText.includes('the database is locked')")
    page.fill("Words that are anywhere in it", "newcomer")
    page.shows("instances 1")
    union.instances = []
    asked = "performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname)"
    assert page.run(f"{asked}.filter((at) => at === '{PATH}/:resync-inventory').length") == 2


def test_where_nothing_runs_no_command_is_run_and_it_is_said_why(page: Page) -> None:
    page.go("/instances")
    page.comes("!!document.querySelector('tr[data-name] details')")
    page.run("document.querySelector('tr[data-name] details').open = true")
    page.click("Run a command", "tr[data-name]")
    page.fill("command", "true")
    page.click("Show what happens")
    page.shows("nothing runs in an instance that is simulated")
    assert page.run("find('Run it')") is None
    page.click("Cancel", DIALOG)
