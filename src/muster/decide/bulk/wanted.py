"""What an update wants of one server, by how that is."""

from muster.decide.bulk.actions import ACTIONS
from muster.decide.bulk.course import Seen
from muster.decide.bulk.orders import same
from muster.decide.bulk.words import Refusal
from muster.model.bulk import Bulk, State, Turn


def parts_of(bulk: Bulk) -> tuple[str, ...]:
    return ACTIONS[bulk.action].parts(bulk.arguments)


def features_of(bulk: Bulk) -> tuple[str, ...]:
    """Return what a server has to be able to do before it can be changed so."""
    return ACTIONS[bulk.action].features(bulk.arguments)


def wanted(bulk: Bulk, turn: Turn, there: State) -> Seen | Refusal:
    """Return what a server is and is to become: the same where it is so already."""
    after = ACTIONS[bulk.action].after(there, bulk.arguments, turn.number)
    if isinstance(after, Refusal):
        return after
    kept = {part: there[part] if same(there[part], each) else each for part, each in after.items()}
    return Seen(before=there, after=kept)
