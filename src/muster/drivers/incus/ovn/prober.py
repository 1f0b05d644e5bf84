"""Asking applications how they are, also where their network hides them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from muster.base.copies import altered
from muster.base.errors import DriverError
from muster.drivers.incus.ovn.doors import Door, Doors
from muster.drivers.prober import HttpProber
from muster.ports.prober import Question


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
        try:
            if not network or not await self._doors.hides(network):
                return await self._http.ask(asked)
            doors = {each.node_id: _door(each) for each in asked}
            ways = await self._doors.open(network, list(doors.values()))
        except DriverError as error:
            return {each.node_id: f"no way to it: {error.text}" for each in asked}
        moved = [
            altered(each, address=ways[door][0], port=ways[door][1])
            for each in asked
            if (door := doors[each.node_id]) in ways
        ]
        return await self._through(network, asked, moved)

    async def _through(
        self, network: str, asked: Sequence[Question], moved: Sequence[Question]
    ) -> Mapping[UUID, str | None]:
        answers = await self._http.ask(moved)
        if any(answers.values()):
            try:
                await self._doors.doubt(network)
            except DriverError as error:
                return dict.fromkeys((each.node_id for each in asked), error.text)
        going = "it is about to go"
        return {each.node_id: answers.get(each.node_id, going) for each in asked}


def _door(question: Question) -> Door:
    return Door(server_id=question.server_id, address=question.address, port=question.port)
