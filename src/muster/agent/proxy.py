"""By which proxy the machine's programs reach the web, and where they go without."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from muster.agent.noun import Lack
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, File, Put, run

VARIABLES = "/etc/muster-proxy.env"
SERVICES = "/etc/systemd/system/service.d/50-muster-proxy.conf"
SHELLS = "/etc/profile.d/muster-proxy.sh"
APT = "/etc/apt/apt.conf.d/99muster-proxy"
DIRECT = ("direct", "none")
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}"
WHERE = r"\*|(\*?\.)?[A-Za-z0-9][A-Za-z0-9.-]*|[0-9A-Fa-f:.]+(/[0-9]{1,3})?"

# Note [One proxy and exceptions]
# Programs of a plain machine know one proxy and where to go without: the variables that all of
# them read. They are in a file of root's, which the service manager gives to every service that
# starts, and shells of root read; a password in it is shown to nobody else. So one rule may name a
# server, for all that is left, and those before it where to go directly. Rules that send this here
# and that there would need a proxy on the machine itself, and are refused.


@dataclass(frozen=True, slots=True)
class Server:
    host: str = ruled(needed=True, pattern=HOST)
    auth: str = ruled("", among=("anonymous", "basic"))
    username: str = ""
    password: str = ruled("", secret=True)
    realm: str = ""
    use_tls: bool = False

    @property
    def url(self) -> str:
        user = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@"
        who = user if self.username else ""
        return f"http{'s' if self.use_tls else ''}://{who}{self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    destination: str = ruled("*", pattern=rf"({WHERE})(\|({WHERE}))*")
    target: str = ruled(needed=True, pattern=NAME)


@dataclass(frozen=True, slots=True)
class Proxy:
    servers: Mapping[str, Server] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


def check(config: Proxy) -> None:
    for name, each in config.servers.items():
        here = f"config.proxy.servers.{name}"
        if not re.fullmatch(NAME, name) or name in DIRECT:
            raise wrong(here, f"the name does not have the form {NAME}, or is a word of its own")
        if (each.auth == "basic") != bool(each.username):
            raise wrong(f"{here}.username", "goes with auth basic, and that with a username")
        if each.password and not each.username:
            raise wrong(f"{here}.password", "is of a username")
    for n, rule in enumerate(config.rules):
        if rule.target not in (*config.servers, *DIRECT):
            known = ", ".join((*config.servers, "direct"))
            raise wrong(f"config.proxy.rules[{n}].target", f"is no server; known: {known}")
        if rule.destination == "*" and rule is not config.rules[-1]:
            raise wrong(
                f"config.proxy.rules[{n}].destination", "is all, so no other comes after it"
            )


def lacks(config: Proxy) -> Iterator[Lack]:
    """See Note [One proxy and exceptions]."""
    if len(config.servers) > 1 and not config.rules:
        yield Lack("config.proxy.rules", "of several servers one has to be for all (`*`)")
    for n, rule in enumerate(config.rules):
        if rule.target not in DIRECT and rule.destination != "*":
            reason = "programs here know one proxy, for all (`*`), and exceptions from it"
            yield Lack(f"config.proxy.rules[{n}]", reason)
    for name, server in config.servers.items():
        if server.realm:
            reason = "programs here prove who they are by name and password alone"
            yield Lack(f"config.proxy.servers.{name}.realm", reason)


def chosen(config: Proxy) -> Server | None:
    """Return the server that all goes by, if any does."""
    targets = [rule.target for rule in config.rules if rule.target not in DIRECT]
    if config.rules:
        return config.servers[targets[-1]] if targets else None
    return next(iter(config.servers.values()), None)


def exceptions(config: Proxy) -> list[str]:
    """Return where programs go directly, as they understand that."""
    told = [
        where.removeprefix("*")
        for rule in config.rules
        if rule.target in DIRECT and rule.destination != "*"
        for where in rule.destination.split("|")
    ]
    return ["localhost", "127.0.0.1", "::1", *told]


def files(config: Proxy) -> Iterator[File]:
    server = chosen(config)
    if server is None:
        return
    mode, exempt = 0o600 if server.password else 0o644, exceptions(config)
    values = {"http_proxy": server.url, "https_proxy": server.url, "no_proxy": ",".join(exempt)}
    both = {**values, **{name.upper(): value for name, value in values.items()}}
    yield Put(VARIABLES, "".join(f'{name}="{value}"\n' for name, value in both.items()), mode)
    yield Put(SERVICES, f"[Service]\nEnvironmentFile=-{VARIABLES}\n")
    yield Put(SHELLS, f"if [ -r {VARIABLES} ]; then set -a; . {VARIABLES}; set +a; fi\n")
    apt = [f'Acquire::{kind}::Proxy "{server.url}";\n' for kind in ("http", "https")]
    apt += [
        f'Acquire::{kind}::Proxy::{where} "DIRECT";\n'
        for where in exempt
        for kind in ("http", "https")
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", where)
    ]
    yield Put(APT, "".join(apt), mode)


def acts(changed: frozenset[str]) -> Iterator[Act]:
    """What runs goes on as it was begun: who is to know of another proxy has to begin anew."""
    if SERVICES in changed:
        again = ("systemctl", "daemon-reload")
        yield run(*again, undo=again, tolerated=True)
