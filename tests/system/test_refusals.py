"""A server that must not start says why, and what to do about it."""

import signal
import socket
import sqlite3

import pytest

pytestmark = pytest.mark.system


def refused(said) -> str:
    assert said.returncode == 1, said
    assert "Traceback" not in said.stderr
    return str(said.stderr)


def test_a_second_server_on_one_home_is_refused(it, ran):
    it.start()
    words = refused(ran("serve", MUSTER_LISTEN="127.0.0.1:0"))
    assert f"in use by process {it.process.pid}" in words
    assert it.answers()


def test_a_home_is_free_again_after_a_power_cut(it):
    it.start()
    it.kill()
    it.start()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_it_does_not_listen_beyond_loopback_without_identity(ran, listen):
    assert "MUSTER_IDENTITY=basic" in refused(ran("serve", MUSTER_LISTEN=listen))


def test_it_listens_beyond_loopback_with_identity(it, ran):
    ran("user", "add", "ann", "--password", "a secret word")
    it.environ |= {"MUSTER_LISTEN": f"0.0.0.0:{it.port}", "MUSTER_IDENTITY": "basic"}
    it.start()
    with it.session(user="ann", password="a secret word") as session:
        assert session.call("GET", "/v1/clusters")["clusters"] == []


@pytest.mark.parametrize("missing", ["MUSTER_TLS_CERTIFICATE", "MUSTER_TLS_KEY"])
def test_a_certificate_that_cannot_be_read_is_named(it, ran, tmp_path, missing):
    there = tmp_path / "there.pem"
    there.write_text("")
    files = {"MUSTER_TLS_CERTIFICATE": str(there), "MUSTER_TLS_KEY": str(there)}
    words = refused(ran("serve", **files | {missing: "/no/such.pem"}))
    assert f"{missing.removeprefix('MUSTER_').lower()}: /no/such.pem: No such file" in words


def test_where_nobody_can_sign_in_the_first_thing_to_do_is_said(it, ran):
    it.environ |= {"MUSTER_IDENTITY": "basic"}
    it.start()
    assert "muster user add NAME" in it.log.read_text()


def test_a_second_engine_over_sqlite_is_refused(ran):
    words = refused(ran("work"))
    assert "MUSTER_DATABASE_URL" in words


def test_a_taken_port_is_named(it, ran):
    with socket.create_server(("127.0.0.1", 0)) as door:
        listen = f"127.0.0.1:{door.getsockname()[1]}"
        words = refused(ran("serve", MUSTER_LISTEN=listen))
    assert f"cannot listen on {listen}" in words
    assert "MUSTER_LISTEN" in words


def test_without_the_key_that_sealed_its_secrets_a_server_says_which_file_lacks_it(it, ran):
    it.start()
    it.kill()
    keys = it.home / "secrets.key"
    kept = keys.rename(it.home / "elsewhere.key")
    words = refused(ran("serve", MUSTER_LISTEN="127.0.0.1:0"))
    assert f"{keys} does not have it" in words
    kept.rename(keys)
    it.start()


def test_a_database_of_a_newer_muster_is_refused(it, ran):
    assert ran("db", "upgrade").returncode == 0
    with sqlite3.connect(it.home / "muster.db") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    for words in (("serve",), ("db", "upgrade")):
        assert "written by a newer Muster" in refused(ran(*words))
    assert ran("db", "check").returncode == 1


def test_a_database_that_is_none_is_refused(it, ran):
    it.home.joinpath("muster.db").write_text("this is a letter, not a database" * 100)
    assert "no SQLite database" in refused(ran("serve"))


def test_a_home_that_cannot_be_is_refused(it, ran, tmp_path):
    (tmp_path / "file").write_text("")
    refused(ran("serve", MUSTER_HOME=str(tmp_path / "file")))


def test_an_asked_server_ends_in_peace(it):
    it.start()
    assert it.stop() in (0, -signal.SIGTERM)
    it.start()


def test_a_backup_is_taken_while_it_serves(it, ran, tmp_path):
    it.start()
    assert ran("db", "backup", str(tmp_path / "copy.db")).returncode == 0
    with sqlite3.connect(tmp_path / "copy.db") as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone()
    assert "exists already" in refused(ran("db", "backup", str(tmp_path / "copy.db")))


def test_a_check_of_an_empty_home_makes_nothing(it, ran):
    said = ran("db", "check")
    assert (said.returncode, "muster db upgrade" in said.stdout) == (1, True)
    assert list(it.home.iterdir()) == []
