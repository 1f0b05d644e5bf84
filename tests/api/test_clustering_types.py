"""Types, revisions and engines in the clustering API."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from api.keeping import a_real_cloud, made, server
from caller import Caller
from muster.model.catalog import Image
from muster.model.engine import EngineSeen
from muster.model.who import Who
from office import Office, opened

PROFILE_TYPES = ("container.dockerinc.docker", "os.heat.stack", "os.nova.server")


async def test_types_are_listed_in_one_word_or_in_parts(ann: Caller) -> None:
    old = await ann.ask("GET", "/profile-types", version="1.4")
    assert old.json() == {"profile_types": [{"name": f"{each}-1.0"} for each in PROFILE_TYPES]}
    new = (await ann.get("/profile-types"))["profile_types"]
    assert [(each["name"], each["version"]) for each in new] == [
        (each, "1.0") for each in PROFILE_TYPES
    ]
    support = {"1.0": [{"status": "EXPERIMENTAL", "since": "2017.02"}]}
    assert new[0]["support_status"] == support
    old = (await ann.ask("GET", "/policy-types", version="1.0")).json()["policy_types"]
    new = (await ann.get("/policy-types"))["policy_types"]
    assert [each["name"] for each in old] == [f"{e['name']}-{e['version']}" for e in new]
    assert len(new) == 14


async def test_a_type_shows_its_schema(ann: Caller) -> None:
    shown = (await ann.get("/policy-types/senlin.policy.deletion-1.1"))["policy_type"]
    assert shown["name"] == "senlin.policy.deletion-1.1"
    assert set(shown["support_status"]) == {"1.0", "1.1"}
    criteria = shown["schema"]["criteria"]
    assert criteria["constraints"][0]["type"] == "AllowedValues"
    assert (criteria["type"], criteria["default"]) == ("String", "RANDOM")
    old = await ann.ask("GET", "/policy-types/senlin.policy.deletion-1.1", version="1.4")
    assert set(old.json()["policy_type"]) == {"name", "schema"}
    networks = (await ann.get("/profile-types/os.nova.server-1.0"))["profile_type"]["schema"][
        "networks"
    ]
    assert networks["schema"]["*"]["schema"]["network"]["type"] == "String"


async def test_a_type_shows_what_can_be_done_to_its_nodes(ann: Caller) -> None:
    shown = (await ann.get("/profile-types/os.nova.server-1.0/ops"))["operations"]
    assert set(shown) == {
        "reboot",
        "rebuild",
        "change_password",
        "pause",
        "unpause",
        "suspend",
        "resume",
        "lock",
        "unlock",
        "start",
        "stop",
        "rescue",
        "unrescue",
        "evacuate",
    }
    assert shown["reboot"]["parameters"]["type"]["default"] == "SOFT"
    assert shown["stop"]["parameters"] == {}


async def test_a_type_without_its_version_is_not_found(ann: Caller) -> None:
    for kind in ("profile", "policy"):
        for name in ("bogus", "os.nova.server", "senlin.policy.scaling"):
            text = f"The {kind}_type '{name}' could not be found."
            said = await ann.refusal("GET", f"/{kind}-types/{name}")
            assert said == (404, "ResourceNotFound", text)
    said = await ann.refusal("GET", "/profile-types/bogus/ops")
    assert said == (400, "BadRequest", "The profile_type 'bogus' could not be found.")
    assert (await ann.refusal("GET", "/profile-types?name=x"))[2] == "Invalid parameter name"


async def test_revisions_are_told_to_everybody_and_engines_to_operators(ann: Caller) -> None:
    revision = {"revision": "1.0"}
    assert await ann.get("/build-info") == {"build_info": {"api": revision, "engine": revision}}
    now = ann.office.clock.now()
    for number, host in ((1, "a"), (2, "b")):
        seen = EngineSeen(id=UUID(int=number), host=host, started_at=now, seen_at=now)
        await ann.office.desk.store.write(lambda tx, seen=seen: tx.engines.put(seen))
        ann.office.clock.advance(61 if number == 1 else 0)
        now = ann.office.clock.now()
    text = "You are not authorized to complete this operation."
    assert await ann.refusal("GET", "/services") == (403, "Forbidden", text)
    services = (await Caller(ann.office, who="root").get("/services"))["services"]
    assert [(each["host"], each["state"]) for each in services] == [("a", "down"), ("b", "up")]
    assert services[1] == {
        "id": str(UUID(int=2)),
        "binary": "muster-engine",
        "host": "b",
        "topic": "muster-engine",
        "status": "enabled",
        "state": "up",
        "disabled_reason": None,
        "updated_at": "2030-01-01T00:01:01Z",
    }


async def test_an_image_that_is_not_whole_yet_is_refused(office: Office) -> None:
    ann = a_real_cloud(office)

    class Saving:
        async def list_images(self) -> list[Image]:
            return [Image(id="i", name="half", status="saving")]

    cloud = office.desk.clouds["simulated"]
    office.desk.clouds["simulated"] = replace(cloud, images=Saving())  # type: ignore
    body = {"profile": {"name": "p", "spec": server(image="half")}}
    text = (await ann.refusal("POST", "/profiles", body))[2]
    assert text.endswith("The image 'half' cannot be used: it is saving.")


class OfADomain:
    challenge = ""

    async def who(self, headers: Any) -> Who:
        return Who(user="dora", project="demo", domain="d1")


async def test_a_domain_goes_with_its_caller(tmp_path: Path) -> None:
    async with opened(tmp_path, OfADomain()) as office:
        shown = await made(Caller(office), "profile", "p", server())
        assert (shown["user"], shown["domain"]) == ("dora", "d1")
