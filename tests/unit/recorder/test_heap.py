"""All threads allocate from one heap, where the C library is glibc."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from recorder_node.encoding.heap import use_one_heap

if 'one' in sys.argv:
    use_one_heap()
libc = ctypes.CDLL(None)
together = threading.Barrier(4)

def allocate():
    together.wait()
    libc.malloc(5000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='only glibc has several heaps')
def test_threads_share_one_heap() -> None:
    def heaps(word: str) -> int:
        words = [sys.executable, '-c', PROGRAM, word]
        return subprocess.run(words, capture_output=True, text=True, check=True).stderr.count(
            '\nsystem bytes'
        )

    assert heaps('many') > 2  # the total counts as well
    assert heaps('one') == 2
