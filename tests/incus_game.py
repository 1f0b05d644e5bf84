"""A game played against real Incus members: wishes, deaths and losses, by the fall of dice."""

import signal
from collections import Counter
from collections.abc import Callable
from random import Random
from threading import Thread
from typing import Any

from house import Cut, House, Refused, until
from incus_service import change, instances, passed
from muster.client.http import Session
from testbed.incus import machine, rest
from testbed.incus.place import Place

MOST = 4  # instances of one cluster
AWAY = 5  # kills that a member stays away, at most
PATIENCE_S = 300
IMAGES = {"1": "demo-web", "2": "demo-web-v2"}
VOLUME = "data"
KEPT = f"/mnt/{VOLUME}/said"


class Game:
    """What was wished so far, what was done to the members, and the dice."""

    def __init__(
        self, place: Place, it: House, seed: int, body: Callable[[str, int], dict[str, Any]]
    ) -> None:
        self.place = place
        self.dice = Random(seed)
        self.size = 2
        self.version = "1"
        self.second = False
        self.away: dict[str, int] = {}  # member -> kills until it is back
        self.played: Counter[str] = Counter()
        self._it = it
        self._body = body
        self._asking: list[Thread] = []

    def play(self, session: Session) -> None:
        act = self.dice.choice(
            (
                self.resize,
                self.resize,
                self.update,
                self.other,
                self.break_one,
                self.hand_over,
                self.hand_over,
                self.lose,
            )
        )
        self.played[act.__name__] += 1
        act(session)

    def resize(self, session: Session) -> None:
        self.size = self.dice.choice([each for each in range(1, MOST + 1) if each != self.size])
        wished(lambda: change(session, seen(session), desired_size=self.size))

    def update(self, session: Session) -> None:
        self.version = "2" if self.version == "1" else "1"
        wished(lambda: change(session, seen(session), image=IMAGES[self.version]))

    def other(self, session: Session) -> None:
        """A second cluster comes and goes."""
        if self.second:
            wished(lambda: session.call("DELETE", "/v1/clusters/other"))
        else:
            self.bring_back(all_of_them=True)  # the one before it cannot end without its hosts
            wished(lambda: session.call("POST", "/v1/clusters", self._body("other", 2)))
        self.second = not self.second

    def break_one(self, session: Session) -> None:
        """Have a container end, so that it has to be replaced; bastions are containers, too."""
        there = [n for n, e in instances(self.place).items() if e["status"] == "Running"]
        if there:
            where = f"/1.0/instances/{self.dice.choice(there)}/state"
            stop = {"action": "stop", "force": True, "timeout": 10}
            try:
                rest.call(self.place.socket("m1"), "PUT", where, stop)
            except RuntimeError:
                return  # it goes already

    def lose(self, session: Session) -> None:
        """Take power or daemon away from a member, one at a time."""
        if self.away:
            return
        member = self.dice.choice(("m2", "m3"))
        self.away[member] = self.dice.randrange(1, AWAY)
        if self.dice.random() < 0.6:
            machine.crash(self.place, member)
        else:
            machine.end_daemon(self.place, member, signal.SIGKILL)

    def bring_back(self, *, all_of_them: bool = False) -> None:
        for member in list(self.away):
            self.away[member] -= 1
            if all_of_them or self.away[member] <= 0:
                powered = machine.first_process(self.place, member) is not None
                (machine.start if powered else machine.boot)(self.place, member)
                del self.away[member]

    # Note [Asked meanwhile]
    # A volume changes hands while whoever asks for it waits. So that the server can be killed in
    # the middle of that, somebody else asks; what he hears does not matter: it is asked again.
    def hand_over(self, session: Session) -> None:
        """Have a volume change hands, whatever comes of it. See Note [Asked meanwhile]."""
        rows = [e for e in self._web(session) if e["status"] == "ACTIVE"]
        if not rows:
            return
        whom = self.dice.choice(rows)["id"]

        def asked() -> None:
            with self._it.session() as own:
                try:
                    own.call("POST", f"/v1/volumes/{VOLUME}/detach")
                    own.call("POST", f"/v1/volumes/{VOLUME}/attach", {"instance": whom})
                except (Refused, *Cut):
                    return

        self._asking.append(Thread(target=asked, daemon=True))
        self._asking[-1].start()

    def stop_waiting(self) -> None:
        """Let those who asked hear that the line is cut."""
        for each in self._asking:
            each.join(60)
        self._asking.clear()

    def write_down(self, session: Session) -> None:
        """Make a volume, and write something into it that has to be there at the end."""
        session.call("POST", "/v1/volumes", {"name": VOLUME, "size_gib": 1, "cloud": "site"})
        self._given(session)
        self._run(session, f"echo kept >{KEPT}")

    def read_again(self, session: Session) -> None:
        wished(lambda: session.call("POST", f"/v1/volumes/{VOLUME}/detach"))
        self._given(session)
        assert self._run(session, f"cat {KEPT}") == "kept\n"

    def _given(self, session: Session) -> None:
        whom = {"instance": self._web(session)[0]["id"]}
        wished(lambda: session.call("POST", f"/v1/volumes/{VOLUME}/attach", whom))

    def _run(self, session: Session, line: str) -> str:
        user = session.call("GET", f"/v1/volumes/{VOLUME}")["volume"]["instance_id"]
        command = {"command": ["/bin/sh", "-c", line]}
        done = session.call("POST", f"/v1/instances/{user}/exec", command)
        assert done["exit_code"] == 0, done
        return str(done["output"])

    def _web(self, session: Session) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._it.details(session, "web")["instances"]
        return found


def seen(session: Session) -> dict[str, object]:
    found: dict[str, object] = session.call("GET", "/v1/clusters/web")["cluster"]
    return found


def is_bastion(instance: dict[str, Any]) -> bool:
    """Whether it is known for one: of those on a member that is just back nothing is told."""
    config = instance["config"] or {}
    return str(config.get("user.muster.name")).endswith("-bastion")


def wished(wish: Callable[[], object]) -> None:
    """Wish it, again where it is refused for now: what is under way has to end first."""

    def taken() -> bool:
        try:
            wish()
        except Refused as refused:
            if refused.status not in (409, 503):
                raise
            passed(0.3)
            return False
        return True

    until(taken, PATIENCE_S, "the wish is taken")
