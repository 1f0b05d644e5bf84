"""From which sources a machine is updated: a channel is what they are, or were at some moment."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from muster.agent.environment import release
from muster.agent.machine import Machine
from muster.agent.noun import Lack
from muster.agent.steps import Act, File, Put, run

LIST, PARTS = "/etc/apt/sources.list", "/etc/apt/sources.list.d"
ADDED = f"{PARTS}/muster-channel.sources"
TERMS, PINS = "/etc/apt/apt.conf.d/99muster-channel", "/etc/apt/preferences.d/99muster-channel"
OWN = "/etc/muster/channels"
AS_IS, PROPOSED = ("", "stable"), "proposed"
_MOMENT = re.compile(r"snapshot-(\d{8})(?:t(\d{6})z)?")
WITHIN_S = 180.0

# Note [What a channel does]
# `stable` is the sources as they are. `proposed` is what the distribution means to publish, beside
# them. `snapshot-20260301` is what was published by then: the distribution's own archives are read
# from where it keeps their past, so that machines told the same are the same, whenever they are
# told. Any other is a file of sources under its name that an administrator has put on the machine,
# read beside the others. What is not the distribution's stays as it is. Whether what is new can be
# had is tried at once, each file by itself: a source of somebody else that is away changes nothing.


@dataclass(frozen=True, slots=True)
class Distribution:
    """Where the packages of one come from, and where their past is kept."""

    past: tuple[tuple[str, str], ...]  # what is read now, or was by another moment -> as of one
    proposed: str
    uri: str
    keyring: str


_DEBIAN, _UBUNTU = "snapshot.debian.org/archive", "snapshot.ubuntu.com/ubuntu"
KNOWN: Mapping[str, Distribution] = {
    "debian": Distribution(
        (
            (
                rf"(?:(?:deb|security)\.debian\.org|{_DEBIAN})/debian-security(?:/\w+)?",
                f"{_DEBIAN}/debian-security/@",
            ),
            (rf"(?:[\w.]+\.debian\.org|{_DEBIAN})/debian(?:/\w+)?", f"{_DEBIAN}/debian/@"),
        ),
        "proposed-updates",
        "https://deb.debian.org/debian",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    ),
    "ubuntu": Distribution(
        (
            (
                rf"(?:(?:[\w.]+\.)?(?:archive|security)\.ubuntu\.com/ubuntu|{_UBUNTU})(?:/\w+)?",
                f"{_UBUNTU}/@",
            ),
        ),
        "proposed",
        "http://archive.ubuntu.com/ubuntu",
        "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    ),
}


@dataclass(frozen=True, slots=True)
class Sources:
    """What the machine is, and its sources as they are."""

    distribution: str
    codename: str
    texts: Mapping[str, str]
    own: str | None = None  # what the administrator's file of the channel says


def seen(machine: Machine, channel: str) -> Sources:
    parts = [f"{PARTS}/{each}" for each in machine.names(PARTS)]
    paths = [
        each for each in (LIST, *parts) if each.endswith((".list", ".sources")) and each != ADDED
    ]
    texts = {path: text for path in paths if (text := machine.text(path))}
    about = release(machine)
    own = machine.text(f"{OWN}/{channel}.sources") if channel else None
    return Sources(about.get("ID", ""), about.get("VERSION_CODENAME", ""), texts, own)


def moment(channel: str) -> str:
    """Return the moment that a channel names, as archives write it; nothing where it names none."""
    found = _MOMENT.fullmatch(channel)
    return f"{found[1]}T{found[2] or '000000'}Z" if found else ""


def files(channel: str, there: Sources) -> Iterator[File]:
    """See Note [What a channel does]."""
    if at := moment(channel):
        rewritten = {path: _as_of(there, text, at) for path, text in there.texts.items()}
        for path, text in rewritten.items():
            if at in text:
                yield Put(path, text)
        # What was published long ago has said until when it holds.
        yield Put(TERMS, 'Acquire::Check-Valid-Until "false";\n')
    elif channel == PROPOSED and there.distribution in KNOWN:
        yield from _proposed(there)
    elif channel not in AS_IS and there.own is not None:
        yield Put(ADDED, there.own)


def _as_of(there: Sources, text: str, at: str) -> str:
    for now, then in KNOWN[there.distribution].past if there.distribution in KNOWN else ():
        text = re.sub(rf"https?://{now}(?=[\s/]|$)/?", f"https://{then.replace('@', at)}/", text)
    return text


def _proposed(there: Sources) -> Iterator[File]:
    known = KNOWN[there.distribution]
    suite = f"{there.codename}-{known.proposed}"
    components = "main universe" if there.distribution == "ubuntu" else "main"
    yield Put(
        ADDED,
        f"Types: deb\nURIs: {known.uri}\nSuites: {suite}\nComponents: {components}\n"
        f"Signed-By: {known.keyring}\n",
    )
    yield Put(PINS, f"Package: *\nPin: release n={suite}\nPin-Priority: 500\n")


def acts(changed: Iterable[str]) -> Iterator[Act]:
    """Have what is new be read, each file by itself; what cannot be had is not told."""
    read = [each for each in changed if each.startswith((LIST, PARTS))]
    for path in sorted(read):
        only = ("-o", f"Dir::Etc::SourceList={path}", "-o", "Dir::Etc::SourceParts=-")
        words = ("apt-get", "update", "--error-on=any", *only, "-o", "APT::Get::List-Cleanup=0")
        yield run("sh", "-c", _if_there(path, words), timeout_s=WITHIN_S)


def _if_there(path: str, words: Iterable[str]) -> str:
    return f"test ! -e {path} || exec {' '.join(words)}"


def lacks(channel: str, machine: Machine) -> Iterator[Lack]:
    if channel in AS_IS:
        return
    there = seen(machine, channel)
    is_known = bool(moment(channel)) or channel == PROPOSED
    if is_known and there.distribution not in KNOWN:
        reason = f"of {there.distribution or 'this system'} no {channel} is known, only of Debian"
        yield Lack("config.channel", f"{reason} and Ubuntu")
    elif moment(channel) and not any(True for each in files(channel, there) if each.path != TERMS):
        yield Lack("config.channel", "no source of this machine is an archive of its distribution")
    elif not is_known and there.own is None:
        yield Lack("config.channel", f"there is no {OWN}/{channel}.sources on this machine")
