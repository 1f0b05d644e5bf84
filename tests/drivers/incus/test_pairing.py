"""Making the acquaintance of Incus servers: tokens, certificates, and who is turned away."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.base.errors import Invalid
from muster.drivers.incus import token as tokens
from muster.drivers.incus.pairing import paired, parted
from muster.model.admission import CloudAsk
from muster.model.who import MUSTER
from muster.service import clouds
from muster.settings import Settings
from muster.wiring.house import House, open_house
from testbed.incus import rest
from testbed.incus.fabric import entered
from testbed.incus.place import Place, address, url

LAB = CloudAsk(name="lab", kind="incus")
PLAIN = {"fingerprint": "AB", "addresses": ["10.0.0.1:8443", "[fd00::1]:8443"], "secret": "s"}


def written(**but: Any) -> str:
    return b64encode(json.dumps({**PLAIN, **but}).encode()).decode()


def test_a_token_says_where_its_server_is_and_what_it_shows() -> None:
    read = tokens.read(f" {written()}\n")
    assert read.fingerprint == "ab"
    assert read.urls == ("https://10.0.0.1:8443", "https://[fd00::1]:8443")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("no-token", "incus config trust add"),
        (b64encode(b"no JSON").decode(), "incus config trust add"),
        (b64encode(b"[1]").decode(), "incus config trust add"),
        (b64encode(b"{}").decode(), "incus config trust add"),
        (written(server_name="m2"), "to join a cluster"),
    ],
)
def test_what_is_no_trust_token_is_named_and_never_shown(said: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refusal:
        tokens.read(said)
    assert refusal.value.details["field"] == "token"
    assert said not in refusal.value.text


@pytest.mark.parametrize(
    ("but", "field", "words"),
    [
        ({}, "url", "is needed"),
        ({"url": "unix:/nowhere/socket"}, "url", "incus-admin"),
        ({"url": "ftp://host"}, "url", "unix:/path or https://"),
        ({"url": "https://127.0.0.1:1"}, "url", "core.https_address"),
        ({"url": "https://127.0.0.1:1", "key": "x"}, "key", "belong together"),
        ({"url": "https://127.0.0.1:1", "key": "x", "certificate": "x"}, "certificate", "used"),
        ({"url": "unix:/x", "options": {"colour": 1}}, "colour", "colour"),
    ],
)
async def test_what_is_wrong_is_named_with_what_to_do(
    tmp_path: Path, but: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as refusal:
        await paired(replace(LAB, **but), tmp_path, "muster-test")
    assert refusal.value.details["field"] == field


@pytest.fixture
async def place(incus_testbeds: Callable[[int], Place]) -> AsyncIterator[Place]:
    lent = incus_testbeds(3)
    with entered(lent):
        yield lent


def a_token(place: Place, name: str, **but: Any) -> str:
    """Return what `incus config trust add NAME` would print."""
    wish = {"type": "client", "token": True, "name": name}
    made = rest.call(place.socket("m1"), "POST", "/1.0/certificates", wish, wait=False)["metadata"]
    said = {"client_name": name, "fingerprint": made["fingerprint"], "secret": made["secret"]}
    said |= {"addresses": made["addresses"], "expires_at": "0001-01-01T00:00:00Z"}
    return b64encode(json.dumps(said | but).encode()).decode()


def trusted(place: Place) -> set[str]:
    listed = rest.call(place.socket("m1"), "GET", "/1.0/certificates?recursion=1")
    return {each["name"] for each in listed if each["type"] == "client"}


@pytest.mark.incus
async def test_a_token_makes_us_trusted_once_and_every_member_known(
    place: Place, tmp_path: Path
) -> None:
    ask = replace(LAB, token=a_token(place, "one"))
    options = await paired(ask, tmp_path / "papers", "muster")
    assert options["url"] == url("m1")
    assert set(options["members"]) == {url("m2"), url("m3")}
    assert "one" in trusted(place)
    for each in (tmp_path / "papers").iterdir():
        assert each.stat().st_mode & 0o077 == 0
    with pytest.raises(Invalid, match="good once"):
        await paired(ask, tmp_path / "others", "muster")
    await parted(options)
    assert "one" not in trusted(place)


@pytest.mark.incus
async def test_a_server_that_is_not_the_tokens_gets_nothing(place: Place, tmp_path: Path) -> None:
    ask = replace(LAB, token=a_token(place, "three", fingerprint="ab" * 32))
    with pytest.raises(Invalid, match="not its server"):
        await paired(ask, tmp_path, "muster")
    assert "three" not in trusted(place)


@pytest.mark.incus
async def test_a_certificate_will_do_where_it_is_trusted(place: Place, tmp_path: Path) -> None:
    papers = {"certificate": place.certificate.read_text(), "key": place.key.read_text()}
    ask = replace(LAB, url=url("m2"), **papers)
    with pytest.raises(Invalid, match="certificate_fingerprint") as refusal:
        await paired(ask, tmp_path, "muster")
    shown = refusal.value.text.partition("fingerprint ")[2][:64]
    with pytest.raises(Invalid, match=shown):
        await paired(replace(ask, fingerprint="00"), tmp_path, "muster")
    options = await paired(replace(ask, fingerprint=shown), tmp_path, "muster")
    assert set(options["members"]) == {url("m1"), url("m3")}
    unknown = replace(ask, certificate="", key="", fingerprint=shown)
    with pytest.raises(Invalid, match="add-certificate"):
        await paired(unknown, tmp_path / "another", "muster")


async def taken_on(house: House, ask: CloudAsk) -> None:
    await (await clouds.addition(house.desk, MUSTER, ask)).do()


async def let_go(house: House, name: str) -> None:
    await (await clouds.removal(house.desk, MUSTER, name)).do()


@pytest.mark.incus
async def test_an_added_cloud_is_there_at_once_and_in_every_home_of_its_database(
    place: Place, tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path / "one",
        database_url=f"sqlite:///{tmp_path}/muster.db",
        secrets_file=str(tmp_path / "secrets.key"),
    )
    door = f"unix:{place.socket('m3')}"
    async with open_house(settings) as house:
        far = replace(LAB, token=a_token(place, "four"), url=f"https://{address('m1')}:8443")
        for ask in (far, replace(LAB, name="near", url=door)):
            await taken_on(house, ask)
            images = await house.desk.clouds[ask.name].images.list_images()
            assert "demo-web" in {each.name for each in images}
            assert ask.name in house.engine.site.clouds
    settings = replace(settings, home=tmp_path / "another")
    async with open_house(settings) as house:
        assert {"lab", "near"} <= house.desk.clouds.keys()
        assert house.desk.clouds["lab"].about.zones == ("z1", "z2", "z3")
        for name in ("lab", "near"):
            await let_go(house, name)
            assert name not in house.engine.site.clouds
    assert "four" not in trusted(place)
    async with open_house(settings) as house:
        assert not {"lab", "near"} & house.desk.clouds.keys()
