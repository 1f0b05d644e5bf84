"""Do steps, and take them back."""

import logging
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from muster.agent.failures import Refusing, Undone
from muster.agent.machine import Machine
from muster.agent.runner import TOO_LONG, Result
from muster.agent.steps import Act, File, Knob, Put, Run, Unit
from muster.base.errors import Unsupported

LOG = logging.getLogger("muster.agent")
TAKING_BACK_S = 300.0  # packages take their time
UNSET = "(null)"  # what some knobs read as that say nothing


def so(machine: Machine, file: File) -> bool:
    """Return whether a file is so already. Knobs are read as words: the kernel spaces them."""
    now = machine.text(file.path)
    if isinstance(file, Knob):
        return now is not None and now.split() == file.text.split()
    return now == file.text


def was(machine: Machine, path: str) -> list[Any]:
    """Return a file's text, mode and group; no text where there is none."""
    text = machine.text(path)
    mode = stat.S_IMODE(machine.place(path).stat().st_mode) if text is not None else 0o644
    return [text, mode, machine.group(path)]


def write(machine: Machine, file: File) -> None:
    """Make a file so. What the kernel refuses is told as such."""
    if isinstance(file, Put):
        machine.put(file.path, file.text, file.mode, file.group)
        return
    try:
        if file.first:
            machine.turn(file.path, file.first)
        machine.turn(file.path, "\n" if file.text.strip() == UNSET else file.text)
    except OSError as error:
        raise Unsupported(
            f"the kernel does not take {file.text!r} for {file.path}: {error.strerror}"
        ) from error


def do(machine: Machine, step: File | Act) -> None:
    """Do one step, whatever it is."""
    if isinstance(step, File):
        write(machine, step)
    else:
        perform(machine, step)


def perform(machine: Machine, act: Act) -> Result:
    """Run one act; raise `Undone` where it fails and may not."""
    if isinstance(act, Unit):
        result, words = machine.unit(act), f"systemctl {act.verb} {act.name}"
        allowed = result.code == 0
    else:
        result, words = machine.runner.run(act), " ".join(act.argv)
        allowed = result.code in act.codes or act.tolerated
    LOG.info("ran %s: %s", words, result.code)
    if not allowed:
        # A unit that does not start with new files has to be started with the old ones.
        kind = Undone if isinstance(act, Unit) or result.code == TOO_LONG else Refusing
        raise kind(f"`{words}` ended with {result.code}: {result.said or 'it said nothing'}")
    return result


def take_back(machine: Machine, files: Sequence[Any], acts: Iterable[Sequence[str]]) -> list[str]:
    """Put files back, then run what undoes acts, the last first; return what could not be.

    A file that is as it was is not written: some knobs act whenever they are.
    """
    faults = []
    for path, text, mode, knob, *group in reversed(files):
        if text is None and knob is not None:  # nothing can be read there
            continue
        file = Put(path, text, mode, *group) if knob is None else Knob(path, text, knob)
        try:
            if not so(machine, file):
                write(machine, file)
        except (OSError, Unsupported) as error:
            faults.append(f"{path}: {error}")
    for argv in reversed(list(acts)):
        result = machine.runner.run(Run(tuple(argv), timeout_s=TAKING_BACK_S))
        LOG.info("took back by %s: %s", " ".join(argv), result.code)
        if result.code:
            faults.append(f"`{' '.join(argv)}`: {result.said}")
    return faults


def undoing(machine: Machine, act: Act) -> tuple[str, ...]:
    """Return what takes an act back, as things are before it."""
    if isinstance(act, Run):
        return act.undo
    if not machine.has_systemd:
        return ()
    if act.verb in ("enable", "disable"):
        is_enabled = machine.ask("systemctl", "is-enabled", "--quiet", act.name).code == 0
        verb = _ENABLING.get((act.verb, is_enabled))
    else:
        verb = _RUNNING.get((act.verb, machine.runs(act.name)))
    return ("systemctl", verb, act.name) if verb else ()


# What is done, and whether it was so before -> what takes it back.
_ENABLING: Mapping[tuple[str, bool], str] = {
    ("enable", False): "disable",
    ("disable", True): "enable",
}
_RUNNING: Mapping[tuple[str, bool], str] = {
    ("start", False): "stop",
    ("stop", True): "start",
    ("restart", True): "restart",  # with the old files, which are put back before
    ("restart", False): "stop",
}
