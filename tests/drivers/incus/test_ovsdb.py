"""One transaction with a database of OVN: where it is, what it says, and what goes wrong."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from drivers.incus.northbounds import northbound
from drivers.pem.made import PEM
from house import until
from muster.base.errors import Invalid, Transient
from muster.drivers.incus.options import Options, parsed
from muster.drivers.incus.ovn.northbound import Northbound
from muster.drivers.incus.ovn.ovsdb import (
    Remote,
    mapped,
    pairs,
    remotes,
    several,
    transact,
)
from muster.drivers.incus.rest import Rest

SCHEMA = Path("/usr/share/ovn/ovn-nb.ovsschema")
SELECT = {"op": "select", "table": "Load_Balancer", "where": [], "columns": ["name"]}
PAPERS = {
    "ovn_certificate": str(PEM / "web.pem"),
    "ovn_key": str(PEM / "web.key"),
    "ovn_authority": str(PEM / "web.pem"),
}


def test_a_database_is_at_one_of_several_addresses():
    assert remotes("tcp:10.0.0.1:6641, ssl:[fd00::1]:6641,unix:/run/nb.sock") == (
        Remote("tcp", "10.0.0.1", 6641),
        Remote("ssl", "fd00::1", 6641),
        Remote("unix", "/run/nb.sock"),
    )
    assert remotes("") == ()


@pytest.mark.parametrize("said", ["10.0.0.1:6641", "tcp:10.0.0.1", "udp:x:1", "unix:x", "tcp::1"])
def test_any_other_address_is_refused(said):
    with pytest.raises(Invalid, match="is not tcp:host:port"):
        remotes(said)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"ovn_northbound": "10.0.0.1"}, "ovn_northbound"),
        ({"ovn_northbound": "ssl:10.0.0.1:6641"}, "ovn_certificate"),
        ({"ovn_key": "/x"}, "ovn_certificate"),
    ],
)
def test_a_wrong_setting_is_named(said, field):
    with pytest.raises(Invalid) as refusal:
        parsed(said)
    assert refusal.value.details["field"] == field
    assert parsed({"ovn_northbound": "none"})
    assert parsed({"ovn_northbound": "ssl:10.0.0.1:6641", **PAPERS})


def test_a_set_of_one_is_written_without_being_one():
    assert several(["set", ["a", "b"]]) == ["a", "b"]
    assert several(["set", []]) == []
    assert several("a") == ["a"]
    assert mapped(pairs({"a": "b"})) == {"a": "b"}


async def test_a_database_by_tls_is_asked_with_our_certificate(tmp_path):
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(PEM / "web.pem", PEM / "web.key")
    theirs.load_verify_locations(PEM / "web.pem")
    theirs.verify_mode = ssl.CERT_REQUIRED
    rest = Rest(Options(url=f"unix:{tmp_path}/nobody"))
    async with northbound(theirs) as database:
        options = Options(ovn_northbound=database.remote, **PAPERS)
        assert await Northbound(rest, options, uuid4()).held() == {}
        strangers = Options(
            ovn_northbound=database.remote, **PAPERS | {"ovn_authority": str(PEM / "next.pem")}
        )
        with pytest.raises(Transient, match="certificate verify failed"):
            await Northbound(rest, strangers, uuid4()).held()
    await rest.close()


async def test_who_does_not_answer_is_passed_over(tmp_path):
    rest = Rest(Options(url=f"unix:{tmp_path}/nobody"))
    async with northbound() as database:
        options = Options(ovn_northbound=f"tcp:127.0.0.1:1,{database.remote}")
        assert await Northbound(rest, options, uuid4()).held() == {}
    await rest.close()


@asynccontextmanager
async def saying(*said: bytes) -> AsyncIterator[Remote]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        for each in said:
            writer.write(each)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield Remote("tcp", "127.0.0.1", server.sockets[0].getsockname()[1])
    server.close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b'{"id":0,"error":"unknown database","result":null}', "unknown database"),
        (b'{"id":0,"error":null,"result":[{"error":"constraint violation"}]}', "constraint"),
        (b'{"id":0,"error":null,"result":[null,{"error":"timed out"}]}', "timed out"),
        (b'{"id":1,"error":null,"result":[]}', "hung up"),
        (b'{"id":0,"resu', "hung up"),
        (b"", "hung up"),
    ],
)
async def test_what_goes_wrong_there_may_go_well_later(said, why):
    async with saying(said) as remote:
        with pytest.raises(Transient, match=why):
            await transact(remote, None, "OVN_Northbound", [SELECT])


async def test_an_answer_in_pieces_is_one(tmp_path):
    whole = b'{"id":0,"error":null,"result":[{"rows":[{"name":"a{}"}]}]}'
    async with saying(whole[:48], whole[48:]) as remote:
        [said] = await transact(remote, None, "OVN_Northbound", [SELECT])
        assert said == {"rows": [{"name": "a{}"}]}


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Remote]:
    """Run a real database of OVN, which nobody else speaks with."""
    if not SCHEMA.exists() or shutil.which("ovsdb-server") is None:
        pytest.skip("not installed: ovsdb-server and the schema of ovn-central")
    socket, file = tmp_path / "nb.sock", tmp_path / "nb.db"
    subprocess.run(["ovsdb-tool", "create", file, SCHEMA], check=True)
    options = (f"--remote=punix:{socket}", f"--unixctl={tmp_path}/ctl", "-vconsole:off")
    server = subprocess.Popen(["ovsdb-server", file, *options])
    try:
        until(socket.exists, 10, "the database listens")
        yield Remote("unix", str(socket))
    finally:
        server.terminate()
        server.wait(10)


async def test_a_real_database_changes_a_row_that_nobody_else_has_changed(real):
    async def asked(**operation: object) -> Mapping[str, Any]:
        told = {"table": "Load_Balancer", **operation}
        [said] = await transact(real, None, "OVN_Northbound", [told])
        return said

    marks = {"external_ids": pairs({"muster": "us"})}
    await asked(op="insert", row={"name": "incus-net2-lb-x-tcp", **marks})
    ours = ["external_ids", "includes", pairs({"muster": "us"})]
    columns = ["_uuid", "_version", "name"]
    [row] = (await asked(op="select", where=[ours], columns=columns))["rows"]
    as_it_was = [[each, "==", row[each]] for each in columns]
    change = {"op": "update", "where": as_it_was, "row": {"vips": pairs({"10.0.0.1:80": "x:1"})}}
    assert await asked(**change) == {"count": 1}
    assert await asked(**change) == {"count": 0}
