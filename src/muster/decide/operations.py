"""Operations somebody asked for on one node: wishes that the state of the world cannot show."""

from muster.decide.destiny import Fitness
from muster.decide.draft import Draft
from muster.model.action import Action, Verb
from muster.model.step import CreateServer, DeleteServer, OperateServer, Operation

_ASKED = "RPC Request"  # what the engine derives has other causes
_TOUCHES = (CreateServer, DeleteServer)
_KNOWN = frozenset(Operation)


def operate(draft: Draft) -> None:
    """Turn open requests into steps; one that was cut short is simply done again."""
    asked = [each for each in draft.snapshot.actions if _is_request(each)]
    if not asked:
        return
    touched = {step.node_id for step in draft.steps if isinstance(step, _TOUCHES)}
    places = {each.node.id: each for each in draft.places}
    for action in asked:
        each = places.get(action.target)
        ready = each is not None and each.server is not None and each.fitness is not Fitness.LOST
        if each is None or each.server is None or not ready or action.target in touched:
            draft.wait(f"{action.name} waits for its node", None)
            continue
        touched.add(action.target)
        draft.steps.append(
            OperateServer(
                node_id=action.target,
                ref=each.server.ref,
                operation=Operation(action.inputs["operation"]),
                params=action.inputs.get("params", {}),
                action_id=action.id,
                why="somebody asked for it",
            )
        )


def _is_request(action: Action) -> bool:
    named = action.inputs.get("operation") in _KNOWN
    return action.verb is Verb.NODE_OPERATION and action.cause == _ASKED and named
