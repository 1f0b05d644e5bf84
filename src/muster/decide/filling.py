"""Filling a place: when its server is asked for, and of which revision the next one is."""

from datetime import datetime, timedelta
from uuid import UUID

from muster.decide.destiny import Destiny, Fitness
from muster.decide.draft import Draft, Place
from muster.decide.limits import AGAIN, LOST_LOOK, resting
from muster.model.node import Health, server_id
from muster.model.rollout import UpdateKind
from muster.model.step import CreateServer, ServerOrder


def create(draft: Draft, each: Place, why: str) -> None:
    """Ask for a server, unless this place has to wait for its turn."""
    until = resting(draft, each) or _edited_retry(draft, each)
    if until is not None:
        hold(draft, each, f"{each.node.name} is tried again at {until:%H:%M:%S}", until)
        return
    if draft.creates <= 0:
        hold(draft, each, f"{each.node.name} waits for its turn", draft.now)
        return
    if _awaits_former(draft, each):
        hold(draft, each, f"{each.node.name}: its former server is not gone", draft.now + AGAIN)
        return
    profile = draft.snapshot.profiles.get(each.profile_id)
    if profile is None:
        hold(draft, each, f"{each.node.name}: its profile is not known", draft.now + LOST_LOOK)
        return
    draft.creates -= 1
    each.fate = Destiny.CREATE
    node, cluster = each.node, draft.cluster
    if node.began_at is None or not (each.opened or node.ref) or "ref" in each.edits:
        each.edit(began_at=draft.now)
    draft.steps.append(
        CreateServer(
            node_id=node.id,
            order=ServerOrder(
                server_id=server_id(node.id, each.edits.get("incarnation", node.incarnation)),
                node_id=node.id,
                cluster_id=each.edits.get("home", node.home) or cluster.id,
                project=cluster.project,
                name=node.name,
                index=node.index,
                spec=profile.server,
                zone=each.edits.get("wanted_zone", node.wanted_zone),
                host=profile.server.host,
                group=cluster.placement.group,
            ),
            why=why,
        )
    )


# Note [One after another]
# As a rule the next server of a place is made while the one before goes: that is quickest. A
# health policy may want it otherwise, for two of a kind may disturb each other: then the
# former one has to be gone, or has had its time where it may be ignored after that. With
# fencing it has to be gone however long that takes, for two at once would do harm: only what
# is on a host that its cloud holds dead counts as gone.
def _awaits_former(draft: Draft, each: Place) -> bool:
    """Return whether a former server has to go first. See Note [One after another]."""
    healing, node = draft.cluster.healing, each.node
    former = [each for each in draft.strays if each.node_id == node.id]
    if healing.fencing:
        return not all(each.abandoned for each in former)
    if not healing.delete_timeout_s or not former:
        return False
    since = node.cured_at or node.sick_since or draft.now
    patience = timedelta(seconds=healing.delete_timeout_s)
    return not healing.force_recreate or draft.now < since + patience


def _edited_retry(draft: Draft, each: Place) -> datetime | None:
    until: datetime | None = each.edits.get("retry_at")
    return until if until is not None and until > draft.now else None


def hold(draft: Draft, each: Place, why: str, until: datetime | None) -> None:
    """Do nothing about the place in this pass, and look again by then."""
    each.fate = Destiny.HOLD
    if each.opened and each.node.began_at is not None:
        each.edit(began_at=None)
    draft.wait(why, until)


def reborn(draft: Draft, each: Place) -> None:
    """Turn the place to its next server; the one before is an earlier incarnation then."""
    each.edit(
        incarnation=each.node.incarnation + 1,
        ref="",
        home=None,
        left_behind=each.node.home or each.node.left_behind,
        address="",
        host="",
        zone="",
        health=Health(),
        began_at=None,
        ready_at=None,
        lost_since=None,
        back_at=None,
        open_requests=0,
        parked="",
        stopping_until=None,
    )
    each.profile_id = _profile_anew(draft, each)
    if each.profile_id != each.node.profile_id:
        each.edit(profile_id=each.profile_id, port=draft.port_of(each.profile_id))
    if each.server:
        draft.strays.append(each.server)
    each.ready_at = None
    each.available = False
    each.server = each.member = None
    each.fitness = Fitness.EMPTY


# Note [Which revision]
# A server that is made anew gets the revision that its cluster opens places with: then an
# update gets on with every repair. Not so where nodes may differ because somebody wanted
# it: while an update is held, for a canary, and wherever updates are made in place, where
# a node is of the revision that it was brought to by name.
def _profile_anew(draft: Draft, each: Place) -> UUID:
    """Return the profile of the next server of a place. See Note [Which revision]."""
    if each.anew is not None:
        return each.anew
    by_name = draft.cluster.strategy.kind is UpdateKind.IN_PLACE
    if by_name or draft.mixed_by_intent or _is_canary(draft, each):
        return each.profile_id
    return draft.opening


def _is_canary(draft: Draft, each: Place) -> bool:
    rollout = draft.cluster.rollout
    unproven = rollout is not None and rollout.under_way and rollout.unproven
    return unproven and rollout is not None and each.profile_id == rollout.target
