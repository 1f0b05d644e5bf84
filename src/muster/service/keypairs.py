"""SSH public keys by name."""

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256

from muster.base.errors import Conflict, Invalid, NotFound
from muster.base.ids import new_id
from muster.model.catalog import Keypair
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import find_keypair

KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def fingerprint(public_key: str) -> str:
    """Return the SHA256 fingerprint as `ssh-keygen -l` shows it.

    Raises `Invalid` for what is not one line of OpenSSH public key: a private key above all.
    """
    if "PRIVATE KEY" in public_key:
        raise Invalid("this is a private key; give the public one (.pub)", field="public_key")
    words = public_key.split()
    if len(words) < 2 or words[0] not in KINDS or "\n" in public_key.strip():
        text = "must be one OpenSSH public key, such as 'ssh-ed25519 AAAA... name'"
        raise Invalid(text, field="public_key")
    try:
        blob = b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("the key itself is not base64", field="public_key") from None
    name = words[0].encode()
    if not blob.startswith(len(name).to_bytes(4, "big") + name) or len(blob) < 40:
        raise Invalid(f"the key itself is not one of kind {words[0]}", field="public_key")
    return "SHA256:" + b64encode(sha256(blob).digest()).decode().rstrip("=")


async def listing(desk: Desk, who: Who) -> list[Keypair]:
    query = Query(project=who.project, sort=(("name", False),))
    return await desk.store.read(lambda tx: tx.keypairs.find(query))


async def show(desk: Desk, who: Who, name: str) -> Keypair:
    return await desk.store.read(lambda tx: _find(tx, who, name))


def _find(tx: Transaction, who: Who, name: str) -> Keypair:
    keypair = find_keypair(tx, who, name)
    if keypair is None:
        raise NotFound(f"there is no keypair '{name}' in this project")
    return keypair


async def creation(desk: Desk, who: Who, name: str, public_key: str) -> Intent[Keypair]:
    keypair = Keypair(
        id=new_id(),
        project=who.project,
        user=who.user,
        name=name,
        public_key=public_key.strip(),
        fingerprint=fingerprint(public_key),
        created_at=desk.clock.now(),
    )

    def check(tx: Transaction) -> None:
        if find_keypair(tx, who, name):
            raise Conflict(f"this project has a keypair named '{name}' already", field="name")

    def create(tx: Transaction) -> Keypair:
        check(tx)
        tx.keypairs.put(keypair)
        return keypair

    await desk.store.read(check)
    return plain(lambda: desk.store.write(create), f"store keypair {name}")


async def deletion(desk: Desk, who: Who, name: str) -> Intent[None]:
    """Return the intent to forget a keypair; instances keep it, it is pinned in them."""
    seen = await show(desk, who, name)

    async def delete() -> None:
        await desk.store.write(lambda tx: tx.keypairs.drop(seen.id))

    lost = (f"keypair {name}",)
    return plain(delete, f"delete keypair {name}", loses=lost, reversible=False)
