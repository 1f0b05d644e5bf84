"""Where logs go, in the words of rsyslog and netlogd."""

from pathlib import Path

import pytest

from agent.ground import Ground
from muster.agent.failures import Undone
from muster.agent.runner import Result, answering
from muster.base.errors import Invalid, Unsupported

LOGGING = "system/logging"
RSYSLOG, NETLOG = "/etc/rsyslog.d/99-muster.conf", "/etc/systemd/netlogd.conf"
GTLS = "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"


def syslog(**said: str) -> dict[str, object]:
    return {"syslog": said}


def with_systemd(ground: Ground) -> Ground:
    ground.write("/run/systemd/system/there", "")
    return ground


def test_rsyslog_sends_everything_there_and_keeps_what_it_cannot_send(ground: Ground) -> None:
    with_systemd(ground).put(LOGGING, syslog(address="10.0.0.9:1514", protocol="tcp"))
    assert ground.machine.text(RSYSLOG) == (
        '*.* action(type="omfwd"\n'
        '    target="10.0.0.9" port="1514"\n'
        '    protocol="tcp"\n'
        '    template="RSYSLOG_SyslogProtocol23Format"\n'
        '    queue.type="LinkedList" queue.filename="muster" queue.maxDiskSpace="256m"\n'
        '    queue.saveOnShutdown="on" action.resumeRetryCount="-1")\n'
    )
    assert ground.lines == ["systemctl restart rsyslog.service"]


def test_with_tls_the_log_server_has_to_prove_its_name(ground: Ground) -> None:
    with pytest.raises(Unsupported, match=r"config.syslog.protocol: .*rsyslog-gnutls"):
        ground.put(LOGGING, syslog(address="logs.example:6514", protocol="tls"))
    ground.write(GTLS, "")
    ground.put(LOGGING, syslog(address="logs.example:6514", protocol="tls"))
    said = ground.machine.text(RSYSLOG) or ""
    assert 'StreamDriverAuthMode="x509/name"' in said
    assert 'StreamDriverPermittedPeers="logs.example"' in said
    assert 'StreamDriver.CAFile="/etc/ssl/certs/ca-certificates.crt"' in said


def test_netlogd_is_told_where_there_is_no_rsyslog(tmp_path: Path) -> None:
    ground = with_systemd(Ground(tmp_path, lacking=frozenset({"rsyslogd"}))).begin()
    ground.write("/lib/systemd/system/systemd-netlogd.service", "")
    ground.put(LOGGING, syslog(address="[fd00::9]", protocol="tls", log_format="rfc3339"))
    assert ground.machine.text(NETLOG) == (
        "[Network]\nAddress=[fd00::9]:514\nProtocol=tls\nLogFormat=rfc3339\n"
        "TLSCertificateAuthMode=deny\nTLSServerCertificate=/etc/ssl/certs/ca-certificates.crt\n"
    )
    ground.put(LOGGING, {})
    assert ground.machine.text(NETLOG) is None
    assert ground.lines == [
        "systemctl restart systemd-netlogd.service",
        "systemctl stop systemd-netlogd.service",
    ]


def test_where_nothing_sends_logs_that_is_the_reason(tmp_path: Path) -> None:
    ground = Ground(tmp_path, lacking=frozenset({"rsyslogd"})).begin()
    with pytest.raises(Unsupported, match="neither rsyslog nor systemd-netlogd is installed"):
        ground.put(LOGGING, syslog(address="10.0.0.9"))


def test_an_rsyslog_that_does_not_start_is_started_with_the_old_file(tmp_path: Path) -> None:
    said = answering({"systemctl restart": Result(1, err="bad line 3")})
    ground = with_systemd(Ground(tmp_path, said)).begin()
    with pytest.raises(Undone, match="bad line 3"):
        ground.put(LOGGING, syslog(address="10.0.0.9"))
    assert ground.machine.text(RSYSLOG) is None
    assert ground.lines == ["systemctl restart rsyslog.service"] * 2


@pytest.mark.parametrize("address", ["10.0.0.9:0", "10.0.0.9:x", "10.0.0.9:70000", ":514", "a b"])
def test_an_address_that_is_none_is_refused(ground: Ground, address: str) -> None:
    with pytest.raises(Invalid, match=r"config\.syslog\.address: "):
        ground.put(LOGGING, syslog(address=address))
