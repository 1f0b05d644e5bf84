"""The API of a house: identity by setting, application, and the server that carries it."""

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import uvicorn

from muster.api.app import build
from muster.base.errors import Invalid
from muster.drivers.identity.access import Access, Account, by_cloud, by_password
from muster.drivers.identity.basic import Basic
from muster.drivers.identity.bearer import Bearer
from muster.drivers.identity.keystone import Keystone
from muster.drivers.identity.none import NoIdentity
from muster.drivers.identity.scopes import KeystoneScopes
from muster.ports.identity import Identity
from muster.ports.scopes import Scopes
from muster.service.flavors import seed
from muster.settings import Settings
from muster.wiring.house import House, users_file
from muster.wiring.rules import calls_of, rules_of


class Announcing(uvicorn.Server):
    """A server that says when it has begun to answer."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


async def server_of(house: House, announce: Callable[[], None]) -> Announcing:
    """Return the server of the API, ready to serve; the built-in flavors are there by then."""
    await seed(house.desk)
    settings = house.settings
    application = build(
        house.desk, identity_of(house), loopback_names=house.settings.identity == "none"
    )
    rules = rules_of(settings, calls_of(application))
    door = replace(application.state.door, rules=rules, scopes=scopes_of(house))
    application.state.door = door
    face = house.face
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.tls_certificate or None,
        ssl_keyfile=settings.tls_key or None,
        ssl_context_factory=(lambda _, first: face.began(first())) if face else None,
        timeout_graceful_shutdown=3,
        ws="websockets-sansio",
    )
    return Announcing(config, announce)


def identity_of(house: House) -> Identity:
    """Return who is asked for by the setting; tokens are good with each."""
    match house.settings.identity:
        case "none":
            known: Identity = NoIdentity()
        case "basic":
            known = Basic(users_file(house.settings), house.clock)
        case "keystone":
            keystone = Keystone(
                access_of(house.settings),
                house.clock,
                timedelta(seconds=house.settings.keystone_remember_s),
            )
            house.closing.push_async_callback(keystone.close)
            known = keystone
        case other:
            text = f"identity must be none, basic or keystone, not {other!r}"
            raise Invalid(text, field="identity")
    return Bearer(house.store, house.clock, known)


def scopes_of(house: House) -> Scopes | None:
    """Return where the holder of a token may go on, where another service knows."""
    if house.settings.identity != "keystone":
        return None
    scopes = KeystoneScopes(access_of(house.settings))
    house.closing.push_async_callback(scopes.close)
    return scopes


def access_of(settings: Settings) -> Access:
    """Return how Muster signs in at Keystone, by the settings."""
    if settings.os_cloud:
        return by_cloud(settings.os_cloud, settings.os_clouds_file)
    account = Account(
        username=settings.keystone_username,
        password=settings.keystone_password,
        project=settings.keystone_project,
        user_domain=settings.keystone_user_domain,
        project_domain=settings.keystone_project_domain,
    )
    return by_password(settings.keystone_url, account, settings.keystone_ca)
