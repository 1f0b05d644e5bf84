"""Specifications: what is read, filled in and refused, and how clients are shown a schema."""

import json
from contextlib import suppress
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.base.errors import Invalid, Malformed
from muster.decide.policies import POLICY_TYPES
from muster.decide.profile_types import PROFILE_TYPES, properties_of
from muster.decide.specs import checked, checked_parameters
from muster.model.schema import (
    Item,
    Kind,
    boolean,
    encoded,
    encoded_schema,
    integer,
    listing,
    mapping,
    number,
    string,
)

SCHEMA = {
    "name": string(required=True),
    "size": integer(default=3),
    "way": string(default="UP", allowed=("UP", "DOWN")),
    "deep": mapping(fields={"on": boolean(default=True), "share": number()}),
    "many": listing(each=mapping(fields={"word": string(required=True)})),
    "silent": mapping(implied=True, fields={"step": integer(default=1)}),
    "free": mapping(default={}),
}
SAID = {"name": "web"}
FILLED = {"name": "web", "size": 3, "way": "UP", "silent": {"step": 1}, "free": {}}


def test_what_is_not_said_is_what_its_default_says():
    assert checked(SCHEMA, SAID) == FILLED


def test_defaults_reach_into_maps_and_lists():
    said = {**SAID, "deep": {}, "many": [{"word": "a"}]}
    assert checked(SCHEMA, said) == FILLED | {"deep": {"on": True}, "many": [{"word": "a"}]}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"size": "4"}, {"size": 4}),
        ({"size": 4.0}, {"size": 4}),
        ({"name": 7}, {"name": "7"}),
        ({"deep": {"on": "no"}}, {"deep": {"on": False}}),
        ({"deep": {"share": "0.5"}}, {"deep": {"on": True, "share": 0.5}}),
        ({"size": None}, {"size": 3}),  # clients send nulls for what they do not mean
        ({"unheard": None, "way": "DOWN"}, None),
    ],
)
def test_what_can_be_read_as_its_kind_is(said, read):
    if read is None:
        with pytest.raises(Malformed, match="unheard"):
            checked(SCHEMA, {**SAID, **said})
        return
    assert checked(SCHEMA, {**SAID, **said}) == FILLED | read


@pytest.mark.parametrize(
    ("said", "text", "field"),
    [
        ({}, "Required spec item 'name' not provided", "name"),
        ({"name": None}, "Required spec item 'name' not provided", "name"),
        ({"bogus": 1}, "Required spec item 'name' not provided", "name"),
        ({"name": "x", "bogus": 1}, "Unrecognizable spec item 'bogus'", "bogus"),
        ({"name": "x", "deep": {"off": 1}}, "Unrecognizable spec item 'off'", "off"),
        ({"name": "x", "many": [{}]}, "Required spec item 'word' not provided", "word"),
        ({"name": "x", "size": "three"}, "The value 'three' is not a valid Integer", "size"),
        ({"name": "x", "size": 1.5}, "The value '1.5' is not a valid Integer", "size"),
        ({"name": "x", "size": True}, "The value 'True' is not a valid Integer", "size"),
        ({"name": {}}, "The value '{}' is not a valid string", "name"),
        ({"name": "x", "deep": {"on": "perhaps"}}, "'perhaps' is not a valid Boolean", "on"),
        ({"name": "x", "deep": {"share": "nan"}}, "'nan' is not a valid number", "share"),
        ({"name": "x", "deep": []}, "'[]' is not a Map", "deep"),
        ({"name": "x", "many": {}}, "'{}' is not a List", "many"),
        (
            {"name": "x", "way": "LEFT"},
            "'LEFT' must be one of the allowed values: UP, DOWN",
            "way",
        ),
    ],
)
def test_what_the_schema_does_not_allow_is_refused_by_name(said, text, field):
    with pytest.raises(Malformed) as caught:
        checked(SCHEMA, said)
    assert caught.value.text.endswith(text)
    assert caught.value.details["field"] == field


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_said_is_read_or_refused(said):
    for schema in chain((each.schema for each in POLICY_TYPES.values()), [SCHEMA]):
        with suppress(Malformed):
            checked(schema, said)


@pytest.mark.parametrize("type", [*POLICY_TYPES.values(), *PROFILE_TYPES.values()])
def test_defaults_satisfy_their_own_schema(type):
    def walk(item: Item):
        if item.default not in (None, {}) and item.type is not Kind.MAP and not item.required:
            filled = checked({"it": item}, {})
            assert checked({"it": item}, filled) == filled
        for each in (*item.fields.values(), *([item.each] if item.each else [])):
            walk(each)

    for item in type.schema.values():
        walk(item)


def test_parameters_of_operations_are_refused_in_the_words_of_the_api():
    reboot = PROFILE_TYPES["os.nova.server-1.0"].operations["reboot"].parameters
    assert checked_parameters(reboot, {}) == {"type": "SOFT"}
    for said, text in (
        ({"type": "BOGUS"}, "'BOGUS' must be one of the allowed values: SOFT, HARD."),
        ({"y": 1}, "Unrecognizable parameter 'y'."),
    ):
        with pytest.raises(Invalid) as caught:
            checked_parameters(reboot, said)
        assert caught.value.text == text


def test_a_schema_is_shown_without_what_says_nothing():
    assert encoded(integer(default=0, updatable=True)) == {
        "type": "Integer",
        "required": False,
        "updatable": True,
        "default": 0,
    }
    assert encoded(listing(description="some", each=string(required=True, allowed=("A",)))) == {
        "type": "List",
        "required": False,
        "updatable": False,
        "description": "some",
        "schema": {
            "*": {
                "type": "String",
                "required": True,
                "updatable": False,
                "constraints": [{"type": "AllowedValues", "constraint": ["A"]}],
            }
        },
    }


def test_scaling_policies_are_shown_as_their_clients_know_them():
    shown = encoded_schema(POLICY_TYPES["senlin.policy.scaling-1.0"].schema)
    assert set(shown) == {"event", "adjustment"}
    assert "default" not in shown["adjustment"]
    number = shown["adjustment"]["schema"]["number"]
    assert (number["type"], number["default"]) == ("Number", 1)
    assert shown["event"]["constraints"][0]["constraint"] == [
        "CLUSTER_SCALE_IN",
        "CLUSTER_SCALE_OUT",
    ]


def test_what_is_shown_of_operations_has_no_word_on_updating():
    operations = PROFILE_TYPES["os.nova.server-1.0"].operations
    assert operations["reboot"].encoded()["parameters"]["type"]["default"] == "SOFT"
    assert "updatable" not in json.dumps(operations["rescue"].encoded())
    assert PROFILE_TYPES["os.heat.stack-1.0"].operations["abandon"].encoded()["type"] == "Map"


@pytest.mark.parametrize(
    ("type", "said", "text"),
    [
        ("os.nova.server-1.0", {}, "Required spec item 'flavor' not provided"),
        ("os.nova.server-1.0", {"flavor": "1", "networks": [{}]}, "One of 'network' and 'port'"),
        (
            "os.nova.server-1.0",
            {"flavor": "1", "networks": [{"port": "p", "fixed_ip": "10.0.0.1"}]},
            "exclude each other",
        ),
        ("os.heat.stack-1.0", {}, "template and template_url are not specified"),
        ("container.dockerinc.docker-1.0", {"image": "i"}, "must be specified"),
        (
            "container.dockerinc.docker-1.0",
            {"image": "i", "host_node": "n", "host_cluster": "c"},
            "Only one of",
        ),
    ],
)
def test_profiles_that_make_no_sense_are_invalid_specifications(type, said, text):
    with pytest.raises(Invalid, match=text) as caught:
        properties_of(PROFILE_TYPES[type], said)
    assert caught.value.details["type"] == "InvalidSpec"
