"""YAML as people mean it here."""

from typing import Any

import yaml

_BOOLEAN = "tag:yaml.org,2002:bool"


# Note [On is a word]
# In YAML 1.1 `on` and `off` are other names of true and false. Here they are words:
# `scaling_mode: on`, `predictive: on`. The other names stay, for specifications use them.
class _Loader(yaml.SafeLoader):
    """See Note [On is a word]."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # as the class above has it
        first: [each for each in known if first not in "oO" or each[0] != _BOOLEAN]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str) -> Any:
    """Return what a text in YAML says. Raises `yaml.YAMLError`."""
    return yaml.load(text, _Loader)
