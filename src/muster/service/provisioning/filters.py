"""Filters of lists over what is shown of things."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from muster.decide.sift import sifted

T = TypeVar("T")


def wanted(text: str, shown: Callable[[T], Mapping[str, Any]]) -> Callable[[T], bool]:
    """Return what tells whether a thing is wanted. Raises `Invalid` for what is no expression."""
    holds = sifted(text)
    return lambda each: holds(shown(each))
