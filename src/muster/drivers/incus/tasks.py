"""Operations of Incus: their ends as they are told, how far they are, and which are under way."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent
from muster.drivers.incus.answers import is_missing
from muster.drivers.incus.lines import Lines
from muster.drivers.incus.rest import SUCCESS, WRITE_S, Call, Rest, path
from muster.model.task import Task

KEPT = 512  # ends that came before anybody asked for them
EVERY_S = 5.0  # what goes on for longer is told of, and again so often
TELLING = "task"  # sessions and tokens are operations as well, and nothing is to be seen of them


@dataclass(slots=True)
class _Ours:
    """An operation that we wait for."""

    begun: float
    ended: asyncio.Future[Mapping[str, Any]]
    heard: Mapping[str, Any]
    told: tuple[str, int | None] | None = None


# Note [Heard or asked]
# Incus tells how an operation goes and ends to whoever listens to the member that it runs on.
# So nobody has to ask while that line holds; all the same it is asked now and then whether it
# has ended unheard. A line tells things out of order: what has ended stays so, and of what goes
# on, the newest word counts.
class IncusTasks:
    """See Note [Heard or asked]."""

    def __init__(
        self,
        rest: Rest,
        lines: Lines,
        node_of: Callable[[str], UUID | None],
        every_s: float = EVERY_S,
    ) -> None:
        self._rest = rest
        self._lines = lines
        self._node_of = node_of
        self._every_s = every_s
        self._ours: dict[str, _Ours] = {}
        self._ends: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._some = asyncio.Event()  # set while there are any of ours
        lines.tell(self)

    def hears(self, member: str) -> bool:
        return self._lines.is_up(self._rest.url(member))

    async def ended(self, begun: Mapping[str, Any], within_s: float) -> Mapping[str, Any] | None:
        """Return an operation as it ended, None if that was not heard of in that time."""
        id = str(begun["id"])
        if id in self._ends:
            return self._ends.pop(id)
        loop = asyncio.get_running_loop()
        ours = self._ours.get(id)
        if ours is None:
            ours = self._ours[id] = _Ours(loop.time(), loop.create_future(), begun)
            self._some.set()
        await asyncio.wait([ours.ended], timeout=within_s)
        return ours.ended.result() if ours.ended.done() else None

    def forget(self, begun: Mapping[str, Any]) -> None:
        """Know that nobody waits for it any more."""
        self._ours.pop(str(begun["id"]), None)
        if not self._ours:
            self._some.clear()

    def hear(self, said: Mapping[str, Any]) -> None:
        told = said.get("metadata")
        if said.get("type") != "operation" or not told:
            return
        id, ours = str(told["id"]), self._ours.get(str(told["id"]))
        if told["status_code"] >= SUCCESS:
            if ours is None:
                self._ends[id] = told
                if len(self._ends) > KEPT:
                    self._ends.popitem(last=False)
            elif not ours.ended.done():
                ours.ended.set_result(told)
        elif ours and told["updated_at"] >= ours.heard["updated_at"]:
            ours.heard = told

    def miss(self) -> None:
        """An end that was missed is asked for soon in any case."""

    async def list_tasks(self) -> Sequence[Task]:
        listed = await self._rest.get("/1.0/operations", recursion="1")
        said = (each for group in listed.values() for each in group)
        under_way = [_task(each, self._node_of) for each in said if _is_under_way(each)]
        return sorted(under_way, key=lambda each: (each.since, each.id))

    async def cancel_task(self, id: str) -> None:
        where = path("operations", id)
        said = await self._rest.find(where)
        if said is None or not _is_under_way(said):
            raise Permanent(f"there is no operation {id} under way", id=id)
        if not said["may_cancel"]:
            raise Permanent(f"{said['description']} goes on to its end: Incus cannot cancel it")
        try:
            await self._rest.put_into_effect(
                Call(method="DELETE", path=where, deadline_s=WRITE_S), said["location"]
            )
        except DriverError as error:
            if not is_missing(error):
                raise

    async def progressed(self) -> Sequence[Task]:
        """Begins to listen when it is first asked."""
        self._lines.begin()
        while True:
            await self._some.wait()
            await asyncio.sleep(self._every_s)
            if news := [*self._news()]:
                return news

    def _news(self) -> Sequence[Task]:
        now, news = asyncio.get_running_loop().time(), []
        for ours in self._ours.values():
            task = _task(ours.heard, self._node_of)
            new = (task.progress, task.percent) != ours.told
            if new and not ours.ended.done() and now - ours.begun >= self._every_s:
                ours.told = (task.progress, task.percent)
                news.append(task)
        return news


def _is_under_way(said: Mapping[str, Any]) -> bool:
    return bool(said["class"] == TELLING and said["status_code"] < SUCCESS)


def _task(said: Mapping[str, Any], node_of: Callable[[str], UUID | None]) -> Task:
    about = (said.get("resources") or {}).get("instances") or [""]
    ref = about[0].partition("?")[0].rpartition("/")[2]
    words, percent = _progress(said.get("metadata") or {})
    return Task(
        id=str(said["id"]),
        what=str(said["description"]),
        since=datetime.fromisoformat(said["created_at"]),
        host=str(said.get("location") or ""),
        ref=ref,
        node_id=node_of(ref) if ref else None,
        progress=words,
        percent=percent,
        may_cancel=bool(said["may_cancel"]),
    )


def _progress(told: Mapping[str, Any]) -> tuple[str, int | None]:
    """Return how far it is, in Incus's words and in per cent, as far as it says so."""
    words = next((str(v) for k, v in told.items() if k.endswith("_progress") and v), "")
    percent = str((told.get("progress") or {}).get("percent", ""))
    return words, int(percent) if percent.isdigit() else None
