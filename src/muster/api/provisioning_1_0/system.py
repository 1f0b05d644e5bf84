"""The routes of what is set for all servers together."""

from collections.abc import Mapping
from typing import Any

from litestar import MediaType, Response, get, post, put

from muster.api.call import Asked, Word
from muster.api.provisioning_1_0.bodies import ANY, DOCUMENT, PEM, URL, config_document, settable
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.api.reading import Field, Fields, boolean, list_of, object_of, one_of, text
from muster.model.acme import CHALLENGES
from muster.model.who import Right
from muster.service.provisioning import certifying, system

_OPERATE = {"right": Right.OPERATE}
HERE = "/1.0/system"
_LEVELS = {"DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARN", "WARNING": "WARN", "ERROR": "ERROR"}
_WHOSE, _WHERE = "who may ask is in the settings of each server", "packages are not mirrored here"
_BY_DNS = "of DNS-01, which is refused"
ACME: Fields = {
    "agree_tos": Field(boolean(), "you agree to the authority's terms"),
    "ca_url": Field(text(low=0, high=1024), "the authority's directory; usual: Let's Encrypt's"),
    "challenge": Field(text(low=0, high=16), "HTTP-01; DNS-01 is refused"),
    "domain": Field(text(low=0, high=253), "the name that it is for; empty: no certificate"),
    "email": Field(text(low=0, high=254), "whom the authority may write to; or empty"),
    "http_challenge_address": Field(
        text(low=0, high=300), "where Muster answers it; empty: others pass that on to Muster"
    ),
    "provider": Field(text(low=0, high=255), _BY_DNS),
    "provider_environment": Field(list_of(ANY, 100), _BY_DNS),
    "provider_resolvers": Field(list_of(ANY, 100), _BY_DNS),
}
PARTS: Mapping[str, Fields] = {
    "network": {
        "address": Field(URL, "where servers find Muster; empty: the setting public_url"),
        "rest_server_address": Field(ANY, "the setting listen"),
    },
    "security": {
        "trusted_tls_client_cert_fingerprints": Field(list_of(ANY, 1000), _WHOSE),
        "trusted_https_proxies": Field(list_of(ANY, 1000), _WHOSE),
        "oidc": Field(config_document(), _WHOSE),
        "openfga": Field(config_document(), _WHOSE),
        "acme": Field(object_of(ACME), "where Muster gets the certificate that it shows"),
    },
    "settings": {
        "log_level": Field(one_of(_LEVELS), "of every server, within seconds"),
        "server_registration_scriptlet": Field(DOCUMENT, "no scriptlets are run"),
    },
    "updates": {
        "source": Field(ANY, _WHERE),
        "signature_verification_root_ca": Field(DOCUMENT, _WHERE),
        "filter_expression": Field(ANY, _WHERE),
        "file_filter_expression": Field(ANY, _WHERE),
        "updates_default_channel": Field(ANY, _WHERE),
        "server_default_channel": Field(ANY, "of tokens and servers for which nobody names one"),
        "image_server_authentication_by_query_param": Field(boolean(), _WHERE),
    },
}
_ALL: Fields = {name: each for part in PARTS.values() for name, each in part.items()}


@get(f"{HERE}/{{part:str}}", opt=_OPERATE)
async def show_system(call: Asked, part: Word) -> Response[Any]:
    """Show what is in force for all servers: network, security, settings or updates."""
    there = await system.show(call.desk, part)
    return tagged(there, there)


@put(f"{HERE}/{{part:str}}", opt={"body": _ALL, **_OPERATE})
async def update_system(call: Asked, part: Word) -> Response[Any]:
    """Set something for all servers; what is said elsewhere is refused, naming where."""
    await system.show(call.desk, part)
    said = await settable(call, PARTS[part])
    check = held_to(call, lambda there: there)
    await system.changed(call.desk, part, said, check)
    return done()


FACE: Fields = {
    "certificate": Field(
        PEM, "PEM: the server's, then each that vouches for the one before it", required=True
    ),
    "key": Field(PEM, "its key, PEM, without a password; never shown", required=True),
}


@get(f"{HERE}/certificate", opt=_OPERATE)
async def show_certificate(call: Asked) -> Response[Any]:
    """Show the certificate that servers show by HTTPS, and until when it is good."""
    return done(await system.face(call.desk))


@post(f"{HERE}/certificate", opt={"body": FACE, **_OPERATE})
async def replace_certificate(call: Asked) -> Response[Any]:
    """Have all servers show another certificate at once, and tell machines that are held to it."""
    said = await call.fields(FACE)
    await system.certified(call.desk, said["certificate"], said["key"])
    return done(await system.face(call.desk))


@post(f"{HERE}/certificate/:renew", opt=_OPERATE)
async def renew_certificate(call: Asked) -> Response[Any]:
    """Get another certificate by ACME now, and show it; answered once that is so, or why not."""
    await certifying.renew(call.desk)
    return done(await system.face(call.desk))


@get(f"{CHALLENGES}/{{token:str}}", media_type=MediaType.TEXT)
async def show_answer(call: Asked, token: Word) -> Response[bytes]:
    """Return what an authority is to hear by which Muster proves that a name leads to it."""
    said = await certifying.answer(call.desk, token)
    return Response(said.encode(), media_type="application/octet-stream")


ROUTES = (show_system, update_system, show_certificate, replace_certificate, renew_certificate)
OPEN = (show_answer,)  # asked by authorities, who are nobody's users
