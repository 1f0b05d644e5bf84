"""Words that all explanations of placements are made of."""

from collections.abc import Sequence

from muster.decide.placement.board import PLENTY
from muster.model.placing import Rule, word_of

NAMES = 6  # told by name; of more, how many they are
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def listed(names: Sequence[str], most: int = NAMES) -> str:
    """Return "a", "a and b", "a, b and c", or the first few "and 12 others"."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: int, thing: str) -> str:
    """Return "three hosts", "one host", "14 hosts"."""
    said = NUMBERS[number] if number < len(NUMBERS) else str(number)
    return f"{said} {thing}{'' if number == 1 else 's'}"


def amount(quantity: int, resource: str) -> str:
    """Return "4 GiB of memory", "2 vCPUs", "10 GiB in pool fast"."""
    if resource == "vcpus":
        return f"{size(quantity, resource)} vCPU{'' if quantity == 1 else 's'}"
    if resource == "ram_mib":
        return f"{size(quantity, resource)} of memory"
    pool = resource.removeprefix("disk_gib:")
    return f"{size(quantity, resource)} {f'in pool {pool}' if pool else 'of disk'}"


def size(quantity: int, resource: str) -> str:
    """Return the same without what it is of."""
    if quantity >= PLENTY:
        return "plenty"
    if resource == "vcpus":
        return str(quantity)
    if resource == "ram_mib" and quantity % 1024:
        return f"{quantity} MiB"
    return f"{quantity // 1024 if resource == 'ram_mib' else quantity} GiB"


def rule_named(rule: Rule) -> str:
    """Return "affinity g1": the word of the rule and its label."""
    return f"{word_of(rule)} {rule.name}".rstrip()
