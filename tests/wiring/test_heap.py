"""The heaps of a server: one, however many threads ask for memory."""

import subprocess
import sys

HEAPS = """
import ctypes, sys, threading
if sys.argv[1] == "shared":
    from muster.wiring.heap import share_one_heap
    share_one_heap()
there = threading.Barrier(4)
def ask():
    kept = bytearray(100_000)
    there.wait(30)
threads = [threading.Thread(target=ask) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def heaps(how: str) -> int:
    told = subprocess.run(
        [sys.executable, "-c", HEAPS, how], capture_output=True, check=True, timeout=60, text=True
    )
    return told.stdout.count("<heap nr=")


def test_threads_take_memory_from_one_heap() -> None:
    assert heaps("each its own") > 1
    assert heaps("shared") == 1
