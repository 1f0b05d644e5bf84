"""`muster launch`: one instance by one line, with a key and an address to log in by."""

import os
import socket
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muster.cli.asking import NUMBER, Asking, asking

if TYPE_CHECKING:
    from muster.client.http import Session

KEY = "muster"  # the keypair that is made when it is first wanted
LOGINS = {"fedora": "fedora", "ubuntu": "ubuntu", "debian": "debian", "cirros": "cirros"}
SSH = 22
REACH_S = 30.0
ADDRESS_S = 60.0
LOOK_S = 0.1
STOOD_FOR = {"cirros": "muster-small"}  # where there is no image of that name


@click.command()
@click.argument("image")
@click.option("-n", "--name", help="Of the instance. Default: the image's, with a number.")
@click.option("-f", "--flavor", default="tiny", show_default=True)
@click.option("-k", "--key", help=f"A keypair. Default: {KEY}, which is made at the first time.")
@click.option("-t", "--network", "--net-id", help="Default: the cloud's first.")
@click.option("--volume", help="A volume that it gets.")
@click.option("--availability-zone", "zone", help="A zone, or nova:HOST for one host.")
@click.option("--cloud", "region", help="Default: the server's default cloud.")
@click.option("--timeout", type=NUMBER, default=300, show_default=True, help="In seconds.")
@asking
def launch(asked: Asking, image: str, timeout: float, **said: str | None) -> None:
    """Start an instance of IMAGE, and print its address and the line that logs in to it.

    muster launch muster-small --name first --availability-zone nova:m2
    """
    from muster.client.waiting import until_ended

    began = time.monotonic()
    with asked.session() as session:
        if said["volume"]:
            _refuse_taken(session, said["volume"])  # before anything is made
        image = _image(session, image)
        key, file = _key(session, said["key"])
        name = said["name"] or _free_name(session, image)
        _say(asked, f"Launching {name} ...")
        profile = _profile(session, name, _properties(image, key, said))
        body = {"node": {"name": name, "profile_id": profile}}
        answer, action = session.wish("POST", "/v1/nodes", body)
        id = str(answer["node"]["id"])
        for _ in until_ended(session, action, timeout):
            pass
        server = _server(session, id)
        if said["volume"]:
            session.call("POST", f"/v1/volumes/{said['volume']}/attach", {"instance": id})
    made = {
        "id": id,
        "name": name,
        "host": server["OS-EXT-SRV-ATTR:host"],
        "address": _address(server),
        "ssh": _line(image, file, _address(server)),
        "seconds": round(time.monotonic() - began, 1),
        "reached": _reaches(_address(server)),
    }
    asked.show(made, lambda _: _tell(made))


def _tell(made: dict[str, Any]) -> None:
    where = f" on {made['host']}" if made["host"] else ""
    click.echo(f"{made['name']} runs{where}, at {made['address']}, after {made['seconds']} s.\n")
    click.echo(f"Access it with `{made['ssh']}`")
    if not made["reached"]:
        click.echo(
            f"\n{made['address']} lets nobody in by SSH from here: the image has no SSH, or this "
            "machine is not on the instance's network (muster init --uplink puts instances on "
            "one that others reach)",
            err=True,
        )


def _refuse_taken(session: "Session", volume: str) -> None:
    """Raise `ApiError` for a volume that is not there, `UsageError` for one that somebody has."""
    from muster.client.http import at

    there = session.call("GET", at("volumes", volume))["volume"]
    if there["server"]:
        raise click.UsageError(
            f"volume {volume} is attached to {there['instance_name'] or there['server']}: take it "
            "off there first "
            f"(muster volume detach {volume})"
        )


def _say(asked: Asking, text: str) -> None:
    if not asked.as_json:
        click.echo(text)


def _image(session: "Session", said: str) -> str:
    names = {each["name"] for each in session.call("GET", "/v1/images")["images"]}
    other = STOOD_FOR.get(said.partition("-")[0], said)
    return other if said not in names and other in names else said


def _free_name(session: "Session", image: str) -> str:
    stem = image.partition(":")[0].replace(".", "-")
    taken = {each["name"] for each in session.call("GET", "/v1/nodes")["nodes"]}
    return next(each for n in range(1, len(taken) + 2) if (each := f"{stem}-{n}") not in taken)


def _properties(image: str, key: str, said: dict[str, str | None]) -> dict[str, Any]:
    properties: dict[str, Any] = {"image": image, "flavor": said["flavor"], "key_name": key}
    if said["network"]:
        properties["networks"] = [{"network": said["network"]}]
    if said["zone"]:
        properties["availability_zone"] = said["zone"]
    if said["region"]:
        properties["context"] = {"region_name": said["region"]}
    return properties


# Note [A profile of its own]
# A node is made of a profile, which somebody who launches an instance has not heard of. It is made
# for the instance, and looks everything up anew: the image of that name, and whether the host
# takes anything now. What an earlier instance of that name has left goes, unless it is in use.
def _profile(session: "Session", name: str, properties: dict[str, Any]) -> str:
    """Return the id of the instance's profile. See Note [A profile of its own]."""
    from muster.client.http import ApiError

    name = f"launch-{name}"
    for each in session.call("GET", "/v1/profiles", query={"name": name})["profiles"]:
        with suppress(ApiError):
            session.call("DELETE", f"/v1/profiles/{each['id']}")
    spec = {"type": "os.nova.server", "version": "1.0", "properties": properties}
    made = session.call("POST", "/v1/profiles", {"profile": {"name": name, "spec": spec}})
    return str(made["profile"]["id"])


def _key(session: "Session", said: str | None) -> tuple[str, str]:
    """Return the keypair's name, and the file of its private half where we know it."""
    if said:
        return said, "/path/to/the/key/of/" + said
    file = Path("~/.ssh/id_muster").expanduser()
    public = _made(file)
    known = {each["name"] for each in session.call("GET", "/v1/keypairs")["keypairs"]}
    name = f"{KEY}-{sha256(public.encode()).hexdigest()[:8]}"
    if name not in known:
        session.call("POST", "/v1/keypairs", {"name": name, "public_key": public})
    return name, str(file)


def _made(file: Path) -> str:
    """Return the public half of the key in that file, which is made when it is not there."""
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if file.exists():
        key = forms.load_ssh_private_key(file.read_bytes(), None)
    else:
        key = Ed25519PrivateKey.generate()
        form = (forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption())
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(key.private_bytes(*form))
    form_of_public = (forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    return key.public_key().public_bytes(*form_of_public).decode()


def _server(session: "Session", id: str) -> dict[str, Any]:
    """Return what the cloud says of the node's server, once it has an address."""
    end = time.monotonic() + ADDRESS_S
    while True:
        seen = session.call("GET", f"/v1/nodes/{id}", query={"show_details": True})["node"]
        details: dict[str, Any] = seen.get("details") or {}
        if details.get("addresses"):
            return details
        if time.monotonic() > end:
            text = f"{seen['name']} runs and has no address: is there DHCP on its network?"
            raise click.ClickException(text)
        time.sleep(LOOK_S)


def _address(server: dict[str, Any]) -> str:
    return str(next(iter(server["addresses"].values()))[0]["addr"])


def _line(image: str, file: str, address: str) -> str:
    login = next((who for word, who in LOGINS.items() if image.startswith(word)), "root")
    return f"ssh -i {file} {login}@{address}"


def _reaches(address: str) -> bool:
    end = time.monotonic() + REACH_S
    while time.monotonic() < end:
        try:
            with socket.create_connection((address, SSH), 2):
                return True
        except ConnectionRefusedError:
            time.sleep(LOOK_S)
        except OSError:
            return False
    return False
