"""`muster inventory`, where no cluster is yet."""

import pytest

from muster.cli.inventory import KINDS
from muster.model.inventory import Kind

pytestmark = pytest.mark.system


def test_nothing_is_listed_where_no_cluster_is(muster):
    assert "No images." in muster.good("inventory", "list", "images", "--text", "debian")
    assert muster.asked("inventory", "list", "instances", "--filter", "object.n > 1") == []
    assert "nothing of that sort" in muster.good("inventory", "query", "--text", "web")
    kinds = ("--kind", "images", "--kind", "networks", "--parent", "local")
    assert muster.asked("inventory", "query", *kinds) == []
    assert "No cluster is known" in muster.good("inventory", "clusters")
    assert "no cluster 'c9'" in muster.refused("inventory", "resync", "c9")
    assert "among images" in muster.refused("inventory", "show", "images", "7")
    assert "filter" in muster.refused("inventory", "list", "images", "--filter", "name ==")
    assert "filter" in muster.refused("inventory", "query", "--filter", "name ==")


def test_it_knows_every_kind():
    assert set(KINDS) == set(Kind)
