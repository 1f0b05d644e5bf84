"""Works on the store whose effect a power cut may undo."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from muster.ports.store import Transaction

T = TypeVar("T")


# Note [Fleeting]
# Who holds a cluster, and until when, matters only while the holder lives. A store whose
# engines live on the same machine need not wait for the disk with it: a power cut that
# undoes such a work has ended whoever did it. The death of a process undoes nothing. What
# is written after it, and is to last, takes it along to the disk.
@dataclass(frozen=True, slots=True)
class Fleeting(Generic[T]):
    """A work for `Store.write`, done before it is on disk. See Note [Fleeting]."""

    work: Callable[[Transaction], T]

    def __call__(self, tx: Transaction) -> T:
        return self.work(tx)
