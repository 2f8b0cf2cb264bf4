"""The memory of this process."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, sys, threading
from gapbench.heap import share_one_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
libc.fdopen.argtypes, libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_char_p], [ctypes.c_int, ctypes.c_void_p]
if "shared" in sys.argv:
    share_one_heap()
waiting = threading.Barrier(4)

def take():
    libc.malloc(10_000)
    waiting.wait()

threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
out = libc.fdopen(1, b"w")
libc.malloc_info(0, out)
libc.fflush(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc_info is of glibc")
def test_threads_share_one_heap() -> None:
    """Else each thread returns what it frees, and the kernel fills it with zeros again at the next use."""
    heaps = {
        argument: subprocess.run(
            [sys.executable, "-c", _PROGRAM, argument], capture_output=True, text=True, check=True
        ).stdout.count("<heap nr=")
        for argument in ("shared", "own")
    }

    assert heaps["shared"] == 1
    assert heaps["own"] > 1
