from dataclasses import replace

import pytest

import builders
from muster.base.copies import altered


def test_a_copy_differs_only_in_what_was_changed():
    node = builders.a_node(1)
    copy = altered(node, ref="sim-1", tries=2)
    assert copy == replace(node, ref="sim-1", tries=2)
    assert (node.ref, node.tries) == (replace(node).ref, replace(node).tries)


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(TypeError):
        altered(builders.a_node(1), colour="red")
