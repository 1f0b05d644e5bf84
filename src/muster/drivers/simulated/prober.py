"""The prober port over a simulated world: applications answer as their machines stand."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from muster.base.errors import DriverError
from muster.drivers.simulated.world import World
from muster.ports.prober import Question


class SimulatedProber:
    def __init__(self, world: World) -> None:
        self._world = world

    async def ask(self, questions: Sequence[Question]) -> Mapping[UUID, str | None]:
        try:
            with self._world.call("ask"):
                now = self._world.look()
                return {question.node_id: self._answer(question, now) for question in questions}
        except DriverError as error:  # a prober never raises: nobody could be reached
            return {question.node_id: error.text for question in questions}

    def _answer(self, question: Question, now: float) -> str | None:
        machine = self._world.state.by_address.get(question.address)
        if not machine:
            return "no route to host"
        shown = machine.shown.server_id
        if shown is not question.server_id and shown != question.server_id:
            return "another instance has this address"
        if machine.make.port and machine.make.port != question.port:
            return f"connection refused: nothing listens on port {question.port}"
        return self._world.state.answer(machine, now)
