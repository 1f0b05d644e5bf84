"""`muster server-cluster bulk-update` and `desired`, where no cluster is."""

import pytest

pytestmark = pytest.mark.system


def test_where_there_is_no_cluster_that_is_told(muster, tmp_path):
    file = tmp_path / "request.json"
    file.write_text('{"action": "add_application", "arguments": {"name": "debug"}}')
    none = "no cluster 'c9'"
    assert none in muster.refused("server-cluster", "bulk-update", "c9", str(file))
    said = ("--dry-run", "--parallel", "2", "--on-failure", "stop")
    assert none in muster.refused("server-cluster", "bulk-update", "c9", str(file), *said)
    assert none in muster.refused("server-cluster", "bulk-list", "c9")
    assert "no bulk update" in muster.refused("server-cluster", "bulk-show", "7")
    assert none in muster.refused("server-cluster", "desired", "show", "c9")
    assert none in muster.refused("server-cluster", "desired", "set", "c9", str(file))
    assert none in muster.refused("server-cluster", "desired", "drift", "c9")
    assert none in muster.refused("server-cluster", "desired", "apply", "c9")
