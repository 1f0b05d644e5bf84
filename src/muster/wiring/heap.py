"""How the C library hands memory to the threads of this process."""

import ctypes
import sys

_M_ARENA_MAX = -8  # of glibc's malloc.h


# Note [One heap]
# glibc gives threads heaps of their own, so that they need not wait for each other. Ours hold
# Python's lock while they ask for memory and never wait, but what the thread of the writer and
# those of the readers have given back lies idle in their heaps while the others ask for more.
# With one heap for all, a server that has made and deleted ten thousand nodes is some 30 MiB
# smaller.
def share_one_heap() -> None:
    """Have all threads of this process take memory from one heap. See Note [One heap].

    To be called before there are threads; other C libraries than glibc have one heap anyway.
    """
    if sys.platform == "linux":
        adjust = getattr(ctypes.CDLL(None), "mallopt", None)
        if adjust is not None:
            adjust(_M_ARENA_MAX, 1)
