"""system/provider: whom this machine belongs to, and what he is told of it by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

from muster.agent import certificate, doing
from muster.agent.agent import Agent
from muster.agent.calls import Call, Place
from muster.agent.envelope import Asked
from muster.agent.failures import TurnedAway, Undone
from muster.agent.noun import Noun
from muster.agent.said import read, ruled, unmasked, wrong
from muster.base.backoff import doubled
from muster.base.errors import Conflict, Invalid, MusterError

CENTER = "operations-center"
SERVERS = "/1.0/provisioning/servers"
HERE = ("127.0.0.1", "::1", "localhost")
AGAIN = timedelta(seconds=30)
SOON = timedelta(seconds=2)
# Who is turned away may be let in later: by a token that is given more time.
LONGEST = timedelta(minutes=15)
READY, NETWORK_CHANGED = "system-is-ready", "network-config-changed"
UPDATED, APPLICATION_UPDATED = "os-update-applied", "application-update-applied"
REBOOTING, GOING_DOWN, SLEEPING = (
    "system-reboot-triggered",
    "system-shutdown-triggered",
    "suspend-triggered",
)
_LEAVING = (REBOOTING, GOING_DOWN, SLEEPING)


def _no_url(text: str) -> str | None:
    said = urlsplit(text)
    try:
        is_whole = bool(said.hostname) and said.port != 0 and said.path in ("", "/")
    except ValueError:
        is_whole = False
    if said.scheme not in ("http", "https") or not is_whole:
        return f"{text!r} is no address such as https://host:8443"
    if said.scheme == "http" and said.hostname not in HERE:
        return "has to be https: what is secret would cross in the open"
    return None


@dataclass(frozen=True, slots=True)
class Reached:
    server_url: str = ruled("", check=_no_url)
    server_token: str = ruled("", pattern=r"[A-Za-z0-9._-]{1,256}", secret=True)
    server_certificate: str = ruled("", check=certificate.no_certificate)

    @property
    def place(self) -> Place:
        return Place(self.server_url.rstrip("/"), self.server_certificate)


@dataclass(frozen=True, slots=True)
class Provider:
    name: str = ruled("", among=(CENTER,))
    config: Reached = Reached()


def check(config: Provider) -> None:
    if not config.name:
        if config.config != Reached():
            raise wrong("config.name", "is required where there is a config")
        return
    for field in ("server_url", "server_token"):
        if not getattr(config.config, field):
            raise wrong(f"config.config.{field}", "is required")


PROVIDER = Noun("system/provider", Provider, lambda config, seen: (), check=check)
_under_way = Lock()


# Note [Whom a machine belongs to]
# Registering is the one change that is made elsewhere. It comes first, and only what was answered
# is kept, so a machine that nobody took in has the provider that it had. Killed in between, it
# registers again by the same PUT, which takes no further use of the token. The configuration and
# what was answered are kept by one write, so neither is ever another's. What is answered is a
# secret, by which the provider knows who calls, and his certificate, which is trusted from then
# on; that of the provider before is trusted no longer, unless somebody else had it trusted.
def put(agent: Agent, asked: Asked) -> object:
    """Belong to somebody, or to nobody. See Note [Whom a machine belongs to]."""
    if not isinstance(asked.body, dict) or "config" not in asked.body:
        raise Invalid('config: is required: the body is {"config": {...}}', field="config")
    old = agent.keeper.config(PROVIDER.name)
    former = agent.keeper.former(PROVIDER.name)
    new = read(Provider, unmasked(asked.body["config"], old, former))
    check(new)
    if new == old and _is_kept(agent) == bool(new.name):
        return {}
    if not _under_way.acquire(blocking=False):
        raise Conflict("the machine is registering")
    try:
        if _is_same_place(old, new) and _is_kept(agent):
            _hold(agent, new, asked.body["config"])
        else:
            _belong(agent, new, asked.body["config"])
    finally:
        _under_way.release()
    return {}


def _is_same_place(old: Provider, new: Provider) -> bool:
    """Return whether it is whom the machine belongs to, with another certificate at most."""
    there = replace(new.config, server_certificate=old.config.server_certificate)
    return bool(new.name) and replace(new, config=there) == old


# Note [Another certificate of the provider]
# Who shows another certificate is who he was: the machine keeps its secret, takes no use of a token
# and needs none that is still good. It calls him by the new certificate before it lets go of the
# old one, so a wrong one cuts nobody off. Where he has forgotten this machine, it registers anew.
def _hold(agent: Agent, new: Provider, said: object) -> None:
    """Hold him to another certificate. See Note [Another certificate of the provider]."""
    place = new.config.place
    secret = agent.keeper.memory.notes["provider"]["secret"]
    body = {"cause": "", "connection_url": _own_url(agent, place)}
    try:
        agent.calls.call(place, Call("PUT", f"{SERVERS}/:self", body, secret))
    except Undone as error:
        if error.details.get("status") == 403:
            _belong(agent, new, said)
            return
        raise _as_before(error) from error
    agent.keeper.put(PROVIDER.name, said, {"wanted": None})


def _as_before(error: Undone | Invalid) -> Undone:
    kind = TurnedAway if isinstance(error, TurnedAway) else Undone
    return kind(f"{PROVIDER.name} is as it was before: {error.text}", **error.details)


def _belong(agent: Agent, new: Provider, said: object) -> None:
    came = _registered(agent, new) if new.name else {}
    with agent.keeper.lock:
        before = agent.keeper.memory.notes.get("provider", {})
        try:
            # Whoever is told to belong somewhere wants no other place.
            agent.keeper.put(PROVIDER.name, said, {"provider": came or None, "wanted": None})
        except MusterError:
            _distrust(agent, came, before)
            raise
        _distrust(agent, before, came)


def _distrust(agent: Agent, gone: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Trust whom one provider vouched for no longer, unless the other does."""
    if gone.get("vouched") and gone["vouched"] != there.get("vouched"):
        agent.machine.put(f"{certificate.TRUSTED}/{gone['vouched']}.pem", None)


def _registered(agent: Agent, new: Provider) -> dict[str, Any]:
    """Return what is kept of it: the secret, and by whose word who is trusted."""
    machine, place = agent.machine, new.config.place
    own, _ = certificate.identity(machine)
    body = {
        "name": machine.name.partition(".")[0],
        "connection_url": _own_url(agent, place),
        "machine_id": machine.line("/etc/machine-id"),
        "system_uuid": machine.line("/sys/class/dmi/id/product_uuid").lower(),
        "certificate": machine.text(own) or "",
    }
    path = f"{SERVERS}?token={quote(new.config.server_token)}"
    try:
        told = agent.calls.call(place, Call("POST", path, body))
        pem, secret = str(told.get("certificate", "")), str(told.get("secret", ""))
        vouched = certificate.fingerprint(certificate.certificates(pem, "its certificate")[0])
    except (Undone, Invalid) as error:
        raise _as_before(error) from error
    before = agent.keeper.memory.notes.get("provider", {}).get("vouched")
    was_trusted = vouched in certificate.trusted(machine) and vouched != before
    try:
        certificate.trust(machine, pem)
    except OSError as error:
        raise Undone(f"{PROVIDER.name} is as it was before: {error}") from error
    return {"secret": secret, "vouched": "" if was_trusted else vouched, "untold": []}


def _own_url(agent: Agent, place: Place) -> str:
    """Return where this machine is asked: where it listens, or what it is on the way there."""
    told, port = agent.own
    if not port:
        raise Conflict("nobody could ask this machine: it does not listen by TLS (--listen)")
    host = told or agent.calls.own_address(place)
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _is_kept(agent: Agent) -> bool:
    return "provider" in agent.keeper.memory.notes


def shown(agent: Agent) -> Mapping[str, object]:
    """Return whether it is registered; where it tries to be, what came of that and when it goes on.

    See Note [Who is turned away].
    """
    tried = (agent.keeper.memory.notes.get("wanted") or {}).get("tried")
    return {"registered": _is_kept(agent), **({"registering": tried} if tried else {})}


def note(agent: Agent, cause: str) -> None:
    """Keep what happened until whoever the machine belongs to knows."""
    with agent.keeper.lock:
        kept = agent.keeper.memory.notes.get("provider")
        if kept is not None and cause not in kept["untold"]:
            kept["untold"].append(cause)
            agent.keeper.memory.save(agent.machine)


def tell(agent: Agent) -> bool:
    """Tell what was kept, in its order; return whether nothing is left to be tried again."""
    with agent.keeper.lock:  # nobody hears the secret of another
        config: Provider = agent.keeper.config(PROVIDER.name)
        kept: dict[str, Any] = agent.keeper.memory.notes.get("provider") or {}
    if not kept:
        return True
    for cause in tuple(kept["untold"]):
        if agent.keeper.memory.notes.get("provider") is not kept:
            return True  # it is somebody else's by now, or nobody's
        if not _is_told(agent, config.config.place, kept, cause):
            return False
    return True


def _is_told(agent: Agent, place: Place, kept: Mapping[str, Any], cause: str) -> bool:
    """Tell one thing; return whether it need not be told again, as whoever says no knows it."""
    try:
        body = {"cause": cause, "connection_url": _own_url(agent, place)}
        agent.calls.call(place, Call("PUT", f"{SERVERS}/:self", body, kept["secret"]))
    except TurnedAway as error:
        doing.LOG.error("the provider does not want to know: %s", error.text)
        if error.details.get("status") == 403:  # he has forgotten this machine
            _forget(agent, kept)
        if not _is_refusal(error):
            return False
    except (Undone, Conflict) as error:
        doing.LOG.warning("the provider does not know yet: %s", error.text)
        return False
    _told(agent, kept, cause)
    return True


def _told(agent: Agent, kept: Mapping[str, Any], cause: str) -> None:
    """Strike out what was told, unless that was done or the machine changed hands meanwhile."""
    with agent.keeper.lock:
        if agent.keeper.memory.notes.get("provider") is kept and cause in kept["untold"]:
            kept["untold"].remove(cause)
            agent.keeper.memory.save(agent.machine)


def _forget(agent: Agent, kept: Mapping[str, Any]) -> None:
    """Have this machine be one that has to register again."""
    with agent.keeper.lock:
        if agent.keeper.memory.notes.get("provider") is kept:
            del agent.keeper.memory.notes["provider"]
            agent.keeper.memory.save(agent.machine)


def want(agent: Agent, said: Mapping[str, object]) -> None:
    """Have the machine register as soon as that can be."""
    with agent.keeper.lock:
        agent.keeper.memory.notes["wanted"] = {"said": said}
        agent.keeper.memory.save(agent.machine)


# Note [Who is turned away]
# A machine that has reset itself registers by a token that is good for an hour. Where that has
# ended, trying again helps only once somebody gives the token more time, or the machine another.
# So it tries ever less often, though never gives up, and says at its system/provider, and where it
# tries, why it is not taken in. It goes on after a restart as often as before. Where nobody says
# anything, as while the provider restarts, it tries soon, and no less often than it tells him news.
def _come(agent: Agent) -> None:
    """Register where that is wanted and due. See Note [Who is turned away]."""
    wanted = agent.keeper.memory.notes.get("wanted")
    now = agent.machine.clock.now()
    if not wanted or not _is_due(wanted.get("tried"), now):
        return
    if not _under_way.acquire(blocking=False):
        return  # it is being told to belong somewhere
    try:
        _belong(agent, read(Provider, wanted["said"]), wanted["said"])
    except (Undone, Conflict) as error:
        tries = wanted.get("tried", {}).get("tries", 0) + 1
        next_at = now + _rest(error, tries)
        doing.LOG.warning("not registered yet: %s; next at %s", error.text, next_at.isoformat())
        tried = {"tries": tries, "reason": error.text, "next_at": next_at.isoformat()}
        with agent.keeper.lock:
            wanted["tried"] = tried
            agent.keeper.memory.save(agent.machine)
    finally:
        _under_way.release()


def _rest(error: Undone | Conflict, tries: int) -> timedelta:
    """Return how long not to try again. See Note [Who is turned away]."""
    if _is_refusal(error):
        return doubled(tries, AGAIN, LONGEST)
    return doubled(tries, SOON, AGAIN)


def _is_refusal(error: Undone | Conflict) -> bool:
    """Return whether it was said no; one who could not answer has not said anything."""
    status = error.details.get("status")
    return isinstance(error, TurnedAway) and not (isinstance(status, int) and status >= 500)


def _is_due(tried: Mapping[str, Any] | None, now: datetime) -> bool:
    if not tried:
        return True
    left = datetime.fromisoformat(tried["next_at"]) - now
    return left <= timedelta() or left > LONGEST  # a clock that was put back delays nothing


@dataclass
class Messenger:
    """Tells of one life of the agent: first that the machine is ready, then what happens."""

    began: bool = False
    not_before: datetime | None = None

    def tick(self, agent: Agent) -> None:
        now = agent.machine.clock.now()
        if not self.began:
            self.began = True
            _begin(agent)
        _come(agent)
        if self.not_before is None or now >= self.not_before:
            self.not_before = None if tell(agent) else now + AGAIN


def _begin(agent: Agent) -> None:
    """Forget that the machine was about to go: it is there again."""
    with agent.keeper.lock:
        kept = agent.keeper.memory.notes.get("provider")
        if kept is not None:
            kept["untold"] = [each for each in kept["untold"] if each not in (*_LEAVING, READY)]
    note(agent, NETWORK_CHANGED)  # it may have another address by now
    note(agent, READY)
