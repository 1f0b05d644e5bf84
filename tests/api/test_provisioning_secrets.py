"""Variables of type secret: servers are told their values, and nobody is shown them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from muster.ports.store import Query
from yard import HERE, Yard, opened_yard

TEMPLATES = "/1.0/provisioning/cluster-templates"
PW = 'open: "sesame"\n\\@RACK@'
TEMPLATE = {
    "name": "locked",
    "service_config_template": "nvme:\n  enabled: true\n  word: @PW@\n",
    "application_config_template": "config: {user.word: @PW@, user.rack: 'at @RACK@'}\n",
    "variables": {"PW": {"type": "secret"}, "RACK": {"default": "7"}},
}
WISH = {
    "server_type": "incus",
    "cluster_template": "locked",
    "cluster_template_variable_values": {"PW": PW},
}


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with opened_yard(tmp_path) as made:
        await made.ask("POST", TEMPLATES, TEMPLATE, 201)
        yield made


def is_in(said: Any) -> bool:
    return "sesame" in str(said)


async def test_servers_have_it_those_that_join_later_too_and_nobody_is_shown_it(yard):
    with capture_logs() as told:
        shown = [await yard.create("m1", "m2", **WISH), await yard.go_on()]
        shown.append(await yard.ask("POST", f"{HERE}/c1/:add-servers", {"server_names": ["m3"]}))
        shown.append(await yard.go_on())
    metals = yard.fleet.metals
    assert {metals[name].services["nvme"]["word"] for name in ("m1", "m2", "m3")} == {PW}
    union = metals["m3"].union
    assert union is not None
    assert (union.config["user.word"], union.config["user.rack"]) == (PW, "at 7")
    assert not is_in(shown)
    assert not is_in(told)
    events = (await yard.office.call("GET", "/v1/events", None, "root")).text
    assert not is_in(events)


async def test_previews_show_its_name_instead(yard):
    wish = {"name": "c1", "server_names": ["m1"], **WISH}
    told = await yard.ask("POST", f"{HERE}/:preview", wish, 200)
    assert told["possible"], told
    assert told["services_config"]["m1"][0]["config"]["word"] == "(secret PW)"
    assert told["application_seed_config"]["config"]["user.word"] == "(secret PW)"
    values = {"cluster_template_variable_values": {"PW": PW}}
    filled = await yard.ask("POST", f"{TEMPLATES}/locked/:preview", values, 200)
    assert "word: (secret PW)" in filled["service_config"]
    assert filled["findings"] == []
    assert not is_in((told, filled))


@pytest.mark.parametrize("when", ["service", "settings"])
async def test_a_server_that_quotes_it_in_its_refusal_is_not_quoted(yard, when):
    told = {"service": "/os/1.0/services/nvme", "settings": "/1.0"}[when]

    def refuse(at, metal, order):
        if order.path == told and is_in(order.body):
            metal.refuses = frozenset({told})
            metal.name = f"m2: {PW}"

    yard.fleet.meanwhile = refuse
    await yard.create("m1", **WISH)
    shown = await yard.go_on()
    assert shown["status"] == "failed"
    assert "m2: (secret PW) does not like" in shown["job"]["reason"]
    assert not is_in(shown)


async def test_it_is_kept_once_and_no_document_or_step_has_it(yard):
    await yard.create("m1", **WISH)
    clusters = await yard.office.desk.store.read(lambda tx: tx.server_clusters.find(Query()))
    [cluster] = clusters
    assert cluster.secrets == {"PW": PW}
    assert not is_in(cluster)


@pytest.mark.parametrize(
    ("variable", "word"),
    [({"type": "secret", "default": "sesame"}, "shown"), ({"type": "secret", "min": 4}, "min")],
)
async def test_one_that_could_not_be_kept_is_refused(yard, variable, word):
    body = {**TEMPLATE, "name": "other", "variables": {**TEMPLATE["variables"], "PW": variable}}
    assert word in await yard.ask("POST", TEMPLATES, body, 400)


async def test_a_name_of_a_document_cannot_be_one(yard):
    but = {"application_config_template": "config: {'@PW@': 'at @RACK@'}\n"}
    await yard.ask("POST", TEMPLATES, {**TEMPLATE, **but, "name": "other"}, 201)
    wish = {"name": "c1", "server_names": ["m1"], **WISH, "cluster_template": "other"}
    why = await yard.ask("POST", HERE, wish, 400)
    assert "has the secret PW in a name" in why
    assert not is_in(why)
