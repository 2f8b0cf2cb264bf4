"""The memory of this process."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

LARGE = 2**26
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

large = libc.malloc(2**26)
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
    assert described("shared").count("<heap nr=") == 1
    assert described("own").count("<heap nr=") > 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc_info is of glibc")
def test_large_arrays_are_on_the_heap_too() -> None:
    """64 MiB; else glibc maps them, and gives them back as soon as they are freed."""
    assert mapped_bytes("shared") < LARGE
    assert mapped_bytes("own") >= LARGE


def mapped_bytes(heaps: str) -> int:
    """Return the bytes that the process got from the kernel outside its heaps."""
    return int(re.findall(r'type="mmap" count="\d+" size="(\d+)"', described(heaps))[-1])


def described(heaps: str) -> str:
    """Return what glibc says of its heaps in a process with four threads and an array of 64 MiB."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, heaps], capture_output=True, text=True, check=True
    ).stdout
