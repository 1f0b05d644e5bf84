"""Identity `none`: whoever can reach the loopback address is the admin of one project."""

from collections.abc import Mapping
from ipaddress import ip_address

from muster.model.who import Who

ADMIN = Who(user="admin", project="default", roles=("admin",))


class NoIdentity:
    challenge = ""

    async def who(self, headers: Mapping[str, str]) -> Who:
        return ADMIN

    def projects(self, user: str) -> Mapping[str, tuple[str, ...]]:
        return {ADMIN.project: ADMIN.roles}


def listens_beyond_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached by others. A name counts, `localhost` not."""
    if host == "localhost":
        return False
    try:
        return not ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return True
