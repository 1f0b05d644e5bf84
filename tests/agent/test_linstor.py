"""A satellite of LINSTOR that others reach by TLS, or plainly."""

import os
import subprocess
from pathlib import Path

import pytest

from agent.ground import KNOBS, Ground
from agent.test_server import made
from muster.agent import linstor
from muster.base.errors import Invalid, Unsupported

LINSTOR = "services/linstor"
THERE = {**KNOBS, f"/lib/systemd/system/{linstor.UNIT}": "", "/run/systemd/system/there": ""}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path / "root").begin(THERE)


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, object]:
    place = made(tmp_path, "satellite")
    return {
        "enabled": True,
        "tls_server_certificate": Path(f"{place}.crt").read_text(),
        "tls_server_key": Path(f"{place}.key").read_text(),
        "tls_trusted_certificates": [Path(f"{place}.crt").read_text()],
    }


def test_what_a_satellite_shows_and_whom_it_trusts_is_put_where_java_reads_it(
    ground: Ground, tls: dict[str, object]
) -> None:
    assert ground.put(LINSTOR, tls)
    said = ground.machine.text(linstor.CONFIG) or ""
    assert 'type = "ssl"' in said
    assert 'server_certificate = "/etc/linstor/ssl/keystore.p12"' in said
    assert ground.machine.place(linstor.KEY).stat().st_mode & 0o777 == 0o600
    storing, *units = ground.lines
    assert storing.startswith("sh -ec umask 077\nrm -rf /etc/linstor/ssl\n")
    assert units[-1] == f"systemctl restart {linstor.UNIT}"
    assert str(tls["tls_server_key"]) not in str(ground.ask("GET", f"/1.0/{LINSTOR}"))
    ground.put(LINSTOR, {"enabled": True})
    assert 'type = "plain"' in (ground.machine.text(linstor.CONFIG) or "")
    assert ground.machine.text(linstor.KEY) is None
    assert ground.lines[0] == storing


def test_real_programs_make_the_stores(ground: Ground, tls: dict[str, object]) -> None:
    ground.put(LINSTOR, tls)
    root = ground.root
    tools = root / "tools"
    tools.mkdir()
    (tools / "keytool").write_text('#!/bin/sh\necho "$@" >> "$0.told"\n')
    (tools / "keytool").chmod(0o755)
    script = linstor._STORING.replace("/var/lib", f"{root}/var/lib").replace(
        "/etc/", f"{root}/etc/"
    )
    path = f"{tools}:{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", script], check=True, env={**os.environ, "PATH": path})
    store = root / "etc/linstor/ssl/keystore.p12"
    words = ["openssl", "pkcs12", "-in", str(store), "-passin", "pass:muster", "-nodes"]
    assert "BEGIN PRIVATE KEY" in subprocess.run(words, capture_output=True, text=True).stdout
    assert store.stat().st_mode & 0o077 == 0
    assert "linstor.ca-0.pem" in (tools / "keytool.told").read_text()


def test_all_three_or_none(ground: Ground, tls: dict[str, object]) -> None:
    del tls["tls_trusted_certificates"]
    with pytest.raises(Invalid, match=r"config\.tls_trusted_certificates: is required"):
        ground.put(LINSTOR, tls)


def test_without_java_there_is_no_tls(tmp_path: Path, tls: dict[str, object]) -> None:
    ground = Ground(tmp_path / "poor", lacking=frozenset({"keytool"})).begin(THERE)
    with pytest.raises(Unsupported, match="there is no keytool here"):
        ground.put(LINSTOR, tls)
