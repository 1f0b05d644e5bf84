"""Images that a cloud fetches from other servers, over the API."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from muster.base.errors import Permanent
from muster.model.catalog import Image, Pull
from office import Office

DEBIAN = {"server": "https://images.example.org", "image": "debian/12"}


@dataclass
class Puller:
    """A cloud that fetches whatever it is asked for, but for what it refuses."""

    asked: list[Pull] = field(default_factory=list)
    refuses: str = ""

    async def pull_image(self, pull: Pull) -> Image:
        if self.refuses:
            raise Permanent("another image is called that", field=self.refuses)
        self.asked.append(pull)
        return Image(id="f" * 64, name=pull.name, machine=pull.machine)


@pytest.fixture
def puller(office: Office) -> Puller:
    made, clouds = Puller(), office.desk.clouds
    fetching: Any = clouds
    fetching["simulated"] = replace(clouds["simulated"], puller=made)
    return made


async def pull(office: Office, who: str = "root", **but: Any) -> Any:
    body = {"cloud": "simulated", "pull": {**DEBIAN, **but.pop("pull", {})}, **but}
    return await office.call("POST", "/v1/images", body, who)


async def test_an_image_is_fetched_under_a_name_of_its_own_or_that_is_said(
    office: Office, puller: Puller
) -> None:
    answer = await pull(office)
    assert answer.status_code == 201, answer.text
    assert answer.json()["image"]["name"] == "debian-12"
    more = {"protocol": "incus", "machine": "virtual-machine", "certificate": "PEM\n"}
    assert (await pull(office, name="base", pull=more)).json()["image"]["name"] == "base"
    plain, machine = puller.asked
    assert plain == Pull(**DEBIAN, name="debian-12")
    assert machine == Pull(**DEBIAN, **more, name="base")


async def test_only_an_admin_names_a_server(office: Office, puller: Puller) -> None:
    assert (await pull(office, "ann")).status_code == 403
    assert not puller.asked


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"pull": {"image": "debian/12"}}, "pull.server"),
        ({"pull": {"server": "https://x"}}, "pull.image"),
        ({"pull": {**DEBIAN, "server": "http://x"}}, "pull.server"),
        ({"pull": {**DEBIAN, "protocol": "ftp"}}, "pull.protocol"),
        ({"pull": {**DEBIAN, "machine": "mainframe"}}, "pull.machine"),
        ({"pull": DEBIAN, "path": "/srv/x"}, "path"),
        ({}, "path"),
    ],
)
async def test_what_is_wrong_with_it_is_named(
    office: Office, puller: Puller, body: dict[str, Any], fault: str
) -> None:
    answer = await office.call("POST", "/v1/images", {"cloud": "simulated", **body}, "root")
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["error"]["errors"]] == [fault]
    assert not puller.asked


async def test_what_the_cloud_refuses_is_told_with_the_field(
    office: Office, puller: Puller
) -> None:
    puller.refuses = "name"
    refused = await pull(office)
    assert refused.status_code == 400
    assert refused.json()["error"]["field"] == "name"


async def test_a_cloud_that_fetches_none_says_so(office: Office) -> None:
    refused = await pull(office)
    assert "fetches no images" in refused.text
    assert refused.json()["error"]["field"] == "cloud"


async def test_a_fetching_can_be_planned(office: Office, puller: Puller) -> None:
    body = {"cloud": "simulated", "pull": DEBIAN}
    plan = await office.call("POST", "/v1/images?plan=true", body, "root")
    assert "debian/12 from https://images.example.org as debian-12" in plan.text
    assert not puller.asked
