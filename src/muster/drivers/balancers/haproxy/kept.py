"""A pool as it is written down beside its HAProxy, and what its members are called there."""

from dataclasses import dataclass, field, replace

from muster.model.pool import Front, MemberState, MemberWanted, PoolWanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The pool in force. Members are written in the order in which they were put."""

    front: Front
    address: str
    port: int
    members: tuple[MemberWanted, ...] = ()
    drained: dict[str, float] = field(default_factory=dict)  # by name, since when

    @property
    def names(self) -> dict[str, MemberWanted]:
        return {name_of(member): member for member in self.members}


# Note [Names of servers]
# A server is called after its node and its address: a node that was given another server
# is another server in the statistics too, also while the former one has open sessions.
def name_of(member: MemberWanted) -> str:
    """Return what the member is called in HAProxy. See Note [Names of servers]."""
    return f"{member.node_id.hex}_{member.address}:{member.port}"  # no brackets: not permitted


def dial(member: MemberWanted) -> str:
    host = f"[{member.address}]" if ":" in member.address else member.address
    return f"{host}:{member.port}"


def changed(kept: Kept, wanted: PoolWanted, port: int, now: float) -> Kept:
    """Return the pool with exactly this front and these members."""
    draining = {name_of(member) for member in wanted.members if member.state is MemberState.DRAIN}
    return replace(
        kept,
        front=wanted.front,
        port=port,
        members=wanted.members,
        drained={name: kept.drained.get(name, now) for name in draining},
    )
