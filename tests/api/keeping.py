"""Specifications for tests of the clustering API, and what is made of them."""

from dataclasses import replace
from typing import Any

from caller import Caller
from muster.model.cloud import Ability
from office import Office

SERVER = {"flavor": "tiny", "image": "demo-web", "networks": [{"network": "private"}]}
SCALING = {"event": "CLUSTER_SCALE_OUT", "adjustment": {"number": 2}}


def of(type: str, properties: Any, version: Any = "1.0") -> dict[str, Any]:
    return {"type": type, "version": version, "properties": properties}


def server(**but: Any) -> dict[str, Any]:
    return of("os.nova.server", {**SERVER, **but})


def scaling(**but: Any) -> dict[str, Any]:
    return of("senlin.policy.scaling", {**SCALING, **but})


async def made(ann: Caller, noun: str, name: str, spec: Any, **more: Any) -> dict[str, Any]:
    path = "/profiles" if noun == "profile" else "/policies"
    answer = await ann.ask("POST", path, {noun: {"name": name, "spec": spec, **more}})
    assert answer.status_code == 201, answer.text
    assert "location" not in answer.headers
    shown: dict[str, Any] = answer.json()[noun]
    return shown


def a_real_cloud(office: Office, **cannot: str) -> Caller:
    """Have the office's cloud take no name that it does not know; return ann, who uses it."""
    cloud = office.desk.clouds["simulated"]
    unable = {Ability(name): why for name, why in cannot.items()}
    about = replace(cloud.about, open_catalog=False, cannot=unable)
    office.desk.clouds["simulated"] = replace(cloud, about=about)  # type: ignore[index]
    return Caller(office)
