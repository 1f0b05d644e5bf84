"""Who may do what: which roles have which right, and exceptions for single calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from muster.model.who import RIGHTS, Right, Who

EVERYONE = "everyone"  # stands for every role, and for having none


def _holders() -> Mapping[Right, frozenset[str]]:
    """Return the same as RIGHTS, asked the other way round."""
    return {
        right: frozenset(role for role, has in RIGHTS.items() if right in has) for right in Right
    }


# Note [Calls]
# A call of the API is named by what it is about and what it does there, as the retired
# service named its rules: clusters:create, nodes:get, receivers:notify. The name is made
# from the route, so that no route is without one. A call takes the right to read or to
# write (its route may say another); where the rules name the call itself, that counts instead.
@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Roles by right, and by call where that differs. See Note [Calls]."""

    rights: Mapping[Right, frozenset[str]] = field(default_factory=_holders)
    calls: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def known(self, who: Who) -> Who:
        """Return the caller with the rights that these rules give to his roles."""
        granted = frozenset(
            right for right, roles in self.rights.items() if _among(who.roles, roles)
        )
        return replace(who, rights=granted)

    def holders(self, call: str, right: Right) -> frozenset[str]:
        """Return the roles that may."""
        return self.calls.get(call, self.rights[right])

    def allow(self, who: Who, call: str, right: Right) -> bool:
        return _among(who.roles, self.holders(call, right))


# Note [Readers of a Keystone]
# The retired service asked for no role but that of an admin: its every other call was open to
# whoever had a token for the project, also with the role `reader` alone. Its users come with the
# Keystone that they had, and so with it a reader changes what his project has, until an operator
# says otherwise. With users of our own `reader` means what it says.
def for_keystone() -> Rules:
    """Return the rules for callers with its tokens. See Note [Readers of a Keystone]."""
    rights = _holders()
    return Rules(rights={**rights, Right.WRITE: rights[Right.WRITE] | rights[Right.READ]})


def _among(has: tuple[str, ...], wanted: frozenset[str]) -> bool:
    return EVERYONE in wanted or not wanted.isdisjoint(has)
