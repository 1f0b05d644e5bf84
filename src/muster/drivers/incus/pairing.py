"""Making an Incus server's acquaintance: who we are there, who it is, and that it trusts us."""

import asyncio
import os
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from muster.base.certificates import first_der
from muster.base.errors import DriverError, Invalid
from muster.drivers.incus import token as tokens
from muster.drivers.incus.options import Options, parsed
from muster.drivers.incus.rest import CONNECT_S, READ_S, WRITE_S, Call, Rest, path
from muster.model.admission import CloudAsk

YEARS = 10
TRUST = "on a server: incus config trust add-certificate"
GROUP = "let the user that runs Muster use it (group incus-admin), or name an https:// URL"


@dataclass(frozen=True, slots=True)
class Papers:
    """The files of one acquaintance."""

    certificate: Path
    key: Path
    server: Path


async def paired(ask: CloudAsk, home: Path, name: str) -> dict[str, Any]:
    """Return the options of the cloud, once its server is known and trusts us.

    `home` gets what has to be kept; `name` is what we call ourselves there. Raises `Invalid`
    naming what is wrong, and what to do.
    """
    parsed(ask.options)  # what is wrong there is told before a token is used up
    token = tokens.read(ask.token) if ask.token else None
    urls = [ask.url] if ask.url else list(token.urls if token else ())
    if not urls:
        raise Invalid("is needed: unix: or https://host:8443, or a trust token", field="url")
    if not urls[0].startswith("https://"):
        options = {**ask.options, "url": urls[0] if urls[0] != "unix:" else Options().url}
        await _greeted(parsed(options))
        return options
    papers = await _papers(ask, home, name)
    url, shown = await _met(urls)
    _refuse_strangers(ask, token, url, shown)
    _write(papers.server, ssl.DER_cert_to_PEM_cert(shown))
    options = {
        **ask.options,
        "url": url,
        "certificate": str(papers.certificate),
        "key": str(papers.key),
        "server_certificate": str(papers.server),
    }
    if token:
        await _introduced(parsed(options), papers, token, name)
    try:
        members = await _greeted(parsed(options), papers)
    except Invalid:
        await parted(options)
        raise
    return options | ({"members": members} if members else {})


async def parted(said: Mapping[str, Any]) -> None:
    """Have the servers trust us no more; where they do not answer they go on doing so."""
    options = parsed({k: v for k, v in said.items() if k in Options.__dataclass_fields__})
    if not options.certificate:
        return
    shown = _certificate(Path(options.certificate))
    rest = Rest(options)
    try:
        await rest.put_into_effect(
            Call(method="DELETE", path=path("certificates", _print(shown)), deadline_s=WRITE_S)
        )
    except DriverError:
        return
    finally:
        await rest.close()


async def _papers(ask: CloudAsk, home: Path, name: str) -> Papers:
    """Return the files; who we are is as given, or made and kept."""
    papers = _laid_out(home)
    if bool(ask.certificate) != bool(ask.key):
        raise Invalid("certificate and key belong together", field="key")
    if ask.certificate:
        _write(papers.certificate, ask.certificate)
        _write(papers.key, ask.key)
    else:
        await _made(papers, name)
    try:
        ssl.create_default_context().load_cert_chain(papers.certificate, papers.key)
    except (OSError, ssl.SSLError) as error:
        text = f"certificate and key cannot be used: {error.strerror or error}"
        raise Invalid(text, field="certificate") from None
    return papers


async def _made(papers: Papers, name: str) -> None:
    words = (
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"),
        *("-nodes", "-days", str(365 * YEARS), "-subj", f"/CN={name}"),
        *("-keyout", str(papers.key), "-out", str(papers.certificate)),
    )
    for file in (papers.key, papers.certificate):
        _write(file, "")  # nobody else may read what openssl writes into it
    try:
        made = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError:
        text = "no openssl here to make a certificate with: install it, or give one with its key"
        raise Invalid(text, field="certificate") from None
    _, said = await made.communicate()
    if made.returncode:
        text = f"openssl could not make a certificate: {said.decode(errors='replace').strip()}"
        raise Invalid(text, field="certificate")


async def _met(urls: Sequence[str]) -> tuple[str, bytes]:
    """Return the first that answers, and the certificate that it shows."""
    silent = []
    for url in urls:
        host, port = urlsplit(url).hostname or "", urlsplit(url).port or 8443
        try:
            async with asyncio.timeout(CONNECT_S + READ_S):
                _, writer = await asyncio.open_connection(host, port, ssl=_anybody())
        except (OSError, TimeoutError) as error:
            silent.append(f"{url}: {error or 'no answer'}")
            continue
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return f"https://{f'[{host}]' if ':' in host else host}:{port}", shown
    text = (
        f"nobody answers there ({'; '.join(silent)}): is core.https_address set, and the way open?"
    )
    raise Invalid(text, field="url")


def _anybody() -> ssl.SSLContext:
    """Return a context that asks nobody who he is: whom we met is decided afterwards."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _refuse_strangers(ask: CloudAsk, token: tokens.Token | None, url: str, shown: bytes) -> None:
    found = _print(shown)
    if token and found != token.fingerprint:
        text = f"{url} shows another certificate than the token names: this is not its server"
        raise Invalid(text, field="token")
    given = ask.fingerprint.replace(":", "").lower()
    if given and found != given:
        raise Invalid(f"{url} shows a certificate of fingerprint {found}", field="fingerprint")
    if not token and not given:
        text = (
            f"{url} shows a certificate of fingerprint {found}. If that is the server's own "
            "(incus info | grep certificate_fingerprint), give it; or use a trust token"
        )
        raise Invalid(text, field="fingerprint")


async def _introduced(options: Options, papers: Papers, token: tokens.Token, name: str) -> None:
    """Use the token up: from now on the server knows our certificate."""
    shown = _certificate(papers.certificate)
    body = {
        "type": "client",
        "name": name,
        "certificate": b64encode(shown).decode(),
        "trust_token": token.text,
    }
    rest = Rest(replace(options, project="default"))
    try:
        await rest.put_into_effect(
            Call(method="POST", path="/1.0/certificates", body=body, deadline_s=WRITE_S)
        )
    except DriverError as error:
        if "already" in error.text.lower():
            return
        text = f"the server did not take it ({error.text}). A token is good once, and not for ever"
        raise Invalid(f"{text}; {tokens.MAKE_ONE}", field="token") from None
    finally:
        await rest.close()


async def _greeted(options: Options, papers: Papers | None = None) -> list[str]:
    """Return where the members of the cluster are; raises `Invalid` if we are not trusted."""
    rest = Rest(options)
    try:
        about = await rest.get("/1.0")
        if about.get("auth") != "trusted":
            whom = papers.certificate if papers else "this user"
            text = f"{options.url} answers, and does not trust {whom}: {TRUST} {whom}"
            raise Invalid(text, field="certificate")
        if not about["environment"].get("server_clustered"):
            return []
        listed = await rest.get("/1.0/cluster/members", recursion="1")
    except DriverError as error:
        hint = f". If it runs here, {GROUP}" if options.url.startswith("unix:") else ""
        raise Invalid(f"{error.text}{hint}", field="url") from None
    finally:
        await rest.close()
    return [each["url"] for each in listed if each["url"] != options.url and papers]


def _laid_out(home: Path) -> Papers:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Papers(home / "client.crt", home / "client.key", home / "servers.crt")


def _certificate(file: Path) -> bytes:
    return first_der(file.read_text())


def _print(certificate: bytes) -> str:
    return sha256(certificate).hexdigest()


def _write(file: Path, text: str) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w") as out:
        out.write(text)
