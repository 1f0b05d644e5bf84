"""What each step of `muster init` does; each may be done again."""

import asyncio
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from muster.base.errors import DriverError, Permanent
from muster.base.handshake import kept_of, key_of, new_terms
from muster.cli.container_image import Recipe, build
from muster.cli.tarball import Lacking
from muster.client.door import NotLetIn, Visit
from muster.decide.founding import IMAGE, NETWORK, POOL, listens_at
from muster.drivers import papers
from muster.drivers.units import AGENT_UNIT, UNIT, agent_text, unit_text
from muster.model.enrolment import Newcomer
from muster.model.founding import Step, Wish
from muster.wiring.init.site import Site, refuse_other_settings

SERVES_S = 60.0
LOOK_S = 0.05


async def _install(site: Site, wish: Wish) -> None:
    site.packages.install_incus()


async def _start(site: Site, wish: Wish) -> None:
    site.machine.start_incus(site.incus.socket)


async def _empty(site: Site, wish: Wish) -> None:
    await site.incus.empty()


async def _listen(site: Site, wish: Wish) -> None:
    await site.incus.listen(listens_at(wish))


async def _pool(site: Site, wish: Wish) -> None:
    await site.incus.make_pool(POOL)


async def _network(site: Site, wish: Wish) -> None:
    await site.incus.make_network(NETWORK, wish.uplink)


async def _profile(site: Site, wish: Wish) -> None:
    await site.incus.fit_profile(POOL, NETWORK)


async def _cluster(site: Site, wish: Wish) -> None:
    await site.incus.begin_cluster(wish.name)


async def _trust(site: Site, wish: Wish) -> None:
    site.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (site.certificate.exists() and site.key.exists()):
        certificate, key = papers.made("muster", site.clock.now())
        _write(site.key, key)
        _write(site.certificate, certificate)
    _write(site.shown, await site.incus.certificate())
    await site.incus.trust("muster", site.certificate.read_text())


async def _image(site: Site, wish: Wish) -> None:
    with tempfile.TemporaryDirectory() as aside:
        file = Path(aside) / "image.tar.gz"
        try:
            await asyncio.to_thread(build, Recipe(name=IMAGE), file)
        except Lacking as error:
            raise Permanent(f"image {IMAGE} cannot be made: {error}") from None
        await site.incus.give_image(IMAGE, file.read_bytes())


async def _settings(site: Site, wish: Wish) -> None:
    refuse_other_settings(site, wish)
    lacking, file = site.lacks(wish), site.settings_file
    said = file.read_text() if file.exists() else ""
    tables = lacking.pop("clouds", {})
    head = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lacking.items())
    tail = "".join(_table(name, values) for name, values in tables.items())
    _write(file, head + said + tail)


async def _service(site: Site, wish: Wish) -> None:
    if site.machine.has_systemd():
        site.machine.enable(UNIT, unit_text(site.program, site.home))
        pid = 0
    else:
        pid = site.machine.start_by_itself(site.program, site.home)
        site.tell(
            f"There is no systemd here: Muster runs as process {pid}. Have it be started with the "
            f"machine by: MUSTER_HOME={site.home} {' '.join(site.program)} serve"
        )
    deadline = asyncio.get_running_loop().time() + SERVES_S
    while not site.serves(wish):
        if (pid and not _runs(pid)) or asyncio.get_running_loop().time() > deadline:
            where = f"{site.home}/muster.log" if pid else "journalctl -u muster"
            raise Permanent(f"Muster was started and does not answer; why stands in {where}")
        await asyncio.sleep(LOOK_S)


async def _password(site: Site, wish: Wish) -> None:
    terms = new_terms()
    kept = await asyncio.to_thread(key_of, site.secret, terms)
    body = {"salt": terms.salt, "cost": terms.cost, "kept": kept_of(kept)}
    with site.session() as session:
        session.call("PUT", "/v1/enrolments/password", body)
    site.password_set = True


# Note [Together or not at all]
# A machine that was let in and cannot become a member, or becomes one that runs nothing, is told
# of at the door by the same visit: there all that the others know of it goes, and Incus here is
# by itself again, which is waited for. So the next try begins as the first one did.
async def _join(site: Site, wish: Wish) -> None:
    """See Note [Together or not at all]."""
    if site.step is None:
        raise Permanent("how this machine joins was not said: give --join, or a password")
    site.visit = await asyncio.to_thread(Visit, site.step, site.clock)
    address = listens_at(wish)
    newcomer = Newcomer(name=wish.name, address=address, attempt=site.journal.attempt)
    grant = await asyncio.to_thread(site.visit.join, newcomer)
    try:
        await site.incus.join(grant, address)
    except DriverError as error:
        await _failed(site, error.text)
        raise


async def _verify(site: Site, wish: Wish) -> None:
    try:
        await site.incus.try_out(wish.name, IMAGE)
    except DriverError as error:
        await _failed(site, error.text)
        raise
    if site.visit:
        await asyncio.to_thread(site.visit.tell, "joined")


async def _agent(site: Site, wish: Wish) -> None:
    site.machine.enable(AGENT_UNIT, agent_text(site.program))


async def _failed(site: Site, why: str) -> None:
    if site.visit is None:
        return
    try:
        await asyncio.to_thread(site.visit.tell, "failed", why)
    except NotLetIn as error:
        site.tell(f"What was begun is left on the control machine as well: {error}")
        return
    if not await site.incus.is_alone():
        site.tell("Incus on this machine is not by itself again: see what it says (incus info)")


ACTS: Mapping[Step, Callable[[Site, Wish], Awaitable[None]]] = {
    Step.INSTALL: _install,
    Step.START: _start,
    Step.EMPTY: _empty,
    Step.LISTEN: _listen,
    Step.POOL: _pool,
    Step.NETWORK: _network,
    Step.PROFILE: _profile,
    Step.CLUSTER: _cluster,
    Step.TRUST: _trust,
    Step.IMAGE: _image,
    Step.SETTINGS: _settings,
    Step.SERVICE: _service,
    Step.PASSWORD: _password,
    Step.JOIN: _join,
    Step.VERIFY: _verify,
    Step.AGENT: _agent,
}


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join((f"\n[clouds.{name}]", *lines, ""))


def _write(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    new.replace(file)


def _runs(pid: int) -> bool:
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return not ended
