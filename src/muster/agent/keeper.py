"""Make the machine as a configuration says, whole or not at all, and keep what was said."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from muster.agent import doing
from muster.agent.failures import Refusing, Undone
from muster.agent.machine import Machine
from muster.agent.memory import Memory, recalled
from muster.agent.noun import Noun
from muster.agent.said import read, secrets, unmasked, written
from muster.agent.steps import Act, Acts, File, Knob, Put
from muster.base.errors import Invalid, Unsupported

# Note [Whole or not at all]
# Before anything is touched, what takes it all back is written to disk: the files as they are
# and, before each act, a command that undoes it. What fails is taken back by that at once; an
# agent that is killed half-way does so at its next start, and undoes no act that it had not come
# to. A change that has to be confirmed leaves its entry in the journal, with the moment until
# which, so taking it back needs nothing that could be forgotten. What is noted with a change
# becomes so by the same write as its configuration, and is taken back with it.


@dataclass
class Change:
    """What makes the machine as a configuration says."""

    files: list[File]
    acts: Acts
    left: list[str]  # paths that are no longer ours
    notes: Mapping[str, Any]  # what is remembered with it; None: no longer
    found: list[str]  # paths that are as they are to be, and may have been before us


@dataclass
class Keeper:
    machine: Machine
    nouns: Mapping[str, Noun[Any]]
    memory: Memory = field(default_factory=Memory)
    lock: RLock = field(default_factory=RLock)

    def config(self, name: str) -> Any:
        """Return what a noun was told last; what says nothing where it never was."""
        return read(self.nouns[name].kind, self.memory.configs.get(name))

    def put(self, name: str, said: object, noting: Mapping[str, Any] | None = None) -> bool:
        """Make the machine so; return whether anything had to be changed.

        What is noted with it becomes so with the change or not at all; None is no note any more.
        Raises `Invalid` naming the field, `Unsupported` with the reason, or `Undone` where it
        failed and what was before is there again. See Note [Whole or not at all].
        """
        with self.lock:
            if name in self.memory.journal:
                raise Invalid("the change before this one waits to be confirmed")
            noun, old = self.nouns[name], self.config(name)
            new = read(noun.kind, unmasked(said, old, self.former(name)))
            noun.check(new)
            change = self._change(noun, old, new, noting or {})
            if change is None:
                return False
            self._refuse_what_lacks(noun, new)
            self._make(noun, new, change)
            return True

    @contextmanager
    def rewriting(self, name: str, paths: Iterable[str]) -> Iterator[None]:
        """Have files be as they are written meanwhile, or else, killed or not, as they were."""
        with self.lock:
            entry: dict[str, Any] = {"acts": [], "config": None, "originals": {}, "until": None}
            was = [(path, *doing.was(self.machine, path)) for path in paths]
            entry["files"] = [[path, text, mode, None, group] for path, text, mode, group in was]
            self.memory.journal[name] = entry
            is_whole = False
            try:
                self.memory.save(self.machine)
                yield
                del self.memory.journal[name]
                self.memory.save(self.machine)
                is_whole = True
            finally:
                if not is_whole:
                    self._take_back(name, entry)

    def confirm(self, name: str) -> None:
        with self.lock:
            if self.memory.journal.pop(name, None) is None:
                raise Invalid("no change waits to be confirmed")
            self.memory.save(self.machine)

    def expire(self, now: datetime) -> list[str]:
        """Take back what nobody confirmed in time; return what it was."""
        with self.lock:
            late = [
                name
                for name, entry in self.memory.journal.items()
                if entry["until"] is None or datetime.fromisoformat(entry["until"]) <= now
            ]
            for name in late:
                doing.LOG.warning("taking back a change of %s", name)
                self._take_back(name, self.memory.journal[name])
            return late

    def pending(self, name: str) -> bool:
        return name in self.memory.journal

    def start(self) -> None:
        """Take back what was half done, and do again what no boot does by itself."""
        with self.lock:
            self.memory = recalled(self.machine)
            self.expire(self.machine.clock.now())
            for name in [each for each in self.memory.configs if each in self.nouns]:
                noun = self.nouns[name]
                if noun.at_start and name not in self.memory.journal:
                    self._again(noun)

    def reset(self, name: str) -> None:
        """End what hangs of a noun by force, and do again what it was told.

        Raises `Invalid` where it is not there to be reset.
        """
        with self.lock:
            noun, config = self.nouns[name], self.config(name)
            if name in self.memory.journal or not getattr(config, "enabled", True):
                raise Invalid(f"{name} is not enabled, or waits to be confirmed")
            for act in noun.reset(config):
                doing.perform(self.machine, act)
            self._again(noun)

    def _again(self, noun: Noun[Any]) -> None:
        """Do what can be done of what is missing: one disk that is away keeps no other away."""
        config = self.config(noun.name)
        change = self._change(noun, config, config, {})
        steps = (*change.acts.first, *change.files, *change.acts.then) if change else ()
        for step in steps:
            try:
                doing.do(self.machine, step)
            except (Undone, Unsupported, OSError) as error:
                doing.LOG.error("%s is not as it was told to be: %s", noun.name, error)

    def _looked(self, noun: Noun[Any], config: Any) -> Any:
        return (noun.look or noun.sight)(self.machine, config)

    def _change(
        self, noun: Noun[Any], old: Any, new: Any, noting: Mapping[str, Any]
    ) -> Change | None:
        """Return what has to be done; None where all is so."""
        wanted = list(noun.files(new, noun.sight(self.machine, new)))
        differing = [each for each in wanted if not doing.so(self.machine, each)]
        before = {each.path: each for each in noun.files(old, noun.sight(self.machine, old))}
        left = sorted(set(before) - {each.path for each in wanted})
        back = [self._original(before[path]) for path in left]
        changed = frozenset(each.path for each in (*differing, *back))
        acts = noun.acts(old, new, self._looked(noun, new), changed)
        is_so = new == old and noun.name in self.memory.configs
        if is_so and not changed and not acts.first and not acts.then and not noting:
            return None
        found = [each.path for each in wanted if each not in differing]
        return Change([*differing, *back], acts, left, noting, found)

    def _original(self, file: File) -> File:
        text, mode, *group = self.memory.originals.get(file.path, [None, 0o644])
        if isinstance(file, Knob):
            return Knob(file.path, text if text is not None else file.text, file.first)
        return Put(file.path, text, mode, *group)

    def _refuse_what_lacks(self, noun: Noun[Any], new: Any) -> None:
        for lack in noun.lacks(new, self.machine):
            raise Unsupported(f"{lack.field}: {lack.reason}", field=lack.field)

    def _make(self, noun: Noun[Any], new: Any, change: Change) -> None:
        """Do a change, or take it back. See Note [Whole or not at all]."""
        entry = self._entry(noun.name, change)
        self.memory.journal[noun.name] = entry
        try:
            self.memory.save(self.machine)
            self._act(change, entry)
            fault = noun.verify(self.machine, new)
            if fault:
                raise Undone(fault)
            self._keep(noun, new, change, entry)
        except (Undone, Unsupported, OSError) as error:
            faults = self._take_back(noun.name, entry)
            raise _told(noun.name, error, faults) from error

    def _keep(self, noun: Noun[Any], new: Any, change: Change, entry: dict[str, Any]) -> None:
        """Have what was done be what the machine is, from when this is on disk."""
        self._remember(noun, new)
        _set(self.memory.notes, change.notes)
        for path in change.left:
            self.memory.originals.pop(path, None)
        is_felt = change.files or change.acts.first or change.acts.then
        wait = noun.confirm_s(new) if noun.confirm_s and is_felt else 0.0
        if wait:
            until = self.machine.clock.now() + timedelta(seconds=wait)
            entry["until"] = until.isoformat()
        else:
            del self.memory.journal[noun.name]
        self.memory.save(self.machine)

    def former(self, name: str) -> Any:
        """Return the configuration before the present one, where it had secrets."""
        return read(self.nouns[name].kind, self.memory.notes.get("former", {}).get(name))

    def _remember(self, noun: Noun[Any], new: Any) -> None:
        """Keep what a noun was told, and what it was before. See Note [Masked secrets]."""
        old = self.config(noun.name)
        if new != old and secrets(old):
            self.memory.notes.setdefault("former", {})[noun.name] = written(old)
        self.memory.configs[noun.name] = written(new)

    def forget(self) -> None:
        """Forget the secrets of whatever is not so any more."""
        with self.lock:
            if self.memory.notes.pop("former", None):
                self.memory.save(self.machine)

    def _entry(self, name: str, change: Change) -> dict[str, Any]:
        files, originals, notes = [], self.memory.originals, self.memory.notes
        before = {
            path: originals.get(path)
            for path in (*(f.path for f in change.files), *change.left, *change.found)
        }
        for file in change.files:
            text, mode, group = doing.was(self.machine, file.path)
            knob = file.first if isinstance(file, Knob) else None
            files.append([file.path, text, mode, knob, group])
            originals.setdefault(file.path, [text, mode, group])
        for path in change.found:
            originals.setdefault(path, doing.was(self.machine, path))
        return {
            "files": files,
            "acts": [],  # what undoes each act that was begun
            "config": self.memory.configs.get(name),
            "originals": before,
            "notes": {key: notes.get(key) for key in change.notes},
            "former": notes.get("former", {}).get(name),
            "until": None,
        }

    def _act(self, change: Change, entry: dict[str, Any]) -> None:
        self._perform(change.acts.first, entry)
        for file in change.files:
            doing.write(self.machine, file)
        self._perform(change.acts.then, entry)

    def _perform(self, acts: Iterable[Act], entry: dict[str, Any]) -> None:
        """Do acts, each once what undoes it is on disk. See Note [Whole or not at all]."""
        for act in acts:
            undo = doing.undoing(self.machine, act)
            if undo:
                entry["acts"].append(list(undo))
                self.memory.save(self.machine)
            try:
                doing.perform(self.machine, act)
            except Refusing:
                if undo:
                    entry["acts"].pop()
                raise

    def _take_back(self, name: str, entry: Mapping[str, Any]) -> list[str]:
        faults = doing.take_back(self.machine, entry["files"], entry["acts"])
        self._recall(name, entry)
        try:
            self.memory.save(self.machine)
        except OSError as error:  # on disk it is still to be taken back, which is so already
            faults.append(f"{error.filename}: {error.strerror}")
        for fault in faults:
            doing.LOG.error("could not take back %s: %s", name, fault)
        return faults

    def _recall(self, name: str, entry: Mapping[str, Any]) -> None:
        """Remember what was remembered before a change; others may have changed theirs since."""
        memory = self.memory
        _set(memory.configs, {name: entry["config"]})
        _set(memory.originals, entry["originals"])
        _set(memory.notes, entry.get("notes", {}))
        former = {**memory.notes.get("former", {})}
        _set(former, {name: entry.get("former")})
        _set(memory.notes, {"former": former or None})
        memory.journal.pop(name, None)


def _set(known: dict[str, Any], entries: Mapping[str, Any]) -> None:
    """Have entries be so; None: not be there."""
    for key, value in entries.items():
        if value is None:
            known.pop(key, None)
        else:
            known[key] = value


def _told(name: str, error: Exception, faults: list[str]) -> Exception:
    what = getattr(error, "text", str(error))
    rest = f"; what could not be taken back: {'; '.join(faults)}" if faults else ""
    if isinstance(error, Unsupported):
        return Unsupported(what + rest)
    return Undone(f"{name} is as it was before: {what}{rest}")
