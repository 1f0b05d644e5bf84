"""One run of `muster init`: looks, decides, does, writes down, and looks again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from muster.base.errors import Conflict, DriverError, MusterError, Permanent
from muster.client.door import NotLetIn
from muster.decide.founding import TOLD, next_step, refusal
from muster.drivers import papers
from muster.model.founding import Role, Step, Wish
from muster.wiring.init.acts import ACTS
from muster.wiring.init.site import Site, door_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What there is now, for whoever goes on from here."""

    role: Role
    name: str
    address: str
    seconds: float
    door: str = ""
    fingerprint: str = ""
    string: str = ""
    steps: tuple[str, ...] = ()


async def found(site: Site, wish: Wish) -> Made:
    """Do what is still to do. Raises `MusterError` with the step that failed, and why.

    What was done stays, and is not done again: see Note [Together or not at all] for a joining.
    """
    began = monotonic()
    done: list[Step] = []
    await site.incus.settled()
    seen = await site.look(wish)
    if why := refusal(wish, seen):
        raise Conflict(why)
    site.journal.begin(wish)
    while step := next_step(wish, seen):
        if step in done:
            raise Permanent(f"{TOLD[step]}: that was done, and there is nothing to be seen of it")
        await _done(site, wish, step)
        done.append(step)
        seen = await site.look(wish)
    site.journal.finish(wish)
    return await asyncio.to_thread(_made, site, wish, done, monotonic() - began)


async def _done(site: Site, wish: Wish, step: Step) -> None:
    began = monotonic()
    site.journal.note(step, "begun", site.clock.now())
    try:
        await ACTS[step](site, wish)
    except NotLetIn as error:
        site.journal.note(step, "failed", site.clock.now())
        raise Conflict(str(error)) from None
    except DriverError as error:
        site.journal.note(step, "failed", site.clock.now())
        raise Permanent(f"could not {TOLD[step]}: {error.text}") from None
    except MusterError:
        site.journal.note(step, "failed", site.clock.now())
        raise
    site.journal.note(step, "done", site.clock.now())
    site.tell(f"{TOLD[step]}: {monotonic() - began:.1f} s")


def _made(site: Site, wish: Wish, done: list[Step], seconds: float) -> Made:
    said: Mapping[str, Any] = {}
    if wish.role is Role.CONTROL:
        with site.session() as session:
            said = session.call("POST", "/v1/enrolments", {})["enrolment"]
    return Made(
        role=wish.role,
        name=wish.name,
        address=wish.address,
        seconds=seconds,
        door=door_of(wish) if said else "",
        fingerprint=papers.fingerprint(site.home / "door" / "certificate.pem") if said else "",
        string=str(said.get("string", "")),
        steps=tuple(done),
    )
