"""Requests of nodes in a calm cluster, and what is decided about them."""

from builders import (
    a_node,
    a_wish,
)
from muster.model.cluster import Healing
from muster.model.rollout import Strategy, UpdateKind

CALM = Healing(enabled=False, max_tries=3)
PLACES = Strategy(kind=UpdateKind.IN_PLACE, auto_rollback=False)


def asked(verb, index=1, **but):
    node = a_node(index)
    return a_wish(verb, **{"id": node.id, "target": node.id, "name": str(verb).lower()} | but)
