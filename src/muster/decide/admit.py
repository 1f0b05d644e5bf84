"""Size checks at the door: whether a cluster may be asked to be so large."""

from collections.abc import Iterator
from dataclasses import dataclass

from muster.model.capacity import Refusal

NO_LIMIT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes as a request gives them: None is "not given", a `high` below zero "no limit"."""

    desired: int | None = None
    low: int | None = None
    high: int | None = None


Rule = tuple[bool, str]


def check_size(
    wanted: Sizes, present: Sizes | None, *, strict: bool = True, limit: int = 1000
) -> Refusal | None:
    """Return why `wanted` may not be, or None; the first rule that is broken speaks.

    `present` is the cluster as it stands, None for one that is yet to be made. Without
    `strict` its own bounds do not bind, only those that the request names itself.
    """
    for broken, text in _rules(wanted, present, strict=strict, limit=limit):
        if broken:
            return Refusal(text)
    return None


def _rules(wanted: Sizes, present: Sizes | None, *, strict: bool, limit: int) -> Iterator[Rule]:
    """Yield the rules in the order of the clustering API, which clients depend on."""
    if wanted.desired is not None:
        yield from _about_desired(wanted, wanted.desired, present if strict else None, limit)
    if wanted.low is not None:
        yield from _about_low(wanted, wanted.low, present, strict)
    if wanted.high is not None:
        yield from _about_high(wanted, wanted.high, present, strict, limit)


def _about_desired(
    wanted: Sizes, desired: int, binding: Sizes | None, limit: int
) -> Iterator[Rule]:
    target = f"The target capacity ({desired}) is"
    yield (
        desired > limit,
        (f"{target} greater than the maximum number of nodes allowed per cluster ({limit})."),
    )
    if wanted.low is not None:
        yield desired < wanted.low, f"{target} less than the specified min_size ({wanted.low})."
    elif binding and binding.low is not None:
        yield desired < binding.low, f"{target} less than the cluster's min_size ({binding.low})."
    if wanted.high is not None:
        yield (
            0 <= wanted.high < desired,
            f"{target} greater than the specified max_size ({wanted.high}).",
        )
    elif binding and binding.high is not None:
        yield (
            0 <= binding.high < desired,
            f"{target} greater than the cluster's max_size ({binding.high}).",
        )


def _about_low(wanted: Sizes, low: int, present: Sizes | None, strict: bool) -> Iterator[Rule]:
    text = f"The specified min_size ({low}) is greater than the"
    if wanted.high is not None:
        yield 0 <= wanted.high < low, f"{text} specified max_size ({wanted.high})."
    elif present and present.high is not None:
        yield 0 <= present.high < low, f"{text} current max_size ({present.high}) of the cluster."
    if wanted.desired is None and strict and present and present.desired is not None:
        yield (
            low > present.desired,
            f"{text} current desired_capacity ({present.desired}) of the cluster.",
        )


def _about_high(
    wanted: Sizes, high: int, present: Sizes | None, strict: bool, limit: int
) -> Iterator[Rule]:
    text = f"The specified max_size ({high}) is"
    yield (
        high > limit,
        (f"{text} greater than the maximum number of nodes allowed per cluster ({limit})."),
    )
    if wanted.low is None and present and present.low is not None:
        yield (
            0 <= high < present.low,
            f"{text} less than the current min_size ({present.low}) of the cluster.",
        )
    if wanted.desired is None and strict and present and present.desired is not None:
        yield (
            0 <= high < present.desired,
            f"{text} less than the current desired_capacity ({present.desired}) of the cluster.",
        )
