"""What the machine says of itself to whoever looks for a fault."""

from muster.agent.agent import Agent
from muster.agent.envelope import Asked, Plain
from muster.agent.said import wrong
from muster.base.errors import Unsupported

MOST = 100_000
WITHIN_S = 30.0


def listed(agent: Agent, asked: Asked) -> object:
    return [f"{asked.prefix}/1.0/debug/{name}" for name in ("kernel", "log", "processes")]


def log(agent: Agent, asked: Asked) -> object:
    """Return the journal of this boot or of `boot`, of one `unit`, the last `entries`."""
    unit, boot = asked.query.get("unit", ""), asked.query.get("boot", "0")
    entries = asked.query.get("entries", "1000")
    if not entries.isdigit() or not 0 < int(entries) <= MOST:
        raise wrong("entries", f"must be from 1 to {MOST}")
    if not boot.removeprefix("-").isdigit():
        raise wrong("boot", "must be a whole number: 0 is this one, -1 the one before")
    words = ["--no-pager", f"--boot={boot}", f"--lines={entries}"]
    return _said(agent, "journalctl", *words, *([f"--unit={unit}"] if unit else []))


def processes(agent: Agent, asked: Asked) -> object:
    return _said(agent, "ps", "-e", "-o", "pid,ppid,user,stat,etime,rss,args")


def kernel(agent: Agent, asked: Asked) -> object:
    return _said(agent, "dmesg", "--time-format=iso")


def _said(agent: Agent, *argv: str) -> Plain:
    if not agent.machine.runner.has(argv[0]):
        raise Unsupported(f"there is no {argv[0]} here")
    told = agent.machine.ask(*argv, timeout_s=WITHIN_S)
    if told.code:
        raise Unsupported(f"{argv[0]} says nothing: {told.said}")
    return Plain(told.out)
