"""`muster warning`, where all is in order."""

import pytest

pytestmark = pytest.mark.system


def test_where_all_is_in_order_that_is_said(muster):
    assert "All is in order" in muster.good("warning", "list")
    assert "no warning '7'" in muster.refused("warning", "show", "7")
    assert "no warning '7'" in muster.refused("warning", "acknowledge", "7")
