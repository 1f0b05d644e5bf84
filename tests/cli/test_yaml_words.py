"""What words of a YAML file mean."""

import pytest

from muster.cli.yaml_words import read_yaml


@pytest.mark.parametrize(
    ("said", "meant"),
    [("on", "on"), ("Off", "Off"), ("yes", True), ("false", False), ("3", 3), ("out-only",) * 2],
)
def test_on_and_off_are_words(said: str, meant: object):
    assert read_yaml(f"mode: {said}") == {"mode": meant}
