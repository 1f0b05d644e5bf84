"""What the services are told: the texts in `settings`, filled in for one place."""

import base64
import secrets
import shutil
import subprocess
import uuid
from string import Template

from testbed.openstack.place import COMPUTES, HERE, PASSWORD, PROFILES, Place

DOWN_AFTER_S = 30  # a service that has not reported for so long is down
CREDENTIALS = """auth_url = {url}/v3
auth_type = password
username = svc
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
region_name = RegionOne"""
POINTS = {
    "neutron.ml2.mechanism_drivers": "bind_ports = bind_ports:MechanismDriver",
    "octavia.network.drivers": "real_vip = real_vip:Driver",
}
FOLDERS = (
    *("lock", "nova", "neutron", "cinder/coordination", "cinder/conversion", "octavia"),
    *("designate", "glance/images", "glance/staging", "glance/tasks", "tmp", "rabbitmq"),
)
_PLACES = {"ml2_conf.ini": "neutron/plugins/ml2", "pools.yaml": "designate", "policy.yaml": "heat"}


def write(place: Place) -> None:
    """Write all settings, and the folders and keys that they name."""
    for each in FOLDERS:
        (place.base / "run" / each).mkdir(parents=True)
    (place.base / "logs").mkdir()
    known = _known(place)
    known["shared"] = _filled("shared.conf", known)
    for path in sorted((HERE / "settings").iterdir()):
        service = _PLACES.get(path.name, path.name.partition(".")[0].removesuffix("-api"))
        folder = place.base / "etc" / service
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_text(_filled(path.name, known))
    for service in ("nova", "designate"):  # which look for it nowhere else
        stock = place.program.parent / "etc" / service / "api-paste.ini"
        shutil.copy(stock, place.base / "etc" / service)
    _write_hosts(place)
    _write_keys(place)
    _write_entry_points(place)
    _write_clouds(place)


def _known(place: Place) -> dict[str, str]:
    urls = {each: place.url(each) for each in (*PROFILES["all"], "heat_signals")}
    ports = ("octavia_health", "designate_mdns", "nameserver")
    return {
        **urls,
        **{each: str(place.port(each)) for each in ports},
        "base": str(place.base),
        "stock": str(place.program.parent / "etc"),
        "password": PASSWORD,
        "credentials": CREDENTIALS.format(url=place.url("keystone"), password=PASSWORD),
        "database": f"mysql+pymysql://root@127.0.0.1:{place.port('mariadb')}",
        "messages": f"rabbit://guest:guest@127.0.0.1:{place.port('rabbitmq')}/",
        "down_after_s": str(DOWN_AFTER_S),
    }


def _filled(name: str, known: dict[str, str]) -> str:
    return Template((HERE / "settings" / name).read_text()).substitute(known)


def _write_hosts(place: Place) -> None:
    """Give each compute its name and the identity that it keeps when it is started again."""
    for host in COMPUTES:
        state = place.base / "run" / host
        state.mkdir()
        (state / "compute_id").write_text(str(uuid.uuid5(uuid.NAMESPACE_DNS, host)))
        told = f"[DEFAULT]\nhost = {host}\nstate_path = {state}\nlog_file = nova-{host}.log\n"
        (place.base / "etc" / "nova" / f"{host}.conf").write_text(told)


def _write_keys(place: Place) -> None:
    folder = place.base / "etc" / "keystone" / "keys"
    folder.mkdir(mode=0o700)
    for number in ("0", "1"):
        key = folder / number
        key.touch(mode=0o600)
        key.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
    made = place.base / "etc" / "octavia"
    say = ["openssl", "req", "-x509", "-days", "30", "-subj", "/CN=octavia", "-newkey", "rsa:2048"]
    say += ["-passout", "pass:only-in-tests", "-keyout", f"{made}/ca.key", "-out", f"{made}/ca.pem"]
    subprocess.run(say, check=True, capture_output=True)


def _write_entry_points(place: Place) -> None:
    """Have the drivers in `inside` be found as if they were installed."""
    folder = place.base / "drivers" / "testbed-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: testbed\nVersion: 1\n")
    said = "".join(f"[{group}]\n{point}\n" for group, point in POINTS.items())
    (folder / "entry_points.txt").write_text(said)


def _write_clouds(place: Place) -> None:
    place.clouds.write_text(clouds_yaml({"admin": auth(place, "admin", "admin")}))


def auth(place: Place, user: str, project: str) -> dict[str, str]:
    """Return what a client signs in with, as clouds.yaml names it."""
    return {
        "auth_url": f"{place.url('keystone')}/v3",
        "username": user,
        "password": PASSWORD,
        "project_name": project,
        "user_domain_id": "default",
        "project_domain_id": "default",
    }


def clouds_yaml(auths: dict[str, dict[str, str]]) -> str:
    lines = ["clouds:"]
    for name, auth_ in auths.items():
        lines += [f"  {name}:", "    region_name: RegionOne", "    identity_api_version: 3"]
        lines += ["    auth:", *(f"      {key}: {value}" for key, value in auth_.items())]
    return "\n".join(lines) + "\n"
