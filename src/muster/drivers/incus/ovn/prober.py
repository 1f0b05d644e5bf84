"""Asking applications how they are, also where their network hides them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from muster.base.copies import altered
from muster.base.errors import DriverError
from muster.drivers.incus.ovn.doors import Door, Doors
from muster.drivers.prober import HttpProber
from muster.ports.prober import Question

GOING = "it is about to go"


class IncusProber:
    """Asks at the instances' own addresses, or at their doors. See Note [Doors]."""

    def __init__(self, doors: Doors, network_of: Callable[[UUID], str], timeout_s: float) -> None:
        self._doors = doors
        self._network_of = network_of
        self._http = HttpProber(timeout_s)

    async def ask(self, questions: Sequence[Question]) -> Mapping[UUID, str | None]:
        by_network: defaultdict[str, list[Question]] = defaultdict(list)
        for each in questions:
            by_network[self._network_of(each.server_id)].append(each)
        if by_network.keys() <= {""}:
            return await self._http.ask(questions)
        answers: dict[UUID, str | None] = {}
        for network, asked in by_network.items():
            answers |= await self._asked(network, asked)
        return answers

    async def _asked(self, network: str, asked: Sequence[Question]) -> Mapping[UUID, str | None]:
        doors = {each.node_id: _door(each) for each in asked}
        try:
            if not network or not await self._doors.hides(network):
                return await self._http.ask(asked)
            ways, why = await self._doors.open(network, list(doors.values())), GOING
        except DriverError as error:
            ways, why = self._doors.there(network), f"no way to it: {error.text}"
        moved = [
            altered(each, address=ways[door][0], port=ways[door][1])
            for each in asked
            if (door := doors[each.node_id]) in ways
        ]
        answers = await self._through(network, moved) if moved else {}
        return {each.node_id: answers.get(each.node_id, why) for each in asked}

    async def _through(self, network: str, moved: Sequence[Question]) -> Mapping[UUID, str | None]:
        answers = await self._http.ask(moved)
        if any(answers.values()):
            try:
                await self._doors.doubt(network)
            except DriverError as error:
                return {id: why and error.text for id, why in answers.items()}
        return answers


def _door(question: Question) -> Door:
    return Door(server_id=question.server_id, address=question.address, port=question.port)
