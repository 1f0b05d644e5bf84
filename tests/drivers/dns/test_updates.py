"""Names by dynamic updates, over a real name server: what is taken, refused, and away."""

import asyncio
import base64
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import dns.asyncquery
import dns.message
import dns.rcode
import dns.tsig
import pytest

import knots
from muster.base.errors import Invalid, Permanent, Transient
from muster.drivers.dns.rfc2136 import Updates, open_dns

NAME = "web.example.test"


@pytest.fixture
def knot() -> Iterator[knots.Knot]:
    with knots.running() as server:
        yield server


@pytest.fixture
def names(knot: knots.Knot) -> Updates:
    return open_dns(knot.said, uuid4())


async def resolved(knot: knots.Knot, name: str, kind: str = "A") -> list[str]:
    """Ask as anybody would: without a key, by UDP."""
    query = dns.message.make_query(name, kind)
    answer = await dns.asyncquery.udp(query, "127.0.0.1", 5, knot.port)
    return [str(record) for each in answer.answer for record in each]


async def test_a_published_name_resolves_for_everybody(knot: knots.Knot, names: Updates) -> None:
    await names.put_record(NAME, "10.0.0.7", uuid4())
    assert await resolved(knot, NAME) == ["10.0.0.7"]


async def test_an_address_of_version_six_replaces_one_of_version_four(
    knot: knots.Knot, names: Updates
) -> None:
    owner = uuid4()
    await names.put_record(NAME, "10.0.0.7", owner)
    await names.put_record(NAME, "2001:db8::7", owner)
    assert await resolved(knot, NAME, "AAAA") == ["2001:db8::7"]
    assert await resolved(knot, NAME) == []
    found = await names.record(NAME)
    assert found
    assert found.address == "2001:db8::7"


@pytest.mark.parametrize("name", ["held.example.test", "mail.example.test", "ns.example.test"])
async def test_what_stood_there_before_is_not_taken(
    knot: knots.Knot, names: Updates, name: str
) -> None:
    before = await resolved(knot, name, "ANY")
    with pytest.raises(Permanent, match=f"the name {name} is taken"):
        await names.put_record(name, "10.0.0.7", uuid4())
    await names.drop_record(name, uuid4())
    assert await resolved(knot, name, "ANY") == before
    found = await names.record(name)
    assert found
    assert found.owner == UUID(int=0)


async def test_a_wildcard_holds_no_name(knot: knots.Knot, names: Updates) -> None:
    name = "a.wild.example.test"
    assert await resolved(knot, name) == ["192.0.2.9"]
    assert await names.record(name) is None
    await names.put_record(name, "10.0.0.7", uuid4())
    assert await resolved(knot, name) == ["10.0.0.7"]


async def test_of_two_who_want_a_name_at_once_one_gets_it(knot: knots.Knot, names: Updates) -> None:
    owners = [uuid4() for _ in range(8)]
    others = [open_dns(knot.said, uuid4()) for _ in range(4)]
    tries = [
        each.put_record(NAME, f"10.0.0.{number}", owner)
        for number, owner in enumerate(owners)
        for each in (names, *others)
    ]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(each is None for each in ended) == 1
    assert {type(each) for each in ended if each} == {Permanent}, ended
    assert len(await resolved(knot, NAME)) == 1


async def test_other_texts_of_the_name_are_no_obstacle(knot: knots.Knot, names: Updates) -> None:
    owner = uuid4()
    await names.put_record(NAME, "10.0.0.7", owner)
    await names.put_record(f"_acme-challenge.{NAME}", "10.0.0.9", uuid4())
    await names.put_record(NAME, "10.0.0.8", owner)
    await names.drop_record(NAME, owner)
    assert await resolved(knot, NAME) == []


async def test_a_name_outside_the_zone_is_refused_by_the_zones_name(names: Updates) -> None:
    with pytest.raises(Permanent, match=r"is not in example\.test"):
        await names.put_record("web.example.org", "10.0.0.7", uuid4())
    assert await names.record("web.example.org") is None
    await names.drop_record("web.example.org", uuid4())


async def test_a_name_too_long_for_the_mark_beside_it_is_refused_and_in_nobodys_way(
    names: Updates,
) -> None:
    label = "a" * 58
    long = f"{label}.{label}.{label}.{label[:-2]}.example.test"
    longest = long[1:]
    assert len(longest) == 245
    with pytest.raises(Permanent, match="more than 245 characters"):
        await names.put_record(long, "10.0.0.7", uuid4())
    assert await names.record(long) is None
    await names.drop_record(long, uuid4())
    await names.put_record(longest, "10.0.0.7", uuid4())
    assert await names.record(longest)


@pytest.mark.parametrize(
    ("but", "said"),
    [
        ({"key": "unknown"}, "does not accept the key unknown"),
        ({"key": "reader"}, "does not accept the key reader"),
    ],
)
async def test_what_the_server_does_not_allow_is_said_and_not_tried_again(
    knot: knots.Knot, but: dict[str, Any], said: str
) -> None:
    names = open_dns(knot.said | but, uuid4())
    with pytest.raises(Permanent, match=said):
        await names.put_record(NAME, "10.0.0.7", uuid4())
    with pytest.raises(Permanent, match=said):
        await names.list_records()


async def test_a_server_of_other_zones_is_told_by_the_answer_it_did_not_sign(
    knot: knots.Knot,
) -> None:
    names = open_dns(knot.said | {"zone": "elsewhere.test"}, uuid4())
    with pytest.raises(Transient, match=r"is it the primary of elsewhere\.test"):
        await names.put_record("web.elsewhere.test", "10.0.0.7", uuid4())


async def test_a_wrong_secret_is_said_to_be_one(knot: knots.Knot) -> None:
    (knot.home / "secret").write_text("d3Jvbmc=")
    names = open_dns(knot.said, uuid4())
    with pytest.raises(Permanent, match="does not accept the key muster"):
        await names.record(NAME)
    with pytest.raises(Permanent, match="does not accept the key muster"):
        await names.list_records()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("REFUSED", Permanent),
        ("NOTAUTH", Permanent),
        ("NOTZONE", Permanent),
        ("SERVFAIL", Transient),
    ],
)
async def test_a_signed_no_is_told_by_its_code(
    tmp_path: Path, code: str, error: type[Exception]
) -> None:
    (tmp_path / "secret").write_text(knots.SECRET)
    key = dns.tsig.Key("muster.", base64.b64decode(knots.SECRET), "hmac-sha256")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        answer = dns.message.make_response(dns.message.from_wire(asked, keyring={key.name: key}))
        answer.set_rcode(dns.rcode.from_text(code))
        said = answer.to_wire()
        writer.write(len(said).to_bytes(2, "big") + said)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = {"server": f"127.0.0.1:{port}", "zone": knots.ZONE, "key": "muster"}
        names = open_dns(said | {"secret_file": str(tmp_path / "secret")}, uuid4())
        with pytest.raises(error, match=f"says {code}"):
            await names.put_record(NAME, "10.0.0.7", uuid4())


async def test_a_server_that_is_away_is_asked_again_later(knot: knots.Knot, names: Updates) -> None:
    knot.end()
    calls = (names.record(NAME), names.list_records(), names.drop_record(NAME, uuid4()))
    for call in calls:
        with pytest.raises(Transient, match="does not answer"):
            await call


async def test_a_server_that_says_nothing_is_waited_for_only_so_long(knot: knots.Knot) -> None:
    names = open_dns(knot.said | {"timeout_s": 0.3}, uuid4())
    knot.process.send_signal(signal.SIGSTOP)
    try:
        for call in (names.record(NAME), names.list_records()):
            with pytest.raises(Transient, match=r"does not answer within 0\.3 s"):
                async with asyncio.timeout(10):
                    await call
    finally:
        knot.process.send_signal(signal.SIGCONT)


async def test_a_server_may_be_named(knot: knots.Knot) -> None:
    names = open_dns(knot.said | {"server": f"localhost:{knot.port}"}, uuid4())
    await names.put_record(NAME, "10.0.0.7", uuid4())
    nowhere = open_dns(knot.said | {"server": "nowhere.invalid"}, uuid4())
    with pytest.raises(Transient, match="is not found"):
        await nowhere.record(NAME)


def test_a_secret_may_be_a_file_of_tsig_keygen(tmp_path: Path) -> None:
    path = tmp_path / "key.conf"
    path.write_text(f'key "muster" {{\n\talgorithm hmac-sha256;\n\tsecret "{knots.SECRET}";\n}};\n')
    said = {"server": "ns", "zone": "x.test", "key": "muster", "secret_file": str(path)}
    open_dns(said, uuid4())


@pytest.mark.parametrize(
    ("but", "field"),
    [
        ({"server": ""}, "dns.server"),
        ({"server": "ns:port"}, "dns.server"),
        ({"server": "http://ns/x"}, "dns.server"),
        ({"zone": "a..b"}, "dns.zone"),
        ({"key": ""}, "dns.key"),
        ({"secret_file": "/no/such/file"}, "dns.secret_file"),
        ({"secret_file": "{home}/broken"}, "dns.secret_file"),
        ({"algorithm": "rot13"}, "dns.algorithm"),
        ({"ttl": -1}, "ttl"),
        ({"tll": 1}, "tll"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, but: dict[str, Any], field: str) -> None:
    (tmp_path / "secret").write_text(knots.SECRET)
    (tmp_path / "broken").write_text("not base64 at all!")
    good = {"server": "ns", "zone": "x.test", "key": "k", "secret_file": str(tmp_path / "secret")}
    changed = {k: v.format(home=tmp_path) if isinstance(v, str) else v for k, v in but.items()}
    with pytest.raises(Invalid) as caught:
        open_dns(good | changed, uuid4())
    assert caught.value.details["field"] == field
    assert knots.SECRET not in caught.value.text
