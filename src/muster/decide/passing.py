"""What of a machine's own interface is passed on to it, and what is not, and why."""

import re
from collections.abc import Mapping

_TAKES = frozenset({"GET", "PUT", "POST"})
_PLAIN = re.compile(r"1\.0(/[A-Za-z0-9:._@+-]{1,128}){0,8}")
_ASK = "ask Muster: {}, which looks first whether it may be"

# What would take a machine out of Muster's hands, or behind its back: by the end of the path.
_ELSEWHERE: Mapping[tuple[str, str], str] = {
    ("PUT", "system/provider"): "this would have the machine belong to somebody else: register it",
    ("POST", "system/:factory-reset"): _ASK.format("POST servers/NAME/system/:factory-reset"),
    ("POST", "system/:reboot"): _ASK.format("POST servers/NAME/system/:reboot"),
    ("POST", "system/:poweroff"): _ASK.format("POST servers/NAME/system/:poweroff"),
    ("POST", "system/:suspend"): "a machine that sleeps does not answer: power it off",
    ("POST", "system/:backup"): "it answers with a file, which is not passed on",
    ("POST", "system/:restore"): "it takes a file, which is not passed on",
    ("POST", "debug/:run-script"): "this runs anything: sign in to the machine for that",
}
_FILES = re.compile(r"applications/[^/]+/:(backup|restore)")
RECONFIGURES = frozenset({"system/network", "system/storage"})


def refusal(method: str, path: str) -> str:
    """Return why this is not passed on to a machine, "" where it is. Paths begin with 1.0."""
    if method not in _TAKES:
        return f"a machine takes {', '.join(sorted(_TAKES))}, and not {method}"
    if not path:
        return "" if method == "GET" else "there is nothing to change"
    if not _PLAIN.fullmatch(path) or any(set(each) <= {"."} for each in path.split("/")):
        return "must be a path such as 1.0/system/network"
    what = path.removeprefix("1.0").lstrip("/")
    if method == "POST" and _FILES.fullmatch(what):
        return "files are not passed on"
    return _ELSEWHERE.get((method, what), "")


def part_of(path: str) -> str:
    """Return what a path is about: what stands behind the version."""
    return path.removeprefix("1.0").lstrip("/")
