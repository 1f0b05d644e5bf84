"""Templates of clusters: kept, filled with values, and refused with everything that is wrong."""

import pytest

HERE = "/1.0/provisioning/cluster-templates"
SAID = {
    "name": "storage",
    "description": "with shared disks",
    "service_config_template": "lvm:\n  enabled: @LVM@\n",
    "application_config_template": 'config:\n  user.rack: "@RACK@"\n  user.mail: a@@b\n',
    "variables": {"LVM": {"default": True}, "RACK": {"description": "where it is"}},
}


async def made(office, **but):
    answer = await office.call("POST", HERE, {**SAID, **but}, "root")
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def wrong(office, **but):
    answer = await office.call("POST", HERE, {**SAID, **but}, "root")
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)
    return {each["field"]: each["message"] for each in answer.json()["metadata"]["errors"]}


async def filled(office, **values):
    body = {"cluster_template_variable_values": values}
    return await office.call("POST", f"{HERE}/storage/:preview", body, "root")


async def test_a_template_is_kept_and_shown(office):
    where = await made(office)
    assert where == f"{HERE}/storage"
    shown = (await office.call("GET", where, None, "root")).json()["metadata"]
    assert shown["variables"] == {
        "LVM": {"description": "", "default": "true"},
        "RACK": {"description": "where it is", "default": ""},
    }
    assert shown["service_config_template"] == SAID["service_config_template"]
    urls = (await office.call("GET", HERE, None, "root")).json()["metadata"]
    whole = (await office.call("GET", f"{HERE}?recursion=1", None, "root")).json()["metadata"]
    assert (urls, whole) == ([where], [shown])


async def test_values_are_put_in_and_what_they_are_is_for_yaml_to_say(office):
    await made(office)
    told = (await filled(office, RACK=7)).json()["metadata"]
    assert told["service_config"] == "lvm:\n  enabled: true\n"
    assert told["application_config"] == 'config:\n  user.rack: "7"\n  user.mail: a@b\n'
    assert (await filled(office, RACK="7", LVM=False)).json()["metadata"][
        "service_config"
    ] == "lvm:\n  enabled: false\n"


async def test_what_the_values_make_wrong_is_told_beside_the_documents(office):
    await made(office)
    fine = (await filled(office, RACK=7)).json()["metadata"]
    assert fine["findings"] == []
    told = (await filled(office, RACK='7"', LVM="maybe")).json()["metadata"]
    fields = {each["field"] for each in told["findings"]}
    assert fields == {"services_config.lvm.enabled", "application_seed_config"}
    assert "enabled: maybe" in told["service_config"]


async def test_a_value_that_looks_like_a_place_stays_as_it_is(office):
    await made(office)
    told = (await filled(office, RACK="@LVM@ @@ @RACK@")).json()["metadata"]
    assert 'user.rack: "@LVM@ @@ @RACK@"' in told["application_config"]


async def test_what_lacks_and_what_is_strange_is_told_at_once(office):
    await made(office)
    answer = await filled(office, ROCK="7", other=True)
    fields = {each["field"] for each in answer.json()["metadata"]["errors"]}
    prefix = "cluster_template_variable_values"
    assert answer.status_code == 400
    assert fields == {f"{prefix}.{name}" for name in ("RACK", "ROCK", "other")}


@pytest.mark.parametrize(
    ("but", "field", "word"),
    [
        ({"variables": {"LVM": {}}}, "application_config_template", "@RACK@"),
        ({"variables": {**SAID["variables"], "IDLE": {}}}, "variables.IDLE", "neither"),
        ({"variables": {**SAID["variables"], "a-b": {}}}, "variables.a-b", "letters"),
        ({"variables": {"LVM": 7}}, "variables.LVM", "object"),
        ({"name": ""}, "name", ""),
        ({"name": "a/b"}, "name", "without"),
        ({"service_config_template": 7}, "service_config_template", "string"),
    ],
)
async def test_what_is_wrong_with_a_template_is_told_when_it_is_kept(office, but, field, word):
    found = await wrong(office, **but)
    assert word in found[field]


async def test_everything_that_is_wrong_is_told_at_once(office):
    variables = {"LVM": {}, "IDLE": {}}
    assert set(await wrong(office, variables=variables)) == {
        "application_config_template",
        "variables.IDLE",
    }


async def test_a_change_is_held_to_what_its_maker_has_seen(office):
    where = await made(office)
    client = office.clients["all"]
    answer = await office.call("GET", where, None, "root")
    held = {"x-name": "root", "if-match": answer.headers["etag"]}
    said = {**answer.json()["metadata"], "description": "other"}
    assert (await client.put(where, json=said, headers=held)).status_code == 201
    assert (await client.put(where, json=said, headers=held)).status_code == 412
    shown = (await office.call("GET", where, None, "root")).json()["metadata"]
    assert (shown["name"], shown["description"]) == ("storage", "other")


async def test_a_name_is_given_once_and_can_be_changed(office):
    where = await made(office)
    assert "already" in (await office.call("POST", HERE, SAID, "root")).json()["error"]
    answer = await office.call("POST", where, {"name": "disks"}, "root")
    assert (answer.status_code, answer.headers["location"]) == (201, f"{HERE}/disks")
    await made(office)
    again = await office.call("POST", where, {"name": "disks"}, "root")
    assert again.status_code == 400
    assert (await office.call("DELETE", where, None, "root")).status_code == 200
    assert (await office.call("GET", where, None, "root")).status_code == 404


async def test_a_variable_says_what_it_takes_and_other_values_are_refused(office):
    variables = {
        "LVM": {"type": "bool", "default": True},
        "RACK": {"type": "int", "min": 1, "max": 40},
    }
    where = await made(office, variables=variables)
    shown = (await office.call("GET", where, None, "root")).json()["metadata"]["variables"]
    assert shown["RACK"] == {
        "description": "",
        "default": "",
        "type": "int",
        "min": 1.0,
        "max": 40.0,
    }
    assert (await filled(office, RACK=40)).status_code == 200
    answer = await filled(office, RACK=41, LVM="maybe")
    told = {each["field"]: each["message"] for each in answer.json()["metadata"]["errors"]}
    prefix = "cluster_template_variable_values"
    assert told == {
        f"{prefix}.LVM": "must be true or false",
        f"{prefix}.RACK": "must be at most 40",
    }


@pytest.mark.parametrize(
    "said", [{"type": "colour"}, {"min": True}, {"choices": "a"}, {"pattern": ["x"]}, {"size": 1}]
)
async def test_a_variable_that_says_nonsense_is_refused_by_its_name(office, said):
    assert "variables.RACK" in await wrong(office, variables={**SAID["variables"], "RACK": said})
