"""What a word in a request means: a thing by its id, its name, or the beginning of its id."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from muster.base.errors import Invalid, NotFound
from muster.model.action import Action
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.policy import Policy
from muster.model.profile import Profile
from muster.model.receiver import Receiver
from muster.model.who import Who
from muster.ports.store import Query, Table, Transaction
from muster.service.desk import Desk
from muster.service.lookup import as_id, sees


class Owned(Protocol):
    """What belongs to a project."""

    @property
    def project(self) -> str: ...


T = TypeVar("T", bound=Owned)
_OF_AN_ID = frozenset("0123456789abcdef-")


@dataclass(frozen=True, slots=True)
class Noun(Generic[T]):
    """A kind of thing that requests name: what it is called, and where its rows are."""

    word: str
    table: Callable[[Transaction], Table[T]]


CLUSTER: Noun[Cluster] = Noun("cluster", lambda tx: tx.clusters)
NODE: Noun[Node] = Noun("node", lambda tx: tx.nodes)
PROFILE: Noun[Profile] = Noun("profile", lambda tx: tx.profiles)
POLICY: Noun[Policy] = Noun("policy", lambda tx: tx.policies)
RECEIVER: Noun[Receiver] = Noun("receiver", lambda tx: tx.receivers)
ACTION: Noun[Action] = Noun("action", lambda tx: tx.actions)


def found(tx: Transaction, who: Who, noun: Noun[T], said: str) -> T | None:
    """Return what is meant, None for what is not there or is another project's.

    Raises `Invalid` where several are meant.
    """
    table, id = noun.table(tx), as_id(said)
    if id is not None:
        row = table.get(id)
        if row is not None and sees(who, row.project):
            return row
    rows = table.find(Query(project=who.scope, where={"name": (said,)}, limit=2))
    if not rows and id is None and is_prefix(said.lower()):
        rows = table.find(Query(project=who.scope, id_prefix=said.lower(), limit=2))
    if len(rows) > 1:
        raise several(said)
    return rows[0] if rows else None


def is_prefix(said: str) -> bool:
    """Whether this may be the beginning of an id."""
    return bool(said) and set(said) <= _OF_AN_ID


def several(said: str) -> Invalid:
    """Return the error for a word that means more than one thing."""
    text = f"Multiple results found matching the query criteria '{said}'."
    return Invalid(f"{text} Please be more specific.", type="MultipleChoices")


def find(tx: Transaction, who: Who, noun: Noun[T], said: str) -> T:
    """Return what a path names. Raises `NotFound`, `Invalid` where several are meant."""
    row = found(tx, who, noun, said)
    if row is None:
        raise NotFound(f"The {noun.word} '{said}' could not be found.")
    return row


def refuse_taken(tx: Transaction, desk: Desk, project: str, named: tuple[Noun[T], str]) -> None:
    """Raise `Invalid` where names are to be unique and something of that kind has this one."""
    noun, name = named
    if not desk.name_unique:
        return
    now = desk.clock.now()
    tx.leases.take("names", name, now, now)  # See Note [Names one at a time].
    if noun.table(tx).count(Query(project=project, where={"name": (name,)})):
        raise Invalid(f"A {noun.word} named '{name}' already exists.", field="name")


def referenced(
    tx: Transaction, who: Who, noun: Noun[T], said: str, *, called: str = "specified"
) -> T:
    """Return what a body names. Raises `Invalid` also for what is not there."""
    row = found(tx, who, noun, said)
    if row is None:
        raise Invalid(f"The {called} {noun.word} '{said}' could not be found.")
    return row


# Note [Held]
# On PostgreSQL a thing could be deleted in the very moment in which another comes to name
# it: neither sees the other, and both would commit. Writing the row as it is makes the later
# of the two lose and run again, on what is there then. SQLite has one writer and needs none.
def held(tx: Transaction, who: Who, noun: Noun[T], said: str) -> T:
    """Return what a body names, which nobody can delete before this is committed.

    See Note [Held].
    """
    row = referenced(tx, who, noun, said)
    noun.table(tx).put(row)
    return row
