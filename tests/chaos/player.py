"""Someone who wishes at random, and remembers exactly what was promised to him."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx2

from freeports import free_port
from house import House
from muster.client.http import ApiError, Session, Unreachable

IMAGES = ("demo-web", "demo-web-v2")
PATIENCE_S = 20  # with one that is sick before it was ever well: less than a reckoning waits
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass
class Wished:
    """What one cluster may look like now: the last promise, and what was asked since unheard."""

    sizes: set[int] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    there: set[bool] = field(default_factory=lambda: {False})
    promised: list[str] = field(default_factory=list)  # verbs, one for each answer of 202
    unheard: int = 0
    cluster_id: str = ""


class Player:
    """Plays on `names`; a broken connection leaves both outcomes possible, as it should."""

    def __init__(
        self,
        house: House,
        seed: int,
        names: tuple[str, ...],
        most: int,
        more: Mapping[str, Any] = NOTHING,
    ) -> None:
        self.house = house
        self.more = more  # of every cluster
        self.dice = random.Random(seed)
        self.most = most
        self.wished = {name: Wished() for name in names}
        self.finished: list[tuple[str, Wished]] = []  # deleted ones, by their last id
        self.ports = {name: free_port() for name in names}

    def play(self, session: Session, until_cut: float) -> None:
        """Wish until the server is gone; `until_cut` bounds it where the server survives."""
        end = time.monotonic() + until_cut
        while time.monotonic() < end:
            name = self.dice.choice(list(self.wished))
            try:
                self._one(session, name, self.wished[name])
            except (Unreachable, httpx2.HTTPError):
                return

    def _one(self, session: Session, name: str, wish: Wished) -> None:
        if wish.there == {False}:
            self._create(session, name, wish)
        elif wish.there != {True}:
            self._find_out(session, name, wish)
        else:
            roll = self.dice.random()
            if roll < 0.12:
                self._delete(session, name, wish)
            elif roll < 0.35:
                image = self.dice.choice(IMAGES)
                self._patch(session, name, wish, {"image": image})
            else:
                self._patch(session, name, wish, {"desired_size": self.dice.randint(0, self.most)})

    def _ask(self, wish: Wished, verb: str, ask: Any) -> Any:
        """Return the answer, None for a refusal; a cut is counted and raised."""
        try:
            answer = ask()
        except ApiError as error:
            if error.status not in (400, 404, 409, 503):
                raise
            return None
        except (Unreachable, httpx2.HTTPError):
            wish.unheard += 1
            raise
        wish.promised.append(verb)
        return answer

    def _create(self, session: Session, name: str, wish: Wished) -> None:
        size, image = self.dice.randint(1, self.most), self.dice.choice(IMAGES)
        body = {
            "name": name,
            "image": image,
            "flavor": "tiny",
            "min_size": 0,
            "max_size": self.most,
            "desired_size": size,
            "port": self.ports[name],
            "health_path": "/health",
            "drain_seconds": 1,
            **self.more,
            "health": {"start_timeout_seconds": PATIENCE_S, **self.more.get("health", {})},
        }
        wish.sizes.add(size)
        wish.images.add(image)
        wish.there.add(True)
        answer = self._ask(wish, "CREATE", lambda: session.call("POST", "/v1/clusters", body))
        if answer is None:
            wish.there.discard(True)
            wish.sizes.clear()
            wish.images.clear()
        else:
            wish.sizes, wish.images, wish.there = {size}, {image}, {True}
            wish.cluster_id = answer["stack_id"]

    def _find_out(self, session: Session, name: str, wish: Wished) -> None:
        """Look whether an unheard creation or deletion was written down."""
        rows = session.call("GET", "/v1/clusters", query={"name": name})["clusters"]
        leaving = {each.cluster_id for _, each in self.finished}
        if not rows:
            self._forget(name, wish)
        elif rows[0]["id"] not in leaving and rows[0]["status"] != "DELETING":
            wish.there = {True}
            wish.cluster_id = rows[0]["id"]

    def _patch(self, session: Session, name: str, wish: Wished, body: dict[str, Any]) -> None:
        before = (set(wish.sizes), set(wish.images))
        if "image" in body:
            wish.images.add(body["image"])
        else:
            wish.sizes.add(body["desired_size"])
        path = f"/v1/clusters/{name}/{wish.cluster_id}"
        answer = self._ask(wish, "CHANGE", lambda: session.call("PATCH", path, body))
        if answer is None:
            wish.sizes, wish.images = before
        elif "image" in body:
            wish.images = {body["image"]}
        else:
            wish.sizes = {body["desired_size"]}

    def _delete(self, session: Session, name: str, wish: Wished) -> None:
        wish.there.add(False)
        path = f"/v1/clusters/{name}/{wish.cluster_id}"
        if self._ask(wish, "DELETE", lambda: session.call("DELETE", path)) is not None:
            self._forget(name, wish)
        else:
            wish.there = {True, False}

    def _forget(self, name: str, wish: Wished) -> None:
        self.finished.append((name, wish))
        self.wished[name] = Wished()
