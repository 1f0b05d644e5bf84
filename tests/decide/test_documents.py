"""What a document of a cluster of servers may hold: what a server can be told, and nothing else."""

import pytest

from muster.decide.server_clusters.documents import read

ODD = {
    "null: 1": "a key that is no text: None",
    "true: 1": "a key that is no text: True",
    "1: 2": "a key that is no text: 1",
    "? [1, 2]\n: x": "unhashable",
    "n: .nan": "n is no number",
    "n: -.inf": "n is no number",
    f"n: {'9' * 400}": "n is a number beyond 64 bits",
    "n: 2026-01-01": "n is a date; say it as a text, in quotes",
    "n: 2026-01-01 10:00:00": "n is a datetime",
    "n: !!binary aGk=": "n is a bytes",
    "n: !!set {a, b}": "n is a set",
    'n: "\\ud800"': "n has half of a character",
    '"\\ud800": n': "has a key that is no text",
}


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("around", ["ceph: {{config: {{{}}}}}", "networks: [{{{}}}]"])
def test_what_no_server_can_be_told_is_refused_where_it_stands(text: str, around: str) -> None:
    inner = text.replace("? [1, 2]\n: x", "? [1, 2] : x")
    said = read(around.format(inner))
    assert isinstance(said, str)
    assert ODD[text] in said
    if "key" not in ODD[text] and "unhashable" not in ODD[text]:
        assert said.startswith(("ceph.config.", "networks[0]"))


def test_what_json_can_say_is_taken_as_it_is() -> None:
    text = 'ceph: {config: {a: 1, b: -2.5, c: true, d: null, e: [x, "2026-01-01"], f: {g: ""}}}'
    assert read(text) == {
        "ceph": {
            "config": {"a": 1, "b": -2.5, "c": True, "d": None, "e": ["x", "2026-01-01"]}
            | {"f": {"g": ""}}
        }
    }
