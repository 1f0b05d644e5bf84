"""How servers leave a cluster: when its making is undone, when they are taken out, when lost."""

from collections.abc import Iterator, Sequence

from muster.model.server_job import Entry, EntryStatus, Verb

_MEMBERSHIP = frozenset({Verb.BOOTSTRAP, Verb.JOIN})


# Note [Undone by a reset]
# Once a server has begun or joined a cluster, it does not come out of it as it was: what is left
# of the cluster has to agree, and may have no majority. So a server on which that has begun is
# reset, which it does by itself, and which empties its Incus and its services. Nothing is lost by
# that: what joins was empty. One that has not come as far gets back what it was set to.
# Who has joined a cluster that was there before may have been given something since. It is looked
# at first, and stays a member where it has anything, or where nobody can tell.
def taken_back(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return what undoes these entries, the last first. See Note [Undone by a reset]."""
    touched = [each for each in entries if each.status is not EntryStatus.PLANNED]
    members = {each.server for each in touched if each.verb in _MEMBERSHIP}
    founded = any(each.verb is Verb.BOOTSTRAP for each in entries)
    made: list[Entry] = []
    for name in dict.fromkeys(each.server for each in reversed(touched) if each.server):
        if name in members and founded:  # the cluster goes whole
            made.append(Entry(verb=Verb.RESET, server=name))
        elif name in members:
            looked = {"empty": True} if _has_joined(name, touched) else {}
            made.append(Entry(verb=Verb.RESET, server=name, body=looked))
            made.append(Entry(verb=Verb.STRIKE, server=name, body={"tried": True}))
        else:
            made += _as_before([each for each in touched if each.server == name])
    names = dict.fromkeys(each.server for each in entries if each.server)
    return (*made, *(Entry(verb=Verb.RELEASE, server=each) for each in names if each))


def _has_joined(name: str, entries: Sequence[Entry]) -> bool:
    done = (each for each in entries if each.status is EntryStatus.DONE)
    return any(each.server == name and each.verb is Verb.JOIN for each in done)


def _as_before(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield what sets a server to what it was set to, the last first."""
    for each in reversed(entries):
        if "before" in each.kept:
            yield Entry(
                verb=each.verb, server=each.server, what=each.what, body=each.kept["before"]
            )


def removal(servers: Sequence[str]) -> tuple[Entry, ...]:
    """Return how servers that answer are taken out of a cluster."""
    verbs = (Verb.EMPTY, Verb.CLEAR, Verb.RESET, Verb.STRIKE, Verb.RELEASE)
    return tuple(Entry(verb=verb, server=name) for name in servers for verb in verbs)


def loss(servers: Sequence[str]) -> tuple[Entry, ...]:
    """Return how servers that do not answer are struck out; each owes a reset from then on."""
    return tuple(
        entry
        for name in servers
        for entry in (
            Entry(verb=Verb.STRIKE, server=name),
            Entry(verb=Verb.RELEASE, server=name, body={"owes": True}),
        )
    )


def dissolution(servers: Sequence[str]) -> tuple[Entry, ...]:
    """Return how a cluster goes with all that is on it: every server is reset."""
    resets = (Entry(verb=Verb.RESET, server=name) for name in servers)
    return (*resets, *(Entry(verb=Verb.RELEASE, server=name) for name in servers))
